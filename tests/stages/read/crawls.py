"""A small crawl as Common Crawl lays it out: archives, a columnar index and CDX files, and a server that has it."""

import gzip
import hashlib
import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq

CRAWL = "CC-MAIN-2026-40"
TABLE = f"cc-index/table/cc-main/warc/crawl={CRAWL}/subset=warc"
CDX = f"cc-index/collections/{CRAWL}/indexes"


@dataclass(frozen=True)
class Page:
    """A capture to be written."""

    url: str
    languages: str = "eng"
    mime: str = "text/html"
    status: int = 200


@dataclass(frozen=True)
class Stored:
    """A capture as it lies in an archive."""

    page: Page
    filename: str
    offset: int
    length: int

    @property
    def key(self) -> str:
        parts = urlsplit(self.page.url)
        host = (parts.hostname or "").removeprefix("www.")
        return ",".join(reversed(host.split("."))) + ")" + (parts.path or "/")


def record(kind: str, url: str, block: bytes, content: str) -> bytes:
    name = hashlib.sha256(kind.encode() + url.encode()).hexdigest()
    name = f"{name[:8]}-{name[8:12]}-{name[12:16]}-{name[16:20]}-{name[20:32]}"
    head = (
        f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Date: 2026-10-05T10:00:00Z\r\nWARC-Record-ID: <urn:uuid:{name}>\r\n"
        f"WARC-Target-URI: {url}\r\nContent-Type: {content}\r\nContent-Length: {len(block)}\r\n\r\n"
    )
    return head.encode() + block + b"\r\n\r\n"


def body_of(page: Page) -> str:
    return f"<html><body><p>The page at {page.url} says something of its own.</p></body></html>"


def write_archive(root: Path, filename: str, pages: Sequence[Page]) -> list[Stored]:
    """Write an archive in which each answer stands between a request and a note; return where the answers lie."""
    content, stored = bytearray(), []
    for page in pages:
        request = b"GET / HTTP/1.1\r\nHost: example\r\n\r\n"
        content += gzip.compress(record("request", page.url, request, "application/http; msgtype=request"))
        answer = f"HTTP/1.1 {page.status} OK\r\nContent-Type: {page.mime}\r\n\r\n{body_of(page)}"
        member = gzip.compress(record("response", page.url, answer.encode(), "application/http; msgtype=response"))
        stored.append(Stored(page, filename, len(content), len(member)))
        content += member
    path = root / filename
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return stored


def write_table(
    root: Path, captures: Sequence[Stored], name: str = "part-00000.c000.gz.parquet", group: int = 4
) -> Path:
    """Write a file of the columnar index, sorted, with so many rows in a row group."""
    rows = [
        {
            "url_surtkey": item.key,
            "url": item.page.url,
            "fetch_time": datetime(2026, 10, 5, 10),
            "fetch_status": item.page.status,
            "content_mime_type": item.page.mime,
            "content_mime_detected": item.page.mime,
            "content_languages": item.page.languages,
            "warc_filename": item.filename,
            "warc_record_offset": item.offset,
            "warc_record_length": item.length,
        }
        for item in sorted(captures, key=lambda item: item.key)
    ]
    path = root / TABLE / name
    path.parent.mkdir(parents=True, exist_ok=True)
    kinds = {"fetch_time": pa.timestamp("ms"), "fetch_status": pa.int16()}
    kinds |= {"warc_record_offset": pa.int32(), "warc_record_length": pa.int32()}
    schema = pa.schema([(name, kinds.get(name, pa.string())) for name in rows[0]])
    pq.write_table(pa.Table.from_pylist(rows, schema), path, row_group_size=group)
    _write_list(root / f"crawl-data/{CRAWL}/cc-index-table.paths.gz", root, path.parent)
    return path


def write_cdx(root: Path, captures: Sequence[Stored], block: int = 3) -> Path:
    """Write a ZipNum file and its summary, with so many lines in a block."""
    lines = []
    for item in sorted(captures, key=lambda item: item.key):
        fields = {"url": item.page.url, "mime": item.page.mime, "mime-detected": item.page.mime}
        fields |= {"status": str(item.page.status), "languages": item.page.languages}
        fields |= {"filename": item.filename, "offset": str(item.offset), "length": str(item.length)}
        lines.append(f"{item.key} 20261005100000 {json.dumps(fields)}\n")
    path = root / CDX / "cdx-00000.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    content, summary = bytearray(), ""
    for number, first in enumerate(range(0, len(lines), block)):
        member = gzip.compress("".join(lines[first : first + block]).encode())
        key = " ".join(lines[first].split(" ")[:2])
        summary += f"{key}\t{path.name}\t{len(content)}\t{len(member)}\t{number + 1}\n"
        content += member
    path.write_bytes(content)
    (path.parent / "cluster.idx").write_text(summary)
    _write_list(root / f"crawl-data/{CRAWL}/cc-index.paths.gz", root, path.parent)
    return path


def _write_list(path: Path, root: Path, folder: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    names = sorted(str(item.relative_to(root)) for item in folder.iterdir())
    path.write_bytes(gzip.compress("".join(f"{name}\n" for name in names).encode()))


@dataclass
class Served:
    """What a server was asked for, and how it answers."""

    address: str
    requests: list[tuple[str, str, int]] = field(default_factory=list)
    """Path, range and bytes sent of each request for content that was answered."""
    refusals: list[int] = field(default_factory=list)
    """Answers to give first to requests for archives, and take out of the list."""
    headers: dict[str, str] = field(default_factory=dict)
    """What goes with refusals."""
    refused: int = 0
    ranges: bool = True
    cut: int = 0
    """So many answers end within their bodies."""

    def archives(self) -> list[tuple[str, str, int]]:
        return [item for item in self.requests if item[0].endswith((".warc.gz", ".warc"))]


@contextmanager
def served(root: Path) -> Iterator[Served]:
    """Serve a folder over HTTP as the crawl's server does: ranges, no listings."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            path = root / self.path.lstrip("/")
            if not path.is_file():
                self._send(404, b"")
                return
            archive = path.name.endswith((".warc.gz", ".warc"))
            if archive and self.command == "GET" and state.refusals:
                state.refused += 1
                self._send(state.refusals.pop(0), b"slow down", state.headers)
                return
            data, asked = path.read_bytes(), self.headers.get("Range", "") if state.ranges else ""
            if not asked:
                self._send(200, data, {"Accept-Ranges": "bytes", "ETag": f'"{hashlib.md5(data).hexdigest()}"'})
                return
            first, _, last = asked.removeprefix("bytes=").partition("-")
            start, end = (
                (int(first), int(last) + 1 if last else len(data)) if first else (len(data) - int(last), len(data))
            )
            if start >= len(data):
                self._send(416, b"")
                return
            part = data[start:end]
            self._send(206, part, {"Content-Range": f"bytes {start}-{start + len(part) - 1}/{len(data)}"})

        def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "HEAD":
                return
            if status < 300 and self.path.endswith(".warc.gz") and state.cut:
                state.cut -= 1
                self.wfile.write(body[: len(body) // 2])
                self.close_connection = True
                return
            if status < 300:
                state.requests.append((self.path, self.headers.get("Range", ""), len(body)))
            self.wfile.write(body)

        do_GET = do_HEAD = _answer  # noqa: N815 (the names that the server looks for)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state = Served(f"http://127.0.0.1:{server.server_address[1]}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
