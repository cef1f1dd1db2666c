"""Pieces of one document (lines, paragraphs) in a hash table that knows which of them were met before.

Pieces are known by 64-bit hashes, taken as equal when their texts are.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from prep.corpus.arrow.columns import Bytes
from prep.corpus.kernels import inner, leaf
from prep.corpus.text.hashing import find_slot, hash_bytes, table_size

Keys = npt.NDArray[np.uint64]

_SEED = np.uint64(0)
_TRIMMED = np.uint64(0x9E3779B97F4A7C14)
_ONCE, _OFTEN = np.uint8(1), np.uint8(2)


class Pieces(NamedTuple):
    """The keys of pieces, and whether each was met once or more often."""

    keys: Keys
    times: Bytes


@inner
def room_for_pieces(pieces: int) -> Pieces:
    """Return buffers for documents of up to so many pieces, each as it is and trimmed."""
    size = table_size(2 * pieces)
    return Pieces(np.empty(size, np.uint64), np.empty(size, np.uint8))


@leaf
def clear(pieces: Pieces, most: int) -> int:
    """Empty the table for up to so many pieces, each as it is and trimmed; return its size for `meet`."""
    size = table_size(2 * most)
    for slot in range(size):
        pieces.keys[slot] = 0
        pieces.times[slot] = 0
    return size


@leaf
def meet(pieces: Pieces, size: int, key: np.uint64) -> int:
    """Enter a piece by its key, and return how often it was met before; 2 for more than once."""
    slot = find_slot(pieces.keys, size, key)
    before = pieces.times[slot]
    pieces.keys[slot] = key
    pieces.times[slot] = _ONCE if before == 0 else _OFTEN
    return int(before)


@leaf
def copies(before: int) -> int:
    """Return how many more copies there are of what occurs more than once, where a piece was met so often before."""
    return 0 if before == 0 else 2 if before == 1 else 1


@leaf
def key_of_piece(data: Bytes, start: int, end: int) -> np.uint64:
    """Return the key of a piece as it is."""
    return hash_bytes(data, start, end, _SEED) | np.uint64(1)


@leaf
def key_of_trimmed(data: Bytes, first: int, last: int, start: int, end: int, key: np.uint64) -> np.uint64:
    """Return the key of a piece `data[start:end]` that is trimmed to `data[first:last]`; `key` is its key as it is."""
    if start < first or last < end:
        key = key_of_piece(data, first, last)
    return key ^ _TRIMMED
