"""Pilots as jobs of Slurm."""

import shlex
from collections.abc import Collection, Sequence
from typing import ClassVar

from prep.pipeline.config import SlurmExecutor
from prep.pipeline.execution.pilots.exchange import Mailbox
from prep.pipeline.execution.pilots.launcher import name_for
from prep.pipeline.execution.slurm import commands as slurm
from prep.pipeline.execution.tasks import CACHE_SETTING, kernels_folder


class SlurmLauncher:
    """Submits pilots for a folder of steps. A pilot takes no new task once half of its time is over."""

    cluster: ClassVar[str] = "Slurm"
    units: ClassVar[str] = "jobs of Slurm"

    def __init__(self, settings: SlurmExecutor, folder: str, box: Mailbox) -> None:
        self._settings = settings
        self._box = box
        self._kernels = kernels_folder(f"{folder}/step")
        self._name = name_for(folder)

    @property
    def environment(self) -> str:
        """Where to look when jobs end at once."""
        return f"what jobs print is in {self._box.logs}; see the executor's setup"

    @property
    def by_hand(self) -> str:
        """The command that ends all pilots where Slurm does not answer."""
        return f"scancel --name {self._name}"

    def open(self) -> None:
        """Raise ExecutorError where Slurm's commands are not on this machine."""
        slurm.require_slurm()

    def submit(self, count: int) -> Sequence[str]:
        """Submit an array of jobs.

        Raises ClusterIsAwayError where asking again may help, ExecutorError where it will not.
        """
        count = min(count, slurm.LARGEST_ARRAY)
        job = slurm.submit(self._settings, self._name, count, self._command(), self._box.logs)
        return [f"{job}_{place}" for place in range(count)]

    def listed(self) -> Collection[str] | None:
        """Return the jobs that wait or run; None: no answer."""
        return slurm.listed(self._name)

    def said(self, name: str) -> str:
        """Return the last lines that a job printed; without a name, those of the job that printed last."""
        return self._box.log(name)

    def cancel(self, names: Sequence[str]) -> bool:
        """End jobs, or take them out of the queue; say whether Slurm has answered."""
        return slurm.cancel(names)

    def cancel_all(self) -> bool:
        """End all jobs that work for the folder; say whether Slurm has answered."""
        return slurm.cancel_all(self._name)

    def close(self) -> None:
        """Do nothing: each question to Slurm is a process of its own."""

    def _command(self) -> str:
        leave = slurm_seconds(self._settings.time) / 2
        box = shlex.quote(str(self._box.folder))
        arguments = [box, '"${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}"', f"{leave:.0f}"]
        kernels = f"export {CACHE_SETTING}=${{{CACHE_SETTING}:-{shlex.quote(str(self._kernels))}}}"
        return f"{kernels}\n" + slurm.python_command(self._settings, "prep.pipeline.execution.pilots.pilot", arguments)


def slurm_seconds(limit: str) -> float:
    """Return the seconds of a time limit as Slurm writes it: `90`, `1:30:00`, `2-12`, `2-12:00:00`; inf: none."""
    days, dash, rest = limit.rpartition("-")
    try:
        parts = [int(part) for part in rest.split(":")]
        if dash:
            hours, minutes, seconds = (*parts, 0, 0, 0)[:3]
        elif len(parts) == 3:
            hours, minutes, seconds = parts
        else:
            hours, (minutes, seconds) = 0, (*parts, 0)[:2]
        return float(int(days or 0) * 86_400 + hours * 3600 + minutes * 60 + seconds)
    except ValueError:  # UNLIMITED, or what sbatch will refuse
        return float("inf")
