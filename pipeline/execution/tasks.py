"""What runs a task, wherever it runs, and writes down an error where the run finds it."""

import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import ClassVar, Protocol

from prep.corpus.errors import PrepError, TaskError
from prep.corpus.files.storage import write_bytes
from prep.pipeline.steps import records

CACHE_SETTING = "NUMBA_CACHE_DIR"
"""The environment variable that names the folder of compiled functions, on this machine and on clusters."""


class Task(Protocol):
    """Work that any process on any machine can do, given its number."""

    notes: ClassVar[bool]
    """Whether a task notes what it is at, so that it can be watched."""

    def run(self, task: int) -> None:
        """Run one task."""
        ...


@dataclass(frozen=True)
class Doubling:
    """How a task of a call is run a second time beside itself."""

    in_folder: Callable[[str], Task]
    """Returns the work as it is done in another folder of steps."""
    folders: tuple[str, ...] = ()
    """Folders beside the step's own that tasks write to and do not read."""
    reads_own: bool = False
    """Whether tasks read files of the step."""
    send: Callable[[Sequence[str], str], None] | None = None
    """What is done with the files and the record of a task that is done."""


@dataclass(frozen=True, repr=False)
class Call:
    """What an executor calls for each rank: the rank-th of the tasks that are not done."""

    work: Task
    label: str
    tasks: tuple[int, ...]
    folder: str
    """The step's."""
    phase: str
    hang_seconds: float = inf
    """A task that is at the same document for so long is stopped, where its process is watched."""
    doubling: Doubling | None = None
    """How slow tasks are run a second time at the end of the phase, on a cluster; None: they are not."""
    stops_itself: bool = False
    """Whether a task ends in its own way when the run is interrupted, and on this machine runs in this process."""

    def __repr__(self) -> str:
        return f"prep: {self.label}"

    def __call__(self, data: object, rank: int = 0, world_size: int = 1) -> None:
        """Run a task; an error is written down where the run finds it."""
        task = self.tasks[rank]
        with suppress(OSError):
            records.write_begun(self.folder, self.phase, task)
        try:
            self.work.run(task)
        except Exception as error:
            known = isinstance(error, PrepError)
            summary = str(error) if known else f"{type(error).__name__}: {error}{_place(error)}"
            with suppress(OSError):  # a full disk has no place for it; it is raised all the same
                text = f"{summary}\n\n{traceback.format_exc()}"
                write_bytes(self.error_path(task), text.encode("utf-8", "backslashreplace"))
            raise TaskError(f"{self.label}, task {task}: {summary}") from error
        finally:
            self.forget_begun(task)

    @property
    def logs(self) -> str:
        """Where logs and errors go."""
        return f"{self.folder}/logs/{self.phase}"

    def error_path(self, task: int) -> str:
        """Return where a task's error is written down."""
        return f"{self.logs}/errors/{task:05d}.txt"

    def note_path(self, task: int) -> str:
        """Return where a task notes what it is at."""
        return records.note_path(self.folder, self.phase, task)

    def incidents_path(self, task: int) -> str:
        """Return where it stands what ended processes that ran a task."""
        return records.incidents_path(self.folder, self.phase, task)

    def forget_begun(self, task: int) -> None:
        """Let a task not count as one that runs."""
        with suppress(OSError):
            Path(records.begun_path(self.folder, self.phase, task)).unlink()

    def has_ended_a_process(self, task: int) -> bool:
        """Say whether a process that ran a task was killed, or ended by itself, and the task is best watched."""
        return Path(self.note_path(task)).exists() or Path(self.incidents_path(task)).exists()


def kernels_folder(step: str) -> Path:
    """Return the folder of compiled functions that all machines of a cluster see: beside the steps."""
    return Path(step).resolve().parent / ".kernels"


def _place(error: BaseException) -> str:
    """Return where in the program an error of the system came from, which names neither file nor operation itself."""
    if not isinstance(error, OSError) or error.filename is not None:
        return ""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f" (in {last.name}, {Path(last.filename).name}:{last.lineno}: {last.line})"
