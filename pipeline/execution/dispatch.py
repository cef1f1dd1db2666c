"""Running independent tasks: one after another here, in watched worker processes, or on a cluster.

Whether a task is done is decided by its record alone (`prep.pipeline.steps.records`), never by an executor's own marks.
A single local worker is this process itself, for speed: a library that crashes ends it, and the next run, which finds
the task's note, runs the rest in a worker process. A single task runs here too as long as there are no worker
processes; where there are, they have loaded kernels already. A small phase (`prep.pipeline.steps.small_phases`) is run
by the driver of a cluster itself, which waits for no pilot.
"""

import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Self

from prep.corpus.errors import PrepError, TaskError
from prep.pipeline.config import Executor, LocalExecutor
from prep.pipeline.execution.tasks import CACHE_SETTING, Call, kernels_folder
from prep.pipeline.steps import records

if TYPE_CHECKING:
    from prep.pipeline.execution.pilots.pool import PilotPool
    from prep.pipeline.execution.workers import Pool

DRIVER_SECONDS = 1.0
"""Tasks of a small phase that have not begun by then go to pilots."""


class Dispatcher:
    """Runs the tasks of one phase after another with the same workers, until it is closed."""

    def __init__(
        self, executor: Executor, workers: Callable[[], int], say: Callable[[str], None] = lambda line: None
    ) -> None:
        """`workers` is asked again and again and may change; `say` is told what a cluster does, a line each."""
        self._executor = executor
        self._workers = workers
        self._say = say
        self._closing = ExitStack()
        self._pool: Pool | None = None
        self._pilots: PilotPool | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Let the workers end."""
        self._closing.close()

    def run(self, call: Call, done: Callable[[int], bool], *, small: bool = False) -> None:
        """Run the call's tasks and return when all are done. Raises TaskError for the first that failed.

        On a cluster this process runs tasks of a `small` call itself, as long as that takes about a second.
        """
        for task in call.tasks:
            Path(call.error_path(task)).unlink(missing_ok=True)
        for task in records.begun_tasks(call.folder, call.phase):
            call.forget_begun(task)
        try:
            self._run(call, done, small)
        except Exception as error:
            raise _failure(call, error) from error
        missing = [task for task in call.tasks if not done(task)]
        if missing:
            raise _failure(
                call,
                TaskError(
                    f"{call.label}: tasks {missing} ended without a record; logs in {call.logs}; run again: a task "
                    "that was killed is watched then, and goes on without the document that ends it, if it is one that "
                    "does"
                ),
            )

    def _run(self, call: Call, done: Callable[[int], bool], small: bool) -> None:
        if isinstance(self._executor, LocalExecutor):
            self._run_here(call)
            return
        from prep.corpus.kernel_cache import copy_compiled
        from prep.pipeline.execution.clusters import box_of, launcher_for
        from prep.pipeline.execution.pilots.phase import run_phase
        from prep.pipeline.execution.pilots.pool import PilotPool

        folder = str(Path(call.folder).parent)
        box = box_of(folder)
        if small and not box.has_given(call):
            call = replace(call, tasks=_left_after_a_second(call))
        if not call.tasks and (self._pilots is not None or not box.pilots()):
            return
        if self._pilots is None:  # also to end the pilots that an earlier run has left
            if not os.environ.get(CACHE_SETTING):
                copy_compiled(kernels_folder(call.folder))
            launcher = launcher_for(self._executor, folder, box)
            self._pilots = self._closing.enter_context(PilotPool(launcher, self._workers, box, self._say))
        if call.tasks:
            run_phase(self._pilots, call, done)

    def _run_here(self, call: Call) -> None:
        single = len(call.tasks) == 1 and not call.work.notes
        alone = self._workers() == 1 or (single and (self._pool is None or call.stops_itself))
        if alone and not any(map(call.has_ended_a_process, call.tasks)):
            for rank in range(len(call.tasks)):
                call(None, rank)
            return
        if self._pool is None:
            from prep.pipeline.execution.workers import Pool

            self._pool = self._closing.enter_context(Pool())
        self._pool.run(call, self._workers)


def run_tasks(call: Call, done: Callable[[int], bool], executor: Executor, workers: int) -> None:
    """Run the tasks of one call with workers of its own. Raises TaskError for the first that failed."""
    with Dispatcher(executor, lambda: workers) as dispatcher:
        dispatcher.run(call, done)


def _left_after_a_second(call: Call) -> tuple[int, ...]:
    """Run tasks here, one after another, until a second is over; return those that have not begun."""
    begun = monotonic()
    for rank in range(len(call.tasks)):
        if monotonic() - begun > DRIVER_SECONDS or call.has_ended_a_process(call.tasks[rank]):
            return call.tasks[rank:]
        call(None, rank)
    return ()


def _failure(call: Call, error: Exception) -> PrepError:
    for task in call.tasks:
        path = Path(call.error_path(task))
        if path.exists():
            summary = path.read_text(encoding="utf-8").split("\n\n")[0]
            return TaskError(f"{call.label}, task {task}: {summary}\n  the traceback is in {path}")
    return error if isinstance(error, PrepError) else TaskError(f"{call.label}: {type(error).__name__}: {error}")
