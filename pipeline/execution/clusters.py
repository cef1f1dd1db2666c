"""datatrove's executors: Ray and Slurm. The only file that knows them.

Slurm's jobs unpickle the call from a file on a shared file system, in a folder of mode 0700 that is checked when it is
written and when it is read. Ray carries the call itself.

One rank of an executor is one task. None of them is asked whether a task is done: its record decides that.
"""

import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from loguru import logger

from prep.corpus.errors import RunError
from prep.corpus.files.own_folder import require_closed
from prep.pipeline.config import RayExecutor, SlurmExecutor
from prep.pipeline.execution.interrupts import INTERRUPTS
from prep.pipeline.execution.tasks import Call
from prep.pipeline.execution.workers import run_watched

POLL_SECONDS = 1.0
GRACE_SECONDS = 20.0
"""How long a shared file system may take to show the record of a task whose Slurm job has ended."""
CACHE_SETTING = "NUMBA_CACHE_DIR"
"""The environment variable that names the folder of compiled functions, on this machine and on clusters."""
CANCEL_SECONDS = 3.0
"""How long Slurm may take to cancel a job of a run that was interrupted."""


@dataclass(frozen=True, repr=False)
class WatchedCall:
    """A call that runs each task in a watched process of its own: datatrove waits for ever for one that has died."""

    call: Call

    def __repr__(self) -> str:
        return repr(self.call)

    def __call__(self, data: object, rank: int = 0, world_size: int = 1) -> None:
        """Run a task."""
        run_watched(replace(self.call, tasks=(self.call.tasks[rank],)), 1)


def run_on_ray(call: Call, settings: RayExecutor, workers: int) -> None:
    """Run the tasks on a Ray cluster."""
    try:
        import ray
        from datatrove.executor.ray import RayPipelineExecutor
    except ImportError as error:
        raise RunError("executor ray needs the package ray; install it with: pip install 'corpus-prep[ray]'") from error
    logger.disable("datatrove")
    if not ray.is_initialized():
        shared = {"env_vars": {CACHE_SETTING: os.environ.get(CACHE_SETTING) or str(_kernels_beside(call))}}
        ray.init(address=settings.address, log_to_driver=False, configure_logging=False, runtime_env=shared)
    RayPipelineExecutor(
        pipeline=[WatchedCall(call)],
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
    folder = Path(call.logs, "slurm").resolve()
    require_closed(folder)
    job = SlurmPipelineExecutor(
        pipeline=[WatchedCall(call)],
        tasks=len(call.tasks),
        workers=workers,
        logging_dir=str(folder),
        skip_completed=False,
        partition=settings.partition,
        time=settings.time,
        cpus_per_task=settings.cpus_per_task,
        mem_per_cpu_gb=settings.memory_gb_per_cpu,
        qos=settings.qos,
        env_command="\n".join(
            (_refusal(folder), _compiled(call), settings.setup or f'export PATH="{Path(sys.executable).parent}:$PATH"')
        ),
        job_name=f"prep-{call.label.replace(' ', '-')}",
        sbatch_args=settings.arguments,
        requeue=False,
    )
    job.run()
    ended: float | None = None
    with INTERRUPTS.calling(lambda: _cancel(str(job.job_id))):
        while not all(done(task) for task in call.tasks):
            if ended is None and not _in_queue(str(job.job_id)):
                ended = time.monotonic()
            if ended is not None and time.monotonic() - ended > GRACE_SECONDS:
                return
            time.sleep(POLL_SECONDS)


def _refusal(folder: Path) -> str:
    """Return the command that ends a job whose folder others can write: datatrove unpickles the call from there."""
    return (
        f'folder={shlex.quote(str(folder))}; mode=$(stat -c %a "$folder"); '
        '[ ! -L "$folder" ] && [ -O "$folder" ] && [ "${mode%700}" != "$mode" ] || '
        '{ echo "error: $folder: must be a folder of this user with mode 0700, found mode $mode" >&2; exit 1; }'
    )


def _compiled(call: Call) -> str:
    """Return the command that has all nodes share one folder of compiled functions, beside the steps."""
    return f"export {CACHE_SETTING}=${{{CACHE_SETTING}:-{shlex.quote(str(_kernels_beside(call)))}}}"


def _kernels_beside(call: Call) -> Path:
    """Return the folder of compiled functions that all machines see: beside the steps."""
    return Path(call.folder).resolve().parent / ".kernels"


def _cancel(job: str) -> None:
    """Take a job out of the queue, or end it: nobody waits for it any more."""
    subprocess.run(["scancel", job], capture_output=True, timeout=CANCEL_SECONDS, check=False)


def _in_queue(job: str) -> bool:
    answer = subprocess.run(["squeue", "-h", "-j", job], capture_output=True, text=True, check=False)
    return answer.returncode == 0 and bool(answer.stdout.strip())
