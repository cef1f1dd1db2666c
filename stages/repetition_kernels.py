"""How much of a document repeats: duplicate paragraphs and lines, the most frequent n-gram, duplicate n-grams.

Source: Rae et al. 2021 (Gopher), appendix A1.1, table A1. Lengths are in code points.

An n-gram can only be repeated where the (n − 1)-gram at the same place is. So n-grams grow word by word, and only
those that occur more than once go into the next, smaller hash table: about two look-ups per word instead of one per
word and length. Keys are 64-bit hashes, taken as equal when the text is. Cost: O(words × lengths) at worst, where
everything repeats; memory about 50 bytes per word of the largest document.
"""

import numpy as np
import numpy.typing as npt

from prep.corpus.columns import Bytes, Offsets, kernel, leaf
from prep.corpus.hashing import find_slot, hash_bytes, mix, table_size
from prep.corpus.utf8 import code_points, find_byte
from prep.corpus.words import Positions, split_words, trim

Counts = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]

PIECES = (
    *("characters", "paragraphs", "duplicate_paragraphs", "duplicate_paragraph_characters"),
    *("lines", "duplicate_lines", "duplicate_line_characters"),
)
"""Columns of `piece_counts`. A duplicate is every copy after the first."""

_NEWLINE = 0x0A
_SEED = np.uint64(0)


@kernel
def piece_counts(data: Bytes, offsets: Offsets, characters: Bytes) -> Counts:
    """Return the counts named in PIECES (int64, documents × 7).

    Paragraphs are what two or more newlines separate in the text without white space at its ends; lines are what one
    or more newlines separate in the whole text, so that a newline at an end makes an empty line. `characters` is any
    table that flags white space.
    """
    rows = len(offsets) - 1
    counts = np.zeros((rows, len(PIECES)), np.int64)
    keys = np.empty(16, np.uint64)
    for row in range(rows):
        start, end = offsets[row], offsets[row + 1]
        size = table_size(_count_newlines(data, start, end) + 1)
        if size > len(keys):
            keys = np.empty(size, np.uint64)
        begin, stop = trim(data, start, end, characters)
        counts[row, 0] = code_points(data, start, end)
        _count_duplicates(data, begin, stop, 2, keys, size, counts[row, 1:4])
        _count_duplicates(data, start, end, 1, keys, size, counts[row, 4:7])
    return counts


@kernel
def _count_duplicates(data: Bytes, at: int, end: int, newlines: int, keys: Keys, size: int, counts: Counts) -> None:
    """Count pieces between runs of at least so many newlines: all, duplicates, code points of duplicates."""
    keys[:size] = 0
    more = True
    while more:
        stop = find_byte(data, at, end, _NEWLINE)
        following = _run_end(data, stop, end)
        while stop < end and following - stop < newlines:
            stop = find_byte(data, following, end, _NEWLINE)
            following = _run_end(data, stop, end)
        more = stop < end
        key = hash_bytes(data, at, stop, _SEED) | np.uint64(1)
        slot = find_slot(keys, size, key)
        counts[0] += 1
        if keys[slot] == key:
            counts[1] += 1
            counts[2] += code_points(data, at, stop)
        keys[slot] = key
        at = following


@kernel
def ngram_characters(
    data: Bytes, offsets: Offsets, splitter: Bytes, shortest: int, longest: int
) -> tuple[Counts, Counts]:
    """Return the code points in the most frequent n-gram and in duplicate n-grams.

    Both are int64, documents × (longest − shortest + 1), for n from shortest to longest. The most frequent n-gram
    (the first of several) counts with one space between words, times its occurrences; zero where the text has fewer
    than n words. Duplicates are found from left to right: an n-gram met before counts without spaces, and the search
    goes on behind it.
    """
    rows = len(offsets) - 1
    top = np.zeros((rows, longest - shortest + 1), np.int64)
    duplicate = np.zeros((rows, longest - shortest + 1), np.int64)
    largest = 0
    for row in range(rows):
        largest = max(largest, offsets[row + 1] - offsets[row])
    starts = np.empty(largest, np.int64)
    ends = np.empty(largest, np.int64)
    kinds = np.empty(largest, np.uint8)
    capacity = 0
    hashes = np.empty(capacity, np.uint64)
    grams = np.empty(capacity, np.uint64)
    positions = np.empty(capacity, np.int64)
    slots = np.empty(capacity, np.int64)
    lengths = np.empty(capacity, np.int64)
    keys = np.empty(capacity, np.uint64)
    times = np.empty(capacity, np.int64)
    for row in range(rows):
        words = split_words(data, offsets[row], offsets[row + 1], splitter, starts, ends, kinds)
        if words > capacity:
            capacity = max(words, min(largest, 2 * capacity))
            hashes = np.empty(capacity, np.uint64)
            grams = np.empty(capacity, np.uint64)
            positions = np.empty(capacity, np.int64)
            slots = np.empty(capacity, np.int64)
            lengths = np.empty(capacity + 1, np.int64)
            keys = np.empty(table_size(capacity), np.uint64)
            times = np.empty(table_size(capacity), np.int64)
        lengths[0] = 0
        for word in range(words):
            hashes[word] = hash_bytes(data, starts[word], ends[word], _SEED)
            lengths[word + 1] = lengths[word] + code_points(data, starts[word], ends[word])
        candidates = max(0, words - shortest + 1)
        for at in range(candidates):
            positions[at] = at
            grams[at] = hashes[at]
            for later in range(1, shortest):
                grams[at] = mix(grams[at], hashes[at + later])
        for n in range(shortest, longest + 1):
            if words < n:
                break
            _count_grams(candidates, grams, keys, times, slots)
            top[row, n - shortest] = _most_frequent(n, candidates, positions, slots, times, lengths)
            duplicate[row, n - shortest] = _duplicates(n, candidates, positions, slots, times, lengths)
            candidates = _grow(n, words, candidates, positions, grams, hashes, slots, times)
    return top, duplicate


@leaf
def _count_grams(candidates: int, grams: Keys, keys: Keys, times: Counts, slots: Positions) -> None:
    """Give each candidate the slot of its n-gram, and each slot the number of times that its n-gram occurs."""
    size = table_size(candidates)
    for slot in range(size):
        keys[slot] = 0
        times[slot] = 0
    for candidate in range(candidates):
        key = grams[candidate] | np.uint64(1)
        found = find_slot(keys, size, key)
        keys[found] = key
        times[found] += 1
        slots[candidate] = found


@leaf
def _most_frequent(
    n: int, candidates: int, positions: Positions, slots: Positions, times: Counts, lengths: Counts
) -> int:
    """Return the code points of the most frequent n-gram, with spaces, times its occurrences."""
    best = 1
    at = 0  # where no n-gram is repeated, the text's first is the most frequent
    for candidate in range(candidates):
        if times[slots[candidate]] > best:
            best = times[slots[candidate]]
            at = positions[candidate]
    return best * int(lengths[at + n] - lengths[at] + n - 1)


@leaf
def _duplicates(n: int, candidates: int, positions: Positions, slots: Positions, times: Counts, lengths: Counts) -> int:
    """Return the code points in n-grams that were met before. Negates the times of those that were met."""
    total = 0
    resume = 0
    for candidate in range(candidates):
        at = positions[candidate]
        slot = slots[candidate]
        if at >= resume:
            if times[slot] < 0:
                total += lengths[at + n] - lengths[at]
                resume = at + n
            else:
                times[slot] = -times[slot]
    return total


@leaf
def _grow(
    n: int,
    words: int,
    candidates: int,
    positions: Positions,
    grams: Keys,
    hashes: Keys,
    slots: Positions,
    times: Counts,
) -> int:
    """Keep the n-grams that occur more than once, and add a word to each; return how many candidates are left."""
    kept = 0
    for candidate in range(candidates):
        at = positions[candidate]
        if abs(times[slots[candidate]]) > 1 and at + n < words:
            positions[kept] = at
            grams[kept] = mix(grams[candidate], hashes[at + n])
            kept += 1
    return kept


@leaf
def _count_newlines(data: Bytes, start: int, end: int) -> int:
    count = 0
    at = find_byte(data, start, end, _NEWLINE)
    while at < end:
        count += 1
        at = find_byte(data, at + 1, end, _NEWLINE)
    return count


@leaf
def _run_end(data: Bytes, at: int, end: int) -> int:
    while at < end and data[at] == _NEWLINE:
        at += 1
    return at
