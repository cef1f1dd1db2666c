"""HTTP responses as archives store them: header, transfer coding, content codings, and what kind of body it is.

Servers and archives are careless: header lines end in a bare newline, codings are declared that crawlers have already
undone, types are missing or wrong. What can be read without guessing is read; the rest has a name.
Sources: RFC 9110 (semantics), RFC 9112 section 7 (chunked), the WHATWG MIME Sniffing standard, section 7.1.
"""

import io
import re
import zlib
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from fastwarc.stream_io import BrotliReader, ZstdReader

from prep.stages.shared.charset.names import charset_of

MAX_HEADER = 64 << 10
"""A header ends within this many bytes."""

_STATUS = re.compile(rb"HTTP/\S*[ \t]+(\d{3})(?!\d)")
_HEADER_END = re.compile(rb"\r?\n\r?\n")
_FOLD = re.compile(r"\r?\n[ \t]+")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\n]*)?\r?\n")
_CHARSET = re.compile(r"(?:^|[\s;,])(?:charset\s*=\s*[\"']?\s*)+([^\s\"';,=]+)", re.IGNORECASE)
_TYPE = re.compile(r"\s*([^\s;,=]*+)(?!\s*=)")
_LEADING = re.compile(rb"(?:\xef\xbb\xbf)?(?:\s+|<\?xml[^>]*>|<!--.*?-->)*", re.DOTALL)
_MARKUP = re.compile(
    rb"<(?:!doctype\s+html|html|head|body|title|meta|script|iframe|h1|div|font|table|a|style|br|p)[\s>]", re.IGNORECASE
)
_DOCUMENT = re.compile(rb"<(?:!doctype\s+html|html)[\s>]", re.IGNORECASE)
_SNIFFED = 1445  # bytes of the body that the standard looks at
_NO_CODINGS = frozenset({"", "identity", "none", "utf-8"})
_STEP = 4 << 10
_MAX_MEMBERS = 100  # gzip streams in one body; honest ones have one, and each costs a copy of what follows it

HTML_TYPES = frozenset({"text/html", "application/xhtml+xml"})
UNTOLD_TYPES = frozenset({"", "unk", "unknown/unknown", "application/unknown", "*/*"})
LYING_TYPES = frozenset({"text/plain", "application/octet-stream", "application/xml", "text/xml", "no-type"})
"""Types that servers also send with pages; only a document's own first tag proves one."""


class HttpError(Exception):
    """A response that cannot be read: `rule` names the failure, the message tells what was seen."""

    def __init__(self, rule: str, detail: str) -> None:
        self.rule = rule
        super().__init__(detail)


class Response(NamedTuple):
    """A parsed response; header names are in lower case, the body is still coded."""

    status: int
    headers: Mapping[str, str]
    """The first of each name."""
    body: bytes
    head: str = ""
    """The header as it came."""


def parse_response(block: bytes) -> Response:
    """Split a response into status, header and body. Raises HttpError ("bad_http") where it is none."""
    status = _STATUS.match(block)
    if status is None:
        raise HttpError("bad_http", f"no status line: {block[:40]!r}")
    end = _HEADER_END.search(block, 0, MAX_HEADER)
    if end is None and len(block) > MAX_HEADER:
        raise HttpError("bad_http", f"the header does not end within {MAX_HEADER} bytes")
    head, body = (block, b"") if end is None else (block[: end.start()], block[end.end() :])
    fields = head.decode("latin-1")
    return Response(int(status.group(1)), parse_fields(fields), body, fields)


def parse_fields(head: str) -> dict[str, str]:
    """Parse a header's lines into lower-case names and values; folded lines are joined, the first of a name wins."""
    if "\n " in head or "\n\t" in head:
        head = _FOLD.sub(" ", head)
    fields: dict[str, str] = {}
    for line in head.split("\n"):
        name, colon, value = line.partition(":")
        if colon:
            fields.setdefault(name.strip().lower(), value.strip())
    return fields


@lru_cache(maxsize=1024)
def media_type(content_type: str) -> tuple[str, str | None]:
    """Return the type in lower case and the declared character set of a Content-Type value.

    Servers forget the semicolon, give both twice, or give a character set alone; of several, the first that is known
    counts.
    """
    kind = _TYPE.match(content_type)
    charsets = _CHARSET.findall(content_type)
    charset = next((label for label in charsets if charset_of(label)), charsets[0] if charsets else None)
    return kind.group(1).lower() if kind else "", charset


def is_html(kind: str, body: bytes) -> bool:
    """Say whether a body is a page: by its declared type, or its first tag where the type says nothing or may lie."""
    if kind in HTML_TYPES:
        return True
    if kind in UNTOLD_TYPES:
        return _starts_with(_MARKUP, body)
    return kind in LYING_TYPES and _starts_with(_DOCUMENT, body)


def may_be_html(kind: str) -> bool:
    """Say whether a body of this declared type is worth decoding to look at."""
    return kind in HTML_TYPES or kind in UNTOLD_TYPES or kind in LYING_TYPES


def decode_body(response: Response, limit: int, *, cut: bool = False) -> bytes:
    """Undo the transfer and content codings; returns at most `limit` + 1 bytes.

    `cut` says that the crawler stopped early, so that a coding may end before its time. Raises HttpError:
    "truncated_body" for a body that ends early, "bad_content" for one that is not what its header says.
    """
    body = response.body
    if "chunked" in response.headers.get("transfer-encoding", "").lower():
        body = _join_chunks(body, cut=cut)
    for coding in reversed(response.headers.get("content-encoding", "").lower().split(",")):
        body = _decode(body, coding.strip(), limit, cut=cut)
    return body[: limit + 1]


def _starts_with(pattern: re.Pattern[bytes], body: bytes) -> bool:
    head = body[:_SNIFFED]
    leading = _LEADING.match(head)
    return pattern.match(head, leading.end() if leading else 0) is not None


def _join_chunks(body: bytes, *, cut: bool) -> bytes:
    """Join the chunks; a body that does not begin with a chunk was joined by the crawler already."""
    size = _CHUNK_SIZE.match(body)
    if size is None:
        return body
    joined = bytearray()
    while size is not None:
        length = int(size.group(1), 16)
        if length == 0:
            return bytes(joined)
        chunk = body[size.end() : size.end() + length]
        joined += chunk
        if len(chunk) < length:
            break
        position = size.end() + length
        position += 2 if body.startswith(b"\r\n", position) else 1 if body.startswith(b"\n", position) else 0
        size = _CHUNK_SIZE.match(body, position)
        if size is None and position < len(body):
            raise HttpError("bad_content", f"chunked: no chunk size at byte {position} of the body")
    if not cut:
        raise HttpError("truncated_body", "chunked: the last chunk is missing")
    return bytes(joined)


def _decode(body: bytes, coding: str, limit: int, *, cut: bool) -> bytes:
    if coding in _NO_CODINGS or not body or _starts_with(_MARKUP, body):
        return body  # archives also keep bodies whose coding the crawler has undone but not struck from the header
    try:
        match coding:
            case "gzip" | "x-gzip":
                return _inflate(body, 31, limit, cut=cut)
            case "deflate":
                return _inflate(body, 15 if _has_zlib_header(body) else -15, limit, cut=cut)
            case "br":
                return _drain(BrotliReader(io.BytesIO(body)), limit + 1, cut=cut)
            case "zstd":
                return _drain(ZstdReader(io.BytesIO(body)), limit + 1, cut=cut)
    except (zlib.error, OSError) as error:
        raise HttpError("bad_content", f"{coding}: {error}; it begins with {body[:8]!r}") from error
    raise HttpError("bad_content", f"unknown coding {coding[:40]!r}; it begins with {body[:8]!r}")


def _inflate(body: bytes, window: int, limit: int, *, cut: bool) -> bytes:
    inflated = bytearray()
    for _ in range(_MAX_MEMBERS):
        inflator = zlib.decompressobj(window)
        inflated += inflator.decompress(body, limit + 1 - len(inflated))
        if len(inflated) > limit:
            break
        if not inflator.eof and not cut:
            raise HttpError("truncated_body", "the compressed body is cut off")
        body = inflator.unused_data
        if not body.startswith(b"\x1f\x8b"):
            break
    return bytes(inflated)


def _drain(reader: BrotliReader | ZstdReader, limit: int, *, cut: bool) -> bytes:
    """Read up to `limit` bytes; these readers cannot tell a stream that ends early from a broken one."""
    drained = bytearray()
    try:
        while len(drained) < limit and (data := reader.read(min(_STEP, limit - len(drained)))):
            drained += data
    except OSError:
        if not (cut and drained):
            raise
    return bytes(drained)


def _has_zlib_header(body: bytes) -> bool:
    return len(body) > 1 and body[0] & 0x0F == 8 and (body[0] << 8 | body[1]) % 31 == 0
