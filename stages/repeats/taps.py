"""What is kept of each document to find pieces that others repeat: their hashes and places, as lists."""

from collections.abc import Callable
from typing import ClassVar, Literal

import numpy as np
import pyarrow as pa

from prep.corpus.arrow.columns import string_buffers
from prep.corpus.text.hashing import lower_table
from prep.corpus.text.words import word_table
from prep.stages.repeats.host_kernels import by_host
from prep.stages.repeats.piece_kernels import Pieces, lines, windows
from prep.stages.shared.url.hash_kernels import host_hashes
from prep.stages.stage import Tap

Unit = Literal["line", "paragraph"]

ID, LENGTH = "id", "length"
STARTS, ENDS, HASH_0, HASH_1 = "starts", "ends", "hash_0", "hash_1"
"""Lists with an entry per piece."""


class LineTap(Tap):
    """The lines or paragraphs of each document."""

    name: ClassVar[str] = "lines"
    libraries: ClassVar[tuple[str, ...]] = ("regex",)
    columns: ClassVar[tuple[str, ...]] = ("id", "text")

    unit: Unit
    shortest: int

    def open(self) -> Callable[[pa.RecordBatch], pa.RecordBatch]:
        """Return the function from documents to their pieces."""
        spaces, lower = word_table("whitespace"), lower_table()

        def extract(batch: pa.RecordBatch) -> pa.RecordBatch:
            data, offsets = string_buffers(batch.column("text"))
            return _table(batch, lines(data, offsets, spaces, lower, self.unit == "paragraph", self.shortest))

        return extract


class HostLineTap(Tap):
    """The lines of each document of a host, and a piece without bytes that all documents of a host have."""

    name: ClassVar[str] = "host_lines"
    libraries: ClassVar[tuple[str, ...]] = ("regex",)
    columns: ClassVar[tuple[str, ...]] = ("id", "text", "url")

    unit: Unit
    shortest: int

    def open(self) -> Callable[[pa.RecordBatch], pa.RecordBatch]:
        """Return the function from documents to their pieces; those without a host have none."""
        spaces, lower = word_table("whitespace"), lower_table()

        def extract(batch: pa.RecordBatch) -> pa.RecordBatch:
            data, offsets = string_buffers(batch.column("text"))
            found = lines(data, offsets, spaces, lower, self.unit == "paragraph", self.shortest)
            hosts, missing = host_hashes(*string_buffers(batch.column("url")), lower)
            rows = np.repeat(np.arange(batch.num_rows), np.diff(found.bounds))
            stays = ~missing[rows]
            marked = np.flatnonzero(~missing)
            order = np.argsort(np.concatenate([marked, rows[stays]]), kind="stable")  # the mark is the first
            nothing = np.zeros(len(marked), np.uint32)
            hashes = by_host(found.bounds, found.hashes, hosts)
            pieces = Pieces(
                np.concatenate([[0], np.cumsum(np.bincount(rows[stays], minlength=batch.num_rows) + ~missing)]),
                np.concatenate([nothing, found.starts[stays]])[order],
                np.concatenate([nothing, found.ends[stays]])[order],
                np.concatenate([hosts[:, marked], hashes[:, stays]], axis=1)[:, order],
            )
            return _table(batch, pieces)

        return extract


class WindowTap(Tap):
    """Windows of bytes of each document, chosen by winnowing."""

    name: ClassVar[str] = "windows"
    columns: ClassVar[tuple[str, ...]] = ("id", "text")

    width: int
    reach: int

    def open(self) -> Callable[[pa.RecordBatch], pa.RecordBatch]:
        """Return the function from documents to their pieces."""

        def extract(batch: pa.RecordBatch) -> pa.RecordBatch:
            data, offsets = string_buffers(batch.column("text"))
            return _table(batch, windows(data, offsets, self.width, self.reach))

        return extract


def _table(batch: pa.RecordBatch, pieces: Pieces) -> pa.RecordBatch:
    bounds = pa.array(pieces.bounds)
    columns = {STARTS: pieces.starts, ENDS: pieces.ends, HASH_0: pieces.hashes[0], HASH_1: pieces.hashes[1]}
    lists = {name: pa.LargeListArray.from_arrays(bounds, pa.array(values)) for name, values in columns.items()}
    return pa.RecordBatch.from_pydict({ID: batch.column("id").cast(pa.string()), **lists})
