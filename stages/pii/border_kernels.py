"""Where numbers in texts begin and end, as numba kernels over UTF-8 bytes.

A number can begin where no ASCII letter, digit or `_` stands before it, and no digit with a mark (`1.`, `2,`, `3-`,
`4/`); it can end where what follows is neither of a word nor goes on with a mark and a digit.
"""

from prep.corpus.arrow.columns import Bytes
from prep.corpus.kernels import leaf

_DOT, _HYPHEN, _COMMA, _SLASH = 0x2E, 0x2D, 0x2C, 0x2F


@leaf
def begins_number(data: Bytes, at: int, floor: int) -> bool:
    """Return whether a number can begin at a byte: it does not go on from what stands before it."""
    if at == floor:
        return True
    before = data[at - 1]
    if is_word(before):
        return False
    joins = before in (_DOT, _COMMA, _HYPHEN, _SLASH)
    return not (joins and at - 1 > floor and is_digit(data[at - 2]))


@leaf
def ends_number(data: Bytes, at: int, end: int) -> bool:
    """Return whether a number can end before a byte."""
    if at == end:
        return True
    if is_word(data[at]):
        return False
    return not (data[at] in (_DOT, _COMMA, _HYPHEN, _SLASH) and at + 1 < end and is_digit(data[at + 1]))


@leaf
def is_digit(byte: int) -> bool:
    """Return whether a byte is an ASCII digit."""
    return 0x30 <= byte <= 0x39


@leaf
def is_word(byte: int) -> bool:
    """Return whether a byte is an ASCII letter, a digit or `_`."""
    return is_digit(byte) or 0x61 <= byte | 0x20 <= 0x7A or byte == 0x5F
