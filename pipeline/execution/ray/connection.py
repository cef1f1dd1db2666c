"""The driver's end of an agent: a process that is connected with Ray (`prep.pipeline.execution.ray.agent`)."""

import subprocess
import sys
from contextlib import suppress
from multiprocessing import Pipe
from pathlib import Path
from time import monotonic

from prep.pipeline.execution.ray.messages import Cancel, Cancelled, Connect, Failed, Listing, Start


class Agent:
    """The driver's end of an agent's process."""

    def __init__(self, connect: Connect, log: Path) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        self._pipe, theirs = Pipe()
        with log.open("ab") as file:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "prep.pipeline.execution.ray.agent", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,  # Ctrl-C does not reach it
            )
        theirs.close()
        self.heard = monotonic()
        self.listing: Listing | None = None
        """What it sent last."""
        self.failure = ""
        self.has_ended = False
        self._fresh = False
        self._cancelled = 0
        self.send(connect)

    def send(self, message: Connect | Start | Cancel) -> None:
        """Send something; one that has ended is seen to have by `drain`."""
        with suppress(ConnectionError):
            self._pipe.send(message)

    def drain(self, seconds: float) -> None:
        """Take what has come, waiting so long for the first of it."""
        try:
            while self._pipe.poll(seconds):
                match self._pipe.recv():
                    case Listing() as listing:
                        self.listing, self._fresh = listing, True
                    case Failed(message):
                        self.failure, self.has_ended = message, True
                        return
                    case Cancelled():
                        self._cancelled += 1
                self.heard, seconds = monotonic(), 0.0
        except (EOFError, ConnectionError):
            self.has_ended = True

    def take_listing(self) -> Listing | None:
        """Return what it sent last, once."""
        fresh, self._fresh = self._fresh, False
        return self.listing if fresh else None

    def cancel(self, wish: Cancel, seconds: float) -> bool:
        """Let pilots be ended, and say whether they were within some seconds."""
        before, begun = self._cancelled, monotonic()
        self.send(wish)
        while self._cancelled == before and not self.has_ended and monotonic() - begun < seconds:
            self.drain(0.1)
        return self._cancelled > before

    def end(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        self._pipe.close()
