"""datatrove's executors: workers on this machine, Ray and Slurm. The only file that knows them.

One rank of an executor is one task. None of them is asked whether a task is done: its record decides that.
"""

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import multiprocess
from datatrove.executor.local import LocalPipelineExecutor
from datatrove.utils.stats import PipelineStats
from loguru import logger

from prep.corpus.errors import RunError
from prep.pipeline.call import Call
from prep.pipeline.config import RayExecutor, SlurmExecutor

POLL_SECONDS = 1.0
GRACE_SECONDS = 20.0
"""How long a shared file system may take to show the record of a task whose Slurm job has ended."""


class QuietLocalExecutor(LocalPipelineExecutor):  # type: ignore[misc]
    """datatrove's local executor without its log of each task, whose set-up costs more than a small task does."""

    def _run_for_rank(self, rank: int, local_rank: int = 0, node_rank: int = -1) -> PipelineStats:
        logger.disable("datatrove")
        self.pipeline[0](None, rank, self.world_size)
        return PipelineStats()


def run_locally(call: Call, workers: int) -> None:
    """Run the tasks in worker processes on this machine."""
    logger.disable("datatrove")
    multiprocess.get_context("forkserver").set_forkserver_preload(["prep.pipeline.executors", "prep.pipeline.phases"])
    QuietLocalExecutor(
        pipeline=[call], tasks=len(call.tasks), workers=workers, logging_dir=call.logs, skip_completed=False
    ).run()


def run_on_ray(call: Call, settings: RayExecutor, workers: int) -> None:
    """Run the tasks on a Ray cluster."""
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


def run_on_slurm(call: Call, done: Callable[[int], bool], settings: SlurmExecutor, workers: int) -> None:
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
