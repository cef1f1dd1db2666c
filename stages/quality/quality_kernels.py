"""Counts behind the quality rules of Gopher and FineWeb, one row of integers per document.

Lengths are in code points, positions in bytes. Cost: a few passes over the bytes, O(bytes) whatever they hold: 10 MB
in one line, or a million equal lines.

Sources: Rae et al. 2021, "Scaling Language Models: Methods, Analysis & Insights from Training Gopher", appendix A1.1;
Penedo et al. 2024, "The FineWeb Datasets", section 3.6.
"""

import numpy as np
import numpy.typing as npt

from prep.corpus.characters import PUNCTUATION, TERMINAL
from prep.corpus.columns import Bytes, Offsets, kernel, leaf, longest_row
from prep.corpus.hashing import find_slot, hash_bytes, table_size
from prep.corpus.utf8 import code_points, decode, find_byte, find_line_end
from prep.corpus.words import LETTERS, SYMBOLS, Positions, split_words, trim

Counts = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]

GOPHER = (
    *("words", "plain_words", "plain_characters", "alphabetic_words", "stop_words"),
    *("hashes", "ellipses", "lines", "bullet_lines", "ellipsis_lines"),
)
"""Columns of `gopher_counts`. Plain words are those that are not punctuation alone."""
_WORDS, _PLAIN_WORDS, _PLAIN_CHARACTERS, _ALPHABETIC_WORDS, _STOP_WORDS = range(5)
_HASHES, _ELLIPSES, _LINES, _BULLET_LINES, _ELLIPSIS_LINES = range(5, 10)

FINEWEB = ("words", "newlines", "characters", "lines", "punctuated_lines", "short_lines", "duplicate_characters")
"""Columns of `fineweb_counts`. Characters are those that are not newlines; lines those that are not blank."""
_FW_WORDS, _FW_NEWLINES, _FW_CHARACTERS, _FW_LINES, _FW_PUNCTUATED, _FW_SHORT, _FW_DUPLICATE = range(7)

_NEWLINE, _HASH, _FULL_STOP, _DASH, _LEAD_OF_THREE = 0x0A, 0x23, 0x2E, 0x2D, 0xE2
_BULLET, _ELLIPSIS = 0xA2, 0xA6  # last bytes of U+2022 and U+2026, both E2 80 __
_SEED = np.uint64(0)


@kernel
def word_set(data: Bytes, offsets: Offsets) -> Keys:
    """Return a hash table (for `find_slot`) of the words `data[offsets[i]:offsets[i + 1]]`."""
    size = table_size(16 * len(offsets))  # sparse, so that a look-up is one step
    keys = np.zeros(size, np.uint64)
    for index in range(len(offsets) - 1):
        key = _key(data, offsets[index], offsets[index + 1])
        keys[find_slot(keys, size, key)] = key
    return keys


@kernel
def gopher_counts(
    data: Bytes, offsets: Offsets, splitter: Bytes, characters: Bytes, stop_words: Keys, longest_stop_word: int
) -> Counts:
    """Return the counts named in GOPHER (int64, documents × 10).

    Takes `word_table`, `character_table`, and `word_set` of the stop words with the bytes of the longest.
    """
    rows = len(offsets) - 1
    counts = np.zeros((rows, len(GOPHER)), np.int64)
    largest = longest_row(offsets)
    starts = np.empty(largest, np.int64)
    ends = np.empty(largest, np.int64)
    kinds = np.empty(largest, np.uint8)
    last_seen = np.full(len(stop_words), -1)  # the row that held a stop word last
    for row in range(rows):
        start, end = offsets[row], offsets[row + 1]
        words = split_words(data, start, end, splitter, starts, ends, kinds)
        counts[row, _WORDS] = words
        _count_words(data, starts[:words], ends[:words], kinds, characters, counts[row])
        for word in range(words):
            if ends[word] - starts[word] <= longest_stop_word:
                key = _key(data, starts[word], ends[word])
                slot = find_slot(stop_words, len(stop_words), key)
                if stop_words[slot] == key and last_seen[slot] != row:
                    last_seen[slot] = row
                    counts[row, _STOP_WORDS] += 1
        counts[row, _HASHES] = _count_byte(data, start, end, _HASH)
        counts[row, _ELLIPSES] = _count_ellipses(data, start, end)
        _count_lines(data, start, end, characters, counts[row])
    return counts


@kernel
def _count_words(
    data: Bytes, starts: Positions, ends: Positions, kinds: Bytes, characters: Bytes, counts: Counts
) -> None:
    """Count plain words, their code points, and words with a letter."""
    plain = 0
    length = 0
    alphabetic = 0
    for word in range(len(starts)):
        if kinds[word] != SYMBOLS or not _is_punctuation(data, starts[word], ends[word], characters):
            plain += 1
            length += code_points(data, starts[word], ends[word])
        alphabetic += kinds[word] == LETTERS
    counts[_PLAIN_WORDS] = plain
    counts[_PLAIN_CHARACTERS] = length
    counts[_ALPHABETIC_WORDS] = alphabetic


@kernel
def _count_lines(data: Bytes, at: int, end: int, characters: Bytes, counts: Counts) -> None:
    """Count lines (`str.splitlines`), those that begin with a bullet and those that end with an ellipsis."""
    while at < end:
        line_end, following = find_line_end(data, at, end)
        begin, stop = trim(data, at, line_end, characters)
        counts[_LINES] += 1
        if begin < stop:
            bullet = data[begin] == _DASH or (stop - begin >= 3 and _is_general(data, begin, _BULLET))
            ellipsis = stop - begin >= 3 and (
                (data[stop - 3] == _FULL_STOP and data[stop - 2] == _FULL_STOP and data[stop - 1] == _FULL_STOP)
                or _is_general(data, stop - 3, _ELLIPSIS)
            )
            counts[_BULLET_LINES] += bullet
            counts[_ELLIPSIS_LINES] += ellipsis
        at = following


@kernel
def fineweb_counts(data: Bytes, offsets: Offsets, splitter: Bytes, characters: Bytes, short_line: int) -> Counts:
    """Return the counts named in FINEWEB (int64, documents × 7).

    Lines are what stands between newlines, unless blank; a line of up to `short_line` code points is short.
    """
    rows = len(offsets) - 1
    counts = np.zeros((rows, len(FINEWEB)), np.int64)
    largest = longest_row(offsets)
    starts = np.empty(largest, np.int64)
    ends = np.empty(largest, np.int64)
    kinds = np.empty(largest, np.uint8)
    keys = np.empty(16, np.uint64)
    for row in range(rows):
        start, end = offsets[row], offsets[row + 1]
        newlines = _count_byte(data, start, end, _NEWLINE)
        counts[row, _FW_WORDS] = split_words(data, start, end, splitter, starts, ends, kinds)
        counts[row, _FW_NEWLINES] = newlines
        counts[row, _FW_CHARACTERS] = code_points(data, start, end) - newlines
        size = table_size(newlines + 1)
        if size > len(keys):
            keys = np.empty(size, np.uint64)
        keys[:size] = 0
        at = start
        while at < end:
            stop = find_byte(data, at, end, _NEWLINE)
            first, last = trim(data, at, stop, characters)
            if first < last:
                length = code_points(data, at, stop)
                counts[row, _FW_LINES] += 1
                counts[row, _FW_PUNCTUATED] += _ends_in_terminal(data, at, stop, characters)
                counts[row, _FW_SHORT] += length <= short_line
                key = _key(data, at, stop)
                slot = find_slot(keys, size, key)
                if keys[slot] == key:
                    counts[row, _FW_DUPLICATE] += length
                keys[slot] = key
            at = stop + 1
    return counts


@leaf
def _key(data: Bytes, start: int, end: int) -> np.uint64:
    return hash_bytes(data, start, end, _SEED) | np.uint64(1)


@leaf
def _is_punctuation(data: Bytes, at: int, end: int, characters: Bytes) -> bool:
    """Return whether a word has nothing but punctuation."""
    punctuation = True
    while at < end and punctuation:
        code, at = decode(data, at, end)
        punctuation = characters[code] & PUNCTUATION != 0
    return punctuation


@leaf
def _ends_in_terminal(data: Bytes, start: int, end: int, characters: Bytes) -> bool:
    at = end - 1
    while at > start and data[at] & 0xC0 == 0x80:
        at -= 1
    code, _ = decode(data, at, end)
    return bool(characters[code] & TERMINAL)


@leaf
def _is_general(data: Bytes, at: int, last: int) -> bool:
    """Return whether the three bytes at `at` are the character E2 80 `last`, in General Punctuation."""
    return bool(data[at] == _LEAD_OF_THREE and data[at + 1] == 0x80 and data[at + 2] == last)


@leaf
def _count_byte(data: Bytes, at: int, end: int, byte: int) -> int:
    count = 0
    at = find_byte(data, at, end, byte)
    while at < end:
        count += 1
        at = find_byte(data, at + 1, end, byte)
    return count


@leaf
def _count_ellipses(data: Bytes, start: int, end: int) -> int:
    """Return how often three full stops stand in a row, without overlap, and the character U+2026."""
    count = 0
    at = find_byte(data, start, end, _FULL_STOP)
    while at < end:
        begin = at
        while at < end and data[at] == _FULL_STOP:
            at += 1
        count += (at - begin) // 3
        at = find_byte(data, at, end, _FULL_STOP)
    at = find_byte(data, start, end, _LEAD_OF_THREE)
    while at < end:
        count += at + 3 <= end and _is_general(data, at, _ELLIPSIS)
        at = find_byte(data, at + 1, end, _LEAD_OF_THREE)
    return count
