"""What each task of a first pass reads, on disk: a task looks up its own partition and loads no plan.

    NN-title-fingerprint/partitions/00000.arrow    of the first 256 tasks, a row each, as JSON

Tasks on other machines get the step without its partitions, a few kilobytes, where the whole plan of a large crawl has
tens of megabytes. Cost for a task: one file of 256 partitions is mapped, and one row of it read.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import pyarrow as pa

from prep.corpus.files.compression import Place
from prep.corpus.files.storage import join, read_arrow, write_arrow
from prep.pipeline.plan import PassStep
from prep.stages.stage import FileRange, InputFile, Partition

FOLDER = "partitions"
GROUP = 256
"""Partitions in one file."""


@dataclass(frozen=True)
class StoredPartitions:
    """The partitions of a step that were written to its folder."""

    folder: str
    """The step's."""

    def __getitem__(self, task: int, /) -> Partition:
        """Read what a task reads."""
        group, row = divmod(task, GROUP)
        column = read_arrow(_path(self.folder, group)).column("partition")
        return _partition(json.loads(column[row].as_py()))


def without_plan(step: PassStep, folder: str) -> PassStep:
    """Return a step as its tasks need it, its partitions in the step's folder."""
    if step.source is None:
        return replace(step, identity={})
    for group, partitions in enumerate(_groups(step)):
        rows = pa.array([json.dumps(_as_json(each)) for each in partitions], pa.string())
        write_arrow(_path(folder, group), pa.table({"partition": rows}))
    return replace(step, identity={}, partitions=StoredPartitions(folder))


def _groups(step: PassStep) -> Iterator[Sequence[Partition]]:
    for start in range(0, step.tasks, GROUP):
        yield [step.partitions[task] for task in range(start, min(step.tasks, start + GROUP))]


def _path(folder: str, group: int) -> str:
    return join(folder, FOLDER, f"{group:05d}.arrow")


def _as_json(partition: Partition) -> dict[str, object]:
    files = list(dict.fromkeys(item.file for item in partition.ranges))
    number = {file: at for at, file in enumerate(files)}
    ranges = [
        [number[item.file], item.size, list(item.start), None if item.end is None else list(item.end), item.first]
        for item in partition.ranges
    ]
    return {"files": [asdict(file) for file in files], "ranges": ranges}


def _partition(value: Mapping[str, Any]) -> Partition:
    files = [InputFile(**file) for file in value["files"]]
    ranges = [
        FileRange(files[at], size, Place(*start), None if end is None else Place(*end), first)
        for at, size, start, end, first in value["ranges"]
    ]
    return Partition(tuple(ranges))
