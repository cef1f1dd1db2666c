"""How text is written that the page shows by its place alone: raised, lowered, above other text, or set apart.

A power is not part of its base: `10<sup>5</sup>` is written `10^5`, `x<sub>i</sub>` as `x_i`, with brackets around what
is more than one term. What says nothing by its place stays as it is: H2O, 1st, CO2. The number of a note is put in
brackets, `town.[2]`, and a reading in parentheses: 漢字(かんじ). What is raised or lowered decides what a mark is
and by the text before it. Cost: linear in the raised text.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from prep.corpus.arrow.columns import Bytes
from prep.corpus.kernels import inner, leaf
from prep.stages.extract.html.element_kernels import (
    READING_BIT,
    SUBSCRIPT_BIT,
    SUPERSCRIPT_BIT,
    inside,
    name_hash,
    number,
)
from prep.stages.extract.html.gap_kernels import LINE_BREAK, NO_BREAK
from prep.stages.extract.html.markup_kernels import Stretches
from prep.stages.extract.html.nesting_kernels import Elements
from prep.stages.shared.markup.trade_sign_kernels import LETTER_SIGNS, TRADE_SIGNS

Positions = npt.NDArray[np.int64]

PLACED: Final = SUPERSCRIPT_BIT | SUBSCRIPT_BIT | READING_BIT
NOTHING, SPACE, PARENTHESIS, DOT, BRACKET, CARET, UNDERSCORE = 0, 32, 40, 46, 91, 94, 95

_LINK: Final = inside("a")
_A, _SUP, _SUB, _RT, _RTC = (number(name) for name in ("a", "sup", "sub", "rt", "rtc"))
_SLASH, _AMPERSAND = 47, 38
_FRACTION_SLASH: Final = 0x84
"""The last byte of U+2044."""
_MOST = 64
"""Bytes of raised text that are looked at."""
_DIGIT, _LETTER, _SIGN, _OPERATOR, _OTHER, _COMMAS = 0, 1, 2, 3, 4, 5
_COMMA, _HYPHEN = 44, 45
_CENTS: Final = 2
_DOLLAR: Final = 36
_ORDINAL_ENDS: Final = tuple(ord(ends[0]) << 8 | ord(ends[1]) for ends in ("th", "st", "nd", "rd"))
"""What ends an ordinal number, also one whose number is a letter: nth."""
_TRADE_SIGNS: Final = tuple(name_hash(sign.encode()) for sign in TRADE_SIGNS)
_LETTER_SIGNS: Final = tuple(name_hash(sign.encode()) for sign in LETTER_SIGNS)
_BASE = 101
"""The letter e, of which any power is written; other letters before raised ones are abbreviations."""
_LAST_NOTE = 104
"""The letter h, up to which letters are marks of notes."""
_WORD_BEFORE_NOTE: Final = 4
"""Letters of a word from which a raised number after it is a note, not a power of a unit."""


def _kinds() -> Bytes:
    kinds = np.full(256, _OTHER, np.uint8)
    kinds[128:] = _LETTER
    for byte in range(128):
        character = chr(byte)
        if character.isdigit():
            kinds[byte] = _DIGIT
        elif character.isalpha():
            kinds[byte] = _LETTER
        elif character in "+-":
            kinds[byte] = _SIGN
        elif character in "*/=<>()^":
            kinds[byte] = _OPERATOR
    return kinds


_KINDS: Final = _kinds()
_ORDINAL: Final = np.array([chr(byte) in "eoardshEOARDSH" for byte in range(256)])
"""Letters that are raised in abbreviations of numerals and titles: 2e, no, Dr."""
_IS_END: Final = np.array([chr(byte) in ".,;:!?\"'" for byte in range(256)])


@leaf
def placed_element(elements: Elements, element: int) -> int:
    """Return the innermost raised or lowered element, or reading, that an element is or stands in."""
    while elements.kind[element] not in (_SUP, _SUB, _RT, _RTC):
        element = elements.parent[element]
    return element


@leaf
def next_reading(elements: Elements, reading: int, element: int) -> int:
    """Return the reading in which an element stands, if it continues another of the same characters; else 0."""
    if elements.inside[element] & READING_BIT == 0:
        return 0
    following = placed_element(elements, element)
    return following if elements.parent[following] == elements.parent[reading] else 0


@inner
def mark_of(
    page: Bytes, elements: Elements, stretches: Stretches, placed: int, text: Bytes, block: int, written: int
) -> tuple[int, int]:
    """Return what to write before a raised or lowered element, and after it; 0 for nothing.

    The text that it follows ends at `written`; its block begins at `block`.
    """
    kind = elements.kind[placed]
    if kind in (_RT, _RTC):
        return PARENTHESIS, PARENTHESIS + 1
    if written <= block:
        return NOTHING, NOTHING
    first, last = elements.first[placed], elements.last[placed]
    counts = np.zeros(6, np.int64)
    length, begins, ends = 0, _OTHER, _OTHER
    letter, first_letter, state = 0, 0, 0
    for stretch in range(first, last):
        end = min(stretches.end[stretch], stretches.start[stretch] + _MOST)
        at = stretches.start[stretch]
        while at < end:
            byte = int(page[at])
            is_minus = byte == 0xE2 and at + 2 < end and page[at + 1] == 0x88 and page[at + 2] == 0x92
            is_dash = byte == 0xE2 and at + 2 < end and page[at + 1] == 0x80 and page[at + 2] == 0x93
            at += 3 if is_minus or is_dash else 1
            if byte <= SPACE:
                continue
            state = (state * 31 + byte) & 0xFFFFFFFF
            what = _SIGN if is_minus or byte == _HYPHEN else _COMMAS if is_dash or byte == _COMMA else int(_KINDS[byte])
            if length == 0:
                begins = what
                first_letter = byte | 32
            ends = what
            letter = byte
            counts[what] += 1
            length += 1
    if length == 0 or counts[_OTHER] > 0:
        return NOTHING, NOTHING
    if state in _TRADE_SIGNS or (state in _LETTER_SIGNS and _letters_before(text, block, written) != 1):
        return NOTHING, NOTHING
    before = int(text[written - 1])
    if counts[_COMMAS] > 0:
        several = kind == _SUP and begins == ends == _DIGIT and counts[_LETTER] + counts[_OPERATOR] == 0
        return (BRACKET, BRACKET + 2) if several and _may_be_noted(text, block, written) else (NOTHING, NOTHING)
    if kind == _SUB:
        return _subscript(counts, begins, before)
    in_link = elements.inside[stretches.element[first]] & _LINK != 0
    if length == _CENTS and counts[_DIGIT] == _CENTS and not _begins_link(elements, stretches.element[first], first):
        cents = _cents_mark(page, stretches, last, text, block, written)
        if cents >= 0:
            return cents, NOTHING
    if length == counts[_LETTER] == 2 and before != _BASE and (first_letter << 8 | letter | 32) in _ORDINAL_ENDS:
        return NOTHING, NOTHING
    return _superscript(page, stretches, last, counts, (length, begins, ends, letter), in_link, text, block, written)


@leaf
def _subscript(counts: Positions, begins: int, before: int) -> tuple[int, int]:
    what = _KINDS[before]
    if before in (_SLASH, _FRACTION_SLASH) or (what not in (_DIGIT, _LETTER) and before not in (41, 93)):
        return NOTHING, NOTHING
    if counts[_OPERATOR] > 0 or (counts[_SIGN] > 0 and begins != _SIGN):
        return UNDERSCORE, PARENTHESIS + 1
    if begins == _LETTER or (begins == _DIGIT and what == _DIGIT):
        return UNDERSCORE, NOTHING
    return NOTHING, NOTHING


@leaf
def _superscript(
    page: Bytes,
    stretches: Stretches,
    following: int,
    counts: Positions,
    raised: tuple[int, int, int, int],
    in_link: bool,
    text: Bytes,
    block: int,
    written: int,
) -> tuple[int, int]:
    length, begins, ends, letter = raised
    before = int(text[written - 1])
    what = int(_KINDS[before])
    if counts[_DIGIT] == length and _is_fraction(page, stretches, following):
        return (SPACE, NOTHING) if what == _DIGIT else (NOTHING, NOTHING)
    letters = _letters_before(text, block, written)
    if in_link:
        return BRACKET, BRACKET + 2
    noted = _may_be_noted(text, block, written)
    if counts[_DIGIT] == length:
        return (BRACKET, BRACKET + 2) if noted else (CARET, NOTHING)
    if what not in (_DIGIT, _LETTER) and before not in (41, 93):
        return NOTHING, NOTHING
    if counts[_OPERATOR] > 0:
        terms = counts[_DIGIT] + counts[_LETTER]
        return (CARET, NOTHING if begins == _OPERATOR else PARENTHESIS + 1) if terms > 0 else (NOTHING, NOTHING)
    if counts[_SIGN] > 0:
        if length == counts[_SIGN]:
            return NOTHING, NOTHING
        if noted and begins == ends == _DIGIT:
            return BRACKET, BRACKET + 2
        return CARET, PARENTHESIS + 1 if _SIGN not in (begins, ends) else NOTHING
    if counts[_DIGIT] > 0:
        return (CARET, NOTHING) if letters <= 1 else (NOTHING, NOTHING)
    if length == 1:
        if letters >= _WORD_BEFORE_NOTE and 97 <= letter <= _LAST_NOTE:
            return BRACKET, BRACKET + 2
        return (NOTHING, NOTHING) if _ORDINAL[letter] else (CARET, NOTHING)
    if letters == 1 and before == _BASE:
        return CARET, PARENTHESIS + 1
    return (CARET, NOTHING) if letters == 1 and 97 <= before <= 122 and letter < 0x80 else (NOTHING, NOTHING)


@leaf
def _begins_link(elements: Elements, element: int, stretch: int) -> bool:
    """Return whether an element stands in a link that begins with a stretch, as that from a number to its note does."""
    if elements.inside[element] & _LINK == 0:
        return False
    while elements.kind[element] != _A:
        element = elements.parent[element]
    return bool(elements.first[element] == stretch)


@leaf
def _cents_mark(page: Bytes, stretches: Stretches, following: int, text: Bytes, block: int, written: int) -> int:
    """Return what to write before two raised digits that are the cents of a price; −1 where they are no cents.

    A price has the sign of its currency before its digits or after the cents; after a 10 they are a power of ten.
    """
    at = written
    pointed = at > block and text[at - 1] in (_COMMA, DOT)
    digits = 0
    while at > block and (_KINDS[text[at - 1]] == _DIGIT or text[at - 1] in (_COMMA, DOT)):
        at -= 1
        digits += _KINDS[text[at]] == _DIGIT
    if digits == 0 or (digits == 2 and not pointed and text[written - 2] == 49 and text[written - 1] == 48):
        return -1
    if at > block and text[at - 1] == SPACE:
        at -= 1
    if at > block and (text[at - 1] == _DOLLAR or _ends_currency(text, block, at)):
        return NOTHING if pointed else DOT
    if following >= len(stretches.start) or stretches.gap[following] >= LINE_BREAK:
        return -1
    at, end = stretches.start[following], stretches.end[following]
    while at < end and page[at] <= SPACE:
        at += 1
    if _begins_euro(page, at, end):
        return NOTHING if pointed else DOT
    return -1


@leaf
def _ends_currency(text: Bytes, start: int, end: int) -> bool:
    """Return whether a text ends with `£` or `€`."""
    pound = end - 2 >= start and text[end - 2] == 0xC2 and text[end - 1] == 0xA3
    return bool(
        pound or (end - 3 >= start and text[end - 3] == 0xE2 and text[end - 2] == 0x82 and text[end - 1] == 0xAC)
    )


@leaf
def _begins_euro(page: Bytes, at: int, end: int) -> bool:
    """Return whether a text begins with `€` or `&euro;`."""
    if at + 4 < end and page[at] == _AMPERSAND:
        return bool(page[at + 1] == 101 and page[at + 2] == 117 and page[at + 3] == 114 and page[at + 4] == 111)
    return bool(at + 2 < end and page[at] == 0xE2 and page[at + 1] == 0x82 and page[at + 2] == 0xAC)


@leaf
def _letters_before(text: Bytes, block: int, written: int) -> int:
    """Return how many bytes of letters a text ends with."""
    letters = 0
    while written - letters > block and _KINDS[text[written - 1 - letters]] == _LETTER:
        letters += 1
    return letters


@leaf
def _may_be_noted(text: Bytes, block: int, written: int) -> bool:
    """Return whether a raised number after a text is that of a note: after a word, or a mark that ends a clause."""
    before = text[written - 1]
    in_word = _letters_before(text, block, written) >= _WORD_BEFORE_NOTE and before < 0x80
    return bool(_IS_END[before] or in_word or _closes(text, written))


@leaf
def _is_fraction(page: Bytes, stretches: Stretches, stretch: int) -> bool:
    """Return whether the text that follows a raised number begins with a fraction's bar."""
    if stretch >= len(stretches.start) or stretches.gap[stretch] != NO_BREAK:
        return False
    at, end = stretches.start[stretch], stretches.end[stretch]
    if at >= end:
        return False
    if page[at] == _AMPERSAND:
        return bool(at + 2 < end and page[at + 1] == 102 and page[at + 2] == 114)  # &frasl;
    return bool(page[at] == _SLASH or (at + 2 < end and page[at] == 0xE2 and page[at + 1] == 0x81))


@leaf
def _closes(text: Bytes, written: int) -> bool:
    """Return whether the last character is a quotation mark, an ideograph, kana, or a mark beside those."""
    if written < 3:
        return False
    first, second = text[written - 3], text[written - 2]
    return bool((first == 0xE2 and second == 0x80) or 0xE3 <= first <= 0xE9)


@leaf
def stands_apart(text: Bytes, block: int, written: int, code: int, term: bool) -> bool:
    """Return whether a space belongs where two elements of a kind meet, before a character: `2020` and `By`.

    A full stop inside a term (`dt`) is that of a name: `json.` and `dump`.
    """
    before = int(text[written - 1])
    if term and before == 46:
        return False
    upper, digit = 65 <= code <= 90, 48 <= code <= 57
    if before in (41, 44, 46, 58, 59, 33, 63):
        return upper or digit or 97 <= code <= 122
    if upper:
        accented = before >= 0x80 and written - 2 >= block and 0xC3 <= text[written - 2] <= 0xC5
        return 97 <= before <= 122 or 48 <= before <= 57 or accented
    if not digit or written - 3 < block or text[written - 3] >= 0xE0:
        return False
    if text[written - 3] < 0xC0 and min(text[written - 3], text[written - 2], text[written - 1]) >= 0x80:
        return False  # one character of four bytes
    return bool(
        _KINDS[before] == _LETTER and _KINDS[text[written - 2]] == _LETTER and _KINDS[text[written - 3]] == _LETTER
    )


@leaf
def carries_nothing(page: Bytes, at: int, end: int, code: int) -> bool:
    """Return whether a character is a soft hyphen, a zero-width space, a word joiner or a byte order mark."""
    if page[at] == _AMPERSAND:
        return code in (0xAD, 0x200B, 0x2060, 0xFEFF)
    if code == 0xAD:
        return True
    if code < 0x100 or at + 2 >= end:
        return False
    first, second, third = page[at], page[at + 1], page[at + 2]
    return bool(
        (first == 0xE2 and ((second == 0x80 and third == 0x8B) or (second == 0x81 and third == 0xA0)))
        or (first == 0xEF and second == 0xBB and third == 0xBF)
    )
