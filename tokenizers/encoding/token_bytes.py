"""The bytes of text that each token stands for; none for control tokens."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from prep.tokenizers.encoding.byte_level import to_bytes
from prep.tokenizers.saving.sentencepiece_model import SPACE

if TYPE_CHECKING:
    from sentencepiece import SentencePieceProcessor
    from tokenizers import Tokenizer

TokenBytes = tuple[bytes, ...]
"""One entry per id."""


def byte_level_token_bytes(tokenizer: "Tokenizer") -> TokenBytes:
    """Return the bytes of a byte-level tokenizer's tokens. Raises ValueError where ids are left out."""
    added = tokenizer.get_added_tokens_decoder()
    vocabulary = tokenizer.get_vocab()
    found = {index: to_bytes(token) for token, index in vocabulary.items() if index not in added}
    found |= {index: b"" if token.special else token.content.encode() for index, token in added.items()}
    if len(found) <= max(found):
        raise ValueError(f"{max(found) + 1 - len(found)} of the ids up to {max(found)} have no token")
    return tuple(found[index] for index in range(len(found)))


def sentencepiece_token_bytes(model: "SentencePieceProcessor") -> TokenBytes:
    """Return the bytes of a sentencepiece model's pieces."""

    def piece_bytes(index: int) -> bytes:
        piece: str = model.id_to_piece(index)
        if model.is_control(index) or model.is_unknown(index):
            return b""
        if model.is_byte(index):
            return bytes([int(piece.removeprefix("<0x").removesuffix(">"), 16)])
        return piece.replace(SPACE, " ").encode()

    return tuple(map(piece_bytes, range(model.vocab_size())))


def joined(token_bytes: TokenBytes, ids: Iterable[int]) -> str:
    """Return the text of token ids; bytes that are no UTF-8 become U+FFFD."""
    return b"".join(token_bytes[index] for index in ids).decode("utf-8", "replace")
