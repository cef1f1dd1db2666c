"""Ctrl-C at a random moment, as a terminal sends it: to all processes of the command."""

import os
import random
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from .bench import Bench, Outcome, last_line

MOST_SECONDS = 6.0
"""From the signal to the prompt."""


def interrupt(workers: int, *, compiled: bool = True) -> "Interrupt":
    """Return the fault of a run with so many workers, whose kernels are compiled already or not."""
    return Interrupt(workers, compiled)


class Interrupt:
    """Interrupts a run, up to twice; the run after that is complete, and of the same bytes."""

    def __init__(self, workers: int, compiled: bool) -> None:
        self._workers = workers
        self._compiled = compiled
        self.moments: list[tuple[float, float, int, str]] = []
        """When it was interrupted, seconds until it ended, exit status, last line."""

    def __call__(self, bench: Bench, choose: random.Random) -> Outcome:
        """Try it once."""
        bench.clear()
        options = ("--set", f"workers={self._workers}")
        complaint = ""
        with TemporaryDirectory(prefix="prep-faults-kernels-") as kernels:
            environment = {} if self._compiled else {"NUMBA_CACHE_DIR": kernels}
            for _ in range(choose.randint(1, 2)):
                complaint = complaint or self._once(bench, choose, options, environment)
        return bench.judge(bench.run(), complaint=complaint)

    def _once(
        self, bench: Bench, choose: random.Random, options: tuple[str, ...], environment: Mapping[str, str]
    ) -> str:
        process = bench.start(options=options, environment=environment)
        moment = choose.uniform(0.05, bench.seconds if self._compiled else 10 * bench.seconds)
        time.sleep(moment)
        begun = time.monotonic()
        os.killpg(process.pid, signal.SIGINT)
        ended = bench.finish(process)
        seconds = time.monotonic() - begun
        self.moments.append((moment, seconds, ended.status, last_line(ended.printed)))
        return _complaint(ended.status, ended.printed, seconds, process.pid)


def _complaint(status: int, printed: str, seconds: float, group: int) -> str:
    if status == 0 and "results:" in printed:
        return ""  # it had ended
    if "Traceback (most recent call last)" in printed:
        return f"a traceback: {last_line(printed)}"
    if status != 128 + signal.SIGINT:
        return f"exit status {status}: {last_line(printed)}"
    if not last_line(printed).startswith("interrupted"):
        return f"the last line is: {last_line(printed)}"
    if seconds > MOST_SECONDS:
        return f"{seconds:.1f} s until it ended"
    time.sleep(1.0)
    left = [path.parent.name for path in Path("/proc").glob("[0-9]*/stat") if _session_of(path) == group]
    return f"processes are left: {', '.join(left)}" if left else ""


def _session_of(stat: Path) -> int:
    try:
        state, _, _, session = stat.read_text().rpartition(")")[2].split()[:4]
    except OSError:
        return 0
    return 0 if state == "Z" else int(session)
