"""Evaluating a fastText classifier over whole columns of text.

A text is the mean of the vectors of its words, of their character n-grams and, where the model was trained so, of
sequences of words; the output is linear in it (Joulin et al. 2016). A word's share of that sum is the same wherever it
stands, so it is added up once and kept in a direct-mapped cache: about 10 ns for a word met before, 20 ns per n-gram
otherwise. The cache changes speed only: a sum is always taken word by word.

Differences from the library: sums are in 64 bits where it has 32, and logistic functions are computed where it
looks them up, and a literal `</s>` does not end the text. Labels are equal except for near ties.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from prep.corpus.arrow.columns import Bytes, Offsets
from prep.corpus.kernels import kernel, leaf
from prep.corpus.text.hashing import find_slot, hash_bytes, table_size

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]
Keys = npt.NDArray[np.uint64]

HIERARCHICAL, INDEPENDENT, EXCLUSIVE = 0, 1, 2
"""How outputs become probabilities: by a binary tree, by a logistic function each, by a softmax."""

END_OF_LINE = np.frombuffer(b"</s>", np.uint8)
"""The word that the library reads at the end of a line."""
SMOOTHING = 1e-5
"""The library adds this to a probability before it takes its logarithm."""

_FNV_BASIS, _FNV_PRIME = np.uint32(2166136261), np.uint32(16777619)
_SEQUENCE_PRIME = np.uint64(116049371)
_SEED = np.uint64(0)
_ROW_BITS = np.uint64(32)
_ROW_MASK = np.uint64(0xFFFFFFFF)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_CACHED_BYTES = 64  # longer words seldom come again
_LABEL_BYTES = np.frombuffer(b"__label__", np.uint8)


class Tables(NamedTuple):
    """A classifier as kernels read it. V words, B buckets, D dimensions, L labels."""

    word_keys: Keys
    """Hash table of the words (see `find_slot`)."""
    word_rows: Ints
    """The row in `vectors` of the word in each slot."""
    bucket_slots: Keys
    """Hash table of the buckets kept: (bucket + 1) << 32 | row; empty where all are."""
    vectors: Floats
    """(V + B, D)"""
    output: Floats
    """(L, D)"""
    left: Ints
    """The tree's inner node i has the children left[i] and right[i]; the leaves 0 … L − 1 are the labels."""
    right: Ints
    words: int
    buckets: int
    """Hashes are taken modulo this."""
    shortest: int
    longest: int
    """Characters of the n-grams inside words; none where `longest` is 0."""
    sequences: int
    """Words of the longest sequence that counts; 1: single words."""
    kind: int
    """HIERARCHICAL, INDEPENDENT or EXCLUSIVE."""


class Cache(NamedTuple):
    """What words met before contributed: key, number of vectors, their sum."""

    keys: Keys
    counts: Ints
    sums: Floats


@kernel
def word_table(data: Bytes, offsets: Offsets) -> tuple[Keys, Ints]:
    """Return the hash table of words, and the number of the word in each slot."""
    size = table_size(2 * len(offsets))
    keys = np.zeros(size, np.uint64)
    rows = np.zeros(size, np.int32)
    for word in range(len(offsets) - 1):
        key = hash_bytes(data, offsets[word], offsets[word + 1], _SEED) | np.uint64(1)
        slot = find_slot(keys, size, key)
        if keys[slot] == 0:
            keys[slot] = key
            rows[slot] = word
    return keys, rows


@kernel
def bucket_table(buckets: Ints, words: int) -> Keys:
    """Return the hash table of the buckets kept, of which the i-th is row words + i."""
    size = table_size(len(buckets))
    slots = np.zeros(size, np.uint64)
    for index in range(len(buckets)):
        key = np.uint64(buckets[index]) + np.uint64(1)
        slot = _bucket_slot(slots, key)
        slots[slot] = (key << _ROW_BITS) | np.uint64(words + index)
    return slots


@kernel
def label_tree(counts: npt.NDArray[np.int64]) -> tuple[Ints, Ints]:
    """Return the children of the inner nodes of Huffman's tree over labels, by the counts of falling order they have.

    Both are int32, L − 1; node L + i stands for the i-th inner node. Source: fastText, hierarchical softmax.
    """
    labels = len(counts)
    left = np.zeros(max(labels - 1, 0), np.int32)
    right = np.zeros(max(labels - 1, 0), np.int32)
    weights = np.full(2 * labels, np.int64(10**15))
    weights[:labels] = counts
    leaf_node = labels - 1
    inner = labels
    for made in range(labels - 1):
        for side in (left, right):
            if leaf_node >= 0 and weights[leaf_node] < weights[inner]:
                side[made] = leaf_node
                leaf_node -= 1
            else:
                side[made] = inner
                inner += 1
        weights[labels + made] = weights[left[made]] + weights[right[made]]
    return left, right


@kernel
def probabilities(data: Bytes, offsets: Offsets, tables: Tables, cache: Cache) -> Floats:
    """Return the probability of each label for each text (float32, texts × L); NaN for a text without any vector."""
    texts = len(offsets) - 1
    labels, dim = tables.output.shape
    result = np.empty((texts, labels), np.float32)
    total = np.empty(dim, np.float64)
    single = np.empty(dim, np.float32)
    sequences = np.zeros(tables.sequences, np.uint64)
    scores = np.empty(2 * labels, np.float64)
    for text in range(texts):
        total[:] = 0.0
        sequences[:] = 0
        count = 0
        started = 0
        at, end = offsets[text], offsets[text + 1]
        while at < end:
            if _is_space(data[at]):
                at += 1
                continue
            begin = at
            while at < end and not _is_space(data[at]):
                at += 1
            if at - begin >= len(_LABEL_BYTES) and _begins_with_label(data, begin):
                continue
            count += _add_word(data, begin, at, tables, cache, single, total)
            if tables.sequences > 1:
                count += _add_sequences(_fnv(data, begin, at), tables, sequences, started, total)
                started += 1
        count += _add_known(END_OF_LINE, 0, len(END_OF_LINE), tables, total)
        if tables.sequences > 1:
            count += _add_sequences(_fnv(END_OF_LINE, 0, len(END_OF_LINE)), tables, sequences, started, total)
        if count == 0:
            result[text] = np.nan
            continue
        total /= count
        if tables.kind == HIERARCHICAL:
            _descend(tables, total, scores)
        else:
            _flat(tables, total, scores)
        for label in range(labels):
            result[text, label] = scores[label]
    return result


@leaf
def _is_space(byte: int) -> bool:
    return byte == 32 or 9 <= byte <= 13 or byte == 0


@leaf
def _begins_with_label(data: Bytes, at: int) -> bool:
    """Return whether a word begins as labels do; such words are not read."""
    equal = True
    index = 0
    while equal and index < len(_LABEL_BYTES):
        equal = data[at + index] == _LABEL_BYTES[index]
        index += 1
    return bool(equal)


@leaf
def _fnv(data: Bytes, at: int, end: int) -> np.uint32:
    state = _FNV_BASIS
    while at < end:
        state = _fnv_step(state, data[at])
        at += 1
    return state


@leaf
def _fnv_step(state: np.uint32, byte: int) -> np.uint32:
    """Absorb a byte as the library does, which takes it for a signed one (FNV-1a otherwise)."""
    signed = np.uint32(byte) if byte < 128 else np.uint32(byte) | np.uint32(0xFFFFFF00)
    return np.uint32((state ^ signed) * _FNV_PRIME)


@leaf
def _bucket_slot(slots: Keys, key: np.uint64) -> np.uint64:
    mask = np.uint64(len(slots) - 1)
    slot = ((key * _GOLDEN) >> _ROW_BITS) & mask
    while slots[slot] != 0 and slots[slot] >> _ROW_BITS != key:
        slot = (slot + np.uint64(1)) & mask
    return slot


@leaf
def _bucket_row(tables: Tables, bucket: int) -> int:
    """Return the row of a bucket, −1 where it is not kept."""
    if len(tables.bucket_slots) == 0:
        return tables.words + bucket
    found = tables.bucket_slots[_bucket_slot(tables.bucket_slots, np.uint64(bucket) + np.uint64(1))]
    return int(np.int64(found & _ROW_MASK)) if found != 0 else -1


@leaf
def _add_word(data: Bytes, begin: int, end: int, tables: Tables, cache: Cache, single: Floats, total: Doubles) -> int:
    """Add a word's vectors, and return how many they are."""
    key = hash_bytes(data, begin, end, _SEED) | np.uint64(1)
    slot = (key >> np.uint64(16)) & np.uint64(len(cache.keys) - 1)
    if cache.keys[slot] == key:
        for d in range(len(total)):
            total[d] += cache.sums[slot, d]
        return int(cache.counts[slot])
    single[:] = 0.0
    count = 0
    word = find_slot(tables.word_keys, len(tables.word_keys), key)
    if tables.word_keys[word] == key:
        row = tables.word_rows[word]
        for d in range(len(single)):
            single[d] += tables.vectors[row, d]
        count = 1
    if tables.longest > 0:
        count += _add_ngrams(data, begin, end, tables, single)
    for d in range(len(total)):
        total[d] += single[d]
    if end - begin <= _CACHED_BYTES:
        cache.keys[slot] = key
        cache.counts[slot] = count
        for d in range(len(single)):
            cache.sums[slot, d] = single[d]
    return count


@leaf
def _add_known(data: Bytes, begin: int, end: int, tables: Tables, total: Doubles) -> int:
    """Add the vector of a word that has no n-grams, and return 1 where it has one."""
    key = hash_bytes(data, begin, end, _SEED) | np.uint64(1)
    slot = find_slot(tables.word_keys, len(tables.word_keys), key)
    if tables.word_keys[slot] != key:
        return 0
    for d in range(len(total)):
        total[d] += tables.vectors[tables.word_rows[slot], d]
    return 1


@leaf
def _add_ngrams(data: Bytes, begin: int, end: int, tables: Tables, single: Floats) -> int:
    """Add the vectors of the character n-grams of a word between the marks `<` and `>`; return how many they are."""
    reciprocal = 1.0 / tables.buckets
    count = 0
    at = begin - 1  # stands for the mark in front
    while at <= end:
        state = _FNV_BASIS
        after = at
        length = 0
        while after <= end and length < tables.longest:
            length += 1
            state = _fnv_step(state, _marked(data, begin, end, after))
            after += 1
            while after < end and data[after] & 0xC0 == 0x80:
                state = _fnv_step(state, data[after])
                after += 1
            mark_alone = length == 1 and (at < begin or after > end)
            if length >= tables.shortest and not mark_alone:
                row = _bucket_row(tables, _remainder(state, tables.buckets, reciprocal))
                if row >= 0:
                    count += 1
                    for d in range(len(single)):
                        single[d] += tables.vectors[row, d]
        at += 1
        while begin <= at < end and data[at] & 0xC0 == 0x80:
            at += 1
    return count


@leaf
def _remainder(state: np.uint32, divisor: int, reciprocal: float) -> int:
    """Return state modulo divisor: a multiplication costs a fifth of a division."""
    quotient = np.int64(np.float64(state) * reciprocal)
    rest = np.int64(state) - quotient * divisor
    if rest < 0:
        rest += divisor
    elif rest >= divisor:
        rest -= divisor
    return int(rest)


@leaf
def _marked(data: Bytes, begin: int, end: int, at: int) -> int:
    if at < begin:
        return 0x3C
    if at >= end:
        return 0x3E
    return int(data[at])


@leaf
def _add_sequences(word: np.uint32, tables: Tables, sequences: Keys, started: int, total: Doubles) -> int:
    """Add the vectors of the sequences of words that end with this one; return how many they are.

    `sequences[k]` is the hash of the words since the one k + 1 words ago.
    """
    signed = np.uint64(np.int64(np.int32(word)))
    count = 0
    for back in range(min(started, tables.sequences - 1) - 1, -1, -1):
        state = sequences[back] * _SEQUENCE_PRIME + signed
        sequences[back + 1] = state
        row = _bucket_row(tables, int(state % np.uint64(tables.buckets)))
        if row >= 0:
            count += 1
            for d in range(len(total)):
                total[d] += tables.vectors[row, d]
    sequences[0] = signed
    return count


@leaf
def _descend(tables: Tables, mean: Doubles, scores: Doubles) -> None:
    """Give each node of the tree its probability: that of its parent, times the turn taken there."""
    labels = len(tables.output)
    scores[2 * labels - 2] = 1.0
    for node in range(2 * labels - 2, labels - 1, -1):
        turn = 1.0 / (1.0 + np.exp(-_dot(tables.output, node - labels, mean)))
        scores[tables.left[node - labels]] = scores[node] * (1.0 - turn + SMOOTHING)
        scores[tables.right[node - labels]] = scores[node] * (turn + SMOOTHING)


@leaf
def _flat(tables: Tables, mean: Doubles, scores: Doubles) -> None:
    labels = len(tables.output)
    highest = -np.inf
    for label in range(labels):
        scores[label] = _dot(tables.output, label, mean)
        highest = max(highest, scores[label])
    if tables.kind == INDEPENDENT:
        for label in range(labels):
            scores[label] = 1.0 / (1.0 + np.exp(-scores[label])) + SMOOTHING
        return
    mass = 0.0
    for label in range(labels):
        scores[label] = np.exp(scores[label] - highest)
        mass += scores[label]
    for label in range(labels):
        scores[label] = scores[label] / mass + SMOOTHING


@leaf
def _dot(output: Floats, row: int, mean: Doubles) -> float:
    value = 0.0
    for d in range(len(mean)):
        value += output[row, d] * mean[d]
    return value
