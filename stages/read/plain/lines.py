"""Lines of a stretch of a file: cut at newlines, bounded, each with its place, damage in the place of what it tore."""

from collections.abc import Iterator

from prep.corpus.files.compression import Place
from prep.stages.read.plain.text import text_row
from prep.stages.read.rows import Input, Record, Row, record_rows


def lines(file: Input) -> Iterator[Record]:
    """Yield each line without its newline; empty lines too."""
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
            yield Record(begin, bytes(held), length + end - start)
            held.clear()
            length, start = 0, end + 1
            begin = Place(piece.place.member, piece.place.offset + start)
        held += piece.data[start : start + limit - len(held)]
        length += len(piece.data) - start
        if piece.rule is not None:
            torn = f"; {length} bytes of a line are lost" if length else ""
            yield Record(begin, b"", 0, piece.rule, piece.detail + torn, piece.missing)
            held.clear()
            length = 0
    if length:
        yield Record(begin, bytes(held), length, ended=False)


def filled_lines(file: Input) -> Iterator[Record]:
    """Yield each line that is not empty or white space alone."""
    return (line for line in lines(file) if line.rule is not None or (line.data and not line.data.isspace()))


def line_rows(file: Input) -> Iterator[Row]:
    """Yield each line as a document of plain text; lines of white space are no records."""
    return record_rows(file, filled_lines(file), lambda row_id, line: text_row(row_id, line.removesuffix(b"\r")))
