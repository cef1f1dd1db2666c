"""Which columns the sources bring, and what keeps tables from being read together."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pyarrow as pa

from prep.corpus.arrow.documents import ABOUT, CONVERSATION, DATE, HTML, ID, SOURCE, TEXT, URL, storable
from prep.corpus.closeness import listed, nearest
from prep.corpus.errors import Problem
from prep.stages.read.formats import CHAT_TABLES, COLUMNS, CONVERSING, columns_of, input_of, kind_of, table_schema
from prep.stages.read.rows import METADATA
from prep.stages.read.sources import Origin, SourceOptions
from prep.stages.read.tables.chat_tables import has_turns
from prep.stages.read.tables.conversations import FORMS
from prep.stages.read.tables.csv_files import other_delimiter
from prep.stages.read.tables.mapping import PAGE, Mapped, is_bytes, is_scalar, mapped_columns, plain_type
from prep.stages.stage import InputFile

_TABLES = frozenset({"parquet", "arrow", "csv"})
_REFUSED = frozenset({TEXT.name, *(field.name for field in PAGE)})
"""Names that a column may have only in the type and company that it has here."""

MEANT = frozenset(field.name for field in (ID, URL, DATE, SOURCE, *COLUMNS))
"""Names of the columns that have a meaning here, whatever brings them."""

LONGEST_NAME = 60
"""Characters of a column's name in a message; a longer one is likely to be no name."""

UNREADABLE = (pa.ArrowException, OSError, ValueError)
"""What reading a table's columns raises where it is none."""

_SHARED = (*PAGE, *ABOUT, METADATA)
"""Columns that a table may have beside those that options name, in the types that they have here."""


class Tables:
    """The tables among the files, by source. Their columns are read once."""

    def __init__(self, origins: Sequence[Origin], files: Sequence[InputFile]) -> None:
        self._origins = {origin.name: origin for origin in origins}
        kinds = [(kind_of(file, self._origins[file.source].options), file) for file in files]
        conversing = [
            file.source
            for kind, file in kinds
            if kind in CONVERSING and self._origins[file.source].options.conversations
        ]
        self._conversing = frozenset(conversing)
        self._formats = frozenset(
            "jsonl" if kind in CHAT_TABLES and file.source in self._conversing else kind for kind, file in kinds
        )
        self._chats: dict[str, tuple[InputFile, pa.Schema]] = {}
        self._schemas: dict[str, tuple[InputFile, pa.Schema]] = {}
        self._errors: dict[str, tuple[InputFile, str]] = {}
        for file in files:
            options = self._origins[file.source].options
            if file.error:
                continue
            try:
                schema = table_schema(input_of(file, options), kind_of(file, options))
            except UNREADABLE as error:
                self._errors[file.path] = (file, f"{type(error).__name__}: {error}")
                continue
            if schema is not None:
                chats = file.source in self._conversing and kind_of(file, options) in CHAT_TABLES
                (self._chats if chats else self._schemas)[file.path] = (file, schema)

    def output_schema(self) -> pa.Schema:
        """Return id, url, date, source, what the formats bring, and the tables' own columns."""
        brought = {field.name: field for field in columns_of(self._formats)}
        tables = [(schema, self._mapped(file, schema)) for file, schema in self._usable()]
        if tables and self._formats <= _TABLES and not any(TEXT.name in mapped for _, mapped in tables):
            del brought[TEXT.name]
        if self._conversing:
            brought[CONVERSATION.name] = CONVERSATION
        for _, mapped in tables:
            brought |= {field.name: field for field in _SHARED if field.name in mapped}
        shown = [field for field in COLUMNS if field.name in brought]
        columns = [ID, URL, DATE, SOURCE, *shown]
        taken = {column.name for column in columns}
        for file, schema in self._usable():
            for column in own_columns(schema, self._origins[file.source].options):
                if column.name not in taken:
                    columns.append(column)
                    taken.add(column.name)
        return pa.schema(columns)

    def problems(self) -> Iterator[Problem]:
        """Yield what is wrong with tables, columns whose types disagree, and sources without one that can be read.

        What is wrong with many tables of one source in the same way is said once.
        """
        shared = {field.name: ("files of other formats", field.type) for field in _SHARED}
        refused = _REFUSED | ({METADATA.name} & {field.name for field in columns_of(self._formats)})
        first = {name: shared[name] for name in shared.keys() & {field.name for field in columns_of(self._formats)}}
        found: list[tuple[Problem, str]] = []
        for file, schema in self._usable():
            origin = self._origins[file.source]
            wrong = [(problem, file.path) for problem in _table_problems(schema, origin, refused)]
            found += wrong
            for column in [] if wrong else own_columns(schema, origin.options):
                path, kind = first.setdefault(column.name, (file.path, column.type))
                if kind != column.type:
                    other = f"another type of column {column.name!r} than {path}"
                    hint = "leave the column out with keep, or give it the same type"
                    field = (*origin.field, "paths")
                    found.append((Problem(other, field, str(kind), str(column.type), hint), file.path))
        yield from _said_once(found)
        yield from _said_once(list(self._without_turns()))
        yield from self._unreadable()
        for origin in self._origins.values():
            if origin.options.conversations and origin.name not in self._conversing:
                hint, place = "write them as JSON Lines", (*origin.field, "conversations")
                yield Problem("conversations", place, "files of JSON, Parquet or Arrow", "none", hint)

    def _without_turns(self) -> Iterator[tuple[Problem, str]]:
        """Yield tables that hold no conversations, though they should."""
        for file, schema in self._chats.values():
            if not has_turns(schema):
                place = (*self._origins[file.source].field, "conversations")
                yield Problem("no column of conversations", place, FORMS, _names(schema)), file.path

    def _mapped(self, file: InputFile, schema: pa.Schema) -> Mapped:
        return mapped_columns(schema, self._origins[file.source].options)

    def _usable(self) -> Iterator[tuple[InputFile, pa.Schema]]:
        """Yield tables without those that lack the text where another table of their source has it: they will fail."""
        sound = {file.source for file, schema in self._schemas.values() if self._has_content(file, schema)}
        for file, schema in self._schemas.values():
            if self._has_content(file, schema) or file.source not in sound:
                yield file, schema

    def _has_content(self, file: InputFile, schema: pa.Schema) -> bool:
        return bool({TEXT.name, HTML.name} & self._mapped(file, schema).keys())

    def _unreadable(self) -> Iterator[Problem]:
        """Yield tables that cannot be read where their source has no other: a wrong path or format, not damage."""
        readable = {file.source for file, _ in (*self._schemas.values(), *self._chats.values())}
        for file, error in self._errors.values():
            if file.source not in readable:
                field = (*self._origins[file.source].field, "paths")
                yield Problem(f"cannot read the columns of {file.path}", field, seen=error, hint="leave it out")


def own_columns(table: pa.Schema, options: SourceOptions) -> list[pa.Field]:
    """Return the columns that a table brings beside those with a meaning here, with the types they will be kept in.

    Raises ArrowException where a type cannot be kept.
    """
    mapped = mapped_columns(table, options)
    taken = {*mapped.values(), *_named(options), SOURCE.name} - {options.language_column}
    own = [
        pa.field(column.name, plain_type(column.type))
        for column in table
        if column.name not in taken and (options.keep is None or column.name in options.keep)
    ]
    return list(storable(pa.schema(own)))


def _named(options: SourceOptions) -> tuple[str, ...]:
    return (options.text_column, options.id_column, options.url_column, options.date_column)


def _said_once(found: Sequence[tuple[Problem, str]]) -> Iterator[Problem]:
    """Yield what is wrong with tables, each mistake once, with the first table that makes it."""
    paths: dict[Problem, list[str]] = {}
    for problem, path in found:
        paths.setdefault(problem, []).append(path)
    for problem, (first, *others) in paths.items():
        alike = f" (as {len(others)} more files)" if others else ""
        yield replace(problem, message=f"{first} has {problem.message}{alike}")


def _table_problems(table: pa.Schema, origin: Origin, refused: frozenset[str]) -> Iterator[Problem]:
    """Yield what makes a table unreadable as documents: columns that are missing, of a wrong type or name."""
    options, paths = origin.options, (*origin.field, "paths")
    if options.text_column not in table.names and HTML.name not in mapped_columns(table, options):
        near = nearest(options.text_column, table.names)
        hint = other_delimiter(table.names) or (f"set text_column to {near!r}" if near else "set text_column")
        if any(len(name) > LONGEST_NAME for name in table.names):
            hint += "; its first line is taken for the columns' names: write them there"
        field = (*origin.field, "text_column")
        yield Problem(f"no column {options.text_column!r}", field, "a column of text", _names(table), hint)
    mapped = mapped_columns(table, options)
    for name, times in sorted(Counter(table.names).items()):
        if times > 1:
            yield Problem(f"several columns {name!r}", paths, hint="rename all but one")
        else:
            yield from _column_problems(table.field(name), mapped, origin, refused)
    known = frozenset(table.names)
    for name in options.keep or ():
        if name not in known:
            yield Problem(f"no column {name!r}", (*origin.field, "keep"), "names of its columns", _names(table))
    try:
        own_columns(table, options)
    except pa.ArrowException as error:
        yield Problem("a column that cannot be kept", paths, seen=str(error), hint="leave it out with keep")


def _column_problems(column: pa.Field, mapped: Mapped, origin: Origin, refused: frozenset[str]) -> Iterator[Problem]:
    options, name, kind = origin.options, column.name, column.type
    text, *scalars = _named(options)
    if name == text:
        if TEXT.name not in mapped:
            hint = "decode its bytes and write them as strings" if is_bytes(kind) else "set text_column"
            field = (*origin.field, "text_column")
            yield Problem(f"a column {name!r} that holds no text", field, "string", str(kind), hint)
    elif name in scalars:
        if not is_scalar(kind):
            yield Problem(f"a column {name!r}", (*origin.field, "paths"), "a string, number or time", str(kind))
    elif name in refused and mapped.get(name) != name and (options.keep is None or name in options.keep):
        yield Problem(
            f"a column {name!r}, which is a name with a meaning of its own here",
            (*origin.field, "paths"),
            hint="rename it, read it through the option for that column, or leave it out with keep",
        )


def _names(table: pa.Schema) -> str:
    """Return the names of columns; of many the first ones, and of a long one its beginning."""
    return listed(name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}…" for name in table.names)
