"""What stands on disk of a step: its identity, the records of its tasks, and its manifest.

    NN-title-fingerprint/
        identity.json     what decided the fingerprint, for `prep status`
        parts/ rejected/ drops/ output/ …     results
        tasks/PHASE-00000.json    a task's record: counts, and every file it wrote with size and SHA-256
        tasks/PHASE-00000.begun   when and where it began, while it runs
        tasks/PHASE-00000.progress, .incidents    what it is at, what processes ended at:
        `prep.pipeline.execution.quarantine`
        logs/             the executor's logs, inside the fingerprinted folder: they can never speak for another step
        manifest.json     all of it added up, written last

A task is done exactly when its record stands, a step exactly when its manifest stands. That the files are what records
say is checked in `prep.pipeline.integrity.checking`. A record that cannot be read does not stand.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from socket import gethostname
from time import time

from prep.corpus.errors import CorruptFileError
from prep.corpus.files.storage import read_json, sha256, write_json
from prep.pipeline.integrity.inputs import Stretch
from prep.pipeline.results import ledger
from prep.pipeline.steps import trials
from prep.stages.results import Counts, Group, ThresholdCounts

MANIFEST = "manifest.json"
IDENTITY = "identity.json"
TASKS = "tasks"


@dataclass(frozen=True)
class FileStamp:
    """What a file must hold."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Record:
    """What a task, or a whole step, did."""

    counts: Mapping[int, Counts] = field(default_factory=dict)
    """By the stage's position in the configuration."""
    files: Mapping[str, FileStamp] = field(default_factory=dict)
    """By path below the step's folder; that of a tap's table leads out of it."""
    groups: Mapping[int, tuple[Group, ...]] = field(default_factory=dict)
    """Counts by source and language, by the stage's position."""
    left: Mapping[int, tuple[Group, ...]] = field(default_factory=dict)
    """Documents kept by source and language, as they are after the stage, by the stage's position."""
    undecoded: Mapping[int, tuple[Group, ...]] = field(default_factory=dict)
    """Of the documents kept, those whose text holds U+FFFD; for stages that make the text."""
    read: int = 0
    """Documents that came in."""
    written: int = 0
    """Documents in the parts written."""
    bytes: int = 0
    """Bytes of the documents that came in."""
    inputs: Mapping[str, tuple[Stretch, ...]] = field(default_factory=dict)
    """What a task has read of input files on this machine, by path; in no manifest."""
    tried: Mapping[int, tuple[ThresholdCounts, ...]] = field(default_factory=dict)
    """What row stages would keep with other thresholds, by the stage's position."""


@dataclass(frozen=True)
class Begun:
    """The begin of a task that runs."""

    time: float
    """Seconds since 1970."""
    host: str


def task_path(folder: str, phase: str, task: int) -> str:
    """Return where a task's record stands."""
    return f"{folder}/{TASKS}/{phase}-{task:05d}.json"


def begun_path(folder: str, phase: str, task: int) -> str:
    """Return where it stands when and where a task began that runs."""
    return f"{folder}/{TASKS}/{phase}-{task:05d}.begun"


def write_begun(folder: str, phase: str, task: int) -> None:
    """Note that a task begins here and now; not synchronised with the disk, since nothing hangs on it."""
    path = Path(begun_path(folder, phase, task))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{time():.3f} {gethostname()}")


def read_begun(folder: str, phase: str, task: int) -> Begun | None:
    """Return when and where a task began; None where that does not stand there."""
    try:
        began, host = Path(begun_path(folder, phase, task)).read_text().split()
        return Begun(float(began), host)
    except (OSError, ValueError):
        return None


def note_path(folder: str, phase: str, task: int) -> str:
    """Return where a running task notes what it is at."""
    return f"{folder}/{TASKS}/{phase}-{task:05d}.progress"


def incidents_path(folder: str, phase: str, task: int) -> str:
    """Return where it stands what ended processes that ran a task."""
    return f"{folder}/{TASKS}/{phase}-{task:05d}.incidents"


def write_task(folder: str, phase: str, task: int, record: Record) -> None:
    """Write a task's record; the task is done from then on."""
    _write(task_path(folder, phase, task), record)


def read_task(folder: str, phase: str, task: int) -> Record:
    """Read a task's record. Raises CorruptFileError where it is damaged."""
    return _read(task_path(folder, phase, task))


def pending(folder: str, phase: str, tasks: int) -> tuple[int, ...]:
    """Return the tasks of a phase that are not done."""
    done = done_tasks(folder, phase)
    return tuple(task for task in range(tasks) if task not in done)


def done_tasks(folder: str, phase: str) -> frozenset[int]:
    """Return the tasks of a phase whose records stand, by one listing: a look at each costs seconds where many are."""
    return _tasks_with(folder, phase, ".json")


def noted_tasks(folder: str, phase: str) -> frozenset[int]:
    """Return the tasks of a phase whose notes stand: they run, or their processes were killed."""
    return _tasks_with(folder, phase, ".progress")


def begun_tasks(folder: str, phase: str) -> frozenset[int]:
    """Return the tasks of a phase that have begun and not ended; those of processes that were killed among them."""
    return _tasks_with(folder, phase, ".begun")


def _tasks_with(folder: str, phase: str, ending: str) -> frozenset[int]:
    try:
        names = os.listdir(f"{folder}/{TASKS}")  # noqa: PTH208 - Path objects for all cost several times as much
    except FileNotFoundError:
        return frozenset()
    start = f"{phase}-"
    found = (name[len(start) : -len(ending)] for name in names if name.startswith(start) and name.endswith(ending))
    return frozenset(int(number) for number in found if number.isdecimal())


def write_manifest(folder: str, record: Record) -> None:
    """Write a step's manifest; the step is complete from then on."""
    _write(f"{folder}/{MANIFEST}", record)


def read_manifest(folder: str) -> Record:
    """Read a step's manifest. Raises CorruptFileError where it is damaged."""
    return _read(f"{folder}/{MANIFEST}")


def stamp(folder: str, names: Sequence[str]) -> dict[str, FileStamp]:
    """Return size and SHA-256 of files, given by their paths below a folder."""
    return {name: FileStamp(Path(folder, name).stat().st_size, sha256(f"{folder}/{name}")) for name in names}


def list_files(folder: str, name: str) -> list[str]:
    """Return the files in a sub-folder by their paths below the folder, hidden ones left out, sorted."""
    files = (path for path in Path(folder, name).rglob("*") if path.is_file() and not path.name.startswith("."))
    return sorted(str(path.relative_to(folder)) for path in files)


def _write(path: str, record: Record) -> None:
    write_json(
        path,
        {
            "counts": {str(position): ledger.to_json(item) for position, item in sorted(record.counts.items())},
            "files": {name: asdict(item) for name, item in sorted(record.files.items())},
            "groups": _groups_to_json(record.groups),
            "left": _groups_to_json(record.left),
            "undecoded": _groups_to_json(record.undecoded),
            "read": record.read,
            "written": record.written,
            "bytes": record.bytes,
            "inputs": {path: list(map(list, stretches)) for path, stretches in sorted(record.inputs.items())},
            "tried": trials.to_json(record.tried),
        },
    )


def _read(path: str) -> Record:
    value = read_json(path)
    try:
        return Record(
            {int(position): ledger.from_json(item) for position, item in value["counts"].items()},  # type: ignore[attr-defined]
            {name: FileStamp(**item) for name, item in value["files"].items()},  # type: ignore[attr-defined]
            _groups_from_json(value["groups"]),
            _groups_from_json(value["left"]),
            _groups_from_json(value["undecoded"]),
            int(value["read"]),  # type: ignore[call-overload]
            int(value["written"]),  # type: ignore[call-overload]
            int(value["bytes"]),  # type: ignore[call-overload]
            {path: tuple(Stretch(*item) for item in items) for path, items in value["inputs"].items()},  # type: ignore[attr-defined]
            trials.from_json(value["tried"]),  # type: ignore[arg-type]
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CorruptFileError(f"{path}: no record of a task or step: {type(error).__name__}: {error}") from error


def _groups_to_json(groups: Mapping[int, tuple[Group, ...]]) -> dict[str, list[dict[str, object]]]:
    return {str(position): list(map(asdict, items)) for position, items in sorted(groups.items())}


def _groups_from_json(value: object) -> dict[int, tuple[Group, ...]]:
    items = value.items()  # type: ignore[attr-defined]
    return {int(position): tuple(Group(**item) for item in groups) for position, groups in items}
