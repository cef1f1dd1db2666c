"""Running independent tasks: one after another here, or through datatrove's executors.

Whether a task is done is decided by its record alone (`prep.pipeline.records`), never by an executor's own marks.
"""

from collections.abc import Callable
from pathlib import Path

from prep.corpus.errors import PrepError, TaskError
from prep.pipeline.call import Call
from prep.pipeline.config import Executor, LocalExecutor, RayExecutor


def run_tasks(call: Call, done: Callable[[int], bool], executor: Executor, workers: int) -> None:
    """Run the call's tasks and return when all are done. Raises TaskError for the first that failed."""
    for task in call.tasks:
        Path(call.error_path(task)).unlink(missing_ok=True)
    try:
        _run(call, done, executor, min(workers, len(call.tasks)))
    except Exception as error:
        raise _failure(call, error) from error
    missing = [task for task in call.tasks if not done(task)]
    if missing:
        raise _failure(call, TaskError(f"{call.label}: tasks {missing} ended without a record; logs in {call.logs}"))


def _run(call: Call, done: Callable[[int], bool], executor: Executor, workers: int) -> None:
    if isinstance(executor, LocalExecutor) and workers == 1:
        for rank in range(len(call.tasks)):
            call(None, rank)
        return
    from prep.pipeline import executors  # takes a quarter of a second that a single worker need not wait for

    if isinstance(executor, LocalExecutor):
        executors.run_locally(call, workers)
    elif isinstance(executor, RayExecutor):
        executors.run_on_ray(call, executor, workers)
    else:
        executors.run_on_slurm(call, done, executor, workers)


def _failure(call: Call, error: Exception) -> PrepError:
    for task in call.tasks:
        path = Path(call.error_path(task))
        if path.exists():
            summary = path.read_text(encoding="utf-8").split("\n\n")[0]
            return TaskError(f"{call.label}, task {task}: {summary}\n  the whole story is in {path}")
    return error if isinstance(error, PrepError) else TaskError(f"{call.label}: {type(error).__name__}: {error}")
