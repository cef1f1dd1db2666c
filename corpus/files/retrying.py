"""Reading from storage that stalls or fails for a while: time-outs, and retries with growing waits.

Network file systems and object stores answer late, drop connections or report an error that a second later is gone.
None of that says anything about the data. Each operation runs in a helper thread, since a blocked read cannot be
interrupted: when the time-out is over, the thread is abandoned, the file opened again, and reading goes on at the same
byte. Who opens files in a task learns of longer waits (`storage_access`), so that waiting is not taken for working.

Cost: one thread per open file, and one hand-over to it per read of up to 4 MiB; readers take 64 KiB or more at a time.
"""

import errno
import io
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import partial
from os import fstat
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic, sleep
from typing import IO, Generic, TypeVar, cast

from pydantic import BaseModel, ConfigDict, Field

from prep.corpus.errors import StorageError

T = TypeVar("T")

_QUICK_SECONDS = 0.2
"""An operation that takes no longer is not reported as waiting."""
_LONGEST_WAIT = 60.0
_LONGEST_ASKED_WAIT = 600.0
"""A server that asks for more time than that before the next request (`Retry-After`) is asked sooner."""
_LARGEST_READ = 4 << 20
_BUFFER = 64 << 10
_TRANSIENT = frozenset(
    getattr(errno, name)
    for name in (
        "EIO",
        "EAGAIN",
        "ESTALE",
        "ETIMEDOUT",
        "EREMOTEIO",
        "ENOLINK",
        "ECOMM",
        "EPROTO",
        "EPIPE",
        "ENOTCONN",
        "ESHUTDOWN",
        "ECONNRESET",
        "ECONNABORTED",
        "ECONNREFUSED",
        "EHOSTDOWN",
        "EHOSTUNREACH",
        "ENETDOWN",
        "ENETUNREACH",
        "ENETRESET",
        "ENOBUFS",
        "EBUSY",
    )
    if hasattr(errno, name)
)
_LASTING = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError, io.UnsupportedOperation)
_CLIENTS = frozenset({"aiobotocore", "aiohttp", "azure", "botocore", "gcsfs", "http", "httpcore", "httpx", "requests",
                      "urllib3"})  # fmt: skip
"""Packages whose errors are those of a connection, whatever their classes derive from."""
_NO_CREDENTIALS = frozenset({"CredentialRetrievalError", "DefaultCredentialsError", "NoCredentialsError",
                             "NoRegionError", "ParamValidationError", "PartialCredentialsError",
                             "ProfileNotFound"})  # fmt: skip
"""Errors of these packages that no waiting makes go away."""


class StorageAccess(BaseModel):
    """How long to wait for storage, local network file systems and object stores alike. None of it changes the result.

    With the defaults, storage that reports errors is given up after about three minutes, storage that does not answer
    after about twelve.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    timeout_seconds: float = Field(60.0, gt=0)
    """Seconds that one operation may take: opening a file, or reading up to 4 MiB of it."""
    retries: int = Field(8, ge=0)
    """How often an operation is tried again, before the run ends with the file's name."""
    wait_seconds: float = Field(1.0, ge=0)
    """Seconds before the first retry; twice as long before each further one, a minute at most."""


@dataclass(frozen=True)
class _Access:
    settings: StorageAccess
    waiting: Callable[[], AbstractContextManager[None]]
    slow_down: frozenset[int] = frozenset()
    """Answers of HTTP servers that mean that requests come too fast, beside 429 and 503."""


_DEFAULT = _Access(StorageAccess(), nullcontext)
_ACCESS: ContextVar[_Access] = ContextVar("access", default=_DEFAULT)


@contextmanager
def storage_access(
    settings: StorageAccess, waiting: Callable[[], AbstractContextManager[None]] = nullcontext
) -> Iterator[None]:
    """Apply settings to the files that this thread opens in the block; `waiting` is entered while it waits for them."""
    token = _ACCESS.set(_Access(settings, waiting))
    try:
        yield
    finally:
        _ACCESS.reset(token)


@contextmanager
def slow_down_answers(*statuses: int) -> Iterator[None]:
    """Take answers of HTTP servers for a request to come back later, where this thread reads in the block."""
    token = _ACCESS.set(replace(_ACCESS.get(), slow_down=frozenset(statuses)))
    try:
        yield
    finally:
        _ACCESS.reset(token)


def same_access() -> Callable[[], object]:
    """Return what applies this thread's settings in another thread, which calls it."""
    return partial(_ACCESS.set, replace(_ACCESS.get(), waiting=nullcontext))


def is_transient(error: BaseException, *, remote: bool, slow_down: frozenset[int] = frozenset()) -> bool:
    """Say whether an error may be gone at the next try: of a connection or device, not of what was asked for."""
    if getattr(error, "status", None) in slow_down:
        return True
    if isinstance(error, _LASTING):
        return False
    if isinstance(error, ConnectionError | TimeoutError):
        return True
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in _TRANSIENT
    status = getattr(error, "status", None)
    if isinstance(status, int) and 400 <= status < 500:
        return status in (408, 425, 429)
    if isinstance(error, OSError):
        return remote
    return _is_of_client(error) and type(error).__name__ not in _NO_CREDENTIALS


def _is_of_client(error: BaseException) -> bool:
    return any(kind.__module__.partition(".")[0] in _CLIENTS for kind in type(error).__mro__)


def retried(operation: str, path: str, call: Callable[[], T], more_seconds: float = 0.0) -> T:
    """Return what a call to a store returns, tried again where it stalls or fails for a while. Raises StorageError.

    The call may take `more_seconds` beside those that the settings give one operation.
    """
    tries = _Tries(operation, path, more_seconds)
    while True:
        helper = _Helper()
        try:
            return tries.run(helper, call)
        except _TryError as failed:
            tries.wait(failed)
        finally:
            helper.end()


def open_retrying(path: str, opener: Callable[[], IO[bytes]]) -> IO[bytes]:
    """Open a file so that reading from it is tried again where storage stalls or fails for a while.

    What is no regular file (a pipe, a terminal) is returned as it is: its bytes come once. Raises what the opener
    raises where that is not for a while (FileNotFoundError), StorageError where storage stays away.
    """
    raw = _RetryingFile(path, opener)
    plain = raw.irregular()
    return cast("IO[bytes]", io.BufferedReader(raw, _BUFFER)) if plain is None else plain


class _TryError(Exception):
    """An operation failed in a way that may be gone at the next try, which is asked for in so many seconds."""

    def __init__(self, message: str, asked_wait: float = 0.0) -> None:
        super().__init__(message)
        self.asked_wait = asked_wait


def _asked_wait(error: BaseException) -> float:
    """Return the seconds that a server asks to be left alone for; 0 where it names none, or a date."""
    headers = getattr(error, "headers", None)
    asked = headers.get("Retry-After") if isinstance(headers, Mapping) else None
    return min(_LONGEST_ASKED_WAIT, float(asked)) if isinstance(asked, str) and asked.isdigit() else 0.0


class _Helper:
    """A thread that does one operation after another; it is abandoned where one of them does not come back."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self._answers: SimpleQueue[tuple[object, BaseException | None]] = SimpleQueue()
        Thread(target=_serve, args=(self._calls, self._answers), daemon=True).start()

    def begin(self, call: Callable[[], object]) -> None:
        self._calls.put(call)

    def answer(self, seconds: float) -> object:
        """Return what the call returned, or raise what it raised; queue.Empty where it takes longer."""
        value, error = self._answers.get(timeout=seconds)
        if error is not None:
            raise error
        return value

    def end(self) -> None:
        self._calls.put(None)


def _serve(
    calls: "SimpleQueue[Callable[[], object] | None]", answers: "SimpleQueue[tuple[object, BaseException | None]]"
) -> None:
    while (call := calls.get()) is not None:
        try:
            answers.put((call(), None))
        except BaseException as error:
            answers.put((None, error))
        del call


class _Tries:
    """The tries of one operation, counted."""

    def __init__(self, operation: str, path: str, more_seconds: float = 0.0) -> None:
        self._access = _ACCESS.get()
        self._limit = self._access.settings.timeout_seconds + more_seconds
        self._operation = operation
        self._path = path
        self._failed = 0
        self._since = monotonic()

    def run(self, helper: _Helper, call: Callable[[], T]) -> T:
        """Return what the call returns. Raises _TryError where another try may help."""
        limit = self._limit
        helper.begin(call)
        try:
            try:
                return cast("T", helper.answer(min(_QUICK_SECONDS, limit)))
            except Empty:
                with self._access.waiting():
                    return cast("T", helper.answer(max(0.0, limit - _QUICK_SECONDS)))
        except Empty:
            raise _TryError(f"no answer within {limit:g} s") from None
        except Exception as error:
            if not is_transient(error, remote="://" in self._path, slow_down=self._access.slow_down):
                if isinstance(error, OSError) or not _is_of_client(error):
                    raise
                seen = f"{type(error).__name__}: {error}"
                hint = "see that the address and the credentials of the store are right"
                raise StorageError(f"{self._operation} {self._path} failed: {seen}; {hint}") from error
            raise _TryError(f"{type(error).__name__}: {error}", _asked_wait(error)) from error

    def wait(self, failed: _TryError) -> None:
        """Wait before the next try. Raises StorageError where there were enough."""
        settings = self._access.settings
        self._failed += 1
        if self._failed > settings.retries:
            raise StorageError(
                f"{self._operation} {self._path} failed {self._failed} times in {monotonic() - self._since:.0f} s, the "
                f"last time with {failed}; nothing is lost: run again when the storage answers (see the option storage)"
            ) from failed.__cause__
        with self._access.waiting():
            sleep(max(failed.asked_wait, min(_LONGEST_WAIT, settings.wait_seconds * 2 ** (self._failed - 1))))


class _RetryingFile(io.RawIOBase):
    """A file that is opened again where reading it stalls or fails for a while, and read on at the same byte."""

    def __init__(self, path: str, opener: Callable[[], IO[bytes]]) -> None:
        self.name = path
        self._opener = opener
        self._position = 0
        self._helper: _Helper | None = None
        self._source: IO[bytes] | None = None
        try:
            self._attempt("opening", lambda _: None)
        except BaseException:
            self.close()
            raise

    def irregular(self) -> IO[bytes] | None:
        """Return the file itself, let go of, where it is on this machine and no regular file."""
        if "://" in self.name and not self.name.startswith("file://"):
            return None
        assert self._source is not None
        if stat.S_ISREG(fstat(self._source.fileno()).st_mode):
            return None
        source, self._source = self._source, None
        self.close()
        return source

    def _attempt(self, operation: str, call: "Callable[[IO[bytes]], T]") -> T:
        tries = _Tries(operation, self.name)
        while True:
            try:
                if self._source is None:
                    self._helper = self._helper or _Helper()
                    self._source = tries.run(self._helper, _Reopening(self._opener, self._position))
                assert self._helper is not None
                return tries.run(self._helper, _Bound(call, self._source))
            except _TryError as failed:
                self._abandon()
                tries.wait(failed)

    def _abandon(self) -> None:
        """Leave the file, which may never answer again, to the thread, which closes it when it can."""
        helper, source, self._helper, self._source = self._helper, self._source, None, None
        if helper is not None:
            if source is not None:
                helper.begin(source.close)
            helper.end()

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        """Read up to the buffer's length."""
        size = min(len(buffer), _LARGEST_READ)
        data = self._attempt(f"reading at byte {self._position:,} of", partial(_read, self._position, size))
        self._position += len(data)
        buffer[: len(data)] = data
        return len(data)

    def readall(self) -> bytes:
        """Read to the end."""
        content = bytearray()
        while data := self._attempt(
            f"reading at byte {self._position:,} of", partial(_read, self._position, _LARGEST_READ)
        ):
            self._position += len(data)
            content += data
        return bytes(content)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move to a byte. Raises ValueError or OSError where the store gives files only from their start."""
        if whence == io.SEEK_CUR:
            offset, whence = self._position + offset, io.SEEK_SET
        if whence == io.SEEK_END:
            self._position = self._attempt("finding the end of", lambda source: source.seek(offset, whence))
        else:
            self._position = offset if self._source is None else self._source.seek(offset)
        return self._position

    def tell(self) -> int:
        """Return the byte that is read next."""
        return self._position

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Say whether the store gives files from any byte on."""
        return self._source is None or bool(self._source.seekable())

    def close(self) -> None:
        """Close the file."""
        helper, source, self._helper, self._source = self._helper, self._source, None, None
        if source is not None:
            source.close()
        if helper is not None:
            helper.end()
        super().close()


def _read(position: int, size: int, source: IO[bytes]) -> bytes:
    """Read from a file; where its store has said how long it is, an earlier end is a connection that was cut."""
    data = source.read(size)
    length = getattr(source, "size", None)
    if not data and size and isinstance(length, int) and position < length:
        raise ConnectionError(f"the store ends the file at byte {position:,} of {length:,}")
    return data


class _Bound(Generic[T]):
    """A call with its file: the thread must not hold the object that owns the thread."""

    def __init__(self, call: "Callable[[IO[bytes]], T]", source: IO[bytes]) -> None:
        self._call = call
        self._source = source

    def __call__(self) -> T:
        return self._call(self._source)


class _Reopening:
    """Opens a file at a byte."""

    def __init__(self, opener: Callable[[], IO[bytes]], position: int) -> None:
        self._opener = opener
        self._position = position

    def __call__(self) -> IO[bytes]:
        source = self._opener()
        if self._position:
            source.seek(self._position)
        return source
