"""What tasks cost: CPU seconds by stage, and the most memory that a process held while it worked on one.

    NN-title-fingerprint/effort/PHASE-00000.json    of a task, by the stages' positions
    NN-title-fingerprint/effort.json                of the step, once it is complete

These figures differ from run to run, so they stand beside the results, never in them: a task's record, the manifest and
what is published are the same bytes whatever they say.
"""

import resource
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import time
from typing import Any

from prep.corpus.errors import CorruptFileError
from prep.corpus.files.storage import read_json, write_json
from prep.pipeline.execution.clock import StageClock

EFFORT = "effort.json"
TASKS = "effort"
WRITING = -1
"""Stands among the stages' positions for writing what a pass keeps, and what the stages after it need."""
_CLEAR_PEAK = "5"
"""Written to `/proc/self/clear_refs` it makes Linux measure the peak of memory anew (proc(5))."""


@dataclass(frozen=True)
class Effort:
    """What a task, or a step's tasks together, cost."""

    cpu_seconds: Mapping[int, float] = field(default_factory=dict)
    """By the stage's position in the configuration, or `WRITING`; compiling kernels counts for who calls them first."""
    seconds: float = 0.0
    """From begin to end; of several tasks added up."""
    peak_bytes: int = 0
    """The most memory that a process held in a task."""


class Stopwatch(StageClock[int]):
    """Measures what a task costs, from the moment it is made."""

    def __init__(self) -> None:
        super().__init__()
        self._begun = time()
        forget_peak()

    def effort(self) -> Effort:
        """Return what the task has cost so far."""
        return Effort(dict(sorted(self.seconds.items())), time() - self._begun, peak_bytes())


def forget_peak() -> None:
    """Let the peak of resident memory begin anew, where the system can."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text(_CLEAR_PEAK)


def peak_bytes() -> int:
    """Return the peak of this process's resident memory since it was last forgotten, or since the process began."""
    with suppress(OSError, StopIteration):  # some sandboxes' /proc has no such line
        lines = Path("/proc/self/status").read_text().splitlines()
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def write_task_effort(folder: str, phase: str, task: int, effort: Effort) -> None:
    """Write what a task cost."""
    write_json(f"{folder}/{TASKS}/{phase}-{task:05d}.json", _to_json(effort))


def read_task_seconds(folder: str, phase: str, task: int) -> float | None:
    """Return how long a task took; None where that is not known, or cannot be read."""
    path = Path(folder, TASKS, f"{phase}-{task:05d}.json")
    effort = _read(path) if path.exists() else None
    return None if effort is None else effort.seconds


def write_step_effort(folder: str) -> None:
    """Add up what a step's tasks cost; those of an earlier attempt that stand count as well."""
    write_json(f"{folder}/{EFFORT}", _to_json(added(map(_read, sorted(Path(folder, TASKS).glob("*.json"))))))


def read_step_effort(folder: str) -> Effort | None:
    """Return what a step cost; None where that is not known, or cannot be read."""
    path = Path(folder, EFFORT)
    return _read(path) if path.exists() else None


def added(efforts: Iterable[Effort | None]) -> Effort:
    """Add up what several tasks cost."""
    known = [effort for effort in efforts if effort is not None]
    positions = sorted({at for effort in known for at in effort.cpu_seconds})
    spent = {at: sum(effort.cpu_seconds.get(at, 0.0) for effort in known) for at in positions}
    peak = max((effort.peak_bytes for effort in known), default=0)
    return Effort(spent, sum(effort.seconds for effort in known), peak)


def _to_json(effort: Effort) -> dict[str, object]:
    spent = {str(at): round(seconds, 6) for at, seconds in effort.cpu_seconds.items()}
    return {"cpu_seconds": spent, "seconds": round(effort.seconds, 6), "peak_bytes": effort.peak_bytes}


def _read(path: Path) -> Effort | None:
    try:
        value: dict[str, Any] = dict(read_json(str(path)))
        spent = {int(at): float(each) for at, each in value["cpu_seconds"].items()}
        return Effort(spent, float(value["seconds"]), int(value["peak_bytes"]))
    except (CorruptFileError, KeyError, TypeError, ValueError, AttributeError):
        return None
