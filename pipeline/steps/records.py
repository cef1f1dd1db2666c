"""What stands on disk of a step: its identity, the records of its tasks, and its manifest.

    NN-title-fingerprint/
        identity.json     what decided the fingerprint, for `prep status`
        parts/ rejected/ drops/ output/ …     results
        tasks/PHASE-00000.json    a task's record: counts, and every file it wrote with size and SHA-256
        tasks/PHASE-00000.progress, .incidents    what it is at, what processes ended at:
        `prep.pipeline.execution.quarantine`
        logs/             the executor's logs, inside the fingerprinted folder: they can never speak for another step
        manifest.json     all of it added up, written last

A task is done exactly when its record stands, a step exactly when its manifest stands and its files are there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from prep.corpus.errors import CorruptFileError
from prep.corpus.files.storage import read_json, sha256, write_json
from prep.pipeline.steps import ledger
from prep.stages.stage import Counts

MANIFEST = "manifest.json"
IDENTITY = "identity.json"


@dataclass(frozen=True)
class FileStamp:
    """What a file must hold."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Record:
    """What a task, or a whole step, did."""

    counts: Mapping[int, Counts]
    """By the stage's position in the configuration."""
    files: Mapping[str, FileStamp]
    """By path below the step's folder."""


def task_path(folder: str, phase: str, task: int) -> str:
    """Return where a task's record stands."""
    return f"{folder}/tasks/{phase}-{task:05d}.json"


def note_path(folder: str, phase: str, task: int) -> str:
    """Return where a running task notes what it is at."""
    return f"{folder}/tasks/{phase}-{task:05d}.progress"


def incidents_path(folder: str, phase: str, task: int) -> str:
    """Return where it stands what ended processes that ran a task."""
    return f"{folder}/tasks/{phase}-{task:05d}.incidents"


def write_task(folder: str, phase: str, task: int, counts: Mapping[int, Counts], files: Sequence[str]) -> None:
    """Write a task's record, stamping the files it wrote; the task is done from then on."""
    _write(task_path(folder, phase, task), Record(counts, stamp(folder, files)))


def read_task(folder: str, phase: str, task: int) -> Record:
    """Read a task's record."""
    return _read(task_path(folder, phase, task))


def pending(folder: str, phase: str, tasks: int) -> tuple[int, ...]:
    """Return the tasks of a phase that are not done."""
    return tuple(task for task in range(tasks) if not Path(task_path(folder, phase, task)).exists())


def write_manifest(folder: str, record: Record) -> None:
    """Write a step's manifest; the step is complete from then on."""
    _write(f"{folder}/{MANIFEST}", record)


def read_manifest(folder: str) -> Record:
    """Read a step's manifest."""
    return _read(f"{folder}/{MANIFEST}")


def complete(folder: str) -> bool:
    """Say whether a step is complete: its manifest stands and every file in it is there with its size."""
    if not Path(folder, MANIFEST).exists():
        return False
    paths = ((Path(folder, name), stamp.bytes) for name, stamp in read_manifest(folder).files.items())
    return all(path.exists() and path.stat().st_size == size for path, size in paths)


def stamp(folder: str, names: Sequence[str]) -> dict[str, FileStamp]:
    """Return size and SHA-256 of files, given by their paths below a folder."""
    return {name: FileStamp(Path(folder, name).stat().st_size, sha256(f"{folder}/{name}")) for name in names}


def stamp_folder(folder: str, name: str) -> dict[str, FileStamp]:
    """Return size and SHA-256 of all files in a sub-folder, hidden ones left out."""
    files = (path for path in Path(folder, name).rglob("*") if path.is_file() and not path.name.startswith("."))
    return stamp(folder, sorted(str(path.relative_to(folder)) for path in files))


def _write(path: str, record: Record) -> None:
    counts = {str(position): ledger.to_json(item) for position, item in sorted(record.counts.items())}
    files = {name: asdict(item) for name, item in sorted(record.files.items())}
    write_json(path, {"counts": counts, "files": files})


def _read(path: str) -> Record:
    value = read_json(path)
    counts, files = value.get("counts"), value.get("files")
    if not isinstance(counts, dict) or not isinstance(files, dict):
        raise CorruptFileError(f"{path}: expected 'counts' and 'files', seen {sorted(value)}; delete it and run again")
    return Record(
        {int(position): ledger.from_json(item) for position, item in counts.items()},
        {name: FileStamp(**item) for name, item in files.items()},
    )
