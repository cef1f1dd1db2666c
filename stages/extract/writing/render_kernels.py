"""Writes the blocks that are kept as plain text that can be read.

Paragraphs and headings stand apart by an empty line. The items of a list have a line and a dash each, or their number
or letter; those of a list inside of it are indented. The rows of a table have a line each, their cells separated by
bars; a cell without text keeps its column, and what stands in one cell stays in its line. Preformatted text keeps its
lines. Where rows or items hold whole paragraphs, as in layouts and forums, they are written as paragraphs. Cost: linear
in the text, but for the elements around each block.
"""

from typing import Final

import numpy as np

from prep.corpus.arrow.columns import Bytes
from prep.corpus.kernels import inner, kernel, leaf
from prep.stages.extract.html.block_kernels import Blocks
from prep.stages.extract.html.element_kernels import inside, number
from prep.stages.extract.html.nesting_kernels import Elements, Integers, table_around
from prep.stages.extract.writing.label_kernels import indent_of, item_labels, note_marked, stays_in_item, write_marker
from prep.stages.extract.writing.layout_kernels import cell_columns
from prep.stages.extract.writing.spacing_kernels import (
    Booleans,
    begins_apart,
    ends_apart,
    entry_around,
    has,
    note_gap,
    shared_list,
)

_SPACE, _BAR, _NEWLINE, _DOT, _SEMICOLON = 32, 124, 10, 46, 59
_EXCLAMATION, _COMMA, _COLON, _QUESTION = 33, 44, 58, 63
_LI, _TR, _TD, _TH = (number(name) for name in ("li", "tr", "td", "th"))
_UNMARKED = inside("h1 h2 h3 h4 h5 h6 pre")
_HEADINGS: Final = inside("h1 h2 h3 h4 h5 h6")
_PRE: Final = inside("pre")
_LONG_CELL: Final = 200
"""Bytes of a block from which a row of a table is taken for a layout of paragraphs."""
_MOST_IN_CELL: Final = 8
"""Blocks of a cell up to which its row is written as a line."""
_MARKER: Final = 32
"""Most bytes of an item's dash or number, and of what else is written before a block once."""
_SAME_CELL, _CELL, _LINE, _PARAGRAPH = -2, -1, 1, 2
"""What stands between two blocks; the last two are numbers of newlines."""


@kernel
def render(page: Bytes, text: Bytes, elements: Elements, blocks: Blocks, kept: Booleans) -> Bytes:
    """Return the blocks that are kept as UTF-8."""
    columns = cell_columns(page, elements, blocks)
    numbers, styles = item_labels(page, elements)
    in_line = rows_in_line(elements, blocks, kept)
    size = 0
    for block in range(len(kept)):
        if kept[block]:
            size += blocks.end[block] - blocks.start[block] + 2 * elements.depth[blocks.element[block]] + _MARKER
            size += 2 * columns[around(elements, blocks.element[block], _TD, _TH)]
    target = np.empty(size, np.uint8)
    written = 0
    marked = np.zeros(len(elements.kind), np.int32)  # list items that have a marker, and their lists
    loose = np.zeros(len(elements.kind), np.bool_)  # lists with an empty line in their last entry
    before = -1
    for block in range(len(kept)):
        if not kept[block]:
            continue
        element = blocks.element[block]
        row = around(elements, element, _TR, _TR)
        cell = around(elements, element, _TD, _TH) if in_line[row] else 0
        item = around(elements, element, _LI, _LI)
        begins_item = item > 0 and not has(elements, blocks, item, before)
        start, end = blocks.start[block], blocks.end[block]
        between = _between(elements, blocks, in_line, loose, before, block, row, begins_item)
        if before >= 0:
            note_gap(elements, blocks, loose, element, before, between == _PARAGRAPH)
        if between == _SAME_CELL:
            if begins_item and before >= 0 and not _ends_clause(target[written - 1]):
                target[written] = _SEMICOLON
                written += 1
            target[written] = _SPACE
            written += 1
        elif between == _CELL:
            last = around(elements, blocks.element[before], _TD, _TH)
            target[written] = _SPACE
            written = _write_bars(target, written + 1, max(1, columns[cell] - columns[last]))
        else:
            for _ in range(between):
                target[written] = _NEWLINE
                written += 1
            if cell > 0:
                written = _write_bars(target, written, columns[cell])
            elif begins_item and elements.inside[element] & _UNMARKED == 0:
                written = _indent(target, written, elements, marked, elements.parent[item])
                written, start = write_marker(target, written, text, start, end, numbers[item], styles[item])
                note_marked(elements, marked, item, 2)
        flat = cell > 0 and elements.inside[element] & _PRE == 0
        for at in range(start, end):
            target[written] = _SPACE if flat and text[at] == _NEWLINE else text[at]
            written += 1
        before = block
    return target[:written]


@leaf
def _ends_clause(byte: int) -> bool:
    """Return whether a mark already stands where a semicolon would part the items of a list in a cell."""
    return byte in (_COMMA, _DOT, _COLON, _SEMICOLON, _EXCLAMATION, _QUESTION)


@inner
def rows_in_line(elements: Elements, blocks: Blocks, kept: Booleans) -> Booleans:
    """Return which elements are rows that are written as a line: of short cells, in a table with columns.

    A table of one row is a layout where it holds headings or lists.
    """
    count = len(elements.kind)
    cells, last_cell, in_cell = np.zeros(count, np.int32), np.zeros(count, np.int32), np.zeros(count, np.int32)
    long_ = np.zeros(count, np.bool_)
    has_columns, has_parts = np.zeros(count, np.bool_), np.zeros(count, np.bool_)
    rows, last_row = np.zeros(count, np.int32), np.zeros(count, np.int32)
    for block in range(len(kept)):
        if not kept[block]:
            continue
        element = blocks.element[block]
        row = around(elements, element, _TR, _TR)
        cell = around(elements, element, _TD, _TH)
        if row == 0 or cell < row:
            continue
        table = table_around(elements, row)
        if last_row[table] != row:
            last_row[table] = row
            rows[table] += 1
        has_parts[table] |= elements.inside[element] & _HEADINGS != 0 or around(elements, element, _LI, _LI) > cell
        if last_cell[row] != cell:
            last_cell[row] = cell
            cells[row] += 1
        in_cell[cell] += 1
        long_[row] |= blocks.end[block] - blocks.start[block] >= _LONG_CELL or in_cell[cell] > _MOST_IN_CELL
        if cells[row] > 1 and not long_[row]:
            has_columns[table] = True
    in_line = np.zeros(count, np.bool_)
    for row in range(1, count):
        if cells[row] > 0 and not long_[row]:
            table = table_around(elements, row)
            in_line[row] = has_columns[table] and not (rows[table] == 1 and has_parts[table])
    return in_line


@leaf
def _between(
    elements: Elements,
    blocks: Blocks,
    in_line: Booleans,
    loose: Booleans,
    before: int,
    block: int,
    row: int,
    begins_item: bool,
) -> int:
    """Return what to write between two blocks that are kept."""
    if before < 0:
        return 0
    element = blocks.element[block]
    if in_line[row]:
        if around(elements, blocks.element[before], _TR, _TR) == row:
            return _SAME_CELL if has(elements, blocks, around(elements, element, _TD, _TH), before) else _CELL
        last = around(elements, blocks.element[before], _TR, _TR)
        same = table_around(elements, last) == table_around(elements, row)
        return _LINE if same and in_line[last] else _PARAGRAPH
    shared = shared_list(elements, blocks, element, before)
    if shared == 0:
        return _PARAGRAPH
    if not begins_item and begins_apart(elements, blocks, element, shared, before):
        return _PARAGRAPH
    begins_entry = not has(elements, blocks, entry_around(elements, element, shared), before)
    apart = ends_apart(elements, blocks, block, shared, before, begins_item or begins_entry)
    return _PARAGRAPH if apart or (begins_entry and loose[shared]) else _LINE


@leaf
def _write_bars(target: Bytes, written: int, count: int) -> int:
    for _ in range(count):
        target[written], target[written + 1] = _BAR, _SPACE
        written += 2
    return written


@leaf
def _indent(target: Bytes, written: int, elements: Elements, marked: Integers, element: int) -> int:
    """Write the spaces of the items that an element is or stands in."""
    in_item = True
    while element > 0:
        for _ in range(indent_of(elements, marked, element, in_item)):
            target[written] = _SPACE
            written += 1
        in_item = stays_in_item(elements, element, in_item)
        element = elements.parent[element]
    return written


@leaf
def around(elements: Elements, element: int, kind: int, other: int) -> int:
    """Return the innermost element of one of two kinds that an element is or stands in; 0 for none."""
    while element > 0 and elements.kind[element] != kind and elements.kind[element] != other:
        element = elements.parent[element]
    return element
