"""One run at a time in a folder of steps."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prep.corpus.errors import RunError
from prep.pipeline.monitor.state import LOCK


class BusyError(RunError):
    """Another run holds the folder."""


@contextmanager
def alone(folder: str) -> Iterator[None]:
    """Hold the folder of steps against a second run; the system lets go of it however this process ends.

    Raises BusyError where another process holds it.
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    with Path(folder, LOCK).open("w") as lock:
        try:
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # unlike flock, never held by a child
        except (BlockingIOError, PermissionError) as error:
            raise BusyError(f"{folder}: another run is at work here; wait for it, or set another output") from error
        yield
