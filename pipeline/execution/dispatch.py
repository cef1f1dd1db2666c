"""Running independent tasks: one after another here, in watched worker processes, or through datatrove's executors.

Whether a task is done is decided by its record alone (`prep.pipeline.steps.records`), never by an executor's own marks.
A single local worker is this process itself, for speed: a library that crashes ends it, and the next run, which finds
the task's note, runs the rest in a worker process.
"""

from collections.abc import Callable
from pathlib import Path

from prep.corpus.errors import PrepError, TaskError
from prep.pipeline.config import Executor, LocalExecutor, RayExecutor
from prep.pipeline.execution.tasks import Call


def run_tasks(call: Call, done: Callable[[int], bool], executor: Executor, workers: int) -> None:
    """Run the call's tasks and return when all are done. Raises TaskError for the first that failed."""
    for task in call.tasks:
        Path(call.error_path(task)).unlink(missing_ok=True)
    try:
        _run(call, done, executor, workers)
    except Exception as error:
        raise _failure(call, error) from error
    missing = [task for task in call.tasks if not done(task)]
    if missing:
        raise _failure(
            call,
            TaskError(
                f"{call.label}: tasks {missing} ended without a record; logs in {call.logs}; run again: a task that "
                "was killed is watched then, and goes on without the document that ends it, if it is one that does"
            ),
        )


def _run(call: Call, done: Callable[[int], bool], executor: Executor, workers: int) -> None:
    if isinstance(executor, LocalExecutor):
        alone = workers == 1 or (len(call.tasks) == 1 and not call.work.notes)
        if alone and not any(map(call.has_ended_a_process, call.tasks)):
            for rank in range(len(call.tasks)):
                call(None, rank)
            return
        from prep.pipeline.execution.workers import run_watched

        run_watched(call, min(workers, len(call.tasks)))
        return
    from prep.pipeline.execution import clusters as executors  # takes a quarter of a second

    count = min(workers, len(call.tasks))
    if isinstance(executor, RayExecutor):
        executors.run_on_ray(call, executor, count)
    else:
        executors.run_on_slurm(call, done, executor, count)


def _failure(call: Call, error: Exception) -> PrepError:
    for task in call.tasks:
        path = Path(call.error_path(task))
        if path.exists():
            summary = path.read_text(encoding="utf-8").split("\n\n")[0]
            return TaskError(f"{call.label}, task {task}: {summary}\n  the traceback is in {path}")
    return error if isinstance(error, PrepError) else TaskError(f"{call.label}: {type(error).__name__}: {error}")
