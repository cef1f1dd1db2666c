"""JSON Lines: one document per line, parsed record by record.

Fields without a meaning here are kept together, as a JSON object in the column `metadata`. Cost: about 350 MB/s.
"""

from collections.abc import Iterator
from functools import partial

import orjson

from prep.stages.read.plain.lines import filled_lines
from prep.stages.read.rows import Input, Row, failed, record_rows, rejected
from prep.stages.read.sources import SourceOptions


def json_rows(file: Input) -> Iterator[Row]:
    """Yield one row per line of JSON Lines; empty lines are no records."""
    return record_rows(file, filled_lines(file), partial(_json_row, file.options))


def _json_row(names: SourceOptions, row_id: str, line: bytes) -> Row:
    try:
        record = orjson.loads(line.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        try:
            line.decode()
        except UnicodeDecodeError as broken:
            return failed(row_id, "bad_utf8", f"byte {broken.start} of the line: {broken.reason}")
        return failed(row_id, "bad_json", str(error))
    if not isinstance(record, dict):
        return failed(row_id, "bad_json", f"expected an object, seen {type(record).__name__}")
    row_id = _scalar(record, names.id_column) or row_id
    text = record.pop(names.text_column, None)
    if not isinstance(text, str) or not text or text.isspace():
        seen = "an empty text" if isinstance(text, str) else f"{type(text).__name__}"
        return rejected(row_id, "no_text", detail=f"field {names.text_column!r}: {seen}")
    url, date = _scalar(record, names.url_column), _scalar(record, names.date_column)
    try:
        metadata = orjson.dumps(record).decode() if record else None
    except orjson.JSONEncodeError as error:  # it is nested deeper than can be written again
        return failed(row_id, "bad_json", f"other fields: {error}")
    return Row(row_id, url=url, date=date, text=text, metadata=metadata)


def _scalar(record: dict[str, object], name: str) -> str | None:
    """Take a field out of a record, as a string; what is no string or number stays in it."""
    return str(record.pop(name)) if isinstance(record.get(name), str | int | float) else None
