"""The driver's side of a pool of pilots on Slurm: jobs that take tasks of any phase as they come.

The driver submits pilots, as many as there are tasks and no more than `workers`; each takes a few tasks at a time,
fewer towards the end of a phase. One that ends with tasks undone is replaced and its tasks are given to another one,
after a wait that doubles and not more than a few times. A pilot counts as lost only where it has said that it leaves,
or where Slurm answers that its job is gone and it shows no life: a controller that is silent loses nothing, and no task
runs twice beside itself.

A driver that is started again finds the pilots of the one before by their job's name and goes on with them, those
that are at work included. On Ctrl-C, on an error and at the end of the run all jobs are cancelled.
"""

import os
import shlex
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic, sleep
from typing import Self

from prep.corpus.errors import RunError, TaskError
from prep.pipeline.config import SlurmExecutor
from prep.pipeline.execution.interrupts import INTERRUPTS
from prep.pipeline.execution.slurm import commands as slurm
from prep.pipeline.execution.slurm.exchange import FOLDER, Assignment, Mailbox
from prep.pipeline.execution.tasks import CACHE_SETTING, Call, kernels_folder

LOOK_SECONDS = 0.2
"""Between two looks at the answers of pilots, where there are few."""
LOOKS_PER_SECOND = 500
"""At the answers of single pilots, where there are many."""
QUEUE_SECONDS = 5.0
"""Between two questions to Slurm."""
UNSEEN_SECONDS = 10.0
"""A job that was submitted no longer ago counts as there, whether or not Slurm lists it yet."""
LIFE_SECONDS = 1.0
"""Between two looks at whether pilots live."""
SILENT_SECONDS = 30.0
"""A pilot whose job is gone, and that has shown no life for so long, is lost."""
HUNG_SECONDS = 900.0
"""A pilot that shows no life for so long is cancelled though its job is listed: its node hangs."""
GRACE_SECONDS = 20.0
"""How long a shared file system may take to show the record of a task that has ended."""
MOST_LOST = 5
"""A task is given up whose pilots were lost more often."""
MOST_BATCH = 8
"""Tasks that a pilot is given at a time."""
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0
AWAY_SECONDS = 1800.0
"""How long Slurm may take no jobs before the run ends."""


@dataclass
class _Pilot:
    """What the driver knows of a pilot."""

    life: str = ""
    seen: float = field(default_factory=monotonic)
    """When it last showed that it lives."""
    beats: bool = False
    """Whether this driver has seen it show that."""
    assignment: Assignment | None = None
    """What it is at; None where it is idle."""
    undone: set[int] = field(default_factory=set)
    """Tasks of this phase that it has been given and that have no record yet."""
    ended: float | None = None
    """When it said that it has ended the assignment."""
    freed: float = 0.0
    """When it had last ended one: a pilot looks for the next often at first."""
    number: int = 0


class PilotPool:
    """Jobs of Slurm that run the tasks of one call after another."""

    def __init__(self, settings: SlurmExecutor, workers: int, folder: str, say: Callable[[str], None]) -> None:
        self._settings = settings
        self._workers = workers
        self._box = Mailbox(str(Path(folder).resolve() / FOLDER))
        self._kernels = kernels_folder(f"{folder}/step")
        self._name = slurm.name_for(folder)
        self._say = say
        self._pilots: dict[str, _Pilot] = {}
        self._listed: dict[str, str] = {}
        """Jobs as Slurm last listed them."""
        self._submitted: dict[str, float] = {}
        """Jobs that Slurm has taken, and when; until they are listed or come."""
        self._asked = self._answered = self._away_since = 0.0
        self._submit_after, self._submit_wait = 0.0, FIRST_WAIT
        self._came: set[str] = set()
        """Pilots that have come, whether or not they are there still."""
        self._vanished = 0
        """Jobs in a row that ended before they became pilots."""
        self._looked = 0.0

    def __enter__(self) -> Self:
        """Find the pilots that an earlier driver has left. Raises RunError where Slurm is not on this machine."""
        slurm.require_slurm()
        self._interrupts = INTERRUPTS.calling(self._cancel_on_interrupt)
        self._interrupts.__enter__()
        self._look(force=True)
        if self._listed:
            self._say(f"going on with {len(self._listed)} jobs of Slurm that an earlier run has left")
        return self

    def __exit__(self, *error: object) -> None:
        """Cancel all jobs: nobody has anything for them to do."""
        self._interrupts.__exit__(None, None, None)
        if not slurm.cancel_all(self._name):
            self._say(f"Slurm does not answer; cancel what is left with: scancel --name {self._name}")

    def run(self, call: Call, done: Callable[[int], bool]) -> None:
        """Run the call's tasks. Raises TaskError where one fails, when those that run have ended."""
        _Phase(self, call, done).run()

    def look(self) -> None:
        """Ask Slurm, where it is time, and see which pilots have come."""
        self._look(force=False)

    def _look(self, *, force: bool) -> None:
        now = monotonic()
        if force or now - self._asked >= QUEUE_SECONDS:
            self._asked = now
            found = slurm.listed(self._name)
            if found is not None:
                self._take_listing(dict(found), now)
        for name in self._box.pilots():
            if name not in self._pilots:
                self._pilots[name] = self._met(name)
        if force or now - self._looked >= LIFE_SECONDS:
            self._looked = now
            for name, pilot in self._pilots.items():
                life = self._box.life(name)
                if life != pilot.life:
                    pilot.life, pilot.seen, pilot.beats = life, now, True

    def _take_listing(self, found: dict[str, str], now: float) -> None:
        self._answered = now
        unseen = {job for job, since in self._submitted.items() if now - since > UNSEEN_SECONDS}
        gone = (self._listed.keys() | unseen) - found.keys() - self._came
        self._vanished += len(gone)
        self._listed = found
        self._submitted = {
            job: since
            for job, since in self._submitted.items()
            if job not in found and job not in self._came and job not in gone
        }

    def _met(self, pilot: str) -> _Pilot:
        """Return what is known of a pilot that this driver sees for the first time."""
        self._came.add(pilot)
        self._vanished = 0
        given, answer = self._box.assignment(pilot), self._box.answer(pilot)
        answered = 0 if answer is None else answer.number
        at_work = given if given is not None and given.number > answered else None
        return _Pilot(
            self._box.life(pilot), assignment=at_work, number=max(answered, 0 if given is None else given.number)
        )

    def lost(self) -> list[str]:
        """Return and forget the pilots that have ended."""
        now = monotonic()
        found = []
        for name, pilot in tuple(self._pilots.items()):
            silent = now - pilot.seen
            unlisted = name not in self._listed and name not in self._submitted and self._answered > pilot.seen
            if not pilot.life or (unlisted and silent > SILENT_SECONDS):
                self._box.leave(name)
                del self._pilots[name]
                found.append(name)
            elif silent > HUNG_SECONDS and name in self._listed and pilot.assignment is not None:
                self._say(f"job {name} shows no life since {silent:.0f} s: cancelled")
                slurm.cancel([name])
                pilot.seen = now
        return found

    def pilot(self, name: str) -> _Pilot | None:
        """Return what is known of a pilot."""
        return self._pilots.get(name)

    def idle(self) -> list[str]:
        """Return the pilots that live and could be given something to do, those first that had it last."""
        free = {name: pilot for name, pilot in self._pilots.items() if pilot.assignment is None}
        known = self._listed.keys() | self._submitted.keys()
        alive = [name for name, pilot in free.items() if pilot.beats or name in known]
        return sorted(alive, key=lambda name: -free[name].freed)

    def at_work(self) -> dict[str, _Pilot]:
        """Return the pilots that have something to do, of whichever phase."""
        return {name: pilot for name, pilot in self._pilots.items() if pilot.assignment is not None}

    @property
    def box(self) -> Mailbox:
        """The folder through which driver and pilots talk."""
        return self._box

    def want(self, tasks: int) -> None:
        """Submit pilots where fewer are there, or on their way, than could work at so many tasks.

        Raises RunError where Slurm refuses the jobs, or where they end before they begin to work.
        """
        there = {*self._pilots, *self._listed, *self._submitted}
        missing = min(self._workers, tasks) - len(there)
        now = monotonic()
        if missing <= 0 or now < self._submit_after:
            return
        if self._vanished > max(2, self._workers) and not self._came:
            raise RunError(self._early_ends())
        count = min(missing, slurm.LARGEST_ARRAY)
        try:
            job = slurm.submit(self._settings, self._name, count, self._command(), self._box.folder / "logs")
        except slurm.SlurmIsAwayError as error:
            self._away_since = self._away_since or now
            if now - self._away_since > AWAY_SECONDS:
                raise
            self._say(f"{error}; trying again in {self._submit_wait:.0f} s")
            self._put_off(now)
            return
        self._away_since = 0.0
        self._submitted |= {f"{job}_{place}": now for place in range(count)}
        if self._vanished:  # jobs that end at once are not to be submitted again and again without a pause
            self._put_off(now)
        else:
            self._submit_wait = FIRST_WAIT

    def _put_off(self, now: float) -> None:
        self._submit_after = now + self._submit_wait
        self._submit_wait = min(LONGEST_WAIT, 2 * self._submit_wait)

    def _early_ends(self) -> str:
        logs = self._box.folder / "logs"
        last = max(logs.glob("*.log"), key=lambda path: path.stat().st_mtime, default=None)
        said = "" if last is None else self._box.log(last.stem)
        return (
            f"{self._vanished} jobs of Slurm ended before they began to work; the last one said: "
            f"{said or 'nothing'}\n  what jobs print is in {logs}; see the executor's setup"
        )

    def _command(self) -> str:
        leave = slurm_seconds(self._settings.time) / 2
        box = shlex.quote(str(self._box.folder))
        arguments = [box, '"${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}"', f"{leave:.0f}"]
        kernels = f"export {CACHE_SETTING}=${{{CACHE_SETTING}:-{shlex.quote(str(self._kernels))}}}"
        return f"{kernels}\n" + slurm.python_command(self._settings, "prep.pipeline.execution.slurm.pilot", arguments)

    def _cancel_on_interrupt(self) -> None:
        count = len({*self._submitted, *self._listed})
        done = slurm.cancel_all(self._name)
        said = f"cancelled {count} jobs of Slurm" if done else f"cancel the jobs with: scancel --name {self._name}"
        with suppress(OSError):
            os.write(2, f"{said}\n".encode())


class _Phase:
    """The tasks of one call, given to pilots."""

    def __init__(self, pool: PilotPool, call: Call, done: Callable[[int], bool]) -> None:
        self._pool = pool
        self._call = call
        self._done = done
        self._name = pool.box.store(replace(call, tasks=()))
        self._waiting = deque(call.tasks)
        self._losses: Counter[int] = Counter()
        self._not_before: dict[int, float] = {}
        self._error = ""

    def run(self) -> None:
        while True:
            self._pool.look()
            self._adopt()
            self._replace_lost()
            self._collect()
            own = self._own()
            if not own and (self._error or not self._waiting):
                break
            if not self._error:
                self._assign()
                self._pool.want(len(self._waiting) + len(self._pool.at_work()))
            sleep(max(LOOK_SECONDS, len(own) / LOOKS_PER_SECOND))
        if self._error:
            raise TaskError(self._error)

    def _own(self) -> dict[str, _Pilot]:
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
        """Put tasks back whose pilots have ended. Raises RunError where that happens to one again and again."""
        before = {name: set(pilot.undone) for name, pilot in self._own().items()}
        for name in self._pool.lost():
            self._put_back(name, before.get(name, set()))

    def _put_back(self, name: str, tasks: set[int]) -> None:
        undone = sorted(task for task in tasks if not self._done(task))
        for task in reversed(undone):
            self._losses[task] += 1
            self._not_before[task] = monotonic() + min(LONGEST_WAIT, FIRST_WAIT * 2 ** (self._losses[task] - 1))
            self._waiting.appendleft(task)
            if self._losses[task] > MOST_LOST:
                raise RunError(
                    f"{self._call.label}: the job of task {task} was lost {self._losses[task]} times, the last time "
                    f"{name}, which said: {self._pool.box.log(name) or 'nothing'}; give tasks more memory or time, or "
                    "use other nodes"
                )

    def _collect(self) -> None:
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
            pilot.assignment, pilot.undone, pilot.ended, pilot.freed = None, set(), None, monotonic()

    def _assign(self) -> None:
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
            pilot.number += 1
            pilot.assignment = Assignment(pilot.number, self._name, self._call.folder, self._call.phase, tuple(tasks))
            pilot.undone = set(tasks)
            given |= pilot.undone
            self._pool.box.assign(name, pilot.assignment)
        if given:
            self._waiting = deque(task for task in self._waiting if task not in given)


def slurm_seconds(limit: str) -> float:
    """Return the seconds of a time limit as Slurm writes it: `90`, `1:30:00`, `2-12`, `2-12:00:00`; inf: none."""
    days, dash, rest = limit.rpartition("-")
    try:
        parts = [int(part) for part in rest.split(":")]
        if dash:
            hours, minutes, seconds = (*parts, 0, 0, 0)[:3]
        elif len(parts) == 3:
            hours, minutes, seconds = parts
        else:
            hours, (minutes, seconds) = 0, (*parts, 0)[:2]
        return float(int(days or 0) * 86_400 + hours * 3600 + minutes * 60 + seconds)
    except ValueError:  # UNLIMITED, or what sbatch will refuse
        return float("inf")
