"""Which columns the sources bring, and what keeps tables from being read together."""

import difflib
from collections.abc import Iterator, Sequence

import pyarrow as pa

from prep.corpus.arrow.documents import CHARSET, DATE, HEADERS, HTML, ID, SOURCE, TEXT, URL, storable
from prep.corpus.errors import Problem
from prep.stages.read.formats import columns_of, format_of, table_schema
from prep.stages.read.sources import Origin, SourceOptions
from prep.stages.read.tables.tables import is_scalar, is_text, plain_type
from prep.stages.stage import InputFile

UNREADABLE = (pa.ArrowException, OSError, ValueError)
"""What reading a table's columns raises where it is none."""

_MEANT = (ID, URL, DATE, SOURCE, HTML, CHARSET, HEADERS, TEXT)


class Tables:
    """The tables among the files, by source. Their columns are read once."""

    def __init__(self, origins: Sequence[Origin], files: Sequence[InputFile]) -> None:
        self._origins = {origin.name: origin for origin in origins}
        self._formats = frozenset(format_of(file.path, self._origins[file.source].options) for file in files)
        self._schemas: dict[str, tuple[InputFile, pa.Schema]] = {}
        self._errors: dict[str, tuple[InputFile, str]] = {}
        for file in files:
            options = self._origins[file.source].options
            if file.error:
                continue
            try:
                schema = table_schema(file.path, format_of(file.path, options), options)
            except UNREADABLE as error:
                self._errors[file.path] = (file, f"{type(error).__name__}: {error}")
                continue
            if schema is not None:
                self._schemas[file.path] = (file, schema)

    def output_schema(self) -> pa.Schema:
        """Return id, url, date, source, what the formats bring, and the tables' own columns."""
        columns = [ID, URL, DATE, SOURCE, *columns_of(self._formats)]
        taken = {column.name for column in columns}
        for file, schema in self._usable():
            for column in own_columns(schema, self._origins[file.source].options):
                if column.name not in taken:
                    columns.append(column)
                    taken.add(column.name)
        return pa.schema(columns)

    def problems(self) -> Iterator[Problem]:
        """Yield what is wrong with tables, columns whose types disagree, and sources without one that can be read."""
        meant = frozenset(column.name for column in [*_MEANT, *columns_of(self._formats)])
        first: dict[str, tuple[str, pa.DataType]] = {}
        for file, schema in self._usable():
            origin = self._origins[file.source]
            found = [
                Problem(problem.message, (*origin.field, *problem.field), problem.expected, problem.seen, problem.hint)
                for problem in _table_problems(file.path, schema, origin.options, meant)
            ]
            yield from found
            for column in [] if found else own_columns(schema, origin.options):
                path, kind = first.setdefault(column.name, (file.path, column.type))
                if kind != column.type:
                    yield Problem(
                        f"{file.path} has another type of column {column.name!r} than {path}",
                        (*origin.field, "paths"),
                        str(kind),
                        str(column.type),
                        "leave the column out with keep, or give it the same type",
                    )
        yield from self._unreadable()

    def _usable(self) -> Iterator[tuple[InputFile, pa.Schema]]:
        """Yield tables without those that lack the text where another table of their source has it: they will fail."""
        texts = {name: origin.options.text_column for name, origin in self._origins.items()}
        sound = {file.source for file, schema in self._schemas.values() if texts[file.source] in schema.names}
        for file, schema in self._schemas.values():
            if texts[file.source] in schema.names or file.source not in sound:
                yield file, schema

    def _unreadable(self) -> Iterator[Problem]:
        """Yield tables that cannot be read where their source has no other: a wrong path or format, not damage."""
        readable = {file.source for file, _ in self._schemas.values()}
        for file, error in self._errors.values():
            if file.source not in readable:
                field = (*self._origins[file.source].field, "paths")
                yield Problem(f"cannot read the columns of {file.path}", field, seen=error, hint="leave it out")


def own_columns(table: pa.Schema, options: SourceOptions) -> list[pa.Field]:
    """Return the columns that a table brings beside those with a meaning here, with the types they will be kept in.

    Raises ArrowException where a type cannot be kept.
    """
    mapped = {*_mapped(options), SOURCE.name}
    own = [
        pa.field(column.name, plain_type(column.type))
        for column in table
        if column.name not in mapped and (options.keep is None or column.name in options.keep)
    ]
    return list(storable(pa.schema(own)))


def _mapped(options: SourceOptions) -> tuple[str, ...]:
    return (options.text_column, options.id_column, options.url_column, options.date_column)


def _table_problems(path: str, table: pa.Schema, options: SourceOptions, meant: frozenset[str]) -> Iterator[Problem]:
    """Yield what makes a table unreadable as documents: columns that are missing, of a wrong type or name."""
    text, *scalars = _mapped(options)
    if text not in table.names:
        near = difflib.get_close_matches(text, table.names, 1)
        hint = f"set text_column to {near[0]!r}" if near else "set text_column"
        yield Problem(f"{path} has no column {text!r}", ("text_column",), "a column of text", _names(table), hint)
    for name in sorted(set(table.names)):
        if table.names.count(name) > 1:
            yield Problem(f"{path} has several columns {name!r}", ("paths",), hint="rename all but one")
            continue
        kind = table.field(name).type
        if name == text and not is_text(kind):
            yield Problem(f"column {name!r} of {path} holds no text", ("text_column",), "string", str(kind))
        elif name in scalars and not is_scalar(kind):
            yield Problem(f"column {name!r} of {path}", ("paths",), "a string, number or time", str(kind))
        elif name in (meant if options.keep is None else meant & {*options.keep}) - {text, *scalars, SOURCE.name}:
            yield Problem(
                f"{path} has a column {name!r}, which is a name with a meaning of its own here",
                ("paths",),
                hint="rename it, read it through the option for that column, or leave it out with keep",
            )
    for name in options.keep or ():
        if name not in table.names:
            yield Problem(f"{path} has no column {name!r}", ("keep",), "names of its columns", _names(table))
    try:
        own_columns(table, options)
    except pa.ArrowException as error:
        yield Problem(
            f"{path} has a column that cannot be kept", ("paths",), seen=str(error), hint="leave it out with keep"
        )


def _names(table: pa.Schema) -> str:
    return ", ".join(table.names)
