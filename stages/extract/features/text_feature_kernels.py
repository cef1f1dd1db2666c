"""What the classifier sees of a block's own text, and running totals over the blocks of a page."""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from prep.corpus.arrow.columns import Bytes
from prep.corpus.kernels import inner, leaf
from prep.stages.extract.features.vocabulary_kernels import TEXT_GROUPS, text_group
from prep.stages.extract.html.block_kernels import Blocks, Runs
from prep.stages.extract.html.element_kernels import inside, number
from prep.stages.extract.html.nesting_kernels import Elements, Integers

Features = npt.NDArray[np.float32]
Totals = npt.NDArray[np.float64]
Hashes = npt.NDArray[np.uint64]

OWN_FEATURES: Final = (
    "words", "link_share", "strong_share", "characters", "sentences", "sentences_per_word", "commas_per_word",
    "digit_share", "upper_share", "capitalised_share", "line_breaks", "currency", "copyright", "at_signs",
    "separators_per_word", "colons", "brackets", "characters_per_word", "first_character", "last_character",
    "questions", "beyond_latin_share", *(f"says_{group}" for group in TEXT_GROUPS),
)  # fmt: skip
"""Columns that `own_features` fills; `says_…` are shares of the block's words."""
_GROUPS: Final = len(TEXT_GROUPS)
_FIRST_GROUP: Final = len(OWN_FEATURES) - _GROUPS

WORDS, LINK_WORDS, SENTENCES, LONG_BLOCKS, LONG_WORDS, HEADINGS, CURRENCY, LINK_BLOCKS = range(8)
"""Columns of the totals. A long block has at least `LONG` words, less than a third of them in links."""
TOTALS: Final = 8
LONG: Final = 15

HEADING_BITS = inside("h1 h2 h3 h4 h5 h6")
_LINK, _STRONG, _CODE, _PRE = inside("a"), inside("strong b"), inside("code"), inside("pre")
_A, _CODE_NUMBER = number("a"), number("code")
_WORD: Final = 0xFFFFFFFF
_BASIS, _PRIME = np.uint64(1469598103934665603), np.uint64(1099511628211)
_IS_LETTER: Final = np.array([byte >= 0x80 or chr(byte).isalpha() for byte in range(256)])


class Sizes(NamedTuple):
    """One entry per block."""

    words: Integers
    link_words: Integers
    hash: Hashes
    """Of the text: equal for a block that stands on the page twice."""


@inner
def own_features(text: Bytes, elements: Elements, blocks: Blocks, runs: Runs, features: Features) -> Sizes:
    """Fill the columns `OWN_FEATURES` (blocks × features)."""
    count = len(blocks.start)
    sizes = Sizes(np.empty(count, np.int32), np.empty(count, np.int32), np.empty(count, np.uint64))
    for block in range(count):
        row = features[block]
        words, linked, strong = 0, 0, 0
        for run in range(blocks.run[block], blocks.run[block + 1]):
            around = marks_of(elements, blocks.element[block], runs.element[run])
            words += runs.words[run]
            linked += runs.words[run] if around & _LINK != 0 else 0
            strong += runs.words[run] if around & _STRONG != 0 else 0
        sizes.words[block] = words
        sizes.link_words[block] = linked
        sizes.hash[block] = _read_text(text, blocks.start[block], blocks.end[block], max(1, words), row)
        row[0] = words
        row[1] = linked / max(1, words)
        row[2] = strong / max(1, words)
    return sizes


@leaf
def marks_of(elements: Elements, block: int, element: int) -> np.uint64:
    """Return the bits of the elements that a run stands in, given the block-level element of its block.

    What colours program code (spans, links and emphasis inside of `<pre>`, links inside of `<code>`) does not count.
    """
    around = elements.inside[element]
    if around & _PRE != 0:
        return np.uint64(elements.inside[block] | around & _PRE)
    if around & _CODE != 0 and around & _LINK != 0:
        at = element
        while elements.kind[at] not in (_A, _CODE_NUMBER):
            at = elements.parent[at]
        if elements.kind[at] == _A and elements.inside[elements.parent[at]] & _CODE != 0:
            return np.uint64(around & ~_LINK)
    return np.uint64(around)


@inner
def _read_text(text: Bytes, start: int, end: int, words: int, row: Features) -> int:
    """Fill all columns that depend on the text alone; return its hash."""
    length = end - start
    sentences, commas, digits, upper, capitalised, breaks, currency, owned, ats = 0, 0, 0, 0, 0, 0, 0, 0, 0
    separators, colons, brackets, questions, beyond = 0, 0, 0, 0, 0
    state, before = 0, 32
    whole = _BASIS
    for group in range(_GROUPS):
        row[_FIRST_GROUP + group] = 0
    for at in range(start, end + 1):
        byte = int(text[at]) if at < end else 0
        following = int(text[at + 1]) if at + 1 < end else 32
        whole = (whole ^ np.uint64(byte)) * _PRIME
        if _IS_LETTER[byte]:
            is_upper = 65 <= byte <= 90
            upper += is_upper
            capitalised += is_upper and not _IS_LETTER[before]
            state = (state * 31 + (byte | 32 if is_upper else byte)) & _WORD
            if byte >= 0xC2:
                beyond += byte >= 0xC3
                last = int(text[at + 2]) if at + 2 < end else 0
                owned += byte == 0xC2 and following in (0xA9, 0xAE)  # © ®
                currency += (byte == 0xC2 and following in (0xA3, 0xA5)) or (  # £ ¥ €
                    byte == 0xE2 and following == 0x82 and last == 0xAC
                )
                separators += (byte == 0xC2 and following in (0xBB, 0xB7)) or (  # » · › •
                    byte == 0xE2 and following == 0x80 and last in (0xBA, 0xA2)
                )
                ends, joins = _foreign_mark(byte, following, last)
                sentences += ends
                commas += joins
            before = byte
            continue
        if state != 0:
            group = text_group(state)
            if group >= 0:
                row[_FIRST_GROUP + group] += 1
            state = 0
        before = byte
        sentences += byte in (33, 63) or (byte == 46 and (following <= 32 or following == 34))
        questions += byte == 63
        commas += byte == 44
        digits += 48 <= byte <= 57
        breaks += byte == 10
        currency += byte == 36
        ats += byte == 64
        separators += byte in (47, 124)
        colons += byte == 58
        brackets += byte == 40
    for group in range(_GROUPS):
        row[_FIRST_GROUP + group] /= words
    row[3], row[4], row[5], row[6] = length, sentences, sentences / words, commas / words
    row[7], row[8], row[9], row[10] = digits / length, upper / length, capitalised / words, breaks
    row[11], row[12], row[13], row[14] = currency, owned, ats, separators / words
    row[15], row[16], row[17] = colons, brackets, length / words
    row[18], row[19] = _kind_of_first(int(text[start])), _kind_of_last(text, start, end)
    row[20], row[21] = questions, beyond / length
    return int(whole)


@leaf
def _foreign_mark(byte: int, second: int, third: int) -> tuple[bool, bool]:
    """Return whether a character beyond ASCII ends a sentence, and whether it is a comma."""
    if byte == 0xE3 and second == 0x80:
        return third == 0x82, third == 0x81  # 。、
    if byte == 0xEF and second == 0xBC:
        return third in (0x81, 0x9F), third == 0x8C  # ！？，
    if byte == 0xEF and second == 0xBD:
        return third == 0xA1, third == 0xA4  # ｡､
    if byte == 0xD8:
        return second == 0x9F, second == 0x8C  # ؟،
    if byte == 0xDB:
        return second == 0x94, False  # ۔
    if byte == 0xE0:
        return second == 0xA5 and third == 0xA4, False  # ।
    if byte == 0xE1:
        return (second == 0x9F and third == 0x94) or (second == 0x81 and third == 0x8B), False  # ។ ။
    return False, False


@leaf
def _kind_of_first(byte: int) -> int:
    if 97 <= byte <= 122:
        return 0
    if 65 <= byte <= 90:
        return 1
    if 48 <= byte <= 57:
        return 2
    return 3 if byte >= 0x80 else 4


@leaf
def _kind_of_last(text: Bytes, start: int, end: int) -> int:
    byte = int(text[end - 1])
    if byte >= 0x80 and end - start >= 3:
        ends, _ = _foreign_mark(int(text[end - 3]), int(text[end - 2]), byte)
        return 2 if ends else 5
    if 97 <= (byte | 32) <= 122:
        return 0
    if 48 <= byte <= 57:
        return 1
    if byte in (46, 33):
        return 2
    if byte in (63, 58):
        return 3 if byte == 63 else 4
    return 5 if byte >= 0x80 else 6


@inner
def running_totals(elements: Elements, blocks: Blocks, sizes: Sizes, features: Features) -> Totals:
    """Return the totals over all blocks before each block, and over all ((blocks + 1) × 8)."""
    count = len(sizes.words)
    totals = np.zeros((count + 1, TOTALS), np.float64)
    for block in range(count):
        words, linked = sizes.words[block], sizes.link_words[block]
        is_long = words >= LONG and linked * 3 < words
        here, after = totals[block], totals[block + 1]
        after[WORDS] = here[WORDS] + words
        after[LINK_WORDS] = here[LINK_WORDS] + linked
        after[SENTENCES] = here[SENTENCES] + features[block, 4]
        after[LONG_BLOCKS] = here[LONG_BLOCKS] + is_long
        after[LONG_WORDS] = here[LONG_WORDS] + (words if is_long else 0)
        heading = elements.inside[blocks.element[block]] & HEADING_BITS != 0
        after[HEADINGS] = here[HEADINGS] + heading
        after[CURRENCY] = here[CURRENCY] + min(features[block, 11], 2)
        after[LINK_BLOCKS] = here[LINK_BLOCKS] + (words > 0 and linked * 2 > words)
    return totals
