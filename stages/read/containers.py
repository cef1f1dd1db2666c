"""Files that hold one document in a structure of their own, and can only be read as a whole."""

import io
from contextlib import AbstractContextManager, nullcontext
from typing import IO, cast

from prep.corpus.storage import open_input
from prep.stages.read.files import whole
from prep.stages.read.rows import Input, Row

MAX_BYTES = 256 << 20
"""A compressed file of more bytes is rejected: it has to be held in memory."""


def opened(file: Input) -> AbstractContextManager[IO[bytes]] | Row:
    """Open a file so that any part of it can be read; return what becomes of it where that is impossible."""
    if not file.compressed:
        return open_input(file.path)
    content = whole(file, MAX_BYTES)
    return content if isinstance(content, Row) else nullcontext(cast("IO[bytes]", io.BytesIO(content)))
