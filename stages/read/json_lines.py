"""JSON Lines: one document per line, parsed record by record.

Fields without a meaning here are kept together, as a JSON object in the column `metadata`. Cost: about 350 MB/s.
"""

from collections.abc import Iterator

import orjson

from prep.corpus.compression import pieces
from prep.stages.read.rows import Input, Row, failed, rejected, too_large


def json_rows(file: Input) -> Iterator[Row]:
    """Yield one row per line of a JSON Lines file; empty lines are no records."""
    number = 0
    for line, length, damage in _lines(file):
        row_id = file.row_id(number)
        if damage is not None:
            yield failed(row_id, *damage)
        elif length > file.max_bytes:
            yield too_large(row_id, length, file.max_bytes)
        elif line and not line.isspace():
            yield _json_row(file, row_id, line)
        else:
            continue
        number += 1


def _lines(file: Input) -> Iterator[tuple[bytes, int, tuple[str, str] | None]]:
    """Yield each line's first `max_bytes` bytes and its length, and damage in the place of the line it tore."""
    held = bytearray()
    length = 0
    for piece in pieces(file.path):
        start = 0
        while (end := piece.data.find(b"\n", start)) >= 0:
            held += piece.data[start : min(end, start + file.max_bytes - len(held))]
            yield bytes(held), length + end - start, None
            held.clear()
            length, start = 0, end + 1
        held += piece.data[start : start + file.max_bytes - len(held)]
        length += len(piece.data) - start
        if piece.rule is not None:
            torn = f"; {length} bytes of a line are lost" if length else ""
            held.clear()
            length = 0
            yield b"", 0, (piece.rule, piece.detail + torn)
    if length:
        yield bytes(held), length, None


def _json_row(file: Input, row_id: str, line: bytes) -> Row:
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
    names = file.columns
    row_id = _scalar(record, names.id) or row_id
    text = record.pop(names.text, None)
    if not isinstance(text, str) or not text or text.isspace():
        seen = "an empty text" if isinstance(text, str) else f"{type(text).__name__}"
        return rejected(row_id, "no_text", detail=f"field {names.text!r}: {seen}")
    url, date = _scalar(record, names.url), _scalar(record, names.date)
    try:
        metadata = orjson.dumps(record).decode() if record else None
    except orjson.JSONEncodeError as error:  # it is nested deeper than can be written again
        return failed(row_id, "bad_json", f"other fields: {error}")
    return Row(row_id, url=url, date=date, text=text, metadata=metadata)


def _scalar(record: dict[str, object], name: str) -> str | None:
    """Take a field out of a record, as a string; what is no string or number stays in it."""
    return str(record.pop(name)) if isinstance(record.get(name), str | int | float) else None
