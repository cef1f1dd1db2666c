"""Marks that lines begin and end with, and ellipses anywhere."""

from prep.corpus.arrow.columns import Bytes
from prep.corpus.kernels import leaf
from prep.corpus.text.characters import TERMINAL
from prep.corpus.text.utf8 import decode, find_byte

_SPACE, _ASTERISK, _DASH, _FULL_STOP, _LEAD_OF_THREE = 0x20, 0x2A, 0x2D, 0x2E, 0xE2
_BULLET, _ELLIPSIS = 0xA2, 0xA6  # the last bytes of U+2022 and U+2026, both E2 80 __


@leaf
def begins_with_bullet(data: Bytes, start: int, end: int) -> bool:
    """Return whether a text that is not empty begins with `•` or `-` (Gopher, in datatrove)."""
    return bool(data[start] == _DASH or (end - start >= 3 and _is_general(data, start, _BULLET)))


@leaf
def begins_with_dclm_bullet(data: Bytes, start: int, end: int) -> bool:
    """Return whether a text that is not empty begins with `●`, `•`, `*` or `-` (DCLM)."""
    circle = end - start >= 3 and data[start] == 0xE2 and data[start + 1] == 0x97 and data[start + 2] == 0x8F
    return bool(data[start] == _ASTERISK or circle or begins_with_bullet(data, start, end))


@leaf
def ends_in_ellipsis(data: Bytes, start: int, end: int) -> bool:
    """Return whether a text ends in `...` or `…` (Gopher, in datatrove)."""
    if end - start < 3:
        return False
    dots = data[end - 3] == _FULL_STOP and data[end - 2] == _FULL_STOP and data[end - 1] == _FULL_STOP
    return bool(dots or _is_general(data, end - 3, _ELLIPSIS))


@leaf
def ends_in_dclm_ellipsis(data: Bytes, start: int, end: int) -> bool:
    """Return whether a text ends in `...`, `. . .` or `…` (DCLM)."""
    return ends_in_ellipsis(data, start, end) or (end - start >= 5 and _is_spaced_ellipsis(data, end - 5))


@leaf
def ends_in_terminal(data: Bytes, start: int, end: int, characters: Bytes) -> bool:
    """Return whether the last character of a text that is not empty is a terminal mark (FineWeb)."""
    at = end - 1
    while at > start and data[at] & 0xC0 == 0x80:
        at -= 1
    code, _ = decode(data, at, end)
    return bool(characters[code] & TERMINAL)


@leaf
def count_ellipses(data: Bytes, start: int, end: int) -> tuple[int, int]:
    """Return how often `...` or `…` stands in a text, and how often `. . .` does, each without overlap."""
    plain = 0
    spaced = 0
    spaced_from = start
    at = find_byte(data, start, end, _FULL_STOP)
    while at < end:
        begin = at
        while at < end and data[at] == _FULL_STOP:
            at += 1
        plain += (at - begin) // 3
        if at - 1 >= spaced_from and at + 4 <= end and _is_spaced_ellipsis(data, at - 1):
            spaced += 1
            spaced_from = at + 4
        at = find_byte(data, at, end, _FULL_STOP)
    at = find_byte(data, start, end, _LEAD_OF_THREE)
    while at < end:
        plain += at + 3 <= end and _is_general(data, at, _ELLIPSIS)
        at = find_byte(data, at + 1, end, _LEAD_OF_THREE)
    return plain, spaced


@leaf
def _is_spaced_ellipsis(data: Bytes, at: int) -> bool:
    """Return whether the five bytes at `at` are `. . .`."""
    dots = data[at] == _FULL_STOP and data[at + 2] == _FULL_STOP and data[at + 4] == _FULL_STOP
    return bool(dots and data[at + 1] == _SPACE and data[at + 3] == _SPACE)


@leaf
def _is_general(data: Bytes, at: int, last: int) -> bool:
    """Return whether the three bytes at `at` are the character E2 80 `last`, in General Punctuation."""
    return bool(data[at] == _LEAD_OF_THREE and data[at + 1] == 0x80 and data[at + 2] == last)
