"""Keeps what is read together together: the cells of a table's row, a term and its definitions, code and its text.

The classifier judges each block alone, and a cell that holds `m` says little. Where most words of such a unit are kept,
all of it is; only short cells count, as those of a layout hold text of different kinds. Preformatted text is kept where
the text before it is and the text after it, within one part of the page. Cost: linear in the blocks and the elements.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from prep.corpus.kernels import inner, kernel
from prep.stages.extract.html.block_kernels import Blocks
from prep.stages.extract.html.element_kernels import inside, number
from prep.stages.extract.html.nesting_kernels import Elements, Integers
from prep.stages.extract.writing.render_kernels import around, rows_in_line

_TR, _DT, _DD = (number(name) for name in ("tr", "dt", "dd"))
_TOP: Final = 0
_PRE: Final = inside("pre")


@kernel
def keep_whole(
    elements: Elements, blocks: Blocks, words: Integers, kept: npt.NDArray[np.bool_]
) -> npt.NDArray[np.bool_]:
    """Return which blocks to keep, given which of them were judged content."""
    count = len(blocks.start)
    units = _units(elements, blocks)
    size = len(elements.kind)
    in_all, in_kept = np.zeros(size, np.int64), np.zeros(size, np.int64)
    for block in range(count):
        weight = max(1, words[block])
        in_all[units[block]] += weight
        if kept[block]:
            in_kept[units[block]] += weight
    whole = kept.copy()
    for block in range(count):
        unit = units[block]
        if unit != _TOP and 2 * in_kept[unit] >= in_all[unit]:
            whole[block] = True
    _keep_code(elements, blocks, whole)
    return whole


@inner
def _keep_code(elements: Elements, blocks: Blocks, kept: npt.NDArray[np.bool_]) -> None:
    """Keep runs of preformatted blocks whose neighbours in their part of the page are kept."""
    count = len(blocks.start)
    block = 0
    while block < count:
        first = block
        while block < count and elements.inside[blocks.element[block]] & _PRE != 0:
            block += 1
        if block == first:
            block += 1
            continue
        part = _part_around(elements, blocks, first, block)
        begins, ends = blocks.begun[elements.first[part]], blocks.begun[elements.last[part]]
        has_before, has_after = begins < first, ends > block
        if (has_before or has_after) and (not has_before or kept[first - 1]) and (not has_after or kept[block]):
            kept[first:block] = True


@inner
def _part_around(elements: Elements, blocks: Blocks, first: int, last: int) -> int:
    """Return the innermost element around some blocks that holds others too."""
    element = int(blocks.element[first])
    while element > 0:
        if blocks.begun[elements.first[element]] < first or blocks.begun[elements.last[element]] > last:
            break
        element = int(elements.parent[element])
    return element


@inner
def _units(elements: Elements, blocks: Blocks) -> Integers:
    """Return the element that stands for the unit of each block, 0 for none: a row, or the first term of a group."""
    count = len(blocks.start)
    in_line = rows_in_line(elements, blocks, np.ones(count, np.bool_))
    groups = np.zeros(len(elements.kind), np.int32)
    open_group, closed = np.zeros(len(elements.kind), np.int32), np.zeros(len(elements.kind), np.bool_)
    for element in range(1, len(elements.kind)):
        kind = elements.kind[element]
        if kind in (_DT, _DD):
            parent = elements.parent[element]
            if kind == _DT and (open_group[parent] == 0 or closed[parent]):
                open_group[parent] = element
            closed[parent] = kind == _DD
            groups[element] = open_group[parent]
    units = np.zeros(count, np.int32)
    for block in range(count):
        element = blocks.element[block]
        row = around(elements, element, _TR, _TR)
        term = around(elements, element, _DT, _DD)
        if term > row:
            units[block] = groups[term]
        elif in_line[row]:
            units[block] = row
    return units
