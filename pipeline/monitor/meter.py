"""How far the tasks of a phase are, by what they leave on disk: records of those that are done, notes of the others.

Works for tasks on this machine, on Ray and on Slurm alike. A record is read once.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from prep.corpus.errors import CorruptFileError
from prep.pipeline.execution.quarantine import read_amounts
from prep.pipeline.monitor.slow_tasks import SlowTask, SlowTasks
from prep.pipeline.results.ledger import add
from prep.pipeline.steps import records
from prep.stages.results import Counts
from prep.stages.upstream import PROGRESS

_SHARE = re.compile(r"([\d,]+) of ([\d,]+)")


@dataclass(frozen=True)
class Reading:
    """How far a phase is."""

    finished: int
    """Tasks that are done."""
    tasks: int
    documents: int
    """Documents that went in, in tasks that are done and in those that run."""
    bytes: int
    """Their size, where the phase reads documents."""
    share: float
    """How much of the phase is done, from 0 to 1, as far as it is known."""
    note: str
    """What a long task says of itself."""
    slow: tuple[SlowTask, ...] = ()
    """Tasks that take many times as long as those that are done took."""


class Meter:
    """Reads how far a phase is, again and again."""

    def __init__(self, folder: str, phase: str, tasks: int) -> None:
        self._folder = folder
        self._phase = phase
        self._tasks = tasks
        self._known: dict[int, records.Record] = {}
        self._unread: set[int] = set(range(tasks))
        self._slow = SlowTasks(folder, phase)

    def read(self) -> Reading:
        """Return how far the phase is."""
        for task in sorted(self._unread & records.done_tasks(self._folder, self._phase)):
            self._unread.discard(task)
            try:
                self._known[task] = records.read_task(self._folder, self._phase, task)
            except (CorruptFileError, FileNotFoundError):  # it is made again
                self._known[task] = records.Record()
        finished = len(self._known)
        done = sum(map(_documents, self._known.values()))
        done_bytes = sum(record.bytes for record in self._known.values())
        running, running_bytes = self._running()
        note = self._note()
        share = finished / self._tasks if self._tasks else 1.0
        if finished and done and finished < self._tasks:
            share = min(0.99, share + min(running / (done / finished), self._tasks - finished) / self._tasks)
        said = _SHARE.search(note)
        if said and self._tasks == 1 and not finished:
            part, whole = (int(number.replace(",", "")) for number in said.groups())
            share = min(1.0, part / whole) if whole else 0.0
        begun = self._unread & records.begun_tasks(self._folder, self._phase)
        slow = self._slow.look(frozenset(begun), frozenset(self._known))
        return Reading(finished, self._tasks, done + running, done_bytes + running_bytes, share, note, slow)

    def counts(self) -> Mapping[int, Counts]:
        """Return what the tasks that are done did to documents, by the stages' positions."""
        positions = sorted({at for record in self._known.values() for at in record.counts})
        return {at: add(each.counts[at] for each in self._known.values() if at in each.counts) for at in positions}

    def _running(self) -> tuple[int, int]:
        noted = self._unread & records.noted_tasks(self._folder, self._phase)
        amounts = [read_amounts(records.note_path(self._folder, self._phase, task)) for task in noted]
        return sum(documents for documents, _ in amounts), sum(size for _, size in amounts)

    def _note(self) -> str:
        try:
            return Path(self._folder, "scratch", PROGRESS).read_text(encoding="utf-8").strip()
        except OSError:
            return ""


def _documents(record: records.Record) -> int:
    return record.read or max((counts.entered for counts in record.counts.values()), default=0)
