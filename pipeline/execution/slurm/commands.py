"""Slurm's commands, asked with patience: a controller that does not answer for a while ends nothing.

Jobs are found by their name, which stands for the folder that they work for, so that a run that is started again finds
those that an earlier one has left. No job depends on another one.
"""

import getpass
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from prep.corpus.errors import ExecutorError
from prep.pipeline.config import SlurmExecutor
from prep.pipeline.execution.pilots.launcher import ClusterIsAwayError

ANSWER_SECONDS = 30.0
"""How long a command may take; one that takes longer counts as not answered."""
CANCEL_SECONDS = 5.0
LARGEST_ARRAY = 1000
"""Slurm's own limit is 1001 where nobody has changed it."""
ENDED = frozenset({
    "BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED", "REVOKED",
    "TIMEOUT",
})  # fmt: skip
"""States of jobs that run no more."""
_FOR_A_WHILE = re.compile(
    r"unable to contact|connect failure|connection refused|timed out|socket|communication|temporarily|try again|"
    r"unexpected message|zero bytes|resource limit|qosmaxsubmit|maxsubmitjobs|job violates accounting",
    re.IGNORECASE,
)
"""What sbatch says where asking again later may help."""


def require_slurm() -> None:
    """Raise ExecutorError where Slurm's commands are not on this machine."""
    if shutil.which("sbatch") is None:
        raise ExecutorError("executor slurm needs the command sbatch, which is not on this machine; run where Slurm is")


def submit(settings: SlurmExecutor, name: str, count: int, command: str, logs: Path) -> str:
    """Submit an array of so many jobs and return its number. `command` is shell code.

    Raises ClusterIsAwayError where asking again may help, ExecutorError where it will not.
    """
    logs.mkdir(parents=True, exist_ok=True)
    options: dict[str, object] = {
        "job-name": name,
        "partition": settings.partition,
        "time": settings.time,
        "cpus-per-task": settings.cpus_per_task,
        "mem-per-cpu": f"{settings.memory_gb_per_cpu}G",
        "array": f"0-{count - 1}",
        "output": str(logs / "%A_%a.log"),
        **({"qos": settings.qos} if settings.qos else {}),
        **settings.arguments,
    }
    return _submit(options, command)


def _submit(options: Mapping[str, object], command: str) -> str:
    named = {key.lstrip("-").replace("_", "-"): value for key, value in options.items()}
    arguments = ["sbatch", "--parsable", "--no-requeue", *(f"--{key}={value}" for key, value in named.items())]
    script = f"#!/bin/bash\n{command}\n"
    try:
        answer = subprocess.run(
            arguments, input=script, capture_output=True, text=True, timeout=ANSWER_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise ClusterIsAwayError(f"sbatch did not answer within {ANSWER_SECONDS:g} s") from error
    if answer.returncode:
        said = answer.stderr.strip() or f"exit status {answer.returncode}"
        kind = ClusterIsAwayError if _FOR_A_WHILE.search(said) else ExecutorError
        raise kind(f"sbatch does not take the jobs: {said}; asked: {shlex.join(arguments)}")
    return answer.stdout.strip().partition(";")[0]


def submit_driver(settings: SlurmExecutor, name: str, command: str, log: Path) -> str:
    """Submit a run's driver as a job of its own, in this folder, and return its number. Raises what `submit` raises."""
    options = {"job-name": name, "partition": settings.partition, "time": settings.time, "output": str(log)}
    options |= {"open-mode": "append", **({"qos": settings.qos} if settings.qos else {}), **settings.arguments}
    return _submit(options, command)


def listed(name: str) -> Mapping[str, str] | None:
    """Return the states of the jobs of a name that have not ended, by number and place (`17_0`); None: no answer."""
    answer = _answer(["squeue", "-h", "-r", "-u", getpass.getuser(), "-n", name, "-o", "%F_%K %T"])
    if answer is None:
        return None
    jobs = (line.split() for line in answer.splitlines() if line.strip())
    return {job: state for job, state, *_ in jobs if state not in ENDED}


def cancel(jobs: Iterable[str]) -> bool:
    """End jobs, or take them out of the queue; say whether Slurm has answered."""
    numbers = sorted(set(jobs))
    return not numbers or _answer(["scancel", *numbers], CANCEL_SECONDS) is not None


def cancel_all(name: str) -> bool:
    """End all jobs of a name; say whether Slurm has answered."""
    return _answer(["scancel", "-u", getpass.getuser(), "--name", name], CANCEL_SECONDS) is not None


def python_command(settings: SlurmExecutor, module: str, arguments: Sequence[str]) -> str:
    """Return shell code that runs a module in the environment that the settings prepare, or in this process's own."""
    called = f"-m {module} {' '.join(arguments)}"
    if settings.setup:
        return f'{settings.setup}\nexec "$(command -v python || command -v python3)" {called}'
    return f"exec {shlex.quote(sys.executable)} {called}"


def _answer(command: Sequence[str], seconds: float = ANSWER_SECONDS) -> str | None:
    """Return what a command prints; None where it fails or does not come back."""
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    except (subprocess.TimeoutExpired, OSError):
        return None
    return answer.stdout if answer.returncode == 0 else None
