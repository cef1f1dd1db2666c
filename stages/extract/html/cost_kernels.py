"""What parsing a page would cost, found by one pass over its bytes before it is parsed.

The HTML standard's tree construction is linear on ordinary pages, and not on hostile or broken ones. Three of its
rules multiply (WHATWG HTML, section 13.2): every start tag of a block looks through the stack of open elements for a
paragraph to close; every formatting element left open (`<b>`, `<font>`) is built again in each block that follows,
though of like ones only three; and every attribute is compared with those before it in its tag. A page of 18 KB can
so become a million elements. The kernel follows the tags, not the tree: its figure is an estimate, in steps of about
one to two microseconds, which depends on the bytes alone. Cost: about 1 GB/s of markup.
"""

import numpy as np

from prep.corpus.arrow.columns import Bytes
from prep.corpus.kernels import inner, kernel

ORDINARY, VOID, OPTIONAL, FORMATTING, RAW = 0, 1, 2, 3, 4
"""How an element weighs: nests; has no content; its end tag may be left out; is built again; holds no markup."""

DEPTH_SHARE = 50
"""Looking through this many open elements takes a step."""
ATTRIBUTE_SHARE = 500
"""Comparing this many pairs of attributes takes a step."""
LIKE_ELEMENTS = 3
"""So many like formatting elements are built again (the standard's "Noah's Ark clause")."""

_SLOTS = 1024
_SPACE, _BANG, _QUOTE, _APOSTROPHE, _DASH, _SLASH = 32, 33, 34, 39, 45, 47
_LESS, _EQUALS, _GREATER = 60, 61, 62
_KINDS = {
    VOID: "area base br col embed hr img input link meta param source track wbr",
    OPTIONAL: "html head body p li dt dd option optgroup thead tbody tfoot tr td th colgroup caption rb rt rtc rp",
    FORMATTING: "a b big code em font i nobr s small strike strong tt u",
    RAW: "script style textarea title xmp iframe noembed noframes",
}


def name_hash(name: bytes) -> int:
    """Return the slot of an element's name in lower case, as the kernel computes it."""
    state = 0
    for byte in name:
        state = (state * 31 + byte) & 0xFFFFFFFF
    return state % _SLOTS


def kinds_by_slot() -> Bytes:
    """Return the kind of the elements by the slots of their names (1024)."""
    kinds = np.zeros(_SLOTS, np.uint8)
    for kind, names in _KINDS.items():
        for name in names.split():
            kinds[name_hash(name.encode())] = kind
    return kinds


@kernel
def parse_cost(page: Bytes, kinds: Bytes) -> int:
    """Return about how many steps it takes to parse a page.

    Takes the page's bytes in an encoding that leaves ASCII as it is, and `kinds_by_slot()`.
    """
    open_elements = np.zeros(_SLOTS, np.int64)  # by name
    variants = np.zeros(_SLOTS, np.int64)  # unlike formatting elements seen, by name
    seen = np.zeros(_SLOTS, np.bool_)  # formatting elements seen, by name and attributes
    depth = 0
    rebuilt = 0  # formatting elements that the next block would build again
    cost = 0
    at = 0
    while at < len(page):
        if page[at] != _LESS:
            at += 1
            continue
        at += 1
        if at + 2 < len(page) and page[at] == _BANG and page[at + 1] == _DASH and page[at + 2] == _DASH:
            at = _comment_end(page, at + 3)
            continue
        closing = at < len(page) and page[at] == _SLASH
        if closing:
            at += 1
        if at >= len(page) or not _is_letter(page[at]):
            continue
        name = 0
        while at < len(page) and page[at] > _SPACE and page[at] != _GREATER and page[at] != _SLASH:
            name = (name * 31 + (page[at] | 32 if _is_letter(page[at]) else page[at])) & 0xFFFFFFFF
            at += 1
        at, attributes, content = _tag_end(page, at, name)
        slot = name % _SLOTS
        kind = kinds[slot]
        cost += 1 + attributes * attributes // ATTRIBUTE_SHARE
        if not closing:
            cost += depth // DEPTH_SHARE + rebuilt
        if kind in (VOID, OPTIONAL):
            continue
        if kind == FORMATTING:
            rebuilt -= min(open_elements[slot], LIKE_ELEMENTS * variants[slot])
        if not closing:
            open_elements[slot] += 1
            depth += 1
        elif open_elements[slot] > 0:
            open_elements[slot] -= 1
            depth -= 1
        if kind == FORMATTING:
            if not closing and not seen[content % _SLOTS]:
                seen[content % _SLOTS] = True
                variants[slot] += 1
            rebuilt += min(open_elements[slot], LIKE_ELEMENTS * variants[slot])
        if kind == RAW and not closing:
            at = _raw_end(page, at, name)
    return cost


@inner
def _is_letter(byte: int) -> bool:
    return 97 <= (byte | 32) <= 122


@inner
def _comment_end(page: Bytes, at: int) -> int:
    """Return where the comment that began before `at` ends."""
    while at < len(page) and not (page[at] == _GREATER and page[at - 1] == _DASH and page[at - 2] == _DASH):
        at += 1
    return at


@inner
def _tag_end(page: Bytes, at: int, content: int) -> tuple[int, int, int]:
    """Return where the tag ends, how many attributes it has, and a hash of its name (given) and attributes."""
    attributes = 0
    quote = 0
    blank = True
    while at < len(page) and (quote != 0 or page[at] != _GREATER):
        byte = page[at]
        if quote != 0:
            if byte == quote:
                quote = 0
        elif (byte in (_QUOTE, _APOSTROPHE)) and page[at - 1] == _EQUALS:
            quote = byte
        elif byte <= _SPACE or byte == _SLASH:
            blank = True
        elif blank:
            blank = False
            attributes += 1
        content = (content * 31 + byte) & 0xFFFFFFFF
        at += 1
    return at, attributes, content


@inner
def _raw_end(page: Bytes, at: int, name: int) -> int:
    """Return where the end tag of an element that holds no markup begins, or the page's end."""
    while at + 1 < len(page):
        if page[at] == _LESS and page[at + 1] == _SLASH:
            other = 0
            after = at + 2
            while after < len(page) and _is_letter(page[after]):
                other = (other * 31 + (page[after] | 32)) & 0xFFFFFFFF
                after += 1
            if other == name:
                return at
        at += 1
    return len(page)
