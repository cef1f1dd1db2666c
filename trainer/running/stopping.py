"""A clean stop: on Ctrl-C or SIGTERM the step is finished and a checkpoint written before the process ends."""

import os
import signal
import threading
from contextlib import AbstractContextManager
from types import FrameType


class Interrupted(KeyboardInterrupt):
    """The process was asked to end, and ends in good order; the message says what is kept."""


class Stopping(AbstractContextManager["Stopping"]):
    """Notes that the process was asked to end. A second signal ends it at once, as if there were no handler.

    Python lets only the main thread listen; in another one, signals do what they always do.
    """

    SIGNALS = (signal.SIGINT, signal.SIGTERM)

    def __init__(self) -> None:
        self.asked = False

    def __enter__(self) -> "Stopping":
        self._listening = threading.current_thread() is threading.main_thread()
        if self._listening:
            self._before = [signal.signal(number, self._note) for number in self.SIGNALS]
        return self

    def __exit__(self, *error: object) -> None:
        if self._listening:
            for number, before in zip(self.SIGNALS, self._before, strict=True):
                signal.signal(number, before)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if self.asked:
            self.__exit__()
            os.kill(os.getpid(), number)
        self.asked = True

    def leave(self, step: int) -> None:
        """Raise Interrupted, which ends the process."""
        raise Interrupted(f"stopped after step {step}, whose checkpoint is written; run again to go on")
