"""What readers yield, one record at a time, and how records become batches that are bounded in bytes."""

import posixpath
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from prep.corpus.documents import CHARSET, DATE, HTML, ID, SOURCE, TEXT, URL
from prep.corpus.storage import is_remote
from prep.stages.stage import Outcome, Verdicts

METADATA = pa.field("metadata", pa.string())
"""The fields of a JSON record that have no column of their own, as a JSON object."""

ROW_BYTES = 200
"""What a row is taken to cost beside its payload, so that batches of tiny rows are bounded too."""


class Row(NamedTuple):
    """One record of an input file: a document, or what became of it."""

    id: str
    url: str | None = None
    date: str | None = None
    html: bytes | None = None
    charset: str | None = None
    text: str | None = None
    metadata: bytes | None = None
    rule: str | None = None
    """Null: a document. Otherwise the rule that rejects the record, or the error that broke it."""
    failed: bool = False
    value: float | None = None
    detail: str | None = None

    @property
    def size(self) -> int:
        """About how many bytes the row takes in memory."""
        return ROW_BYTES + len(self.html or b"") + len(self.text or "") + len(self.metadata or b"")


def rejected(row_id: str, rule: str, value: float | None = None, detail: str | None = None) -> Row:
    """Return a record that is no document by decision."""
    return Row(row_id, rule=rule, value=value, detail=detail)


def failed(row_id: str, rule: str, detail: str | None = None) -> Row:
    """Return a record that is broken."""
    return Row(row_id, rule=rule, failed=True, detail=detail)


@dataclass(frozen=True)
class Columns:
    """Which fields of a table or JSON record hold what."""

    text: str = "text"
    id: str = "id"
    url: str = "url"
    date: str = "date"


@dataclass(frozen=True)
class Input:
    """A file to read, as a reader sees it."""

    path: str
    label: str
    """Names the file in the ids of its records, wherever the folder above it lies."""
    max_bytes: int
    """Documents larger than this are rejected and never held in memory whole."""
    columns: Columns = Columns()

    def row_id(self, row: int) -> str:
        """Return the id of a record that brings none: the file's label and the record's number in it."""
        return f"{self.label}#{row}"


def batches(rows: Iterable[Row], schema: pa.Schema, source: str, batch_bytes: int) -> Iterator[Outcome]:
    """Collect rows into batches of about `batch_bytes`; a batch ends after the row that fills it."""
    pending: list[Row] = []
    size = 0
    for row in rows:
        pending.append(row)
        size += row.size
        if size >= batch_bytes:
            yield _outcome(pending, schema, source)
            pending, size = [], 0
    if pending:
        yield _outcome(pending, schema, source)


def _outcome(rows: Sequence[Row], schema: pa.Schema, source: str) -> Outcome:
    arrays = []
    for column in schema:
        match column.name:
            case ID.name | URL.name | DATE.name | HTML.name | CHARSET.name | TEXT.name:
                values: Sequence[object] = [getattr(row, column.name) for row in rows]
            case METADATA.name if column.type == METADATA.type:
                values = [None if row.metadata is None else row.metadata.decode() for row in rows]
            case SOURCE.name:
                values = [source] * len(rows)
            case _:
                values = [None] * len(rows)
        arrays.append(pa.array(values, column.type))
    batch = pa.RecordBatch.from_arrays(arrays, schema=schema)
    if all(row.rule is None for row in rows):
        return Outcome(batch)
    verdicts = Verdicts(
        rule=pa.array([row.rule for row in rows], pa.string()),
        failed=pa.array([row.failed for row in rows], pa.bool_()),
        value=pa.array([row.value for row in rows], pa.float64()),
        detail=pa.array([row.detail for row in rows], pa.string()),
    )
    return Outcome(batch, verdicts)


def label(path: str, roots: Sequence[str]) -> str:
    """Return the file's name below the folder that all the configured paths share.

    The folder's own place is left out, so that ids stay when the data moves; what is left is unique among the files.
    """
    anchors = [_anchor(root) for root in roots]
    shared = _common(anchors)
    own = _absolute(path)
    if shared and own.startswith(shared + "/"):
        return own[len(shared) + 1 :]
    return posixpath.basename(own)


def _absolute(path: str) -> str:
    return path if is_remote(path) else Path(path).absolute().as_posix()


def _anchor(pattern: str) -> str:
    """Return the folder above what a path names: above a file, above a folder, or what precedes a glob's first mark."""
    whole = _absolute(pattern).rstrip("/")
    marks = [whole.find(mark) for mark in "*?[" if mark in whole]
    return posixpath.dirname(whole[: min(marks)] if marks else whole)


def _common(folders: Sequence[str]) -> str:
    parts = [folder.split("/") for folder in folders]
    shared = []
    for level in zip(*parts, strict=False):
        if len(set(level)) > 1:
            break
        shared.append(level[0])
    return "/".join(shared)
