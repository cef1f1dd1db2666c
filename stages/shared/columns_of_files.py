"""Reads named columns as text from small tables beside a pipeline: statements of hosts, requests for removal.

Parquet, JSON Lines, CSV (`.csv`) and tab-separated values (`.tsv`), the last three as they are or compressed with gzip,
bzip2 or zstd. Values of every type come as text, times as ISO 8601. Cost: one pass; memory for the columns asked for.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import IO

import orjson
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from prep.corpus.errors import ConfigurationError
from prep.corpus.files.storage import open_input

_CODECS = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd"}
_DELIMITERS = {".csv": ",", ".tsv": "\t"}
_LINES = (".jsonl", ".ndjson")
_BLOCK_BYTES = 16 << 20
"""More than the longest row; parsers refuse rows that are longer than a block."""

Columns = Mapping[str, Sequence[str | None]]


def is_table(path: str) -> bool:
    """Say whether a file's name is that of a table."""
    return path.endswith(".parquet") or _bare(path).endswith((*_DELIMITERS, *_LINES))


def read_columns(path: str, wanted: Sequence[str], lone: bool = False) -> Columns:
    """Return those of the wanted columns that a table has, as text; null where a row has no value.

    With `lone`, the only column of a CSV file counts as the first that is wanted, its first row among its values.
    Raises ConfigurationError where the file cannot be read as what its name says, or has none of the columns.
    """
    bare = _bare(path)
    with open_input(path) as source:
        try:
            if bare.endswith(".parquet"):
                found, names = _from_parquet(source, wanted)
            elif bare.endswith(_LINES):
                found, names = _from_lines(_decompressed(source, path), wanted)
            else:
                found, names = _from_csv(_decompressed(source, path), _DELIMITERS[bare[-4:]], wanted)
        except (pa.ArrowInvalid, orjson.JSONDecodeError) as error:
            raise ConfigurationError([f"{path}: cannot be read as the table that its name says: {error}"]) from error
    if not found and lone and len(names) == 1 and bare.endswith(tuple(_DELIMITERS)):
        return {wanted[0]: _first_column(path)}
    if not found:
        seen = ", ".join(names) or "none"
        raise ConfigurationError([f"{path}: expected a column {' or '.join(wanted)}, seen {seen}"])
    return found


def _first_column(path: str) -> Sequence[str | None]:
    with open_input(path) as source:
        reading = pyarrow.csv.ReadOptions(block_size=_BLOCK_BYTES, column_names=["entry"])
        types = pyarrow.csv.ConvertOptions(column_types={"entry": pa.string()})
        table = pyarrow.csv.read_csv(_decompressed(source, path), reading, None, types)
        entries: list[str | None] = table.column("entry").to_pylist()
        return entries


def _bare(path: str) -> str:
    for suffix in _CODECS:
        path = path.removesuffix(suffix)
    return path


def _decompressed(source: IO[bytes], path: str) -> IO[bytes]:
    codec = next((codec for suffix, codec in _CODECS.items() if path.endswith(suffix)), None)
    stream: IO[bytes] = source if codec is None else pa.CompressedInputStream(source, codec)
    return stream


def _from_parquet(source: IO[bytes], wanted: Sequence[str]) -> tuple[Columns, Sequence[str]]:
    file = pq.ParquetFile(source)
    names = file.schema_arrow.names
    table = file.read([name for name in wanted if name in names])
    return {name: [_text(value) for value in table.column(name).to_pylist()] for name in table.column_names}, names


def _from_csv(source: IO[bytes], delimiter: str, wanted: Sequence[str]) -> tuple[Columns, Sequence[str]]:
    parsing = pyarrow.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True)
    reading = pyarrow.csv.ReadOptions(block_size=_BLOCK_BYTES)
    types = pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(wanted, pa.string()), strings_can_be_null=False)
    table = pyarrow.csv.read_csv(source, reading, parsing, types)
    names = table.column_names
    return {name: table.column(name).to_pylist() for name in wanted if name in names}, names


def _from_lines(source: IO[bytes], wanted: Sequence[str]) -> tuple[Columns, Sequence[str]]:
    rows = list(_objects(source))
    names = sorted({name for row in rows for name in row})
    return {name: [_text(row.get(name)) for row in rows] for name in wanted if name in names}, names


def _objects(source: IO[bytes]) -> Iterator[Mapping[str, object]]:
    for number, line in enumerate(source.read().removeprefix(b"\xef\xbb\xbf").splitlines(), start=1):
        if line.strip():
            value = orjson.loads(line)
            if not isinstance(value, dict):
                raise pa.ArrowInvalid(f"line {number}: expected an object, seen {line[:40].decode('utf-8', 'replace')}")
            yield value


def _text(value: object) -> str | None:
    if value is None:
        return None
    return value.isoformat() if isinstance(value, date) else str(value)
