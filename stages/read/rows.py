"""What readers are given and what they yield, and how records become batches that are bounded in bytes."""

import codecs
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import count
from typing import NamedTuple

import pyarrow as pa

from prep.corpus.arrow.documents import ABOUT, CHARSET, CONVERSATION, DATE, HEADERS, HTML, ID, SOURCE, TEXT, URL
from prep.corpus.files.compression import START, TRUNCATED, Piece, Place, codec_of, pieces
from prep.stages.read.sources import SourceOptions
from prep.stages.stage import Watch
from prep.stages.verdicts import Outcome, Verdicts

METADATA = pa.field("metadata", pa.string())
"""What a source says of a document beyond the columns it has here, as a JSON object."""

_FIELDS = frozenset(
    column.name for column in (ID, URL, DATE, HTML, CHARSET, HEADERS, TEXT, CONVERSATION, *ABOUT, METADATA)
)

ROW_BYTES = 200
"""What a row is taken to cost beside its payload, so that batches of tiny rows are bounded too."""


class Row(NamedTuple):
    """One record of an input file: a document, or what became of it."""

    id: str
    url: str | None = None
    date: str | None = None
    html: bytes | None = None
    charset: str | None = None
    headers: str | None = None
    text: str | None = None
    metadata: str | None = None
    title: str | None = None
    author: str | None = None
    published: str | None = None
    declared_language: str | None = None
    own: Mapping[str, str] | None = None
    """Values of columns that the source brings beside these."""
    conversation: str | None = None
    rule: str | None = None
    """Null: a document. Otherwise the rule that rejects the record, or the error that broke it."""
    failed: bool = False
    value: float | None = None
    detail: str | None = None

    @property
    def size(self) -> int:
        """About how many bytes the row takes in a batch."""
        size = ROW_BYTES + len(self.html or b"")
        texts = (self.id, self.url, self.headers, self.text, self.conversation)
        for value in (*texts, self.metadata, self.title, self.author, self.detail):
            if value is not None:
                size += len(value) if value.isascii() else len(value.encode())
        if self.own is not None:
            size += sum(len(value.encode()) for value in self.own.values())
        return size


def rejected(row_id: str, rule: str, value: float | None = None, detail: str | None = None) -> Row:
    """Return a record that is no document by decision."""
    return Row(row_id, rule=rule, value=value, detail=detail)


def failed(row_id: str, rule: str, detail: str | None = None) -> Row:
    """Return a record that is broken."""
    return Row(row_id, rule=rule, failed=True, detail=detail)


def damaged(row_id: str, rule: str, detail: str, missing: int | None) -> Row:
    """Return a record at which a file is damaged; `missing` bytes of content are announced and not there."""
    value = float(missing) if rule == TRUNCATED and missing is not None else None
    return failed(row_id, rule, detail)._replace(value=value)


def too_large(row_id: str, length: int, limit: int) -> Row:
    """Return a document of more bytes than wanted."""
    return rejected(row_id, "too_large", float(length), f"more than {limit} bytes")


@dataclass(frozen=True)
class Input:
    """A stretch of a file, and how to read it."""

    path: str
    label: str
    """Names the file in the ids of its records, wherever the folder above it lies."""
    options: SourceOptions = field(default_factory=SourceOptions)
    start: Place = START
    end: Place | None = None
    """None: the file's end."""
    watch: Watch | None = None
    codec: str | None = None
    """What the file is compressed with; empty: nothing, None: as its name says."""
    charset: str = ""
    """What its content has to be decoded from, so that it is lines of UTF-8."""

    def given_up(self, record: str) -> Row | None:
        """Tell the watch, if there is one, that a record is read from now on, by its id or what else names it.

        Returns what becomes of the record where reading it has ended processes.
        """
        lost = None if self.watch is None else self.watch.enter(record)
        return None if lost is None else failed(record, *lost)

    def pieces(self) -> Iterator[Piece]:
        """Yield the stretch's content, in UTF-8 where its character set is given."""
        content = pieces(self.path, self.start, self.end, self.codec)
        return transcoded(content, self.charset) if self.charset else content

    def whole(self) -> "Input":
        """Return the whole of the file."""
        return replace(self, start=START, end=None, watch=None)

    @cached_property
    def compressed(self) -> bool:
        """Whether the file is compressed."""
        return bool(codec_of(self.path) if self.codec is None else self.codec)

    def id_at(self, place: Place = START) -> str:
        """Return the id of a record that brings none: the file's label and the byte at which the record begins.

        In a compressed file that is where its member begins in the file and, where something precedes it there, the
        byte within the member's content: `a.warc.gz@1200`, `a.jsonl.gz@0+350`.
        """
        if not self.compressed:
            return f"{self.label}@{place.offset}"
        return f"{self.label}@{place.member}" + (f"+{place.offset}" if place.offset else "")

    def id_of(self, row: int) -> str:
        """Return the id of a table's row that brings none: the file's label and the row's number, from 0."""
        return f"{self.label}#{row}"


def transcoded(content: Iterator[Piece], charset: str) -> Iterator[Piece]:
    """Yield content in UTF-8; offsets count its bytes. What is no character of the set becomes U+FFFD."""
    decoder = codecs.getincrementaldecoder(charset)("replace")
    place = START
    for piece in content:
        if piece.begins_member:
            place = Place(piece.place.member, 0)
        text = decoder.decode(piece.data, final=piece.rule is not None)
        if place.offset == 0:
            text = text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}")
        data = text.encode("utf-8", "replace")
        yield piece._replace(data=data, place=place)
        place = Place(place.member, place.offset + len(data))


class Record(NamedTuple):
    """A record as it lies in a file, or (with `rule`) damage that tore it."""

    place: Place
    data: bytes
    """The record's bytes, up to the reader's limit."""
    length: int
    """How many bytes the record has in full."""
    rule: str | None = None
    detail: str = ""
    missing: int | None = None
    """Bytes of content that are known to be missing, where the file is cut off."""
    ended: bool = True
    """False for a last line without its newline."""


def record_rows(file: Input, records: Iterable[Record], make: Callable[[str, bytes], Row]) -> Iterator[Row]:
    """Yield what `make` makes of each whole record, given its id and bytes; damage and too large records as such."""
    for record in records:
        row_id = file.id_at(record.place)
        if record.rule is not None:
            yield damaged(row_id, record.rule, record.detail, record.missing)
        elif record.length > file.options.max_bytes:
            yield too_large(row_id, record.length, file.options.max_bytes)
        else:
            yield file.given_up(row_id) or make(row_id, record.data)


def watched(rows: Iterator[Row], file: Input) -> Iterator[Row]:
    """Tell the watch what lies between records too; what is left of the stretch is lost where that ends processes."""
    for number in count():
        lost = file.given_up(f"{file.id_at(file.start)}/{number}")
        row = lost or next(rows, None)
        if row is not None:
            yield row
        if row is None or lost is not None:
            return


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
        elif column.name == SOURCE.name:
            values = [source] * len(rows)
        else:
            values = [None if row.own is None else row.own.get(column.name) for row in rows]
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
