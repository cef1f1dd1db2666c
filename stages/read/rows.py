"""What readers yield, one record at a time, and how records become batches that are bounded in bytes."""

import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import pyarrow as pa

from prep.corpus.documents import CHARSET, DATE, HTML, ID, SOURCE, TEXT, URL
from prep.corpus.storage import absolute, exists, is_glob
from prep.stages.stage import Outcome, Verdicts

METADATA = pa.field("metadata", pa.string())
"""The fields of a JSON record that have no column of their own, as a JSON object."""

_FIELDS = frozenset(field.name for field in (ID, URL, DATE, HTML, CHARSET, TEXT, METADATA))

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
    metadata: str | None = None
    rule: str | None = None
    """Null: a document. Otherwise the rule that rejects the record, or the error that broke it."""
    failed: bool = False
    value: float | None = None
    detail: str | None = None

    @property
    def size(self) -> int:
        """About how many bytes the row takes in a batch."""
        size = ROW_BYTES + len(self.html or b"")
        for value in (self.id, self.url, self.text, self.metadata, self.detail):
            if value is not None:
                size += len(value) if value.isascii() else len(value.encode())
        return size


def rejected(row_id: str, rule: str, value: float | None = None, detail: str | None = None) -> Row:
    """Return a record that is no document by decision."""
    return Row(row_id, rule=rule, value=value, detail=detail)


def failed(row_id: str, rule: str, detail: str | None = None) -> Row:
    """Return a record that is broken."""
    return Row(row_id, rule=rule, failed=True, detail=detail)


def too_large(row_id: str, length: int, limit: int) -> Row:
    """Return a document of more bytes than wanted."""
    return rejected(row_id, "too_large", float(length), f"more than {limit} bytes")


def text_row(row_id: str, data: bytes, length: int, limit: int) -> Row:
    """Return a plain text document of which `data` is what was read of `length` bytes; a leading BOM is left out."""
    if length > limit:
        return too_large(row_id, length, limit)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return failed(row_id, "bad_utf8", f"byte {error.start}: {error.reason}")
    return Row(row_id, text=text) if text and not text.isspace() else rejected(row_id, "empty")


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
        if column.name in _FIELDS:
            values: Sequence[object] = [getattr(row, column.name) for row in rows]
        else:
            values = [source if column.name == SOURCE.name else None] * len(rows)
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


def labels(found: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return the files found at each root, in order and none twice, with the names that their records' ids begin with.

    A file is named by its path below the folder that all roots share: ids stay when the data moves, and no two files
    have the same.
    """
    shared = _common([_home(root) for root in found if is_glob(root) or exists(root)])
    named: dict[str, tuple[str, str]] = {}
    for root, files in found.items():
        for path in files:
            named.setdefault(absolute(path), (path, _place(root, path).removeprefix(shared + "/")))
    return dict(named.values())


def _home(root: str) -> str:
    """Return the folder above what a root names: above a file, above a folder, or what precedes a glob's first mark."""
    if not is_glob(root):
        return posixpath.dirname(absolute(root))
    before = root[: min(root.find(mark) for mark in "*?[" if mark in root)]
    return absolute(posixpath.dirname(before) or ".")


def _place(root: str, path: str) -> str:
    """Return where a file lies. One that `datasets` keeps in its cache is taken to lie in the dataset."""
    place = absolute(path)
    if is_glob(root) or place.startswith(absolute(root)):
        return place
    return posixpath.join(absolute(root) if exists(root) else root, posixpath.basename(place))


def _common(folders: Sequence[str]) -> str:
    """Return the folder that holds all folders; empty where it is the root, or where they share none."""
    shared = []
    for level in zip(*(folder.rstrip("/").split("/") for folder in folders), strict=False):
        if len(set(level)) > 1:
            break
        shared.append(level[0])
    return "/".join(shared)
