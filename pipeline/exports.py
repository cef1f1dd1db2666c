"""Runs an export's phases on this machine, what is left of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from prep.exports.job import PHASES, Export, PhaseName
from prep.pipeline.config import LocalExecutor
from prep.pipeline.execution.dispatch import run_tasks
from prep.pipeline.execution.tasks import Call


@dataclass(frozen=True)
class PhaseOfExport:
    """A phase's tasks, as executors take them."""

    notes: ClassVar[bool] = False
    job: Export
    phase: PhaseName

    def run(self, task: int) -> None:
        """Run one task."""
        self.job.run(self.phase, task)


def run_export(job: Export, workers: int, say: Callable[[str], None]) -> None:
    """Run an export, or what is left of it, telling what it does.

    Raises ConfigurationError where the format cannot take the shards, RunError where the output holds another export.
    """
    job.check()
    if job.complete():
        say(f"{job.output}: complete, nothing to do")
        return
    for phase in PHASES:
        pending = job.pending(phase)
        if pending:
            say(f"{phase}: {len(pending)} of {job.tasks(phase)} tasks")
            call = Call(PhaseOfExport(job, phase), f"export {phase}", pending, job.work, phase)
            run_tasks(call, _done(job, phase), LocalExecutor(), workers)


def _done(job: Export, phase: PhaseName) -> Callable[[int], bool]:
    return lambda task: job.done(phase, task)
