"""Cutting archives of the web into records, so that every byte is accounted for.

FastWARC's iterator stops at the first header it cannot read and takes a cut file for a finished one. Here broken
records are named, and after damage the reading goes on at the next record.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from prep.corpus.files.compression import START, TRUNCATED, Piece, Place
from prep.stages.read.archives.places import Places
from prep.stages.read.archives.responses import MAX_HEADER

_MAX_RESCUES = 1000
"""Records taken back out of others that claimed them; each costs a copy, so a hostile file gets only so many."""

_LINE_ENDS = re.compile(rb"[\r\n]+")
_NUMBER = re.compile(r"[0-9]{1,18}")


class Frame(NamedTuple):
    """A record as it lies in the file, or bytes that are none."""

    header: Mapping[str, str]
    block: bytes
    """What the record holds, up to the reader's limit."""
    length: int
    """How many bytes the record holds in full."""
    rule: str | None = None
    """What is broken about it: "truncated", "bad_gzip", "bad_header"."""
    detail: str = ""
    missing: int | None = None
    """How many bytes are announced and not there, where the file is cut off and that is known."""
    place: Place = START
    """Where it begins."""


class Dialect(NamedTuple):
    """How a kind of archive writes its records."""

    magic: bytes
    """What a record that is cut off within its first bytes may begin with."""
    begins: re.Pattern[bytes]
    """How a record begins."""
    next_record: re.Pattern[bytes]
    """A record that begins on the next line."""
    header_end: re.Pattern[bytes]
    fields: Callable[[bytes], Mapping[str, str]]
    """Parses a header; its "content-length" counts the bytes behind the header."""
    overlap: int = 8
    """At most so many bytes of `next_record` may lie before the end of a buffer that does not hold all of it."""


class Framer:
    """Cuts an archive's content into records.

    A run is content without a gap: it ends at damage, at the end of the file, and where a compressed member begins
    with a record, so that a record never swallows the next one.
    """

    def __init__(self, content: Iterator[Piece], dialect: Dialect, limit: int) -> None:
        self._content = content
        self._dialect = dialect
        self._limit = limit
        self._buffer = bytearray()
        self._next = next(content, None)
        self._rescues = 0
        self._places = Places()

    def frames(self) -> Iterator[Frame]:
        """Yield every record, and every stretch of bytes that is none, in the file's order."""
        while self._next is not None:
            if self._next.rule is not None:  # damage that no record has answered for
                damage = self._next
                yield Frame({}, b"", 0, damage.rule, damage.detail, damage.missing, damage.place)
                self._next = next(self._content, None)
                continue
            self._take()
            while self._skip_line_ends():
                place = self._places.at(self._places.taken - len(self._buffer))
                if self._starts_record():
                    yield self._record()._replace(place=place)
                else:
                    detail = f"{self._skip_to_record()} bytes that are no record"
                    yield Frame({}, b"", 0, *self._damage("bad_header", detail), place)

    def _take(self) -> None:
        if self._next is not None:
            self._places.add(self._next)
            self._buffer += self._next.data
            self._next = next(self._content, None)

    def _grow(self) -> bool:
        """Take the next piece of the run; False at its end."""
        coming = self._next
        if (
            coming is None
            or coming.rule is not None
            or (coming.begins_member and self._dialect.begins.match(coming.data))
        ):
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
        magic = self._dialect.magic
        while len(self._buffer) < len(magic) and self._grow():
            pass
        if self._dialect.begins.match(self._buffer):
            return True
        return len(self._buffer) < len(magic) and magic.startswith(
            self._buffer.upper() if magic.isupper() else self._buffer
        )

    def _record(self) -> Frame:
        end = self._dialect.header_end.search(self._buffer)
        while end is None and len(self._buffer) < MAX_HEADER and self._grow():
            end = self._dialect.header_end.search(self._buffer)
        other = self._dialect.next_record.search(self._buffer, 0, MAX_HEADER if end is None else end.start())
        if end is None or other is not None:
            rule = TRUNCATED if other is None and len(self._buffer) < MAX_HEADER else "bad_header"
            detail = f"a record's header breaks off after {self._skip_to_record()} bytes"
            return Frame({}, b"", 0, *self._damage(rule, detail))
        header = self._dialect.fields(bytes(self._buffer[: end.start()]))
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
            other = self._dialect.next_record.search(block)
            if other is not None and len(block) + left == length and self._rescues < _MAX_RESCUES:
                self._rescues += 1
                # The record claims to hold the next one: take that one back out of it.
                self._buffer[:0] = block[other.start() + 1 :]
                return Frame(header, b"", 0, "bad_header", f"Content-Length {length} runs into the next record")
        if left:
            read = f"{length - left} of {length} bytes"
            return Frame(header, b"", length, *self._damage(TRUNCATED, f"the record ends after {read}", left))
        if self._damage_follows() and not (
            more and (self._starts_record() or self._dialect.next_record.search(self._buffer))
        ):
            self._buffer.clear()
            return Frame(header, b"", length, *self._damage(TRUNCATED, ""))
        return Frame(header, block, length)

    def _damage_follows(self) -> bool:
        """Say whether the run, after what the buffer holds, ends in damage rather than at another member."""
        return self._next is not None and self._next.rule is not None and not self._next.begins_member

    def _damage(self, rule: str, detail: str, missing: int | None = None) -> tuple[str, str, int | None]:
        """Name what broke a record: the damage to the file that follows it, which is thereby answered for."""
        coming = self._next
        if self._buffer or coming is None or coming.rule is None or coming.begins_member:
            return rule, detail, missing
        self._next = next(self._content, None)
        known = [count for count in (missing, coming.missing) if count is not None]
        return coming.rule, "; ".join(part for part in (detail, coming.detail) if part), max(known, default=None)

    def _skip_to_record(self) -> int:
        """Drop bytes up to the next record of the run; returns how many."""
        dropped = 0
        while True:
            found = self._dialect.next_record.search(self._buffer, 1)
            if found is not None:
                del self._buffer[: found.start() + 1]
                return dropped + found.start() + 1
            kept = min(len(self._buffer), self._dialect.overlap)
            dropped += len(self._buffer) - kept
            del self._buffer[: len(self._buffer) - kept]
            if not self._grow():
                dropped += len(self._buffer)
                self._buffer.clear()
                return dropped
