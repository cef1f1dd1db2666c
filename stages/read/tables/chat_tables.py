"""Conversations out of Parquet and Arrow tables: each row is a record like a line of JSON.

Lists of turns come as lists of structs, as structs of lists (as `datasets` has stored lists of objects), or as strings
of JSON. Rows become Python objects, a batch at a time: conversations are checked turn by turn.
"""

import base64
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import islice

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from prep.corpus.files.storage import map_input, open_input
from prep.stages.read.rows import Input, Row, failed
from prep.stages.read.tables.conversations import ANSWERS, LISTS
from prep.stages.read.tables.json_lines import json_row
from prep.stages.read.tables.tables import arrow_batches, raise_if_of_file_system

ROWS = 256
"""Rows that become Python objects at a time."""
_NESTED = (*LISTS, "prompt", *ANSWERS, "history", "tools")
"""Columns that may hold JSON as a string."""


def has_turns(columns: pa.Schema) -> bool:
    """Say whether a table has the columns of a conversation."""
    names = frozenset(columns.names)
    return bool(names & frozenset(LISTS)) or (bool(names & {"prompt", "instruction"}) and bool(names & {*ANSWERS}))


def parquet_conversations(file: Input) -> Iterator[Row]:
    """Yield the rows of a Parquet file; a damaged row group is one failed row, and the next one is read."""
    with open_input(file.path) as opened:
        try:
            table = pq.ParquetFile(opened, pre_buffer=False)
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise_if_of_file_system(error)
            yield failed(file.id_of(0), "bad_parquet", str(error))
            return
        end = table.num_row_groups if file.end is None else file.end.member
        row = file.start.offset
        for group in range(file.start.member, end):
            rows = table.metadata.row_group(group).num_rows
            done = 0
            try:
                for batch in table.iter_batches(batch_size=ROWS, row_groups=[group], use_threads=False):
                    yield from _rows(file, batch, row + done)
                    done += batch.num_rows
            except (pa.ArrowException, OSError) as error:
                raise_if_of_file_system(error)
                detail = f"row group {group}, {rows - done} of {rows} rows lost: {error}"
                yield failed(file.id_of(row + done), "bad_parquet", detail)
            row += rows


def arrow_conversations(file: Input) -> Iterator[Row]:
    """Yield the rows of an Arrow file or stream; what follows damage is lost with it."""
    row = file.start.offset
    try:
        with map_input(file.path) as mapped:
            end = None if file.end is None else file.end.member
            for batch in islice(arrow_batches(mapped), file.start.member, end):
                for start in range(0, batch.num_rows, ROWS):
                    part = batch.slice(start, ROWS)
                    yield from _rows(file, part, row)
                    row += part.num_rows
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise_if_of_file_system(error)
        yield failed(file.id_of(row), "bad_arrow", f"it and all rows after it are lost: {error}")


def _rows(file: Input, batch: pa.RecordBatch, first: int) -> Iterator[Row]:
    batch.validate(full=True)
    for number, record in enumerate(batch.to_pylist(maps_as_pydicts="strict"), first):
        row_id = file.id_of(number)
        lost = file.given_up(row_id)
        yield lost or json_row(file.options, row_id, _as_json(record))


def _as_json(record: Mapping[str, object]) -> bytes:
    """Return a row as the JSON object that it stands for: without nulls, lists of turns as such."""
    given = {name: value for name, value in record.items() if value is not None}
    for name in _NESTED:
        if name in given:
            given[name] = _turns(given[name])
    return orjson.dumps(given, _spelled, orjson.OPT_PASSTHROUGH_DATETIME)


def _turns(value: object) -> object:
    """Return a list of turns that was stored as JSON in a string as the list; anything else as it is."""
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        try:
            parsed = orjson.loads(value)
        except orjson.JSONDecodeError:
            return value
        return parsed if _is_turns(parsed) else value
    return value


def _is_turns(parsed: object) -> bool:
    return isinstance(parsed, list) and bool(parsed) and all(isinstance(turn, dict | list) for turn in parsed)


def _spelled(value: object) -> object:
    """Return what JSON has no form for as a string, as metadata holds it."""
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Decimal | timedelta):
        return str(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(f"no form in JSON: {type(value).__name__}")
