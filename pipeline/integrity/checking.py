"""Whether the files of steps are what records say, and what is to be done where they are not.

A file is looked at without reading it (there, of its size, not changed since its record was written), or thoroughly, by
its SHA-256 (`prep.pipeline.integrity.digesting`), before other steps read it. A damaged file of a pass costs the task
that wrote it; a damaged file of a Global stage, whose tasks exchange data, the whole step.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from prep.corpus.errors import CorruptFileError
from prep.corpus.files.storage import remove_tree
from prep.pipeline.integrity.digesting import Digests, digests_here
from prep.pipeline.steps import effort, records
from prep.pipeline.steps.records import FileStamp
from prep.stages.stage import Phase

ONE_BY_ONE = digests_here(1)


@dataclass(frozen=True)
class Damage:
    """A file that is not what its record says."""

    folder: str
    """The step's."""
    name: str
    """The file's path below it."""
    what: str

    def __str__(self) -> str:
        return f"{self.folder}/{self.name} {self.what}"


def complete(folder: str) -> bool:
    """Say whether a step is complete: its manifest stands and every file in it is there, as far as a look tells."""
    return Path(folder, records.MANIFEST).exists() and not manifest_damage(folder, thorough=False)


def manifest_damage(folder: str, *, thorough: bool, digests: Digests = ONE_BY_ONE) -> list[Damage]:
    """Return what is damaged of a step whose manifest stands; tables of taps, which can be made again, are left out."""
    path = f"{folder}/{records.MANIFEST}"
    try:
        files = records.read_manifest(folder).files
    except CorruptFileError as error:
        return [Damage(folder, records.MANIFEST, f"cannot be read ({error})")]
    own = {name: stamp for name, stamp in files.items() if not name.startswith("..")}
    return list(_compare(folder, own, Path(path).stat().st_mtime_ns, thorough=thorough, digests=digests))


def task_damage(folder: str, phases: Sequence[Phase], *, thorough: bool, digests: Digests = ONE_BY_ONE) -> list[Damage]:
    """Return what is damaged of the tasks of a step that are done; a later task may have written a file anew."""
    files: dict[str, FileStamp] = {}
    found = []
    newest = 0
    for phase in phases:
        waiting = set(records.pending(folder, phase.name, phase.tasks))
        for task in range(phase.tasks):
            if task in waiting:
                continue
            path = Path(records.task_path(folder, phase.name, task))
            try:
                files |= records.read_task(folder, phase.name, task).files
            except CorruptFileError as error:
                found.append(Damage(folder, str(path.relative_to(folder)), f"cannot be read ({error})"))
            newest = max(newest, path.stat().st_mtime_ns)
    return found + list(_compare(folder, files, newest, thorough=thorough, digests=digests))


def forget_tasks(folder: str, phase: str, tasks: int, damages: Sequence[Damage]) -> None:
    """Delete the manifest of a pass and the records of the tasks whose files are damaged, so that they run again."""
    names = {damage.name for damage in damages}
    Path(folder, records.MANIFEST).unlink(missing_ok=True)
    for task in set(range(tasks)) - set(records.pending(folder, phase, tasks)):
        path = Path(records.task_path(folder, phase, task))
        try:
            files = records.read_task(folder, phase, task).files.keys()
        except CorruptFileError:
            path.unlink()
            continue
        if names & files:
            path.unlink()


def forget_step(folder: str) -> None:
    """Delete what a step made and the records of it, so that it runs again from its beginning."""
    Path(folder, records.MANIFEST).unlink(missing_ok=True)
    for name in (records.TASKS, effort.TASKS, "output", "scratch"):
        remove_tree(f"{folder}/{name}")


def _compare(
    folder: str, files: Mapping[str, FileStamp], since: int, *, thorough: bool, digests: Digests
) -> Iterator[Damage]:
    suspects = []
    for name, stamp in sorted(files.items()):
        path = Path(folder, name)
        if not path.exists():
            yield Damage(folder, name, "is missing")
        elif path.stat().st_size != stamp.bytes:
            yield Damage(folder, name, f"has {path.stat().st_size:,} bytes, not the {stamp.bytes:,} that were written")
        elif thorough or path.stat().st_mtime_ns > since:
            suspects.append(name)
    for name, digest in zip(suspects, digests([f"{folder}/{name}" for name in suspects]), strict=True):
        if digest != files[name].sha256:
            yield Damage(folder, name, "holds other bytes than were written")
