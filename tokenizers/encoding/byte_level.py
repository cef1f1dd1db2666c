"""The conventions of byte-level BPE: how text is cut before merging, and how bytes are written as characters.

A pattern cuts the text into pretokens that no merge crosses. Each pattern belongs to a published tokenizer and must
stay as that tokenizer has it: libraries recognise it by its exact characters.

Files write a token's bytes as printable characters (GPT-2, Radford et al. 2019): a byte that is a printable character
of Latin-1 stands for itself, the k-th of the others is the character U+0100 + k.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from tokenizers.pre_tokenizers import PreTokenizer

PreTokenizerName = Literal["gpt2", "llama3", "qwen2", "o200k"]

SEPARATOR = "<|endoftext|>"
"""Ends each document; id 0."""
PADDING = "<|padding|>"
"""Fills rows; id 1."""
CONTROL = (SEPARATOR, PADDING)

_CONTRACTION = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_LINES_AND_SPACES = (r"\s*[\r\n]+", r"\s+(?!\S)", r"\s+")
_UPPER = r"\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}"
_LOWER = r"\p{Ll}\p{Lm}\p{Lo}\p{M}"


def _by_letters(digits: str) -> str:
    """Return the pattern of Llama 3 and Qwen 2, which differ in how many digits stay together."""
    words = r"[^\r\n\p{L}\p{N}]?\p{L}+"
    return "|".join((_CONTRACTION, words, digits, r" ?[^\s\p{L}\p{N}]+[\r\n]*", *_LINES_AND_SPACES))


def _by_case() -> str:
    """Return the pattern of o200k, which also cuts before an upper-case letter that follows a lower-case one."""
    words = (
        rf"[^\r\n\p{{L}}\p{{N}}]?[{_UPPER}]*[{_LOWER}]+{_CONTRACTION}?",
        rf"[^\r\n\p{{L}}\p{{N}}]?[{_UPPER}]+[{_LOWER}]*{_CONTRACTION}?",
    )
    return "|".join((*words, r"\p{N}{1,3}", r" ?[^\s\p{L}\p{N}]+[\r\n/]*", *_LINES_AND_SPACES))


PATTERNS: Mapping[PreTokenizerName, str] = {
    "gpt2": r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    "llama3": _by_letters(r"\p{N}{1,3}"),
    "qwen2": _by_letters(r"\p{N}"),
    "o200k": _by_case(),
}
"""cl100k has the pattern of Llama 3."""


def with_single_digits(pattern: str) -> str:
    """Return one of the patterns changed so that it keeps every digit apart."""
    return pattern.replace(r" ?\p{N}+", r"\p{N}").replace(r"\p{N}{1,3}", r"\p{N}")


def pre_tokenizer(pattern: str) -> "PreTokenizer":
    """Return what cuts text by a pattern and writes the bytes of the pretokens as characters."""
    from tokenizers import Regex
    from tokenizers.pre_tokenizers import ByteLevel, Sequence, Split

    if pattern == PATTERNS["gpt2"]:
        return ByteLevel(add_prefix_space=False)  # has it built in
    cut = Split(Regex(pattern), behavior="isolated")
    return Sequence([cut, ByteLevel(add_prefix_space=False, use_regex=False)])


def pattern_of(pre_tokenizer: Mapping[str, object] | None) -> str:
    """Return the pattern that a tokenizer.json cuts text by; empty where no single pattern says how it cuts."""
    match pre_tokenizer:
        case {"type": "ByteLevel", "use_regex": True, "add_prefix_space": False}:
            return PATTERNS["gpt2"]
        case {
            "type": "Sequence",
            "pretokenizers": [
                {"type": "Split", "pattern": {"Regex": str(pattern)}, "behavior": "Isolated", "invert": False},
                {"type": "ByteLevel", "use_regex": False, "add_prefix_space": False},
            ],
        }:
            return pattern
        case _:
            return ""


def _characters() -> str:
    own = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in own]
    return "".join(chr(byte) if byte in own else chr(256 + others.index(byte)) for byte in range(256))


CHARACTERS = _characters()
"""The character that stands for each byte."""
ALPHABET = "".join(sorted(CHARACTERS))
"""The same characters in the order of their ids."""

_BYTES = {character: byte for byte, character in enumerate(CHARACTERS)}


def to_characters(token: bytes) -> str:
    """Return a token as files write it."""
    return "".join(CHARACTERS[byte] for byte in token)


def to_bytes(token: str) -> bytes:
    """Return the bytes of a token as files write it. Raises KeyError for a character that stands for no byte."""
    return bytes(_BYTES[character] for character in token)
