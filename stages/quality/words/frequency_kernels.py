"""All words of texts, and how often each occurs, for stop words.

Cost: one pass, O(bytes); memory 40 bytes per different word.
"""

import numpy as np

from prep.corpus.arrow.columns import Bytes, Offsets, longest_row
from prep.corpus.kernels import kernel
from prep.corpus.text.hashing import find_slot, hash_bytes, table_size
from prep.corpus.text.words import LETTERS, Positions
from prep.stages.quality.words.token_kernels import Tables, split_counted

_SEED = np.uint64(0)


@kernel
def count_occurrences(
    data: Bytes, offsets: Offsets, tables: Tables, joins: Bytes
) -> tuple[Positions, Positions, Positions]:
    """Return where each different word with a letter begins and ends the first time, and how often it occurs.

    Words come in the order of their first occurrence; they are known by 64-bit hashes, taken as equal when the words
    are. Takes what `tables` and `find_unspaced` return.
    """
    longest = longest_row(offsets)
    codes = np.empty(longest, np.int32)
    starts = np.empty(longest, np.int64)
    ends = np.empty(longest, np.int64)
    kinds = np.empty(longest, np.uint8)
    capacity = 1024
    found = np.zeros((capacity, 3), np.int64)
    hashes = np.empty(capacity, np.uint64)
    size = table_size(capacity)
    keys = np.zeros(size, np.uint64)
    numbers = np.empty(size, np.int64)
    different = 0
    for row in range(len(offsets) - 1):
        words = split_counted(data, offsets[row], offsets[row + 1], tables, joins, codes, starts, ends, kinds)
        for word in range(words):
            if kinds[word] != LETTERS:
                continue
            key = hash_bytes(data, starts[word], ends[word], _SEED) | np.uint64(1)
            slot = find_slot(keys, size, key)
            if keys[slot] == 0:
                if different == capacity:
                    capacity *= 2
                    found = np.concatenate((found, np.zeros((capacity - different, 3), np.int64)))
                    hashes = np.concatenate((hashes, np.empty(capacity - different, np.uint64)))
                    size = table_size(capacity)
                    keys = np.zeros(size, np.uint64)
                    numbers = np.empty(size, np.int64)
                    for number in range(different):
                        place = find_slot(keys, size, hashes[number])
                        keys[place] = hashes[number]
                        numbers[place] = number
                    slot = find_slot(keys, size, key)
                keys[slot] = key
                numbers[slot] = different
                hashes[different] = key
                found[different, 0] = starts[word]
                found[different, 1] = ends[word]
                different += 1
            found[numbers[slot], 2] += 1
    return found[:different, 0], found[:different, 1], found[:different, 2]


@kernel
def split_all(data: Bytes, offsets: Offsets, tables: Tables, joins: Bytes) -> tuple[Positions, Positions]:
    """Return where all words of all rows begin and end."""
    size = offsets[-1] - offsets[0]
    codes, kinds = np.empty(size, np.int32), np.empty(size, np.uint8)
    starts, ends = np.empty(size, np.int64), np.empty(size, np.int64)
    count = 0
    for row in range(len(offsets) - 1):
        first, last = offsets[row], offsets[row + 1]
        count += split_counted(data, first, last, tables, joins, codes, starts[count:], ends[count:], kinds[count:])
    return starts[:count], ends[:count]
