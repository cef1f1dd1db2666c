"""What ends worker processes: a task notes what it is at, and what it was at when its process ended is remembered.

A C library may crash on a document (a segmentation fault, an abort, memory that runs out) or never come back from it.
No exception reports that, so a task keeps a note in the step's folder of the batch that a stage works on. When its
process ends there, the task is run again, and the documents of that batch go through that stage one at a time. The
document that ends a process again on its own, and the same one once more, is quarantined: it fails as `crashed`, and
the task goes on without it. One that a stage does not come back from fails as `timed_out`. Reading is watched likewise:
first for what is being read, the next time record by record.

    tasks/PHASE-00000.progress      the note; it stands while the task runs, and after it where the process was killed
    tasks/PHASE-00000.incidents     suspects and quarantined, as JSON; a later run knows them too

What is quarantined depends on the document alone, but where memory runs out or the time a document takes is near the
limit. A process that was killed for other reasons leaves suspects, never quarantined documents: those take two ends
that the run has seen, or seen once after a note that was found. Cost: two small writes per batch and stage.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple, Self

import orjson

from prep.corpus.files.storage import exists, read_json, write_json

CRASHED = "crashed"
TIMED_OUT = "timed_out"
DETAILS = {
    CRASHED: "a library that worked on it ended the process, more than once",
    TIMED_OUT: "a library that worked on it did not come back (see the option hang_seconds)",
}
MOST_QUARANTINED = 50
"""A task that would lose more documents is stopped: the fault is not the documents'."""


class Spot(NamedTuple):
    """What a task is at."""

    position: int
    """The stage's, in the configuration; −1 for what is no stage's: loading models, waiting for storage, writing."""
    first: int
    last: int
    """Documents by their numbers in the task, as they are read; −1 behind nothing: all that is read at a time."""
    record: str = ""
    """The record that is being read, where reading is watched record by record."""

    @property
    def alone(self) -> bool:
        """Whether it names one document."""
        return self.position >= 0 and self.first == self.last


ELSEWHERE = Spot(-1, 0, 0)


def read_spot(position: int, record: str = "") -> Spot:
    """Return the spot of a source that reads, or reads one record."""
    return Spot(position, 0, 0 if record else -1, record)


class Note:
    """The note of a running task; outlives the process where that is killed."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self.documents = 0
        """Documents that the task has read, for the progress display."""
        self.bytes = 0
        """The size of what it has read."""

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        self.at(ELSEWHERE)
        return self

    def at(self, spot: Spot) -> None:
        """Note what the task is at from now on."""
        self._spot = spot
        self._write(spot)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Note while the block runs that the task waits for storage, which is no document's fault."""
        self._write(ELSEWHERE)
        try:
            yield
        finally:
            self._write(self._spot)

    def _write(self, spot: Spot) -> None:
        os.pwrite(self._file, orjson.dumps([self.documents, self.bytes, *spot], option=orjson.OPT_APPEND_NEWLINE), 0)

    def __exit__(self, *error: object) -> None:
        os.close(self._file)
        self._path.unlink(missing_ok=True)


def read_note(path: str) -> tuple[int, Spot] | None:
    """Return the documents and the spot that a note names; None where there is none."""
    try:
        line = Path(path).read_bytes().partition(b"\n")[0]
    except FileNotFoundError:
        return None
    try:
        documents, _, *spot = orjson.loads(line)
        return documents, Spot(*spot)
    except (ValueError, TypeError):
        return 0, ELSEWHERE


def read_amounts(path: str) -> tuple[int, int]:
    """Return how many documents, and bytes of them, a running task has read by its note; none where there is none."""
    try:
        documents, size, *_ = orjson.loads(Path(path).read_bytes().partition(b"\n")[0])
        return int(documents), int(size)
    except (OSError, ValueError, TypeError):
        return 0, 0


@dataclass(frozen=True)
class Incidents:
    """What is known of a task's documents that processes ended at."""

    suspects: frozenset[Spot] = frozenset()
    """To be run one at a time."""
    quarantined: Mapping[Spot, str] = field(default_factory=dict)
    """To be left out, with their rules."""

    def after(self, spot: Spot, rule: str | None) -> "Incidents":
        """Return what is known when a process has ended at a spot; `rule` says how, None where nobody saw it."""
        seen_before = rule == TIMED_OUT or spot in self.suspects
        if rule is None or not spot.alone or not seen_before:
            return replace(self, suspects=self.suspects | {spot})
        return replace(self, quarantined={**self.quarantined, spot: rule})


def read_incidents(path: str) -> Incidents:
    """Read what is known of a task; nothing where there is no file. Raises CorruptFileError."""
    if not exists(path):
        return Incidents()
    value = read_json(path)
    quarantined = {Spot(*spot): rule for *spot, rule in value["quarantined"]}  # type: ignore[attr-defined]
    return Incidents(frozenset(Spot(*spot) for spot in value["suspects"]), quarantined)  # type: ignore[attr-defined]


def write_incidents(path: str, incidents: Incidents) -> None:
    """Write what is known of a task."""
    quarantined = [[*spot, rule] for spot, rule in sorted(incidents.quarantined.items())]
    write_json(path, {"suspects": sorted(map(list, incidents.suspects)), "quarantined": quarantined})
