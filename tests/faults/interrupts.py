"""Ctrl-C at a random moment, as a terminal sends it: to all processes of the command."""

import os
import random
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from .bench import Bench, Outcome, last_line

MOST_SECONDS = 6.0
"""From the signal to the prompt."""


@dataclass(frozen=True)
class Interrupt:
    """Interrupts a run, up to twice; the run after that is complete, and of the same bytes."""

    workers: int
    compiled: bool = True
    """Whether the run's kernels are compiled already."""

    def __call__(self, bench: Bench, choose: random.Random) -> Outcome:
        """Try it once."""
        bench.clear()
        options = ("--set", f"workers={self.workers}")
        complaint = ""
        with TemporaryDirectory(prefix="prep-faults-kernels-") as kernels:
            environment = {} if self.compiled else {"NUMBA_CACHE_DIR": kernels}
            for _ in range(choose.randint(1, 2)):
                complaint = complaint or self._once(bench, choose, options, environment)
        return bench.judge(bench.run(), complaint=complaint)

    def _once(
        self, bench: Bench, choose: random.Random, options: tuple[str, ...], environment: Mapping[str, str]
    ) -> str:
        process = bench.start(options=options, environment=environment)
        time.sleep(choose.uniform(0.05, bench.seconds if self.compiled else 10 * bench.seconds))
        begun = time.monotonic()
        os.killpg(process.pid, signal.SIGINT)
        ended = bench.finish(process)
        seconds = time.monotonic() - begun
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
