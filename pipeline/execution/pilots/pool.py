"""The driver's pool of pilots on a cluster: processes that take tasks of any phase as they come.

The driver submits pilots, as many as there are tasks and no more than `workers`. A pilot counts as lost only where it
has said that it leaves, or where the cluster answers that it is gone and it shows no life: a cluster that is silent
loses nothing, and no task runs twice beside itself.

A driver that is started again finds the pilots of the one before and goes on with them, those that are at work
included. On Ctrl-C, on an error and at the end of the run all are cancelled. What the cluster is, its launcher knows
(`prep.pipeline.execution.pilots.launcher`).
"""

import os
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import Self

from prep.corpus.errors import ExecutorError
from prep.pipeline.execution.interrupts import INTERRUPTS
from prep.pipeline.execution.pilots.exchange import Assignment, Mailbox
from prep.pipeline.execution.pilots.launcher import ClusterIsAwayError, Launcher

QUEUE_SECONDS = 5.0
"""Between two questions to the cluster."""
UNSEEN_SECONDS = 10.0
"""A pilot that was submitted no longer ago counts as there, whether or not the cluster lists it yet."""
LIFE_SECONDS = 1.0
"""Between two looks at whether pilots live."""
SILENT_SECONDS = 30.0
"""A pilot that is not listed, and that has shown no life for so long, is lost."""
HUNG_SECONDS = 900.0
"""A pilot that shows no life for so long is cancelled though it is listed: its node hangs."""
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0
REPORT_SECONDS = 60.0
"""The run says that the cluster is away when it has not answered for so long."""
AWAY_SECONDS = 1800.0
"""How long a cluster may take no pilots, or not answer while none lives, before the run ends."""


@dataclass
class Pilot:
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
    given_at: float = field(default_factory=monotonic)
    """When it was given what it is at."""


class PilotPool:
    """Pilots that run the tasks of one call after another (`prep.pipeline.execution.pilots.phase`)."""

    def __init__(
        self, launcher: Launcher, workers: Callable[[], int], box: Mailbox, say: Callable[[str], None]
    ) -> None:
        """`workers` is asked again and again and may change; `say` is told what happens on the cluster, a line each."""
        self._launcher = launcher
        self._workers = workers
        self._box = box
        self._say = say
        self._pilots: dict[str, Pilot] = {}
        self._listed: frozenset[str] = frozenset()
        """Pilots as the cluster last listed them."""
        self._submitted: dict[str, float] = {}
        """Pilots that the cluster has taken, and when; until they are listed or come."""
        self._asked = self._answered = self._away_since = 0.0
        self._is_away = False
        """Whether the run has said so."""
        self._submit_after, self._submit_wait = 0.0, FIRST_WAIT
        self._let_go: set[str] = set()
        """Pilots that were cancelled because there were more than workers."""
        self._came: set[str] = set()
        """Pilots that have come, whether or not they are there still."""
        self._vanished = 0
        """Pilots in a row that ended before they came."""
        self._last_vanished = ""
        self._looked = 0.0

    def __enter__(self) -> Self:
        """Find the pilots that an earlier driver has left. Raises ExecutorError where the cluster cannot be asked."""
        self._launcher.open()
        self._interrupts = INTERRUPTS.calling(self._cancel_on_interrupt)
        self._interrupts.__enter__()
        self._answered = monotonic()
        self._look(force=True)
        if self._listed:
            self._say(f"going on with {len(self._listed)} {self._launcher.units} that an earlier run has left")
        return self

    def __exit__(self, *error: object) -> None:
        """Cancel all pilots: nobody has anything for them to do."""
        self._interrupts.__exit__(None, None, None)
        if self._launcher.cancel_all():
            for name in self._box.pilots():
                self._box.leave(name)
        else:
            self._say(f"{self._launcher.cluster} does not answer; cancel what is left with: {self._launcher.by_hand}")
        self._launcher.close()

    def look(self) -> None:
        """Ask the cluster, where it is time, and see which pilots have come.

        Raises ExecutorError where the cluster has not answered for long and no pilot lives.
        """
        self._look(force=False)

    def _look(self, *, force: bool) -> None:
        now = monotonic()
        if force or now - self._asked >= QUEUE_SECONDS:
            self._asked = now
            found = self._launcher.listed()
            if found is not None:
                self._take_listing(frozenset(found), now)
        for name in self._box.pilots():
            if name not in self._pilots:
                self._pilots[name] = self._met(name)
        if force or now - self._looked >= LIFE_SECONDS:
            self._looked = now
            for name, pilot in self._pilots.items():
                life = self._box.life(name)
                if life != pilot.life:
                    pilot.life, pilot.seen, pilot.beats = life, now, True
            self._judge_silence(now)

    def _judge_silence(self, now: float) -> None:
        """Say when the cluster begins or ends to be away; give up where nothing lives there any more."""
        cluster, silent = self._launcher.cluster, now - self._answered
        if self._is_away != (silent > REPORT_SECONDS):
            self._is_away = not self._is_away
            waits = f"has not answered for {silent:.0f} s; the run waits for it"
            self._say(f"{cluster} {waits if self._is_away else 'answers again'}")
        if silent > AWAY_SECONDS and all(now - pilot.seen > SILENT_SECONDS for pilot in self._pilots.values()):
            raise ExecutorError(
                f"{cluster} has not answered for {silent / 60:.0f} minutes, and no task of this run is at work; the "
                "tasks that are done are kept; run again when it is back"
            )

    def _take_listing(self, found: frozenset[str], now: float) -> None:
        self._answered = now
        unseen = {job for job, since in self._submitted.items() if now - since > UNSEEN_SECONDS}
        gone = (self._listed | unseen) - found - self._came - self._let_go
        self._vanished += len(gone)
        self._last_vanished = max(gone, default=self._last_vanished)
        self._listed = found
        self._submitted = {
            job: since
            for job, since in self._submitted.items()
            if job not in found and job not in self._came and job not in gone
        }

    def _met(self, pilot: str) -> Pilot:
        """Return what is known of a pilot that this driver sees for the first time."""
        self._came.add(pilot)
        self._vanished = 0
        given, answer = self._box.assignment(pilot), self._box.answer(pilot)
        answered = 0 if answer is None else answer.number
        number = max(answered, 0 if given is None else given.number)
        return Pilot(self._box.life(pilot), assignment=self._box.at_work(pilot), number=number)

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
                self._say(f"{name} of the {self._launcher.units} shows no life since {silent:.0f} s: cancelled")
                self._launcher.cancel([name])
                pilot.seen = now
        return found

    def pilot(self, name: str) -> Pilot | None:
        """Return what is known of a pilot."""
        return self._pilots.get(name)

    def idle(self) -> list[str]:
        """Return the pilots that live and may be given something to do, those first that had it last.

        With those at work they are no more than `workers`.
        """
        free = {
            name: pilot for name, pilot in self._pilots.items() if pilot.assignment is None and name not in self._let_go
        }
        known = self._listed | self._submitted.keys()
        alive = [name for name, pilot in free.items() if pilot.beats or name in known]
        return sorted(alive, key=lambda name: -free[name].freed)[: max(0, self._workers() - len(self.at_work()))]

    def assign(self, name: str, given: Assignment, undone: Iterable[int]) -> None:
        """Give a pilot something to do; the tasks in `undone` are the phase's own."""
        pilot = self._pilots[name]
        pilot.number, pilot.assignment = given.number, given
        pilot.undone, pilot.given_at = set(undone), monotonic()
        self._box.assign(name, given)

    def cancel(self, names: Sequence[str]) -> bool:
        """End pilots; say whether the cluster has answered."""
        return self._launcher.cancel(names)

    def say(self, line: str) -> None:
        """Tell whoever follows the run what happens on the cluster."""
        self._say(line)

    def at_work(self) -> dict[str, Pilot]:
        """Return the pilots that have something to do, of whichever phase."""
        return {name: pilot for name, pilot in self._pilots.items() if pilot.assignment is not None}

    @property
    def box(self) -> Mailbox:
        """The folder through which driver and pilots talk."""
        return self._box

    def want(self, tasks: int) -> None:
        """Submit pilots where fewer are there, or on their way, than could work at so many tasks.

        Where there are more than workers, as many are let go of those that have not come and those that are idle.
        Raises ExecutorError where the cluster refuses them, or where they end before they begin to work.
        """
        there = {*self._pilots, *self._listed, *self._submitted} - self._let_go
        workers = self._workers()
        self._shrink(there, len(there) - workers)
        missing = min(workers, tasks) - len(there)
        now = monotonic()
        if missing <= 0 or now < self._submit_after:
            return
        if self._vanished > max(2, workers) and not self._came:
            raise ExecutorError(self._early_ends())
        try:
            names = self._launcher.submit(missing)
        except ClusterIsAwayError as error:
            self._away_since = self._away_since or now
            if now - self._away_since > AWAY_SECONDS:
                raise
            self._say(f"{error}; trying again in {self._submit_wait:.0f} s")
            self._put_off(now)
            return
        self._away_since = 0.0
        self._submitted |= dict.fromkeys(names, now)
        if self._vanished:  # pilots that end at once are not to be submitted again and again without a pause
            self._put_off(now)
        else:
            self._submit_wait = FIRST_WAIT

    def _shrink(self, there: Collection[str], surplus: int) -> None:
        if surplus <= 0:
            return
        not_come = sorted(name for name in there if name not in self._pilots)
        idle = sorted(name for name in there if name in self._pilots and self._pilots[name].assignment is None)
        names = (not_come + idle)[:surplus]
        if names and self._launcher.cancel(names):
            self._let_go |= set(names)
            self._say(f"let go of {len(names)} {self._launcher.units}: there are more than workers")

    def _put_off(self, now: float) -> None:
        self._submit_after = now + self._submit_wait
        self._submit_wait = min(LONGEST_WAIT, 2 * self._submit_wait)

    def _early_ends(self) -> str:
        return (
            f"{self._vanished} {self._launcher.units} ended before they began to work; the last one said: "
            f"{self._launcher.said(self._last_vanished) or 'nothing'}\n  {self._launcher.environment}"
        )

    def end_of(self, pilot: str) -> str:
        """Return what is known of how a pilot ended."""
        return self._launcher.said(pilot) or "nothing"

    def _cancel_on_interrupt(self) -> None:
        count = len({*self._submitted, *self._listed})
        done, units = self._launcher.cancel_all(), self._launcher.units
        said = f"cancelled {count} {units}" if done else f"cancel the {units} with: {self._launcher.by_hand}"
        with suppress(OSError):
            os.write(2, f"{said}\n".encode())
