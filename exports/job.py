"""Exporting shards: the phases and tasks that any executor runs, and how an export goes on after it was killed.

    collect, merge, measure    the index of the documents, for formats that need it (`prep.exports.stream`)
    write                      the format's files
    finish                     what needs all files, then export.json and NOTE.txt

Which tasks there are depends on the shards and the settings alone, and every task writes the same bytes whenever it
runs. Work files and the marks of tasks that are done lie in a hidden folder of the output, whose name identifies
what is exported; it is deleted once export.json is written.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

import orjson

from prep.corpus.errors import ConfigurationError, RunError
from prep.corpus.files.run_folders import part_hint
from prep.corpus.files.storage import exists, join, read_json, remove_tree, write_bytes, write_json
from prep.corpus.shards.shards import MANIFEST, read_manifest
from prep.corpus.shards.splits import SPLITS, TRAIN
from prep.exports.format import ExportSettings, Format, Split
from prep.exports.formats.catalogue import FORMATS, open_format

PhaseName = Literal["collect", "merge", "measure", "write", "finish"]
PHASES: tuple[PhaseName, ...] = ("collect", "merge", "measure", "write", "finish")
DESCRIPTION = "export.json"
NOTE = "NOTE.txt"


def split_folders(shards: str) -> dict[str, str]:
    """Return the folders of shards that a folder is or holds, by split; a single one counts as "train".

    Raises ConfigurationError where it is none.
    """
    if exists(join(shards, MANIFEST)):
        name = Path(shards).name
        return {name if name in SPLITS else "train": shards}
    found = {name: join(shards, name) for name in SPLITS if exists(join(shards, name, MANIFEST))}
    if not found:
        hint = part_hint(shards, "shards")
        raise ConfigurationError(
            [f"{shards}: expected a folder of shards ({MANIFEST}), or of {', '.join(SPLITS)} with shards in each{hint}"]
        )
    return found


@dataclass(frozen=True)
class Export:
    """One export: of a folder of shards, to a format, into an output folder. Small enough to be sent to workers."""

    shards: str
    format_name: str
    output: str
    settings: ExportSettings = field(default_factory=ExportSettings)

    def __reduce__(self) -> tuple[type["Export"], tuple[str, str, str, ExportSettings]]:
        return type(self), (self.shards, self.format_name, self.output, self.settings)

    @cached_property
    def format(self) -> Format:
        """What writes the files."""
        return open_format(self.format_name, self.settings)

    @cached_property
    def splits(self) -> tuple[Split, ...]:
        """What is exported, in order."""
        return tuple(Split(name, folder, self.work) for name, folder in split_folders(self.shards).items())

    @cached_property
    def work(self) -> str:
        """The folder of work files."""
        return join(self.output, ".export", self.fingerprint)

    @cached_property
    def fingerprint(self) -> str:
        """Identifies the export: 16 hexadecimal digits of the shards, the format and the settings."""
        shards = {name: read_manifest(folder).fingerprint for name, folder in split_folders(self.shards).items()}
        content = [shards, self.format_name, self.format.version, asdict(self.settings)]
        return hashlib.sha256(orjson.dumps(content)).hexdigest()[:16]

    def complete(self) -> bool:
        """Say whether the output holds this export whole. Raises RunError where it holds another one."""
        if exists(join(self.output, DESCRIPTION)):
            if read_json(join(self.output, DESCRIPTION)).get("fingerprint") == self.fingerprint:
                return True
        elif {path.name for path in Path(self.output, ".export").glob("*")} <= {self.fingerprint}:
            return False
        raise RunError(
            f"{self.output} holds an export of other shards, to another format or with other settings; "
            "delete it, or choose another folder"
        )

    def check(self) -> None:
        """Raise ConfigurationError where a split holds nothing, or the format cannot take these shards."""
        for split in self.splits:
            if not split.reader.manifest.tokens:
                full = [other.folder for other in self.splits if other.reader.manifest.tokens]
                hint = f"export {' or '.join(full)} alone" if full else "pack more documents"
                raise ConfigurationError(
                    [f"--to {self.format_name}: {split.folder} holds no documents; {hint}, or raise pack.{split.name}"]
                    if split.name != TRAIN
                    else [f"--to {self.format_name}: {split.folder} holds no documents; {hint}"]
                )
        if not self.format.masks and any(split.reader.manifest.loss_mask for split in self.splits):
            able = ", ".join(kind.name for kind in FORMATS.values() if kind.masks)
            raise ConfigurationError(
                [
                    f"--to {self.format_name}: the shards hold conversations, whose answers are to be learnt, and "
                    f"{self.format.reader} would learn the questions too; export to {able}, or pack them as text"
                ]
            )
        problem = self.format.problem(self.splits)
        if problem is not None:
            raise ConfigurationError([f"--to {self.format_name}: {problem}"])

    def tasks(self, phase: PhaseName) -> int:
        """Return the number of tasks of a phase."""
        return sum(1 for _ in self._tasks(phase))

    def pending(self, phase: PhaseName) -> tuple[int, ...]:
        """Return the tasks of a phase that are not done."""
        return tuple(task for task in range(self.tasks(phase)) if not self.done(phase, task))

    def done(self, phase: PhaseName, task: int) -> bool:
        """Say whether a task is done."""
        return exists(self._mark(phase, task)) if phase != "finish" else exists(join(self.output, DESCRIPTION))

    def run(self, phase: PhaseName, task: int) -> None:
        """Run a task, and mark it as done."""
        if phase == "finish":
            self._finish()
            return
        split, number = list(self._tasks(phase))[task]
        if phase == "collect":
            split.index.collect(number)
        elif phase == "merge":
            split.index.merge()
        elif phase == "measure":
            split.index.measure(number)
        else:
            self.format.write(split, number, self.output)
        write_bytes(self._mark(phase, task), b"")

    def note(self) -> str:
        """Return how to point the trainer at the output."""
        return self.format.note(self.splits, self.output)

    def _tasks(self, phase: PhaseName) -> Iterator[tuple[Split, int]]:
        """Yield the split and the number in it of each task."""
        if phase == "finish":
            yield self.splits[0], 0
            return
        for split in self.splits:
            if phase == "write":
                count = self.format.tasks(split)
            elif self.format.documents:
                count = 1 if phase == "merge" else split.index.blocks.ranges
            else:
                count = 0
            yield from ((split, number) for number in range(count))

    def _finish(self) -> None:
        for torn in Path(self.output).rglob(".*.tmp"):  # of tasks that were killed while they wrote
            torn.unlink()
        self.format.finish(self.splits, self.output)
        write_bytes(join(self.output, NOTE), f"{self.note()}\n".encode())
        manifests = {split.name: split.reader.manifest for split in self.splits}
        description = {
            "format": self.format_name,
            "reader": self.format.reader,
            "fingerprint": self.fingerprint,
            "settings": asdict(self.settings),
            "shards": {
                name: {"fingerprint": each.fingerprint, "documents": each.documents, "tokens": each.tokens}
                for name, each in manifests.items()
            },
        }
        write_json(join(self.output, DESCRIPTION), description)
        remove_tree(join(self.output, ".export"))

    def _mark(self, phase: PhaseName, task: int) -> str:
        return join(self.work, "done", f"{phase}-{task:05d}")
