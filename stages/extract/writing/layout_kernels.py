"""Where cells stand in their tables, and which number a list's items have (WHATWG HTML, sections 4.9.12 and 4.4.8).

A cell takes the first free column of its row; one that spans rows or columns takes those from the cells after and below
it. Tables wider than `_WIDEST` columns are counted up to there. Cost: linear in the elements, and 128 bytes per table.
"""

from typing import Final

import numpy as np

from prep.corpus.arrow.columns import Bytes
from prep.corpus.kernels import inner, leaf
from prep.stages.extract.html.attribute_kernels import attribute_number
from prep.stages.extract.html.element_kernels import name_hash, number
from prep.stages.extract.html.nesting_kernels import Elements, Integers, table_around

_TABLE, _TR, _TD, _TH, _LI, _OL = (number(name) for name in ("table", "tr", "td", "th", "li", "ol"))
_COLSPAN, _ROWSPAN, _START, _VALUE = (name_hash(name) for name in (b"colspan", b"rowspan", b"start", b"value"))
_REVERSED: Final = name_hash(b"reversed")
_WIDEST: Final = 64
_LARGEST: Final = 1 << 20
"""The largest number of an item; larger ones are taken as none."""


@inner
def cell_columns(page: Bytes, elements: Elements) -> Integers:
    """Return the column of each cell, from 0; 0 for other elements."""
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
        column = 0
        while column < _WIDEST - 1 and taken[column] > 0:
            column += 1
        columns[element] = column
        wide = max(1, attribute_number(page, elements.tag[element], _COLSPAN, 1))
        high = min(1000, max(1, attribute_number(page, elements.tag[element], _ROWSPAN, 1)))
        for covering in range(column, min(_WIDEST, column + wide)):
            taken[covering] = high
    return columns


@inner
def item_numbers(page: Bytes, elements: Elements) -> Integers:
    """Return the numbers of the items of ordered lists; −1 for other elements."""
    count = len(elements.kind)
    numbers = np.full(count, -1, np.int32)
    following, step, items = np.zeros(count, np.int32), np.zeros(count, np.int32), np.zeros(count, np.int32)
    for element in range(1, count):
        if elements.kind[element] == _LI:
            items[elements.parent[element]] += 1
    for element in range(count):
        kind = elements.kind[element]
        if kind == _OL:
            falls = attribute_number(page, elements.tag[element], _REVERSED, -1) >= 0
            step[element] = -1 if falls else 1
            following[element] = attribute_number(page, elements.tag[element], _START, items[element] if falls else 1)
        elif kind == _LI and elements.kind[elements.parent[element]] == _OL:
            around = elements.parent[element]
            own = attribute_number(page, elements.tag[element], _VALUE, int(following[around]))
            numbers[element] = own if own <= _LARGEST else -1
            following[around] = min(own, _LARGEST) + step[around]
    return numbers


@leaf
def write_number(target: Bytes, written: int, value: int) -> int:
    """Write a number in digits; return where it ends."""
    length = 1
    rest = value // 10
    while rest > 0:
        rest //= 10
        length += 1
    for place in range(length - 1, -1, -1):
        target[written + place] = 48 + value % 10
        value //= 10
    return written + length
