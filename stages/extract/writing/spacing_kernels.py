"""Which entries of a list stand apart by an empty line: those after an entry that has one inside.

A list of short entries has a line for each. Where an entry holds paragraphs, code, quotations or tables, these stand
apart by empty lines, and the next entry would read as a part of the last of them. Cost: the elements around a block.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from prep.corpus.kernels import leaf
from prep.stages.extract.html.block_kernels import Blocks
from prep.stages.extract.html.element_kernels import number
from prep.stages.extract.html.nesting_kernels import Elements

Booleans = npt.NDArray[np.bool_]

_UL, _OL, _MENU, _DL = (number(name) for name in ("ul", "ol", "menu", "dl"))
_LI, _DT = number("li"), number("dt")
_P, _PRE, _QUOTE, _TABLE = (number(name) for name in ("p", "pre", "blockquote", "table"))
_H1, _H6 = number("h1"), number("h6")
_LISTS: Final = (_UL, _OL, _MENU, _DL)


@leaf
def has(elements: Elements, blocks: Blocks, element: int, before: int) -> bool:
    """Return whether a block stands in an element that a later block is known to stand in."""
    return bool(before >= blocks.begun[elements.first[element]])


@leaf
def shared_list(elements: Elements, blocks: Blocks, element: int, before: int) -> int:
    """Return the innermost list that an element and the block before it stand in; 0 for none."""
    while element > 0 and not (elements.kind[element] in _LISTS and has(elements, blocks, element, before)):
        element = elements.parent[element]
    return element


@leaf
def entry_around(elements: Elements, element: int, of: int) -> int:
    """Return the child of a list that an element in it is or stands in; the list itself for text between entries."""
    while element != of and elements.parent[element] != of:
        element = elements.parent[element]
    return element


@leaf
def begins_apart(elements: Elements, blocks: Blocks, element: int, of: int, before: int) -> bool:
    """Return whether a paragraph or the like begins in a list with the block whose element is given."""
    while element != of:
        if _is_apart(elements.kind[element]) and not has(elements, blocks, element, before):
            return True
        element = elements.parent[element]
    return False


@leaf
def ends_apart(elements: Elements, blocks: Blocks, block: int, of: int, before: int, begins_item: bool) -> bool:
    """Return whether a paragraph or the like in a list ends between two blocks.

    Before an item only code, quotations and tables count: a paragraph or heading introduces the list.
    """
    element = blocks.element[before]
    while element != of:
        kind = elements.kind[element]
        if (kind in (_PRE, _QUOTE, _TABLE) if begins_item else _is_apart(kind)) and (
            block >= blocks.begun[elements.last[element]]
        ):
            return True
        element = elements.parent[element]
    return False


@leaf
def note_gap(
    elements: Elements, blocks: Blocks, loose: Booleans, element: int, before: int, is_paragraph: bool
) -> None:
    """Note in `loose` which lists have an empty line in their last entry, once the gap before a block is written."""
    first = shared_list(elements, blocks, element, before)
    at = first
    while at > 0 and is_paragraph:
        loose[at] = True
        at = shared_list(elements, blocks, elements.parent[at], before)
    if first > 0:
        entry = entry_around(elements, element, first)
        if elements.kind[entry] in (_LI, _DT) and not has(elements, blocks, entry, before):
            loose[first] = False


@leaf
def _is_apart(kind: int) -> bool:
    return bool(kind in (_P, _PRE, _QUOTE, _TABLE) or _H1 <= kind <= _H6)
