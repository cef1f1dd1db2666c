"""Runs of bytes that are compared at every place, and the borders of what is cut, as numba kernels.

The hash of a run has two halves of 64 bits: polynomials over numbers drawn for each value of a byte, modulo 2^64, with
different numbers and bases (Karp and Rabin 1987). They move on by one byte with two multiplications each. Runs begin
between characters. Cost: about 3 ns per byte.
"""

import numpy as np
import numpy.typing as npt

from prep.corpus.arrow.columns import Bytes, Offsets
from prep.corpus.kernels import kernel, leaf
from prep.corpus.text.utf8 import decode
from prep.corpus.text.words import SPACE, split_words
from prep.stages.shared.matching.exact_kernels import Hashes

_BASES = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD1342543DE82EF95))
_WORD_BYTES = 64
"""What is longer is no word: text of a script without blanks, a URL, a number."""
_NEWLINE = 0x0A
_ONE = np.uint64(1)


@kernel
def run_hashes(
    data: Bytes,
    offsets: Offsets,
    rows: Offsets,
    starts: Offsets,
    ends: Offsets,
    length: int,
    numbers: Hashes,
) -> tuple[Offsets, npt.NDArray[np.uint32], Hashes]:
    """Return where the runs of `length` bytes in some ranges of texts begin, and their hashes.

    Range k is bytes `starts[k]` to `ends[k]` of the text in row `rows[k]`; ranges rise and do not overlap. `numbers`
    are those of the values of a byte (uint64, 2 × 256). The first result says where the runs of each row end in the
    others (rows + 1); these are the runs' first bytes, and the halves of their hashes (2 × runs).
    """
    bounds = np.zeros(len(offsets), np.int64)
    count = np.maximum(0, ends - starts - length + 1).sum()
    places = np.empty(count, np.uint32)
    hashes = np.empty((2, count), np.uint64)
    leaving_0, leaving_1 = _power(_BASES[0], length - 1), _power(_BASES[1], length - 1)
    count, item = 0, 0
    for row in range(len(offsets) - 1):
        while item < len(rows) and rows[item] == row:
            first, end = offsets[row] + starts[item], offsets[row] + ends[item]
            state_0, state_1 = np.uint64(0), np.uint64(0)
            for at in range(first, min(end, first + length - 1)):
                state_0 = state_0 * _BASES[0] + numbers[0, data[at]]
                state_1 = state_1 * _BASES[1] + numbers[1, data[at]]
            for at in range(first, end - length + 1):
                state_0 = state_0 * _BASES[0] + numbers[0, data[at + length - 1]]
                state_1 = state_1 * _BASES[1] + numbers[1, data[at + length - 1]]
                if data[at] & 0xC0 != 0x80:
                    places[count] = at - offsets[row]
                    hashes[0, count], hashes[1, count] = state_0, state_1
                    count += 1
                state_0 -= leaving_0 * numbers[0, data[at]]
                state_1 -= leaving_1 * numbers[1, data[at]]
            item += 1
        bounds[row + 1] = count
    return bounds, places[:count].copy(), hashes[:, :count].copy()


@leaf
def _power(base: np.uint64, exponent: int) -> np.uint64:
    result = _ONE
    for _ in range(exponent):
        result *= base
    return result


@kernel
def tidy(
    data: Bytes, offsets: Offsets, rows: Offsets, starts: Offsets, ends: Offsets, spaces: Bytes, splitter: Bytes
) -> tuple[Offsets, Offsets, npt.NDArray[np.bool_]]:
    """Return ranges of texts that are cut between words, and where a line break takes their place.

    Range k is bytes `starts[k]` to `ends[k]` of the text in row `rows[k]`. A word that is only partly inside stays, as
    does a character, and blanks at either end go. Where text is left on both sides and no line ends there, a line break
    is wanted. A range of which nothing is left is empty.
    """
    new_starts, new_ends = np.empty_like(starts), np.empty_like(ends)
    breaks = np.zeros(len(rows), np.bool_)
    for item in range(len(rows)):
        first, last = offsets[rows[item]], offsets[rows[item] + 1]
        begin = _next_border(data, first, first + starts[item], last, splitter)
        end = _last_border(data, first, first + ends[item], last, splitter)
        if begin < end:
            before, after = _blanks_before(data, first, begin, spaces), _blanks_after(data, end, last, spaces)
            at_break = before == first or after == last or data[before - 1] == _NEWLINE or data[after] == _NEWLINE
            breaks[item] = not at_break
            begin, end = (before, after) if breaks[item] else (begin, end)
        else:
            end = begin
        new_starts[item], new_ends[item] = begin - first, end - first
    return new_starts, new_ends, breaks


@kernel
def _word_around(data: Bytes, first: int, at: int, last: int, splitter: Bytes) -> tuple[int, int]:
    """Return the word that `at` is inside of, which is nothing at all where it is none or `at` is its border."""
    begin, end = max(first, at - 2 * _WORD_BYTES), min(last, at + 2 * _WORD_BYTES)
    while begin > first and data[begin] & 0xC0 == 0x80:
        begin -= 1
    while end < last and data[end] & 0xC0 == 0x80:
        end += 1
    starts, ends = np.empty(end - begin, np.int64), np.empty(end - begin, np.int64)
    kinds = np.empty(end - begin, np.uint8)
    for word in range(split_words(data, begin, end, splitter, starts, ends, kinds)):
        if starts[word] < at < ends[word]:
            return (starts[word], ends[word]) if ends[word] - starts[word] <= _WORD_BYTES else (at, at)
    return at, at


@kernel
def _next_border(data: Bytes, first: int, at: int, last: int, splitter: Bytes) -> int:
    """Return the first border of a word from `at` on."""
    while at < last and data[at] & 0xC0 == 0x80:
        at += 1
    return _word_around(data, first, at, last, splitter)[1]


@kernel
def _last_border(data: Bytes, first: int, at: int, last: int, splitter: Bytes) -> int:
    """Return the last border of a word up to `at`."""
    while first < at < last and data[at] & 0xC0 == 0x80:
        at -= 1
    return _word_around(data, first, at, last, splitter)[0]


@leaf
def _blanks_before(data: Bytes, first: int, at: int, spaces: Bytes) -> int:
    """Return where the white space begins that ends at `at`, line breaks aside."""
    while at > first:
        before = at - 1
        while before > first and data[before] & 0xC0 == 0x80:
            before -= 1
        if not spaces[decode(data, before, at)[0]] & SPACE or data[before] == _NEWLINE:
            break
        at = before
    return at


@leaf
def _blanks_after(data: Bytes, at: int, last: int, spaces: Bytes) -> int:
    """Return where the white space ends that begins at `at`, line breaks aside."""
    while at < last:
        code, after = decode(data, at, last)
        if not spaces[code] & SPACE or data[at] == _NEWLINE:
            break
        at = after
    return at
