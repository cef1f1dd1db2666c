"""Web archives: WARC files and the text extracts (WET) that go with them.

A WARC file is a sequence of records: a header, an empty line, as many bytes as Content-Length says, two empty lines.
Cost: inflating, 300 to 600 MB/s of content, and 25 µs per record. Source: ISO 28500:2017.
"""

import re
from collections.abc import Callable, Iterator

from prep.corpus.files.compression import Piece, Place
from prep.corpus.files.storage import open_input
from prep.stages.read.archives.framing import Dialect, Frame, Framer
from prep.stages.read.archives.pages import page_row, response_row
from prep.stages.read.archives.responses import MAX_HEADER, media_type, parse_fields
from prep.stages.read.plain.text import text_row
from prep.stages.read.rows import Input, Row, damaged, rejected, too_large

_HEAD = 4 << 10


def _fields(header: bytes) -> dict[str, str]:
    return parse_fields(header.decode("utf-8", "replace"))


WARC = Dialect(
    magic=b"WARC/",
    begins=re.compile(rb"WARC/", re.IGNORECASE),
    next_record=re.compile(rb"\nWARC/\d", re.IGNORECASE),
    header_end=re.compile(rb"\n\r?\n"),
    fields=_fields,
)


def warc_rows(file: Input, *, extracts: bool) -> Iterator[Row]:
    """Yield one row per record; `extracts` says that records of extracted text (WET) are documents.

    A record's id is its WARC-Record-ID; that of a broken one is its place in the file.
    """
    return archive_rows(file, file.pieces(), file.id_at, extracts=extracts)


def archive_rows(
    file: Input, content: Iterator[Piece], id_at: Callable[[Place], str], *, extracts: bool
) -> Iterator[Row]:
    """Yield one row per record of an archive's content; `id_at` names records that have no id of their own."""
    limit = file.options.max_bytes
    for frame in Framer(content, WARC, limit + MAX_HEADER).frames():
        name = frame.header.get("warc-record-id", "").strip("<>").removeprefix("urn:uuid:")
        place = id_at(frame.place)
        if frame.rule is not None:
            detail = f"record {name}: {frame.detail}" if name else frame.detail
            row = damaged(place, frame.rule, detail, frame.missing)
        else:
            row = file.given_up(place) or _row(name or place, frame, limit, extracts=extracts)
        url, date = frame.header.get("warc-target-uri"), frame.header.get("warc-date")
        yield row._replace(url=url.strip("<>") if url else None, date=date)


def record_starts(path: str) -> Iterator[int]:
    """Yield where the records of an uncompressed archive begin, by their lengths, up to the first that is broken.

    What a record holds may itself be an archive, so records cannot be found from the middle of the file.
    """
    with open_input(path) as source:
        position = 0
        while head := source.read(_HEAD):
            if blank := len(head) - len(head.lstrip(b"\r\n")):
                position += blank
            else:
                end = WARC.header_end.search(head)
                length = "" if end is None else _fields(head[: end.start()]).get("content-length", "")
                if end is None or WARC.begins.match(head) is None or not (length.isascii() and length.isdigit()):
                    return
                yield position
                position += end.end() + int(length)
            source.seek(position)


def _row(row_id: str, frame: Frame, limit: int, *, extracts: bool) -> Row:
    kind = frame.header.get("warc-type", "").lower()
    content, charset = media_type(frame.header.get("content-type", ""))
    if kind == "response" and content in {"application/http", ""}:
        return response_row(row_id, frame.block, frame.length, limit, cut="warc-truncated" in frame.header)
    if kind == "resource":
        return page_row(row_id, content, charset, frame.block, frame.length, limit)
    if kind == "conversion" and extracts and content == "text/plain":
        return too_large(row_id, frame.length, limit) if frame.length > limit else text_row(row_id, frame.block)
    if kind == "revisit":
        return rejected(row_id, "revisit", detail="the page was captured before and is not repeated")
    return rejected(row_id, "record_type", detail=f"{kind} {content}".strip() or None)
