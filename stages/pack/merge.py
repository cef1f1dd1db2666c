"""The fourth phase of packing, where there are many parts: the runs of a group of tasks merged into one file.

Every shard needs a little of every run, and runs and shards both grow with the corpus: of 22,500 parts there are about
100,000 of each, so that a shard would take more files than a process may map, and all of them 10^10 opened files. So
the runs of GROUP tasks become one file with a batch for each shard, found by its place. Cost: rows are written and read
once more, which is less than the files opened cost from about MERGED_FROM parts on. Memory: two shards. Source: the
merging passes of external sorting (Knuth, The Art of Computer Programming, volume 3, section 5.4).

    scratch/merged/train/00000.arrow   the columns of a shard, and `place`
"""

from collections.abc import Iterator
from itertools import chain

import pyarrow as pa

from prep.corpus.files.storage import join, read_arrow_batch
from prep.stages.pack.plan import read_facts
from prep.stages.pack.scatter import collect, read_runs, runs_of, write_placed
from prep.stages.pack.shards import planned_shards
from prep.stages.pack.tokens import RowFormat

MERGED_FROM = 512
"""Parts from which runs are merged."""
GROUP = 64
"""Tasks of `scatter` whose runs become one file."""


def groups(parts: int) -> int:
    """Return how many files the runs are merged to: the tasks of this phase; 0 where they are read as they are."""
    return -(-parts // GROUP) if parts >= MERGED_FROM else 0


def merge_group(
    group: int, parts: int, scratch: str, rows: RowFormat, shard_bytes: int, splits: tuple[str, ...]
) -> None:
    """Write the rows of a group's runs, shard by shard."""
    tasks = range(group * GROUP, min(parts, (group + 1) * GROUP))
    for split in splits:
        total = read_facts(scratch, split).rows
        runs = chain.from_iterable(runs_of(task, scratch, split, total, parts, rows.row_bytes) for task in tasks)
        found = list(read_runs(runs))
        shards = planned_shards(scratch, split, rows, shard_bytes)
        placed = (collect(found, shard.first, shard.end, rows) for shard in shards)
        write_placed(_merged_path(scratch, split, group), placed, rows)


def read_merged(parts: int, scratch: str, split: str, shard: int) -> Iterator[pa.RecordBatch]:
    """Map the rows of a shard, given by its place among those of the split, that each group has."""
    return (read_arrow_batch(_merged_path(scratch, split, group), shard) for group in range(groups(parts)))


def _merged_path(scratch: str, split: str, group: int) -> str:
    return join(scratch, "merged", split, f"{group:05d}.arrow")
