"""Writes the blocks that are kept as plain text that can be read.

Paragraphs and headings stand apart by an empty line. The items of a list have a line and a dash each, those of a list
inside of it are indented. The rows of a table have a line each, their cells separated by bars. Preformatted text keeps
its lines. Where rows or items hold whole paragraphs, as in layouts and forums, they are written as paragraphs. Cost:
linear in the text, but for the elements around each block.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from prep.corpus.arrow.columns import Bytes
from prep.corpus.kernels import kernel, leaf
from prep.stages.extract.html.block_kernels import Blocks
from prep.stages.extract.html.element_kernels import inside, number
from prep.stages.extract.html.nesting_kernels import Elements

_SPACE, _BAR, _NEWLINE, _DASH = 32, 124, 10, 45
_LI, _UL, _OL, _MENU, _DL = (number(name) for name in ("li", "ul", "ol", "menu", "dl"))
_TR, _TD, _TH, _TABLE = (number(name) for name in ("tr", "td", "th", "table"))
_PARAGRAPHS: Final = tuple(number(name) for name in ("p", "pre", "blockquote", "h1", "h2", "h3", "h4", "h5", "h6"))
_UNMARKED = inside("h1 h2 h3 h4 h5 h6 pre")
_LONG_CELL: Final = 200
"""Bytes of a block from which a row of a table is taken for a layout of paragraphs."""
_NOTHING, _CELL, _LINE, _PARAGRAPH = 0, 1, 2, 3
"""What stands between two blocks."""


@kernel
def render(text: Bytes, elements: Elements, blocks: Blocks, kept: npt.NDArray[np.bool_]) -> Bytes:
    """Return the blocks that are kept as UTF-8."""
    size = 0
    for block in range(len(kept)):
        if kept[block]:
            depth = 2 * elements.depth[blocks.element[block]]
            size += blocks.end[block] - blocks.start[block] + depth + 4
    written = 0
    target = np.empty(size, np.uint8)
    marked = np.zeros(len(elements.kind), np.bool_)  # list items that have a dash
    before = -1
    for block in range(len(kept)):
        if not kept[block]:
            continue
        element = blocks.element[block]
        item = _around(elements, element, _LI, _LI)
        begins_item = item > 0 and not _has(elements, blocks, item, before)
        between = _between(elements, blocks, before, block, begins_item)
        if between == _CELL:
            target[written], target[written + 1], target[written + 2] = _SPACE, _BAR, _SPACE
            written += 3
        else:
            for _ in range(between - 1):
                target[written] = _NEWLINE
                written += 1
        if begins_item and between != _CELL and elements.inside[element] & _UNMARKED == 0:
            for _ in range(_marked_around(elements, marked, item)):
                target[written], target[written + 1] = _SPACE, _SPACE
                written += 2
            marked[item] = True
            target[written], target[written + 1] = _DASH, _SPACE
            written += 2
        for at in range(blocks.start[block], blocks.end[block]):
            target[written] = text[at]
            written += 1
        before = block
    return target[:written]


@leaf
def _between(elements: Elements, blocks: Blocks, before: int, block: int, begins_item: bool) -> int:
    """Return what to write between two blocks that are kept."""
    if before < 0:
        return _NOTHING
    element = blocks.element[block]
    row = _around(elements, element, _TR, _TR)
    is_short = max(_length(blocks, before), _length(blocks, block)) < _LONG_CELL
    if row > 0 and is_short and not begins_item:
        cell = _around(elements, element, _TD, _TH)
        if _has(elements, blocks, row, before):
            return _LINE if _has(elements, blocks, cell, before) else _CELL
        if _has(elements, blocks, _around(elements, element, _TABLE, _TABLE), before):
            return _LINE
    if not begins_item and elements.kind[element] in _PARAGRAPHS:
        return _PARAGRAPH
    around = element
    while around > 0:
        if elements.kind[around] in (_UL, _OL, _MENU, _DL) and _has(elements, blocks, around, before):
            return _LINE
        around = elements.parent[around]
    return _PARAGRAPH


@leaf
def _around(elements: Elements, element: int, kind: int, other: int) -> int:
    """Return the innermost element of one of two kinds that an element is or stands in; 0 for none."""
    while element > 0 and elements.kind[element] != kind and elements.kind[element] != other:
        element = elements.parent[element]
    return element


@leaf
def _has(elements: Elements, blocks: Blocks, element: int, before: int) -> bool:
    """Return whether a block stands in an element that a later block is known to stand in."""
    return bool(before >= blocks.begun[elements.first[element]])


@leaf
def _length(blocks: Blocks, block: int) -> int:
    return int(blocks.end[block] - blocks.start[block])


@leaf
def _marked_around(elements: Elements, marked: npt.NDArray[np.bool_], item: int) -> int:
    """Return how many list items with a dash stand around an item."""
    count = 0
    around = elements.parent[item]
    while around > 0:
        count += marked[around]
        around = elements.parent[around]
    return count
