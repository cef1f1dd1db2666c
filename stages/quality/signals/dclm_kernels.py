"""Which lines DCLM drops, as it follows RefinedWeb: capitals, numbers, counters, single words.

Source: Li et al. 2024, "DataComp-LM", and its code; Penedo et al. 2023, "The RefinedWeb Dataset", appendix G.2.
"""

import numpy as np

from prep.corpus.arrow.columns import Bytes
from prep.corpus.kernels import inner, leaf
from prep.corpus.text.characters import DECIMAL, PUNCTUATION, UPPER
from prep.corpus.text.utf8 import HIGH_BITS, ONES, decode, load_up_to
from prep.corpus.text.words import SPACE, SYMBOLS, Positions, split_words
from prep.stages.quality.words.dictionary_kernels import join_words

_COMMA, _FULL_STOP, _CONNECTOR = 0x2C, 0x2E, 0x5F
_TO_LOWER = 0x20
_BELOW_A = np.uint64(0x80 - ord("A")) * ONES
_BELOW_Z = np.uint64(0x7F - ord("Z")) * ONES
_THOUSANDS = (ord("k"), ord("m"), ord("b"))
_COUNTED = (
    *("likes", "shares", "comments", "retweets", "reposts", "quotes"),
    *("bookmarks", "upvotes", "downvotes", "downloads", "views", "followers"),
)
_WIDTH = max(map(len, _COUNTED))
_COUNTED_BYTES = np.array([list(word.encode().ljust(_WIDTH, b"\0")) for word in _COUNTED], np.uint8)


@inner
def words_dropped(
    data: Bytes,
    first: int,
    last: int,
    length: int,
    characters: Bytes,
    splitter: Bytes,
    joins: Bytes,
    starts: Positions,
    ends: Positions,
    kinds: Bytes,
) -> int:
    """Return how many words with a letter or digit go with the line `data[first:last]`, zero where it stays.

    The line is trimmed and not empty; `length` is its code points before that. It goes if more than half of it are
    capitals, if it is digits alone, has no white space in it, or counts something ("12 likes").
    """
    goes = _has_one_word(data, first, last, characters) or _is_counter(data, first, last, characters)
    if not goes and 2 * _capitals(data, first, last, characters) <= length:
        return 0
    dropped = 0
    words = split_words(data, first, last, splitter, starts, ends, kinds)
    words = join_words(joins, words, starts, ends, kinds)
    for word in range(words):
        dropped += kinds[word] != SYMBOLS
    return dropped


@leaf
def _capitals(data: Bytes, start: int, end: int, characters: Bytes) -> int:
    """Return the number of capitals."""
    capitals = np.uint64(0)
    seen = np.uint64(0)
    at = start
    while at < end:
        word = load_up_to(data, at, end)
        seen |= word
        low = word & ~HIGH_BITS  # a sum sets a byte's high bit where the byte is above a bound
        upper = (low + _BELOW_A) & ~(low + _BELOW_Z) & HIGH_BITS
        capitals += ((upper >> np.uint64(7)) * ONES) >> np.uint64(56)
        at += 8
    if seen & HIGH_BITS == 0:
        return int(capitals)
    count = 0
    at = start
    while at < end:
        code, at = decode(data, at, end)
        count += characters[code] & UPPER != 0
    return count


@leaf
def _has_one_word(data: Bytes, at: int, end: int, characters: Bytes) -> bool:
    """Return whether a trimmed line has no white space in it."""
    space = False
    while at < end and not space:
        code, at = decode(data, at, end)
        space = characters[code] & SPACE != 0
    return not space


@leaf
def _is_counter(data: Bytes, at: int, end: int, characters: Bytes) -> bool:
    """Return whether a line is a number, such as `1.2k`, and what it counts, with nothing but marks around them."""
    at = _skip_marks(data, at, end, characters)
    number = at
    code = 0
    while at < end:
        code, after = decode(data, at, end)
        if not characters[code] & DECIMAL and (at == number or code not in (_COMMA, _FULL_STOP)):
            break
        at = after
    if at == number:
        return False
    at += code | _TO_LOWER in _THOUSANDS
    behind = at
    while at < end:
        code, after = decode(data, at, end)
        if not characters[code] & SPACE:
            break
        at = after
    counted = at
    while at < end and ord("a") <= data[at] | _TO_LOWER <= ord("z"):
        at += 1
    return behind < counted and _is_counted(data, counted, at) and _skip_marks(data, at, end, characters) == end


@leaf
def _skip_marks(data: Bytes, at: int, end: int, characters: Bytes) -> int:
    """Return where punctuation and white space end that begin at `at`."""
    while at < end:
        code, after = decode(data, at, end)
        if not characters[code] & (PUNCTUATION | SPACE) or code == _CONNECTOR:
            break
        at = after
    return at


@leaf
def _is_counted(data: Bytes, start: int, end: int) -> bool:
    """Return whether a word of ASCII letters is one of what counters count."""
    length = end - start
    found = False
    if length <= _WIDTH:
        for name in range(len(_COUNTED)):
            equal = length == _WIDTH or _COUNTED_BYTES[name, length] == 0
            for index in range(length):
                equal = equal and _COUNTED_BYTES[name, index] == data[start + index] | _TO_LOWER
            found = found or equal
    return found
