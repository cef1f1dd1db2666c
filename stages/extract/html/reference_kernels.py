"""Character references (`&amp;`, `&#8217;`, `&#x2019;`) in the text of a page (WHATWG HTML, section 13.2.5.72).

Named references need their semicolon, but for the 106 that the standard takes without one: of these the longest that
the text begins with counts (`&notit;` is `¬it;`). Some names stand for two characters.
"""

from html.entities import html5
from typing import Final

import numpy as np
import numpy.typing as npt

from prep.corpus.arrow.columns import Bytes
from prep.corpus.kernels import leaf

_SLOTS: Final = 8192
_LONGEST: Final = 32
_WORD: Final = 0xFFFFFFFF
_LONGEST_BARE: Final = max(len(name) for name in html5 if not name.endswith(";"))
_HASH, _SEMICOLON, _X, _AMPERSAND = 35, 59, 120, 38
_REPLACEMENT: Final = 0xFFFD
_WINDOWS: Final = np.array([ord(bytes([byte]).decode("cp1252", "replace")) for byte in range(128, 160)], np.uint32)
"""What numbers from 128 to 159 mean: they are taken as windows-1252."""


def _hash(name: str) -> int:
    state = 0
    for byte in name.encode():
        state = (state * 131 + byte) & _WORD
    return state


def _named() -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32]]:
    keys, values = np.zeros(_SLOTS, np.uint32), np.zeros((_SLOTS, 2), np.uint32)
    for name, characters in html5.items():
        state = _hash(name)
        slot = (state ^ (state >> 13)) % _SLOTS
        while keys[slot] != 0:
            assert keys[slot] != state, f"the name {name} has the hash of another"
            slot = (slot + 1) % _SLOTS
        keys[slot] = state
        values[slot, : len(characters)] = [ord(character) for character in characters]
    return keys, values


_KEYS, _VALUES = _named()


@leaf
def _slot_of(state: int) -> int:
    """Return the slot of the name with this hash; −1 for none."""
    slot = (state ^ (state >> 13)) % _SLOTS
    while _KEYS[slot] != 0:
        if _KEYS[slot] == state:
            return int(slot)
        slot = (slot + 1) % _SLOTS
    return -1


@leaf
def read_reference(page: Bytes, at: int, end: int) -> tuple[int, int, int]:
    """Read a reference from after its `&`; return its code point, a second one or 0, and where it ends.

    The code point is −1 where there is no reference. A number that is no character becomes U+FFFD.
    """
    if at < end and page[at] == _HASH:
        code, place = _read_number(page, at + 1, end)
        return code, 0, place
    state = 0
    place = at
    bare, bare_end = -1, at  # the longest name so far that needs no semicolon
    while place < min(end, at + _LONGEST) and _is_alphanumeric(page[place]):
        state = (state * 131 + page[place]) & _WORD
        place += 1
        if 2 <= place - at <= _LONGEST_BARE:
            slot = _slot_of(state)
            if slot >= 0:
                bare, bare_end = slot, place
    if place < end and page[place] == _SEMICOLON:
        slot = _slot_of((state * 131 + _SEMICOLON) & _WORD)
        if slot >= 0:
            return int(_VALUES[slot, 0]), int(_VALUES[slot, 1]), place + 1
    if bare >= 0:
        return int(_VALUES[bare, 0]), 0, bare_end
    return -1, 0, at


@leaf
def _read_number(page: Bytes, at: int, end: int) -> tuple[int, int]:
    """Read a number from after its `&#`; two that are the halves of a surrogate pair are one character."""
    code, after = _read_digits(page, at, end)
    if 0xD800 <= code < 0xDC00 and after + 1 < end and page[after] == _AMPERSAND and page[after + 1] == _HASH:
        low, after_low = _read_digits(page, after + 2, end)
        if 0xDC00 <= low < 0xE000:
            return 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00), after_low
    if 128 <= code < 160:
        code = int(_WINDOWS[code - 128])
    if code == 0 or code > 0x10FFFF or 0xD800 <= code < 0xE000:
        code = _REPLACEMENT
    return code, after


@leaf
def _read_digits(page: Bytes, at: int, end: int) -> tuple[int, int]:
    """Read the digits of a number and its semicolon, from after its `&#`; −1 for none."""
    base = 10
    if at < end and (page[at] | 32) == _X:
        base = 16
        at += 1
    first = at
    code = 0
    while at < end:
        byte = int(page[at])
        if 48 <= byte <= 57:
            digit = byte - 48
        elif base == 16 and 97 <= (byte | 32) <= 102:
            digit = (byte | 32) - 87
        else:
            break
        code = min(code * base + digit, 0x110000)
        at += 1
    if at == first:
        return -1, first
    if at < end and page[at] == _SEMICOLON:
        at += 1
    return code, at


@leaf
def _is_alphanumeric(byte: int) -> bool:
    return 48 <= byte <= 57 or 97 <= (byte | 32) <= 122
