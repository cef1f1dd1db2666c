"""One document per file: HTML pages, plain text and Markdown."""

import io
from collections.abc import Iterator

from prep.corpus.files.compression import TRUNCATED
from prep.stages.read.plain.endings import cut_off
from prep.stages.read.plain.text import text_row
from prep.stages.read.rows import Input, Row, damaged, rejected, too_large

MAX_FILE = 256 << 20
"""Files that can only be read as a whole, and hold more than their text, are rejected from so many bytes on."""


def html_rows(file: Input) -> Iterator[Row]:
    """Yield the page that the file holds, as bytes."""
    content = whole(file, file.options.max_bytes)
    if isinstance(content, Row):
        yield content
    elif not content or content.isspace():
        yield rejected(file.id_at(), "empty")
    else:
        yield Row(file.id_at(), html=content)


def text_rows(file: Input) -> Iterator[Row]:
    """Yield the text that the file holds."""
    content = whole(file, file.options.max_bytes)
    yield content if isinstance(content, Row) else text_row(file.id_at(), content)


def cut_row(row_id: str, content: bytes) -> Row | None:
    """Return the failed record of a file that was cut off, by its last bytes; None where it was not."""
    cut = cut_off(io.BytesIO(content))
    return None if cut is None else damaged(row_id, TRUNCATED, cut.detail, cut.missing)


def whole(file: Input, limit: int) -> bytes | Row:
    """Return a file's content, or what becomes of it where it is damaged or holds more than `limit` bytes."""
    if (lost := file.given_up(file.id_at())) is not None:
        return lost
    content = bytearray()
    for piece in file.pieces():
        if piece.rule is not None:
            return damaged(file.id_at(), piece.rule, piece.detail, piece.missing)
        content += piece.data
        if len(content) > limit:
            return too_large(file.id_at(), len(content), limit)
    return bytes(content)
