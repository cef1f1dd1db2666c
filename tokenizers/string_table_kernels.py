"""A hash table of distinct byte strings, each with a number and a count: for pretokens, and for tokens.

Open addressing with linear probing. The kernels never grow the table: they stop when it is full and return how far they
got; the caller then makes a larger table. Counts have 64 bits. About 15 ns for each string.
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


class StringTable(NamedTuple):
    """Up to `len(counts)` strings; string i is `data[offsets[i]:offsets[i + 1]]`."""

    slots: npt.NDArray[np.uint64]
    """The high half of a string's hash, and its number plus one in the low half; 0 is free. A power of two of them,
    twice the capacity."""
    hashes: npt.NDArray[np.uint64]
    offsets: Offsets
    counts: Counts
    data: Bytes
    size: npt.NDArray[np.int64]
    """(1) How many strings there are."""


def new_table(strings: int, data_bytes: int) -> StringTable:
    """Return an empty table for up to so many strings, a power of two, and so many bytes in total."""
    return StringTable(
        slots=np.zeros(2 * strings, np.uint64),
        hashes=np.zeros(strings, np.uint64),
        offsets=np.zeros(strings + 1, np.int64),
        counts=np.zeros(strings, np.int64),
        data=np.zeros(data_bytes, np.uint8),
        size=np.zeros(1, np.int64),
    )


@leaf
def find(table: StringTable, data: Bytes, start: int, end: int, key: np.uint64) -> int:
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
def enter(table: StringTable, data: Bytes, start: int, end: int, key: np.uint64, slot: int) -> int:
    """Put a new string into its free slot and return its number; the table must not be full."""
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
def hash_string(data: Bytes, start: int, end: int) -> np.uint64:
    """Return the key of a string in a table."""
    return hash_bytes(data, start, end, _SEED)


@leaf
def number_of(table: StringTable, data: Bytes, start: int, end: int) -> int:
    """Return the number of the string `data[start:end]`, adding a new one; −1 where the table is full."""
    key = hash_string(data, start, end)
    number = find(table, data, start, end, key)
    if number >= 0:
        return number
    size = table.size[0]
    if size == len(table.counts) or table.offsets[size] + end - start > len(table.data):
        return -1
    return enter(table, data, start, end, key, -1 - number)


@kernel
def with_bytes(table: StringTable, more: int) -> StringTable:
    """Return the table with capacity for so many more bytes."""
    used = table.offsets[table.size[0]]
    if used + more <= len(table.data):
        return table
    data = np.zeros(2 * (used + more), np.uint8)
    data[:used] = table.data[:used]
    return StringTable(table.slots, table.hashes, table.offsets, table.counts, data, table.size)


@kernel
def count_strings(table: StringTable, data: Bytes, bounds: Offsets, weights: Counts, first: int) -> int:
    """Add `weights[i]` to the count of each string `data[bounds[i]:bounds[i + 1]]` from the `first` on.

    A single weight holds for all strings. Returns the first string that the full table could not take; the number of
    strings where all were counted.
    """
    strings = len(bounds) - 1
    for string in range(first, strings):
        start, end = bounds[string], bounds[string + 1]
        number = number_of(table, data, start, end)
        if number < 0:
            return string
        table.counts[number] += weights[string if len(weights) > 1 else 0]
    return strings


@kernel
def copy_strings(source: StringTable, least: int, target: StringTable) -> None:
    """Enter the strings of a table that were counted at least so often into another, which must be large enough."""
    for string in range(source.size[0]):
        if source.counts[string] >= least:
            start, end = source.offsets[string], source.offsets[string + 1]
            number = find(target, source.data, start, end, source.hashes[string])
            if number < 0:
                number = enter(target, source.data, start, end, source.hashes[string], -1 - number)
            target.counts[number] += source.counts[string]
