"""Site-wide statements about rights: robots.txt, ai.txt and tdmrep.json as they were fetched, by host and date.

They come from web archives (responses for these paths, as crawlers keep them), from a folder with a folder for each
host (`example.org/robots.txt`), or from a table with the columns `url` and `content` and, where it has one, `date`.
"""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq
from fastwarc.warc import ArchiveIterator, WarcRecordType

from prep.corpus.errors import ConfigurationError
from prep.corpus.files.storage import expand, open_input
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
_TABLES = (".parquet", ".jsonl", ".jsonl.gz", ".csv")


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
        here = [name for name in expand(path) if name.endswith((*_ARCHIVES, *_TABLES)) or _in_folder(name) is not None]
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
    elif path.endswith(_TABLES):
        yield from _from_table(path)
    else:
        file = _in_folder(path)
        assert file is not None
        with open_input(path) as source:
            text = source.read(MOST_BYTES).decode("utf-8-sig", "replace")
        yield SiteRecord(ascii_host(PurePosixPath(path).parent.name), file, "", text)


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
    table = _read_table(path)
    missing = {"url", "content"} - set(table.column_names)
    if missing:
        raise ConfigurationError(
            [f"{path}: expected the columns url and content, seen {', '.join(table.column_names)}"]
        )
    dates = table.column("date").cast(pa.string()).to_pylist() if "date" in table.column_names else [""] * len(table)
    for url, content, date in zip(
        table.column("url").to_pylist(), table.column("content").to_pylist(), dates, strict=True
    ):
        found = _record(url or "", date or "", (content or "")[:MOST_BYTES])
        if found is not None:
            yield found


def _read_table(path: str) -> pa.Table:
    import pyarrow.csv
    import pyarrow.json

    with open_input(path) as source:
        if path.endswith(".parquet"):
            return pq.read_table(source)
        if path.endswith(".csv"):
            return pyarrow.csv.read_csv(source)
        stream = pa.CompressedInputStream(source, "gzip") if Path(path).suffix == ".gz" else source
        return pyarrow.json.read_json(stream)
