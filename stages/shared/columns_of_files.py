"""Reads named columns as text from small tables beside a pipeline: statements of hosts, requests for removal.

Parquet, JSON Lines, CSV (`.csv`) and tab-separated values (`.tsv`), the last three as they are or compressed.
Values of every type come as text, times as ISO 8601. Cost: one pass; memory for the file's content.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from io import BytesIO

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from prep.corpus.errors import ConfigurationError
from prep.corpus.files.compression import strip_codec
from prep.corpus.files.storage import open_input
from prep.stages.shared.json_records import json_records, read_whole

_DELIMITERS = {".csv": ",", ".tsv": "\t"}
_LINES = (".jsonl", ".ndjson")
_BLOCK_BYTES = 16 << 20
"""More than the longest row; parsers refuse rows that are longer than a block."""

Columns = Mapping[str, Sequence[str | None]]


def is_table(path: str) -> bool:
    """Say whether a file's name is that of a table."""
    return path.endswith(".parquet") or strip_codec(path).endswith((*_DELIMITERS, *_LINES))


def read_columns(path: str, wanted: Sequence[str], lone: bool = False) -> Columns:
    """Return those of the wanted columns that a table has, as text; null where a row has no value.

    With `lone`, the only column of a CSV file counts as the first that is wanted, its first row among its values.
    Raises ConfigurationError where the file cannot be read as what its name says, or has none of the columns.
    """
    bare = strip_codec(path)
    try:
        if bare.endswith(".parquet"):
            found, names = _from_parquet(path, wanted)
        elif bare.endswith(_LINES):
            found, names = _from_lines(path, wanted)
        else:
            found, names = _from_csv(path, _DELIMITERS[bare[-4:]], wanted)
    except pa.ArrowInvalid as error:
        raise ConfigurationError([f"{path}: cannot be read as the table that its name says: {error}"]) from error
    if not found and lone and len(names) == 1 and bare.endswith(tuple(_DELIMITERS)):
        return {wanted[0]: _first_column(path)}
    if not found:
        seen = ", ".join(names) or "none"
        raise ConfigurationError([f"{path}: expected a column {' or '.join(wanted)}, seen {seen}"])
    return found


def _first_column(path: str) -> Sequence[str | None]:
    reading = pyarrow.csv.ReadOptions(block_size=_BLOCK_BYTES, column_names=["entry"])
    types = pyarrow.csv.ConvertOptions(column_types={"entry": pa.string()})
    table = pyarrow.csv.read_csv(BytesIO(read_whole(path)), reading, None, types)
    entries: list[str | None] = table.column("entry").to_pylist()
    return entries


def _from_parquet(path: str, wanted: Sequence[str]) -> tuple[Columns, Sequence[str]]:
    with open_input(path) as source:
        file = pq.ParquetFile(source)
        names = file.schema_arrow.names
        table = file.read([name for name in wanted if name in names])
    return {name: [_text(value) for value in table.column(name).to_pylist()] for name in table.column_names}, names


def _from_csv(path: str, delimiter: str, wanted: Sequence[str]) -> tuple[Columns, Sequence[str]]:
    parsing = pyarrow.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True)
    reading = pyarrow.csv.ReadOptions(block_size=_BLOCK_BYTES)
    types = pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(wanted, pa.string()), strings_can_be_null=False)
    table = pyarrow.csv.read_csv(BytesIO(read_whole(path)), reading, parsing, types)
    names = table.column_names
    return {name: table.column(name).to_pylist() for name in wanted if name in names}, names


def _from_lines(path: str, wanted: Sequence[str]) -> tuple[Columns, Sequence[str]]:
    rows = list(json_records(path))
    names = sorted({name for row in rows for name in row})
    return {name: [_text(row.get(name)) for row in rows] for name in wanted if name in names}, names


def _text(value: object) -> str | None:
    if value is None:
        return None
    return value.isoformat() if isinstance(value, date) else str(value)
