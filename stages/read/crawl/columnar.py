"""The columnar index: Parquet files with a row per capture, sorted by the URLs' keys (SURT).

A place's member is a row group, its offset a row of the file. Row groups whose statistics show that they hold none of
the domains asked for are not read. Cost: the footer of each file when a run is planned; the columns below of the row
groups that may hold something, once per task. Source: https://github.com/commoncrawl/cc-index-table.
"""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from prep.corpus.errors import Problem
from prep.corpus.files.compression import Place
from prep.corpus.files.storage import open_input
from prep.stages.read.crawl.choice import CAPTURES, NONE, overlaps, surt_ranges
from prep.stages.read.crawl.options import CommonCrawl
from prep.stages.read.crawl.stretches import TASK_CAPTURES, Captures, Stretch
from prep.stages.read.tables.tables import raise_if_of_file_system

_KEY = "url_surtkey"
_SOURCES = {
    "url": "url",
    "date": "fetch_time",
    "status": "fetch_status",
    "mime": "content_mime_detected",
    "languages": "content_languages",
    "filename": "warc_filename",
    "offset": "warc_record_offset",
    "length": "warc_record_length",
}
_DECLARED_MIME = "content_mime_type"
_NEEDED = ("url", "warc_filename", "warc_record_offset", "warc_record_length")
_ROWS = 64 << 10


def columnar_problem(path: str, options: CommonCrawl) -> Problem | None:
    """Return what keeps a file from being used as an index, or None. Raises OSError."""
    with open_input(path) as opened:
        try:
            names = set(pq.ParquetFile(opened, pre_buffer=False).schema_arrow.names)
        except (pa.ArrowException, UnicodeDecodeError) as error:
            return Problem(f"{path} is no columnar index", seen=str(error), hint="set index to cdx, or load it again")
    asked = {
        *_NEEDED,
        *([_SOURCES["languages"]] if options.languages else ()),
        *([_SOURCES["status"]] if options.status else ()),
    }
    missing = sorted(asked - names)
    if options.mime and not {_SOURCES["mime"], _DECLARED_MIME} & names:
        missing.append(_SOURCES["mime"])
    if not missing:
        return None
    return Problem(f"{path} lacks {', '.join(missing)}", expected="the columns of a columnar index that are asked for")


def columnar_stretches(path: str, options: CommonCrawl) -> Iterator[Stretch]:
    """Yield the stretches of a file that may hold what is chosen, in order. Raises ArrowException and OSError."""
    ranges = surt_ranges(options)
    most = max(1, round(TASK_CAPTURES / options.sample))
    with open_input(path) as opened:
        metadata = pq.ParquetFile(opened, pre_buffer=False).metadata
        row = 0
        for number in range(metadata.num_row_groups):
            group = metadata.row_group(number)
            if _may_hold(group, ranges):
                step = group.num_rows if ranges else most
                begin, compressed = _bytes(group)
                for start in range(row, row + group.num_rows, max(1, step)):
                    end = min(start + step, row + group.num_rows)
                    last = Place(number + 1, end) if end == row + group.num_rows else Place(number, end)
                    first, after = (compressed * (at - row) // max(1, group.num_rows) for at in (start, end))
                    yield Stretch(Place(number, start), last, after - first, begin + first)
            row += group.num_rows


def columnar_captures(path: str, options: CommonCrawl, start: Place, end: Place | None) -> Iterator[Captures]:
    """Yield a stretch's captures in order; a row group that cannot be read is damage."""
    ranges = surt_ranges(options)
    with open_input(path) as opened:
        try:
            file = pq.ParquetFile(opened, pre_buffer=False)
        except (pa.ArrowException, UnicodeDecodeError) as error:
            yield _damage(start, f"{path}: {error}")
            return
        names = [name for name in (*_SOURCES.values(), _DECLARED_MIME) if name in file.schema_arrow.names]
        row = 0
        for number in range(file.num_row_groups):
            group = file.metadata.row_group(number)
            first, after = row, row + group.num_rows
            row = after
            low = max(first, start.offset)
            high = after if end is None else min(after, end.offset)
            if low >= high or not _may_hold(group, ranges):
                continue
            try:
                at = first
                for batch in file.iter_batches(_ROWS, [number], names, use_threads=False):
                    inside = batch.slice(max(0, low - at), max(0, min(high - at, batch.num_rows) - max(0, low - at)))
                    if inside.num_rows:
                        yield Captures(_captures(inside), _Rows(number, max(low, at), after))
                    at += batch.num_rows
                    if at >= high:
                        break
            except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
                raise_if_of_file_system(error)
                yield _damage(Place(number, low), f"{path}, row group {number}: {error}")


def _bytes(group: pq.RowGroupMetaData) -> tuple[int, int]:
    """Return the byte of the file at which a row group begins, and how many it takes."""
    columns = [group.column(number) for number in range(group.num_columns)]
    first = min(column.dictionary_page_offset or column.data_page_offset for column in columns)
    return first, sum(column.total_compressed_size for column in columns)


class _Rows:
    """The places of a batch's rows."""

    def __init__(self, group: int, first: int, after: int) -> None:
        self._group, self._first, self._after = group, first, after

    def __call__(self, row: int) -> Place:
        at = self._first + row
        return Place(self._group + (at >= self._after), at)


def _damage(place: Place, detail: str) -> Captures:
    return Captures(NONE, lambda _: place, "bad_parquet", detail)


def _may_hold(group: pq.RowGroupMetaData, ranges: tuple[tuple[str, str], ...]) -> bool:
    """Say by a row group's statistics whether it may hold captures of the domains; yes where it has none."""
    if not ranges:
        return True
    for number in range(group.num_columns):
        column = group.column(number)
        if column.path_in_schema == _KEY and column.statistics is not None and column.statistics.has_min_max:
            first, last = column.statistics.min, column.statistics.max
            if isinstance(first, str) and isinstance(last, str):
                return overlaps(first, last, ranges)
    return True


def _captures(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return a batch of the index under the names used here."""
    there = set(batch.schema.names)
    columns = []
    for field in CAPTURES:
        source = _SOURCES[field.name]
        column = batch.column(source) if source in there else pa.nulls(batch.num_rows, field.type)
        if field.name == "mime" and _DECLARED_MIME in there:
            column = pc.coalesce(column.cast(pa.string()), batch.column(_DECLARED_MIME).cast(pa.string()))
        if field.name == "date" and pa.types.is_timestamp(column.type):
            column = pc.strftime(column.cast(pa.timestamp("s"), safe=False), format="%Y-%m-%dT%H:%M:%SZ")
        columns.append(column.cast(field.type))
    return pa.RecordBatch.from_arrays(columns, schema=CAPTURES)
