"""Kernels over rows `data[starts[i]:ends[i]]` of a column's bytes: hash, cut, copy and search them."""

import numpy as np
import numpy.typing as npt

from prep.corpus.arrow.columns import Bytes, Offsets
from prep.corpus.kernels import kernel
from prep.corpus.text.hashing import hash_bytes, mix
from prep.corpus.text.utf8 import HIGH_BITS, decode, load64

Positions = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]
Flags = npt.NDArray[np.bool_]

_SAMPLE = np.uint64(0x7465787420746F20)
"""Sets these hashes apart from those by which other stages draw documents with the same seed."""


@kernel
def hash_rows(data: Bytes, starts: Positions, ends: Positions, seed: np.uint64) -> Hashes:
    """Return a 64-bit hash of each row and the seed (rows)."""
    hashes = np.empty(len(starts), np.uint64)
    state = mix(seed, _SAMPLE)
    for row in range(len(starts)):
        hashes[row] = hash_bytes(data, starts[row], ends[row], state)
    return hashes


@kernel
def cut_rows(data: Bytes, starts: Positions, ends: Positions, limit: int) -> Positions:
    """Return where rows of UTF-8 end when cut to at most `limit` bytes, between two code points (rows)."""
    cuts = ends.copy()
    for row in range(len(starts)):
        cut = starts[row] + limit
        if cut < ends[row]:
            while cut > starts[row] and data[cut] & 0xC0 == 0x80:
                cut -= 1
            cuts[row] = cut
    return cuts


@kernel
def copy_rows(data: Bytes, starts: Positions, ends: Positions) -> tuple[Bytes, Offsets]:
    """Copy rows out of a column: their bytes, and their offsets in these (rows + 1)."""
    offsets = np.zeros(len(starts) + 1, np.int64)
    for row in range(len(starts)):
        offsets[row + 1] = offsets[row] + ends[row] - starts[row]
    copied = np.empty(offsets[-1], np.uint8)
    for row in range(len(starts)):
        copied[offsets[row] : offsets[row + 1]] = data[starts[row] : ends[row]]
    return copied, offsets


@kernel
def flagged_rows(data: Bytes, starts: Positions, ends: Positions, table: Flags) -> Flags:
    """Return, for each UTF-8 text `data[starts[i]:ends[i]]`, whether it holds a code point of the table (rows).

    The table says nothing of ASCII. Cost: O(bytes), eight ASCII bytes at a time.
    """
    found = np.zeros(len(starts), np.bool_)
    for row in range(len(starts)):
        at, end = starts[row], ends[row]
        while at < end:
            if at + 8 <= end and not load64(data, at) & HIGH_BITS:
                at += 8
            elif data[at] < 128:
                at += 1
            else:
                code, at = decode(data, at, end)
                if table[code]:
                    found[row] = True
                    break
    return found
