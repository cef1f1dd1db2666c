"""datatrove's executors: workers on this machine, Ray and Slurm. The only file that knows them.

One rank of an executor is one task. None of them is asked whether a task is done: its record decides that.
"""

import os
import pickle
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from functools import cache
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from pathlib import Path
from threading import Thread
from typing import cast

from datatrove.executor.local import LocalPipelineExecutor
from loguru import logger

from prep.corpus.errors import RunError
from prep.corpus.storage import write_bytes
from prep.pipeline.call import Call
from prep.pipeline.config import RayExecutor, SlurmExecutor

POLL_SECONDS = 1.0
GRACE_SECONDS = 20.0
"""How long a shared file system may take to show the record of a task whose Slurm job has ended."""


class LocalWorkers(LocalPipelineExecutor):  # type: ignore[misc]
    """datatrove's local executor on the standard library's process pool.

    Its own pool waits for ever for a worker that the system has killed, and leaves a process behind when this one is
    killed.
    """

    def run(self) -> None:
        """Run the ranks. Raises what the first that fails raises, RunError where a worker dies."""
        context = get_context("forkserver")
        context.set_forkserver_preload(["prep.pipeline.executors", "prep.pipeline.phases"])
        with ProcessPoolExecutor(self.workers, context, _end_with_parent) as pool:
            call = f"{self.pipeline[0].logs}/call.pickle"
            write_bytes(call, pickle.dumps(self.pipeline[0]))
            ranks = [pool.submit(_run_rank, call, rank) for rank in range(self.world_size)]
            try:
                for rank in as_completed(ranks):
                    rank.result()
            except BrokenProcessPool as error:
                raise RunError(
                    "a worker process was killed, most likely for want of memory; the tasks that are done are kept; "
                    "run again with fewer workers, or a smaller batch_bytes"
                ) from error
            finally:
                pool.shutdown(cancel_futures=True)


def _run_rank(call: str, rank: int) -> None:
    _call(call)(None, rank)


@cache
def _call(path: str) -> Call:
    """Return the call, which every process reads once: it holds the whole plan, too much to send with each rank."""
    return cast("Call", pickle.loads(Path(path).read_bytes()))


def _end_with_parent() -> None:
    """End this worker when the process that started it has died, however it died."""
    parent = parent_process()
    assert parent is not None

    def wait_and_end() -> None:
        wait([parent.sentinel])
        os._exit(1)

    Thread(target=wait_and_end, daemon=True).start()


def run_locally(call: Call, workers: int) -> None:
    """Run the tasks in worker processes on this machine."""
    logger.disable("datatrove")
    LocalWorkers(pipeline=[call], tasks=len(call.tasks), workers=workers, logging_dir=call.logs).run()


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
