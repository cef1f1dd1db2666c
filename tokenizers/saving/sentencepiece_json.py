"""A sentencepiece model with byte fallback written as a tokenizer.json with the same ids.

BPE: sentencepiece merges the pair whose concatenation is the piece of the highest score, the leftmost of equals. A
tokenizer.json lists the pairs themselves, and the first in the list goes first. So every cut of a piece into two
pieces is a pair, listed by the piece's score. The order of one piece's cuts is free: they would compete for a token
that could go either way, such as the "a" in "ab" + "a" + "ba" for "aba", but the better of "ab" and "ba" has taken it
before.

Unigram: both libraries look for the path of the highest sum of scores, from left to right, with equal results where
the sums are exact (`prep.tokenizers.saving.sentencepiece_model`). `tokenizers` would also find control and byte pieces
by their names in a text, such as `<s>` or `<0x41>`; their scores are therefore lower than any path over single
characters, all of which the vocabulary holds.
"""

from typing import TYPE_CHECKING

from prep.tokenizers.saving.sentencepiece_model import (
    BPE,
    BYTE,
    CONTROL,
    NORMAL,
    SPACE,
    UNIGRAM,
    UNKNOWN,
    USER_DEFINED,
    has_exact_scores,
    parse_model,
)

if TYPE_CHECKING:
    from sentencepiece.sentencepiece_model_pb2 import ModelProto  # type: ignore[attr-defined]
    from tokenizers import Tokenizer
    from tokenizers.models import Model

NEVER = -10_000.0
"""The score of a unigram piece that no text is written with."""


def can_be_converted(model: bytes) -> bool:
    """Say whether a model can be written so that its ids stay the same: byte fallback on unchanged text."""
    proto = parse_model(model)
    trainer, normalizer = proto.trainer_spec, proto.normalizer_spec
    changes = normalizer.precompiled_charsmap or normalizer.add_dummy_prefix or normalizer.remove_extra_whitespaces
    whole = normalizer.escape_whitespaces and not trainer.treat_whitespace_as_suffix
    if not (trainer.byte_fallback and whole and not changes):
        return False
    return trainer.model_type == BPE or (trainer.model_type == UNIGRAM and _is_exact(proto))


def _is_exact(proto: "ModelProto") -> bool:
    pieces = {piece.piece for piece in proto.pieces if piece.type == NORMAL}
    names = "".join(piece.piece for piece in proto.pieces if piece.type in (UNKNOWN, CONTROL, BYTE))
    symbols = any(piece.type == USER_DEFINED for piece in proto.pieces)
    return has_exact_scores(proto) and not symbols and pieces.issuperset(names.replace(" ", SPACE))


def as_tokenizer(model: bytes) -> "Tokenizer":
    """Return the tokenizer of a model that can be converted."""
    from tokenizers import AddedToken, Tokenizer, decoders, normalizers

    proto = parse_model(model)
    control = [piece.piece for piece in proto.pieces if piece.type in (UNKNOWN, CONTROL)]
    symbols = [piece.piece for piece in proto.pieces if piece.type == USER_DEFINED]
    tokenizer = Tokenizer(_bpe(proto) if proto.trainer_spec.model_type == BPE else _unigram(proto))
    tokenizer.normalizer = normalizers.Replace(" ", SPACE)
    tokenizer.decoder = decoders.Sequence([decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in control])
    tokenizer.add_tokens([AddedToken(symbol, special=False, normalized=True) for symbol in symbols])
    return tokenizer


def _bpe(proto: "ModelProto") -> "Model":
    from tokenizers import models

    ids = {piece.piece: index for index, piece in enumerate(proto.pieces)}
    unknown = next(piece.piece for piece in proto.pieces if piece.type == UNKNOWN)
    return models.BPE(ids, merges_of(proto), unk_token=unknown, fuse_unk=True, byte_fallback=True)


def _unigram(proto: "ModelProto") -> "Model":
    from tokenizers import models

    scores = [(piece.piece, piece.score if piece.type == NORMAL else NEVER) for piece in proto.pieces]
    unknown = next(index for index, piece in enumerate(proto.pieces) if piece.type == UNKNOWN)
    return models.Unigram(scores, unk_id=unknown, byte_fallback=True)


def merges_of(proto: "ModelProto") -> list[tuple[str, str]]:
    """Return the pairs that a BPE model merges, in their order."""
    scores = {piece.piece: piece.score for piece in proto.pieces if piece.type not in (UNKNOWN, CONTROL, BYTE)}
    cuts = [
        (-score, piece, at)
        for piece, score in scores.items()
        for at in range(1, len(piece))
        if piece[:at] in scores and piece[at:] in scores
    ]
    return [(piece[:at], piece[at:]) for _, piece, at in sorted(cuts)]
