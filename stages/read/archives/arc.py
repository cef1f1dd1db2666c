"""ARC files, what web archives were written in before WARC.

A record is a line of fields and as many bytes as its last field says: `URL IP date type length` in version 1; version
2 puts result code, checksum, location, offset and file name before the length. The first record describes the file.
Source: https://archive.org/web/researcher/ArcFileFormat.php.
"""

import re
from collections.abc import Iterator, Mapping

from prep.stages.read.archives.framing import Dialect, Framer
from prep.stages.read.archives.pages import response_row
from prep.stages.read.archives.responses import MAX_HEADER
from prep.stages.read.rows import Input, Row, damaged, rejected

_SCHEME = rb"[a-z][a-z0-9+.-]{1,15}:"
_LINE = re.compile(rb"(\S.*?) (\S+) (\d{8,17}) (.*?)(?: (?:\d{3}|-) \S+ \S+ (?:\d+|-) \S+)? (\d{1,15})\r?")


def _fields(line: bytes) -> Mapping[str, str]:
    found = _LINE.fullmatch(line)
    if found is None:
        return {}
    url, _, date, kind, length = (part.decode("utf-8", "replace") for part in found.groups())
    return {"url": url, "date": date, "type": kind, "content-length": length}


ARC = Dialect(
    magic=b"http",
    begins=re.compile(_SCHEME),
    next_record=re.compile(rb"\n" + _SCHEME + rb"[^ \n]{1,4000} \S{1,60} \d{8,17} [^\n]{1,1000} \d{1,15}\r?\n"),
    header_end=re.compile(rb"\n"),
    fields=_fields,
    overlap=6000,
)


def arc_rows(file: Input) -> Iterator[Row]:
    """Yield one row per record; ids are the records' places in the file."""
    limit = file.options.max_bytes
    for frame in Framer(file.pieces(), ARC, limit + MAX_HEADER).frames():
        row_id = file.id_at(frame.place)
        url, date = frame.header.get("url"), frame.header.get("date", "")
        if frame.rule is not None:
            row = damaged(row_id, frame.rule, frame.detail, frame.missing)
        elif not str(url).startswith("http"):
            row = rejected(row_id, "record_type", detail=str(url).partition(":")[0])
        else:
            row = file.given_up(row_id) or response_row(row_id, frame.block, frame.length, limit)
        yield row._replace(url=url, date=_iso_8601(date))


def _iso_8601(digits: str) -> str | None:
    if len(digits) < 14:
        return f"{digits[:4]}-{digits[4:6]}-{digits[6:8]}" if len(digits) >= 8 else None
    return f"{digits[:4]}-{digits[4:6]}-{digits[6:8]}T{digits[8:10]}:{digits[10:12]}:{digits[12:14]}Z"
