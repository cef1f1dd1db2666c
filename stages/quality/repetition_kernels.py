"""How much of a document repeats: duplicate paragraphs and lines, the most frequent n-gram, duplicate n-grams.

Source: Rae et al. 2021 (Gopher), appendix A1.1, table A1. Lengths are in code points.

An n-gram can only be repeated where the (n − 1)-gram at the same place is. So n-grams grow word by word, and only
those that occur more than once go into the next, smaller hash table: about two look-ups per word instead of one per
word and length. Keys are 64-bit hashes, taken as equal when the text is. Cost: O(words × lengths) at worst, where
everything repeats; memory about 50 bytes per word of the largest document.
"""

import numpy as np
import numpy.typing as npt

from prep.corpus.columns import Bytes, Offsets, kernel, leaf, longest_row
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
_MET = np.uint64(1 << 63)  # flags an n-gram's occurrences once the search for duplicates has passed one
_TIMES = ~_MET
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
    data: Bytes, offsets: Offsets, splitter: Bytes, shortest: int, longest: int, duplicates_from: int
) -> tuple[Counts, Counts]:
    """Return the code points in the most frequent n-gram and in duplicate n-grams.

    Both are int64, documents × (longest − shortest + 1), for n from shortest to longest. The most frequent n-gram
    (the first of several) counts with one space between words, times its occurrences; zero where the text has fewer
    than n words. Duplicates are found from left to right: an n-gram met before counts without spaces, and the search
    goes on behind it; not sought, and zero, for n below `duplicates_from`.
    """
    rows = len(offsets) - 1
    top = np.zeros((rows, longest - shortest + 1), np.int64)
    duplicate = np.zeros((rows, longest - shortest + 1), np.int64)
    largest = longest_row(offsets)
    starts = np.empty(largest, np.int64)
    ends = np.empty(largest, np.int64)
    kinds = np.empty(largest, np.uint8)
    capacity = 0
    hashes = np.empty(0, np.uint64)
    grams = np.empty(0, np.uint64)
    positions = np.empty(0, np.int64)
    slots = np.empty(0, np.int64)
    lengths = np.empty(0, np.int64)
    table = np.empty((0, 2), np.uint64)
    for row in range(rows):
        words = split_words(data, offsets[row], offsets[row + 1], splitter, starts, ends, kinds)
        if words > capacity:
            capacity = max(words, min(largest, 2 * capacity))
            hashes = np.empty(capacity, np.uint64)
            grams = np.empty(capacity, np.uint64)
            positions = np.empty(capacity, np.int64)
            slots = np.empty(capacity, np.int64)
            lengths = np.empty(capacity + 1, np.int64)
            table = np.empty((table_size(capacity), 2), np.uint64)
        _hash_words(data, starts[:words], ends, hashes, lengths)
        candidates = _first_grams(shortest, words, hashes, positions, grams)
        for n in range(shortest, min(longest, words) + 1):
            _count_grams(candidates, grams, table, slots)
            column = n - shortest
            top[row, column], candidates = _weigh(n, candidates, positions, grams, lengths, table, slots)
            if n >= duplicates_from:
                duplicate[row, column] = _duplicates(n, candidates, positions, slots, table, lengths)
            candidates = _grow(n, words, candidates, positions, grams, hashes)
    return top, duplicate


@kernel
def _hash_words(data: Bytes, starts: Positions, ends: Positions, hashes: Keys, lengths: Counts) -> None:
    """Give each word its hash, and the code points of the words before it."""
    lengths[0] = 0
    for word in range(len(starts)):
        hashes[word] = hash_bytes(data, starts[word], ends[word], _SEED)
        lengths[word + 1] = lengths[word] + code_points(data, starts[word], ends[word])


@leaf
def _first_grams(n: int, words: int, hashes: Keys, positions: Positions, grams: Keys) -> int:
    """Make a candidate of the n-gram at every position, and return how many there are."""
    candidates = max(0, words - n + 1)
    for at in range(candidates):
        positions[at] = at
        grams[at] = hashes[at]
        for later in range(1, n):
            grams[at] = mix(grams[at], hashes[at + later])
    return candidates


@leaf
def _count_grams(candidates: int, grams: Keys, table: Keys, slots: Positions) -> None:
    """Enter each candidate's n-gram in the table (key, occurrences) and note its slot."""
    size = table_size(candidates)
    mask = np.uint64(size - 1)
    for slot in range(size):
        table[slot, 0] = 0
        table[slot, 1] = 0
    for candidate in range(candidates):
        key = grams[candidate] | np.uint64(1)
        found = key >> np.uint64(8) & mask
        while (table[found, 0] != 0) & (table[found, 0] != key):  # one branch, well predicted
            found = (found + np.uint64(1)) & mask
        table[found, 0] = key
        table[found, 1] += np.uint64(1)
        slots[candidate] = found


@leaf
def _weigh(
    n: int, candidates: int, positions: Positions, grams: Keys, lengths: Counts, table: Keys, slots: Positions
) -> tuple[int, int]:
    """Keep the candidates that occur more than once.

    Returns the code points in the most frequent n-gram, and how many candidates are left.
    """
    best = np.uint64(1)
    best_at = 0  # where no n-gram is repeated, the text's first is the most frequent
    kept = 0
    for candidate in range(candidates):
        at = positions[candidate]
        slot = slots[candidate]
        times = table[slot, 1]
        if times > best:
            best = times
            best_at = at
        positions[kept] = at
        slots[kept] = slot
        grams[kept] = grams[candidate]
        kept += times > 1  # without a branch, which nobody could predict
    return int(best) * int(lengths[best_at + n] - lengths[best_at] + n - 1), kept


@leaf
def _duplicates(n: int, candidates: int, positions: Positions, slots: Positions, table: Keys, lengths: Counts) -> int:
    """Return the code points in n-grams met before, from left to right without overlap. Uses up the occurrences."""
    total = 0
    resume = 0
    for candidate in range(candidates):
        at = positions[candidate]
        if at >= resume:
            if table[slots[candidate], 1] == 0:
                total += lengths[at + n] - lengths[at]
                resume = at + n
            table[slots[candidate], 1] = 0
    return total


@leaf
def _grow(n: int, words: int, candidates: int, positions: Positions, grams: Keys, hashes: Keys) -> int:
    """Add the next word to each n-gram, and return how many have one."""
    while candidates > 0 and positions[candidates - 1] + n >= words:
        candidates -= 1
    for candidate in range(candidates):
        grams[candidate] = mix(grams[candidate], hashes[positions[candidate] + n])
    return candidates


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
