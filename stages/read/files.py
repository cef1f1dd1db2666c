"""One document per file: HTML pages, plain text and Markdown."""

from collections.abc import Iterator

from prep.corpus.compression import pieces
from prep.stages.read.rows import Input, Row, failed, rejected, text_row, too_large


def html_rows(file: Input) -> Iterator[Row]:
    """Yield the page that the file holds, as bytes."""
    row_id = file.row_id(0)
    content, damage = _content(file)
    if damage is not None:
        yield failed(row_id, *damage)
    elif len(content) > file.max_bytes:
        yield too_large(row_id, len(content), file.max_bytes)
    elif not content or content.isspace():
        yield rejected(row_id, "empty")
    else:
        yield Row(row_id, html=content)


def text_rows(file: Input) -> Iterator[Row]:
    """Yield the text that the file holds, which must be UTF-8."""
    row_id = file.row_id(0)
    content, damage = _content(file)
    yield failed(row_id, *damage) if damage is not None else text_row(row_id, content, len(content), file.max_bytes)


def _content(file: Input) -> tuple[bytes, tuple[str, str] | None]:
    """Return the file's content, up to the piece that brings it above the limit, and damage to it."""
    content = bytearray()
    for piece in pieces(file.path):
        if piece.rule is not None:
            return bytes(content), (piece.rule, piece.detail)
        content += piece.data
        if len(content) > file.max_bytes:
            break
    return bytes(content), None
