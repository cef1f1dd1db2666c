"""Tables of documents: Parquet, and Arrow files that `datasets` has written.

Tables stay columns: no row becomes a Python object, and whether a row's text is kept is decided for whole columns.
Parquet is read by row group, so many rows at a time as should fill a batch by the group's average; what they really
take is then measured, and batches are cut by it.
"""

import difflib
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from prep.corpus.columns import row_sizes
from prep.corpus.documents import DATE, ID, SOURCE, TEXT, URL, storable
from prep.corpus.errors import Problem
from prep.corpus.storage import map_input, open_input
from prep.stages.read.rows import ROW_BYTES, Columns, Input, batches, failed
from prep.stages.stage import Outcome, Verdicts

MAX_ROWS = 1024
"""A Parquet row group is read by at most so many rows: what they take unpacked is known only then."""

_AS_BYTES = {pa.string(): pa.binary(), pa.large_string(): pa.large_binary()}


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
            rows = max(1, min(MAX_ROWS, batch_bytes * meta.num_rows // max(1, meta.total_byte_size)))
            try:
                for batch in table.iter_batches(batch_size=rows, row_groups=[group], use_threads=False):
                    _check(batch)
                    yield from map(shaper.outcome, bounded(batch, batch_bytes))
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
        with map_input(file.path) as mapped, pa.ipc.open_stream(mapped) as reader:
            for batch in reader:
                _check(batch)
                yield from map(shaper.outcome, bounded(batch, batch_bytes))
    except (pa.ArrowException, OSError) as error:
        _raise_if_of_file_system(error)
        yield damaged(file.row_id(shaper.row), "bad_arrow", f"it and all rows after it are lost: {error}", schema)


def bounded(batch: pa.RecordBatch, batch_bytes: int) -> Iterator[pa.RecordBatch]:
    """Cut a batch into slices of at most `batch_bytes`; a row that takes more is a slice of its own."""
    sizes = sum((row_sizes(column) for column in batch.columns), np.full(batch.num_rows, ROW_BYTES, np.int64))
    ends = np.cumsum(sizes)
    start = 0
    while start < batch.num_rows:
        before = ends[start - 1] if start else 0
        end = max(start + 1, int(np.searchsorted(ends, before + batch_bytes, side="right")))
        yield batch.slice(start, end - start)
        start = end


def _check(batch: pa.RecordBatch) -> None:
    """Raise ArrowInvalid where a column points outside its buffers. Whether its strings are UTF-8 is asked later."""
    for column in batch.columns:
        column.view(_AS_BYTES.get(column.type, column.type)).validate(full=True)


def own_columns(table: pa.Schema, names: Columns) -> list[pa.Field]:
    """Return the columns that a table brings beside those with a meaning here, with the types they will be kept in.

    Raises ArrowException where a type cannot be kept.
    """
    mapped = {names.text, names.id, names.url, names.date, SOURCE.name}
    own = [pa.field(column.name, _plain(column.type)) for column in table if column.name not in mapped]
    return list(storable(pa.schema(own)))


def table_problems(path: str, table: pa.Schema, names: Columns, taken: frozenset[str]) -> Iterator[Problem]:
    """Yield what makes a table unreadable as documents: columns that are missing, of a wrong type or name."""
    if names.text not in table.names:
        near = difflib.get_close_matches(names.text, table.names, 1)
        mend = f"set text_column to {near[0]!r}" if near else "set text_column"
        yield Problem(
            f"{path} has no column {names.text!r}", ("text_column",), "a column of text", ", ".join(table.names), mend
        )
    for name in sorted(set(table.names)):
        if table.names.count(name) > 1:
            yield Problem(f"{path} has several columns {name!r}", ("paths",), mend="rename all but one")
            continue
        kind = table.field(name).type
        if name == names.text and not _is_text(kind):
            yield Problem(f"column {name!r} of {path} holds no text", ("text_column",), "string", str(kind))
        elif name in {names.id, names.url, names.date} and not _is_scalar(kind):
            yield Problem(f"column {name!r} of {path}", ("paths",), "a string, number or time", str(kind))
        elif name in taken and name not in {names.text, names.id, names.url, names.date, SOURCE.name}:
            yield Problem(
                f"{path} has a column {name!r}, which is a name with a meaning of its own here",
                ("paths",),
                mend="rename it, or read it through the option for that column",
            )
    try:
        own_columns(table, names)
    except pa.ArrowException as error:
        yield Problem(f"{path} has a column that cannot be kept", ("paths",), seen=str(error), mend="leave it out")


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
        names = self._file.columns
        mapped = {ID.name: names.id, TEXT.name: names.text, URL.name: names.url, DATE.name: names.date}
        bad = pa.array(np.zeros(batch.num_rows, np.bool_))
        arrays: list[pa.Array] = []
        for column in self._schema:
            array = self._find(batch, mapped.get(column.name, column.name), column.type)
            if _is_text(column.type):
                broken = _undecodable(array)
                if broken is not None:
                    array = pc.if_else(broken, pa.scalar(None, array.type), array)
                    bad = pc.or_(bad, broken)
            match column.name:
                case ID.name:
                    array = pc.coalesce(array, self._made_ids(batch.num_rows))
                case SOURCE.name:
                    given = pa.array([self._source] * batch.num_rows, SOURCE.type)
                    array = given if self._source else pc.coalesce(array, given)
            arrays.append(array)
        self.row += batch.num_rows
        shaped = pa.RecordBatch.from_arrays(arrays, schema=self._schema)
        return Outcome(shaped, self._verdicts(shaped.column(TEXT.name), bad))

    def _made_ids(self, rows: int) -> pa.Array:
        return pa.array([self._file.row_id(self.row + row) for row in range(rows)], ID.type)

    def _find(self, batch: pa.RecordBatch, name: str, kind: pa.DataType) -> pa.Array:
        if name not in batch.schema.names:
            return pa.nulls(batch.num_rows, kind)
        column = batch.column(name)
        if pa.types.is_timestamp(column.type) and pa.types.is_string(kind):
            return _iso_8601(column)
        return column if column.type == kind else column.cast(kind)

    def _verdicts(self, text: pa.Array, bad: pa.Array) -> Verdicts | None:
        """Judge each row: not UTF-8, too large, no text."""
        sizes = pc.fill_null(pc.binary_length(text), 0)
        large = pc.greater(sizes, self._file.max_bytes)
        blank = pc.or_(pc.equal(sizes, 0), pc.fill_null(pc.utf8_is_space(text), True))
        none = pa.scalar(None, pa.string())
        rule = pc.case_when(pc.make_struct(bad, large, blank), "bad_utf8", "too_large", "no_text", none)
        if rule.null_count == len(rule):
            return None
        return Verdicts(rule, failed=bad, value=pc.if_else(large, sizes.cast(pa.float64()), None))


def damaged(row_id: str, rule: str, detail: str, schema: pa.Schema) -> Outcome:
    """Return a batch of one failed row."""
    return next(batches([failed(row_id, rule, detail)], schema, "", 1))


def _raise_if_of_file_system(error: Exception) -> None:
    """Let errors of the file system through: they say nothing about the data, and a later try may succeed."""
    if isinstance(error, OSError) and error.errno is not None:
        raise error


def _plain(kind: pa.DataType) -> pa.DataType:
    """Return the type of a column's values, however they are held."""
    if isinstance(kind, pa.BaseExtensionType):
        return _plain(kind.storage_type)
    if pa.types.is_dictionary(kind):
        return _plain(kind.value_type)
    return pa.string() if pa.types.is_string_view(kind) else pa.binary() if pa.types.is_binary_view(kind) else kind


def _is_text(kind: pa.DataType) -> bool:
    plain = _plain(kind)
    return bool(pa.types.is_string(plain) or pa.types.is_large_string(plain))


def _is_scalar(kind: pa.DataType) -> bool:
    """Say whether every value of the type has a string."""
    plain = _plain(kind)
    numeric = pa.types.is_primitive(plain) or pa.types.is_decimal(plain) or pa.types.is_null(plain)
    return _is_text(kind) or (numeric and not pa.types.is_interval(plain))


def _iso_8601(times: pa.Array) -> pa.StringArray:
    """Return times as strings, in UTC where they have a time zone, without zeros at the end of the seconds."""
    if times.type.tz:
        times = times.cast(pa.timestamp(times.type.unit, "UTC"))
    spelled = pc.replace_substring(times.cast(pa.string()), " ", "T")
    return pc.replace_substring_regex(spelled, r"\.?0*(Z?)$", r"\1") if times.type.unit != "s" else spelled


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
