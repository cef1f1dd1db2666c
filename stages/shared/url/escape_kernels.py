r"""Escapes in URLs in one form, as numba kernels over UTF-8 bytes (RFC 3986, section 2).

An escaped letter, digit, `-`, `.`, `_` or `~` is that character; other escapes have upper-case digits; a byte that may
not stand in a URL (below `!`, above `~`, and `"<>\^`{|}`) is escaped, and so is a `%` that begins no escape.
"""

import numpy as np

from prep.corpus.arrow.columns import Bytes
from prep.corpus.kernels import leaf

_PERCENT = 0x25
_DIGITS = np.frombuffer(b"0123456789ABCDEF", np.uint8)

UNRESERVED, ALLOWED = 1, 2
"""Flags of bytes: those whose escapes are undone, and those that stand as they are."""


def _byte_flags() -> Bytes:
    flags = np.zeros(256, np.uint8)
    for byte in range(0x21, 0x7F):
        character = chr(byte)
        flags[byte] = UNRESERVED if character.isalnum() or character in "-._~" else 0
        flags[byte] |= 0 if character in '"<>\\^`{|}%' else ALLOWED
    return flags


_FLAGS = _byte_flags()


@leaf
def write_escaped(data: Bytes, reading: int, end: int, out: Bytes, to: int) -> int:
    """Write `data[reading:end]` to `out` from `to` on, and return where it ends there: at most three times as long."""
    while reading < end:
        reading, to = write_character(data, reading, end, out, to)
    return to


@leaf
def write_character(data: Bytes, reading: int, end: int, out: Bytes, to: int) -> tuple[int, int]:
    """Write the byte or the escape that stands first, and return where reading and writing go on."""
    byte = int(data[reading])
    if _FLAGS[byte] & ALLOWED:
        out[to] = byte
        return reading + 1, to + 1
    reading += 1
    if byte == _PERCENT and reading + 1 < end:
        high, low = hex_value(data[reading]), hex_value(data[reading + 1])
        if high >= 0 and low >= 0:
            byte = 16 * high + low
            reading += 2
    if _FLAGS[byte] & UNRESERVED:
        out[to] = byte
        return reading, to + 1
    out[to] = _PERCENT
    out[to + 1] = _DIGITS[byte >> 4]
    out[to + 2] = _DIGITS[byte & 15]
    return reading, to + 3


@leaf
def hex_value(byte: int) -> int:
    """Return the value of a hexadecimal digit, −1 for any other byte."""
    if 0x30 <= byte <= 0x39:
        return byte - 0x30
    letter = byte | 0x20
    return letter - 0x61 + 10 if 0x61 <= letter <= 0x66 else -1
