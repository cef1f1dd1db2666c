"""Reads sources of every kind and gives each record a row: a document, or the reason why it is none.

What a file holds is recognized by its first bytes and its name, or by the option `format`. Web archives and HTML pages
bring bytes (columns `html`, `charset` and `headers`, for the stages `extract` and `rights`), all else brings text.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import groupby
from shlex import quote
from typing import ClassVar

import pyarrow as pa
from pydantic import PrivateAttr

from prep.corpus.arrow.documents import DECLARED_LANGUAGE
from prep.corpus.errors import Problem
from prep.stages.read import cutting
from prep.stages.read.books.recognition import program
from prep.stages.read.columns import MEANT, Tables
from prep.stages.read.crawl.crawl import crawl_partitions
from prep.stages.read.formats import CHAT_TABLES, OUTCOMES, ROWS, SUFFIXES, input_of, kind_of
from prep.stages.read.listing import Listing, is_named
from prep.stages.read.repeated_ids import MOST_DOCUMENTS, repeated_ids
from prep.stages.read.rows import Input, Row, batches, failed, rejected, watched
from prep.stages.read.sources import CRAWL_INDEX, Format, Origin, PathNames, Source, SourceOptions, patterns
from prep.stages.read.tables.json_fields import field_problems
from prep.stages.read.tables.tables import lost_row
from prep.stages.results import Results, RunWarning
from prep.stages.stage import CheckContext, FileRange, InputFile, Partition, SourceStage, Watch
from prep.stages.verdicts import Outcome

_JSON = frozenset({"json", "jsonl"})
_REMARKS = 10
"""At most so many files are remarked on one by one."""


class Read(SourceStage, SourceOptions):
    """Read documents from web archives, pages, JSON Lines, tables, text, books, wikis or Hugging Face datasets.

    One source is given by `paths` and its options; several by `sources`, a list of such groups, each with a `name`. In
    place of `paths`, `common_crawl` chooses captures of a crawl by its index and fetches no other bytes, such as
    `{crawl: CC-MAIN-2026-40, languages: [da], domains: [example.org], sample: 0.001}`.

    A record's id is the one it brings (WARC-Record-ID, or the field `id_column`); otherwise, and where it is broken,
    the file's path below the folder that all paths share, and where in the file the record lies: `@` and the byte it
    begins at, or `#` and a table's row, from 0.

    Rejected are records of archives that are no pages (`record_type`, `revisit`, `http_status`, `not_html`), documents
    without text (`empty`, `no_text`), `too_large`, or files of an `unknown_format` beside others. Failed are broken
    ones: `truncated`, `bad_header`, `bad_http`, `truncated_body`, `bad_content`, `bad_encoding`, `bad_utf8`, `bomb`,
    `ragged_row`, `no_text_column`, `encrypted`, `entity_declaration`, `unreadable`, `bad_` and a format's or codec's
    name, or `bad_chapter`; `crashed` and `timed_out` are records, files and row groups at which a library ended the
    process or hung. Pages of wikis are also rejected as `redirect`, `namespace` or `content_model`, PDF files as
    `no_text_layer` or `too_many_pages`. Of `conversations`, those in which an assistant says nothing are rejected as
    `no_answer`, those with pictures as `not_text`; `unknown_role` and `bad_conversation` are errors. Of a crawl,
    captures fail as `bad_index` whose archive holds another record where the index says, as `unreadable` where there is
    no such archive.

    A record that is `truncated` has as its value how many bytes are missing, where the file announces them; a PDF file
    that is cut off gives its pages as far as they are there, and one such record.
    """

    example: ClassVar[str] = '- read: {paths: "crawl/*.warc.gz"}'
    name: ClassVar[str] = "read"
    does: ClassVar[str] = "reading"
    produces: ClassVar[tuple[str, ...]] = ("html",)
    version: ClassVar[int] = 14
    libraries: ClassVar[tuple[str, ...]] = (
        "fastwarc",
        "orjson",
        "pyarrow",
        "pypdfium2",
        "pyspellchecker",
        "resiliparse",
    )

    paths: PathNames | None = None
    """Files, folders, globs or URLs; or the names of Hugging Face datasets (with `format: dataset`)."""
    source: str = ""
    """The documents' column `source`; a table's own column of that name is kept where this is empty."""
    sources: tuple[Source, ...] = ()
    """Several sources in place of `paths`: each has a `name`, which is kept in the column `source`, `paths`, and any of
    the options below."""

    _output: str = PrivateAttr(default="")

    def apart_from(self, output: str) -> "Read":
        """Return the stage so that it reads nothing in the run's output folder."""
        copy = self.model_copy()
        copy.__dict__.pop("_files", None)
        copy._output = output
        return copy

    def identity(self) -> dict[str, object]:
        """Return the settings without the paths: the files that they name are in the fingerprint."""
        sources = [_identity(source, {"paths"}) for source in self.sources]
        return {**_identity(self, {"paths", "sources"}), "sources": sources}

    def problems(self, context: CheckContext) -> Iterator[Problem]:
        """Yield paths that match nothing, files of unknown format, and tables that hold no documents."""
        found = [*self._form_problems(), *self._ocr_problems(), *self._listing.problems()]
        yield from found
        if found:
            return
        files = self.list_files()
        unknown = list(self._unknown(files))
        yield from unknown
        unreadable = [file for file in files if file.error]
        if unreadable and len(unreadable) == len(files):
            seen = f"{unreadable[0].path}: {unreadable[0].error}"
            yield Problem("no file of the input can be read", ("paths",), seen=seen)
        elif sum(file.size for file in files) == 0:
            yield Problem("the input is empty", ("paths",), seen=f"{len(files)} files without a byte")
        elif not unknown:
            found = list(Tables(self._origins, files).problems())
            yield from found or self._field_problems(files)

    def _field_problems(self, files: Sequence[InputFile]) -> Iterator[Problem]:
        """Yield sources of JSON alone whose records have no field of that name for their text."""
        for origin in self._origins:
            own = [(self._kind(file)[0], file) for file in files if file.source == origin.name and not file.error]
            if not origin.options.conversations and all(kind in _JSON for kind, _ in own):
                yield from field_problems([(str(kind), self._whole(file)) for kind, file in own], origin.field)

    def _unknown(self, files: Sequence[InputFile]) -> Iterator[Problem]:
        """Yield files of unknown format that are named themselves, or that are all that there is.

        Others are rejected records: one picture in a folder does not end the run.
        """
        unknown = [file for file in files if not file.error and self._kind(file)[0] is None]
        alone = len(unknown) == sum(not file.error for file in files)
        meant = [file for file in unknown if alone or is_named(file.path, self._by_name[file.source])]
        for file in meant[:5]:
            yield Problem(
                f"cannot tell the format of {file.path!r} by its name or its first bytes",
                (*self._by_name[file.source].field, "paths"),
                "a name ending in " + ", ".join(SUFFIXES) + " (and .gz, .zst, .bz2, .xz or .lz4)",
                file.remark,
                hint="set format, or leave the file out" + (f" ({len(meant)} such files)" if meant[1:] else ""),
            )

    def remarks(self, context: CheckContext) -> Iterator[str]:
        """Yield files that are not what their names say, that are not read, and that two sources name."""
        yield from self._listing.remarks()
        files = self.list_files()
        odd = [file.remark for file in files if file.remark]
        yield from odd[:_REMARKS]
        if odd[_REMARKS:]:
            yield f"{len(odd) - _REMARKS} more files are not what their names say"
        lost = [file.path for file in files if not file.error and not file.remark and self._kind(file)[0] is None]
        if lost:
            yield f"{len(lost)} files of unknown format are rejected as unknown_format, such as {lost[0]}"

    def _form_problems(self) -> Iterator[Problem]:
        given = self.model_fields_set
        named = {"paths": self.paths, "sources": self.sources, "common_crawl": self.common_crawl}
        meant = [name for name, value in named.items() if value]
        if len(meant) != 1:
            seen = " and ".join(meant) or "neither"
            yield Problem("what to read", expected="one of paths, sources and common_crawl", seen=seen)
        idle = sorted(given - {"sources", "paths"})
        if self.sources and idle:
            hint = "move it into the sources"
            yield Problem(f"{idle[0]} has no effect beside sources", (idle[0],), hint=hint)
        for origin in self._origins if len(meant) == 1 else ():
            if origin.options.common_crawl is not None:
                options = origin.options.model_fields_set - {"name", "source", "common_crawl", "max_bytes"}
                for option in sorted(options - {"paths"}):
                    yield Problem(f"{option} has no effect beside common_crawl", (*origin.field, option))
        names = [source.name for source in self.sources]
        for number, name in enumerate(names):
            if name in names[:number]:
                yield Problem(f"a second source is named {name!r}", ("sources", number, "name"), hint="rename it")

    def warnings(self, results: Results) -> Iterator[RunWarning]:
        """Warn of sources that hold no record, and of ids that several documents have.

        A source all of whose records are lost is named by the engine.
        """
        there = {group.source for group in (*results.groups, *results.left) if group.entered}
        for origin in self._origins:
            if origin.name not in there and (origin.name or not there):
                what = f"source {origin.name!r}" if origin.name else "the input"
                yield RunWarning(
                    "source_without_documents", f"{self.name}: {what} yields no document", "prep report {output}"
                )
        if (found := repeated_ids(results.parts)) is not None:
            several = "an id is that" if found.ids == 1 else f"{found.ids:,} ids are each that"
            among = f" among the first {found.looked_at:,}" if found.looked_at == MOST_DOCUMENTS else ""
            message = (
                f"{self.name}: {several} of several documents ({found.documents:,} in all{among}), such as "
                f"{found.example!r} ({found.times:,} documents); prep trace, prep remove, the columns of clusters and "
                "keep: smallest_id tell documents apart by their ids: make them unique, or set id_column to a name "
                "that is not there, and ids are made"
            )
            yield RunWarning("repeated_ids", message, f"prep inspect {{pipeline}} --id {quote(found.example)}")

    def _ocr_problems(self) -> Iterator[Problem]:
        for origin in self._origins:
            if origin.options.ocr and program(origin.options.ocr) is None:
                yield Problem("ocr", (*origin.field, "ocr"), "a command whose program is installed", origin.options.ocr)

    def list_files(self) -> tuple[InputFile, ...]:
        """Return the files of all sources, in the order given and sorted within each path, none twice."""
        return self._files

    def output_schema(self, files: Sequence[InputFile]) -> pa.Schema:
        """Return id, url, date, source; html, charset and headers, or text, or all; metadata; tables' columns."""
        return Tables(self._origins, files).output_schema()

    def own_columns(self, schema: pa.Schema) -> tuple[str, ...]:
        """Return the columns that tables bring beside those with a meaning here.

        One that says which language documents are in is `declared_language` as well: its values stay.
        """
        languages = {origin.options.language_column for origin in self._origins}
        copied = languages if DECLARED_LANGUAGE.name in schema.names else set()
        return tuple(name for name in schema.names if name not in MEANT | copied)

    def partitions(self, files: Sequence[InputFile]) -> tuple[Partition, ...]:
        """Gather small files and cut big ones into tasks of about 64 MiB of content (see `cutting`)."""
        found: list[Partition] = []
        for source, run in groupby(files, lambda file: file.source if file.format == CRAWL_INDEX else None):
            if source is None:
                found += cutting.partitions(list(run), self._kind)
            else:
                found += crawl_partitions(list(run), self._by_name[source].options)
        return tuple(found)

    def stretches(self, file: InputFile, count: int, chosen: Sequence[int]) -> tuple[FileRange, ...] | None:
        """Return the chosen of `count` stretches of a file; None where it cannot be cut (see `cutting`)."""
        if file.format == CRAWL_INDEX:
            tasks = crawl_partitions([file], self._by_name[file.source].options)
            ranges = [each for task in tasks for each in task.ranges]
            return tuple(each for at, each in enumerate(ranges) if at * count // len(ranges) in chosen)
        return cutting.stretches(file, *self._kind(file), count, chosen)

    def read(
        self, partition: Partition, schema: pa.Schema, batch_bytes: int, watch: Watch | None = None
    ) -> Iterator[Outcome]:
        """Yield every record of the stretches as a row, in order, in batches of about `batch_bytes`."""
        for (table, source), ranges in groupby(partition.ranges, lambda part: (self._table(part), part.file.source)):
            if table is None:
                rows = (row for part in ranges for row in self._rows(part, watch))
                yield from batches(rows, schema, source, batch_bytes)
                continue
            for file in (self._input(part, watch) for part in ranges):
                if (lost := file.given_up(f"{file.id_of(file.start.offset)}/0")) is not None:
                    yield lost_row(lost, schema)
                else:
                    yield from OUTCOMES[table](file, schema, source, batch_bytes)

    def _table(self, part: FileRange) -> Format | None:
        """Return a table's format; None for what is read record by record."""
        kind, options = self._kind(part.file)
        return kind if kind in OUTCOMES and not part.file.error and not options.conversations else None

    def _rows(self, part: FileRange, watch: Watch | None) -> Iterator[Row]:
        kind = self._kind(part.file)[0]
        file = self._input(part, watch)
        if part.file.error:
            yield failed(file.id_at(), "unreadable", part.file.error)
        elif kind is None and not part.file.size:
            yield rejected(file.id_at(), "empty")
        elif kind is None:
            detail = part.file.remark or "neither its name nor its first bytes tell what it is"
            yield rejected(file.id_at(), "unknown_format", detail=detail)
        else:
            rows = CHAT_TABLES[kind](file) if kind in CHAT_TABLES else ROWS[kind](file)
            yield from rows if watch is None else watched(rows, file)

    def _input(self, part: FileRange, watch: Watch | None) -> Input:
        return replace(self._whole(part.file), start=part.start, end=part.end, watch=watch)

    def _whole(self, file: InputFile) -> Input:
        return input_of(file, self._kind(file)[1])

    def _kind(self, file: InputFile) -> tuple[Format | None, SourceOptions]:
        options = self._by_name[file.source].options
        return kind_of(file, options), options

    @property
    def _listing(self) -> Listing:
        return Listing(self._origins, self._output)

    @cached_property
    def _files(self) -> tuple[InputFile, ...]:
        """The files, listed and looked into once for checking, planning and remarks."""
        return self._listing.files()

    @cached_property
    def _origins(self) -> tuple[Origin, ...]:
        if self.paths is not None or self.common_crawl is not None:
            given = self.model_fields_set & SourceOptions.model_fields.keys()
            options = SourceOptions(**{option: getattr(self, option) for option in sorted(given)})
            return (Origin(self.source, patterns(self.paths), options),)
        named = enumerate(self.sources)
        return tuple(
            Origin(source.name, patterns(source.paths), source, ("sources", number)) for number, source in named
        )

    @cached_property
    def _by_name(self) -> Mapping[str, Origin]:
        return {origin.name: origin for origin in self._origins}


def _identity(options: SourceOptions, without: set[str]) -> dict[str, object]:
    """Return the options that decide what is read of files; of a crawl, those that choose captures."""
    values = options.model_dump(mode="json", exclude={*without, "common_crawl"})
    return values if options.common_crawl is None else {**values, "common_crawl": options.common_crawl.named()}
