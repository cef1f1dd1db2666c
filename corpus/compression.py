"""Reading compressed files so that damage is noticed, named and survived.

Decompressors disagree about a file that is cut off: some end in silence, some raise after losing what they had. Here
a file is a sequence of pieces of its content, and damage is a piece of its own, in its place. A gzip file is a
sequence of members, each a stream of its own (RFC 1952, section 2.2): after a broken member the reading goes on at
the next one. Archives of the web store one record per member, so pieces also say where a member begins.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, NamedTuple, cast

import pyarrow as pa
from zlib_ng import zlib_ng as zlib

from prep.corpus.storage import open_input

PIECE = 256 << 10
"""At most this many bytes of content travel at a time, however well they compress."""

SUFFIXES = {".gz": "gzip", ".gzip": "gzip", ".zst": "zstd", ".zstd": "zstd", ".bz2": "bz2", ".lz4": "lz4"}
"""File name endings → codecs."""

TRUNCATED = "truncated"
"""The file ends before its content does."""

_BLOCK = 64 << 10
_GZIP_HEADER = re.compile(rb"\x1f\x8b\x08[\x00-\x1f].{4}[\x00\x02\x04][\x00-\x0d\xff]", re.DOTALL)
"""A member's first ten bytes, as writers write them: in compressed data they occur about once in 100 GB by chance."""
_BROKEN = cast("type[Exception]", zlib.error)
_GZIP_WINDOW = 31  # the largest window (15) plus 16: a gzip header is expected


class Piece(NamedTuple):
    """A run of a file's content, or (with `rule`) damage found after the content before it."""

    data: bytes
    begins_member: bool = False
    """Whether a compressed member, or the file, begins with this piece; damage so marked left nothing of a member."""
    rule: str | None = None
    """What is broken: "truncated", or "bad_" and the codec's name."""
    detail: str = ""


def codec_of(path: str) -> str | None:
    """Return the codec that a file's name announces: "gzip", "zstd", "bz2", "lz4", or None for none."""
    return next((codec for suffix, codec in SUFFIXES.items() if path.lower().endswith(suffix)), None)


def strip_codec(path: str) -> str:
    """Return the file's name without the ending that announces its compression."""
    return next((path[: -len(suffix)] for suffix in SUFFIXES if path.lower().endswith(suffix)), path)


def pieces(path: str) -> Iterator[Piece]:
    """Yield a file's content, decompressed as its name announces, in pieces of at most 256 KiB.

    Raises FileNotFoundError where there is no such file; damage is yielded, never raised.
    """
    codec = codec_of(path)
    if codec not in {"gzip", None}:
        yield from _stream_pieces(path, codec)
        return
    with open_input(path) as source:
        yield from _plain_pieces(source) if codec is None else _gzip_pieces(source)


def _plain_pieces(source: IO[bytes]) -> Iterator[Piece]:
    first = True
    while data := source.read(PIECE):
        yield Piece(data, begins_member=first)
        first = False


def _stream_pieces(path: str, codec: str) -> Iterator[Piece]:
    """Yield what Arrow's decompressor gives; damage ends it, since only gzip members can be found again."""
    known = 0
    try:
        with _decompressed(path, codec) as source:
            while data := source.read(PIECE):
                yield Piece(data, begins_member=known == 0)
                known += len(data)
    except OSError as error:
        if error.errno is not None:  # the file system's error, not the codec's
            raise
        if data := _before_damage(path, codec, known):
            yield Piece(data, begins_member=known == 0)
        rule = TRUNCATED if "Truncated" in str(error) else f"bad_{codec}"
        yield Piece(b"", begins_member=known == len(data) == 0, rule=rule, detail=str(error))


@contextmanager
def _decompressed(path: str, codec: str) -> Iterator[pa.CompressedInputStream]:
    with open_input(path) as source, pa.CompressedInputStream(source, codec) as content:
        yield content


def _before_damage(path: str, codec: str, known: int) -> bytes:
    """Return the content between `known` bytes and damage: the read that fails gives nothing of what it has read."""
    content = bytearray()
    with _decompressed(path, codec) as source, suppress(OSError):
        while known and (data := source.read(min(known, PIECE))):
            known -= len(data)
        while data := source.read(1):
            content += data
    return bytes(content)


def _gzip_pieces(source: IO[bytes]) -> Iterator[Piece]:
    """Inflate member after member; after damage, look for the next member."""
    held = b""  # compressed bytes read but not yet used
    offset = 0  # where in the file `held` begins
    while True:
        held, offset = _skip_padding(source, held, offset)
        if not held:
            return
        inflator = zlib.decompressobj(_GZIP_WINDOW)
        start, begins, full = offset, True, False
        while not inflator.eof:
            # A full piece may leave output behind in the inflator even where all input is used.
            if not held and not full and not (held := source.read(_BLOCK)):
                detail = f"the gzip member at byte {start} is cut off"
                yield Piece(b"", begins_member=begins, rule=TRUNCATED, detail=detail)
                held, offset = _next_member(source, start, held, offset)
                break
            before = inflator.copy() if offset > start else None  # type: ignore[attr-defined]
            try:
                data = inflator.decompress(held, PIECE)
            except _BROKEN as error:
                if data := _before_error(before or zlib.decompressobj(_GZIP_WINDOW), held):
                    yield Piece(data, begins_member=begins)
                    begins = False
                detail = f"the rest of the gzip member at byte {start} is lost: {error}"
                yield Piece(b"", begins_member=begins, rule="bad_gzip", detail=detail)
                held, offset = _next_member(source, start, held, offset)
                break
            rest = inflator.unused_data if inflator.eof else inflator.unconsumed_tail
            offset += len(held) - len(rest)
            held = rest
            full = len(data) == PIECE
            if data:
                yield Piece(data, begins_member=begins)
                begins = False


def _before_error(inflator: "zlib._Decompress", held: bytes) -> bytes:
    """Return what broken input gives before the error: a call that fails gives nothing of what it has inflated."""
    data = bytearray()
    with suppress(_BROKEN):
        for at in range(len(held)):
            data += inflator.decompress(held[at : at + 1])
    return bytes(data)


def _next_member(source: IO[bytes], start: int, held: bytes, offset: int) -> tuple[bytes, int]:
    """Return compressed bytes that begin like a gzip member, and their place in the file; nothing at its end.

    The search begins behind the start of the broken member, whose end damage may have hidden, and with it the members
    that follow; where the file cannot be read again, behind the first of the bytes in hand.
    """
    if source.seekable():
        held, offset = b"", start + 1
        source.seek(offset)
    else:
        held, offset = held[1:], offset + 1
    while True:
        found = _GZIP_HEADER.search(held)
        if found is not None:
            return held[found.start() :], offset + found.start()
        more = source.read(_BLOCK)
        if not more:
            return b"", offset + len(held)
        offset += max(0, len(held) - 9)
        held = held[-9:] + more  # a header may lie across the border


def _skip_padding(source: IO[bytes], held: bytes, offset: int) -> tuple[bytes, int]:
    """Drop zero bytes between members: tapes and block devices pad with them, and gzip ignores them."""
    while True:
        rest = held.lstrip(b"\0")
        offset += len(held) - len(rest)
        if rest or not (held := source.read(_BLOCK)):
            return rest, offset
