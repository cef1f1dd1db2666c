"""Reads sources of every kind and gives each record a row: a document, or the reason why it is none.

What a file holds is told by its name. Web archives and HTML pages bring bytes (columns `html` and `charset`, for the
stage `extract`); JSON Lines, Parquet, plain text, Markdown and Hugging Face datasets bring text.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import groupby
from typing import Annotated, ClassVar, Literal

import pyarrow as pa
from pydantic import Field

from prep.corpus.compression import strip_codec
from prep.corpus.documents import CHARSET, DATE, HTML, ID, SOURCE, TEXT, URL, read_schema
from prep.corpus.errors import Problem
from prep.corpus.storage import expand, size
from prep.stages.read.files import html_rows, text_rows
from prep.stages.read.hugging_face import arrow_schema, dataset_files, is_dataset
from prep.stages.read.json_lines import json_rows
from prep.stages.read.rows import METADATA, Columns, Input, Row, batches, labels
from prep.stages.read.tables import arrow_outcomes, own_columns, parquet_outcomes, table_problems
from prep.stages.read.warc import warc_rows
from prep.stages.stage import CheckContext, InputFile, Outcome, Partition, SourceStage

Format = Literal["warc", "html", "jsonl", "parquet", "text", "markdown", "dataset"]

SUFFIXES: dict[str, Format] = {
    ".warc": "warc",
    ".wet": "warc",
    ".wat": "warc",
    ".arc": "warc",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
    ".txt": "text",
    ".text": "text",
    ".md": "markdown",
    ".markdown": "markdown",
    ".arrow": "dataset",
}
"""File name endings (before .gz, .zst, .bz2, .lz4) → formats."""

PARTITION_BYTES = 64 << 20
"""Small files are grouped into tasks of at most about this size."""

ALONE_BYTES = 1 << 20
"""Web archives from this size on are tasks of their own: what they hold is several times larger."""

PAGES: frozenset[Format] = frozenset({"warc", "html"})
TABLES: frozenset[Format] = frozenset({"parquet", "dataset"})


Name = Annotated[str, Field(min_length=1)]


class Read(SourceStage):
    """Read documents from web archives, HTML, JSON Lines, Parquet, text, Markdown or Hugging Face datasets.

    A record's id is the one it brings (WARC-Record-ID, or the field `id_column`); otherwise, and where it is broken,
    the file's path below the folder that all `paths` share, `#`, and the record's number in the file, from 0.

    Rejected are records of archives that are no pages (`record_type`, `revisit`, `http_status`, `not_html`), and
    documents without text (`empty`, `no_text`) or `too_large`. Failed are broken ones: `truncated`, `bad_header`,
    `bad_http`, `truncated_body`, `bad_content`, `bad_utf8`, `unsupported_arc`, `bad_` and a format's or codec's name.
    """

    name: ClassVar[str] = "read"
    version: ClassVar[int] = 1
    libraries: ClassVar[tuple[str, ...]] = ("fastwarc", "orjson", "pyarrow")

    paths: Name | Annotated[tuple[Name, ...], Field(min_length=1)]
    """Files, folders, globs or URLs; or the names of Hugging Face datasets (with `format: dataset`)."""
    format: Literal["auto", "warc", "html", "jsonl", "parquet", "text", "markdown", "dataset"] = "auto"
    """What the files hold; `auto` tells each file's format by its name."""
    source: str = ""
    """The documents' column `source`; a table's own column of that name is kept where this is empty."""
    text_column: Name = "text"
    """The field of a JSON record or table that holds the text."""
    id_column: Name = "id"
    """The field that holds the document's id."""
    url_column: Name = "url"
    """The field that holds the document's URL."""
    date_column: Name = "date"
    """The field that says when the document was fetched or published."""
    split: str = Field(default="train", pattern=r"^[\w.]+$")
    """The split to read of a Hugging Face dataset: one name, no slice."""
    subset: str = ""
    """The subset (configuration) to read of a Hugging Face dataset."""
    max_bytes: int = Field(default=20 << 20, ge=1)
    """Documents of more bytes are rejected as `too_large`; outside tables, none of them is held in memory whole."""

    def problems(self, context: CheckContext) -> Iterator[Problem]:
        """Yield paths that match nothing, files of unknown format, and tables that hold no documents."""
        files: list[str] = []
        total = 0
        for path in self._patterns():
            try:
                found = self._expand(path)
                total += sum(map(size, found))
            except Exception as error:  # file systems and `datasets` raise what they like
                yield Problem(f"cannot list {path!r}", ("paths",), seen=f"{type(error).__name__}: {error}")
                continue
            if not found:
                yield Problem(f"{path!r} matches no file", ("paths",), mend="check the path; it may be a glob")
            files += found
        unknown = [path for path in files if self._format(path) is None]
        for path in unknown[:5]:
            yield Problem(
                f"cannot tell the format of {path!r} by its name",
                ("paths",),
                "a name ending in " + ", ".join(SUFFIXES) + " (and .gz, .zst, .bz2 or .lz4)",
                mend="set format, or leave the file out" + (f" ({len(unknown)} such files)" if unknown[1:] else ""),
            )
        if files and total == 0:
            yield Problem("the input is empty", ("paths",), seen=f"{len(files)} files without a byte")
        elif not unknown:
            yield from self._table_problems(files)

    def list_files(self) -> tuple[str, ...]:
        """Return the files of all paths, in the order given and sorted within each, none twice."""
        return tuple(self._labels)

    @cached_property
    def _labels(self) -> Mapping[str, str]:
        """The files, and the names that their records' ids begin with. Listed once: remote stores are slow."""
        return labels({pattern: self._expand(pattern) for pattern in self._patterns()})

    def output_schema(self) -> pa.Schema:
        """Return id, url, date, source; html and charset, or text, or all where kinds are mixed; tables' columns."""
        files = self.list_files()
        columns = self._format_columns(files)
        first = next((path for path in files if self._format(path) in TABLES), None)
        if first is not None:
            columns += own_columns(self._schema_of(first), self._names())
        return pa.schema(columns)

    def partitions(self, files: Sequence[InputFile]) -> tuple[Partition, ...]:
        """Group small files, in order, up to 64 MiB or a sixteenth of the input; larger ones are tasks of their own."""
        target = min(PARTITION_BYTES, max(ALONE_BYTES, sum(file.size for file in files) // 16))
        groups: list[list[InputFile]] = []
        room = 0
        for file in files:
            alone = file.size >= ALONE_BYTES and self._format(file.path) == "warc"
            if not groups or alone or file.size > room:
                groups.append([])
                room = target
            groups[-1].append(file)
            room = -1 if alone else room - file.size
        return tuple(Partition(tuple(group)) for group in groups)

    def read(self, partition: Partition, batch_bytes: int) -> Iterator[Outcome]:
        """Yield every record of the files as a row, in order, in batches of about `batch_bytes`."""
        schema = self.output_schema()
        for tabular, files in groupby(partition.files, lambda file: self._format(file.path) in TABLES):
            inputs = [Input(file.path, self._labels[file.path], self.max_bytes, self._names()) for file in files]
            if not tabular:
                rows = (row for file in inputs for row in self._rows(file))
                yield from batches(rows, schema, self.source, batch_bytes)
                continue
            for file in inputs:
                outcomes = parquet_outcomes if self._format(file.path) == "parquet" else arrow_outcomes
                yield from outcomes(file, schema, self.source, batch_bytes)

    def _rows(self, file: Input) -> Iterator[Row]:
        match self._format(file.path):
            case "warc":
                return warc_rows(file, extracts=_is_extract(file.path))
            case "html":
                return html_rows(file)
            case "jsonl":
                return json_rows(file)
            case _:
                return text_rows(file)

    def _patterns(self) -> tuple[str, ...]:
        return (self.paths,) if isinstance(self.paths, str) else self.paths

    def _names(self) -> Columns:
        return Columns(self.text_column, self.id_column, self.url_column, self.date_column)

    def _expand(self, pattern: str) -> tuple[str, ...]:
        if self.format == "dataset" or (self.format == "auto" and is_dataset(pattern)):
            return dataset_files(pattern, self.split, self.subset)
        return expand(pattern)

    def _format(self, path: str) -> Format | None:
        if self.format != "auto":
            return self.format
        name = strip_codec(path).lower()
        return next((kind for suffix, kind in SUFFIXES.items() if name.endswith(suffix)), None)

    def _schema_of(self, path: str) -> pa.Schema:
        return read_schema(path) if self._format(path) == "parquet" else arrow_schema(path)

    def _format_columns(self, files: Sequence[str]) -> list[pa.Field]:
        """Return the columns that the files' formats bring, without those of tables' own."""
        kinds = {(self._format(path), _is_extract(path)) for path in files}
        columns = [ID, URL, DATE, SOURCE]
        if any(kind in PAGES and not extract for kind, extract in kinds):
            columns += [HTML, CHARSET]
        if any(kind not in PAGES or extract for kind, extract in kinds):
            columns += [TEXT]
        if any(kind == "jsonl" for kind, _ in kinds):
            columns += [METADATA]
        return columns

    def _table_problems(self, files: Sequence[str]) -> Iterator[Problem]:
        """Yield what is wrong with tables, and tables that disagree about their columns with the first one."""
        taken = frozenset(column.name for column in [*self._format_columns(files), HTML, CHARSET])
        first: tuple[str, list[pa.Field]] | None = None
        for path in files:
            if self._format(path) not in TABLES:
                continue
            try:
                schema = self._schema_of(path)
                found = list(table_problems(path, schema, self._names(), taken))
            except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
                yield Problem(f"cannot read the columns of {path}", ("paths",), seen=str(error), mend="leave it out")
                continue
            if found:
                yield from found
                continue
            own = sorted(own_columns(schema, self._names()), key=lambda column: str(column.name))
            if first is None:
                first = (path, own)
            elif own != first[1]:
                yield Problem(
                    f"{path} has other columns than {first[0]}",
                    ("paths",),
                    _describe(first[1]),
                    _describe(own),
                    "read them in runs of their own, or give them the same columns",
                )


def _is_extract(path: str) -> bool:
    """Say whether a web archive's name tells that it holds extracted text (WET)."""
    return strip_codec(path).lower().endswith(".wet")


def _describe(columns: Sequence[pa.Field]) -> str:
    return ", ".join(f"{column.name} {column.type}" for column in columns) or "none"
