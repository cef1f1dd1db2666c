"""N-gram language models over words with interpolated Kneser-Ney smoothing, as numba kernels over columns of text.

    p_n(w | h) = max(c(hw) − D_n, 0) / c(h) + D_n · f(h) / c(h) · p_(n−1)(w | h')        p_0 = 1 / (V + 1)

h are the n − 1 words before w, h' the last n − 2 of them, c(h) the sum of c(hw) over all w, f(h) the number of words
seen after h, V the number of different words. c counts occurrences in the highest order and different words before
the n-gram in all others. The discount is D_n = ones / (ones + 2 · twos), of the n-grams with c = 1 and c = 2, kept
between 0.1 and 0.9. Sources: Kneser and Ney 1995, "Improved backing-off for m-gram language modeling"; Chen and Goodman
1998, "An empirical study of smoothing techniques for language modeling", section 2.7.

N-grams are 64-bit hashes in tables of open addressing: a collision of two would be an error of one count, and among
10^8 n-grams there is one with a probability of 10^−3. Cost: one to `order` random reads per word in training, twice
`order` in scoring. Memory: about 30 bytes per different n-gram of the highest order, 50 per shorter one.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from prep.corpus.arrow.columns import Bytes, Offsets, longest_row
from prep.corpus.kernels import inner, kernel, leaf
from prep.corpus.text.hashing import find_slot, hash_lower, mix
from prep.corpus.text.words import DIGITS, SYMBOLS, Positions, split_words

Hashes = npt.NDArray[np.uint64]
Ints = npt.NDArray[np.int32]
Doubles = npt.NDArray[np.float64]
CodePoints = npt.NDArray[np.int32]

COUNT, TOTAL, FOLLOWERS = 0, 1, 2
"""Columns of `Model.lower`: c of the n-gram; c and f of the n-gram as what stands before a word."""
LONG_USED, LOWER_USED = 0, 1
LEAST_DISCOUNT, GREATEST_DISCOUNT = 0.1, 0.9

_SEED = np.uint64(0x6E67)
_ROOT = np.uint64(0x1234567887654321)  # the n-gram of no word
_BEGIN = np.uint64(0xB5297A4D3F84D5B5)  # stands before the first word
_NUMBER = np.uint64(0x9D8F2A1C55AA77C3)  # stands for every word of digits
_ODD = np.uint64(1)


class Model(NamedTuple):
    """What has been counted, for n-grams of `order` words (the long ones) and of fewer (the lower ones)."""

    order: int
    long_keys: Hashes
    """Hash table (see `find_slot`)."""
    long_counts: Ints
    lower_keys: Hashes
    lower: Ints
    """(slots, 3): COUNT, TOTAL, FOLLOWERS"""
    used: Positions
    """N-grams in both tables."""
    counts_of_counts: Positions
    """(order + 1, 2): how many n-grams of each length have c = 1 and c = 2."""


def empty_model(order: int) -> Model:
    """Return a model that has seen nothing."""
    size = 1 << 12
    keys, counts = np.zeros((2, size), np.uint64), np.zeros(size, np.int32)
    used, ones_and_twos = np.zeros(2, np.int64), np.zeros((order + 1, 2), np.int64)
    return Model(order, keys[0].copy(), counts, keys[1].copy(), np.zeros((size, 3), np.int32), used, ones_and_twos)


@kernel
def count_ngrams(data: Bytes, offsets: Offsets, splitter: Bytes, lower_case: CodePoints, model: Model) -> Model:
    """Count the n-grams of texts, beside what the model has counted before; returns the model, which may have grown."""
    order = model.order
    largest = max(1, longest_row(offsets)) + order
    hashes, kinds = np.empty(largest, np.uint64), np.empty(largest, np.uint8)
    starts, ends = np.empty(largest, np.int64), np.empty(largest, np.int64)
    ngrams, contexts = np.empty(order + 1, np.uint64), np.empty(order + 1, np.uint64)
    for row in range(len(offsets) - 1):
        words = split_words(data, offsets[row], offsets[row + 1], splitter, starts, ends, kinds)
        length = _hash_words(data, starts[:words], ends, kinds, lower_case, order, hashes)
        for word in range(order - 1, length):
            if 2 * (model.used[LONG_USED] + 1) > len(model.long_keys):
                model = _grow_long(model)
            if 2 * (model.used[LOWER_USED] + 2 * order) > len(model.lower_keys):
                model = _grow_lower(model)
            _hash_ngrams(hashes, word, order, ngrams)
            _hash_ngrams(hashes, word - 1, order - 1, contexts)
            _count(model, ngrams, contexts)
    return model


@kernel
def log_probabilities(
    data: Bytes, offsets: Offsets, splitter: Bytes, lower_case: CodePoints, model: Model, discounts: Doubles
) -> tuple[Doubles, Positions]:
    """Return the natural logarithm of each text's probability, and its number of words."""
    order = model.order
    texts = len(offsets) - 1
    sums, lengths = np.zeros(texts, np.float64), np.zeros(texts, np.int64)
    largest = max(1, longest_row(offsets)) + order
    hashes, kinds = np.empty(largest, np.uint64), np.empty(largest, np.uint8)
    starts, ends = np.empty(largest, np.int64), np.empty(largest, np.int64)
    ngrams, contexts = np.empty(order + 1, np.uint64), np.empty(order + 1, np.uint64)
    for row in range(texts):
        words = split_words(data, offsets[row], offsets[row + 1], splitter, starts, ends, kinds)
        length = _hash_words(data, starts[:words], ends, kinds, lower_case, order, hashes)
        for word in range(order - 1, length):
            _hash_ngrams(hashes, word, order, ngrams)
            _hash_ngrams(hashes, word - 1, order - 1, contexts)
            sums[row] += np.log(_probability(model, discounts, ngrams, contexts))
        lengths[row] = length - (order - 1)
    return sums, lengths


def discounts_of(model: Model) -> Doubles:
    """Return the discount of each length of n-gram (order + 1; the first is not used)."""
    ones, twos = model.counts_of_counts.T
    discounts = np.divide(ones, ones + 2 * twos, out=np.full(len(ones), GREATEST_DISCOUNT), where=ones > 0)
    clipped: Doubles = np.clip(discounts, LEAST_DISCOUNT, GREATEST_DISCOUNT)
    return clipped


@leaf
def _hash_words(
    data: Bytes, starts: Positions, ends: Positions, kinds: Bytes, lower_case: CodePoints, order: int, hashes: Hashes
) -> int:
    """Hash the words with a letter or digit, behind marks for the beginning; return how many hashes there are."""
    for mark in range(order - 1):
        hashes[mark] = _BEGIN
    count = order - 1
    for word in range(len(starts)):
        if kinds[word] == DIGITS:
            hashes[count] = _NUMBER
        else:
            hashes[count] = hash_lower(data, starts[word], ends[word], lower_case, _SEED)
        count += kinds[word] != SYMBOLS
    return count


@leaf
def _hash_ngrams(hashes: Hashes, last: int, longest: int, ngrams: Hashes) -> None:
    """Hash the n-grams that end with a word: `ngrams[n]` is that of n words, from 0 to the longest."""
    state = _ROOT
    ngrams[0] = state
    for length in range(1, longest + 1):
        state = mix(state, hashes[last - length + 1]) | _ODD
        ngrams[length] = state


@leaf
def _count(model: Model, ngrams: Hashes, contexts: Hashes) -> None:
    """Count the longest n-gram; one that is new counts for the next shorter one, and so on."""
    for length in range(model.order, 0, -1):
        if length == model.order:
            slot = find_slot(model.long_keys, len(model.long_keys), ngrams[length])
            if model.long_keys[slot] == 0:
                model.long_keys[slot] = ngrams[length]
                model.used[LONG_USED] += 1
            model.long_counts[slot] += 1
            count = model.long_counts[slot]
        else:
            slot = _lower_slot(model, ngrams[length])
            model.lower[slot, COUNT] += 1
            count = model.lower[slot, COUNT]
        if count <= 2:
            model.counts_of_counts[length, count - 1] += 1
        if 2 <= count <= 3:
            model.counts_of_counts[length, count - 2] -= 1
        context = _lower_slot(model, contexts[length - 1])
        model.lower[context, TOTAL] += 1
        if count > 1:
            break
        model.lower[context, FOLLOWERS] += 1


@leaf
def _lower_slot(model: Model, key: np.uint64) -> np.uint64:
    """Return the slot of a lower n-gram, which is entered where it is new."""
    slot = find_slot(model.lower_keys, len(model.lower_keys), key)
    if model.lower_keys[slot] == 0:
        model.lower_keys[slot] = key
        model.used[LOWER_USED] += 1
    return slot


@leaf
def _probability(model: Model, discounts: Doubles, ngrams: Hashes, contexts: Hashes) -> float:
    root = find_slot(model.lower_keys, len(model.lower_keys), _ROOT)
    probability = 1.0 / (model.lower[root, FOLLOWERS] + 1)
    for length in range(1, model.order + 1):
        context = find_slot(model.lower_keys, len(model.lower_keys), contexts[length - 1])
        total = model.lower[context, TOTAL]
        if total == 0:
            break  # never seen before a word; nor were longer ones
        if length == model.order:
            count = model.long_counts[find_slot(model.long_keys, len(model.long_keys), ngrams[length])]
        else:
            count = model.lower[find_slot(model.lower_keys, len(model.lower_keys), ngrams[length]), COUNT]
        left = discounts[length] * model.lower[context, FOLLOWERS] * probability
        probability = (max(count - discounts[length], 0.0) + left) / total
    return float(probability)


@inner
def _grow_long(model: Model) -> Model:
    size = 2 * len(model.long_keys)
    keys, counts = np.zeros(size, np.uint64), np.zeros(size, np.int32)
    for old in range(len(model.long_keys)):
        if model.long_keys[old] != 0:
            slot = find_slot(keys, size, model.long_keys[old])
            keys[slot] = model.long_keys[old]
            counts[slot] = model.long_counts[old]
    return Model(model.order, keys, counts, model.lower_keys, model.lower, model.used, model.counts_of_counts)


@inner
def _grow_lower(model: Model) -> Model:
    size = 2 * len(model.lower_keys)
    keys, values = np.zeros(size, np.uint64), np.zeros((size, 3), np.int32)
    for old in range(len(model.lower_keys)):
        if model.lower_keys[old] != 0:
            slot = find_slot(keys, size, model.lower_keys[old])
            keys[slot] = model.lower_keys[old]
            values[slot] = model.lower[old]
    return Model(model.order, model.long_keys, model.long_counts, keys, values, model.used, model.counts_of_counts)
