"""Tasks of a phase that take many times as long as most: a slow node, or input of a kind that costs more.

A task notes when and where it began for as long as it runs (`prep.pipeline.steps.records.begun_path`); what those that
are done took stands in their efforts. A task counts as slow where LEAST_DONE tasks are done and it has run for
LEAST_SECONDS and TIMES their median.
"""

from statistics import median
from time import monotonic, time

from prep.pipeline.monitor.answer import Answer
from prep.pipeline.steps import records
from prep.pipeline.steps.effort import read_task_seconds

TIMES = 4.0
LEAST_SECONDS = 30.0
LEAST_DONE = 3
MOST_MEASURED = 500
"""Of so many tasks that are done the median is taken."""
LOOK_SECONDS = 5.0
"""Between two looks at what runs."""


class SlowTask(Answer):
    """A task that has run for many times as long as those that are done took."""

    task: int
    host: str
    """Where it runs."""
    seconds: float
    """How long it has run."""
    median_seconds: float
    """How long half of those took at most that are done."""


class SlowTasks:
    """Finds the slow tasks of a phase, again and again."""

    def __init__(self, folder: str, phase: str) -> None:
        self._folder = folder
        self._phase = phase
        self._took: dict[int, float | None] = {}
        self._looked = -LOOK_SECONDS
        self._found: tuple[SlowTask, ...] = ()

    def look(self, running: frozenset[int], done: frozenset[int]) -> tuple[SlowTask, ...]:
        """Return the slow ones of the tasks that run, the slowest first."""
        if monotonic() - self._looked >= LOOK_SECONDS:
            self._looked = monotonic()
            self._found = self._slow(running, done) if len(done) >= LEAST_DONE else ()
        return tuple(each for each in self._found if each.task in running)

    def _slow(self, running: frozenset[int], done: frozenset[int]) -> tuple[SlowTask, ...]:
        now = time()
        begun = {task: records.read_begun(self._folder, self._phase, task) for task in running}
        long = {task: each for task, each in begun.items() if each is not None and now - each.time >= LEAST_SECONDS}
        if not long:
            return ()
        usual = self._median(done)
        if usual is None:
            return ()
        found = [
            SlowTask(task=task, host=each.host, seconds=round(now - each.time, 1), median_seconds=round(usual, 1))
            for task, each in long.items()
            if now - each.time >= TIMES * usual
        ]
        return tuple(sorted(found, key=lambda each: -each.seconds))

    def _median(self, done: frozenset[int]) -> float | None:
        for task in sorted(done - self._took.keys())[: MOST_MEASURED - len(self._took)]:
            self._took[task] = read_task_seconds(self._folder, self._phase, task)
        known = [seconds for seconds in self._took.values() if seconds is not None]
        return median(known) if known else None
