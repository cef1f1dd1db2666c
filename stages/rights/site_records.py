"""Site-wide statements about rights: robots.txt, ai.txt and tdmrep.json as they were fetched, by host and date.

They come from web archives (responses for these paths, as crawlers keep them), from a folder with a folder for each
host (`example.org/robots.txt`), or from a table with the columns `url` and `content` and, where it has one, `date`.
"""

import re
from collections.abc import Iterator
from itertools import repeat
from pathlib import PurePosixPath
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from fastwarc.warc import ArchiveIterator, WarcRecordType

from prep.corpus.errors import ConfigurationError
from prep.corpus.files.storage import expand, open_input
from prep.stages.shared.columns_of_files import is_table, read_columns
from prep.stages.shared.dates import read_date
from prep.stages.shared.targets import ascii_host

SiteFile = Literal["robots.txt", "ai.txt", "tdmrep.json"]
_PATHS: dict[str, SiteFile] = {
    "/robots.txt": "robots.txt",
    "/ai.txt": "ai.txt",
    "/.well-known/ai.txt": "ai.txt",
    "/.well-known/tdmrep.json": "tdmrep.json",
}
MOST_BYTES = 512 << 10
"""What is read of a file; RFC 9309 asks parsers for 500 kibibytes at least."""
_ARCHIVES = (".warc", ".warc.gz", ".warc.zst")
_DIGITS = re.compile(r"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)")
_ISO = re.compile(r"\d{4}(?:-\d\d(?:-\d\d(?:[T ].*)?)?)?")


class SiteRecord(NamedTuple):
    """One file of a host, as it was fetched."""

    host: str
    """In lower case, international labels as `xn--`, without a port."""
    file: SiteFile
    date: str
    """ISO 8601; empty where it is not known."""
    content: str


def record_files(paths: tuple[str, ...]) -> list[str]:
    """Return the files that hold site-wide statements, sorted. Raises ConfigurationError for a path without any."""
    found: list[str] = []
    for path in paths:
        here = [name for name in expand(path) if _holds_statements(name)]
        if not here:
            raise ConfigurationError(
                [f"{path}: expected web archives, tables, or HOST/robots.txt, HOST/ai.txt, HOST/tdmrep.json; seen none"]
            )
        found += here
    return sorted(set(found))


def read_records(path: str) -> Iterator[SiteRecord]:
    """Yield the site-wide statements in a file."""
    if path.endswith(_ARCHIVES):
        yield from _from_archive(path)
    elif is_table(path):
        yield from _from_table(path)
    else:
        file = _in_folder(path)
        assert file is not None
        with open_input(path) as source:
            text = source.read(MOST_BYTES).decode("utf-8-sig", "replace")
        yield SiteRecord(ascii_host(PurePosixPath(path).parent.name), file, "", text)


def _holds_statements(path: str) -> bool:
    return path.endswith(_ARCHIVES) or is_table(path) or _in_folder(path) is not None


def _in_folder(path: str) -> SiteFile | None:
    return next((file for file in _PATHS.values() if PurePosixPath(path).name == file), None)


def _record(url: str, date: str, content: str) -> SiteRecord | None:
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return None
    file = _PATHS.get(parts.path)
    return None if file is None or not host else SiteRecord(ascii_host(host), file, date, content)


def _from_archive(path: str) -> Iterator[SiteRecord]:
    with open_input(path) as source:
        for record in ArchiveIterator(source, record_types=WarcRecordType.response, parse_http=True):
            status = record.http_headers.status_code if record.http_headers is not None else None
            url = record.headers.get("WARC-Target-URI") or ""
            if status == 200 and urlsplit(url).path in _PATHS:
                text = record.reader.read(MOST_BYTES).decode("utf-8-sig", "replace")
                found = _record(url, record.headers.get("WARC-Date") or "", text)
                if found is not None:
                    yield found


def _from_table(path: str) -> Iterator[SiteRecord]:
    found = read_columns(path, ("url", "content", "date"))
    if not {"url", "content"} <= found.keys():
        raise ConfigurationError([f"{path}: expected the columns url and content, seen only {', '.join(found)}"])
    dates = found.get("date") or repeat(None)
    for url, content, date in zip(found["url"], found["content"], dates, strict=False):
        record = _record(url or "", iso_date(date or ""), (content or "")[:MOST_BYTES])
        if record is not None:
            yield record


def iso_date(written: str) -> str:
    """Return a date as ISO 8601, so that dates of all sources sort; empty where it is none."""
    text = written.strip()
    digits = _DIGITS.fullmatch(text)
    if digits is not None:
        year, month, day, hour, minute, second = digits.groups()
        return f"{year}-{month}-{day}T{hour}:{minute}:{second}Z"
    if _ISO.fullmatch(text):
        return text.replace(" ", "T", 1)
    date = read_date(text)
    return "" if date is None else date.isoformat()
