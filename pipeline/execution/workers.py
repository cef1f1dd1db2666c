"""Worker processes on this machine, watched: a task that ends its process, or hangs, is run again.

Workers live as long as their pool, which takes the tasks of one phase after another: to start one costs a second or
more of loading libraries and compiled kernels. What a task was at whose process ended stands in its note; it is run
again with what is known then, until it ends well or the fault does not look like a document's
(`prep.pipeline.execution.quarantine`). The standard library's pool ends all its workers when one dies.
"""

import gc
import os
import pickle
import signal
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import get_context, parent_process, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from threading import Thread
from time import monotonic, sleep
from typing import Self, cast

from prep.corpus.errors import RunError, TaskError
from prep.pipeline.execution.interrupts import without_interrupts
from prep.pipeline.execution.preloading import preload_loaded
from prep.pipeline.execution.quarantine import (
    CRASHED,
    MOST_QUARANTINED,
    TIMED_OUT,
    Spot,
    read_incidents,
    read_note,
    write_incidents,
)
from prep.pipeline.execution.tasks import Call

LOOK_SECONDS = 1.0
STARTS, START_SECONDS = 10, 0.1
"""How often a worker process is tried to be started, and how long is waited between two tries."""
MOST_ELSEWHERE = 2
"""A task is given up whose process ends more often than that outside stages and readers, or before its first note."""

_CONTEXT = get_context("forkserver")


class _Worker:
    """A process that runs one task after another."""

    def __init__(self) -> None:
        self.rank = -1
        self._call = b""
        self.pipe, theirs = _CONTEXT.Pipe()
        self.process = _started(theirs)
        theirs.close()

    def begin(self, call: bytes, rank: int, note: str) -> None:
        """Give it a task of a call, which it notes in a file what it is at."""
        self.rank = rank
        self._note = note
        self._seen: tuple[int, Spot] | None = None
        self._since = monotonic()
        with suppress(ConnectionError):  # it has ended: `answer` says so
            if call != self._call:
                self.pipe.send(call)
            self.pipe.send(rank)
        self._call = call

    def answer(self) -> str | None:
        """Return how the task ended: empty where all went well; None where it has not. Raises EOFError at its death."""
        if self.pipe.poll():
            return cast("str", self.pipe.recv())
        if not self.process.is_alive() and not self.pipe.poll():
            raise EOFError
        return None

    def hangs(self, seconds: float) -> bool:
        """Say whether a stage or reader has been at the same documents for so long."""
        seen = read_note(self._note)
        if seen != self._seen or seen is None or seen[1].position < 0:
            self._seen, self._since = seen, monotonic()
        return monotonic() - self._since > seconds

    def end(self) -> None:
        """End the process, at once.

        Where the fork server was killed it counts as ended and cannot be killed, whatever it does; it ends by itself
        when it sees that its other end is closed.
        """
        self.process.kill()
        self.process.join()
        self.process.close()
        self.pipe.close()


def _started(pipe: Connection) -> ForkServerProcess:
    """Start a process that serves a pipe; where the fork server was killed, the next try starts another one."""
    for _ in range(STARTS):
        process = _CONTEXT.Process(target=_serve, args=(pipe,))
        resource_tracker.ensure_running()  # which would unblock what `without_interrupts` blocks
        with suppress(EOFError, ConnectionError), without_interrupts():
            process.start()
            return process
        sleep(START_SECONDS)  # until the system reports that the server has ended
    raise RunError("no worker process can be started: the fork server ends each time; see the system's log for its end")


class Pool:
    """Worker processes that take the tasks of one call after another, until the pool is closed."""

    def __init__(self) -> None:
        self._idle: list[_Worker] = []

    def run(self, call: Call, count: Callable[[], int]) -> None:
        """Run the call's tasks in so many worker processes at a time, a number that may change meanwhile.

        Raises TaskError where a task fails, when those that run have ended; RunError where a process ends for no
        document's fault.
        """
        preload_loaded()
        _Crew(call, count, self._idle).run()
        while len(self._idle) > count():
            self._idle.pop().end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """End the workers."""
        while self._idle:
            self._idle.pop().end()


class _Crew:
    """The workers of a call, and the tasks that wait for them."""

    def __init__(self, call: Call, count: Callable[[], int], idle: list[_Worker]) -> None:
        self._call = call
        self._payload = pickle.dumps(call)
        self._count = count
        self._waiting = deque(range(len(call.tasks)))
        self._busy: list[_Worker] = []
        self._idle = idle
        """The pool's, to which workers go back."""
        self._elsewhere: Counter[int] = Counter()
        self._error = ""

    def run(self) -> None:
        try:
            while self._busy or (self._waiting and not self._error):
                while self._waiting and not self._error and len(self._busy) < self._count():
                    self._begin(self._waiting.popleft())
                wait([item for worker in self._busy for item in (worker.pipe, worker.process.sentinel)], LOOK_SECONDS)
                for worker in tuple(self._busy):
                    self._look_at(worker)
        finally:
            for worker in self._busy:
                worker.end()
        if self._error:
            raise TaskError(self._error)

    def _begin(self, rank: int) -> None:
        task = self._call.tasks[rank]
        self._learn(task, None)
        worker = self._alive()
        self._busy.append(worker)
        worker.begin(self._payload, rank, self._call.note_path(task))

    def _alive(self) -> _Worker:
        """Return an idle worker, or a new one; those that have ended since they were last used are let go."""
        while self._idle:
            worker = self._idle.pop()
            if worker.process.is_alive():
                return worker
            worker.end()
        return _Worker()

    def _look_at(self, worker: _Worker) -> None:
        try:
            answer = worker.answer()
        except (EOFError, ConnectionError):
            self._replace(worker, CRASHED)
            return
        if answer is not None:
            self._busy.remove(worker)
            self._idle.append(worker)
            self._error = self._error or answer
        elif worker.hangs(self._call.hang_seconds):
            worker.process.kill()
            self._replace(worker, TIMED_OUT)

    def _replace(self, worker: _Worker, rule: str) -> None:
        """Learn from the note of a worker that has ended, and let its task be run again."""
        worker.process.join()
        task = self._call.tasks[worker.rank]
        spot = self._learn(task, rule)
        self._elsewhere[task] += spot is None or spot.position < 0
        if self._elsewhere[task] > MOST_ELSEWHERE:
            raise RunError(
                f"a worker process was killed ({_manner(worker.process.exitcode)}), most likely for want of memory; "
                "the tasks that are done are kept; run again with fewer workers, or a smaller batch_bytes"
            )
        self._busy.remove(worker)
        worker.end()
        self._waiting.appendleft(worker.rank)

    def _learn(self, task: int, rule: str | None) -> Spot | None:
        """Take a task's note, put down what it says, and return it."""
        found = read_note(self._call.note_path(task))
        if found is None:
            return None
        _, spot = found
        path = self._call.incidents_path(task)
        incidents = read_incidents(path)
        if spot.position >= 0:
            incidents = incidents.after(spot, rule)
            write_incidents(path, incidents)
        Path(self._call.note_path(task)).unlink()
        if len(incidents.quarantined) > MOST_QUARANTINED:
            self._forget_incidents()
            raise RunError(
                f"task {task}: more than {MOST_QUARANTINED} documents ended their process, the last one in stage "
                f"{spot.position + 1}; this is the fault of a library or of the machine, not of the documents; run "
                "again when it is repaired: the documents of unfinished tasks are all tried anew"
            )
        return spot

    def _forget_incidents(self) -> None:
        """Let the next run try all documents of tasks that are not done: what was seen says nothing about them."""
        for task in self._call.tasks:
            Path(self._call.incidents_path(task)).unlink(missing_ok=True)


def _manner(status: int | None) -> str:
    if status is None or status >= 0:
        return f"exit status {status}"
    return signal.Signals(-status).name


def _serve(pipe: Connection) -> None:
    """Run the tasks that arrive, in a worker process, and answer with the error, or nothing.

    A call comes before the first of its ranks, as a pickle, and so through the pipe, to which nobody else can write,
    and not in a file. What was loaded for the call before is let go.
    """
    _end_with_parent()
    gc.freeze()  # what was loaded before the fork is never let go
    payload, call = b"", cast("Call | None", None)
    try:
        while True:
            rank = pipe.recv()
            if isinstance(rank, bytes):
                payload, call = rank, None
                gc.collect()
                continue
            try:
                call = call or cast("Call", pickle.loads(payload))
                call(None, rank)
            except Exception as error:
                pipe.send(str(error) or type(error).__name__)
            else:
                pipe.send("")
    except EOFError:
        return


def _end_with_parent() -> None:
    """End this worker when the process that started it has died, however it died."""
    parent = parent_process()
    assert parent is not None

    def wait_and_end() -> None:
        wait([parent.sentinel])
        os._exit(1)

    Thread(target=wait_and_end, daemon=True).start()
