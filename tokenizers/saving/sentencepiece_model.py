"""Reading and changing sentencepiece's model file, a protocol buffer.

A unigram model adds up the scores of pieces: sentencepiece in 32 bits, `tokenizers` in 64. Scores that are multiples of
1/8 add up without rounding in both (up to two million, the score of about a megabyte of text), so both find the same
best path, ties included. `with_exact_scores` rounds the scores of a trained model so; the loss is below a sixteenth of
a nat for each token.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from prep.corpus.errors import RunError

if TYPE_CHECKING:
    from sentencepiece.sentencepiece_model_pb2 import ModelProto  # type: ignore[attr-defined]

SPACE = "\u2581"
"""Stands for the space in pieces."""
NORMAL, UNKNOWN, CONTROL, USER_DEFINED, _UNUSED, BYTE = range(1, 7)
"""Types of pieces."""
UNIGRAM, BPE = 1, 2
"""Types of models."""
SCORE_STEP = 0.125


def parse_model(model: bytes) -> "ModelProto":
    """Return the content of a model file."""
    from sentencepiece.sentencepiece_model_pb2 import ModelProto  # type: ignore[attr-defined]

    return ModelProto.FromString(model)


def user_symbols(model: bytes) -> tuple[str, ...]:
    """Return the pieces that are taken whole wherever they stand in a text."""
    return tuple(piece.piece for piece in parse_model(model).pieces if piece.type == USER_DEFINED)


def with_exact_scores(model: bytes) -> bytes:
    """Return a unigram model whose scores add up without rounding.

    User symbols become ordinary pieces of the best scores, longer ones better, since the library's own scores for them
    are no multiples.
    """
    proto = parse_model(model)
    for piece in proto.pieces:
        if piece.type == USER_DEFINED:
            piece.type = NORMAL
            piece.score = len(piece.piece.encode()) * SCORE_STEP
        elif piece.type == NORMAL:
            piece.score = round(piece.score / SCORE_STEP) * SCORE_STEP
    content: bytes = proto.SerializeToString()
    return content


def has_exact_scores(proto: "ModelProto") -> bool:
    """Say whether a unigram model's scores add up without rounding."""
    return all((piece.score / SCORE_STEP).is_integer() for piece in proto.pieces if piece.type == NORMAL)


def with_control(model: bytes, added: Mapping[int, str], file: str) -> bytes:
    """Return a model with the control tokens that its configuration adds, by their ids, beyond its own pieces.

    Raises RunError where their ids leave out one.
    """
    proto = parse_model(model)
    for index, token in sorted(added.items()):
        if index < len(proto.pieces):
            continue
        if index > len(proto.pieces):
            raise RunError(
                f"{file}: the configuration adds {token!r} with the id {index}; expected {len(proto.pieces)}"
            )
        proto.pieces.add(piece=token, score=0.0, type=CONTROL)
    content: bytes = proto.SerializeToString()
    return content if len(proto.pieces) > len(parse_model(model).pieces) else model
