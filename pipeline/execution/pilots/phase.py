"""The tasks of one call, given to pilots: a few at a time, fewer towards the end.

Tasks of a pilot that has ended with some undone are given to another one, after a wait that doubles and not more than
a few times.
"""

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import replace
from time import monotonic, sleep

from prep.corpus.errors import ExecutorError, TaskError
from prep.pipeline.execution.pilots.exchange import Assignment
from prep.pipeline.execution.pilots.pool import Pilot, PilotPool
from prep.pipeline.execution.pilots.stragglers import Stragglers
from prep.pipeline.execution.tasks import Call

QUICKEST_LOOK, SLOWEST_LOOK = 0.02, 0.2
"""Seconds between two looks at the answers of pilots, where there are few: just after something happened, and later."""
LOOKS_PER_SECOND = 500
"""At the answers of single pilots, where there are many."""
GRACE_SECONDS = 20.0
"""How long a shared file system may take to show the record of a task that has ended."""
MOST_LOST = 5
"""A task is given up whose pilots were lost more often."""
MOST_BATCH = 8
"""Tasks that a pilot is given at a time."""
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0


def run_phase(pool: PilotPool, call: Call, done: Callable[[int], bool]) -> None:
    """Run the call's tasks. Raises TaskError where one fails, when those that run have ended."""
    _Phase(pool, call, done).run()


class _Phase:
    """The tasks of one call, given to pilots."""

    def __init__(self, pool: PilotPool, call: Call, done: Callable[[int], bool]) -> None:
        self._pool = pool
        self._call = call
        self._done = done
        self._name = pool.box.store(replace(call, tasks=(), doubling=None))
        self._stragglers = Stragglers(pool, call, done)
        self._waiting = deque(call.tasks)
        self._losses: Counter[int] = Counter()
        self._not_before: dict[int, float] = {}
        self._error = ""

    def run(self) -> None:
        pause = QUICKEST_LOOK
        while True:
            self._pool.look()
            self._adopt()
            self._replace_lost()
            moved = self._collect()
            settled = self._stragglers.settle()
            self._waiting = deque(task for task in self._waiting if task not in settled)
            own = self._own()
            if not own and (self._error or not self._waiting):
                break
            if not self._error:
                moved = self._assign() or moved
                slow = [] if self._waiting else self._stragglers.slow(own)
                self._stragglers.duplicate(slow)
                self._pool.want(len(self._waiting) + len(self._pool.at_work()) + len(slow))
            pause = QUICKEST_LOOK if moved else min(SLOWEST_LOOK, pause * 1.2)
            sleep(max(pause, len(own) / LOOKS_PER_SECOND))
        self._stragglers.close()
        if self._error:
            raise TaskError(self._error)

    def _own(self) -> dict[str, Pilot]:
        """Return the pilots that are at tasks of this phase."""
        return {name: pilot for name, pilot in self._pool.at_work().items() if pilot.undone}

    def _adopt(self) -> None:
        """Leave to pilots what an earlier driver has given them."""
        for pilot in self._pool.at_work().values():
            given = pilot.assignment
            assert given is not None
            if not pilot.undone and (given.folder, given.phase) == (self._call.folder, self._call.phase):
                pilot.undone = set(given.tasks) & set(self._waiting)
                self._waiting = deque(task for task in self._waiting if task not in pilot.undone)

    def _replace_lost(self) -> None:
        """Put tasks back whose pilots have ended. Raises ExecutorError where that happens to one again and again."""
        before = {name: set(pilot.undone) for name, pilot in self._own().items()}
        for name in self._pool.lost():
            self._put_back(name, before.get(name, set()))

    def _put_back(self, name: str, tasks: set[int]) -> None:
        for task in tasks:
            self._stragglers.take(task)
        undone = sorted(task for task in tasks if not self._done(task))
        for task in reversed(undone):
            self._call.forget_begun(task)
            self._losses[task] += 1
            self._not_before[task] = monotonic() + min(LONGEST_WAIT, FIRST_WAIT * 2 ** (self._losses[task] - 1))
            self._waiting.appendleft(task)
            if self._losses[task] > MOST_LOST:
                raise ExecutorError(
                    f"{self._call.label}: task {task} was lost {self._losses[task]} times with the process that ran "
                    f"it, the last time {name}, which said: {self._pool.end_of(name)}; give tasks more memory or time, "
                    "or use other nodes"
                )

    def _collect(self) -> bool:
        """Take what pilots have ended; say whether there was anything."""
        moved = False
        for name, pilot in self._pool.at_work().items():
            given = pilot.assignment
            assert given is not None
            if pilot.ended is None:
                answer = self._pool.box.answer(name)
                if answer is None or answer.number < given.number:
                    continue
                pilot.ended = monotonic()
                if pilot.undone:
                    self._error = self._error or answer.error
            pilot.undone = {task for task in pilot.undone if not self._done(task)}
            if pilot.undone and not self._error and monotonic() - pilot.ended < GRACE_SECONDS:
                continue
            if not self._error:
                self._put_back(name, pilot.undone)
            self._stragglers.note(pilot)
            pilot.assignment, pilot.undone, pilot.ended, pilot.freed = None, set(), None, monotonic()
            moved = True
        return moved

    def _assign(self) -> bool:
        """Give idle pilots something to do; say whether any was given something."""
        now = monotonic()
        ready = deque(task for task in self._waiting if self._not_before.get(task, 0.0) <= now)
        idle = self._pool.idle()
        workers, given = max(1, len(idle) + len(self._own())), set[int]()
        for name in idle:
            if not ready:
                break
            pilot = self._pool.pilot(name)
            assert pilot is not None
            share = len(ready) // (2 * workers)
            tasks = [ready.popleft() for _ in range(max(1, min(MOST_BATCH, share)))]
            given.update(tasks)
            number = pilot.number + 1
            assignment = Assignment(number, self._name, self._call.folder, self._call.phase, tuple(tasks))
            self._pool.assign(name, assignment, tasks)
        if given:
            self._waiting = deque(task for task in self._waiting if task not in given)
        return bool(given)
