"""Where cells stand in their tables (WHATWG HTML, section 4.9.12).

A cell takes the first free column of its row; one that spans rows or columns takes those from the cells after and below
it. Tables wider than `_WIDEST` columns are counted up to there. Cost: linear in the elements, and 128 bytes per table.
"""

from typing import Final

import numpy as np

from prep.corpus.arrow.columns import Bytes
from prep.corpus.kernels import inner, leaf
from prep.stages.extract.html.attribute_kernels import UNDISPLAYED, attribute_number, attribute_range, style_marks
from prep.stages.extract.html.block_kernels import Blocks
from prep.stages.extract.html.element_kernels import UNSEEN_BIT, name_hash, number
from prep.stages.extract.html.nesting_kernels import Elements, Integers, table_around

_TABLE, _TR, _TD, _TH = (number(name) for name in ("table", "tr", "td", "th"))
_COLSPAN, _ROWSPAN = name_hash(b"colspan"), name_hash(b"rowspan")
_HIDDEN, _STYLE = name_hash(b"hidden"), name_hash(b"style")
_WIDEST: Final = 64


@inner
def cell_columns(page: Bytes, elements: Elements, blocks: Blocks) -> Integers:
    """Return the column of each cell, from 0; 0 for other elements. A cell that is not displayed takes none."""
    count = len(elements.kind)
    columns = np.zeros(count, np.int32)
    tables = np.zeros(count, np.int32)
    found = 0
    for element in range(count):
        if elements.kind[element] == _TABLE:
            tables[element] = found
            found += 1
    covered = np.zeros((found, _WIDEST), np.int16)  # rows from this one on in which a column is taken
    for element in range(count):
        kind = elements.kind[element]
        if kind not in (_TR, _TD, _TH):
            continue
        table = table_around(elements, element)
        if table == 0:
            continue
        taken = covered[tables[table]]
        if kind == _TR:
            for column in range(_WIDEST):
                taken[column] = max(0, taken[column] - 1)
            continue
        if elements.inside[element] & UNSEEN_BIT != 0 and _takes_no_place(page, elements, blocks, element):
            continue
        column = 0
        while column < _WIDEST - 1 and taken[column] > 0:
            column += 1
        columns[element] = column
        wide = max(1, attribute_number(page, elements.tag[element], _COLSPAN, 1))
        high = min(1000, max(1, attribute_number(page, elements.tag[element], _ROWSPAN, 1)))
        for covering in range(column, min(_WIDEST, column + wide)):
            taken[covering] = high
    return columns


@leaf
def _takes_no_place(page: Bytes, elements: Elements, blocks: Blocks, cell: int) -> bool:
    """Return whether a hidden cell has no text and is not displayed, by itself and not with its row."""
    empty = blocks.begun[elements.first[cell]] == blocks.begun[elements.last[cell]]
    if not empty or elements.inside[elements.parent[cell]] & UNSEEN_BIT != 0:
        return False
    if attribute_range(page, elements.tag[cell], _HIDDEN)[0] >= 0:
        return True
    start, end = attribute_range(page, elements.tag[cell], _STYLE)
    return start >= 0 and style_marks(page, start, end) & UNDISPLAYED != 0
