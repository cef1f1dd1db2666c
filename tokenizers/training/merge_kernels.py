"""Learns byte-pair merges from counted pretokens (Sennrich et al. 2016).

In each step the most frequent pair of neighbouring tokens, of equally frequent ones the pair of smaller ids, becomes
one token in every pretoken that holds it. A queue holds each pair with the pretokens that it occurs in; a count that
has fallen since is corrected when its pair reaches the top. This is the algorithm of `tokenizers`, including how it
counts overlapping pairs ("aaa"), but with counts of 64 bits.

Cost: O(n log n) time and about 40 bytes of memory per byte, for distinct pretokens of n bytes in total.
"""

from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from prep.corpus.arrow.columns import Offsets
from prep.corpus.kernels import inner, kernel, leaf
from prep.corpus.sorting_kernels import sorted_with_order
from prep.tokenizers.pair_kernels import HALF, pair_key, pair_slot
from prep.tokenizers.string_table_kernels import Counts, StringTable, enter, find, hash_string, with_bytes

Tokens = npt.NDArray[np.int32]

Number = TypeVar("Number", bound=np.generic)


class Pairs(NamedTuple):
    """Pairs of tokens, numbered in the order of their first occurrence."""

    slots: npt.NDArray[np.int32]
    """The number of the pair that hashes here, plus one; 0 is free. A power of two of them, twice the capacity."""
    keys: npt.NDArray[np.uint64]
    """The left token in the high half, the right one in the low half: a smaller key goes first among equals."""
    counts: Counts
    stamps: npt.NDArray[np.int64]
    """When the pair was last noted for a pretoken."""
    size: npt.NDArray[np.int64]


class Notes(NamedTuple):
    """Which pairs have come up in which pretokens since the queue was last filled."""

    pairs: Tokens
    pretokens: Tokens
    size: npt.NDArray[np.int64]


class Queue(NamedTuple):
    """Pairs that may be merged. Entry i occurs in `places[firsts[i]:firsts[i + 1]]`; `heap` orders the entries."""

    pairs: Tokens
    counts: Counts
    firsts: Offsets
    heap: Tokens
    places: Tokens
    size: npt.NDArray[np.int64]
    """Entries, and how many of them are in the heap."""


@kernel
def learn_merges(
    tokens: Tokens, offsets: Offsets, counts: Counts, known: StringTable, wanted: int, least: int
) -> tuple[npt.NDArray[np.int32], StringTable]:
    """Return merges as rows of left token, right token and the token that they make, until `wanted` tokens are new.

    Pretoken i is `tokens[offsets[i]:offsets[i + 1]]` and occurs `counts[i]` times; `tokens` is overwritten. `known`
    holds the bytes of all tokens by their ids, with capacity for `wanted` more; it is returned with the new ones. Stops
    early where no pair occurs `least` times. A merge may make a token that was known before.
    """
    ends = offsets[1:].copy()
    pairs, notes = _note_all(tokens, offsets, counts)
    queue = _fill(_new_queue(), pairs, notes, least)
    merges = np.zeros((64, 3), np.int32)
    found = 0
    last = known.size[0] + wanted
    stamp = len(counts) + 1
    while known.size[0] < last and queue.size[1]:
        entry = queue.heap[0]
        pair = queue.pairs[entry]
        if queue.counts[entry] != pairs.counts[pair]:
            queue.counts[entry] = pairs.counts[pair]
            _settle(queue, pairs, least)
            continue
        key = pairs.keys[pair]
        left, right = np.int32(key >> HALF), np.int32(key & np.uint64(0xFFFFFFFF))
        new, known = _joined(known, left, right)
        if found == len(merges):
            merges = np.concatenate((merges, np.zeros_like(merges)))
        merges[found] = (left, right, new)
        found += 1
        _take(queue, pairs)
        for place in range(queue.firsts[entry], queue.firsts[entry + 1]):
            pretoken = queue.places[place]
            length = ends[pretoken] - offsets[pretoken]
            pairs, notes = _with_capacity(pairs, 2 * length), _with_capacity_for_notes(notes, 2 * length)
            merge = (left, right, new)
            start, end, count = offsets[pretoken], ends[pretoken], counts[pretoken]
            ends[pretoken] = _merge(tokens, start, end, merge, count, pretoken, stamp, pairs, notes)
            stamp += 1
        queue = _fill(queue, pairs, notes, least)
    return merges[:found], known


@inner
def _note_all(tokens: Tokens, offsets: Offsets, counts: Counts) -> tuple[Pairs, Notes]:
    """Note the pairs of all pretokens."""
    pairs = _new_pairs(1 << 16)
    notes = Notes(np.zeros(1 << 16, np.int32), np.zeros(1 << 16, np.int32), np.zeros(1, np.int64))
    for pretoken in range(len(counts)):
        length = offsets[pretoken + 1] - offsets[pretoken]
        pairs, notes = _with_capacity(pairs, length), _with_capacity_for_notes(notes, length)
        for at in range(offsets[pretoken], offsets[pretoken + 1] - 1):
            _note(pairs, notes, tokens[at], tokens[at + 1], counts[pretoken], pretoken, pretoken + 1)
    return pairs, notes


@leaf
def _merge(
    tokens: Tokens,
    start: int,
    end: int,
    merge: tuple[np.int32, np.int32, np.int32],
    count: int,
    pretoken: int,
    stamp: int,
    pairs: Pairs,
    notes: Notes,
) -> int:
    """Merge a pair in `tokens[start:end]`, from left to right, and note what changes. Returns the new end."""
    left, right, new = merge
    at = written = start
    while at < end:
        if at + 1 < end and tokens[at] == left and tokens[at + 1] == right:
            if written > start:
                _note(pairs, notes, tokens[written - 1], left, -count, pretoken, stamp)
                _note(pairs, notes, tokens[written - 1], new, count, pretoken, stamp)
            if at + 2 < end:
                _note(pairs, notes, right, tokens[at + 2], -count, pretoken, stamp)
                _note(pairs, notes, new, tokens[at + 2], count, pretoken, stamp)
            tokens[written] = new
            at += 2
        else:
            tokens[written] = tokens[at]
            at += 1
        written += 1
    return written


@leaf
def _note(pairs: Pairs, notes: Notes, left: np.int32, right: np.int32, change: int, pretoken: int, stamp: int) -> None:
    """Change the count of a pair, and where it has come up in a pretoken, say so once for each stamp."""
    key = pair_key(left, right)
    slot = pair_slot(pairs.slots, pairs.keys, key)
    number = pairs.slots[slot] - 1
    if number < 0:
        number = pairs.size[0]
        pairs.keys[number] = key
        pairs.slots[slot] = number + 1
        pairs.size[0] += 1
    pairs.counts[number] += change
    if change > 0 and pairs.stamps[number] != stamp:
        pairs.stamps[number] = stamp
        notes.pairs[notes.size[0]] = number
        notes.pretokens[notes.size[0]] = pretoken
        notes.size[0] += 1


@inner
def _new_pairs(capacity: int) -> Pairs:
    slots, keys = np.zeros(2 * capacity, np.int32), np.zeros(capacity, np.uint64)
    return Pairs(slots, keys, np.zeros(capacity, np.int64), np.zeros(capacity, np.int64), np.zeros(1, np.int64))


@inner
def _with_capacity(pairs: Pairs, more: int) -> Pairs:
    """Return the pairs with capacity for so many more."""
    size = pairs.size[0]
    if size + more <= len(pairs.keys):
        return pairs
    capacity = len(pairs.keys)
    while capacity < size + more:
        capacity *= 2
    grown = _new_pairs(capacity)
    for number in range(size):
        grown.slots[pair_slot(grown.slots, grown.keys, pairs.keys[number])] = number + 1
        grown.keys[number] = pairs.keys[number]
        grown.counts[number] = pairs.counts[number]
        grown.stamps[number] = pairs.stamps[number]
    grown.size[0] = size
    return grown


@inner
def _longer(array: npt.NDArray[Number], least: int) -> npt.NDArray[Number]:
    """Return the array, or where it is shorter than `least` a copy with zeros behind, of twice the length or more."""
    if len(array) >= least:
        return array
    result = np.zeros(max(2 * len(array), least), array.dtype)
    result[: len(array)] = array
    return result


@inner
def _with_capacity_for_notes(notes: Notes, more: int) -> Notes:
    least = notes.size[0] + more
    return Notes(_longer(notes.pairs, least), _longer(notes.pretokens, least), notes.size)


@inner
def _joined(known: StringTable, left: np.int32, right: np.int32) -> tuple[np.int32, StringTable]:
    """Return the token of the bytes of two tokens, and the table with that token in it."""
    first = known.data[known.offsets[left] : known.offsets[left + 1]]
    joined = np.concatenate((first, known.data[known.offsets[right] : known.offsets[right + 1]]))
    size = len(joined)
    key = hash_string(joined, 0, size)
    number = find(known, joined, 0, size, key)
    if number < 0:
        known = with_bytes(known, size)
        number = enter(known, joined, 0, size, key, -1 - number)
    return np.int32(number), known


@inner
def _new_queue() -> Queue:
    return Queue(
        np.zeros(16, np.int32),
        np.zeros(16, np.int64),
        np.zeros(17, np.int64),
        np.zeros(16, np.int32),
        np.zeros(16, np.int32),
        np.zeros(2, np.int64),
    )


@inner
def _fill(queue: Queue, pairs: Pairs, notes: Notes, least: int) -> Queue:
    """Move the noted pairs into the queue, each with the pretokens that it was noted for, and clear the notes."""
    noted, size = notes.size[0], queue.size[0]
    notes.size[0] = 0
    queue = Queue(
        _longer(queue.pairs, size + noted),
        _longer(queue.counts, size + noted),
        _longer(queue.firsts, size + noted + 1),
        _longer(queue.heap, queue.size[1] + noted),
        _longer(queue.places, queue.firsts[size] + noted),
        queue.size,
    )
    _, order = sorted_with_order(notes.pairs[:noted].astype(np.uint64))
    at = queue.firsts[size]
    for rank in range(noted):
        note = order[rank]
        pair = notes.pairs[note]
        if pairs.counts[pair] < least:
            continue
        if size == queue.size[0] or queue.pairs[size - 1] != pair:
            queue.pairs[size] = pair
            queue.counts[size] = pairs.counts[pair]
            size += 1
        queue.places[at] = notes.pretokens[note]
        at += 1
        queue.firsts[size] = at
    for entry in range(queue.size[0], size):
        queue.heap[queue.size[1]] = entry
        queue.size[1] += 1
        _rise(queue, pairs, queue.size[1] - 1)
    queue.size[0] = size
    return queue


@leaf
def _before(queue: Queue, pairs: Pairs, left: int, right: int) -> bool:
    """Say whether an entry goes before another."""
    if queue.counts[left] != queue.counts[right]:
        return bool(queue.counts[left] > queue.counts[right])
    return bool(pairs.keys[queue.pairs[left]] < pairs.keys[queue.pairs[right]])


@leaf
def _rise(queue: Queue, pairs: Pairs, at: int) -> None:
    entry = queue.heap[at]
    while at > 0 and _before(queue, pairs, entry, queue.heap[(at - 1) // 2]):
        queue.heap[at] = queue.heap[(at - 1) // 2]
        at = (at - 1) // 2
    queue.heap[at] = entry


@leaf
def _sink(queue: Queue, pairs: Pairs) -> None:
    entry = queue.heap[0]
    at = 0
    while 2 * at + 1 < queue.size[1]:
        child = 2 * at + 1
        if child + 1 < queue.size[1] and _before(queue, pairs, queue.heap[child + 1], queue.heap[child]):
            child += 1
        if not _before(queue, pairs, queue.heap[child], entry):
            break
        queue.heap[at] = queue.heap[child]
        at = child
    queue.heap[at] = entry


@leaf
def _take(queue: Queue, pairs: Pairs) -> None:
    """Take the first entry out of the heap."""
    queue.size[1] -= 1
    queue.heap[0] = queue.heap[queue.size[1]]
    _sink(queue, pairs)


@leaf
def _settle(queue: Queue, pairs: Pairs, least: int) -> None:
    """Put the first entry, whose count has changed, where it belongs, or out of the heap."""
    if queue.counts[queue.heap[0]] < least:
        _take(queue, pairs)
    else:
        _sink(queue, pairs)
