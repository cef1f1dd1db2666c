"""Web archives: WARC files and the text extracts (WET) that go with them.

A WARC file is a sequence of records: a header, an empty line, as many bytes as Content-Length says, two empty lines.
FastWARC's iterator stops at the first header it cannot read and takes a cut file for a finished one, so the records are
framed here, where every byte can be accounted for: after damage the reading goes on at the next record. Cost:
inflating, 300 to 600 MB/s of content, and 25 µs per record. Source: ISO 28500:2017.
"""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from prep.corpus.compression import TRUNCATED, Piece, pieces
from prep.stages.read.responses import (
    MAX_HEADER,
    HttpError,
    decode_body,
    is_html,
    may_be_html,
    media_type,
    parse_fields,
    parse_response,
)
from prep.stages.read.rows import Input, Row, failed, rejected, text_row, too_large

_MAX_RESCUES = 1000
"""Records taken back out of others that claimed them; each costs a copy, so a hostile file gets only so many."""

_MAGIC = b"WARC/"
_ARC_MAGIC = b"filedesc:"
_NEXT_RECORD = re.compile(rb"\nWARC/\d")
_LINE_ENDS = re.compile(rb"[\r\n]+")
_BLANK_LINE = re.compile(rb"\n\r?\n")
_NUMBER = re.compile(r"[0-9]{1,18}")
_PAGE_STATUS = frozenset({200, 203})


class Frame(NamedTuple):
    """A record as it lies in the file, or bytes that are none."""

    header: Mapping[str, str]
    block: bytes
    """What the record holds, up to the reader's limit."""
    length: int
    """How many bytes the record holds in full."""
    rule: str | None = None
    """What is broken about it: "truncated", "bad_gzip", "bad_header", "unsupported_arc"."""
    detail: str = ""


def warc_rows(file: Input, *, extracts: bool) -> Iterator[Row]:
    """Yield one row per record; `extracts` says that records of extracted text (WET) are documents.

    A record's id is its WARC-Record-ID; that of a broken one is its place in the file.
    """
    limit = file.max_bytes + MAX_HEADER
    for number, frame in enumerate(Framer(pieces(file.path), limit).frames()):
        name = frame.header.get("warc-record-id", "").strip("<>").removeprefix("urn:uuid:")
        if frame.rule is not None:
            detail = f"record {name}: {frame.detail}" if name else frame.detail
            row = failed(file.row_id(number), frame.rule, detail)
        else:
            row = _row(name or file.row_id(number), frame, file.max_bytes, extracts=extracts)
        url, date = frame.header.get("warc-target-uri"), frame.header.get("warc-date")
        yield row._replace(url=url.strip("<>") if url else None, date=date)


def _row(row_id: str, frame: Frame, limit: int, *, extracts: bool) -> Row:
    kind = frame.header.get("warc-type", "").lower()
    content, charset = media_type(frame.header.get("content-type", ""))
    if kind == "response" and content in {"application/http", ""}:
        return _response_row(row_id, frame, limit)
    if kind == "resource":
        return _page_row(row_id, content, charset, frame.block, frame.length, limit)
    if kind == "conversion" and extracts and content == "text/plain":
        return text_row(row_id, frame.block, frame.length, limit)
    if kind == "revisit":
        return rejected(row_id, "revisit", detail="the page was captured before and is not repeated")
    return rejected(row_id, "record_type", detail=f"{kind} {content}".strip() or None)


def _response_row(row_id: str, frame: Frame, limit: int) -> Row:
    if not frame.block or frame.block.isspace():
        return rejected(row_id, "empty")
    try:
        response = parse_response(frame.block)
        if response.status not in _PAGE_STATUS:
            return rejected(row_id, "http_status", float(response.status))
        content, charset = media_type(response.headers.get("content-type", ""))
        if not may_be_html(content):
            return rejected(row_id, "not_html", detail=content)
        if len(frame.block) < frame.length:
            return too_large(row_id, frame.length, limit)
        body = decode_body(response, limit, cut="warc-truncated" in frame.header)
    except HttpError as error:
        return failed(row_id, error.rule, str(error))
    return _page_row(row_id, content, charset, body, len(body), limit)


def _page_row(row_id: str, content: str, charset: str | None, body: bytes, length: int, limit: int) -> Row:
    """Return a page of which `body` is what was read of `length` bytes."""
    if not body or body.isspace():
        return rejected(row_id, "empty")
    if not is_html(content, body):
        return rejected(row_id, "not_html", detail=content or "no type")
    if length > limit:
        return too_large(row_id, length, limit)
    return Row(row_id, html=body, charset=charset)


class Framer:
    """Cuts an archive's content into records.

    A run is content without a gap: it ends at damage, at the end of the file, and where a compressed member begins
    with a record, so that a record never swallows the next one.
    """

    def __init__(self, content: Iterator[Piece], limit: int) -> None:
        self._content = content
        self._limit = limit
        self._buffer = bytearray()
        self._next = next(content, None)
        self._rescues = 0

    def frames(self) -> Iterator[Frame]:
        """Yield every record, and every stretch of bytes that is none, in the file's order."""
        if self._next is not None and self._next.data.startswith(_ARC_MAGIC):
            yield Frame({}, b"", 0, "unsupported_arc", "an ARC file (the format before WARC); convert it to WARC")
            return
        while self._next is not None:
            if self._next.rule is not None:  # damage that no record has answered for
                yield Frame({}, b"", 0, self._next.rule, self._next.detail)
                self._next = next(self._content, None)
                continue
            self._take()
            while self._skip_line_ends():
                if self._starts_record():
                    yield self._record()
                else:
                    detail = f"{self._skip_to_record()} bytes that are no record"
                    yield Frame({}, b"", 0, *self._damage("bad_header", detail))

    def _take(self) -> None:
        if self._next is not None:
            self._buffer += self._next.data
            self._next = next(self._content, None)

    def _grow(self) -> bool:
        """Take the next piece of the run; False at its end."""
        coming = self._next
        if coming is None or coming.rule is not None or (coming.begins_member and coming.data.startswith(_MAGIC)):
            return False
        self._take()
        return True

    def _skip_line_ends(self) -> bool:
        """Drop the empty lines between records; False at the end of the run, or of a member."""
        while True:
            blank = _LINE_ENDS.match(self._buffer)
            if blank is not None:
                del self._buffer[: blank.end()]
            if self._buffer or self._next is None or self._next.begins_member or not self._grow():
                return bool(self._buffer)

    def _starts_record(self) -> bool:
        """Say whether the buffer, which holds something, begins with a record, or with what a cut leaves of it."""
        while len(self._buffer) < len(_MAGIC) and self._grow():
            pass
        return _MAGIC.startswith(bytes(self._buffer[: len(_MAGIC)]))

    def _record(self) -> Frame:
        end = _BLANK_LINE.search(self._buffer)
        while end is None and len(self._buffer) < MAX_HEADER and self._grow():
            end = _BLANK_LINE.search(self._buffer)
        other = _NEXT_RECORD.search(self._buffer, 0, MAX_HEADER if end is None else end.start())
        if end is None or other is not None:
            rule = TRUNCATED if other is None and len(self._buffer) < MAX_HEADER else "bad_header"
            detail = f"a record's header breaks off after {self._skip_to_record()} bytes"
            return Frame({}, b"", 0, *self._damage(rule, detail))
        header = parse_fields(self._buffer[: end.start()].decode("utf-8", "replace"))
        length = header.get("content-length", "")
        if not _NUMBER.fullmatch(length):
            self._skip_to_record()
            detail = f"Content-Length: expected a number, seen {length[:40]!r}"
            return Frame(header, b"", 0, *self._damage("bad_header", detail))
        del self._buffer[: end.end()]
        return self._block(header, int(length))

    def _block(self, header: Mapping[str, str], length: int) -> Frame:
        """Read a record's content, keep what the limit allows, and see that the record ends where it says."""
        held = min(length, self._limit)
        while len(self._buffer) < held and self._grow():
            pass
        with memoryview(self._buffer) as view:
            block = bytes(view[:held])
        del self._buffer[:held]
        left = length - len(block)
        while left and (self._buffer or self._grow()):
            dropped = min(left, len(self._buffer))
            del self._buffer[:dropped]
            left -= dropped
        more = self._skip_line_ends()
        if left or (more and not self._starts_record()):
            other = _NEXT_RECORD.search(block)
            if other is not None and len(block) + left == length and self._rescues < _MAX_RESCUES:
                self._rescues += 1
                # The record claims to hold the next one: take that one back out of it.
                self._buffer[:0] = block[other.start() + 1 :]
                return Frame(header, b"", 0, "bad_header", f"Content-Length {length} runs into the next record")
        if left:
            read = f"{length - left} of {length} bytes"
            return Frame(header, b"", length, *self._damage(TRUNCATED, f"the record ends after {read}"))
        if self._damage_follows() and not (more and (self._starts_record() or _NEXT_RECORD.search(self._buffer))):
            self._buffer.clear()
            return Frame(header, b"", length, *self._damage(TRUNCATED, ""))
        return Frame(header, block, length)

    def _damage_follows(self) -> bool:
        """Say whether the run, after what the buffer holds, ends in damage rather than at another member."""
        return self._next is not None and self._next.rule is not None and not self._next.begins_member

    def _damage(self, rule: str, detail: str) -> tuple[str, str]:
        """Name what broke a record: the damage to the file that follows it, which is thereby answered for."""
        coming = self._next
        if self._buffer or coming is None or coming.rule is None or coming.begins_member:
            return rule, detail
        self._next = next(self._content, None)
        return coming.rule, "; ".join(part for part in (detail, coming.detail) if part)

    def _skip_to_record(self) -> int:
        """Drop bytes up to the next record of the run; returns how many."""
        dropped = 0
        while True:
            found = _NEXT_RECORD.search(self._buffer, 1)
            if found is not None:
                del self._buffer[: found.start() + 1]
                return dropped + found.start() + 1
            kept = min(len(self._buffer), len(_MAGIC) + 1)
            dropped += len(self._buffer) - kept
            del self._buffer[: len(self._buffer) - kept]
            if not self._grow():
                dropped += len(self._buffer)
                self._buffer.clear()
                return dropped
