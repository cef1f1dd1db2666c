"""Writes the blocks that are kept as Markdown (CommonMark, and GitHub's tables).

Headings have their number signs, items their dash or number (always in digits), code its fence with the language that
its class names, tables of short cells a line of dashes under their first row, quotations their angle brackets; within a
block, what is strong, emphasised or code stands between its marks. Text is not escaped, but for the bars of a table.
Cost: linear in the text, but for the elements around each block.
"""

from typing import Final

import numpy as np

from prep.corpus.arrow.columns import Bytes
from prep.corpus.kernels import inner, kernel, leaf
from prep.stages.extract.html.attribute_kernels import attribute_range, value_hash
from prep.stages.extract.html.block_kernels import Blocks, Runs
from prep.stages.extract.html.element_kernels import inside, name_hash, number
from prep.stages.extract.html.nesting_kernels import Elements, Integers, table_around
from prep.stages.extract.writing.label_kernels import (
    indent_of,
    item_labels,
    note_marked,
    shown_style,
    stays_in_item,
    write_box,
    write_marker,
)
from prep.stages.extract.writing.layout_kernels import cell_columns
from prep.stages.extract.writing.mark_kernels import is_code, write_code, write_runs
from prep.stages.extract.writing.number_kernels import DIGITS
from prep.stages.extract.writing.render_kernels import around, rows_in_line
from prep.stages.extract.writing.spacing_kernels import Booleans, ends_apart, has, note_gap, shared_list

_SPACE, _BAR, _NEWLINE, _DASH, _HASH, _TICK, _ANGLE = 32, 124, 10, 45, 35, 96, 62
_LI, _TR, _TD, _TH = (number(name) for name in ("li", "tr", "td", "th"))
_QUOTE, _H1, _H6 = number("blockquote"), number("h1"), number("h6")
_PRE: Final = inside("pre")
_HEADING: Final = inside("h1 h2 h3 h4 h5 h6")
_SCOPE, _OF_ROW = name_hash(b"scope"), name_hash(b"row")
_MARKS: Final = 16
"""Most bytes of marks beside a run."""
_NUMBER: Final = 3
"""Bytes that indent what follows in an item that begins with its own number."""
_WIDEST_MARKER: Final = 5
_FENCE: Final = 48
"""Most bytes of a block's fence or of its marker, but for what indents it."""


@kernel
def render_markdown(page: Bytes, text: Bytes, elements: Elements, blocks: Blocks, runs: Runs, kept: Booleans) -> Bytes:
    """Return the blocks that are kept as Markdown in UTF-8."""
    columns = cell_columns(page, elements, blocks)
    numbers, styles = item_labels(page, elements)
    in_line = rows_in_line(elements, blocks, kept)
    widths = _widths(elements, blocks, kept, columns, in_line)
    target = np.empty(_most_bytes(text, elements, blocks, kept, widths), np.uint8)
    written = 0
    marked = np.zeros(len(elements.kind), np.int32)  # the width of the marker of list items, and in their lists
    ruled = np.zeros(len(elements.kind), np.bool_)  # tables with their line of dashes
    loose = np.zeros(len(elements.kind), np.bool_)  # lists with an empty line in their last entry
    before = -1
    column = 0  # of the cell that is written
    for block in range(len(kept)):
        if not kept[block]:
            continue
        element = blocks.element[block]
        row = around(elements, element, _TR, _TR)
        cell = around(elements, element, _TD, _TH) if in_line[row] else 0
        item = around(elements, element, _LI, _LI)
        begins_item = item > 0 and not has(elements, blocks, item, before)
        if cell > 0:
            table = table_around(elements, row)
            if before >= 0:
                note_gap(elements, blocks, loose, element, before, not has(elements, blocks, table, before))
            last_row = around(elements, blocks.element[before], _TR, _TR) if before >= 0 else 0
            if last_row == row:
                if columns[cell] > column:
                    written = _write_cells(target, written, columns[cell] - column)
                else:
                    target[written] = _SPACE
                    written += 1
            else:
                written = _end_row(target, written, elements, blocks, in_line, before, table, widths, column, ruled)
                if table_around(elements, last_row) != table:
                    ruled[table] = False
                if not ruled[table] and _heads_row(page, elements, cell):
                    written = _write_cells(target, written, widths[table] + 1) - 1
                    written = _write_rule(target, written, widths[table])
                    target[written] = _NEWLINE
                    written += 1
                    ruled[table] = True
                written = _write_cells(target, written, columns[cell] + 1)
            column = columns[cell]
            written = write_runs(target, written, text, elements, blocks, runs, block, blocks.start[block], True, True)
            before = block
            continue
        if before >= 0:
            written = _end_row(target, written, elements, blocks, in_line, before, 0, widths, column, ruled)
        written = _begin_block(target, written, elements, blocks, loose, before, block, begins_item)
        first, start = written, blocks.start[block]
        level = _level(elements, element)
        preformatted = elements.inside[element] & _PRE != 0 or (
            level == 0 and is_code(text, elements, blocks, runs, block)
        )
        if begins_item:
            begin = _indent(target, written, elements, marked, elements.parent[item])
            end = blocks.end[block]
            style = min(DIGITS, shown_style(text, start, end, styles[item]))
            first, start = write_marker(target, begin, text, end if preformatted else start, end, numbers[item], style)
            note_marked(elements, marked, item, _NUMBER if first == begin else min(first - begin, _WIDEST_MARKER))
            first = write_box(page, target, first, elements.tag[item])
        else:
            first = _indent(target, written, elements, marked, element)
        for _ in range(level):
            target[first] = _HASH
            first += 1
        if level > 0:
            target[first] = _SPACE
            first += 1
        if preformatted:
            end = write_code(page, target, first, text, elements, blocks, runs, block)
        else:
            end = write_runs(target, first, text, elements, blocks, runs, block, start, level > 0, False)
        written = _indent_lines(target, first, end, elements, marked, element)
        before = block
    if before >= 0:
        written = _end_row(target, written, elements, blocks, in_line, before, -1, widths, column, ruled)
    return target[:written]


@inner
def _widths(elements: Elements, blocks: Blocks, kept: Booleans, columns: Integers, in_line: Booleans) -> Integers:
    """Return how many columns the tables have whose rows are written as lines."""
    widths = np.zeros(len(elements.kind), np.int32)
    for block in range(len(kept)):
        row = around(elements, blocks.element[block], _TR, _TR)
        if kept[block] and in_line[row]:
            table = table_around(elements, row)
            cell = around(elements, blocks.element[block], _TD, _TH)
            widths[table] = max(widths[table], columns[cell] + 1)
    return widths


@inner
def _most_bytes(text: Bytes, elements: Elements, blocks: Blocks, kept: Booleans, widths: Integers) -> int:
    size = _FENCE
    for block in range(len(kept)):
        if not kept[block]:
            continue
        element = blocks.element[block]
        indent = _WIDEST_MARKER * elements.depth[element] + 4
        length = blocks.end[block] - blocks.start[block]
        lines = 1
        for at in range(blocks.start[block], blocks.end[block]):
            lines += text[at] == _NEWLINE
            length += text[at] in (_BAR, _TICK)
        runs_of_block = blocks.run[block + 1] - blocks.run[block]
        size += length + (lines + 3) * indent + (runs_of_block + 1) * _MARKS + 2 * _FENCE + length // 8
        size += 24 * widths[table_around(elements, element)] + _MARKS  # bars, a line of dashes and an empty first row
    return size


@leaf
def _write_cells(target: Bytes, written: int, count: int) -> int:
    """Write the bars before a cell, of which those before it have no text."""
    for _ in range(count):
        if written > 0 and target[written - 1] not in (_NEWLINE, _SPACE):
            target[written] = _SPACE
            written += 1
        target[written], target[written + 1] = _BAR, _SPACE
        written += 2
    return written


@leaf
def _write_rule(target: Bytes, written: int, width: int) -> int:
    """Write the line of dashes under the first row of a table."""
    target[written], target[written + 1] = _NEWLINE, _BAR
    written += 2
    for _ in range(width):
        target[written], target[written + 1], target[written + 2] = _SPACE, _DASH, _DASH
        target[written + 3], target[written + 4], target[written + 5] = _DASH, _SPACE, _BAR
        written += 6
    return written


@inner
def _heads_row(page: Bytes, elements: Elements, cell: int) -> bool:
    """Return whether a cell, the first of its row with text, heads the row and not its column."""
    if elements.kind[cell] != _TH:
        return False
    start, end = attribute_range(page, elements.tag[cell], _SCOPE)
    if start >= 0 and value_hash(page, start, end) == _OF_ROW:
        return True
    row = elements.parent[cell]
    following = cell + 1
    while following < len(elements.kind) and elements.depth[following] > elements.depth[row]:
        if elements.kind[following] == _TD and elements.parent[following] == row:
            return True
        following += 1
    return False


@leaf
def _end_row(
    target: Bytes,
    written: int,
    elements: Elements,
    blocks: Blocks,
    in_line: Booleans,
    before: int,
    table: int,
    widths: Integers,
    column: int,
    ruled: Booleans,
) -> int:
    """End the row that the block before is in, if it is in one; a table that goes on begins a line, another a block."""
    if before < 0:
        return written
    row = around(elements, blocks.element[before], _TR, _TR)
    if not in_line[row]:
        if table > 0:
            target[written], target[written + 1] = _NEWLINE, _NEWLINE
            written += 2
        return written
    own = table_around(elements, row)
    written = _write_cells(target, written, widths[own] - column - 1)
    if target[written - 1] != _SPACE:
        target[written] = _SPACE
        written += 1
    target[written] = _BAR
    written += 1
    if not ruled[own]:
        ruled[own] = True
        written = _write_rule(target, written, widths[own])
    if table > 0:
        for _ in range(1 if table == own else 2):
            target[written] = _NEWLINE
            written += 1
    return written


@leaf
def _begin_block(
    target: Bytes,
    written: int,
    elements: Elements,
    blocks: Blocks,
    loose: Booleans,
    before: int,
    block: int,
    begins_item: bool,
) -> int:
    """Write what stands before a block that is no cell: an empty line, or a line's end within a list."""
    if before < 0:
        return written
    element = blocks.element[block]
    shared = shared_list(elements, blocks, element, before)
    newlines = 1 if begins_item and shared > 0 and not loose[shared] else 2
    if newlines == 1 and ends_apart(elements, blocks, block, shared, before, True):
        newlines = 2
    note_gap(elements, blocks, loose, element, before, newlines == 2)
    for _ in range(newlines):
        target[written] = _NEWLINE
        written += 1
    return written


@leaf
def _indent(target: Bytes, written: int, elements: Elements, marked: Integers, element: int) -> int:
    """Write what indents a line in an element: the angle bracket of a quotation, and spaces of the items around.

    Of nested quotations the innermost has the bracket; spaces of items around it stand before, of those in it after.
    """
    outside, inside_, quotes = 0, 0, 0
    in_item = True
    at = element
    while at > 0:
        if elements.kind[at] == _QUOTE:
            quotes = 1
        spaces = indent_of(elements, marked, at, in_item)
        outside, inside_ = outside + spaces * quotes, inside_ + spaces * (1 - quotes)
        in_item = stays_in_item(elements, at, in_item)
        at = elements.parent[at]
    for _ in range(outside):
        target[written] = _SPACE
        written += 1
    if quotes:
        target[written], target[written + 1] = _ANGLE, _SPACE
        written += 2
    for _ in range(inside_):
        target[written] = _SPACE
        written += 1
    return written


@inner
def _indent_lines(target: Bytes, start: int, end: int, elements: Elements, marked: Integers, element: int) -> int:
    """Indent the lines of a block but its first; return where it ends."""
    lines = 0
    for at in range(start, end):
        lines += target[at] == _NEWLINE
    if lines == 0:
        return end
    prefix = _indent(target, end, elements, marked, element) - end
    if prefix == 0:
        return end
    bytes_of_prefix = target[end : end + prefix].copy()
    written = end + lines * prefix
    place = written
    for at in range(end - 1, start - 1, -1):
        if target[at] == _NEWLINE:
            for back in range(prefix - 1, -1, -1):
                place -= 1
                target[place] = bytes_of_prefix[back]
        place -= 1
        target[place] = target[at]
    return written


@leaf
def _level(elements: Elements, element: int) -> int:
    """Return the level of the heading that an element is or stands in; 0 for none."""
    if elements.inside[element] & _HEADING == 0:
        return 0
    while element > 0 and not _H1 <= elements.kind[element] <= _H6:
        element = elements.parent[element]
    return int(elements.kind[element]) - _H1 + 1 if element > 0 else 0
