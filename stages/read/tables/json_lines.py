"""JSON Lines: one document per line, parsed record by record; objects that follow each other on a line are apart.

Fields without a meaning here are kept together, as a JSON object in the column `metadata`. What Python's `json` writes
beyond the standard (`NaN`, halves of surrogate pairs) costs no document, and numbers keep their digits
(`prep.stages.read.tables.json_values`). Cost: about 350 MB/s.
"""

from collections.abc import Iterator
from functools import partial

from prep.corpus.arrow.documents import PUBLISHED
from prep.corpus.files.compression import TRUNCATED, Place
from prep.stages.read.about import calendar_date, language_tag, names, one_line
from prep.stages.read.plain.lines import filled_lines
from prep.stages.read.rows import Input, Record, Row, failed, record_rows, rejected
from prep.stages.read.sources import SourceOptions
from prep.stages.read.tables.conversations import FORMS, NoConversationError, has_conversation, take_conversation
from prep.stages.read.tables.json_values import (
    BadJsonError,
    Value,
    breaks_off,
    is_value,
    parse,
    several,
    spelled,
    written,
)
from prep.stages.shared.conversations import conversation_text

NO_FIELD = "no such field; there are "
"""What is said of a record without the field that its text is expected in, before the fields that it has."""
SEPARATOR = b"\x1e"
"""What begins each record of a JSON text sequence (RFC 7464)."""
REPAIRS = "json_repairs"
"""The field of `metadata` that counts the values of a record that are no JSON: each became null or U+FFFD, and of
values under one name the last was taken."""


def json_rows(file: Input) -> Iterator[Row]:
    """Yield one row per line of JSON Lines; empty lines are no records."""
    records = (record for line in map(_named_if_cut, filled_lines(file)) for record in _apart(line))
    return record_rows(file, records, partial(json_row, file.options))


def _named_if_cut(line: Record) -> Record:
    """Return a line as it is, or as damage where it is the last one, has no newline, and is the beginning of JSON."""
    if line.ended or line.rule is not None or line.length > len(line.data):
        return line
    if not breaks_off(line.data.decode("utf-8", "ignore")):
        return line
    return Record(line.place, b"", 0, TRUNCATED, f"the file ends in a line, after {line.length} bytes of it")


def _apart(line: Record) -> Iterator[Record]:
    """Yield the objects of a line that holds several, each with its place, and any other line as it is."""
    if b"}{" not in line.data and b"} {" not in line.data:
        yield line
        return
    places = [] if is_value(line.data) else several(line.data)
    if len(places) < 2:
        yield line
        return
    for begin, end in places:
        place = Place(line.place.member, line.place.offset + begin)
        yield Record(place, line.data[begin:end], end - begin)


def json_row(options: SourceOptions, row_id: str, data: bytes) -> Row:
    """Return what becomes of a record, given as the bytes of a JSON value."""
    scalars = (options.id_column, options.url_column, options.date_column)
    try:
        record, repairs = parse(data.removeprefix(b"\xef\xbb\xbf").lstrip(SEPARATOR), options.text_column, scalars)
        if not isinstance(record, dict):
            return failed(row_id, "bad_json", f"expected an object, seen {_kind(record)}")
        return _document(options, row_id, record, repairs)
    except UnicodeDecodeError as broken:
        return failed(row_id, "bad_utf8", f"byte {broken.start} of the line: {broken.reason}")
    except BadJsonError as error:
        return failed(row_id, "bad_json", str(error))


def _document(options: SourceOptions, row_id: str, record: dict[str, Value], repairs: int) -> Row:
    given = frozenset(record)
    row_id = _scalar(record, options.id_column) or row_id
    url, date = _scalar(record, options.url_column), _scalar(record, options.date_column)
    conversation = said = None
    if options.conversations:
        try:
            found = take_conversation(record)
        except NoConversationError as error:
            return (failed if error.broken else rejected)(row_id, error.rule, detail=str(error))
        conversation = written(found.as_json())
        said = conversation_text(found.messages)
    text = record.pop(options.text_column, None) if said is None else said
    if not isinstance(text, str):
        seen = f"a value that is no string: {_kind(text)}"
        if options.text_column not in given:
            seen = f"{NO_FIELD}{', '.join(sorted(given)[:20]) or 'none'}"
        if has_conversation(record):
            seen += f"; for {FORMS} set read.conversations to true"
        return rejected(row_id, "no_text", detail=f"field {options.text_column!r}: {seen}")
    if not text or text.isspace():
        return rejected(row_id, "no_text", detail=f"field {options.text_column!r}: an empty text")
    title, author, published, language = _about(options, record)
    if repairs:
        record[REPAIRS] = repairs
    return Row(
        row_id,
        url=url,
        date=date,
        text=text,
        metadata=written(record) if record else None,
        conversation=conversation,
        title=title,
        author=author,
        published=published,
        declared_language=language,
    )


def _about(options: SourceOptions, record: dict[str, Value]) -> list[str | None]:
    """Take title, author, date and language out of a record, in this order; what cannot be read as one stays in it."""
    found: list[str | None] = []
    for name, read in (
        (options.title_column, one_line),
        (options.author_column, lambda given: names([given])),
        (PUBLISHED.name, calendar_date),
        (options.language_column, language_tag),
    ):
        value = record.get(name)
        if name == options.author_column and isinstance(value, list):
            several = [item for item in value if isinstance(item, str)]
            value = names(several) if len(several) == len(value) else None
        taken = read(value) if isinstance(value, str) else None
        if taken is not None:
            del record[name]
        found.append(taken)
    return found


def _scalar(record: dict[str, Value], name: str) -> str | None:
    """Take a field out of a record, as a string; what is no string or number stays in it."""
    value = record.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return spelled(record.pop(name))


def _kind(value: Value) -> str:
    kinds = {dict: "an object", list: "a list", str: "a string", bool: "true or false", type(None): "null"}
    return kinds.get(type(value), "a number")
