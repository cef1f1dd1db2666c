"""Numbers of list items in digits, letters, Roman and Greek numerals (CSS Counter Styles 3, sections 3 and 6).

What is beyond the range of a style is written in digits.
"""

from typing import Final

import numpy as np

from prep.corpus.arrow.columns import Bytes
from prep.corpus.kernels import inner, leaf

_SPACE, _DASH = 32, 45
DASH, NONE, DIGITS, LETTERS, CAPITALS, ROMAN, ROMAN_CAPITALS, PADDED, GREEK = range(9)
"""What stands before an item: a dash, nothing, or its number, in digits or otherwise."""
_LARGEST_ROMAN: Final = 3999
_ROMAN_VALUES: Final = np.array([1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1])
_ROMAN_SIGNS: Final = np.array(
    [
        [ord(sign) for sign in signs]
        for signs in ("m ", "cm", "d ", "cd", "c ", "xc", "l ", "xl", "x ", "ix", "v ", "iv", "i ")
    ]
)
_ALPHA, _FINAL_SIGMA = 0x3B1, 17
_GREEK_LETTERS: Final = 24


@inner
def write_number(target: Bytes, written: int, value: int, style: int) -> int:
    """Write a number as a style has it; return where it ends."""
    if style in (LETTERS, CAPITALS) and value > 0:
        return _write_letters(target, written, value, 97 if style == LETTERS else 65)
    if style in (ROMAN, ROMAN_CAPITALS) and 0 < value <= _LARGEST_ROMAN:
        raised = 0 if style == ROMAN else 32
        for place in range(len(_ROMAN_VALUES)):
            while value >= _ROMAN_VALUES[place]:
                value -= _ROMAN_VALUES[place]
                for sign in _ROMAN_SIGNS[place]:
                    if sign != _SPACE:
                        target[written] = sign - raised
                        written += 1
        return written
    if style == GREEK and 0 < value <= _GREEK_LETTERS:
        code = _ALPHA + value - 1 + (value > _FINAL_SIGMA)
        target[written], target[written + 1] = 0xC0 | code >> 6, 0x80 | code & 0x3F
        return written + 2
    if value < 0:
        target[written] = _DASH
        written += 1
    elif style == PADDED and value < 10:
        target[written] = 48
        written += 1
    return _write_digits(target, written, abs(value))


@leaf
def _write_letters(target: Bytes, written: int, value: int, first: int) -> int:
    length, rest = 0, value
    while rest > 0:
        rest = (rest - 1) // 26
        length += 1
    for place in range(length - 1, -1, -1):
        target[written + place] = first + (value - 1) % 26
        value = (value - 1) // 26
    return written + length


@leaf
def _write_digits(target: Bytes, written: int, value: int) -> int:
    length = 1
    rest = value // 10
    while rest > 0:
        rest //= 10
        length += 1
    for place in range(length - 1, -1, -1):
        target[written + place] = 48 + value % 10
        value //= 10
    return written + length
