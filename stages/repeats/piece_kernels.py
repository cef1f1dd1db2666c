"""The pieces of documents that may be repeated in others, as numba kernels: lines, paragraphs, windows of bytes.

A piece has a 128-bit hash (MurmurHash3, see `prep.stages.shared.matching.exact_kernels`) and its place in the text.

Windows are chosen by winnowing (Schleimer, Wilkerson and Aiken 2003, "Winnowing: Local Algorithms for Document
Fingerprinting"): every window of `width` bytes has a rolling hash (Karp and Rabin 1987), and of every `reach` windows
in a row the one with the least hash is taken. Two texts that share `width + reach − 1` bytes therefore share a window:
the choice depends on the shared bytes alone. Windows begin and end between characters. Cost: O(bytes); about
2 / (reach + 1) windows per byte.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from prep.corpus.arrow.columns import Bytes, Offsets, longest_row
from prep.corpus.kernels import inner, kernel, leaf
from prep.corpus.text.utf8 import code_points, find_line_end
from prep.corpus.text.words import trim
from prep.stages.shared.matching.exact_kernels import CodePoints, Hashes, fold_text, murmur3

_SEED = np.uint64(0)
_BASE = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xFF51AFD7ED558CCD)
_SHIFT = np.uint64(32)


class Pieces(NamedTuple):
    """The pieces of the documents of a batch, in the order of the text."""

    bounds: Offsets
    """Where each document's pieces end (rows + 1)."""
    starts: npt.NDArray[np.uint32]
    """First byte in the document's text."""
    ends: npt.NDArray[np.uint32]
    hashes: Hashes
    """Both halves (2 × pieces)."""


@kernel
def lines(data: Bytes, offsets: Offsets, spaces: Bytes, lower: CodePoints, paragraphs: bool, shortest: int) -> Pieces:
    """Return the lines, or the paragraphs, that have so many characters when they are folded.

    Lines are those of `str.splitlines`, each with what ends it. A paragraph ends with the blank lines after it. What is
    hashed is the text as `fold_text` folds it: in lower case, every run of white space one blank, none at the ends.
    """
    rows = len(offsets) - 1
    bounds = np.zeros(rows + 1, np.int64)
    starts = np.empty(1024, np.uint32)
    ends = np.empty(1024, np.uint32)
    hashes = np.empty((2, 1024), np.uint64)
    folded = np.empty(2 * longest_row(offsets) + 1, np.uint8)
    count = 0
    for row in range(rows):
        at = offsets[row]
        while at < offsets[row + 1]:
            stop, following = find_line_end(data, at, offsets[row + 1])
            if paragraphs:
                stop, following = _paragraph(data, at, offsets[row + 1], spaces)
            length = fold_text(data, at, stop, spaces, lower, folded)
            if length >= shortest and code_points(folded, 0, length) >= shortest:
                if count == len(starts):
                    starts, ends, hashes = _grown(starts), _grown(ends), _grown_pairs(hashes)
                starts[count] = at - offsets[row]
                ends[count] = following - offsets[row]
                hashes[0, count], hashes[1, count] = murmur3(folded, 0, length, _SEED)
                count += 1
            at = following
        bounds[row + 1] = count
    return Pieces(bounds, starts[:count].copy(), ends[:count].copy(), hashes[:, :count].copy())


@kernel
def windows(data: Bytes, offsets: Offsets, width: int, reach: int) -> Pieces:
    """Return the chosen windows of about `width` bytes: up to three fewer where a character would be cut."""
    rows = len(offsets) - 1
    bounds = np.zeros(rows + 1, np.int64)
    starts = np.empty(1024, np.uint32)
    ends = np.empty(1024, np.uint32)
    hashes = np.empty((2, 1024), np.uint64)
    seen = np.empty(reach, np.uint64)
    leaving = np.uint64(1)
    for _ in range(width - 1):
        leaving *= _BASE
    count = 0
    for row in range(rows):
        first, end = offsets[row], offsets[row + 1]
        state = np.uint64(0)
        for at in range(first, min(end, first + width - 1)):
            state = state * _BASE + np.uint64(data[at])
        chosen = first - 1
        for at in range(first, end - width + 1):
            state = state * _BASE + np.uint64(data[at + width - 1])
            hashed = (state ^ (state >> _SHIFT)) * _MIX | np.uint64(1)
            if data[at] & 0xC0 == 0x80:
                hashed = np.uint64(0xFFFFFFFFFFFFFFFF)  # inside a character
            seen[(at - first) % reach] = hashed
            state -= leaving * np.uint64(data[at])
            if at - first < reach - 1:
                continue
            before = chosen
            if chosen <= at - reach:  # the last choice is out of reach: the least, the last of equals
                chosen = at
                for other in range(at - 1, at - reach, -1):
                    if seen[(other - first) % reach] < seen[(chosen - first) % reach]:
                        chosen = other
            elif hashed < seen[(chosen - first) % reach]:
                chosen = at
            if chosen != before:
                if count == len(starts):
                    starts, ends, hashes = _grown(starts), _grown(ends), _grown_pairs(hashes)
                stop = chosen + width
                while stop < end and data[stop] & 0xC0 == 0x80:
                    stop -= 1
                starts[count] = chosen - first
                ends[count] = stop - first
                hashes[0, count], hashes[1, count] = murmur3(data, chosen, stop, _SEED)
                count += 1
        bounds[row + 1] = count
    return Pieces(bounds, starts[:count].copy(), ends[:count].copy(), hashes[:, :count].copy())


@kernel
def find(hash_0: Hashes, hash_1: Hashes, wanted: Hashes, others: Hashes) -> Offsets:
    """Return where each wanted hash stands among rising ones (int64), −1 where it does not."""
    found = np.full(len(wanted), -1)
    for item in range(len(wanted)):
        low, high = 0, len(hash_0)
        while low < high:
            middle = (low + high) // 2
            before = hash_0[middle] < wanted[item]
            if hash_0[middle] == wanted[item]:
                before = hash_1[middle] < others[item]
            if before:
                low = middle + 1
            else:
                high = middle
        if low < len(hash_0) and hash_0[low] == wanted[item] and hash_1[low] == others[item]:
            found[item] = low
    return found


@kernel
def join_ranges(rows: Offsets, starts: Offsets, ends: Offsets) -> tuple[Offsets, Offsets, Offsets]:
    """Return ranges of texts with those that touch or overlap made one; rows rise, and starts within a row."""
    joined = 0
    new_rows = np.empty(len(rows), np.int64)
    new_starts = np.empty(len(rows), np.int64)
    new_ends = np.empty(len(rows), np.int64)
    for item in range(len(rows)):
        if joined and new_rows[joined - 1] == rows[item] and starts[item] <= new_ends[joined - 1]:
            new_ends[joined - 1] = max(new_ends[joined - 1], ends[item])
        else:
            new_rows[joined], new_starts[joined], new_ends[joined] = rows[item], starts[item], ends[item]
            joined += 1
    return new_rows[:joined].copy(), new_starts[:joined].copy(), new_ends[:joined].copy()


@kernel
def blank(data: Bytes, offsets: Offsets, spaces: Bytes) -> npt.NDArray[np.bool_]:
    """Return which texts are empty or nothing but white space."""
    found = np.zeros(len(offsets) - 1, np.bool_)
    for row in range(len(found)):
        begin, end = trim(data, offsets[row], offsets[row + 1], spaces)
        found[row] = begin == end
    return found


@leaf
def _paragraph(data: Bytes, at: int, end: int, spaces: Bytes) -> tuple[int, int]:
    """Return where the text of a paragraph ends, and where the next one begins."""
    stop, at = find_line_end(data, at, end)
    inside = True
    while at < end:
        line_end, following = find_line_end(data, at, end)
        begin, last = trim(data, at, line_end, spaces)
        if begin < last:
            if not inside:
                break
            stop = line_end
        else:
            inside = False
        at = following
    return stop, at


@inner
def _grown(values: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    larger = np.empty(2 * len(values), np.uint32)
    larger[: len(values)] = values
    return larger


@inner
def _grown_pairs(values: Hashes) -> Hashes:
    larger = np.empty((2, 2 * values.shape[1]), np.uint64)
    larger[:, : values.shape[1]] = values
    return larger
