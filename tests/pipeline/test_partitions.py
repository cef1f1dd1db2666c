"""Partitions on disk: each task reads its own and gets no plan."""

import pickle
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from prep.corpus.files.compression import Place
from prep.pipeline.plan import PassStep
from prep.pipeline.steps import partitions
from prep.pipeline.steps.partitions import without_plan
from prep.stages.read.read import Read
from prep.stages.stage import FileRange, InputFile, Partition

FILES = [
    InputFile(f"in/crawl-{number:05d}-\udcff.warc.gz", 10**9, "ä", "crawl", state="1 2 3", identity="e", codec=codec)
    for number, codec in ((0, None), (1, "gzip"))
]
WHOLE = Partition((FileRange(FILES[0], 10**9), FileRange(FILES[1], 3, Place(5, 7), Place(8, 0), 5)))
EMPTY = Partition(())


def step_of(count: int) -> PassStep:
    parts = tuple(replace(WHOLE, ranges=WHOLE.ranges[number % 3 :]) for number in range(count))
    identity = {
        "input": {f"in/crawl-{number:05d}.warc.gz": "1000000000 bytes, 0123456789abcdef" for number in range(9999)}
    }
    schema = pa.schema({"text": pa.large_string()})
    return PassStep(0, "read", identity, "f" * 12, schema, (), (), count, (0, Read(paths="in/*.gz")), schema, parts)


def test_a_task_finds_its_partition_in_the_step_s_folder_and_carries_little(tmp_path: Path) -> None:
    step = step_of(2 * partitions.GROUP + 3)
    small = without_plan(step, str(tmp_path))
    assert len(list((tmp_path / partitions.FOLDER).iterdir())) == 3
    assert len(pickle.dumps(small)) < 4096 < len(pickle.dumps(step))
    for task in (0, 1, 2, partitions.GROUP - 1, partitions.GROUP, step.tasks - 1):
        assert small.partitions[task] == step.partitions[task]
        assert [item.file.state for item in small.partitions[task].ranges] == [
            item.file.state for item in step.partitions[task].ranges
        ]


def test_a_step_that_reads_no_input_writes_no_partitions(tmp_path: Path) -> None:
    step = replace(step_of(2), source=None, partitions=(), previous="00-read-ffffffffffff")
    assert without_plan(step, str(tmp_path)).previous == step.previous
    assert not list(tmp_path.iterdir())
