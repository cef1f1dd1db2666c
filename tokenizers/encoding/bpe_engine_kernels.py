"""Byte-level BPE as numba kernels: each distinct pretoken is merged once; later occurrences are looked up.

Merging takes the pair of the lowest rank, of equal ranks the leftmost, from a heap of pairs: O(n log n) for a pretoken
of n bytes, whatever it holds.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from prep.corpus.arrow.columns import Bytes, Offsets, longest_row
from prep.corpus.kernels import kernel, leaf
from prep.corpus.text.hashing import table_size
from prep.tokenizers.pair_kernels import HALF, pair_key, pair_slot
from prep.tokenizers.string_table_kernels import StringTable, number_of

Ids = npt.NDArray[np.uint32]


class MergeTable(NamedTuple):
    """Merges by their pair of tokens. A merge's number is its rank."""

    slots: npt.NDArray[np.int32]
    """The number of the merge that hashes here, plus one; 0 is free. A power of two of them."""
    keys: npt.NDArray[np.uint64]
    """The left token in the high half, the right one in the low half."""
    made: npt.NDArray[np.int32]
    """The token that each merge makes."""
    bytes: npt.NDArray[np.int32]
    """(256) The token of each byte."""


@kernel
def merge_table(merges: npt.NDArray[np.int32], byte_tokens: npt.NDArray[np.int32]) -> MergeTable:
    """Return the table of merges, rows of left token, right token and what they make; of equal pairs the first."""
    slots = np.zeros(table_size(len(merges)), np.int32)
    table = MergeTable(slots, np.zeros(len(merges), np.uint64), merges[:, 2].copy(), byte_tokens.copy())
    for rank in range(len(merges)):
        table.keys[rank] = pair_key(merges[rank, 0], merges[rank, 1])
        slot = pair_slot(table.slots, table.keys, table.keys[rank])
        if table.slots[slot] == 0:
            table.slots[slot] = rank + 1
    return table


@leaf
def _rank(table: MergeTable, left: int, right: int) -> int:
    """Return the rank of a pair; −1 where it is not merged."""
    return int(table.slots[pair_slot(table.slots, table.keys, pair_key(left, right))]) - 1


@kernel
def number_pretokens(
    table: StringTable, data: Bytes, bounds: Offsets, first: int, numbers: npt.NDArray[np.int64]
) -> int:
    """Write the number of each pretoken `data[bounds[i]:bounds[i + 1]]` from the `first` on, adding new ones.

    Returns the first pretoken that the full table could not take; the number of pretokens where all were taken.
    """
    pretokens = len(bounds) - 1
    for pretoken in range(first, pretokens):
        start, end = bounds[pretoken], bounds[pretoken + 1]
        number = number_of(table, data, start, end)
        if number < 0:
            return pretoken
        numbers[pretoken] = number
    return pretokens


@kernel
def merge_pretokens(data: Bytes, offsets: Offsets, merges: MergeTable) -> tuple[Offsets, npt.NDArray[np.int32]]:
    """Return where the tokens of each pretoken begin (pretokens + 1), and all tokens."""
    pretokens = len(offsets) - 1
    longest = longest_row(offsets)
    tokens, following, before = np.empty(longest, np.int32), np.empty(longest, np.int64), np.empty(longest, np.int64)
    heap = np.empty(3 * longest + 1, np.uint64)
    result = np.empty(offsets[pretokens] - offsets[0], np.int32)
    bounds = np.zeros(pretokens + 1, np.int64)
    for pretoken in range(pretokens):
        length = offsets[pretoken + 1] - offsets[pretoken]
        for at in range(length):
            tokens[at] = merges.bytes[data[offsets[pretoken] + at]]
            following[at] = at + 1
            before[at] = at - 1
        _merge(tokens, following, before, heap, length, merges)
        at, filled = 0, int(bounds[pretoken])
        while at < length:
            result[filled] = tokens[at]
            filled += 1
            at = int(following[at])
        bounds[pretoken + 1] = filled
    return bounds, result[: bounds[pretokens]].copy()


@leaf
def _merge(
    tokens: npt.NDArray[np.int32],
    following: Offsets,
    before: Offsets,
    heap: npt.NDArray[np.uint64],
    length: int,
    merges: MergeTable,
) -> None:
    """Merge what can be merged in the list of tokens: `following[at]` is the next token's place, `length` the end."""
    size = 0
    for at in range(length - 1):
        size = _push(heap, size, _rank(merges, tokens[at], tokens[at + 1]), at)
    while size:
        entry = heap[0]
        size = _pop(heap, size)
        rank, at = int(np.int64(entry >> HALF)), int(np.int64(entry & np.uint64(0xFFFFFFFF)))
        right = following[at]
        if tokens[at] < 0 or right >= length or _rank(merges, tokens[at], tokens[right]) != rank:
            continue  # one of the two has been merged since
        tokens[at] = merges.made[rank]
        tokens[right] = -1
        following[at] = following[right]
        if following[at] < length:
            before[following[at]] = at
            size = _push(heap, size, _rank(merges, tokens[at], tokens[following[at]]), at)
        if before[at] >= 0:
            size = _push(heap, size, _rank(merges, tokens[before[at]], tokens[at]), before[at])


@leaf
def _push(heap: npt.NDArray[np.uint64], size: int, rank: int, place: int) -> int:
    """Put a pair that is merged into the heap; return the heap's size."""
    if rank < 0:
        return size
    entry = (np.uint64(rank) << HALF) | np.uint64(place)
    at = size
    while at > 0 and entry < heap[(at - 1) // 2]:
        heap[at] = heap[(at - 1) // 2]
        at = (at - 1) // 2
    heap[at] = entry
    return size + 1


@leaf
def _pop(heap: npt.NDArray[np.uint64], size: int) -> int:
    """Take the first entry out of the heap; return the heap's size."""
    size -= 1
    entry = heap[size]
    at = 0
    while 2 * at + 1 < size:
        child = 2 * at + 1
        if child + 1 < size and heap[child + 1] < heap[child]:
            child += 1
        if heap[child] >= entry:
            break
        heap[at] = heap[child]
        at = child
    heap[at] = entry
    return size


@kernel
def look_up(numbers: npt.NDArray[np.int64], bounds: Offsets, tokens: npt.NDArray[np.int32]) -> tuple[Offsets, Ids]:
    """Return the ids of pretokens, one after the other, and where each pretoken's begin.

    `tokens[bounds[i]:bounds[i + 1]]` are those of pretoken i.
    """
    starts = np.zeros(len(numbers) + 1, np.int64)
    for place in range(len(numbers)):
        starts[place + 1] = starts[place] + bounds[numbers[place] + 1] - bounds[numbers[place]]
    ids = np.empty(starts[-1], np.uint32)
    for place in range(len(numbers)):
        at = bounds[numbers[place]]
        for filled in range(starts[place], starts[place + 1]):
            ids[filled] = tokens[at]
            at += 1
    return starts, ids
