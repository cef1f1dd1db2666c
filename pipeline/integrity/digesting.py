"""Digests of many files: taken here by threads, or where they are many, by tasks on the machines of a cluster.

The files of a step are compared with their digests before another step reads them. A core takes 1.8 GB/s, so that one
machine needs hours for a step of 30 TB, while the workers of a cluster wait. From SPREAD_BYTES on these share the work:
each task reads about TASK_BYTES and writes the digests of its files, in a folder that no other attempt has used.

    steps/.digests-TOKEN/00000-files.json    what a task is to read
    steps/.digests-TOKEN/00000-digests.json  what it has found, in the same order
"""

import secrets
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, cast

from prep.corpus.errors import CorruptFileError
from prep.corpus.files.storage import read_json, remove_tree, sha256, write_json

Digests = Callable[[Sequence[str]], Iterable[str]]
"""From paths of files on this machine or a file system that all machines share to their SHA-256, in the same order."""

SPREAD_BYTES = 64 << 30
TASK_BYTES = 8 << 30


def digests_here(threads: int) -> Digests:
    """Return what takes digests with so many threads; hashing releases the interpreter."""

    def take(paths: Sequence[str]) -> list[str]:
        with ThreadPoolExecutor(max(1, threads)) as pool:
            return list(pool.map(sha256, paths))

    return take


@dataclass(frozen=True)
class DigestTask:
    """Takes the digests of one share of some files."""

    notes: ClassVar[bool] = False
    label: ClassVar[str] = "digests"
    folder: str

    def run(self, task: int) -> None:
        """Read the files of a share."""
        files = cast("list[str]", read_json(_files_path(self.folder, task))["files"])
        write_json(_digests_path(self.folder, task), {"digests": [sha256(path) for path in files]})

    def done(self, task: int) -> bool:
        """Say whether a share was read."""
        return Path(_digests_path(self.folder, task)).exists()


def digests_by_tasks(steps_folder: str, run: Callable[[DigestTask, int], None], otherwise: Digests) -> Digests:
    """Return what has digests taken by tasks, which `run` runs, so many; by `otherwise` where files hold little."""

    def take(paths: Sequence[str]) -> Iterable[str]:
        total = sum(Path(path).stat().st_size for path in paths)
        if total < SPREAD_BYTES:
            return otherwise(paths)
        for leftover in Path(steps_folder).glob(f".{DigestTask.label}-*"):  # of a run that was killed
            remove_tree(str(leftover))
        tasks = min(len(paths), -(-total // TASK_BYTES))
        work = DigestTask(f"{steps_folder}/.{DigestTask.label}-{secrets.token_hex(6)}")
        shares = [list(paths[task::tasks]) for task in range(tasks)]
        for task, share in enumerate(shares):
            write_json(_files_path(work.folder, task), {"files": share})
        run(work, tasks)
        found: dict[str, str] = {}
        for task, share in enumerate(shares):
            digests = read_digests(work.folder, task)
            if len(digests) != len(share):
                raise CorruptFileError(f"{_digests_path(work.folder, task)} is not what was written; run again")
            found |= dict(zip(share, digests, strict=True))
        remove_tree(work.folder)
        return [found[path] for path in paths]

    return take


def read_digests(folder: str, task: int) -> list[str]:
    """Return what a task has found."""
    return cast("list[str]", read_json(_digests_path(folder, task))["digests"])


def _files_path(folder: str, task: int) -> str:
    return f"{folder}/{task:05d}-files.json"


def _digests_path(folder: str, task: int) -> str:
    return f"{folder}/{task:05d}-digests.json"
