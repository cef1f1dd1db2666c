"""Progress on the terminal: two bars where there is one, plain lines where output goes to a file.

It reads what the tasks leave on disk (records and notes), so it shows tasks on this machine, on Ray and on Slurm
alike.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from time import monotonic

from rich.progress import BarColumn, TaskProgressColumn, TextColumn
from rich.progress import Progress as Bars
from rich.table import Column

from prep.pipeline.execution.compiling import Compiling
from prep.pipeline.integrity.checking import Damage
from prep.pipeline.monitor.amounts import duration, progress_line, rates, seconds_left, slow_line
from prep.pipeline.monitor.meter import Meter, Reading
from prep.pipeline.monitor.naming import describe_step
from prep.pipeline.monitor.state import RunState
from prep.pipeline.plan import GlobalStep, PassStep
from prep.pipeline.reports.terminal import Terminal
from prep.stages.stage import Phase

INTERVAL_SECONDS = 0.5
PLAIN_INTERVAL_SECONDS = 30.0
COMPILING_INTERVAL_SECONDS = 10.0
BAR_WIDTH = 14


class Progress:
    """Shows the steps of one run."""

    def __init__(self, console: Terminal) -> None:
        self._console = console
        self._phases: dict[str, int] = {}
        """Phases by step's folder."""
        self._done = 0
        """Steps that are complete."""
        self._last: Reading | None = None
        self._said = monotonic()

    def planning(self, activity: str) -> None:
        """Say now and then what is done before the first step, where it takes long."""
        now = monotonic()
        if now - self._said >= PLAIN_INTERVAL_SECONDS:
            self._said = now
            self._console.print(activity, soft_wrap=True)

    def say(self, line: str) -> None:
        """Print what happens beside the steps, such as on a cluster."""
        self._console.print(line, soft_wrap=True)

    def begin(self, state: RunState) -> None:
        """Take the steps of a run that begins."""
        self._phases = {step.folder: len(step.phases) for step in state.steps}
        self._begun = monotonic()
        self._compiling = Compiling()

    def skip(self, step: PassStep | GlobalStep) -> None:
        """Say that a step stands already."""
        self._done += 1
        self._console.print(f"{_name(step)}: complete, nothing to do", style="dim", soft_wrap=True)

    def damaged(self, step: PassStep | GlobalStep, damages: Sequence[Damage]) -> None:
        """Say what is damaged of a step and made again."""
        more = f", and {len(damages) - 1} more" if len(damages) > 1 else ""
        self._console.print(f"{_name(step)}: {damages[0]}{more}; made again", soft_wrap=True)

    def done(self, step: PassStep | GlobalStep, seconds: float) -> None:
        """Say that a step is complete."""
        self._done += 1
        read, self._last = self._last, None
        amounts = ""
        if isinstance(step, PassStep) and read is not None and read.documents:
            speed = rates(read, seconds)
            amounts = f"{read.documents:,} documents{f', {speed}' if speed else ''}, "
        whole = not self._console.is_terminal  # in a log; on a terminal lines break between words
        self._console.print(f"{_name(step)}: {amounts}{seconds:.1f} s", soft_wrap=whole)

    @contextmanager
    def phase(self, step: PassStep | GlobalStep, number: int, folder: str, phase: Phase) -> Iterator[None]:
        """Show a phase of a step while the block runs it."""
        stop = threading.Event()
        meter = Meter(folder, phase.name, phase.tasks)
        phases = self._phases.get(step.folder, 1)
        name = describe_step(step) + (f": {number + 1} of {phases}" if phases > 1 else "")
        watch = self._watch_bars if self._console.is_terminal else self._watch_plain
        watcher = threading.Thread(target=watch, args=(stop, name, number / phases, phases, meter), daemon=True)
        watcher.start()
        try:
            yield
        finally:
            stop.set()
            watcher.join()
        self._last = meter.read()

    def _watch_bars(self, stop: threading.Event, name: str, before: float, phases: int, meter: Meter) -> None:
        if stop.wait(INTERVAL_SECONDS):  # a phase that is over at once shows no bar
            return
        columns = (
            TextColumn("{task.description}", markup=False, table_column=Column(ratio=3)),
            BarColumn(bar_width=BAR_WIDTH),
            TaskProgressColumn(markup=False, text_format="{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[note]}", markup=False, table_column=Column(ratio=4)),
        )
        begun, steps = monotonic(), max(1, len(self._phases))
        with Bars(*columns, console=self._console, transient=True, expand=True) as bars:
            whole = bars.add_task(f"step {self._done + 1} of {steps}", total=1.0, note="")
            bar = bars.add_task(name, total=1.0, note="")
            while True:
                reading, seconds = meter.read(), monotonic() - begun
                part = (self._done + before + reading.share / phases) / steps
                bars.update(whole, completed=part, note=f"{duration(monotonic() - self._begun)} so far")
                note = self._compiling.look() or _short(reading, seconds)
                bars.update(bar, completed=reading.share, note=note)
                if stop.wait(INTERVAL_SECONDS):
                    return

    def _watch_plain(self, stop: threading.Event, name: str, _before: float, _phases: int, meter: Meter) -> None:
        begun = printed = monotonic()
        said = False
        while not stop.wait(INTERVAL_SECONDS):
            compiled = self._compiling.look()
            wait = COMPILING_INTERVAL_SECONDS if compiled else PLAIN_INTERVAL_SECONDS
            if monotonic() - printed < wait and (said or not compiled):
                continue
            line = compiled or progress_line(meter.read(), monotonic() - begun)
            step = f"step {self._done + 1} of {max(1, len(self._phases))}"
            self._console.print(f"{step}, {name}: {line}", soft_wrap=True)
            printed, said = monotonic(), said or bool(compiled)


def _name(step: PassStep | GlobalStep) -> str:
    return f"{step.index:02d} {step.title}: {describe_step(step)}"


def _short(reading: Reading, seconds: float) -> str:
    """Return what fits beside a bar."""
    left = seconds_left(reading.share, seconds)
    parts = [
        rates(reading, seconds).replace(" documents/s", "/s") or reading.note,
        "" if left is None else f"{duration(left)} left",
        slow_line(reading.slow),
    ]
    return ", ".join(part for part in parts if part)
