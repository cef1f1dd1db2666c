"""The attributes of a start tag, as far as they say what an element is for (WHATWG HTML, sections 13.2.5.32–40)."""

from typing import Final

import numpy as np

from prep.corpus.arrow.columns import Bytes
from prep.corpus.kernels import leaf
from prep.stages.extract.features.vocabulary_kernels import class_groups
from prep.stages.extract.html.element_kernels import name_hash

_SLASH, _EQUALS, _GREATER, _QUOTE, _APOSTROPHE, _SPACE = 47, 61, 62, 34, 39, 32
_WORD: Final = 0xFFFFFFFF

_CLASS, _ID, _ROLE, _ITEMPROP = (name_hash(name) for name in (b"class", b"id", b"role", b"itemprop"))
_HIDDEN, _STYLE, _ARIA_HIDDEN, _TYPE = (name_hash(name) for name in (b"hidden", b"style", b"aria-hidden", b"type"))
_TRUE, _LINKED_DATA = name_hash(b"true"), name_hash(b"application/ld+json")
_NO_DISPLAY = name_hash(b"display:none")
_DISPLAY = len(b"display:none")


@leaf
def lower(byte: int) -> int:
    """Return an ASCII letter in lower case, any other byte as it is."""
    return byte | 32 if 65 <= byte <= 90 else byte


@leaf
def read_attributes(page: Bytes, at: int, name: int) -> tuple[int, bool, np.uint64, int, bool, bool]:
    """Read a start tag from the end of its name.

    Returns where the tag ends, whether it ends in `/>`, the groups of its class words, the hash of its name and class,
    whether it hides its element, and whether its type is that of JSON-LD.
    """
    groups = np.uint64(0)
    shape = name
    hides, linked_data, ended = False, False, False
    while at < len(page) and page[at] != _GREATER:
        if page[at] <= _SPACE or page[at] == _SLASH:
            ended = page[at] == _SLASH
            at += 1
            continue
        ended = False
        state = 0
        first = at
        while at < len(page) and page[at] > _SPACE and page[at] != _GREATER:
            if (page[at] == _EQUALS and at > first) or page[at] == _SLASH:
                break
            state = (state * 31 + lower(page[at])) & _WORD
            at += 1
        at, start, end = _read_value(page, at)
        if state in (_CLASS, _ID, _ROLE, _ITEMPROP):
            groups |= class_groups(page, start, end)
            if state == _CLASS:
                for place in range(start, end):
                    shape = (shape * 31 + page[place]) & _WORD
        elif state == _HIDDEN:
            hides = True
        elif state == _STYLE:
            hides |= _hides(page, start, end)
        elif state == _ARIA_HIDDEN:
            hides |= _hash(page, start, end) == _TRUE
        elif state == _TYPE:
            linked_data |= _hash(page, start, end) == _LINKED_DATA
    return at + 1, ended, groups, shape, hides, linked_data


@leaf
def _read_value(page: Bytes, at: int) -> tuple[int, int, int]:
    """Read an attribute's value from the end of its name; return where it ends, and the range of the value."""
    equals = at
    while equals < len(page) and page[equals] <= _SPACE:
        equals += 1
    if equals >= len(page) or page[equals] != _EQUALS:
        return at, at, at
    at = equals + 1
    while at < len(page) and page[at] <= _SPACE:
        at += 1
    if at < len(page) and page[at] in (_QUOTE, _APOSTROPHE):
        quote = page[at]
        start = at + 1
        at = start
        while at < len(page) and page[at] != quote:
            at += 1
        return at + 1, start, at
    start = at
    while at < len(page) and page[at] > _SPACE and page[at] != _GREATER:
        at += 1
    return at, start, at


@leaf
def _hash(page: Bytes, start: int, end: int) -> int:
    state = 0
    for at in range(start, end):
        if page[at] > _SPACE:
            state = (state * 31 + lower(page[at])) & _WORD
    return state


@leaf
def _hides(page: Bytes, start: int, end: int) -> bool:
    """Return whether a style has `display: none` in it."""
    for at in range(start, end - _DISPLAY + 1):
        if lower(page[at]) == 100:  # d
            stop = at + _DISPLAY
            for place in range(at, min(stop, end)):
                if page[place] <= _SPACE:
                    stop += 1
            if _hash(page, at, min(stop, end)) == _NO_DISPLAY:
                return True
    return False
