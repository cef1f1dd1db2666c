"""Counts of words: all of them, plain ones, those between white space, stop words, and sentences by their marks.

Lengths are in code points. Cost: one pass over the words, O(bytes), each hashed once.

Sources: Rae et al. 2021 (Gopher), appendix A1.1, as datatrove counts; Li et al. 2024 (DCLM), appendix; Kudugunta et al.
2023 (MADLAD-400), section 2.3, as Dolma 3 counts.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from prep.corpus.arrow.columns import Bytes, Offsets
from prep.corpus.kernels import inner, kernel, leaf
from prep.corpus.text.characters import PUNCTUATION, UPPER
from prep.corpus.text.hashing import find_slot, hash_bytes, hash_lower, hash_word, lower_table, table_size
from prep.corpus.text.utf8 import code_points, decode
from prep.corpus.text.words import LETTERS, SYMBOLS, Positions

Counts = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]

COUNTED = ("words", "plain_words", "plain_characters", "stop_words")
"""Counts of `count_counted`: of the words that the splitter gives."""
WORDS = (
    *COUNTED,
    *("lexical_words", "lexical_characters", "spaced_words", "spaced_characters", "spaced_alphabetic_words"),
    *("spaced_stop_words", "spaced_lexical_words", "marked_sentences", "title_case_sentences"),
)
"""Counts of `count_words`."""
_WORDS, _PLAIN, _PLAIN_CHARACTERS, _STOP, _LEXICAL, _LEXICAL_CHARACTERS = range(6)
_SPACED, _SPACED_CHARACTERS, _SPACED_ALPHABETIC, _SPACED_STOP, _SPACED_LEXICAL = range(6, 11)
_SENTENCES, _TITLES = range(11, 13)

_SEED = np.uint64(0)
_LANGUAGE_STEP = np.uint64(0x9E3779B97F4A7C15)
_EXCLAMATION_MARK, _FULL_STOP, _QUESTION_MARK = 0x21, 0x2E, 0x3F
_TITLE_FROM = 12
"""Fewest words of a sentence that can be in title case."""


class StopWords(NamedTuple):
    """Lists of stop words, one or one per language, as hash tables for `find_slot`."""

    keys: Keys
    rows: npt.NDArray[np.int64]
    """The row that held a stop word last, by its place in `keys`."""
    longest: npt.NDArray[np.int64]
    """Bytes of each list's longest word."""
    lower: npt.NDArray[np.int32]
    """`lower_table`."""


def stop_words(lists: Sequence[Sequence[str]]) -> StopWords:
    """Build the tables of lists of stop words; `count_words` takes the number of a list."""
    words = [word.encode() for words in lists for word in words]
    offsets = np.cumsum([0, *map(len, words)])
    data = np.frombuffer(b"".join(words), np.uint8)
    numbers = np.repeat(np.arange(len(lists)), [len(words) for words in lists])
    keys = _word_set(data, offsets, numbers)
    longest = np.array([max((len(word.encode()) for word in words), default=0) for words in lists], np.int64)
    return StopWords(keys, np.full(len(keys), -1), longest, lower_table())


@kernel
def _word_set(data: Bytes, offsets: Offsets, lists: Positions) -> Keys:
    """Return a hash table of the words `data[offsets[i]:offsets[i + 1]]`, each in list `lists[i]`."""
    size = table_size(16 * len(offsets))  # sparse, so that a look-up is one step
    keys = np.zeros(size, np.uint64)
    for index in range(len(lists)):
        key = _stop_key(hash_bytes(data, offsets[index], offsets[index + 1], _SEED), lists[index])
        keys[find_slot(keys, size, key)] = key
    return keys


class WordHashes(NamedTuple):
    """Buffers for the hashes and lengths of one document's words, all of them and the lexical ones.

    `lengths[w]` is the number of code points in the words before word w.
    """

    hashes: Keys
    lengths: Counts
    lexical_hashes: Keys
    lexical_lengths: Counts


@inner
def word_hashes(words: int) -> WordHashes:
    """Return buffers for documents of up to so many words."""
    return WordHashes(
        np.empty(words, np.uint64),
        np.empty(words + 1, np.int64),
        np.empty(words, np.uint64),
        np.empty(words + 1, np.int64),
    )


@inner
def count_words(
    data: Bytes,
    starts: Positions,
    ends: Positions,
    kinds: Bytes,
    characters: Bytes,
    stop: StopWords,
    language: int,
    row: int,
    buffers: WordHashes,
    counts: Counts,
) -> None:
    """Write the counts named in WORDS, and the words' hashes and lengths.

    The words are what `split_words` found; `language` is the number of their list of stop words, −1 for none, where the
    counts of stop words are −1 too. A spaced word is a run of words without white space between them, lexical where the
    first of them is. A sentence ends where white space follows `.`, `!` or `?`, and has more than such marks; it is in
    title case where more than half of twelve or more lexical words begin with a capital.
    """
    plain = plain_length = lexical = lexical_length = length = stops = 0
    spaced = spaced_lexical = spaced_alphabetic = spaced_stops = 0
    sentences = titles = in_sentence = capitals = 0
    has_letter = False  # whether the spaced word so far has a letter
    has_content = False  # whether the sentence so far has more than marks
    longest_stop = stop.longest[language] if language >= 0 else 0
    words = len(starts)
    buffers.lengths[0] = 0
    buffers.lexical_lengths[0] = 0
    for word in range(words):
        begin, end, kind = starts[word], ends[word], kinds[word]
        is_lexical = kind != SYMBOLS
        key, is_ascii = hash_word(data, begin, end, _SEED)
        letters = end - begin if is_ascii else code_points(data, begin, end)
        length += letters
        buffers.hashes[word] = key
        buffers.lengths[word + 1] = length
        buffers.lexical_hashes[lexical] = key
        lexical += is_lexical
        if is_lexical or not _is_punctuation(data, begin, end, characters):
            plain += 1
            plain_length += letters
        if is_lexical:
            lexical_length += letters
            buffers.lexical_lengths[lexical] = lexical_length
            in_sentence += 1
            capitals += _is_upper(data, begin, end, characters)
            has_content = True
        elif not has_content:
            has_content = not _is_marks(data, begin, end)
        has_letter |= kind == LETTERS
        space_precedes = word == 0 or ends[word - 1] < begin
        space_follows = word + 1 == words or starts[word + 1] > end
        spaced_lexical += space_precedes and is_lexical
        slot = find_slot(stop.keys, len(stop.keys), _stop_key(key, language))
        if stop.keys[slot]:
            if stop.rows[slot] != row:
                stop.rows[slot] = row
                stops += 1
            spaced_stops += space_follows and space_precedes
        elif end - begin <= longest_stop and space_follows and space_precedes:
            if _has_upper(data, begin, end, characters):
                key = _stop_key(hash_lower(data, begin, end, stop.lower, _SEED), language)
                spaced_stops += stop.keys[find_slot(stop.keys, len(stop.keys), key)] != 0
        if space_follows:
            spaced += 1
            spaced_alphabetic += has_letter
            has_letter = False
            if word + 1 == words or _is_mark(data[end - 1]):
                sentences += has_content
                titles += in_sentence >= _TITLE_FROM and 2 * capitals > in_sentence
                in_sentence = capitals = 0
                has_content = False
    counts[_WORDS] = words
    counts[_PLAIN] = plain
    counts[_PLAIN_CHARACTERS] = plain_length
    counts[_LEXICAL] = lexical
    counts[_LEXICAL_CHARACTERS] = lexical_length
    counts[_STOP] = stops if language >= 0 else -1
    counts[_SPACED] = spaced
    counts[_SPACED_CHARACTERS] = length
    counts[_SPACED_ALPHABETIC] = spaced_alphabetic
    counts[_SPACED_STOP] = spaced_stops if language >= 0 else -1
    counts[_SPACED_LEXICAL] = spaced_lexical
    counts[_SENTENCES] = sentences
    counts[_TITLES] = titles


@inner
def count_counted(
    data: Bytes,
    starts: Positions,
    ends: Positions,
    kinds: Bytes,
    characters: Bytes,
    stop: StopWords,
    language: int,
    visit: int,
    buffers: WordHashes,
    counts: Counts,
) -> None:
    """Write the counts named in COUNTED, and the words' hashes and lengths, as `count_words` does.

    `visit` is a number that no other text, nor the same text with other words, has been counted with.
    """
    plain = plain_length = length = stops = 0
    words = len(starts)
    buffers.lengths[0] = 0
    for word in range(words):
        begin, end = starts[word], ends[word]
        key, is_ascii = hash_word(data, begin, end, _SEED)
        letters = end - begin if is_ascii else code_points(data, begin, end)
        length += letters
        buffers.hashes[word] = key
        buffers.lengths[word + 1] = length
        if kinds[word] != SYMBOLS or not _is_punctuation(data, begin, end, characters):
            plain += 1
            plain_length += letters
        slot = find_slot(stop.keys, len(stop.keys), _stop_key(key, language))
        if stop.keys[slot] and stop.rows[slot] != visit:
            stop.rows[slot] = visit
            stops += 1
    counts[_WORDS] = words
    counts[_PLAIN] = plain
    counts[_PLAIN_CHARACTERS] = plain_length
    counts[_STOP] = stops if language >= 0 else -1


@leaf
def _stop_key(key: np.uint64, language: int) -> np.uint64:
    """Return the key of a word in a list."""
    return key ^ np.uint64(language) * _LANGUAGE_STEP | np.uint64(1)


@leaf
def _is_punctuation(data: Bytes, at: int, end: int, characters: Bytes) -> bool:
    """Return whether a word has nothing but punctuation."""
    punctuation = True
    while at < end and punctuation:
        code, at = decode(data, at, end)
        punctuation = characters[code] & PUNCTUATION != 0
    return punctuation


@leaf
def _is_upper(data: Bytes, at: int, end: int, characters: Bytes) -> bool:
    """Return whether a word begins with a capital."""
    code, _ = decode(data, at, end)
    return bool(characters[code] & UPPER)


@leaf
def _has_upper(data: Bytes, at: int, end: int, characters: Bytes) -> bool:
    """Return whether a word has a capital anywhere."""
    upper = False
    while at < end and not upper:
        code, at = decode(data, at, end)
        upper = characters[code] & UPPER != 0
    return upper


@leaf
def _is_marks(data: Bytes, at: int, end: int) -> bool:
    """Return whether a word has nothing but marks that end sentences."""
    while at < end and _is_mark(data[at]):
        at += 1
    return at == end


@leaf
def _is_mark(byte: int) -> bool:
    return byte in (_FULL_STOP, _EXCLAMATION_MARK, _QUESTION_MARK)
