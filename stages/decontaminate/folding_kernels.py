"""Splitting text into normalised words with their hashes, as a numba kernel. See `folding.py` for what is normalised.

A word is letters, or digits, or letters and digits that are raised. Markup is no text: a tag (`<`, then a letter, `/`
or `!`, up to `>` without another `<`, at most 1,024 bytes) and a character reference (`&`, letters, digits or `#`, at
most 32 bytes, `;`) separate words. Cost: one pass, about 3 ns per byte of ASCII text.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from prep.corpus.arrow.columns import Bytes
from prep.corpus.kernels import kernel, leaf
from prep.corpus.text.hashing import mix
from prep.corpus.text.utf8 import decode

Hashes = npt.NDArray[np.uint64]
Positions = npt.NDArray[np.int64]
Ints = npt.NDArray[np.int32]

ALONE = 1 << 21
"""Added to a code point that is a word by itself."""
RAISED = 1 << 22
"""Added to a code point that was written higher or lower, or as part of a fraction."""
SEPARATOR, SPACE, IGNORED, EXPANDED = -1, -2, -3, -4
"""Values below zero: ends a word; white space, which does too; is left out; EXPANDED − i: the i-th expansion."""

_CODE = ALONE - 1
_NO_WORD, _LETTERS, _DIGITS, _RAISED_KIND, _ALONE_KIND = range(5)
_COMMA, _WIDE_COMMA, _APOSTROPHE, _UNDERSCORE, _QUOTE = 0x2C, 0xFF0C, 0x27, 0x5F, 0x2019
_THIN_SPACE, _NARROW_SPACE = 0x2009, 0x202F
_TAG_BYTES, _REFERENCE_BYTES = 1024, 32
_LESS_THAN, _GREATER_THAN, _AMPERSAND, _SEMICOLON = 0x3C, 0x3E, 0x26, 0x3B
_SEED = np.uint64(0x2545F4914F6CDD1D)
_STEP = np.uint64(0x9E3779B97F4A7C15)
_HALF = np.uint64(32)


class Folding(NamedTuple):
    """What each code point becomes."""

    table: Ints
    """A code point, or one of the values below zero (0x110000)."""
    starts: Ints
    """Where each expansion begins in `codes`, and where the last one ends."""
    codes: Ints
    """Expansions: code points and SEPARATOR."""


@kernel
def fold_words(
    data: Bytes, start: int, end: int, folding: Folding, hashes: Hashes, starts: Positions, ends: Positions
) -> int:
    """Find the normalised words of the UTF-8 text `data[start:end]` and return how many there are.

    Word k stands at `data[starts[k]:ends[k]]` and has the hash `hashes[k]`. The output arrays need two entries per
    byte: some code points become several words.
    """
    count, digits = 0, 0
    state = _SEED
    kind = _NO_WORD
    at = start
    while at < end:
        begin = at
        code, at = decode(data, at, end)
        folded = folding.table[code]
        if folded >= 0:
            now = _kind(folded)
            if now != kind or now == _ALONE_KIND:
                count = _close(kind, state, hashes, count)
                starts[count] = begin
                state, kind, digits = _SEED, now, 0
            state = _absorb(state, folded & _CODE)
            digits += 1
            ends[count] = at
        elif folded > IGNORED:
            if kind == _DIGITS and digits <= 3 and _groups(code) and _is_group(data, at, end, folding):
                digits = 0
                continue
            count = _close(kind, state, hashes, count)
            kind = _NO_WORD
            if code == _LESS_THAN:
                at = _after_tag(data, at, end)
            elif code == _AMPERSAND:
                at = _after_reference(data, at, end)
        elif folded < IGNORED:
            expansion = EXPANDED - folded
            for index in range(folding.starts[expansion], folding.starts[expansion + 1]):
                part = folding.codes[index]
                now = _kind(part) if part >= 0 else _NO_WORD
                if now != kind or now == _ALONE_KIND:
                    count = _close(kind, state, hashes, count)
                    kind = now
                    if now != _NO_WORD:
                        starts[count] = begin
                        state, digits = _SEED, 0
                if now != _NO_WORD:
                    state = _absorb(state, part & _CODE)
                    digits += 1
                    ends[count] = at
    return _close(kind, state, hashes, count)


@leaf
def _kind(folded: int) -> int:
    """Return which kind of word a letter or digit belongs to."""
    if folded >= RAISED:
        return _RAISED_KIND
    if folded >= ALONE:
        return _ALONE_KIND
    return _DIGITS if 0x30 <= folded <= 0x39 else _LETTERS


@leaf
def _groups(code: int) -> bool:
    """Return whether a mark may stand between groups of digits."""
    return code in (_COMMA, _WIDE_COMMA, _APOSTROPHE, _UNDERSCORE, _QUOTE, _THIN_SPACE, _NARROW_SPACE)


@leaf
def _is_group(data: Bytes, at: int, end: int, folding: Folding) -> bool:
    """Return whether three digits and no more begin at `at`."""
    for digit in range(4):
        if at >= end:
            return digit == 3
        code, at = decode(data, at, end)
        if (0x30 <= folding.table[code] <= 0x39) == (digit == 3):
            return False
    return True


@leaf
def _close(kind: int, state: np.uint64, hashes: Hashes, count: int) -> int:
    """Give the word that is open, if one is, its hash; return how many words there are."""
    if kind != _NO_WORD:
        hashes[count] = mix(state, _SEED)
        count += 1
    return count


@leaf
def _absorb(state: np.uint64, code: int) -> np.uint64:
    state = (state ^ np.uint64(code)) * _STEP
    return state ^ (state >> _HALF)


@leaf
def _is_ascii_letter(byte: int) -> bool:
    return 0x61 <= (byte | 0x20) <= 0x7A


@leaf
def _after_tag(data: Bytes, at: int, end: int) -> int:
    """Return where the tag ends whose `<` stands before `at`; `at` where there is none.

    No tag's name goes on with a character beyond ASCII: all normal forms of a text have the same tags.
    """
    if at >= end or not (_is_ascii_letter(data[at]) or data[at] == 0x2F or data[at] == 0x21):
        return at
    last = min(end, at + _TAG_BYTES)
    found = at + 1
    while found < last and _is_ascii_letter(data[found]):
        found += 1
    if found < last and data[found] >= 0x80:
        return at
    while found < last and data[found] != _GREATER_THAN and data[found] != _LESS_THAN:
        found += 1
    return found + 1 if found < last and data[found] == _GREATER_THAN else at


@leaf
def _after_reference(data: Bytes, at: int, end: int) -> int:
    """Return where the character reference ends whose `&` stands before `at`; `at` where there is none."""
    last = min(end, at + _REFERENCE_BYTES)
    found = at
    while found < last and (_is_ascii_letter(data[found]) or 0x30 <= data[found] <= 0x39 or data[found] == 0x23):
        found += 1
    return found + 1 if at < found < last and data[found] == _SEMICOLON else at
