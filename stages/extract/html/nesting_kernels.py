"""Which elements are open, and which of them a tag closes (WHATWG HTML, section 13.2.6).

End tags that start tags imply are followed for paragraphs, list items, definitions, tables, links and the head; end
tags of what is not open, or stands outside of the table's cell, are passed over.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from prep.corpus.kernels import inner, leaf
from prep.stages.extract.html.element_kernels import (
    ENDS_PARAGRAPH,
    IN_HEAD,
    IN_TABLE,
    IS_BLOCK,
    IS_CELL,
    IS_PLAIN,
    IS_UNSEEN,
    number,
)

Integers = npt.NDArray[np.int32]

_P, _LI, _DT, _DD, _TR, _TD, _TH = (number(name) for name in ("p", "li", "dt", "dd", "tr", "td", "th"))
_TABLE, _A, _HTML, _HEAD, _BODY = (number(name) for name in ("table", "a", "html", "head", "body"))
_CAPTION, _COLGROUP = (number(name) for name in ("caption", "colgroup"))


class Elements(NamedTuple):
    """The elements in the order of their start tags; the first is the page itself. One entry per element."""

    kind: npt.NDArray[np.uint8]
    """The number of its name."""
    name: npt.NDArray[np.uint32]
    """Hash of its name."""
    parent: Integers
    """−1 for the page itself."""
    depth: Integers
    inside: npt.NDArray[np.uint64]
    """Bits of the elements that it is inside of, and its own (`INSIDE_NAMES`)."""
    groups: npt.NDArray[np.uint64]
    """Bits of the groups of the words in its class, id, role and itemprop (`CLASS_GROUPS`)."""
    shape: npt.NDArray[np.uint32]
    """Hash of its name and class: equal for the entries of a list."""
    block: Integers
    """The block-level element that it stands in, or is."""
    first: Integers
    """Its first stretch of text."""
    last: Integers
    """One past its last stretch of text."""
    tag: Integers
    """Where its attributes begin in the page."""


@inner
def new_elements(count: int) -> Elements:
    """Return space for so many elements; the first is the page itself."""
    elements = Elements(
        np.empty(count, np.uint8), np.empty(count, np.uint32), np.empty(count, np.int32), np.empty(count, np.int32),
        np.empty(count, np.uint64), np.empty(count, np.uint64), np.empty(count, np.uint32), np.empty(count, np.int32),
        np.empty(count, np.int32), np.empty(count, np.int32), np.empty(count, np.int32),
    )  # fmt: skip
    elements.kind[0] = 0
    elements.name[0] = 0
    elements.parent[0] = -1
    elements.depth[0] = 0
    elements.inside[0] = 0
    elements.groups[0] = 0
    elements.shape[0] = 0
    elements.block[0] = 0
    elements.first[0] = 0
    elements.last[0] = 0
    elements.tag[0] = 0
    return elements


@inner
def cut_elements(of: Elements, count: int) -> Elements:
    """Return the first elements."""
    return Elements(
        of.kind[:count], of.name[:count], of.parent[:count], of.depth[:count], of.inside[:count], of.groups[:count],
        of.shape[:count], of.block[:count], of.first[:count], of.last[:count], of.tag[:count],
    )  # fmt: skip


@leaf
def close(elements: Elements, opened: npt.NDArray[np.int64], current: int, last: int, seen: int) -> int:
    """Close the open elements from the innermost to `last`; return the one around them."""
    while True:
        elements.last[current] = seen
        opened[elements.kind[current]] -= 1
        around = int(elements.parent[current])
        if current == last:
            return around
        current = around


@leaf
def ended_by_end_tag(elements: Elements, opened: npt.NDArray[np.int64], current: int, kind: int, name: int) -> int:
    """Return the open element that an end tag closes, with all inside of it; 0 for none."""
    if opened[kind] == 0 or kind in (_HTML, _BODY):
        return 0
    at = current
    while at > 0 and not (elements.kind[at] == kind and elements.name[at] == name):
        around = elements.kind[at]
        if IS_BLOCK[around] and not IS_BLOCK[kind] and not IS_UNSEEN[kind]:
            return 0
        if around == _TABLE or (IS_CELL[around] and not IN_TABLE[kind]):
            return 0
        at = elements.parent[at]
    return at


@leaf
def ended_by_start_tag(elements: Elements, opened: npt.NDArray[np.int64], current: int, kind: int) -> int:
    """Return the outermost open element that a start tag closes; 0 for none."""
    last = 0
    if opened[_HEAD] > 0 and not IN_HEAD[kind]:
        at = current
        while at > 0 and elements.kind[at] != _HEAD:
            at = elements.parent[at]
        return at
    if kind in (_LI, _DT, _DD):
        at = current
        while at > 0:
            around = elements.kind[at]
            if (around == _LI) if kind == _LI else (around in (_DT, _DD)):
                return at
            if IS_BLOCK[around] and not IS_PLAIN[around]:
                break
            at = elements.parent[at]
    elif IN_TABLE[kind] and kind != _TABLE and opened[_TABLE] > 0:
        at = current
        while at > 0 and elements.kind[at] != _TABLE:
            around = elements.kind[at]
            if kind in (_TD, _TH) and around == _TR:
                break
            if kind in (_TD, _TH, _TR):
                if around in (_TD, _TH, _TR, _CAPTION, _COLGROUP):
                    last = at
            elif IN_TABLE[around]:
                last = at
            at = elements.parent[at]
        return last
    elif kind == _A and opened[_A] > 0:
        at = current
        while at > 0 and not IS_BLOCK[elements.kind[at]]:
            if elements.kind[at] == _A:
                return at
            at = elements.parent[at]
    if ENDS_PARAGRAPH[kind]:
        block = int(elements.block[current])
        if elements.kind[block] == _P:
            return block
    return 0


@leaf
def table_around(elements: Elements, element: int) -> int:
    """Return the innermost table that an element is or stands in; 0 for none."""
    while element > 0 and elements.kind[element] != _TABLE:
        element = elements.parent[element]
    return element
