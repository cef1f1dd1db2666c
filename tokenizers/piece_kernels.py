"""A table of different strings of bytes, each with its number and its count: for pieces of text, and for tokens.

Open addressing with linear probing. The kernels never grow the table: they stop where it is full and say how far they
came, and `prep.tokenizers.training.counts` makes room. Counts have 64 bits. About 15 ns for each piece of text.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from prep.corpus.arrow.columns import Bytes, Offsets
from prep.corpus.kernels import kernel, leaf
from prep.corpus.text.hashing import hash_bytes
from prep.corpus.text.utf8 import load_up_to

Counts = npt.NDArray[np.int64]

_SEED = np.uint64(0x706965636573)
_TAG = np.uint64(0xFFFFFFFF00000000)


class PieceTable(NamedTuple):
    """Room for `len(counts)` strings; string i is `data[offsets[i]:offsets[i + 1]]`."""

    slots: npt.NDArray[np.uint64]
    """The high half of a string's hash, and its number plus one in the low half; 0 is free. A power of two of them,
    twice the room."""
    hashes: npt.NDArray[np.uint64]
    offsets: Offsets
    counts: Counts
    data: Bytes
    size: npt.NDArray[np.int64]
    """(1) How many strings there are."""


def new_table(strings: int, data_bytes: int) -> PieceTable:
    """Return a table with room for as many strings, a power of two, of as many bytes together."""
    return PieceTable(
        slots=np.zeros(2 * strings, np.uint64),
        hashes=np.zeros(strings, np.uint64),
        offsets=np.zeros(strings + 1, np.int64),
        counts=np.zeros(strings, np.int64),
        data=np.zeros(data_bytes, np.uint8),
        size=np.zeros(1, np.int64),
    )


@leaf
def find(table: PieceTable, data: Bytes, start: int, end: int, key: np.uint64) -> int:
    """Return the number of the string `data[start:end]`; where it is new, −1 less the slot that is free for it."""
    mask = np.uint64(len(table.slots) - 1)
    slot = key & mask
    while True:
        held = table.slots[slot]
        if held == 0:
            return int(-1 - np.int64(slot))
        if (held ^ key) & _TAG == 0:
            number = np.int64(held & ~_TAG) - 1
            at = table.offsets[number]
            if table.offsets[number + 1] - at == end - start and _same(table.data, at, data, start, end):
                return int(number)
        slot = (slot + np.uint64(1)) & mask


@leaf
def _same(left: Bytes, at: int, right: Bytes, start: int, end: int) -> bool:
    same = True
    stop = at + end - start
    while same and start < end:
        same = load_up_to(left, at, stop) == load_up_to(right, start, end)
        at += 8
        start += 8
    return same


@leaf
def enter(table: PieceTable, data: Bytes, start: int, end: int, key: np.uint64, slot: int) -> int:
    """Put a new string into its free slot and return its number; there must be room."""
    number = table.size[0]
    at = table.offsets[number]
    for index in range(end - start):
        table.data[at + index] = data[start + index]
    table.offsets[number + 1] = at + end - start
    table.hashes[number] = key
    table.slots[slot] = (key & _TAG) | np.uint64(number + 1)
    table.size[0] = number + 1
    return int(number)


@leaf
def hash_piece(data: Bytes, start: int, end: int) -> np.uint64:
    """Return the key of a string in a table."""
    return hash_bytes(data, start, end, _SEED)


@leaf
def number_of(table: PieceTable, data: Bytes, start: int, end: int) -> int:
    """Return the number of the string `data[start:end]`, entering a new one; −1 where there is no room for it."""
    key = hash_piece(data, start, end)
    number = find(table, data, start, end, key)
    if number >= 0:
        return number
    size = table.size[0]
    if size == len(table.counts) or table.offsets[size] + end - start > len(table.data):
        return -1
    return enter(table, data, start, end, key, -1 - number)


@kernel
def with_bytes(table: PieceTable, more: int) -> PieceTable:
    """Return the table with room for so many more bytes."""
    used = table.offsets[table.size[0]]
    if used + more <= len(table.data):
        return table
    data = np.zeros(2 * (used + more), np.uint8)
    data[:used] = table.data[:used]
    return PieceTable(table.slots, table.hashes, table.offsets, table.counts, data, table.size)


@kernel
def count_pieces(table: PieceTable, data: Bytes, bounds: Offsets, weights: Counts, first: int) -> int:
    """Add `weights[i]` to the count of each piece `data[bounds[i]:bounds[i + 1]]` from the `first` on.

    One weight is for all pieces. Returns the first piece that there is no room for; the number of pieces at the end.
    """
    pieces = len(bounds) - 1
    for piece in range(first, pieces):
        start, end = bounds[piece], bounds[piece + 1]
        number = number_of(table, data, start, end)
        if number < 0:
            return piece
        table.counts[number] += weights[piece if len(weights) > 1 else 0]
    return pieces


@kernel
def copy_pieces(source: PieceTable, least: int, target: PieceTable) -> None:
    """Enter the strings of a table that were counted at least so often into another, which must have room."""
    for piece in range(source.size[0]):
        if source.counts[piece] >= least:
            start, end = source.offsets[piece], source.offsets[piece + 1]
            number = find(target, source.data, start, end, source.hashes[piece])
            if number < 0:
                number = enter(target, source.data, start, end, source.hashes[piece], -1 - number)
            target.counts[number] += source.counts[piece]
