"""Tables of documents: Parquet, and Arrow files that `datasets` has written.

Tables stay columns: no row becomes a Python object, and whether a row's text is kept is decided for whole columns.
Parquet is read by row group, so many rows at a time as should fill a batch by the group's average; what they really
take is then measured, and batches are cut by it.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from prep.corpus.arrow.columns import row_sizes
from prep.corpus.arrow.documents import AUTHOR, HTML, ID, SOURCE, TEXT
from prep.corpus.files.compression import TRUNCATED, Place
from prep.corpus.files.storage import is_remote, map_input, open_input
from prep.stages.read.plain.endings import Cut, cut_message, cut_off
from prep.stages.read.rows import ROW_BYTES, Input, Row, batches, damaged, failed
from prep.stages.read.tables.mapping import is_text, mapped_columns
from prep.stages.verdicts import Outcome, Verdicts

MAX_ROWS = 1024
"""A Parquet row group is read by at most so many rows: what they take unpacked is known only then."""

_FILE_MAGIC = b"ARROW1"
_AS_BYTES = {pa.string(): pa.binary(), pa.large_string(): pa.large_binary()}


def parquet_cuts(path: str, targets: Sequence[int]) -> Iterator[tuple[Place, int]]:
    """Yield the row groups behind each target byte: (group, its first row), and where in the file it begins."""
    with suppress(pa.ArrowException, UnicodeDecodeError), open_input(path) as opened:
        metadata = pq.ParquetFile(opened, pre_buffer=False).metadata
        yield from _group_cuts(
            [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)],
            [_group_bytes(metadata.row_group(group)) for group in range(metadata.num_row_groups)],
            targets,
        )


def arrow_cuts(path: str, targets: Sequence[int]) -> Iterator[tuple[Place, int]]:
    """Yield the record batches behind each target byte, like `parquet_cuts`. A mapped file's rows are not read."""
    if is_remote(path):
        return
    with suppress(pa.ArrowException, UnicodeDecodeError), map_input(path) as mapped:
        sizes = [(batch.num_rows, batch.nbytes) for batch in arrow_batches(mapped)]
        yield from _group_cuts([rows for rows, _ in sizes], [size for _, size in sizes], targets)


def _group_bytes(group: pq.RowGroupMetaData) -> int:
    return sum(group.column(column).total_compressed_size for column in range(group.num_columns))


def _group_cuts(rows: Sequence[int], sizes: Sequence[int], targets: Sequence[int]) -> Iterator[tuple[Place, int]]:
    waiting = iter(targets)
    target = next(waiting, None)
    row = position = 0
    for group, (count, size) in enumerate(zip(rows, sizes, strict=True)):
        if target is not None and group and position >= target:
            yield Place(group, row), position
            while target is not None and target <= position:
                target = next(waiting, None)
        row += count
        position += size


def parquet_outcomes(file: Input, schema: pa.Schema, source: str, batch_bytes: int) -> Iterator[Outcome]:
    """Yield a Parquet file's rows in Arrow; a damaged row group is one failed row, and the next one is read."""
    with open_input(file.path) as opened:
        try:
            table = pq.ParquetFile(opened, pre_buffer=False)
            columns = table.schema_arrow
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise_if_of_file_system(error)
            yield broken(file.id_of(0), "bad_parquet", str(error), cut_off(opened), schema)
            return
        if _lacks_text(file, columns):
            yield broken(file.id_of(0), *_no_text_column(columns), None, schema)
            return
        shaper = Shaper(file, schema, source)
        end = table.num_row_groups if file.end is None else file.end.member
        for group in range(file.start.member, end):
            meta = table.metadata.row_group(group)
            row = shaper.row
            if (lost := file.given_up(file.id_of(row))) is not None:
                yield lost_row(lost, schema)
                shaper.row = row + meta.num_rows
                continue
            rows = max(1, min(MAX_ROWS, batch_bytes * meta.num_rows // max(1, meta.total_byte_size)))
            try:
                for batch in table.iter_batches(batch_size=rows, row_groups=[group], use_threads=False):
                    _check(batch)
                    yield from map(shaper.outcome, bounded(batch, batch_bytes))
            except (pa.ArrowException, OSError) as error:
                raise_if_of_file_system(error)
                read = shaper.row - row
                detail = f"row group {group}, {meta.num_rows - read} of {meta.num_rows} rows lost: {error}"
                yield broken(file.id_of(shaper.row), "bad_parquet", detail, None, schema)
                shaper.row = row + meta.num_rows


def arrow_outcomes(file: Input, schema: pa.Schema, source: str, batch_bytes: int) -> Iterator[Outcome]:
    """Yield the rows of an Arrow file or stream, mapped into memory."""
    shaper = Shaper(file, schema, source)
    try:
        with map_input(file.path) as mapped:
            columns = arrow_schema(mapped)
            if _lacks_text(file, columns):
                yield broken(file.id_of(0), *_no_text_column(columns), None, schema)
                return
            end = None if file.end is None else file.end.member
            for batch in islice(arrow_batches(mapped), file.start.member, end):
                _check(batch)
                yield from map(shaper.outcome, bounded(batch, batch_bytes))
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise_if_of_file_system(error)
        cut = cut_message(error)
        if cut is None:
            with open_input(file.path) as opened:
                cut = cut_off(opened)
        yield broken(file.id_of(shaper.row), "bad_arrow", f"it and all rows after it are lost: {error}", cut, schema)


def arrow_schema(mapped: pa.NativeFile) -> pa.Schema:
    """Return the columns of an Arrow file or stream without reading its rows."""
    return _open_arrow(mapped).schema


def arrow_batches(mapped: pa.NativeFile) -> Iterator[pa.RecordBatch]:
    """Yield the record batches of an Arrow file or stream."""
    reader = _open_arrow(mapped)
    if isinstance(reader, pa.ipc.RecordBatchFileReader):
        yield from (reader.get_batch(number) for number in range(reader.num_record_batches))
    else:
        yield from reader


def _open_arrow(mapped: pa.NativeFile) -> pa.ipc.RecordBatchFileReader | pa.ipc.RecordBatchStreamReader:
    mapped.seek(0)
    is_file = mapped.read(len(_FILE_MAGIC)) == _FILE_MAGIC
    mapped.seek(0)
    return pa.ipc.open_file(mapped) if is_file else pa.ipc.open_stream(mapped)


def _lacks_text(file: Input, columns: pa.Schema) -> bool:
    return not {TEXT.name, HTML.name} & mapped_columns(columns, file.options).keys()


def _no_text_column(columns: pa.Schema) -> tuple[str, str]:
    described = ", ".join(f"{column.name} {column.type}" for column in columns)
    return "no_text_column", f"its columns are {described[:200]}"


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


class Shaper:
    """Turns a table's batches into documents: maps columns, makes ids, and judges each row's text."""

    def __init__(self, file: Input, schema: pa.Schema, source: str) -> None:
        self.row = file.start.offset
        """The number of the next row in the file."""
        self._file = file
        self._schema = schema
        self._source = source

    def outcome(self, batch: pa.RecordBatch) -> Outcome:
        """Return the batch's rows as documents, with verdicts on rows without a usable text."""
        mapped = mapped_columns(batch.schema, self._file.options)
        bad = pa.array(np.zeros(batch.num_rows, np.bool_))
        arrays: list[pa.Array] = []
        names = frozenset(batch.schema.names)
        for column in self._schema:
            array = self._find(batch, names, mapped.get(column.name, column.name), column)
            if is_text(column.type):
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
        return Outcome(shaped, self._verdicts(shaped, bad))

    def _made_ids(self, rows: int) -> pa.Array:
        return pa.array([self._file.id_of(self.row + row) for row in range(rows)], ID.type)

    def _find(self, batch: pa.RecordBatch, names: frozenset[str], name: str, column: pa.Field) -> pa.Array:
        if name not in names:
            return pa.nulls(batch.num_rows, column.type)
        found = batch.column(name)
        if column == AUTHOR and pa.types.is_nested(found.type):
            found = pc.binary_join(found.cast(pa.list_(pa.string())), "; ")
        if pa.types.is_timestamp(found.type) and pa.types.is_string(column.type):
            return _iso_8601(found)
        return found if found.type == column.type else found.cast(column.type)

    def _verdicts(self, shaped: pa.RecordBatch, bad: pa.Array) -> Verdicts | None:
        """Judge each row: not UTF-8, too large, no text and no page."""
        nothing = pa.nulls(shaped.num_rows, TEXT.type)
        text = shaped.column(TEXT.name) if TEXT.name in shaped.schema.names else nothing
        sizes = pc.fill_null(pc.binary_length(text), 0)
        blank = pc.or_(pc.equal(sizes, 0), pc.fill_null(pc.utf8_is_space(text), True))
        if HTML.name in shaped.schema.names:
            pages = pc.fill_null(pc.binary_length(shaped.column(HTML.name)), 0)
            blank = pc.and_(blank, pc.equal(pages, 0))
            sizes = pc.max_element_wise(sizes, pages)
        large = pc.greater(sizes, self._file.options.max_bytes)
        none = pa.scalar(None, pa.string())
        rule = pc.case_when(pc.make_struct(bad, large, blank), "bad_utf8", "too_large", "no_text", none)
        if rule.null_count == len(rule):
            return None
        return Verdicts(rule, failed=bad, value=pc.if_else(large, sizes.cast(pa.float64()), None))


def broken(row_id: str, rule: str, detail: str, cut: Cut | None, schema: pa.Schema) -> Outcome:
    """Return a batch of one failed row; a file that was cut off says so, whatever the error."""
    if cut is None:
        return lost_row(failed(row_id, rule, detail), schema)
    return lost_row(damaged(row_id, TRUNCATED, f"{cut.detail}; {detail}", cut.missing), schema)


def lost_row(row: Row, schema: pa.Schema) -> Outcome:
    """Return a batch of one row."""
    return next(batches([row], schema, "", 1))


def raise_if_of_file_system(error: Exception) -> None:
    """Let errors of the file system through: they say nothing about the data, and a later try may succeed."""
    if isinstance(error, OSError) and error.errno is not None:
        raise error


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
