"""A second copy of a task that runs, in a folder of steps of its own, so that neither can touch the other's files.

    steps/.pool/copies/TOKEN/      the folder of steps as the copy sees it
        03-minhash-…/ tap-…/       links to the folders that it reads
        04-documents-…/            the step's own: folders as they are there, with a link for each file

The copy reads through links. What it writes takes the place of a link and never changes what that leads to, since
files appear by renaming. `take` moves what it has written to where the first copy would have written it, the record
last. That is safe where the process of the first copy has ended; a driver that is killed meanwhile leaves a task
without a record, which runs again. A link costs some 20 µs on a local disk: a pass needs a dozen, a phase of a Global
stage one for each file of the step.
"""

import os
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from prep.corpus.files.storage import remove_tree
from prep.pipeline.execution.tasks import Call
from prep.pipeline.steps import effort, records

COPIES = "copies"
"""Their folder in the mailbox."""
_OF_TASKS = (records.TASKS, effort.TASKS, "logs")
"""Folders of a step that say something of its tasks, and that these do not read."""


class SecondCopy:
    """One task of a call, run beside itself."""

    def __init__(self, call: Call, task: int, place: Path) -> None:
        """Make a folder of steps in `place`. The call must say how its tasks are doubled."""
        assert call.doubling is not None
        self.task = task
        self._first = call
        self._doubling = call.doubling
        self._root = place / secrets.token_hex(6)
        self._folder = self._root / Path(call.folder).name
        self._link()
        self.call = replace(
            call, work=self._doubling.in_folder(str(self._root)), tasks=(), folder=str(self._folder), doubling=None
        )
        """What runs it."""

    def _link(self) -> None:
        step = Path(self._first.folder).resolve()
        self._folder.mkdir(parents=True)
        for entry in os.scandir(step.parent):
            own = entry.name == step.name or entry.name in self._doubling.folders
            if not own and not entry.name.startswith("."):
                (self._root / entry.name).symlink_to(entry.path)
        for entry in os.scandir(step):
            if self._doubling.reads_own and entry.is_dir() and entry.name not in _OF_TASKS:
                _mirror(entry.path, self._folder / entry.name)
        incidents = Path(self._first.incidents_path(self.task))
        if incidents.exists():
            (self._folder / records.TASKS).mkdir(exist_ok=True)
            shutil.copyfile(incidents, records.incidents_path(str(self._folder), self._first.phase, self.task))

    def finished(self) -> bool:
        """Return whether the copy has ended well."""
        return self._record.exists()

    def take(self) -> None:
        """Let what the copy has made be the task's. The process of the first copy must have ended."""
        steps, record = Path(self._first.folder).parent, self._record
        wanted = records.read_task(str(self._folder), self._first.phase, self.task)
        for path in (*self._written(), record):
            target = steps / path.relative_to(self._root)
            target.parent.mkdir(parents=True, exist_ok=True)
            path.replace(target)
        if self._doubling.send is not None:
            made = [f"{self._first.folder}/{name}" for name in wanted.files]
            self._doubling.send(made, records.task_path(self._first.folder, self._first.phase, self.task))
        self.discard()

    def discard(self) -> None:
        """Delete the copy's folder."""
        remove_tree(str(self._root))

    @property
    def _record(self) -> Path:
        return Path(records.task_path(str(self._folder), self._first.phase, self.task))

    def _written(self) -> Iterator[Path]:
        """Yield the files that the copy has made, but not what stands beside its record."""
        own = [path for path in self._folder.iterdir() if path.name not in (records.TASKS, "logs")]
        for place in (*own, *(self._root / name for name in self._doubling.folders)):
            files = (path for path in place.rglob("*") if path.is_file() and not path.is_symlink())
            yield from (path for path in files if path.suffix != ".tmp")


def _mirror(source: str, target: Path) -> None:
    """Make a folder's folders, and links to its files."""
    target.mkdir(exist_ok=True)
    for entry in os.scandir(source):
        if entry.is_dir():
            _mirror(entry.path, target / entry.name)
        elif not entry.name.startswith("."):
            (target / entry.name).symlink_to(entry.path)
