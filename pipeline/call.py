"""What runs a task, wherever it runs, and writes down an error where the run finds it."""

import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from prep.corpus.errors import PrepError, TaskError


class Task(Protocol):
    """Work that any process on any machine can do, given its number."""

    def run(self, task: int) -> None:
        """Run one task."""
        ...


@dataclass(frozen=True, repr=False)
class Call:
    """What an executor calls for each rank: the rank-th of the tasks that are not done."""

    work: Task
    label: str
    tasks: tuple[int, ...]
    logs: str

    def __repr__(self) -> str:
        return f"prep: {self.label}"

    def __call__(self, data: object, rank: int = 0, world_size: int = 1) -> None:
        """Run a task; an error is written down where the run finds it."""
        task = self.tasks[rank]
        try:
            self.work.run(task)
        except Exception as error:
            path = Path(self.error_path(task))
            path.parent.mkdir(parents=True, exist_ok=True)
            known = isinstance(error, PrepError)
            summary = str(error) if known else f"{type(error).__name__}: {error}"
            path.write_text(f"{summary}\n\n{traceback.format_exc()}", encoding="utf-8")
            raise TaskError(f"{self.label}, task {task}: {summary}") from error

    def error_path(self, task: int) -> str:
        """Return where a task's error is written down."""
        return f"{self.logs}/errors/{task:05d}.txt"
