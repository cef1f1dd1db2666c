"""A sentencepiece BPE model written as a tokenizer.json with the same ids.

sentencepiece merges the pair whose concatenation is the piece of the highest score, the leftmost of equals. A
tokenizer.json lists the pairs themselves, and the first in the list goes first. So every cut of a piece into two
pieces is a pair, listed by the piece's score. The order of one piece's cuts is free: they would compete for a token
that could go either way, such as the "a" in "ab" + "a" + "ba" for "aba", but the better of "ab" and "ba" has taken it
before.

A unigram model cannot be written so that its ids stay the same: `tokenizers` adds up scores in other precision, and
takes a text such as `<s>` or `<0x41>` for the token of that name.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sentencepiece import SentencePieceProcessor
    from sentencepiece.sentencepiece_model_pb2 import ModelProto  # type: ignore[attr-defined]
    from tokenizers import Tokenizer

SPACE = "\u2581"
"""Stands for the space in pieces."""


_BPE = 2
_USER_DEFINED = 4


def can_be_converted(model: bytes) -> bool:
    """Say whether a model can be written so that its ids stay the same: BPE with byte fallback on unchanged text."""
    proto = _parsed(model)
    trainer, normalizer = proto.trainer_spec, proto.normalizer_spec
    changes = normalizer.precompiled_charsmap or normalizer.add_dummy_prefix or normalizer.remove_extra_whitespaces
    whole = normalizer.escape_whitespaces and not trainer.treat_whitespace_as_suffix
    return trainer.model_type == _BPE and trainer.byte_fallback and whole and not changes


def user_symbols(model: bytes) -> tuple[str, ...]:
    """Return the pieces that are taken whole wherever they stand in a text."""
    return tuple(piece.piece for piece in _parsed(model).pieces if piece.type == _USER_DEFINED)


def _parsed(model: bytes) -> "ModelProto":
    from sentencepiece.sentencepiece_model_pb2 import ModelProto  # type: ignore[attr-defined]

    return ModelProto.FromString(model)


def as_tokenizer(model: "SentencePieceProcessor", symbols: Sequence[str] = ()) -> "Tokenizer":
    """Return the tokenizer of a BPE model with byte fallback and these user symbols."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers

    ids = {model.id_to_piece(index): index for index in range(model.vocab_size())}
    control = [piece for piece, index in ids.items() if model.is_control(index) or model.is_unknown(index)]
    unknown = model.id_to_piece(model.unk_id())
    tokenizer = Tokenizer(
        models.BPE(ids, merges_of(model), unk_token=unknown, fuse_unk=True, byte_fallback=True),
    )
    tokenizer.normalizer = normalizers.Replace(" ", SPACE)
    tokenizer.decoder = decoders.Sequence([decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in control])
    tokenizer.add_tokens([AddedToken(symbol, special=False, normalized=True) for symbol in symbols])
    return tokenizer


def merges_of(model: "SentencePieceProcessor") -> list[tuple[str, str]]:
    """Return the pairs that the model merges, in their order."""
    scores = {
        model.id_to_piece(index): model.get_score(index)
        for index in range(model.vocab_size())
        if not (model.is_control(index) or model.is_unknown(index) or model.is_byte(index))
    }
    cuts = [
        (-score, piece, at)
        for piece, score in scores.items()
        for at in range(1, len(piece))
        if piece[:at] in scores and piece[at:] in scores
    ]
    return [(piece[:at], piece[at:]) for _, piece, at in sorted(cuts)]
