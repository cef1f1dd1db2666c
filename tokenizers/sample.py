"""A bounded sample of documents to train on, the same however the documents are split into parts and batches.

Every document gets a number: the seeded hash of its id. Documents are taken in the order of their numbers, each cut to
`document_bytes`, until the sample has `sample_bytes` or more. So a document's place depends on its id alone, and the
sample of all parts is the sample of the parts' samples: a document that a part has no room for has enough before it.

Memory: twice `sample_bytes` and a batch. Cost: O(bytes) to look at the text of documents that may be taken, and to
hash the ids of all.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from prep.corpus.columns import string_array, string_buffers
from prep.corpus.storage import read_arrow, write_arrow
from prep.tokenizers.row_kernels import Flags, copy_rows, cut_rows, flagged_rows, hash_rows
from prep.tokenizers.unassigned import unassigned_table

SAMPLE = pa.schema(
    [
        pa.field("order", pa.uint64()),
        pa.field("tie", pa.uint64()),
        pa.field("bytes", pa.int64()),
        pa.field("text", pa.large_string()),
    ]
)
"""`order` is the hash of a document's id; `tie` is that of its text, for documents of the same id; `bytes` is the size
of the text. A document with a code point that Unicode has not assigned keeps its place, but its text is null and takes
no bytes: trainers would disagree about it."""

DOCUMENTS, BYTES = b"documents", b"bytes"
"""What a file's metadata counts: all documents that the sample was drawn from, and the bytes of their text."""

_LAST = np.uint64(np.iinfo(np.uint64).max)


@dataclass(frozen=True)
class SampleSettings:
    """What decides the sample."""

    sample_bytes: int
    document_bytes: int
    seed: int


@dataclass(frozen=True)
class Sample:
    """The texts to train on, in their order, and what they were drawn from."""

    texts: pa.LargeStringArray
    passed_over: int
    """Documents that the sample left out because of an unassigned code point."""
    of_documents: int
    of_bytes: int

    @property
    def bytes(self) -> int:
        """UTF-8 bytes of the texts."""
        offsets = string_buffers(self.texts)[1]
        return int(offsets[-1] - offsets[0])


class Pool:
    """Holds the first rows of SAMPLE, by order, of all that are put in: as many as make a number of bytes."""

    def __init__(self, capacity: int) -> None:
        self.bar = _LAST
        """A row of a higher order is surely not among the first."""
        self._capacity = capacity
        self._batches = [pa.RecordBatch.from_pylist([], schema=SAMPLE)]
        self._bytes = 0

    def put(self, batch: pa.RecordBatch) -> None:
        """Add rows."""
        batch = batch.filter(pa.array(batch.column("order").to_numpy() <= self.bar))
        self._batches.append(batch)
        self._bytes += int(batch.column("bytes").to_numpy().sum())
        if self._bytes > 2 * self._capacity:
            self._prune()

    def rows(self) -> pa.Table:
        """Return the first rows, as they were put in."""
        self._prune()
        return pa.Table.from_batches(self._batches, SAMPLE).combine_chunks()

    def _prune(self) -> None:
        table = pa.Table.from_batches(self._batches, SAMPLE)
        order, tie, sizes = (table.column(name).to_numpy() for name in ("order", "tie", "bytes"))
        ranked = np.lexsort((tie, order))
        enough = int(np.searchsorted(np.cumsum(sizes[ranked]), self._capacity)) + 1
        if enough >= len(ranked):
            return
        self.bar = order[ranked[enough]]
        keep = np.zeros(len(ranked), np.bool_)
        keep[ranked[:enough]] = True
        starts = np.cumsum([0, *(batch.num_rows for batch in self._batches)])
        self._batches = [
            batch.filter(pa.array(keep[start : start + batch.num_rows]))
            for start, batch in zip(starts[:-1], self._batches, strict=True)
        ]
        self._bytes = int(sizes[ranked[:enough]].sum())


class Sampler:
    """Draws the sample of one part."""

    def __init__(self, settings: SampleSettings) -> None:
        self._settings = settings
        self._pool = Pool(settings.sample_bytes)
        self._documents = 0
        self._bytes = 0

    def add(self, ids: pa.Array, texts: pa.Array) -> None:
        """Add a batch of documents. Documents without text count, but are not drawn."""
        data, offsets = string_buffers(ids)
        order = hash_rows(data, offsets[:-1], offsets[1:], np.uint64(self._settings.seed))
        data, offsets = string_buffers(texts)
        self._documents += len(texts)
        self._bytes += int(offsets[-1] - offsets[0])
        candidates = np.flatnonzero((order <= self._pool.bar) & (np.diff(offsets) > 0))
        starts, ends = offsets[:-1][candidates], offsets[1:][candidates]
        ends = cut_rows(data, starts, ends, self._settings.document_bytes)
        unassigned = flagged_rows(data, starts, ends, unassigned_table())
        tie = hash_rows(data, starts, ends, np.uint64(self._settings.seed))
        copied, copied_offsets = copy_rows(data, starts, np.where(unassigned, starts, ends))
        text = _with_nulls(string_array(copied, copied_offsets), unassigned)
        columns = [order[candidates], tie, np.diff(copied_offsets), text]
        self._pool.put(pa.RecordBatch.from_arrays([pa.array(column) for column in columns], schema=SAMPLE))

    def write(self, path: str) -> None:
        """Write the sample of the documents added, and their counts, as an Arrow IPC file."""
        counts = {DOCUMENTS: str(self._documents), BYTES: str(self._bytes)}
        write_arrow(path, self._pool.rows().replace_schema_metadata(counts))


def read_sample(paths: Sequence[str], sample_bytes: int) -> Sample:
    """Return the sample of all parts from those of the parts, in its order."""
    pool = Pool(sample_bytes)
    documents = text_bytes = 0
    for path in paths:
        table = read_arrow(path)
        documents += int(table.schema.metadata[DOCUMENTS])
        text_bytes += int(table.schema.metadata[BYTES])
        for batch in table.to_batches():
            pool.put(batch.replace_schema_metadata())
    rows = pool.rows()
    rows = rows.take(np.lexsort((rows.column("tie").to_numpy(), rows.column("order").to_numpy())))
    texts = rows.column("text").drop_null().combine_chunks()
    return Sample(texts, rows.column("text").null_count, documents, text_bytes)


def _with_nulls(texts: pa.LargeStringArray, null: Flags) -> pa.LargeStringArray:
    if not null.any():
        return texts
    validity = pa.array(~null).buffers()[1]
    return pa.LargeStringArray.from_buffers(len(texts), texts.buffers()[1], texts.buffers()[2], validity)
