"""One file that several tasks write, each a range of it, and that appears under its name when all have.

Each task writes to the same hidden file beside it. A task that is done again writes the same bytes to the same place.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from prep.corpus.errors import RunError


class SharedFile:
    """A local file put together by several tasks."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._partial = self._path.with_name(f".{self._path.name}.partial")

    @contextmanager
    def writing(self, offset: int) -> Iterator[IO[bytes]]:
        """Open the file for a task that writes from `offset` on; what it wrote is on disk when the block ends."""
        self._partial.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._partial, os.O_RDWR | os.O_CREAT, 0o666)
        with os.fdopen(descriptor, "r+b") as sink:
            sink.seek(offset)
            yield sink
            sink.flush()
            os.fsync(descriptor)

    def publish(self, size: int) -> None:
        """Give the file its name, if it does not have it yet. Raises RunError where it does not have `size` bytes."""
        if not self._partial.exists() and not self._path.exists():
            self._partial.parent.mkdir(parents=True, exist_ok=True)
            self._partial.touch()
        if self._partial.exists():
            self._partial.replace(self._path)
        seen = self._path.stat().st_size
        if seen != size:
            raise RunError(f"{self._path}: expected {size} bytes, seen {seen}; delete the folder and export again")
