"""Ctrl-C: the process ends within a moment, whatever it is doing, with one line and exit status 130.

Python raises KeyboardInterrupt in the main thread when that next runs Python code: not while a library works, where the
exception may be swallowed by a callback, and with native threads still running when the interpreter is taken down. Here
the signal's number goes into a pipe at once (`signal.set_wakeup_fd`), and a thread that waits for it ends the workers
and the process without taking anything down. Results appear whole or not at all, so that nothing else has to be done.

SIGTERM ends the process in the same way, with exit status 143. Nothing is imported here but the standard library: it is
the first thing that the command loads.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from time import monotonic, sleep
from types import FrameType

GRACE_SECONDS = 5.0
"""How long code that has a handler of its own may take to end by itself (training writes a checkpoint)."""
SIGNALS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}
SHOW_CURSOR = "\r\x1b[K\x1b[?25h"
GO_ON = "run the same command again to go on where it stopped"


class Interrupts:
    """What is to happen when this process is interrupted. A process has one."""

    def __init__(self) -> None:
        self.where = ""
        """What the process is at, for the line that is printed."""
        self._calls: list[Callable[[], object]] = []

    @contextmanager
    def listening(self) -> Iterator[None]:
        """End this process on Ctrl-C while the block runs, in the main thread; after it there is nothing to stop."""
        self._listen()
        try:
            yield
        finally:
            for number in SIGNALS:
                signal.signal(number, signal.SIG_IGN)

    def _listen(self) -> None:
        ours, theirs = os.pipe()
        os.set_blocking(theirs, False)
        for number in SIGNALS:
            signal.signal(number, _nothing)
        signal.set_wakeup_fd(theirs, warn_on_full_buffer=False)
        threading.Thread(target=self._wait, args=(ours,), name="interrupts", daemon=True).start()

    @contextmanager
    def calling(self, call: Callable[[], object]) -> Iterator[None]:
        """Call something when the process is interrupted while the block runs, such as what cancels a job elsewhere."""
        self._calls.append(call)
        try:
            yield
        finally:
            self._calls.remove(call)

    def _wait(self, pipe: int) -> None:
        while True:
            number = signal.Signals(os.read(pipe, 1)[0])
            if number in SIGNALS:
                self._end(number)

    def _end(self, number: signal.Signals) -> None:
        begun = monotonic()
        while signal.getsignal(number) is not _nothing and monotonic() - begun < GRACE_SECONDS:
            sleep(0.05)
        for call in reversed(self._calls):
            with suppress(Exception):
                call()
        _end_workers()
        before = SHOW_CURSOR if sys.stderr.isatty() else ""
        at = f" while {self.where}" if self.where else ""
        with suppress(OSError, ValueError):
            os.write(2, f"{before}{SIGNALS[number]}{at}; {GO_ON}\n".encode())
        os._exit(128 + number)


INTERRUPTS = Interrupts()
"""Of this process."""


@contextmanager
def without_interrupts() -> Iterator[None]:
    """Start processes in the block that Ctrl-C does not reach: it is sent to all processes of a terminal's command."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _nothing(number: int, frame: FrameType | None) -> None:
    """Take a signal, of which the thread knows already."""


def _end_workers() -> None:
    """End the processes that this one has started through multiprocessing."""
    processes = sys.modules.get("multiprocessing.process")
    for child in () if processes is None else processes.active_children():
        with suppress(OSError, AttributeError, TypeError):
            os.kill(child.pid, signal.SIGKILL)
