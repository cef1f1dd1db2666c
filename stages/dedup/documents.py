"""All documents of a Global stage as one numbered sequence, over the tables that its tap made of the parts.

Document numbers run from part to part and from row to row. They name documents between the tasks of one run and are
never part of a result: who is kept must not depend on how documents are spread over parts.
"""

from collections.abc import Iterator
from functools import cached_property
from typing import cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from prep.corpus.columns import string_buffers
from prep.corpus.storage import read_arrow
from prep.stages.dedup.cluster_kernels import Numbers, Values, id_words
from prep.stages.dedup.taps import ID, LENGTH
from prep.stages.stage import Upstream


class Documents:
    """The documents of all parts. Opens one part's table at a time; tables are mapped into memory, not read."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream

    def __len__(self) -> int:
        return int(self.offsets[-1])

    @cached_property
    def offsets(self) -> Numbers:
        """Number of each part's first document (int64, parts + 1)."""
        counts = [self.table(part).num_rows for part in range(len(self._upstream.parts))]
        return np.concatenate(([0], np.cumsum(counts, dtype=np.int64)))

    def table(self, part: int) -> pa.Table:
        """Return what the tap made of a part."""
        return read_arrow(self._upstream.taps[part])

    def places(self, numbers: Numbers) -> tuple[Numbers, Numbers]:
        """Return the part and the row of each document."""
        parts = np.searchsorted(self.offsets, numbers, side="right") - 1
        return parts, numbers - self.offsets[parts]

    def lengths(self, numbers: Numbers) -> Values:
        """Return the bytes of the texts of documents whose numbers rise."""
        pieces = [read_numbers(self.table(part), LENGTH)[rows] for part, rows in self._by_part(numbers)]
        return np.concatenate([np.empty(0, np.int64), *pieces]).astype(np.uint64)

    def id_lengths(self, numbers: Numbers) -> Values:
        """Return the bytes of the ids of documents whose numbers rise."""
        pieces = [np.diff(string_buffers(self.ids(part, rows))[1]) for part, rows in self._by_part(numbers)]
        return np.concatenate([np.empty(0, np.int64), *pieces]).astype(np.uint64)

    def id_words(self, numbers: Numbers, word: int) -> Values:
        """Return the eight bytes of the ids from byte `8 · word` on, in documents whose numbers rise.

        They are big-endian numbers, zeros beyond the end, so that they sort as ids do.
        """
        pieces = [id_words(*string_buffers(self.ids(part, rows)), 8 * word) for part, rows in self._by_part(numbers)]
        return np.concatenate([np.empty(0, np.uint64), *pieces])

    def ids(self, part: int, rows: Numbers) -> pa.ChunkedArray:
        """Return the ids of some rows of a part."""
        return self.table(part).column(ID).take(pa.array(rows))

    def longest_id(self) -> int:
        """Return the bytes of the longest id."""
        parts = range(len(self._upstream.parts))
        lengths = (pc.max(pc.binary_length(self.table(part).column(ID))).as_py() for part in parts)
        return max((length or 0 for length in lengths), default=0)

    def _by_part(self, numbers: Numbers) -> Iterator[tuple[int, Numbers]]:
        """Yield the rows in each part of documents whose numbers rise."""
        bounds = np.searchsorted(numbers, self.offsets)
        for part in range(len(self._upstream.parts)):
            if bounds[part] < bounds[part + 1]:
                yield part, numbers[bounds[part] : bounds[part + 1]] - self.offsets[part]


def read_numbers(table: pa.Table, name: str) -> Numbers:
    """Return a column of numbers (int64, rows; read-only)."""
    return cast("Numbers", _read(table, name))


def read_values(table: pa.Table, name: str) -> Values:
    """Return a column of values (uint64, rows; read-only), zero where it is null."""
    return cast("Values", _read(table, name))


def is_null(table: pa.Table, name: str) -> npt.NDArray[np.bool_]:
    """Return where a column is null (rows)."""
    nulls: npt.NDArray[np.bool_] = table.column(name).is_null().to_numpy()
    return nulls


def _read(table: pa.Table, name: str) -> npt.NDArray[np.generic]:
    stored = table.column(name)
    column: npt.NDArray[np.generic] = (stored.fill_null(0) if stored.null_count else stored).to_numpy()
    column.flags.writeable = False  # as it is where the column is one piece: kernels are compiled for one type
    return column
