"""Ray, through datatrove's executor: the only file that knows it.

One rank of the executor is one task. It is not asked whether a task is done: the task's record decides that.
"""

import os
from dataclasses import dataclass, replace

from loguru import logger

from prep.corpus.errors import RunError
from prep.pipeline.config import RayExecutor
from prep.pipeline.execution.tasks import CACHE_SETTING, Call, kernels_folder
from prep.pipeline.execution.workers import run_watched


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
        shared = {"env_vars": {CACHE_SETTING: os.environ.get(CACHE_SETTING) or str(kernels_folder(call.folder))}}
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
