"""Documents as Arrow record batches, and the Parquet parts they rest in between passes.

A part's bytes depend on its documents alone: row groups are cut at document boundaries by the documents' own sizes,
however the documents arrived in batches.
"""

import io
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from prep.corpus.arrow.columns import row_sizes
from prep.corpus.errors import CorruptFileError
from prep.corpus.files.storage import atomic_output, open_input

ID = pa.field("id", pa.string(), nullable=False)
TEXT = pa.field("text", pa.large_string())
HTML = pa.field("html", pa.large_binary())
"""The page's bytes as they came, before extraction."""
CHARSET = pa.field("charset", pa.string())
"""The character set that the page's transport declared; null where it declared none."""
HEADERS = pa.field("headers", pa.string())
"""The response's headers that later stages ask about (rights, language, date): lines of `name: value`, names in lower
case, in the order they came; null where there are none."""
CONVERSATION = pa.field("conversation", pa.large_string())
"""The turns of a document that is a conversation, as JSON: `messages`, each with `role` and `content`, and `tools`."""
URL = pa.field("url", pa.string())
DATE = pa.field("date", pa.string())
"""When the document was fetched or published, as ISO 8601, as precisely as the source says."""
SOURCE = pa.field("source", pa.string())
"""The name that the configuration gives to where the document came from."""
TITLE = pa.field("title", pa.string())
AUTHOR = pa.field("author", pa.string())
"""Who wrote the document, several names parted by `; `."""
PUBLISHED = pa.field("published", pa.string())
"""When the document was published, as an ISO 8601 date, a month or a year."""
DECLARED_LANGUAGE = pa.field("declared_language", pa.string())
"""The language that the document itself names, as a tag (BCP 47); see the stage `language` for what it is."""
ABOUT = (TITLE, AUTHOR, PUBLISHED, DECLARED_LANGUAGE)
"""What documents of every format say of themselves; null where one says nothing."""

REJECTED = pa.schema(
    [
        pa.field("id", pa.string()),
        pa.field("stage", pa.string()),
        pa.field("rule", pa.string()),
        pa.field("value", pa.float64()),
        pa.field("failed", pa.bool_()),
        pa.field("detail", pa.string()),
        pa.field("url", pa.string()),
    ]
)
"""One row per lost document, with its URL where it has one. `failed` distinguishes an error from a decision; `value` is
what the rule looked at."""

ROW_GROUP_BYTES = 16 << 20
ROW_GROUP_ROWS = 1 << 16


class DocumentWriter(AbstractContextManager["DocumentWriter"]):
    """Writes record batches to one Parquet file (zstd) that appears only when all of it is written.

    Row groups end after the document that brings them to 16 MiB or 65,536 rows.
    """

    def __init__(self, path: str, schema: pa.Schema) -> None:
        self._path = path
        self._schema = schema
        self._pending: list[pa.RecordBatch] = []
        self._pending_rows = 0
        self._pending_bytes = 0

    @contextmanager
    def _file(self) -> Iterator[pq.ParquetWriter]:
        with atomic_output(self._path) as sink, pq.ParquetWriter(sink, self._schema, compression="zstd") as writer:
            yield writer
            self._flush()

    def __enter__(self) -> Self:
        self._opened = self._file()
        self._writer = self._opened.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._opened.__exit__(*error)  # type: ignore[arg-type]

    def write(self, batch: pa.RecordBatch) -> None:
        """Append the batch's documents."""
        sizes = sum((row_sizes(column) for column in batch.columns), np.zeros(batch.num_rows, np.int64))
        start = 0
        while start < batch.num_rows:
            filled = self._pending_bytes + np.cumsum(sizes[start : start + ROW_GROUP_ROWS - self._pending_rows])
            take = min(len(filled), int(np.searchsorted(filled, ROW_GROUP_BYTES)) + 1)
            self._pending.append(batch.slice(start, take))
            self._pending_rows += take
            self._pending_bytes = int(filled[take - 1])
            start += take
            if self._pending_bytes >= ROW_GROUP_BYTES or self._pending_rows >= ROW_GROUP_ROWS:
                self._flush()

    def _flush(self) -> None:
        if self._pending:
            table = pa.Table.from_batches(self._pending, self._schema).combine_chunks()
            self._writer.write_table(table, row_group_size=table.num_rows)
        self._pending, self._pending_rows, self._pending_bytes = [], 0, 0


def write_table(path: str, table: pa.Table) -> None:
    """Write a small table (rejected documents, statistics) as one Parquet file, atomically."""
    with atomic_output(path) as sink:
        pq.write_table(table, sink, compression="zstd")


def read_documents(path: str, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
    """Yield a part's documents, one batch per row group, so that memory is bounded whatever the part's size.

    Raises CorruptFileError where the part is damaged.
    """
    with open_input(path) as source:
        try:
            file = pq.ParquetFile(source)
            for group in range(file.num_row_groups):
                table = file.read_row_group(group, None if columns is None else list(columns), use_threads=False)
                yield from table.combine_chunks().to_batches()
        except (pa.ArrowException, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:  # the file system's error, not the content's
                raise
            raise CorruptFileError(
                f"{path} cannot be read: {error}; run again: what is damaged is found and made again"
            ) from error


def read_rows(
    path: str, rows: npt.NDArray[np.int64], columns: Sequence[str]
) -> Iterator[tuple[npt.NDArray[np.int64], pa.RecordBatch]]:
    """Yield some documents of a part, given by their rows, rising: the rows and their batch for each row group.

    Row groups without any are not read.
    """
    with open_input(path) as source:
        file = pq.ParquetFile(source)
        start = 0
        for group in range(file.num_row_groups):
            end = start + file.metadata.row_group(group).num_rows
            inside = rows[slice(*np.searchsorted(rows, (start, end)))]
            if len(inside):
                table = file.read_row_group(group, list(columns), use_threads=False)
                yield inside, table.combine_chunks().to_batches()[0].take(pa.array(inside - start))
            start = end


def read_schema(path: str) -> pa.Schema:
    """Return a Parquet file's columns without reading its rows."""
    with open_input(path) as source:
        return pq.read_schema(source)


def uncompressed_bytes(path: str) -> int:
    """Return what a Parquet file's columns take uncompressed, by its footer."""
    with open_input(path) as source:
        footer = pq.read_metadata(source)
    return sum(footer.row_group(group).total_byte_size for group in range(footer.num_row_groups))


def storable(schema: pa.Schema) -> pa.Schema:
    """Return the columns as they come back from a part: Parquet keeps some types as others.

    Raises ArrowException where it cannot keep one.
    """
    part = io.BytesIO()
    pq.write_table(schema.empty_table(), part)
    return pq.read_schema(part).remove_metadata()


def select(batch: pa.RecordBatch, keep: pa.BooleanArray) -> pa.RecordBatch:
    """Return the rows where `keep` is true."""
    return batch if pc.all(keep).as_py() else batch.filter(keep)
