"""One document per file: HTML pages, plain text and Markdown."""

from collections.abc import Iterator

from prep.corpus.compression import pieces
from prep.stages.read_rows import Input, Row, failed, rejected
from prep.stages.read_warc import text_row


def html_rows(file: Input) -> Iterator[Row]:
    """Yield the page that the file holds, as bytes."""
    data, length, damage = _content(file)
    row_id = file.row_id(0)
    if damage is not None:
        yield failed(row_id, *damage)
    elif length > file.max_bytes:
        yield rejected(row_id, "too_large", float(length), f"more than {file.max_bytes} bytes")
    elif not data.strip():
        yield rejected(row_id, "empty")
    else:
        yield Row(row_id, html=data)


def text_rows(file: Input) -> Iterator[Row]:
    """Yield the text that the file holds, which must be UTF-8."""
    data, length, damage = _content(file)
    row_id = file.row_id(0)
    yield failed(row_id, *damage) if damage is not None else text_row(row_id, data, length, file.max_bytes)


def _content(file: Input) -> tuple[bytes, int, tuple[str, str] | None]:
    """Return the file's first `max_bytes` bytes, its full length, and the first damage to it."""
    held = bytearray()
    length = 0
    for piece in pieces(file.path):
        if piece.rule is not None:
            return bytes(held), length, (piece.rule, piece.detail)
        held += piece.data[: max(0, file.max_bytes - length)]
        length += len(piece.data)
    return bytes(held), length, None
