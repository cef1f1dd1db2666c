"""The last phases of packing: shards gathered from the mapped tokens, then the manifests.

A shard is written by one task, a few megabytes of rows at a time, whole or not at all. Of the token files only the
pages that it needs are read.
"""

from collections.abc import Iterator
from dataclasses import asdict
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from prep.corpus.shards import (
    Rows,
    ShardFile,
    ShardManifest,
    row_schema,
    rows_batch,
    write_manifest,
    write_shard,
    write_splits,
)
from prep.corpus.storage import join, read_json, write_json
from prep.stages.pack.pack_kernels import lay_out
from prep.stages.pack.plan import SPLITS, SplitPlan, read_facts, read_plan
from prep.stages.pack.tokens import RowFormat, TokenSequence
from prep.stages.stage import GlobalContext

BATCH_BYTES = 16 << 20
"""Ids in one record batch of a shard, at most, or one row."""


class Shard(NamedTuple):
    """A shard to write: the rows of a split from `first` to `end`."""

    split: str
    name: str
    first: int
    end: int


def cut_shards(split: str, rows: int, rows_per_shard: int) -> list[Shard]:
    """Return the fewest shards of at most `rows_per_shard` rows; they differ by one row at most.

    A split without rows has one shard without rows, so that it opens like any other.
    """
    count = max(1, -(-rows // rows_per_shard))
    bounds = [rows * index // count for index in range(count + 1)]
    return [Shard(split, f"data-{index:05d}.arrow", *bounds[index : index + 2]) for index in range(count)]


def planned_shards(scratch: str, split: str, rows: RowFormat, shard_bytes: int) -> list[Shard]:
    """Return the shards of a split, of at most so many bytes of ids each, or one row."""
    return cut_shards(split, read_facts(scratch, split).rows, max(1, shard_bytes // rows.row_bytes))


def write_share(task: int, context: GlobalContext, rows: RowFormat, shard_bytes: int) -> None:
    """Write a task's share of the shards of all splits; there are as many tasks as parts."""
    scratch, parts = context.scratch, len(context.upstream.parts)
    tokens = TokenSequence(scratch, parts, rows.dtype)
    schema = row_schema(rows.length, rows.dtype)
    shards = [shard for split in SPLITS for shard in planned_shards(scratch, split, rows, shard_bytes)]
    for shard in shards[task::parts]:
        batches = _gather(shard, read_plan(scratch, shard.split), tokens, rows)
        file = write_shard(join(context.output, shard.split), shard.name, schema, batches)
        write_json(_entry_path(scratch, shard), asdict(file))


def write_manifests(context: GlobalContext, rows: RowFormat, strategy: str, seed: int, shard_bytes: int) -> None:
    """Write the splits' manifests once all shards stand."""
    for split in SPLITS:
        shards = planned_shards(context.scratch, split, rows, shard_bytes)
        files = tuple(ShardFile(**read_json(_entry_path(context.scratch, shard))) for shard in shards)  # type: ignore[arg-type]
        facts = read_facts(context.scratch, split)
        manifest = ShardManifest(**asdict(rows), **asdict(facts), strategy=strategy, seed=seed, shards=files)
        write_manifest(join(context.output, split), manifest)
    write_splits(context.output, SPLITS)


def _gather(shard: Shard, plan: SplitPlan, tokens: TokenSequence, rows: RowFormat) -> Iterator[pa.RecordBatch]:
    """Yield a shard's rows in batches."""
    step = max(1, BATCH_BYTES // rows.row_bytes)
    for first in range(shard.first, shard.end, step):
        offsets = plan.offsets[first : min(first + step, shard.end) + 1]
        pieces = slice(offsets[0], offsets[-1])
        lengths = plan.lengths[pieces]
        ids = np.full((len(offsets) - 1, rows.length), rows.padding_id, rows.dtype)
        tokens.copy(plan.positions[pieces], lengths, lay_out(offsets, lengths, rows.length), ids.reshape(-1))
        yield rows_batch(
            Rows(
                ids=ids,
                offsets=(offsets - offsets[0]).astype(np.int32),
                lengths=lengths.astype(np.int32),
                documents=plan.documents[pieces],
                continued=plan.starts[offsets[:-1]],
            )
        )


def _entry_path(scratch: str, shard: Shard) -> str:
    return join(scratch, "written", shard.split, f"{shard.name}.json")
