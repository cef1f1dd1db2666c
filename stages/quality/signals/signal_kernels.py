"""All counts behind the rules of all recipes, one row of integers per document.

Unicode's words are split once, hashed once, and go to both countings of n-grams, unless Gopher's rules count tokens,
which are split and hashed beside them; lines and paragraphs are found once per way to cut them. Cost: O(bytes) whatever
they hold: 10 MB in one line, or a million equal lines. Memory: about 140 bytes per word of the largest document.
"""

import numpy as np
import numpy.typing as npt

from prep.corpus.arrow.columns import Bytes, Offsets, longest_row
from prep.corpus.kernels import kernel, leaf
from prep.corpus.text.utf8 import code_points
from prep.corpus.text.words import LETTERS, split_words
from prep.stages.quality.signals.line_kernels import LINES, PARAGRAPHS, count_byte, count_lines, count_paragraphs
from prep.stages.quality.signals.mark_kernels import count_ellipses
from prep.stages.quality.signals.ngram_kernels import (
    DUPLICATE_GRAMS,
    REPEATED_GRAMS,
    duplicate_grams,
    gram_space,
    repeated_grams,
)
from prep.stages.quality.signals.piece_kernels import room_for_pieces
from prep.stages.quality.signals.word_kernels import (
    COUNTED,
    WORDS,
    StopWords,
    count_counted,
    count_words,
    word_hashes,
)
from prep.stages.quality.words.dictionary_kernels import join_words
from prep.stages.quality.words.token_kernels import Tables, split_tokens

Counts = npt.NDArray[np.int64]
Languages = npt.NDArray[np.int32]

TEXT = ("bytes", "characters", "hashes", "ellipses", "dclm_symbols")
_BYTES, _CHARACTERS, _HASHES, _ELLIPSES, _DCLM_SYMBOLS = range(5)
TOKENS = ("tokens", "alphabetic_tokens")
"""Counts of spaCy's tokens."""
_LEXICAL_WORDS = WORDS.index("lexical_words")
_COUNTED = len(COUNTED)

COUNTS = (*TEXT, *TOKENS, *WORDS, *LINES, *PARAGRAPHS, *DUPLICATE_GRAMS, *REPEATED_GRAMS)
"""Counts of `measure`, in the order of its columns."""
_AFTER_TEXT = len(TEXT)
_AFTER_TOKENS = _AFTER_TEXT + len(TOKENS)
_AFTER_WORDS = _AFTER_TOKENS + len(WORDS)
_AFTER_LINES = _AFTER_WORDS + len(LINES)
_AFTER_PARAGRAPHS = _AFTER_LINES + len(PARAGRAPHS)
_AFTER_DUPLICATES = _AFTER_PARAGRAPHS + len(DUPLICATE_GRAMS)
_ALL = len(COUNTS)

_NEWLINE, _HASH = 0x0A, 0x23


@kernel
def measure(
    data: Bytes,
    offsets: Offsets,
    tables: Tables,
    joins: Bytes,
    characters: Bytes,
    stop: StopWords,
    languages: Languages,
    short_line: int,
) -> Counts:
    """Return the counts named in COUNTS (int64, documents × signals).

    Takes what `tables` and `find_unspaced` return, `character_table`, and for each row the number of its list of
    stop words, −1 for none.
    """
    rows = len(offsets) - 1
    counts = np.zeros((rows, _ALL), np.int64)
    largest = longest_row(offsets)
    starts = np.empty(largest, np.int64)
    ends = np.empty(largest, np.int64)
    kinds = np.empty(largest, np.uint8)
    codes = np.empty(largest, np.int32)
    capacity = 16
    hashed = word_hashes(capacity)
    grams = gram_space(capacity)
    piece_capacity = 16
    pieces = room_for_pieces(piece_capacity)
    stop.rows[:] = -1
    for row in range(rows):
        start, end = offsets[row], offsets[row + 1]
        count = counts[row]
        _count_text(data, start, end, count[:_AFTER_TEXT])
        needed = count_byte(data, start, end, _NEWLINE) + 2
        if needed > piece_capacity:
            piece_capacity = max(needed, 2 * piece_capacity)
            pieces = room_for_pieces(piece_capacity)
        line_counts = count[_AFTER_WORDS:_AFTER_LINES]
        count_lines(
            data, start, end, characters, tables.words, joins, short_line, pieces, starts, ends, kinds, line_counts
        )
        count_paragraphs(data, start, end, characters, pieces, count[_AFTER_LINES:_AFTER_PARAGRAPHS])
        words = split_words(data, start, end, tables.words, starts, ends, kinds)
        words = join_words(joins, words, starts, ends, kinds)
        if words > capacity:
            capacity = max(words, min(largest, 2 * capacity))
            hashed = word_hashes(capacity)
            grams = gram_space(capacity)
        language = languages[row]
        words_count = count[_AFTER_TOKENS:_AFTER_WORDS]
        count_words(data, starts[:words], ends, kinds, characters, stop, language, row, hashed, words_count)
        lexical = words_count[_LEXICAL_WORDS]
        repeated_grams(lexical, hashed.lexical_hashes, hashed.lexical_lengths, grams, count[_AFTER_DUPLICATES:])
        gram_counts = count[_AFTER_PARAGRAPHS:_AFTER_DUPLICATES]
        if not tables.by_tokens:
            duplicate_grams(words, hashed.hashes, hashed.lengths, grams, gram_counts)
        words = split_tokens(data, start, end, tables, joins, codes, starts, ends, kinds)
        for word in range(words):
            count[_AFTER_TEXT + 1] += kinds[word] == LETTERS
        count[_AFTER_TEXT] = words
        if tables.by_tokens:
            if words > capacity:
                capacity = max(words, min(largest, 2 * capacity))
                hashed = word_hashes(capacity)
                grams = gram_space(capacity)
            found = starts[:words]
            count_counted(
                data, found, ends, kinds, characters, stop, language, rows + row, hashed, words_count[:_COUNTED]
            )
            duplicate_grams(words, hashed.hashes, hashed.lengths, grams, gram_counts)
    return counts


@leaf
def _count_text(data: Bytes, start: int, end: int, counts: Counts) -> None:
    """Write the counts named in TEXT."""
    counts[_BYTES] = end - start
    counts[_CHARACTERS] = code_points(data, start, end)
    counts[_HASHES] = count_byte(data, start, end, _HASH)
    plain, spaced = count_ellipses(data, start, end)
    counts[_ELLIPSES] = plain
    counts[_DCLM_SYMBOLS] = counts[_HASHES] + plain + spaced
