"""Counts of tokens as spaCy's rules for Western languages cut them: what Gopher's rule about alphabetic words counts.

Gopher's rule (Rae et al. 2021) is applied to tokens of spaCy by FineWeb's code, and its threshold depends on what a
token is: Unicode's segmentation makes one word of each mark in a run, and several of an address. What stands between
white space is cut from both ends, then inside (spaCy, `lang/punctuation.py` and `lang/tokenizer_exceptions.py`):

- marks, quotes, brackets, currency signs and pictures at its beginning and end are tokens of their own, a run of full
  stops is one; a full stop at the end of an abbreviation or after a single capital belongs to it;
- a unit behind a number is a token (`70mm`), as is what follows an apostrophe (`it's`, `don't`);
- an address with `://`, `@` or a domain is one token;
- hyphens and commas between letters, `:`, `/`, `=`, `<`, `>` before a letter, `+`, `*`, `^`, `-` between digits, and a
  full stop between a small and a capital letter cut what is left.

The longer lists of contractions and abbreviations of single languages are not followed. Cost: O(bytes).
"""

from functools import cache

import numpy as np
import numpy.typing as npt

from prep.corpus.arrow.columns import Bytes
from prep.corpus.kernels import kernel, leaf
from prep.corpus.text.utf8 import code_point_table, decode
from prep.corpus.text.words import SPACE, WHITE_SPACE, Positions

Counts = npt.NDArray[np.int64]

TOKENS = ("tokens", "alphabetic_tokens")
"""Counts of `count_tokens`."""

_LETTER, _CAPITAL, _DIGIT, _OPENS, _CLOSES, _PICTURE = 1, 2, 4, 8, 16, 32
_MARKS = r"…,:;!?¿؟¡()\[\]{}<>_#*&。？！，、；：～·।،۔؛٪'\"”“`‘´’‚„»«「」『』（）〔〕【】《》〈〉–—"
_ONLY_OPENING = r"§%=+\p{Sc}"
_STOP, _PLUS, _HYPHEN, _COMMA, _SLASH, _COLON, _AT, _QUOTE, _APOSTROPHE = (
    *(0x2E, 0x2B, 0x2D, 0x2C, 0x2F, 0x3A, 0x40, 0x27, 0x2019),
)


def _packed(words: str) -> npt.NDArray[np.int64]:
    """Return short ASCII words as numbers, a byte for each letter, the last one lowest."""
    return np.array([int.from_bytes(word.encode(), "big") for word in words.split()], np.int64)


_ABBREVIATIONS = _packed("mr mrs ms dr prof st jr sr inc co corp ltd vs gov gen rep sen bros mt messrs adm ph")
_UNITS = _packed("km m dm cm mm nm ha g kg mg t lb oz mph kmh hPa Pa mbar mb MB kb KB gb GB tb TB T G M K")
_ENDINGS = _packed("s S m re ve ll d")
"""What follows an apostrophe as a token of its own."""


@cache
def token_table() -> Bytes:
    """Return what each code point is to `count_tokens` (uint8; read-only)."""
    return code_point_table(
        [
            (r"\p{L}", _LETTER),
            (r"[\p{Lu}\p{Lt}]", _CAPITAL),
            (r"\p{Nd}", _DIGIT),
            (f"[{_MARKS}{_ONLY_OPENING}]", _OPENS),
            (f"[{_MARKS}]", _CLOSES),
            (r"\p{So}", _OPENS | _CLOSES | _PICTURE),
            (WHITE_SPACE, SPACE),
        ]
    )


@kernel
def count_tokens(data: Bytes, start: int, end: int, table: Bytes, code_points: Positions, counts: Counts) -> None:
    """Write the counts named in TOKENS; `code_points` takes a code point for each byte."""
    counts[:] = 0
    at = start
    while at < end:
        size = 0
        while at < end:
            code, at = decode(data, at, end)
            if table[code] & SPACE:
                break
            code_points[size] = code
            size += 1
        _count_piece(code_points, size, table, counts)


@leaf
def _count_piece(codes: Positions, size: int, table: Bytes, counts: Counts) -> None:
    """Count the tokens of what stands between white space."""
    first = _cut_beginning(codes, size, table, counts)
    last = _cut_end(codes, first, size, table, counts)
    if first == last:
        return
    unit = _unit_start(codes, first, last, table)
    if unit < last:
        counts[0] += 1
        counts[1] += 1
        last = unit
    if _is_address(codes, first, last, table):
        counts[0] += 1
        counts[1] += 1
    else:
        _cut_inside(codes, first, last, table, counts)


@leaf
def _cut_beginning(codes: Positions, size: int, table: Bytes, counts: Counts) -> int:
    at = 0
    while at < size:
        if codes[at] == _STOP and at + 1 < size and codes[at + 1] == _STOP:
            while at < size and codes[at] == _STOP:
                at += 1
        elif not table[codes[at]] & _OPENS or (codes[at] == _PLUS and at + 1 < size and table[codes[at + 1]] & _DIGIT):
            break
        else:
            at += 1
        counts[0] += 1
    return at


@leaf
def _cut_end(codes: Positions, first: int, size: int, table: Bytes, counts: Counts) -> int:
    last = size
    while last > first:
        code = codes[last - 1]
        before = int(table[codes[last - 2]]) if last - 2 >= first else 0
        if code == _STOP:
            if last - 2 >= first and codes[last - 2] == _STOP:
                while last > first and codes[last - 1] == _STOP:
                    last -= 1
                counts[0] += 1
                continue
            if not _ends_in_stop(codes, first, last, table):
                break
        elif not table[code] & _CLOSES and not ((code == _PLUS or table[code] & _OPENS) and before & _DIGIT):
            break
        last -= 1
        counts[0] += 1
    return last


@leaf
def _ends_in_stop(codes: Positions, first: int, last: int, table: Bytes) -> bool:
    """Return whether the full stop that ends a piece is a token of its own."""
    if last - 2 < first:
        return False
    code = codes[last - 2]
    before = table[code]
    small = before & _LETTER and not before & _CAPITAL
    capitals = before & _CAPITAL and last - 3 >= first and table[codes[last - 3]] & _CAPITAL
    if not (small or capitals or before & (_DIGIT | _CLOSES) or code in (0x25, 0xB2, _HYPHEN, _PLUS)):
        return False
    return not _is_listed(codes, first, last - 1, _ABBREVIATIONS, True) and not _is_initials(
        codes, first, last - 1, table
    )


@leaf
def _is_initials(codes: Positions, first: int, last: int, table: Bytes) -> bool:
    """Return whether a piece is of single letters with full stops between them (`e.g`)."""
    if last - first < 3 or (last - first) % 2 == 0:
        return False
    for at in range(first, last):
        if (codes[at] >= 0x80 or not table[codes[at]] & _LETTER) if (at - first) % 2 == 0 else codes[at] != _STOP:
            return False
    return True


@leaf
def _is_listed(codes: Positions, first: int, last: int, words: npt.NDArray[np.int64], fold: bool) -> bool:
    """Return whether a piece is one of some ASCII words, in any case of letters where asked."""
    if last - first > 7 or last == first:
        return False
    packed = 0
    for at in range(first, last):
        if codes[at] >= 0x80:
            return False
        packed = packed << 8 | (codes[at] + 0x20 if fold and 0x41 <= codes[at] <= 0x5A else codes[at])
    for word in words:
        if word == packed:
            return True
    return False


@leaf
def _unit_start(codes: Positions, first: int, last: int, table: Bytes) -> int:
    """Return where the unit begins that ends a piece behind a digit; its end where there is none."""
    at = last
    while at > first and last - at < 5 and table[codes[at - 1]] & _LETTER:
        at -= 1
    if at in (first, last) or not table[codes[at - 1]] & _DIGIT:
        return last
    return at if _is_listed(codes, at, last, _UNITS, False) else last


@leaf
def _is_address(codes: Positions, first: int, last: int, table: Bytes) -> bool:
    """Return whether a piece is a URL, an e-mail address or begins with a domain name."""
    label = first
    stops = letters = 0
    plain = True  # whether the label so far is of ASCII letters alone
    at = first
    while at < last:
        code = codes[at]
        if code == _COLON and at > first and at + 3 < last and codes[at + 1] == codes[at + 2] == _SLASH:
            return True
        if code == _AT:
            if at == label:
                return False
            stops, label, plain, letters = 0, at + 1, True, 0
        elif code == _STOP:
            if at == label:
                return False
            stops, label, plain, letters = stops + 1, at + 1, True, 0
        elif code in (_COLON, _SLASH, 0x3F, 0x23):
            break
        elif not (table[code] & (_LETTER | _DIGIT) or code in (_HYPHEN, 0x5F)):
            return False
        else:
            plain &= 0x61 <= code | 0x20 <= 0x7A
            letters += 1
        at += 1
    return stops > 0 and plain and letters > 1


@leaf
def _cut_inside(codes: Positions, first: int, last: int, table: Bytes, counts: Counts) -> None:
    inside = alphabetic = 0
    at = first
    while at < last:
        step = _separator(codes, first, at, last, table)
        if step > 0:
            counts[0] += inside + 1
            counts[1] += inside * alphabetic
            inside = alphabetic = 0
            at += step
            continue
        if codes[at] in (_QUOTE, _APOSTROPHE) and at > first:
            ends = _is_listed(codes, at + 1, last, _ENDINGS, False)
            negates = last - at == 2 and codes[at + 1] == 0x74 and codes[at - 1] == 0x6E and at - 1 > first
            if ends or negates:
                counts[0] += inside
                counts[1] += inside * alphabetic
                inside = alphabetic = 1
                break
        inside = 1
        alphabetic |= int(table[codes[at]] & _LETTER)
        at += 1
    counts[0] += inside
    counts[1] += inside * alphabetic


@leaf
def _separator(codes: Positions, first: int, at: int, last: int, table: Bytes) -> int:
    """Return how many characters the separator inside a piece has that begins at a place; 0 where none does."""
    code = codes[at]
    if table[code] & _PICTURE:
        return 1
    if at == first or at + 1 >= last:
        return 0
    before, behind = int(table[codes[at - 1]]), int(table[codes[at + 1]])
    if code == _STOP and codes[at + 1] == _STOP:
        stop = at
        while stop < last and codes[stop] == _STOP:
            stop += 1
        return stop - at
    if code == _STOP:
        return int(before & _LETTER and not before & _CAPITAL and behind & _CAPITAL > 0)
    if code == _HYPHEN and codes[at + 1] == _HYPHEN and at + 2 < last and before & table[codes[at + 2]] & _LETTER:
        return 2
    if code in (_HYPHEN, 0x2013, 0x2014, 0x7E, _COMMA) and before & behind & _LETTER:
        return 1
    if code in (_COLON, 0x3C, 0x3E, 0x3D, _SLASH) and before & (_LETTER | _DIGIT) and behind & _LETTER:
        return 1
    if code in (_PLUS, _HYPHEN, 0x2A, 0x5E) and before & _DIGIT and (behind & _DIGIT or codes[at + 1] == _HYPHEN):
        return 1
    return int(code == 0x2026)
