"""The lock of a run whose output lies in an object store, where no system lets go of it when a process ends.

    steps/lock/000001.json      who holds it: host, process, since when, a token, and the last beat

A run takes the lock by creating the next number on the condition that it is not there, so that of two that try at once
one wins, rewrites its file every few seconds, and deletes it at its end. A lock whose holder has written nothing for
`SILENT_SECONDS` is taken over by creating the number behind it; before that, the file is watched for a while, since
clocks of two machines may differ. A holder that does not find its own number has lost the lock and writes no more.
"""

import os
import secrets
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from time import sleep, time
from types import TracebackType
from typing import Self

import orjson

from prep.corpus.errors import PrepError, RunError
from prep.corpus.files.objects import create, list_objects, read_object, remove_objects, send_bytes
from prep.corpus.files.retrying import same_access
from prep.corpus.files.storage import join

LOCKS = "steps/lock"
"""The folder of the locks, below a run's output."""
BEAT_SECONDS = 10.0
SILENT_SECONDS = 60.0


@dataclass(frozen=True)
class Holder:
    """Who holds a lock. Times are seconds since 1970 by the holder's clock."""

    host: str
    pid: int
    token: str
    since: float
    beat: float

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


class Lease:
    """Holds the lock of an output while the block runs. Raises RunError where another run holds it."""

    def __init__(self, url: str, beat_seconds: float = BEAT_SECONDS, silent_seconds: float = SILENT_SECONDS) -> None:
        self._folder = join(url, LOCKS)
        self._url = url
        self._beat_seconds = beat_seconds
        self._silent_seconds = silent_seconds
        now = time()
        self._holder = Holder(socket.gethostname(), os.getpid(), secrets.token_hex(8), now, now)
        self._number = 0
        self._lost = ""
        self._stop = threading.Event()

    def __enter__(self) -> Self:
        self._take()
        access = same_access()
        self._thread = threading.Thread(target=self._beat, args=(access,), name="lease", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self.release()

    def require(self) -> None:
        """Raise RunError where the lock is lost: another run may be at work."""
        if self._lost:
            raise RunError(f"{self._url}: {self._lost}; nothing more is written")

    def release(self) -> None:
        """Let go of the lock, so that the next run need not wait."""
        self._stop.set()
        if not self._lost:
            with suppress(PrepError, OSError):  # it grows old by itself
                remove_objects([self._path(self._number)])

    def _take(self) -> None:
        number, holder = _latest(self._folder)
        if holder is not None:
            self._refuse_if_alive(number, holder)
        mine = number + 1
        if not create(self._path(mine), _encoded(self._holder)):
            _, other = _latest(self._folder)
            raise RunError(f"{self._url}: another run has just begun here: {other or 'unknown'}; wait for it")
        self._number = mine
        remove_objects([item.path for name, item in list_objects(self._folder).items() if _number(name) < mine])

    def _refuse_if_alive(self, number: int, holder: Holder) -> None:
        if _has_ended_here(holder):
            return
        silent = time() - holder.beat
        if silent > self._silent_seconds:
            sleep(2 * self._beat_seconds)
            if _latest(self._folder) == (number, holder):
                return
        raise RunError(
            f"{self._url}: another run is at work here: {holder}, whose last sign of life is {max(0.0, silent):.0f} s "
            f"old; wait for it, or set another output; it counts as ended after {self._silent_seconds:.0f} s of silence"
        )

    def _path(self, number: int) -> str:
        return _path(self._folder, number)

    def _write(self, holder: Holder) -> None:
        send_bytes(self._path(self._number), _encoded(holder))

    def _beat(self, access: Callable[[], object]) -> None:
        access()
        while not self._stop.wait(self._beat_seconds):
            try:
                number, _ = _latest(self._folder)
                if number != self._number:
                    self._lost = "another run has taken the lock, since this one was silent for too long"
                    return
                if not self._stop.is_set():
                    self._write(replace(self._holder, beat=time()))
            except (PrepError, OSError):  # a store that stays away ends the run where it reads or writes
                continue


def holder_of(url: str) -> Holder | None:
    """Return who holds the lock of an output; None where nobody does."""
    return _latest(join(url, LOCKS))[1]


def _latest(folder: str) -> tuple[int, Holder | None]:
    """Return the highest number, 0 for none, and who holds it; None for one that cannot be read."""
    number = max((_number(name) for name in list_objects(folder)), default=0)
    return number, _decoded(read_object(_path(folder, number))) if number else None


def _path(folder: str, number: int) -> str:
    return join(folder, f"{number:06d}.json")


def _encoded(holder: Holder) -> bytes:
    return orjson.dumps(asdict(holder))


def _decoded(data: bytes | None) -> Holder | None:
    try:
        return None if data is None else Holder(**orjson.loads(data))
    except (ValueError, TypeError):
        return None


def _number(name: str) -> int:
    digits = name.removesuffix(".json")
    return int(digits) if digits.isdigit() else 0


def _has_ended_here(holder: Holder) -> bool:
    """Say whether the holder was a process of this machine that lives no more."""
    if holder.host != socket.gethostname():
        return False
    try:
        os.kill(holder.pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
