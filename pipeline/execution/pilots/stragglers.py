"""Tasks that hold up the end of a phase, run a second time beside themselves where the configuration asks for it.

Once no task of a phase waits, LEAST_DONE are done and half of all, a task that has run for LEAST_SECONDS and TIMES
their median (`prep.pipeline.monitor.slow_tasks`) is given to an idle pilot as well: once, in a folder of its own
(`prep.pipeline.execution.second_copy`). Where the first copy ends first, the pilot of the second is cancelled and what
it has made deleted. Where the second ends first, the pilot of the first is cancelled, and only when that has ended are
the second's files moved to their places: the two never write to the same folder.
"""

from collections.abc import Callable, Iterable, Mapping
from statistics import median
from time import monotonic

from prep.pipeline.execution.pilots.exchange import Assignment
from prep.pipeline.execution.pilots.pool import Pilot, PilotPool
from prep.pipeline.execution.second_copy import COPIES, SecondCopy
from prep.pipeline.execution.tasks import Call
from prep.pipeline.monitor import slow_tasks
from prep.pipeline.monitor.amounts import duration


class Stragglers:
    """The slow tasks of one phase, and their second copies."""

    def __init__(self, pool: PilotPool, call: Call, done: Callable[[int], bool]) -> None:
        self._pool = pool
        self._call = call
        self._done = done
        self._took: list[float] = []
        self._tried: set[int] = set()
        self._copies: dict[int, tuple[str, SecondCopy]] = {}
        """By task, with the pilot that runs it."""
        self._cancelled: set[str] = set()

    def note(self, pilot: Pilot) -> None:
        """Learn how long a pilot took that has ended what it was given."""
        if pilot.assignment is not None and pilot.ended is not None:
            tasks = len(pilot.assignment.tasks)
            self._took += [(pilot.ended - pilot.given_at) / tasks] * tasks

    def slow(self, own: Mapping[str, Pilot]) -> list[int]:
        """Return the tasks that are to be run a second time; `own` are the pilots at tasks of the phase."""
        least = max(slow_tasks.LEAST_DONE, len(self._call.tasks) / 2)
        if self._call.doubling is None or len(self._took) < least:
            return []
        limit = max(slow_tasks.LEAST_SECONDS, slow_tasks.TIMES * median(self._took))
        now = monotonic()
        found = []
        for pilot in own.values():
            given = pilot.assignment
            if given is not None and pilot.ended is None and now - pilot.given_at > limit * len(given.tasks):
                found += sorted(pilot.undone - self._tried)
        return found

    def duplicate(self, tasks: Iterable[int]) -> None:
        """Give tasks to idle pilots, as many as there are."""
        for task, name in zip(tasks, self._pool.idle(), strict=False):
            pilot = self._pool.pilot(name)
            assert pilot is not None
            copy = SecondCopy(self._call, task, self._pool.box.folder / COPIES)
            stored = self._pool.box.store(copy.call)
            self._tried.add(task)
            self._copies[task] = (name, copy)
            self._pool.assign(
                name, Assignment(pilot.number + 1, stored, copy.call.folder, copy.call.phase, (task,)), ()
            )
            usual = duration(median(self._took))
            self._pool.say(f"{self._call.label}: task {task} is slow (median {usual}); {name} runs it as well")

    def settle(self) -> frozenset[int]:
        """See which copies have ended; return the tasks that a second copy has brought to their end."""
        for task, (name, copy) in tuple(self._copies.items()):
            first = [each for each, pilot in self._pool.at_work().items() if task in pilot.undone]
            if self._done(task):
                self._cancel([name] if self._runs(name, copy) else [])
                self._forget(task)
            elif copy.finished():
                self._cancel(first)
                if not first:
                    self.take(task)
            elif not self._runs(name, copy):
                self._forget(task)
        return frozenset(task for task in self._tried if self._done(task))

    def take(self, task: int) -> None:
        """Let a second copy that has ended be the task's, whose first copy has ended without a record."""
        found = self._copies.get(task)
        if found is not None and found[1].finished() and not self._done(task):
            found[1].take()
            self._pool.say(f"{self._call.label}: task {task} was done first by {found[0]}")

    def close(self) -> None:
        """End the copies that are left."""
        for task, (name, copy) in tuple(self._copies.items()):
            self._cancel([name] if self._runs(name, copy) else [])
            self._forget(task)

    def _runs(self, name: str, copy: SecondCopy) -> bool:
        pilot = self._pool.pilot(name)
        given = None if pilot is None or pilot.ended is not None else pilot.assignment
        return given is not None and given.folder == copy.call.folder

    def _forget(self, task: int) -> None:
        _, copy = self._copies.pop(task)
        copy.discard()

    def _cancel(self, names: Iterable[str]) -> None:
        new = sorted(set(names) - self._cancelled)
        if new and self._pool.cancel(new):
            self._cancelled |= set(new)
