"""The bytes of text that each token stands for; none for control tokens."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from prep.tokenizers.encoding.byte_level import to_bytes
from prep.tokenizers.saving.sentencepiece_json import SPACE

if TYPE_CHECKING:
    from sentencepiece import SentencePieceProcessor
    from tokenizers import Tokenizer

Pieces = tuple[bytes, ...]
"""One entry per id."""


def byte_level_pieces(tokenizer: "Tokenizer") -> Pieces:
    """Return the bytes of a byte-level tokenizer's tokens. Raises ValueError where ids are left out."""
    added = tokenizer.get_added_tokens_decoder()
    vocabulary = tokenizer.get_vocab()
    pieces = {index: to_bytes(token) for token, index in vocabulary.items() if index not in added}
    pieces |= {index: b"" if token.special else token.content.encode() for index, token in added.items()}
    if len(pieces) <= max(pieces):
        raise ValueError(f"{max(pieces) + 1 - len(pieces)} of the ids up to {max(pieces)} have no token")
    return tuple(pieces[index] for index in range(len(pieces)))


def sentencepiece_pieces(model: "SentencePieceProcessor") -> Pieces:
    """Return the bytes of a sentencepiece model's pieces."""

    def piece_bytes(index: int) -> bytes:
        piece: str = model.id_to_piece(index)
        if model.is_control(index) or model.is_unknown(index):
            return b""
        if model.is_byte(index):
            return bytes([int(piece.removeprefix("<0x").removesuffix(">"), 16)])
        return piece.replace(SPACE, " ").encode()

    return tuple(map(piece_bytes, range(model.vocab_size())))


def joined(pieces: Pieces, ids: Iterable[int]) -> str:
    """Return the text of token ids; bytes that are no UTF-8 become U+FFFD."""
    return b"".join(pieces[index] for index in ids).decode("utf-8", "replace")
