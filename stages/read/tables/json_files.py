"""JSON files that hold many documents in one list, or values over several lines.

The whole file is held, and its values are found one after another, with nothing between them but white space, commas
and the brackets of the list around them. Source: RFC 8259.
"""

import json
import re
from collections.abc import Iterator

from prep.corpus.files.compression import TRUNCATED
from prep.stages.read.plain.files import MAX_FILE, whole
from prep.stages.read.rows import Input, Row, failed, too_large
from prep.stages.read.tables.json_lines import json_row
from prep.stages.read.tables.json_values import breaks_off

_BETWEEN = re.compile(r"[\s,]*")


def json_file_rows(file: Input) -> Iterator[Row]:
    """Yield one row per value; ids are the values' numbers, from 0. What follows a broken one is lost with it."""
    content = whole(file, MAX_FILE)
    if isinstance(content, Row):
        yield content
        return
    try:
        text = content.decode("utf-8-sig", "surrogatepass").strip()
    except UnicodeDecodeError as error:
        yield failed(file.id_at(), "bad_utf8", f"byte {error.start}: {error.reason}")
        return
    inside = text.startswith("[")
    place = _skip(text, int(inside))
    number = 0
    decoder = json.JSONDecoder()
    while place < len(text) and not (inside and text.startswith("]", place)):
        row_id = file.id_of(number)
        try:
            _, end = decoder.raw_decode(text, place)
        except (ValueError, RecursionError) as error:
            if breaks_off(text[place:]):
                yield failed(row_id, TRUNCATED, f"the file ends in a value, after {len(text) - place} characters of it")
            else:
                yield failed(row_id, "bad_json", f"it and all that follows are lost: {str(error)[:200]}")
            return
        data = text[place:end].encode("utf-8", "surrogatepass")
        if len(data) > file.options.max_bytes:
            yield too_large(row_id, len(data), file.options.max_bytes)
        else:
            yield file.given_up(row_id) or json_row(file.options, row_id, data)
        place = _skip(text, end)
        number += 1
    if inside and not text.startswith("]", place):
        yield failed(file.id_of(number), TRUNCATED, "the list has no end")


def _skip(text: str, place: int) -> int:
    found = _BETWEEN.match(text, place)
    return place if found is None else found.end()
