"""Finding telephone numbers, as numba kernels over UTF-8 bytes.

- An international number (ITU-T E.164) is `+`, an assigned calling code, and 8 to 15 digits with it, in groups with a
  blank, `-`, `.`, `/` or brackets between them, at most two of these at a time; eleven digits after +1 and +7.
- A national number follows a pattern: `X` is a digit, `Z` 1 to 9, `N` 2 to 9, `S` 6 to 9, `x` a digit that may be
  missing, a blank is a space or no-break space, `_` is a blank, `-`, `.` or `/`; all else is itself.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from prep.corpus.arrow.columns import Bytes, Offsets
from prep.corpus.kernels import leaf
from prep.stages.pii.border_kernels import ends_number, is_digit

_DOT, _OPEN, _CLOSE, _HYPHEN, _SLASH, _BLANK = 0x2E, 0x28, 0x29, 0x2D, 0x2F, 0x20
_FEWEST_DIGITS, _MOST_DIGITS, _FIXED_DIGITS = 8, 15, 11
_CODES = (
    *(1, 7, 20, 27, *range(30, 35), 36, 39, 40, 41, *range(43, 50), *range(51, 59), *range(60, 67), 81, 82, 84, 86),
    *(*range(90, 96), 98, 211, 212, 213, 216, 218, *range(220, 259), *range(260, 270), 290, 291, 297, 298, 299),
    *(*range(350, 360), *range(370, 379), *range(380, 384), 385, 386, 387, 389, 420, 421, 423, *range(500, 510)),
    *(*range(590, 600), 670, *range(672, 684), *range(685, 693), 800, 808, 850, 852, 853, 855, 856, 870, 878),
    *(*range(880, 884), 886, 888, *range(960, 969), *range(970, 978), 979, *range(992, 997), 998),
)
"""Calling codes that are assigned (ITU-T E.164, list of assigned country codes)."""


def _assigned() -> npt.NDArray[np.bool_]:
    """Return which three digits a number can begin with."""
    table = np.zeros(1000, np.bool_)
    for code in _CODES:
        spare = 3 - len(str(code))
        table[code * 10**spare : (code + 1) * 10**spare] = True
    return table


_ASSIGNED = _assigned()


class Patterns(NamedTuple):
    """National formats: pattern k is `data[offsets[k]:offsets[k + 1]]`."""

    data: Bytes
    offsets: Offsets


def compile_patterns(formats: Sequence[str]) -> Patterns:
    """Build the table of some patterns; the first that matches counts."""
    offsets = np.concatenate(([0], np.cumsum([len(pattern) for pattern in formats], dtype=np.int64)))
    return Patterns(np.frombuffer("".join(formats).encode("ascii"), np.uint8), offsets)


@leaf
def find_international(data: Bytes, start: int, end: int) -> int:
    """Return where the international number ends whose first digit stands at a byte; `start` where none does."""
    at = stop = start
    digits = separators = code = 0
    while at < end:
        if is_digit(data[at]):
            digits += 1
            separators = 0
            code = 10 * code + data[at] - 0x30 if digits <= 3 else code
            stop = at + 1
        elif separators == 2 or not _separates(data, at, end) or (digits == _FIXED_DIGITS and _is_fixed(code)):
            break
        else:
            separators += 1
            at += data[at] == 0xC2
        at += 1
    enough = _FEWEST_DIGITS <= digits <= _MOST_DIGITS
    if not enough or not _ASSIGNED[code] or code < 100 or not ends_number(data, stop, end):
        return start
    fixed = _is_fixed(code)
    return start if fixed and digits != _FIXED_DIGITS else stop


@leaf
def _is_fixed(code: int) -> bool:
    """Return whether numbers that begin with these three digits have eleven in all."""
    return code // 100 == 1 or code // 100 == 7


@leaf
def _is_blank(data: Bytes, at: int, end: int) -> bool:
    """Return whether a space, or the first byte of a no-break space, stands at a byte."""
    return data[at] == _BLANK or (data[at] == 0xC2 and at + 1 < end and data[at + 1] == 0xA0)


@leaf
def _separates(data: Bytes, at: int, end: int) -> bool:
    return data[at] in (_HYPHEN, _DOT, _SLASH, _OPEN, _CLOSE) or _is_blank(data, at, end)


@leaf
def find_national(data: Bytes, start: int, end: int, patterns: Patterns) -> int:
    """Return where the number that begins at a byte and follows a pattern ends; `start` where none does."""
    for pattern in range(len(patterns.offsets) - 1):
        stop = _follow(data, start, end, patterns.data, patterns.offsets[pattern], patterns.offsets[pattern + 1])
        if stop > start and ends_number(data, stop, end):
            return stop
    return start


@leaf
def _follow(data: Bytes, start: int, end: int, pattern: Bytes, place: int, last: int) -> int:
    at = start
    while place < last:
        symbol = pattern[place]
        place += 1
        lowest = 0x30 if symbol in (0x58, 0x78) else 0x31 if symbol == 0x5A else 0x32 if symbol == 0x4E else 0x36
        if symbol in (0x58, 0x78, 0x5A, 0x4E, 0x53):  # X, x, Z, N, S
            if at < end and lowest <= data[at] <= 0x39:
                at += 1
            elif symbol != 0x78:
                return start
        elif at >= end:
            return start
        elif symbol == _BLANK or (symbol == 0x5F and data[at] not in (_HYPHEN, _DOT, _SLASH)):
            if not _is_blank(data, at, end):
                return start
            at += 2 if data[at] == 0xC2 else 1
        elif symbol == 0x5F or data[at] == symbol:
            at += 1
        else:
            return start
    return at
