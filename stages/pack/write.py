"""The last phases of packing: the shards out of the scattered runs, then the manifests.

A shard is put together in memory by one task and written whole or not at all.
"""

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from itertools import chain

import numpy as np
import pyarrow as pa

from prep.corpus.files.storage import join, read_json, write_json
from prep.corpus.shards.hugging_face import write_splits
from prep.corpus.shards.shards import (
    Rows,
    ShardFile,
    ShardManifest,
    row_schema,
    rows_batch,
    write_manifest,
    write_shard,
)
from prep.stages.pack.label_tables import write_split_labels
from prep.stages.pack.merge import groups, read_merged
from prep.stages.pack.plan import read_facts
from prep.stages.pack.scatter import collect, read_runs, runs
from prep.stages.pack.shards import Shard, planned_shards
from prep.stages.pack.tokens import RowFormat
from prep.stages.upstream import GlobalContext

BATCH_BYTES = 16 << 20
"""Ids in one record batch of a shard, at most, or one row."""


def write_share(task: int, context: GlobalContext, rows: RowFormat, shard_bytes: int, splits: tuple[str, ...]) -> None:
    """Write a task's share of the shards of all splits; there are as many tasks as parts."""
    scratch, parts = context.scratch, len(context.upstream.parts)
    schema = row_schema(rows.length, rows.dtype, rows.loss_mask)
    shards = [shard for split in splits for shard in planned_shards(scratch, split, rows, shard_bytes)]
    for shard in shards[task::parts]:
        batches = _batches(shard, _scattered(shard, parts, scratch, rows), rows)
        file = write_shard(join(context.output, shard.split), shard.name, schema, batches)
        write_json(_entry_path(scratch, shard), asdict(file))


def write_manifests(
    context: GlobalContext, rows: RowFormat, strategy: str, seed: int, shard_bytes: int, splits: tuple[str, ...]
) -> None:
    """Write the splits' labels and manifests once all shards stand."""
    for split in splits:
        shards = planned_shards(context.scratch, split, rows, shard_bytes)
        files = tuple(ShardFile(**read_json(_entry_path(context.scratch, shard))) for shard in shards)  # type: ignore[arg-type]
        facts = vars(read_facts(context.scratch, split))
        phases = tuple(facts.pop("phases"))
        folder = join(context.output, split)
        labels = write_split_labels(folder, context.scratch, len(context.upstream.parts), rows.dtype, split)
        manifest = ShardManifest(
            **asdict(rows), **facts, phases=phases, strategy=strategy, seed=seed, shards=files, labels=labels
        )
        write_manifest(folder, manifest)
    write_splits(context.output, splits)


def _scattered(shard: Shard, parts: int, scratch: str, rows: RowFormat) -> Iterator[pa.RecordBatch]:
    """Return the batches in which a shard's rows lie."""
    if groups(parts):
        return read_merged(parts, scratch, shard.split, shard.number)
    total = read_facts(scratch, shard.split).rows
    return read_runs(chain.from_iterable(runs(scratch, shard.split, total, parts, rows.row_bytes)))


def _batches(shard: Shard, scattered: Iterable[pa.RecordBatch], rows: RowFormat) -> Iterator[pa.RecordBatch]:
    """Yield a shard's rows in batches."""
    if shard.first == shard.end:
        return
    _, found = collect(scattered, shard.first, shard.end, rows)
    step = max(1, BATCH_BYTES // rows.row_bytes)
    for first in range(0, len(found.ids), step):
        end = min(first + step, len(found.ids))
        offsets = found.offsets[first : end + 1]
        pieces = slice(offsets[0], offsets[-1])
        yield rows_batch(
            Rows(
                ids=found.ids[first:end],
                offsets=(offsets - offsets[0]).astype(np.int32),
                lengths=found.lengths[pieces],
                documents=found.documents[pieces],
                continued=found.continued[first:end],
                loss_mask=None if found.loss_mask is None else found.loss_mask[first:end],
            )
        )


def _entry_path(scratch: str, shard: Shard) -> str:
    return join(scratch, "written", shard.split, f"{shard.name}.json")
