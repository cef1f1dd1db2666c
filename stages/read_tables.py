"""Tables of documents: JSON Lines, Parquet, and Arrow files that `datasets` has written.

JSON Lines are parsed record by record (orjson). Tables in Arrow stay columns: no row becomes a Python object; what a
row's text is decides in columns whether it is kept. Parquet is read by row group, in batches bounded by the rows'
average size in the group.
"""

import difflib
from collections.abc import Iterator

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from prep.corpus.compression import pieces
from prep.corpus.documents import DATE, ID, SOURCE, TEXT, URL
from prep.corpus.errors import Problem
from prep.corpus.storage import open_input
from prep.stages.read_rows import Columns, Input, Row, batches, failed, rejected
from prep.stages.stage import Outcome, Verdicts


def json_rows(file: Input) -> Iterator[Row]:
    """Yield one row per line of a JSON Lines file; empty lines are no records."""
    number = 0
    for line, length, damage in _lines(file):
        row_id = file.row_id(number)
        if damage is not None:
            yield failed(row_id, *damage)
        elif length > file.max_bytes:
            yield rejected(row_id, "too_large", float(length), f"a line of more than {file.max_bytes} bytes")
        elif line.strip():
            yield _json_row(file, row_id, line)
        else:
            continue
        number += 1


def _lines(file: Input) -> Iterator[tuple[bytes, int, tuple[str, str] | None]]:
    """Yield each line's first `max_bytes` bytes and its length, and damage in its place.

    A line torn by damage is yielded as far as it goes, before the damage.
    """
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
    own = record.pop(names.id, None)
    if isinstance(own, str | int) and str(own):
        row_id = str(own)
    text = record.pop(names.text, None)
    if not isinstance(text, str) or not text.strip():
        seen = "an empty text" if isinstance(text, str) else f"{type(text).__name__}"
        return rejected(row_id, "no_text", detail=f"field {names.text!r}: {seen}")
    url, date = record.pop(names.url, None), record.pop(names.date, None)
    return Row(
        row_id,
        url=None if url is None else str(url),
        date=None if date is None else str(date),
        text=text,
        metadata=orjson.dumps(record) if record else None,
    )


def parquet_outcomes(file: Input, schema: pa.Schema, source: str, batch_bytes: int) -> Iterator[Outcome]:
    """Yield a Parquet file's rows in Arrow; a damaged row group is one failed row, and the next one is read."""
    with open_input(file.path) as opened:
        try:
            table = pq.ParquetFile(opened, pre_buffer=False)
        except (pa.ArrowException, OSError) as error:
            _raise_if_of_file_system(error)
            yield damaged(file.row_id(0), "bad_parquet", str(error), schema)
            return
        shaper = Shaper(file, schema, source)
        for group in range(table.num_row_groups):
            meta = table.metadata.row_group(group)
            row = shaper.row
            rows = max(1, batch_bytes * meta.num_rows // max(1, meta.total_byte_size))
            try:
                for batch in table.iter_batches(batch_size=rows, row_groups=[group], use_threads=False):
                    yield shaper.outcome(batch)
            except (pa.ArrowException, OSError) as error:
                _raise_if_of_file_system(error)
                read = shaper.row - row
                yield damaged(
                    file.row_id(shaper.row),
                    "bad_parquet",
                    f"row group {group}, {meta.num_rows - read} of {meta.num_rows} rows lost: {error}",
                    schema,
                )
                shaper.row = row + meta.num_rows


def arrow_outcomes(file: Input, schema: pa.Schema, source: str, batch_bytes: int) -> Iterator[Outcome]:
    """Yield the rows of an Arrow stream file, mapped into memory, as `datasets` writes them."""
    shaper = Shaper(file, schema, source)
    try:
        with pa.memory_map(file.path) as mapped, pa.ipc.open_stream(mapped) as reader:
            for batch in reader:
                rows = max(1, batch_bytes * batch.num_rows // max(1, batch.nbytes))
                for start in range(0, batch.num_rows, rows):
                    yield shaper.outcome(batch.slice(start, rows))
    except (pa.ArrowException, OSError) as error:
        _raise_if_of_file_system(error)
        yield damaged(file.row_id(shaper.row), "bad_arrow", str(error), schema)


def own_columns(table: pa.Schema, names: Columns) -> list[pa.Field]:
    """Return the columns that a table brings beside those with a meaning here, under their own names and types."""
    mapped = {names.text, names.id, names.url, names.date, SOURCE.name}
    return [pa.field(column.name, _plain(column.type)) for column in table if column.name not in mapped]


def table_problems(path: str, table: pa.Schema, names: Columns, taken: frozenset[str]) -> Iterator[Problem]:
    """Yield what makes a table unreadable as documents: a missing or mistyped column, or a name that is `taken`."""
    if names.text not in table.names:
        near = difflib.get_close_matches(names.text, table.names, 1)
        mend = f"set text_column to {near[0]!r}" if near else "set text_column"
        yield Problem(
            f"{path} has no column {names.text!r}", ("text_column",), "a column of text", ", ".join(table.names), mend
        )
    elif not _is_text(table.field(names.text).type):
        kind = table.field(names.text).type
        yield Problem(f"column {names.text!r} of {path} holds no text", ("text_column",), "string", str(kind))
    for name in (names.id, names.url, names.date):
        if name in table.names and pa.types.is_nested(table.field(name).type):
            yield Problem(f"column {name!r} of {path}", (), "a string, number or time", str(table.field(name).type))
    for column in own_columns(table, names):
        if column.name in taken:
            yield Problem(
                f"{path} has a column {column.name!r}, which is a name with a meaning of its own here",
                mend="rename it, or read it through the option for that column",
            )


class Shaper:
    """Turns a table's batches into documents: maps columns, makes ids, and judges each row's text."""

    def __init__(self, file: Input, schema: pa.Schema, source: str) -> None:
        self.row = 0
        """The number of the next row in the file."""
        self._file = file
        self._schema = schema
        self._source = source

    def outcome(self, batch: pa.RecordBatch) -> Outcome:
        """Return the batch's rows as documents, with verdicts on rows without a usable text."""
        text = self._find(batch, self._file.columns.text, TEXT.type)
        bad = _undecodable(text)
        if bad is not None:
            text = pc.if_else(bad, pa.scalar(None, TEXT.type), text)
        arrays = [self._column(batch, column, text) for column in self._schema]
        self.row += batch.num_rows
        shaped = pa.RecordBatch.from_arrays(arrays, schema=self._schema)
        return Outcome(shaped, self._verdicts(text, bad))

    def _column(self, batch: pa.RecordBatch, column: pa.Field, text: pa.Array) -> pa.Array:
        names = self._file.columns
        match column.name:
            case ID.name:
                made = pa.array([self._file.row_id(self.row + row) for row in range(batch.num_rows)], ID.type)
                return pc.coalesce(self._find(batch, names.id, ID.type), made)
            case TEXT.name:
                return text
            case URL.name:
                return self._find(batch, names.url, URL.type)
            case DATE.name:
                return self._find(batch, names.date, DATE.type)
            case SOURCE.name:
                given = pa.array([self._source] * batch.num_rows, SOURCE.type)
                return given if self._source else pc.coalesce(self._find(batch, SOURCE.name, SOURCE.type), given)
            case _:
                return self._find(batch, column.name, column.type)

    def _find(self, batch: pa.RecordBatch, name: str, kind: pa.DataType) -> pa.Array:
        index = batch.schema.get_field_index(name)
        if index < 0:
            return pa.nulls(batch.num_rows, kind)
        column = batch.column(index)
        if pa.types.is_temporal(column.type) and pa.types.is_string(kind):
            return pc.strftime(column, "%Y-%m-%d" if pa.types.is_date(column.type) else "%Y-%m-%dT%H:%M:%S")
        return column if column.type == kind else column.cast(kind)

    def _verdicts(self, text: pa.Array, bad: pa.Array | None) -> Verdicts | None:
        """Judge each row's text: no text, too large, not UTF-8."""
        sizes = pc.fill_null(pc.binary_length(text), 0)
        large = pc.greater(sizes, self._file.max_bytes)
        blank = pc.invert(pc.fill_null(pc.match_substring_regex(text, r"\S"), False))
        none, unspoilt = pa.scalar(None, pa.string()), pa.array([False] * len(text))
        broken = unspoilt if bad is None else bad
        rule = pc.case_when(pc.make_struct(broken, large, blank), "bad_utf8", "too_large", "no_text", none)
        if rule.null_count == len(rule):
            return None
        return Verdicts(rule, failed=broken, value=pc.if_else(large, sizes.cast(pa.float64()), None))


def damaged(row_id: str, rule: str, detail: str, schema: pa.Schema) -> Outcome:
    """Return a batch of one failed row."""
    return next(batches([failed(row_id, rule, detail)], schema, "", 1))


def _raise_if_of_file_system(error: Exception) -> None:
    """Let errors of the file system through: they say nothing about the data, and a later try may succeed."""
    if isinstance(error, OSError) and error.errno is not None:
        raise error


def _plain(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _is_text(kind: pa.DataType) -> bool:
    plain = _plain(kind)
    return bool(pa.types.is_string(plain) or pa.types.is_large_string(plain) or pa.types.is_string_view(plain))


def _undecodable(text: pa.Array) -> pa.Array | None:
    """Return which rows are not UTF-8, or None where all are."""
    try:
        text.validate(full=True)
    except pa.ArrowInvalid:
        return pa.array([not _decodes(row.as_buffer()) for row in text], pa.bool_())
    return None


def _decodes(data: pa.Buffer | None) -> bool:
    try:
        str(b"" if data is None else data.to_pybytes(), "utf-8")
    except UnicodeDecodeError:
        return False
    return True
