r"""Finding e-mail addresses, as numba kernels over UTF-8 bytes.

An address is what datatrove's regular expression for FineWeb takes for one (RFC 5322 without quoted names):

- before the `@`, runs of letters, digits and `!#$%&'*+/=?^_{|}~-` and the backtick with single full stops between them,
  from the first place in them on that lies between a word character (Unicode letter, digit, `_`) and another;
- behind it, two labels or more of letters, digits and hyphens, which neither begin nor end with a hyphen, with full
  stops between them; or an IPv4 address in brackets, whose last number may be a name and a colon.

All letters and digits but those of the boundary are ASCII. Cost: one pass that looks for `@`, eight bytes at once.
"""

from functools import cache

import numpy as np

from prep.corpus.arrow.columns import Bytes
from prep.corpus.kernels import leaf
from prep.corpus.text.utf8 import code_point_table, decode

_AT, _DOT, _HYPHEN, _OPEN, _CLOSE, _COLON = 0x40, 0x2E, 0x2D, 0x5B, 0x5D, 0x3A
_LOCAL, _LABEL = 1, 2


def _byte_kinds() -> Bytes:
    kinds = np.zeros(256, np.uint8)
    for byte in range(128):
        alphanumeric = chr(byte).isalnum()
        kinds[byte] |= _LOCAL if alphanumeric or chr(byte) in "!#$%&'*+/=?^_`{|}~-" else 0
        kinds[byte] |= _LABEL if alphanumeric else 0
    return kinds


_KINDS = _byte_kinds()


@cache
def word_characters() -> Bytes:
    """Return 1 for each code point that Python's `re` takes for part of a word (uint8; read-only)."""
    return code_point_table([(r"[\p{L}\p{N}_]", 1)])


@leaf
def find_email(data: Bytes, at: int, floor: int, text: int, end: int, words: Bytes) -> tuple[int, int]:
    """Return where the address around the `@` at a byte begins and ends, in `data[floor:end]`; both `at` for none.

    Takes `word_characters`. The text begins at `text`; what it holds up to `floor` is taken already.
    """
    stop = _domain_end(data, at + 1, end)
    if stop == at + 1:
        return at, at
    start = at
    while start > floor and (
        _KINDS[data[start - 1]] & _LOCAL
        or (
            data[start - 1] == _DOT
            and start < at
            and data[start] != _DOT
            and start - 1 > floor
            and _KINDS[data[start - 2]] & _LOCAL
        )
    ):
        start -= 1
    while start < at and not (_KINDS[data[start]] & _LOCAL and _is_boundary(data, start, text, words)):
        start += 1
    return (start, stop) if start < at else (at, at)


@leaf
def _is_boundary(data: Bytes, at: int, text: int, words: Bytes) -> bool:
    """Return whether one of the characters on both sides of a place is a word character; the one behind it is ASCII."""
    inside = bool(words[data[at]])
    if at == text:
        return inside
    before = at - 1
    while before > text and data[before] & 0xC0 == 0x80:
        before -= 1
    return bool(words[decode(data, before, at)[0]]) != inside


@leaf
def _domain_end(data: Bytes, start: int, end: int) -> int:
    """Return where the domain that begins at a byte ends; `start` where none does."""
    if start < end and data[start] == _OPEN:
        return literal_end(data, start, end)
    at = start
    labels = 0
    while at < end and _KINDS[data[at]] & _LABEL:
        label = at
        while at < end and (_KINDS[data[at]] & _LABEL or data[at] == _HYPHEN):
            at += 1
        whole = data[at - 1] != _HYPHEN
        labels += 1
        if whole and at + 1 < end and data[at] == _DOT and _KINDS[data[at + 1]] & _LABEL:
            at += 1
            continue
        while at > label and data[at - 1] == _HYPHEN:
            at -= 1
        return at if labels > 1 else start
    return start


@leaf
def literal_end(data: Bytes, start: int, end: int) -> int:
    """Return where an address in brackets ends; `start` where it is none."""
    at = start + 1
    for _ in range(3):
        after = _octet_end(data, at, end)
        if after == at or after >= end or data[after] != _DOT:
            return start
        at = after + 1
    after = _octet_end(data, at, end)
    if after > at and after < end and data[after] == _CLOSE:
        return after + 1
    after = at
    while after < end and (_KINDS[data[after]] & _LABEL or data[after] == _HYPHEN):
        after += 1
    named = after > at and data[after - 1] != _HYPHEN
    if named and after + 1 < end and data[after] == _COLON and data[after + 1] == _CLOSE:
        return after + 2
    return start


@leaf
def _octet_end(data: Bytes, start: int, end: int) -> int:
    """Return where a number up to 255 of one to three digits ends; `start` where there is none."""
    at = start
    value = 0
    while at < end and at - start < 4 and 0x30 <= data[at] <= 0x39:
        value = 10 * value + data[at] - 0x30
        at += 1
    return at if at - start < 4 and value < 256 else start
