"""Taking byte ranges out of the texts of a column, as a numba kernel. Cost: one copy of what stays."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from prep.corpus.arrow.columns import Bytes, Offsets, string_array, string_buffers
from prep.corpus.kernels import kernel

_NEWLINE = 0x0A


def without(
    column: pa.Array,
    rows: Offsets,
    starts: Offsets,
    ends: Offsets,
    breaks: npt.NDArray[np.bool_] | None = None,
) -> pa.LargeStringArray:
    """Return the column without the bytes `starts[k]` to `ends[k]` of the text in row `rows[k]`.

    Rows rise; the ranges of a row rise, do not overlap, and begin and end between characters. A line break takes the
    place of the ranges for which `breaks` says so.
    """
    if len(rows) == 0:
        return column.cast(pa.large_string())
    data, offsets = string_buffers(column)
    return string_array(
        *_without(data, offsets, rows, starts, ends, np.zeros(len(rows), np.bool_) if breaks is None else breaks)
    )


@kernel
def _without(
    data: Bytes, offsets: Offsets, rows: Offsets, starts: Offsets, ends: Offsets, breaks: npt.NDArray[np.bool_]
) -> tuple[Bytes, Offsets]:
    kept = np.empty(offsets[-1] - offsets[0] - (ends - starts).sum() + breaks.sum(), np.uint8)
    bounds = np.empty(len(offsets), np.int64)
    bounds[0] = 0
    length = 0
    cut = 0
    for row in range(len(offsets) - 1):
        at = offsets[row]
        while cut < len(rows) and rows[cut] == row:
            stop = offsets[row] + starts[cut]
            kept[length : length + stop - at] = data[at:stop]
            length += stop - at
            if breaks[cut]:
                kept[length] = _NEWLINE
                length += 1
            at = offsets[row] + ends[cut]
            cut += 1
        kept[length : length + offsets[row + 1] - at] = data[at : offsets[row + 1]]
        length += offsets[row + 1] - at
        bounds[row + 1] = length
    return kept, bounds
