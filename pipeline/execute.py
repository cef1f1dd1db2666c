"""Running independent tasks through datatrove's executors: on this machine, on Ray, on Slurm.

One rank of the executor is one task. Whether a task is done is decided by its record alone (`prep.pipeline.records`),
never by the executor's own completion marks. This is the only file that knows datatrove's executors.
"""

import shutil
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import multiprocess
from datatrove.executor.local import LocalPipelineExecutor
from datatrove.utils.stats import PipelineStats
from loguru import logger

from prep.corpus.errors import PrepError, RunError, TaskError
from prep.pipeline.config import Executor, LocalExecutor, RayExecutor, SlurmExecutor

POLL_SECONDS = 1.0
GRACE_SECONDS = 20.0
"""How long a shared file system may take to show the record of a task whose Slurm job has ended."""


class Task(Protocol):
    """Work that any process on any machine can do, given its number."""

    def run(self, task: int) -> None:
        """Run one task."""
        ...


@dataclass(frozen=True, repr=False)
class Call:
    """What datatrove calls for each rank: the rank-th of the tasks that are not done."""

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


def run_tasks(call: Call, done: Callable[[int], bool], executor: Executor, workers: int) -> None:
    """Run the call's tasks and return when all are done. Raises TaskError for the first that failed."""
    for task in call.tasks:
        Path(call.error_path(task)).unlink(missing_ok=True)
    try:
        if isinstance(executor, LocalExecutor):
            _run_locally(call, min(workers, len(call.tasks)))
        elif isinstance(executor, RayExecutor):
            _run_on_ray(call, executor, workers)
        else:
            _run_on_slurm(call, done, executor, workers)
    except Exception as error:
        raise _failure(call, error) from error
    missing = [task for task in call.tasks if not done(task)]
    if missing:
        raise _failure(call, TaskError(f"{call.label}: tasks {missing} ended without a record; logs in {call.logs}"))


def _failure(call: Call, error: Exception) -> PrepError:
    for task in call.tasks:
        path = Path(call.error_path(task))
        if path.exists():
            summary = path.read_text(encoding="utf-8").split("\n\n")[0]
            return TaskError(f"{call.label}, task {task}: {summary}\n  the whole story is in {path}")
    return error if isinstance(error, PrepError) else TaskError(f"{call.label}: {type(error).__name__}: {error}")


class QuietLocalExecutor(LocalPipelineExecutor):  # type: ignore[misc]
    """datatrove's local executor without its log of each task, whose set-up costs more than a small task does."""

    def _run_for_rank(self, rank: int, local_rank: int = 0, node_rank: int = -1) -> PipelineStats:
        logger.disable("datatrove")
        self.pipeline[0](None, rank, self.world_size)
        return PipelineStats()


def _run_locally(call: Call, workers: int) -> None:
    logger.disable("datatrove")
    multiprocess.get_context("forkserver").set_forkserver_preload(["prep.pipeline.execute", "prep.stages.catalogue"])
    QuietLocalExecutor(
        pipeline=[call], tasks=len(call.tasks), workers=workers, logging_dir=call.logs, skip_completed=False
    ).run()


def _run_on_ray(call: Call, settings: RayExecutor, workers: int) -> None:
    try:
        import ray
        from datatrove.executor.ray import RayPipelineExecutor
    except ImportError as error:
        raise RunError("executor ray needs the package ray; install it with: pip install 'corpus-prep[ray]'") from error
    logger.disable("datatrove")
    if not ray.is_initialized():
        ray.init(address=settings.address, log_to_driver=False, configure_logging=False)
    RayPipelineExecutor(
        pipeline=[call],
        tasks=len(call.tasks),
        workers=workers,
        logging_dir=call.logs,
        skip_completed=False,
        cpus_per_task=settings.cpus_per_task,
        mem_per_cpu_gb=settings.memory_gb_per_cpu,
    ).run()


def _run_on_slurm(call: Call, done: Callable[[int], bool], settings: SlurmExecutor, workers: int) -> None:
    """Submit a job array and wait for the tasks' records, or for the job to end without them."""
    from datatrove.executor.slurm import SlurmPipelineExecutor

    if shutil.which("sbatch") is None:
        raise RunError("executor slurm needs the command sbatch, which is not on this machine; run where Slurm is")
    logger.disable("datatrove")
    job = SlurmPipelineExecutor(
        pipeline=[call],
        tasks=len(call.tasks),
        workers=workers,
        logging_dir=str(Path(call.logs).resolve()),
        skip_completed=False,
        partition=settings.partition,
        time=settings.time,
        cpus_per_task=settings.cpus_per_task,
        mem_per_cpu_gb=settings.memory_gb_per_cpu,
        qos=settings.qos,
        env_command=settings.setup or f'export PATH="{Path(sys.executable).parent}:$PATH"',
        job_name=f"prep-{call.label.replace(' ', '-')}",
        sbatch_args=settings.arguments,
        requeue=False,
    )
    job.run()
    ended: float | None = None
    while not all(done(task) for task in call.tasks):
        if ended is None and not _in_queue(str(job.job_id)):
            ended = time.monotonic()
        if ended is not None and time.monotonic() - ended > GRACE_SECONDS:
            return
        time.sleep(POLL_SECONDS)


def _in_queue(job: str) -> bool:
    answer = subprocess.run(["squeue", "-h", "-j", job], capture_output=True, text=True, check=False)
    return answer.returncode == 0 and bool(answer.stdout.strip())
