"""Whether a run could work here and now: the output folder takes files, and the executor answers.

`prep check` tries both. The configuration itself is checked in `prep.pipeline.contract`.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from prep.corpus import kernel_cache
from prep.corpus.errors import Problem
from prep.pipeline.config import Configuration, RayExecutor, SlurmExecutor
from prep.pipeline.remote.places import make_work_folder, store_problems
from prep.stages.stage import SourceStage

ANSWER_SECONDS = 5.0
"""How long an executor may take to answer."""
LEAST_FREE = 1 << 30
"""Bytes that should be free in any case."""


def readiness_problems(configuration: Configuration) -> Iterator[Problem]:
    """Yield what keeps a run from working here. Writes and removes a file where the output will lie.

    Raises RunError where the folder of compiled functions is one that others can write.
    """
    kernel_cache.folder()
    if configuration.remote:
        yield from store_problems(configuration.remote)
        make_work_folder(configuration.settings.output)
    yield from _output_problems(configuration.settings.output)
    executor = configuration.settings.executor
    if isinstance(executor, RayExecutor):
        yield from _ray_problems(executor)
    elif isinstance(executor, SlurmExecutor):
        yield from _slurm_problems(executor)


def readiness_remarks(configuration: Configuration) -> Iterator[str]:
    """Yield what may keep a run from working: little space on the disk of the output."""
    source = configuration.stages[0]
    assert isinstance(source, SourceStage)
    needed = max(LEAST_FREE, sum(file.size for file in source.list_files()))
    free = shutil.disk_usage(existing_folder(configuration.settings.output)).free
    if free < needed:
        yield (
            f"little space: {free / 1e9:,.1f} GB are free where {configuration.settings.output} lies, and a run is "
            f"likely to write more than {needed / 1e9:,.1f} GB"
        )


def existing_folder(folder: str) -> Path:
    """Return the folder, or the closest one above it that exists."""
    path = Path(folder).absolute()
    return next(each for each in (path, *path.parents) if each.exists())


def _output_problems(output: str) -> Iterator[Problem]:
    place = existing_folder(output)
    try:
        with tempfile.NamedTemporaryFile(dir=place, prefix=".prep-check-"):
            pass
    except OSError as error:
        seen = f"{place}: {error.strerror}"
        yield Problem("output", ("output",), "a folder that can be written", seen, "name another, or change its rights")


def _ray_problems(executor: RayExecutor) -> Iterator[Problem]:
    from prep.pipeline.execution.ray.launcher import connection_problem

    if find_spec("ray") is None:
        yield Problem("executor ray needs the package ray", ("executor",), hint="pip install 'corpus-prep[ray]'")
    elif problem := connection_problem(executor):
        yield Problem("executor ray", ("executor", "address"), "a cluster that answers", problem)


def _slurm_problems(executor: SlurmExecutor) -> Iterator[Problem]:
    if shutil.which("sbatch") is None:
        hint = "run where Slurm is, or take another executor"
        yield Problem("executor slurm needs the command sbatch, which is not on this machine", ("executor",), hint=hint)
        return
    if shutil.which("sinfo") is None:
        return
    try:
        command = ["sinfo", "--noheader", "--format=%R"]
        answer = subprocess.run(command, capture_output=True, text=True, timeout=ANSWER_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        yield Problem("executor slurm does not answer", ("executor",), seen=f"sinfo: {error}")
        return
    if answer.returncode:
        yield Problem("executor slurm does not answer", ("executor",), seen=f"sinfo: {answer.stderr.strip()}")
    elif executor.partition not in answer.stdout.split():
        there = ", ".join(sorted(set(answer.stdout.split())))
        yield Problem("executor slurm", ("executor", "partition"), f"one of {there}", repr(executor.partition))
