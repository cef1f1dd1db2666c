"""Finding evaluation items in text by the n-grams of words they share, as numba kernels.

The n-gram of the words with hashes w_1 … w_n is the number w_1·B^(n−1) + … + w_n modulo 2^64, which moves on by one
word with two multiplications (Karp and Rabin 1987, "Efficient randomized pattern-matching algorithms"). Words' hashes
are uniform 64-bit numbers, so sums of two different n-grams are equal with a probability of about 2^−64. A bitmap with
16 bits or more per n-gram of the index turns away nearly all n-grams of clean text; the others are looked up in a hash
table. Cost: about 3 ns per word and length of n-gram, beside the splitting into words.
"""

from typing import NamedTuple

import numpy as np

from prep.corpus.arrow.columns import Bytes, Offsets, longest_row
from prep.corpus.kernels import inner, kernel, leaf
from prep.corpus.text.hashing import find_slot, table_size
from prep.corpus.text.utf8 import decode
from prep.stages.decontaminate.folding_kernels import (
    IGNORED,
    SEPARATOR,
    Folding,
    Hashes,
    Ints,
    Positions,
    fold_words,
)
from prep.stages.decontaminate.reading_kernels import (
    ESCAPED,
    JOINED,
    LATEX,
    NESTED,
    NUMBERED,
    QUOTED,
    Vocabulary,
    first_sign,
    next_window,
    read,
)

_BASE = np.uint64(0xD1342543DE82EF95)
_BY_LENGTH = np.uint64(0xA0761D6478BD642F)
_ODD = np.uint64(1)
_BITS_PER_NGRAM = 16
_FEW = 4
_WORD_BYTES = 24
"""Bytes around a sign for each word of an n-gram, within which a text is read in another way."""
_WORD, _WORD_MASK = np.uint64(6), np.uint64(63)


class Index(NamedTuple):
    """The n-grams of all evaluation items."""

    keys: Hashes
    """Hash table of the n-grams (see `find_slot`)."""
    numbers: Ints
    """The number of the n-gram in each slot."""
    bitmap: Hashes
    """One bit for each value of an n-gram's upper bits: set where an item has such an n-gram."""
    shift: np.uint64
    """64 − the number of those bits."""
    lengths: Positions
    """The lengths of n-grams that occur, in words, rising."""


class Forms(NamedTuple):
    """How text becomes words: what code points become, and what names stand for."""

    folding: Folding
    vocabulary: Vocabulary


class _Room(NamedTuple):
    """Room for one text, as it is read, and for its words."""

    text: Bytes
    origins: Positions
    hashes: Hashes
    starts: Positions
    ends: Positions


@inner
def _make_room(bytes_: int) -> _Room:
    size = max(1, 2 * bytes_)
    text, origins = np.empty(size + 8, np.uint8), np.empty(size + 9, np.int64)
    return _Room(text, origins, np.empty(size, np.uint64), np.empty(size, np.int64), np.empty(size, np.int64))


@inner
def _words(data: Bytes, start: int, end: int, reading: int, forms: Forms, room: _Room) -> int:
    """Find the words of a text in a reading, with their places in the text itself; return how many there are."""
    if reading == 0:
        return fold_words(data, start, end, forms.folding, room.hashes, room.starts, room.ends)
    length = read(data, start, end, reading, forms.vocabulary, room.text, room.origins)
    words = fold_words(room.text, 0, length, forms.folding, room.hashes, room.starts, room.ends)
    for word in range(words):
        room.starts[word] = room.origins[room.starts[word]]
        room.ends[word] = room.origins[room.ends[word]]
    return words


@kernel
def item_ngrams(data: Bytes, offsets: Offsets, forms: Forms, ngram: int, shortest: int) -> tuple[Positions, Positions]:
    """Return the n-grams of items, one row for each, and the words of each item.

    Columns of the n-grams (int64, n-grams × 4): the hash, the item's number, the length and the first word. An item of
    fewer than `ngram` words has one n-gram of all of them. One of fewer than `shortest`, which is 1 or more, has none.
    N-grams of the same few words again and again, such as rows of numbers, are left out.
    """
    items = len(offsets) - 1
    room = _make_room(longest_row(offsets))
    words = np.empty(items, np.int64)
    found = np.empty((64, 4), np.int64)
    count = 0
    for item in range(items):
        start, end = offsets[item], offsets[item + 1]
        reading = LATEX if first_sign(data, start, start, end, LATEX) < end else 0
        words[item] = _words(data, start, end, reading, forms, room)
        if words[item] < shortest:
            continue
        length = min(ngram, words[item])
        state, highest = _first(room.hashes, length)
        for word in range(words[item] - length + 1):
            if word:
                state = (state - room.hashes[word - 1] * highest) * _BASE + room.hashes[word + length - 1]
            if _repeats_itself(room.hashes, word, word + length):
                continue
            found = _with_room(found, count)
            found[count, 0] = np.int64(_key(state, length))
            found[count, 1] = item
            found[count, 2] = length
            found[count, 3] = word
            count += 1
    return found[:count].copy(), words


@leaf
def _repeats_itself(hashes: Hashes, start: int, end: int) -> bool:
    """Return whether less than one in _FEW words is another than those before it."""
    different = 0
    for word in range(start, end):
        fresh = True
        for before in range(start, word):
            fresh = fresh and hashes[before] != hashes[word]
        different += fresh
    return different * _FEW < end - start


@kernel
def make_index(ngrams: Hashes, lengths: Positions) -> Index:
    """Return the index of different n-grams, numbered as they come; `lengths` are those that occur."""
    size = table_size(len(ngrams))
    keys = np.zeros(size, np.uint64)
    numbers = np.zeros(size, np.int32)
    bits = 12
    while (1 << bits) < _BITS_PER_NGRAM * len(ngrams):
        bits += 1
    shift = np.uint64(64 - bits)
    bitmap = np.zeros(1 << (bits - 6), np.uint64)
    for number in range(len(ngrams)):
        slot = find_slot(keys, size, ngrams[number])
        keys[slot] = ngrams[number]
        numbers[slot] = number
        bit = ngrams[number] >> shift
        bitmap[bit >> _WORD] |= _ODD << (bit & _WORD_MASK)
    return Index(keys, numbers, bitmap, shift, lengths)


@kernel
def find_ngrams(data: Bytes, offsets: Offsets, forms: Forms, index: Index) -> Positions:
    """Return the n-grams of the index that texts hold, one row for each place and reading (int64, places × 5).

    Columns: the text, the length in words, the n-gram's number, and the bytes of the text at which the first word
    begins and the last one ends.
    """
    room = _make_room(longest_row(offsets))
    found = np.empty((64, 5), np.int64)
    count = 0
    margin = _WORD_BYTES * index.lengths[-1] if len(index.lengths) else 0
    for text in range(len(offsets) - 1):
        start, end = offsets[text], offsets[text + 1]
        words = _words(data, start, end, 0, forms, room)
        found, count = _find(found, count, text, start, words, index, room)
        for reading in (LATEX, ESCAPED, NESTED, JOINED, QUOTED, NUMBERED):
            begin, stop = next_window(data, start, start, end, reading, margin)
            while begin < end:
                words = _words(data, begin, stop, reading, forms, room)
                found, count = _find(found, count, text, start, words, index, room)
                begin, stop = next_window(data, start, stop, end, reading, margin)
    return found[:count]


@inner
def _find(
    found: Positions, count: int, text: int, start: int, words: int, index: Index, room: _Room
) -> tuple[Positions, int]:
    """Add the places of some words of a text."""
    hashes = room.hashes
    for length in index.lengths:
        if words < length:
            break
        state, highest = _first(hashes, length)
        for word in range(words - length + 1):
            if word:
                state = (state - hashes[word - 1] * highest) * _BASE + hashes[word + length - 1]
            key = _key(state, length)
            bit = key >> index.shift
            if not (index.bitmap[bit >> _WORD] >> (bit & _WORD_MASK)) & _ODD:
                continue
            slot = find_slot(index.keys, len(index.keys), key)
            if index.keys[slot] != key:
                continue
            found = _with_room(found, count)
            found[count, 0] = text
            found[count, 1] = length
            found[count, 2] = index.numbers[slot]
            found[count, 3] = room.starts[word] - start
            found[count, 4] = room.ends[word + length - 1] - start
            count += 1
    return found, count


@inner
def _with_room(rows: Positions, count: int) -> Positions:
    """Return rows with room for one more."""
    if count < len(rows):
        return rows
    larger = np.empty((2 * count, rows.shape[1]), np.int64)
    larger[:count] = rows
    return larger


@leaf
def _first(hashes: Hashes, length: int) -> tuple[np.uint64, np.uint64]:
    """Return the state of the first n-gram, and the weight of its first word."""
    state = hashes[0]
    highest = _ODD
    for word in range(1, length):
        state = state * _BASE + hashes[word]
        highest *= _BASE
    return state, highest


@leaf
def _key(state: np.uint64, length: int) -> np.uint64:
    """Return an n-gram's hash, which is never zero and differs from that of an n-gram of another length."""
    return (state + np.uint64(length) * _BY_LENGTH) | _ODD


@kernel
def widen(
    data: Bytes, offsets: Offsets, folding: Folding, rows: Positions, begins: Positions, ends: Positions
) -> tuple[Positions, Positions]:
    """Return spans with the characters that touch them, unless these are letters, digits, white space or brackets.

    Span k is bytes `begins[k]` to `ends[k]` of text `rows[k]`. Brackets are those of tags.
    """
    wide_begins, wide_ends = np.empty_like(begins), np.empty_like(ends)
    for span in range(len(rows)):
        start, end = offsets[rows[span]], offsets[rows[span] + 1]
        wide_begins[span] = _before_marks(data, start, start + begins[span], folding) - start
        wide_ends[span] = _after_marks(data, start + ends[span], end, folding) - start
    return wide_begins, wide_ends


@leaf
def _before_marks(data: Bytes, start: int, at: int, folding: Folding) -> int:
    """Return where the marks begin that end at `at`."""
    begin = at
    while begin > start:
        before = begin - 1
        while before > start and data[before] & 0xC0 == 0x80:
            before -= 1
        code, _ = decode(data, before, begin)
        if folding.table[code] != SEPARATOR or _is_bracket(code):
            break
        begin = before
    return begin


@leaf
def _after_marks(data: Bytes, at: int, end: int, folding: Folding) -> int:
    """Return where the marks end that begin at `at`."""
    while at < end:
        code, after = decode(data, at, end)
        if folding.table[code] not in (SEPARATOR, IGNORED) or _is_bracket(code):
            break
        at = after
    return at


@leaf
def _is_bracket(code: int) -> bool:
    """Return whether the character may belong to a tag."""
    return code in (0x3C, 0x3E)
