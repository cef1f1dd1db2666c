"""Lines of a stretch of a file: cut at newlines, bounded, each with its place, damage in the place of what it tore."""

from collections.abc import Iterator
from typing import NamedTuple

from prep.corpus.compression import Place
from prep.stages.read.rows import Input, Row, failed, too_large
from prep.stages.read.text import text_row


class Line(NamedTuple):
    """A line, or (with `rule`) damage to the file."""

    place: Place
    data: bytes
    """The line without its newline, up to the reader's limit."""
    length: int
    """How many bytes the line holds in full."""
    rule: str | None = None
    detail: str = ""


def lines(file: Input) -> Iterator[Line]:
    """Yield each line's first `max_bytes` bytes and its length; empty lines too."""
    limit = file.options.max_bytes
    held = bytearray()
    length = 0
    begin = file.start
    for piece in file.pieces():
        start = 0
        if not length:
            begin = piece.place
        while (end := piece.data.find(b"\n", start)) >= 0:
            held += piece.data[start : min(end, start + limit - len(held))]
            yield Line(begin, bytes(held), length + end - start)
            held.clear()
            length, start = 0, end + 1
            begin = Place(piece.place.member, piece.place.offset + start)
        held += piece.data[start : start + limit - len(held)]
        length += len(piece.data) - start
        if piece.rule is not None:
            torn = f"; {length} bytes of a line are lost" if length else ""
            yield Line(begin, b"", 0, piece.rule, piece.detail + torn)
            held.clear()
            length = 0
    if length:
        yield Line(begin, bytes(held), length)


def line_rows(file: Input) -> Iterator[Row]:
    """Yield each line as a document of plain text; lines of white space are no records."""
    for line in lines(file):
        row_id = file.id_at(line.place)
        if line.rule is not None:
            yield failed(row_id, line.rule, line.detail)
        elif line.length > file.options.max_bytes:
            yield too_large(row_id, line.length, file.options.max_bytes)
        elif line.data and not line.data.isspace():
            yield text_row(row_id, line.data.removesuffix(b"\r"))
