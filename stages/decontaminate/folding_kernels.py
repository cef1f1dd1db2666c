"""Splitting text into normalised words with their hashes, as a numba kernel. See `folding.py` for what is normalised.

Markup is no text: a tag (`<`, then a letter, `/` or `!`, up to `>` without another `<`, at most 1,024 bytes) and a
character reference (`&`, letters, digits or `#`, at most 32 bytes, `;`) separate words. Cost: one pass, about 3 ns per
byte of ASCII text.
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
SEPARATOR, SPACE, IGNORED, EXPANDED = -1, -2, -3, -4
"""Values below zero: ends a word; white space, which does too; is left out; EXPANDED − i: the i-th expansion."""

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
    count = 0
    state = _SEED
    inside = False
    at = start
    while at < end:
        begin = at
        code, at = decode(data, at, end)
        folded = folding.table[code]
        if 0 <= folded < ALONE:
            if not inside:
                starts[count] = begin
                state = _SEED
                inside = True
            state = _absorb(state, folded)
            ends[count] = at
        elif folded >= ALONE:
            count = _close(inside, state, hashes, count)
            count = _alone(folded, begin, at, hashes, starts, ends, count)
            inside = False
        elif folded > IGNORED:
            count = _close(inside, state, hashes, count)
            inside = False
            if code == _LESS_THAN:
                at = _after_tag(data, at, end)
            elif code == _AMPERSAND:
                at = _after_reference(data, at, end)
        elif folded < IGNORED:
            expansion = EXPANDED - folded
            for index in range(folding.starts[expansion], folding.starts[expansion + 1]):
                part = folding.codes[index]
                if 0 <= part < ALONE:
                    if not inside:
                        starts[count] = begin
                        state = _SEED
                        inside = True
                    state = _absorb(state, part)
                    ends[count] = at
                else:
                    count = _close(inside, state, hashes, count)
                    inside = False
                    if part >= ALONE:
                        count = _alone(part, begin, at, hashes, starts, ends, count)
    return _close(inside, state, hashes, count)


@leaf
def _close(inside: bool, state: np.uint64, hashes: Hashes, count: int) -> int:
    """Give the word that is open, if one is, its hash; return how many words there are."""
    if inside:
        hashes[count] = mix(state, _SEED)
        count += 1
    return count


@leaf
def _absorb(state: np.uint64, code: int) -> np.uint64:
    state = (state ^ np.uint64(code)) * _STEP
    return state ^ (state >> _HALF)


@leaf
def _alone(code: int, begin: int, end: int, hashes: Hashes, starts: Positions, ends: Positions, count: int) -> int:
    hashes[count] = mix(_absorb(_SEED, code), _SEED)
    starts[count] = begin
    ends[count] = end
    return count + 1


@leaf
def _is_ascii_letter(byte: int) -> bool:
    return 0x61 <= (byte | 0x20) <= 0x7A


@leaf
def _after_tag(data: Bytes, at: int, end: int) -> int:
    """Return where the tag ends whose `<` stands before `at`; `at` where there is none."""
    if at >= end or not (_is_ascii_letter(data[at]) or data[at] == 0x2F or data[at] == 0x21):
        return at
    last = min(end, at + _TAG_BYTES)
    found = at
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
