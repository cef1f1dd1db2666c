"""Values from outside for documents: human labels, scores of other models, topics, in Parquet or JSON Lines.

A file has one row per document, found by the document's id or URL. Rows are looked up by 128-bit hashes in a sorted
table: building it costs one sort, a look-up one binary search. URLs are compared in one form
(`prep.stages.shared.targets`); ids byte by byte.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from prep.corpus.errors import ConfigurationError, Problem
from prep.corpus.files.compression import strip_codec
from prep.corpus.files.storage import expand, is_glob, open_input
from prep.stages.settings import PathName, Settings
from prep.stages.shared.json_records import json_records
from prep.stages.shared.matching.text_hashes import hash_texts
from prep.stages.shared.targets import url_keys

SHOWN = 3
"""Keys that an error names."""
_JSON = (".jsonl", ".ndjson", ".json")

Key = Literal["id", "url"]
Hashes = npt.NDArray[np.uint64]
Rows = npt.NDArray[np.int64]


class LabelFiles(Settings):
    """Files with one row per document: its id or URL, and values."""

    paths: PathName | tuple[PathName, ...]
    """Parquet or JSON Lines files (these plain or compressed), folders or globs of them, or URLs."""
    by: Key = "id"
    """What finds a row's document: its `id`, or its `url`, of which scheme, `www.`, fragment and order of parameters do
    not count."""
    key: str = ""
    """The column of the files that holds the id or URL; left out, it is named like `by`."""
    duplicates: Literal["error", "first"] = "error"
    """What becomes of rows with the same key: an error, or the first one counts, in the order of `paths` and rows."""

    @property
    def key_column(self) -> str:
        """The column of the files that holds the id or URL."""
        return self.key or self.by

    @cached_property
    def paths_found(self) -> tuple[str, ...]:
        """The files. Raises ConfigurationError where a path names none."""
        patterns = (self.paths,) if isinstance(self.paths, str) else self.paths
        found: list[str] = []
        for pattern in patterns:
            names = [name for name in expand(pattern) if is_glob(pattern) or name == pattern or _is_table(name)]
            if not names:
                raise ConfigurationError([f"{pattern!r} matches no Parquet or JSON Lines file"])
            found += names
        for name in found:
            if not _is_table(name):
                raise ConfigurationError([f"{name}: expected Parquet or JSON Lines (.parquet, .jsonl, .jsonl.gz, …)"])
        return tuple(dict.fromkeys(found))

    @cached_property
    def value_schema(self) -> pa.Schema:
        """The columns beside the key. Reads JSON Lines whole, of Parquet only the footers.

        Raises ConfigurationError where files cannot be read, hold no key, or disagree about a column's type.
        """
        return self._unified(
            [_parquet_schema(path) if _is_parquet(path) else self._read(path).schema for path in self.paths_found]
        )

    def read(self, names: Sequence[str] | None = None) -> "Labels":
        """Return the rows of all files, the key first as a string, then these columns, or all. Reads no others.

        Raises ConfigurationError as `value_schema` does, and where a key comes more than once and that is an error.
        """
        tables = [self._read(path, names) for path in self.paths_found]
        schema = self.value_schema
        wanted = list(schema.names if names is None else names)
        keys = pa.concat_arrays([_as_strings(table.column(self.key_column)) for table in tables])
        values = [
            pa.chunked_array(list(_chunks(tables, schema.field(name))), schema.field(name).type) for name in wanted
        ]
        whole = pa.table([keys, *values], [KEY, *wanted])
        return self._without_duplicates(whole, [len(table) for table in tables])

    @cached_property
    def row_count(self) -> int:
        """How many rows have a key, each key once. Reads the keys; raises ConfigurationError as `read` does."""
        return int(self.read([]).table.num_rows)

    def problems(self) -> Iterator[Problem]:
        """Yield files that cannot be read, and keys that come more than once."""
        try:
            _ = self.row_count
        except ConfigurationError as error:
            for line in error.lines:
                yield Problem(line, ("paths",))

    def hashes(self, column: pa.Array | pa.ChunkedArray) -> tuple[Hashes, npt.NDArray[np.bool_]]:
        """Return the 128-bit hash of each key (2 × rows), and which rows have none."""
        column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        column = column.cast(pa.string())
        if self.by == "url":
            return url_keys(column)
        missing: npt.NDArray[np.bool_] = column.is_null().to_numpy(zero_copy_only=False)
        return hash_texts(column), missing

    def _read(self, path: str, names: Sequence[str] | None = None) -> pa.Table:
        if not _is_parquet(path):
            table = _read_json(path, self.key_column)
            self._check_key(path, table.column_names)
            return table
        self._check_key(path, _parquet_schema(path).names)
        return _read_parquet(path, None if names is None else [self.key_column, *names])

    def _check_key(self, path: str, names: Sequence[str]) -> None:
        if self.key_column not in names:
            raise ConfigurationError([f"{path}: no column {self.key_column!r}; it has {', '.join(names) or 'none'}"])

    def _unified(self, schemas: Sequence[pa.Schema]) -> pa.Schema:
        try:
            whole = pa.unify_schemas(schemas, promote_options="permissive")
        except pa.ArrowException as error:
            raise ConfigurationError([f"the files of {self.paths} disagree about a column: {error}"]) from error
        if self.key_column not in whole.names:
            raise ConfigurationError([f"{self.paths_found[0]}: no column {self.key_column!r}"])
        return whole.remove(whole.get_field_index(self.key_column)).remove_metadata()

    def _without_duplicates(self, table: pa.Table, counts: Sequence[int]) -> "Labels":
        hashes, missing = self.hashes(table.column(KEY))
        rows = np.flatnonzero(~missing)
        order = rows[np.lexsort((rows, hashes[1, rows], hashes[0, rows]))]
        again = (hashes[:, order[1:]] == hashes[:, order[:-1]]).all(axis=0)
        if again.any() and self.duplicates == "first":
            rows = np.sort(order[np.concatenate(([True], ~again))])
        if not again.any() or self.duplicates == "first":
            return Labels(table.take(pa.array(rows)), int(missing.sum()), int(again.sum()))
        raise ConfigurationError([self._duplicate_message(table.column(KEY), order, again, counts)])

    def _duplicate_message(
        self, keys: pa.ChunkedArray, order: Rows, again: npt.NDArray[np.bool_], counts: Sequence[int]
    ) -> str:
        starts = np.concatenate(([0], np.cumsum(counts)))
        firsts = np.flatnonzero(again & ~np.concatenate(([False], again[:-1])))
        shown = []
        for first in sorted(firsts.tolist(), key=lambda place: int(order[place]))[:SHOWN]:
            places = []
            for row in order[first : first + 2].tolist():
                file = int(np.searchsorted(starts, row, side="right")) - 1
                places.append(f"{self.paths_found[file]}, row {row - int(starts[file]) + 1}")
            shown.append(f"{keys[int(order[first])].as_py()!r} ({'; '.join(places)})")
        more = f" and {len(firsts) - len(shown):,} more" if len(firsts) > len(shown) else ""
        return (
            f"{len(firsts):,} of the {self.by}s come more than once: {', '.join(shown)}{more}; "
            "keep one row of each, or set 'duplicates: first'"
        )


KEY = "key"
"""The column of keys in `Labels.table`."""


class Labels(NamedTuple):
    """The rows of all files that have a key, each key once."""

    table: pa.Table
    """The key as a string (column `key`), and the values."""
    without_key: int
    """Rows left out because they have no id or URL."""
    repeated: int
    """Rows left out because an earlier one has the same key."""


class LabelIndex(NamedTuple):
    """The rows of a table by the hashes of their keys."""

    hashes: Hashes
    """(2 × rows) Sorted."""
    rows: Rows
    """The row of the table that each hash belongs to."""

    @staticmethod
    def of(hashes: Hashes) -> "LabelIndex":
        """Sort the hashes of a table's keys (2 × rows), none of which comes twice."""
        order = np.lexsort((hashes[1], hashes[0]))
        return LabelIndex(np.ascontiguousarray(hashes[:, order]), order)

    def find(self, hashes: Hashes, missing: npt.NDArray[np.bool_]) -> Rows:
        """Return the row of each key, −1 where there is none."""
        if not len(self.rows):
            return np.full(hashes.shape[1], -1, np.int64)
        last = len(self.rows) - 1
        place = np.minimum(np.searchsorted(self.hashes[0], hashes[0]), last)
        while True:  # more than once only where first halves of different keys agree
            lower = (self.hashes[0, place] == hashes[0]) & (self.hashes[1, place] < hashes[1]) & (place < last)
            if not lower.any():
                break
            place += lower
        same = (self.hashes[0, place] == hashes[0]) & (self.hashes[1, place] == hashes[1]) & ~missing
        return np.where(same, self.rows[place], -1)


def _is_table(path: str) -> bool:
    return _is_parquet(path) or strip_codec(path).lower().endswith(_JSON)


def _is_parquet(path: str) -> bool:
    return path.lower().endswith((".parquet", ".pq"))


def _parquet_schema(path: str) -> pa.Schema:
    with _parquet(path) as file:
        return file.schema_arrow


def _read_parquet(path: str, names: Sequence[str] | None) -> pa.Table:
    """Return these columns, as far as the file has them, or all."""
    with _parquet(path) as file:
        return file.read(None if names is None else [name for name in file.schema_arrow.names if name in names])


@contextmanager
def _parquet(path: str) -> Iterator[pq.ParquetFile]:
    try:
        with open_input(path) as source:
            yield pq.ParquetFile(source)
    except (pa.ArrowException, OSError) as error:
        raise ConfigurationError([f"{path}: cannot be read as Parquet: {error}"]) from error


def _read_json(path: str, key: str) -> pa.Table:
    """Return the objects of a file as a table; keys that are numbers become strings, as ids are."""
    records = list(json_records(path))
    for record in records:
        if isinstance(record.get(key), int):
            record[key] = str(record[key])
    names = dict.fromkeys(name for record in records for name in record)
    columns = {}
    for name in names:
        try:
            columns[name] = pa.array([record.get(name) for record in records])
        except pa.ArrowException as error:
            raise ConfigurationError([f"{path}: the values of {name!r} have different types: {error}"]) from error
    return pa.table(columns)


def _as_strings(column: pa.ChunkedArray) -> pa.Array:
    combined = column.combine_chunks()
    combined = pa.concat_arrays(combined.chunks) if isinstance(combined, pa.ChunkedArray) else combined
    return combined.cast(pa.string())


def _chunks(tables: Sequence[pa.Table], field: pa.Field) -> Iterator[pa.Array]:
    """Yield a column of tables in one type, all null where a table has none of that name."""
    for table in tables:
        if field.name in table.column_names:
            yield from table.column(field.name).cast(field.type).chunks
        else:
            yield pa.nulls(len(table), field.type)
