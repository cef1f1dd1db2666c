"""Captures of a crawl as documents: chosen in a stretch of the index, fetched, and read like any archive's records.

What is fetched must be the capture that the index names: a record of another URL fails as `bad_index`.
"""

import io
from collections.abc import Iterator
from dataclasses import replace

import pyarrow as pa

from prep.corpus.files.compression import TRUNCATED, Place, codec_of, member_pieces
from prep.corpus.files.retrying import slow_down_answers
from prep.corpus.files.storage import join
from prep.stages.read.about import language_tag
from prep.stages.read.archives.responses import MAX_HEADER
from prep.stages.read.archives.warc import archive_rows
from prep.stages.read.crawl.cdx import cdx_captures
from prep.stages.read.crawl.choice import Choice
from prep.stages.read.crawl.columnar import columnar_captures
from prep.stages.read.crawl.fetching import SLOW_DOWN, Capture, Fetcher, Span, spans
from prep.stages.read.crawl.index_files import is_columnar
from prep.stages.read.crawl.options import CommonCrawl
from prep.stages.read.crawl.stretches import Captures
from prep.stages.read.rows import Input, Row, damaged, failed, too_large
from prep.stages.shared.languages import shortest_code
from prep.stages.shared.targets import url_keys


def crawl_rows(file: Input) -> Iterator[Row]:
    """Yield one row per capture chosen in a stretch of an index file, in the order of the archives."""
    options = file.options.common_crawl
    assert options is not None
    choice = Choice(options)
    chosen: list[Capture] = []
    for found in index_captures(file, options):
        if found.rule:
            yield damaged(file.id_at(found.place(0)), found.rule, found.detail, found.missing)
        elif found.rows.num_rows:
            rows = found.rows.take(pa.array(choice.rows(found.rows)))
            for row in rows.to_pylist():
                capture = _capture(row)
                if capture is None:
                    place = f"{row['filename']}@{row['offset']}"
                    yield failed(place, "bad_index", f"no place in an archive: {row}")._replace(url=row["url"])
                else:
                    chosen.append(capture)
    fetcher = Fetcher(options.requests_per_second)
    for span in spans(chosen):
        yield from _rows(file, options, span, fetcher)


def index_captures(file: Input, options: CommonCrawl) -> Iterator[Captures]:
    """Yield the captures in a stretch of an index file of either kind."""
    if is_columnar(file.path):
        found = columnar_captures(file.path, options, file.start, file.end)
    else:
        found = cdx_captures(file)
    while True:
        with slow_down_answers(*SLOW_DOWN):  # around each step: a generator would leave it in its caller's thread
            item = next(found, None)
        if item is None:
            return
        yield item


def _capture(row: dict[str, object]) -> Capture | None:
    filename, offset, length = row["filename"], row["offset"], row["length"]
    if not (isinstance(filename, str) and filename and isinstance(offset, int) and isinstance(length, int)):
        return None
    if offset < 0 or length <= 0:
        return None
    date, languages = row["date"], row["languages"]
    return Capture(
        filename,
        offset,
        length,
        str(row["url"]),
        date if isinstance(date, str) else None,
        languages if isinstance(languages, str) else None,
    )


def _rows(file: Input, options: CommonCrawl, span: Span, fetcher: Fetcher) -> Iterator[Row]:
    limit = file.options.max_bytes
    wanted = [item for item in span.captures if item.length <= limit + MAX_HEADER]
    data, detail = b"", ""
    if wanted:
        path = join(options.address, span.filename)
        try:
            data = fetcher.fetch(path, span.start, span.end)
        except FileNotFoundError:
            detail = f"{path}, which the index names, is not there"
    for capture in span.captures:
        place = f"{capture.filename}@{capture.offset}"
        if capture.length > limit + MAX_HEADER:
            row = too_large(place, capture.length, limit)
        elif detail:
            row = failed(place, "unreadable", detail)
        else:
            start = capture.offset - span.start
            row = _row(file, capture, place, data[start : start + capture.length])
        yield row._replace(
            url=row.url or capture.url, date=row.date or capture.date, declared_language=_language(capture.languages)
        )


def _row(file: Input, capture: Capture, place: str, data: bytes) -> Row:
    """Return the document in a capture's bytes, or why there is none."""
    codec = codec_of(capture.filename) or ""
    content = member_pieces(io.BytesIO(data), codec)
    archive = replace(file, path=capture.filename, label=capture.filename)
    row = next(archive_rows(archive, content, lambda at: _id(capture, at, codec), extracts=False), None)
    if row is None:
        detail = f"the index says that {capture.length} bytes lie here, the archive has {len(data)}"
        return damaged(place, TRUNCATED, detail, capture.length - len(data))
    broken = row.failed and row.url is None
    if not broken and not _is_same(row.url, capture.url):
        return failed(place, "bad_index", f"the index says that {capture.url} lies here, seen {row.url or row.detail}")
    return row


def _id(capture: Capture, at: Place, codec: str) -> str:
    offset = capture.offset + (at.member if codec else at.offset)
    return f"{capture.filename}@{offset}" + (f"+{at.offset}" if codec and at.offset else "")


def _is_same(found: str | None, named: str) -> bool:
    if found is None or found == named:
        return found is not None
    hashes, missing = url_keys(pa.array([found, named], pa.string()))
    return not missing.any() and bool((hashes[:, 0] == hashes[:, 1]).all())


def _language(codes: str | None) -> str | None:
    """Return the tag of the language that an index lists first."""
    return language_tag(shortest_code((codes or "").partition(",")[0].strip()))
