"""Counting sentences in UTF-8 text, as a numba kernel: the default sentence boundaries of Unicode.

UAX #29, "Unicode Text Segmentation", section 5.1. A full stop before a digit, before a lower-case letter, or between
letters and an upper-case letter ends no sentence; abbreviations are not known. Cost: one pass, O(bytes).
"""

from functools import cache

import numpy as np

from prep.corpus.arrow.columns import Bytes
from prep.corpus.kernels import kernel, leaf
from prep.corpus.text.utf8 import HIGH_BITS, ONES, code_point_table, decode, load64
from prep.corpus.text.words import SPACE, WHITE_SPACE

# A table's byte: the Sentence_Break class below, and the flag SPACE.
_CLASS = 0x0F
_NAMES = (
    *("Other", "CR", "LF", "Sep", "Extend", "Format", "Sp", "Lower", "Upper", "OLetter", "Numeric", "ATerm", "STerm"),
    *("SContinue", "Close"),
)
_OTHER, _CR, _LF, _SEP, _EXTEND, _FORMAT, _SP, _LOWER, _UPPER, _OLETTER, _NUMERIC, _ATERM, _STERM = range(13)
_SCONTINUE, _CLOSE = range(13, 15)

_SPACES = np.uint64(ord(" ")) * ONES
_FULL_STOPS = np.uint64(ord(".")) * ONES
_EXCLAMATION_MARKS = np.uint64(ord("!")) * ONES
_QUESTION_MARKS = np.uint64(ord("?")) * ONES


@cache
def sentence_table() -> Bytes:
    """Return the table for `count_sentences` (uint8, one per code point; read-only)."""
    classes = [(rf"\p{{Sentence_Break={name}}}", value) for value, name in enumerate(_NAMES) if value]
    return code_point_table([*classes, (WHITE_SPACE, SPACE)])


@kernel
def count_sentences(data: Bytes, start: int, end: int, table: Bytes) -> int:
    """Return how many sentences the text `data[start:end]` has; white space alone is none.

    Takes `sentence_table()`.
    """
    count = 0
    visible = False  # whether the sentence so far holds more than white space
    before = _OTHER  # the class of the last code point that is not ignorable
    at = start
    while at < end:
        if at + 8 <= end and _is_plain(load64(data, at)):
            visible = True
            before = int(table[data[at + 7]] & _CLASS)
            at += 8
            continue
        code, at = decode(data, at, end)
        flags = table[code]
        kind = int(flags & _CLASS)
        visible = visible or not flags & SPACE
        ends = False
        if kind in (_ATERM, _STERM):
            at, ends = _after_terminator(data, at, end, table, kind, before)
            before = _OTHER
        elif kind in (_CR, _LF, _SEP):
            ends = True
            before = _OTHER
        elif kind not in (_EXTEND, _FORMAT):
            before = kind
        if ends and visible:
            count += 1
            visible = False
    return count + visible


@leaf
def _is_plain(word: np.uint64) -> bool:
    """Return whether eight bytes are ASCII, not all spaces, and neither control characters nor terminators."""
    special = (word | (word - _SPACES)) & HIGH_BITS
    for mark in (_FULL_STOPS, _EXCLAMATION_MARKS, _QUESTION_MARKS):
        special |= ((word ^ mark) - ONES) & HIGH_BITS
    return bool(special == 0 and word != _SPACES)


@leaf
def _after_terminator(data: Bytes, at: int, end: int, table: Bytes, terminator: int, before: int) -> tuple[int, bool]:
    """Return where a mark's closing marks and spaces end, and whether a sentence ends there (SB6 to SB11)."""
    bare = True
    spaces = False
    kind = _OTHER
    while at < end:
        code, after = decode(data, at, end)
        kind = int(table[code] & _CLASS)
        if kind == _SP:
            spaces = True
        elif kind in (_EXTEND, _FORMAT) or (kind == _CLOSE and not spaces):
            pass
        else:
            break
        bare = bare and kind in (_EXTEND, _FORMAT)
        at = after
    if at >= end or kind in (_CR, _LF, _SEP, _SCONTINUE, _ATERM, _STERM):
        return at, False
    if terminator == _ATERM:
        if bare and (kind == _NUMERIC or (kind == _UPPER and before in (_UPPER, _LOWER))):
            return at, False
        return at, not _lower_follows(data, at, end, table)
    return at, True


@leaf
def _lower_follows(data: Bytes, at: int, end: int, table: Bytes) -> bool:
    """Return whether a lower-case letter comes before any other letter, terminator or line end (SB8)."""
    kind = _OTHER
    while at < end and kind not in (_OLETTER, _UPPER, _LOWER, _CR, _LF, _SEP, _ATERM, _STERM):
        code, at = decode(data, at, end)
        kind = int(table[code] & _CLASS)
    return kind == _LOWER
