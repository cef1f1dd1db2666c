"""Storage that stalls, fails for a while, or stays away."""

import errno
import io
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import IO, cast

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prep.corpus.errors import StorageError
from prep.corpus.files import storage
from prep.corpus.files.retrying import (
    StorageAccess,
    is_transient,
    open_retrying,
    retried,
    slow_down_answers,
    storage_access,
)
from prep.pipeline.execution.quarantine import ELSEWHERE, Note, Spot, read_note

CONTENT = bytes(range(256)) * 4096
SOON = StorageAccess(timeout_seconds=60, retries=3, wait_seconds=0.001)
IMPATIENT = SOON.model_copy(update={"timeout_seconds": 0.3})
"""For reads that stall: others may take longer than that on a busy machine."""


class Store:
    """Opens one file; reads fail or stall by their number, over all openings."""

    def __init__(self, faults: dict[int, OSError | None], content: bytes = CONTENT) -> None:
        self.faults = faults
        self.content = content
        self.reads = 0
        self.opened = 0
        self.go_on = threading.Event()

    def open(self) -> IO[bytes]:
        self.opened += 1
        return cast("IO[bytes]", _File(self))


class _File(io.BytesIO):
    def __init__(self, store: Store) -> None:
        super().__init__(store.content)
        self._store = store

    def read(self, size: int | None = -1) -> bytes:
        number, self._store.reads = self._store.reads, self._store.reads + 1
        if number in self._store.faults:
            error = self._store.faults[number]
            if error is not None:
                raise error
            self._store.go_on.wait(5)
        return super().read(size)


class _Announced(io.BytesIO):
    """A file whose length its store has said, and that ends early when it is read for the first time."""

    size = len(CONTENT)

    def __init__(self, store: Store) -> None:
        store.opened += 1
        super().__init__(CONTENT[: len(CONTENT) // 3] if store.opened == 1 else CONTENT)


def test_an_answer_that_ends_early_is_asked_for_again() -> None:
    store = Store({})
    with (
        storage_access(SOON),
        open_retrying("s3://bucket/a.jsonl", lambda: cast("IO[bytes]", _Announced(store))) as file,
    ):
        assert file.read() == CONTENT
    assert store.opened == 2


def read_all(
    store: Store,
    waiting: Callable[[], AbstractContextManager[None]] = nullcontext,
    access: StorageAccess = SOON,
    size: int = 100_000,
) -> bytes:
    with storage_access(access, waiting), open_retrying("s3://bucket/a.jsonl", store.open) as source:
        return b"".join(iter(lambda: source.read(size), b""))


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.EIO, "Input/output error"),
        OSError(errno.ESTALE, "Stale file handle"),
        OSError(errno.EREMOTEIO, "Remote I/O error"),
        TimeoutError("timed out"),
        ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"),
    ],
)
def test_a_read_that_fails_twice_goes_on_at_the_same_byte(error: OSError) -> None:
    store = Store({3: error, 4: error})
    assert read_all(store) == CONTENT
    assert store.opened == 3


def test_a_read_that_stalls_is_tried_again_and_reported_as_waiting() -> None:
    seen: list[str] = []

    @contextmanager
    def waiting() -> Iterator[None]:
        seen.append("waits")
        try:
            yield
        finally:
            seen.append("reads")

    store = Store({2: None})
    assert read_all(store, waiting, IMPATIENT) == CONTENT
    store.go_on.set()
    assert store.opened == 2
    assert seen == ["waits", "reads"] * 2, "for the answer, and before the next try"


def test_storage_that_stays_away_ends_with_the_file_the_operation_and_the_cause() -> None:
    store = Store(dict.fromkeys(range(1, 100), OSError(errno.EREMOTEIO, "Remote I/O error")))
    place = r"^reading at byte [\d,]+ of s3://bucket/a.jsonl failed 4 times in 0 s, "
    with pytest.raises(StorageError, match=place + r"the last time with OSError: \[Errno 121\] Remote I/O error; "):
        read_all(store)
    store = Store(dict.fromkeys(range(1, 100)))
    with pytest.raises(StorageError, match=r"no answer within 0.3 s"):
        read_all(store, access=IMPATIENT)
    store.go_on.set()


def test_what_does_not_pass_is_not_tried_again() -> None:
    store = Store({1: PermissionError(errno.EACCES, "Permission denied")})
    with pytest.raises(PermissionError):
        read_all(store)
    assert store.opened == 1


def test_opening_is_tried_again_too() -> None:
    store, failures = Store({}), [OSError(errno.ESTALE, "Stale file handle")] * 2

    def opener() -> IO[bytes]:
        if failures:
            raise failures.pop()
        return store.open()

    with storage_access(SOON), open_retrying("s3://bucket/a", opener) as source:
        assert source.read() == CONTENT


def test_seeking_and_libraries_see_an_ordinary_file() -> None:
    sink = io.BytesIO()
    table = pa.table({"text": [f"text {row}" for row in range(5000)]})
    pq.write_table(table, sink, row_group_size=700)
    fault = OSError(errno.EIO, "Input/output error")
    store = Store({0: fault, 2: fault, 5: fault}, sink.getvalue())
    with storage_access(SOON), open_retrying("s3://bucket/a.parquet", store.open) as source:
        assert pq.ParquetFile(source).read() == table
        assert source.seek(-4, io.SEEK_END) == len(sink.getvalue()) - 4
        assert source.read() == b"PAR1"
        source.seek(10)
        source.seek(5, io.SEEK_CUR)
        assert source.read(9) == sink.getvalue()[15:24]


def test_a_pipe_is_read_as_it_is() -> None:
    reader, writer = os.pipe()
    os.write(writer, b"once")
    os.close(writer)
    with storage.open_input(f"/dev/fd/{reader}") as source:
        assert source.read() == b"once"
    os.close(reader)


def test_calls_of_stores_are_tried_again() -> None:
    answers: list[object] = [TimeoutError("late"), ConnectionError("gone"), 12]

    def call() -> object:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    with storage_access(SOON):
        assert retried("looking at", "s3://bucket/a", call) == 12


def test_which_errors_pass() -> None:
    class ClientError(Exception):
        status = 503

    ClientError.__module__ = "aiohttp.client_exceptions"
    assert is_transient(ClientError(), remote=True)
    ClientError.status = 404
    assert not is_transient(ClientError(), remote=True)
    assert is_transient(OSError("the server broke off"), remote=True)
    assert not is_transient(OSError("no such thing"), remote=False)
    assert not is_transient(FileNotFoundError("s3://bucket/a"), remote=True)
    assert not is_transient(OSError(errno.ENOSPC, "No space left on device"), remote=False)
    assert not is_transient(ValueError("a fault of the program"), remote=True)


def client_error(name: str, status: int | None = None, **headers: str) -> Exception:
    """Return an error as clients of stores raise it."""
    kind = type(name, (Exception,), {"__module__": "aiohttp.client", "status": status, "headers": headers})
    return cast("Exception", kind("by the client"))


def test_what_waiting_does_not_change_is_said_at_once() -> None:
    errors = [client_error("NoCredentialsError"), client_error("ClientResponseError", 401)]

    def call() -> None:
        raise errors.pop()

    for left in (1, 0):
        with pytest.raises(StorageError, match=r"reading s3://a failed: .* by the client; see that .* credentials"):
            retried("reading", "s3://a", call)
        assert len(errors) == left


def test_a_server_that_asks_for_patience_gets_it() -> None:
    waits, answers = [], [client_error("ClientResponseError", 403, **{"Retry-After": "7"})]

    def call() -> str:
        if answers:
            raise answers.pop()
        return "there"

    def sleep(seconds: float) -> None:
        waits.append(seconds)

    with pytest.MonkeyPatch.context() as patch, storage_access(StorageAccess(wait_seconds=0.5)):
        patch.setattr("prep.corpus.files.retrying.sleep", sleep)
        with slow_down_answers(403):
            assert retried("reading", "https://a", call) == "there"
    assert waits == [7]


def test_a_task_that_waits_for_storage_is_at_no_document(tmp_path: Path) -> None:
    store, spots = Store({1: None}), []
    with Note(str(tmp_path / "note")) as note:

        @contextmanager
        def waiting() -> Iterator[None]:
            with note.waiting():
                spots.append(read_note(str(tmp_path / "note")))
                yield

        note.at(Spot(0, 0, 0, "a.jsonl@0"))
        assert read_all(store, waiting, IMPATIENT) == CONTENT
        assert read_note(str(tmp_path / "note")) == (0, Spot(0, 0, 0, "a.jsonl@0"))
    store.go_on.set()
    assert spots == [(0, ELSEWHERE)] * 2
