"""Tables that are made without the elements of tables: by roles (WAI-ARIA) or by styles (`display: table-row`).

For writing, and for it alone, their parts are taken for `table`, `tr`, `td` and `th`: a row with its nearest table, or
what is around the row where nothing is said to be one, and a cell with the nearest row. Cells without a row, which most
often are a layout, stay as they are. Cost: linear, but for the elements around each row and cell.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from prep.corpus.kernels import kernel
from prep.stages.extract.html.element_kernels import CELL_BIT, CUSTOM, GRID_BIT, ROW_BIT, ROW_HEAD_BIT, number
from prep.stages.extract.html.nesting_kernels import Elements

GRID_PARTS: Final = ROW_BIT | CELL_BIT
"""Bits of `Elements.inside` of what may be a part of such a table."""
_TABLE, _TR, _TD, _TH = (number(name) for name in ("table", "tr", "td", "th"))
_OF_TABLES: Final = tuple(number(name) for name in ("table", "caption", "thead", "tbody", "tfoot", "tr", "td", "th"))
_PLAIN: Final = (0, CUSTOM, *(number(name) for name in ("div", "section", "article", "form", "span")))
"""What may be the table of rows where nothing says that it is one."""


@kernel
def grid_kinds(elements: Elements) -> npt.NDArray[np.uint8]:
    """Return the kinds of elements with those of a table for what is a part of one by its role or style."""
    kinds = elements.kind.copy()
    for element in range(1, len(kinds)):
        bits = elements.inside[element]
        if bits & GRID_PARTS == 0 or elements.kind[element] in _OF_TABLES:
            continue
        around = int(elements.parent[element])
        if bits & ROW_BIT != 0:
            while (
                around > 0
                and elements.inside[around] & (GRID_BIT | CELL_BIT) == 0
                and kinds[around] not in (_TABLE, _TR, _TD, _TH)
            ):
                around = int(elements.parent[around])
            if around > 0 and elements.inside[around] & GRID_BIT != 0 and kinds[around] not in _OF_TABLES:
                kinds[around] = _TABLE
            elif kinds[around] != _TABLE or around == 0:
                around = int(elements.parent[element])
                if around > 0 and kinds[around] in _PLAIN:
                    kinds[around] = _TABLE
            if around > 0 and kinds[around] == _TABLE:
                kinds[element] = _TR
        else:
            while around > 0 and kinds[around] not in (_TABLE, _TR, _TD, _TH):
                around = int(elements.parent[around])
            if kinds[around] == _TR and elements.kind[around] != _TR:
                kinds[element] = _TH if bits & ROW_HEAD_BIT != 0 else _TD
    return kinds
