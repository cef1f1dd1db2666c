"""Progress on the terminal: bars where there is one, plain lines where output goes to a file.

It reads what the tasks leave on disk (records and notes), so it shows tasks on this machine, on Ray and on Slurm
alike.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from prep.corpus.kernel_cache import compiled_functions
from prep.pipeline.execution.quarantine import read_note
from prep.pipeline.plan import Step
from prep.pipeline.reports.terminal import Terminal
from prep.pipeline.steps import records
from prep.pipeline.steps.checking import Damage
from prep.stages.upstream import PROGRESS

INTERVAL_SECONDS = 0.5
PLAIN_INTERVAL_SECONDS = 30.0


class Progress:
    """Shows the steps of one run."""

    def __init__(self, console: Terminal) -> None:
        self._console = console

    def skip(self, step: Step) -> None:
        """Say that a step stands already."""
        self._console.print(f"{step.index:02d} {step.title}: complete, nothing to do", style="dim")

    def damaged(self, step: Step, damages: Sequence[Damage]) -> None:
        """Say what is damaged of a step and made again."""
        more = f", and {len(damages) - 1} more" if len(damages) > 1 else ""
        self._console.print(f"{step.index:02d} {step.title}: {damages[0]}{more}; made again", soft_wrap=True)

    @contextmanager
    def phase(self, step: Step, label: str, folder: str, phase: str, tasks: int) -> Iterator[None]:
        """Show a phase while the block runs it."""
        started = monotonic()
        stop = threading.Event()
        watch = self._watch_bars if self._console.is_terminal else self._watch_plain
        name = f"{step.index:02d} {label}"
        watcher = threading.Thread(target=watch, args=(stop, name, folder, phase, tasks), daemon=True)
        watcher.start()
        try:
            yield
        except BaseException:
            stop.set()
            watcher.join()
            raise
        stop.set()
        watcher.join()
        unit = "task" if tasks == 1 else "tasks"
        self._console.print(f"{name}: {tasks} {unit} done in {monotonic() - started:.1f} s")

    def _watch_bars(self, stop: threading.Event, name: str, folder: str, phase: str, tasks: int) -> None:
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        with Bars(
            *columns, TextColumn("{task.fields[note]}", markup=False), console=self._console, transient=True
        ) as bars:
            bar = bars.add_task(name, total=tasks, note="")
            compiling = _Compiling()
            while not stop.wait(INTERVAL_SECONDS):
                finished, note = _look(folder, phase, tasks)
                bars.update(bar, completed=finished, note=compiling.look() or note)

    def _watch_plain(self, stop: threading.Event, name: str, folder: str, phase: str, tasks: int) -> None:
        compiling, printed, said = _Compiling(), monotonic(), False
        while not stop.wait(INTERVAL_SECONDS):
            compiled = compiling.look()
            if monotonic() - printed < PLAIN_INTERVAL_SECONDS and (said or not compiled):
                continue
            finished, note = _look(folder, phase, tasks)
            note = compiled or note
            self._console.print(f"{name}: {finished} of {tasks} tasks{f', {note}' if note else ''}")
            printed, said = monotonic(), said or bool(compiled)


class _Compiling:
    """Says that functions are being compiled, in whichever process."""

    def __init__(self) -> None:
        self._first = self._latest = compiled_functions()

    def look(self) -> str:
        """Return how many have been compiled; nothing where none was since the last look."""
        before, self._latest = self._latest, compiled_functions()
        grown = self._latest > before
        return f"compiling kernels, first run only: {self._latest - self._first}" if grown else ""


def _look(folder: str, phase: str, tasks: int) -> tuple[int, str]:
    """Return how many tasks are done, and what the running ones say of themselves."""
    finished = tasks - len(records.pending(folder, phase, tasks))
    said = Path(folder, "scratch", PROGRESS)
    if said.exists():
        return finished, said.read_text(encoding="utf-8").strip()
    notes = (read_note(str(path)) for path in Path(folder, "tasks").glob(f"{phase}-*.progress"))
    documents = sum(note[0] for note in notes if note is not None)
    return finished, f"{documents:,} documents in running tasks" if documents else ""
