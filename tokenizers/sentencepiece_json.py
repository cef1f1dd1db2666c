"""A sentencepiece BPE model written as a tokenizer.json with the same ids.

sentencepiece merges the pair whose concatenation is the piece of the highest score, the leftmost of equals. A
tokenizer.json lists the pairs themselves, and the first in the list goes first. So every cut of a piece into two
pieces is a pair, listed by the piece's score. The order of one piece's cuts is free: they would compete for a token
that could go either way, such as the "a" in "ab" + "a" + "ba" for "aba", but the better of "ab" and "ba" has taken it
before.

A unigram model cannot be written so that its ids stay the same: `tokenizers` adds up scores in other precision, and
takes a text such as `<s>` or `<0x41>` for the token of that name.
"""

from typing import TYPE_CHECKING

from prep.tokenizers.train_sentencepiece import CONTROL, UNKNOWN

if TYPE_CHECKING:
    from sentencepiece import SentencePieceProcessor
    from tokenizers import Tokenizer

SPACE = "\u2581"
"""Stands for the space in pieces."""


def as_tokenizer(model: "SentencePieceProcessor") -> "Tokenizer":
    """Return the tokenizer of a BPE model with byte fallback."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers

    ids = {model.id_to_piece(index): index for index in range(model.vocab_size())}
    tokenizer = Tokenizer(
        models.BPE(ids, merges_of(model), unk_token=UNKNOWN, fuse_unk=True, byte_fallback=True),
    )
    tokenizer.normalizer = normalizers.Replace(" ", SPACE)
    tokenizer.decoder = decoders.Sequence([decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in CONTROL])
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
