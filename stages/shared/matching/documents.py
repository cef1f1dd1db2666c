"""All documents that a deduplication compares as one numbered sequence: those of an index, then those of the run.

They lie in tables, one per part, with a row per document: what the index keeps of it, or what the stage's tap made of
it. Document numbers run from part to part and from row to row. They name documents between the tasks of one run and are
never part of a result: who is kept must not depend on how documents are spread over parts.
"""

import hashlib
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import NamedTuple, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from prep.corpus.arrow.columns import string_buffers
from prep.corpus.files.storage import exists, join, read_arrow, write_arrow
from prep.stages.shared.matching.cluster_kernels import Numbers, Values, id_words
from prep.stages.shared.matching.sketch_kernels import SKETCH_WORDS
from prep.stages.upstream import GlobalContext

ID = "id"
LENGTH = "length"
"""Bytes of UTF-8."""
SKETCH = "sketch"
"""What similarities are estimated from (see `prep.stages.shared.matching.sketch_kernels`)."""
CONTENT = "content"
"""A hash of all shingles of a document, which is the same for exact copies."""
RANK = "rank"
KEPT_ID = "kept_id"
"""Column of an index: the id of the document kept in a document's place, null where it is kept itself."""


class KnownPart(NamedTuple):
    """A part of an index."""

    documents: str
    """The table of its documents."""
    hashes: str
    """What the paths of its sorted hashes begin with."""
    crawl: int
    """Its crawl's place in the index."""


class Documents:
    """The documents of all parts. Opens one part's table at a time; tables are mapped into memory, not read."""

    def __init__(self, context: GlobalContext, known: Sequence[KnownPart] = ()) -> None:
        self._context = context
        self._known = known
        self.parts = len(known) + len(context.upstream.parts)

    def __len__(self) -> int:
        return int(self.offsets[-1])

    @property
    def new_parts(self) -> range:
        """The parts of the run, after those of the index."""
        return range(len(self._known), self.parts)

    @cached_property
    def crawls(self) -> int:
        """Crawls of the index, and the run's own."""
        return 1 + len({part.crawl for part in self._known})

    @cached_property
    def offsets(self) -> Numbers:
        """Number of each part's first document (int64, parts + 1); counted by the first task that asks, for all."""
        paths = [*(part.documents for part in self._known), *self._context.upstream.taps]
        name = hashlib.sha256("\n".join(paths).encode("utf-8", "surrogateescape")).hexdigest()[:16]
        path = join(self._context.scratch, f"offsets-{name}.arrow")
        if not exists(path):
            counts = [self.table(part).num_rows for part in range(self.parts)]
            write_arrow(path, pa.table({"offset": np.concatenate(([0], np.cumsum(counts, dtype=np.int64)))}))
        return read_numbers(read_arrow(path), "offset")

    def table(self, part: int) -> pa.Table:
        """Return a part's table."""
        new = part - len(self._known)
        return read_arrow(self._known[part].documents if new < 0 else self._context.upstream.taps[new])

    def known_hashes(self, index: int) -> tuple[str, ...]:
        """Return where the sorted hashes under a number lie of each part of the index."""
        return tuple(hashes_path(part.hashes, index) for part in self._known)

    def places(self, numbers: Numbers) -> tuple[Numbers, Numbers]:
        """Return the part and the row of each document."""
        parts = np.searchsorted(self.offsets, numbers, side="right") - 1
        return parts, numbers - self.offsets[parts]

    def crawl(self, numbers: Numbers) -> Values:
        """Return the place of each document's crawl; the run's own is the last."""
        crawls = np.array([*(part.crawl for part in self._known), *(self.crawls for _ in self.new_parts)], np.uint64)
        return crawls[self.places(numbers)[0]]

    def ranks(self, numbers: Numbers) -> Values:
        """Return the ranks of documents whose numbers rise; all of an index have the same."""
        pieces = [self._rank(part, rows) for part, rows in self._by_part(numbers)]
        return np.concatenate([np.empty(0, np.uint64), *pieces])

    def _rank(self, part: int, rows: Numbers) -> Values:
        new = part - len(self._known)
        if new < 0:
            return np.zeros(len(rows), np.uint64)
        return read_values(read_arrow(ranks_path(self._context, new)), RANK)[rows]

    def lengths(self, numbers: Numbers) -> Values:
        """Return the bytes of the texts of documents whose numbers rise, zero for those of an index."""
        pieces = [
            read_numbers(self.table(part), LENGTH)[rows] if part in self.new_parts else np.zeros(len(rows), np.int64)
            for part, rows in self._by_part(numbers)
        ]
        return np.concatenate([np.empty(0, np.int64), *pieces]).astype(np.uint64)

    def id_lengths(self, numbers: Numbers) -> Values:
        """Return the bytes of the ids of documents whose numbers rise."""
        pieces = [np.diff(string_buffers(self.ids(part, rows))[1]) for part, rows in self._by_part(numbers)]
        return np.concatenate([np.empty(0, np.int64), *pieces]).astype(np.uint64)

    def id_words(self, numbers: Numbers, word: int) -> tuple[Values, int]:
        """Return the eight bytes of the ids from byte `8 · word` on, in documents whose numbers rise.

        They are big-endian numbers, zeros beyond the end, so that they sort as ids do. With them comes the length of
        the longest of these ids.
        """
        pieces, longest = [np.empty(0, np.uint64)], 0
        for part, rows in self._by_part(numbers):
            data, offsets = string_buffers(self.ids(part, rows))
            pieces.append(id_words(data, offsets, 8 * word))
            longest = max(longest, int(np.diff(offsets).max()))
        return np.concatenate(pieces), longest

    def ids(self, part: int, rows: Numbers) -> pa.ChunkedArray:
        """Return the ids of some rows of a part."""
        return self.table(part).column(ID).take(pa.array(rows))

    def kept_ids(self, parts: Numbers, rows: Numbers) -> pa.ChunkedArray:
        """Return the ids of the documents kept in place of some, in any order: their own, unless an index says others.

        Reads the table of each part that there is.
        """
        order, grouped = by_part(parts, rows)
        chunks = [chunk for part, own in grouped for chunk in pa.chunked_array(self._kept_ids(part, own)).chunks]
        return pa.chunked_array(chunks, pa.string()).take(pa.array(np.argsort(order, kind="stable")))

    def _kept_ids(self, part: int, rows: Numbers) -> pa.ChunkedArray:
        ids = self.ids(part, rows)
        if part in self.new_parts:
            return ids
        return pc.coalesce(self.table(part).column(KEPT_ID).take(pa.array(rows)), ids)

    def contents(self, numbers: Numbers) -> Values:
        """Return the hashes of the shingles of documents whose numbers rise."""
        pieces = [read_values(self.table(part), CONTENT)[rows] for part, rows in self._by_part(numbers)]
        return np.concatenate([np.empty(0, np.uint64), *pieces])

    def replaced(self, numbers: Numbers) -> npt.NDArray[np.bool_]:
        """Return which documents, whose numbers rise, an index holds as removed in favour of another."""
        pieces = [np.empty(0, np.bool_)]
        for part, rows in self._by_part(numbers):
            lost = (
                np.zeros(len(rows), np.bool_) if part in self.new_parts else ~is_null(self.table(part), KEPT_ID)[rows]
            )
            pieces.append(lost)
        return np.concatenate(pieces)

    def sketches(self, numbers: Numbers) -> Values:
        """Return the sketches of documents, in any order (uint64, documents × SKETCH_WORDS)."""
        order, grouped = by_part(*self.places(numbers))
        pieces = [np.empty((0, SKETCH_WORDS), np.uint64)]
        for part, rows in grouped:
            pieces.append(_matrix(self.table(part).column(SKETCH).take(pa.array(rows))))
        found = np.empty_like(whole := np.concatenate(pieces))
        found[order] = whole
        return found

    def _by_part(self, numbers: Numbers) -> Iterator[tuple[int, Numbers]]:
        """Yield the rows in each part of documents whose numbers rise."""
        bounds = np.searchsorted(numbers, self.offsets)
        for part in range(self.parts):
            if bounds[part] < bounds[part + 1]:
                yield part, numbers[bounds[part] : bounds[part + 1]] - self.offsets[part]


def by_part(parts: Numbers, rows: Numbers) -> tuple[Numbers, list[tuple[int, Numbers]]]:
    """Return an order of documents by part and row, and each part that there is with its rows in this order."""
    order = np.lexsort((rows, parts))
    found, firsts = np.unique(parts[order], return_index=True)
    return order, list(zip(found.tolist(), np.split(rows[order], firsts)[1:], strict=True))


def hashes_path(part: str, index: int) -> str:
    """Return where an index holds the sorted hashes of a part under a number, given what their paths begin with."""
    return f"{part}-{index:03d}.arrow"


def ranks_path(context: GlobalContext, part: int) -> str:
    """Return where the ranks of the documents of a part of the run lie."""
    return join(context.scratch, "ranks", f"{part:05d}.arrow")


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


def _matrix(column: pa.ChunkedArray) -> Values:
    """Return a column of sketches as rows of words."""
    whole = column.combine_chunks()
    start = whole.offset * SKETCH_WORDS
    words = np.frombuffer(whole.buffers()[1], np.uint64)[start : start + len(whole) * SKETCH_WORDS]
    return words.reshape(-1, SKETCH_WORDS)
