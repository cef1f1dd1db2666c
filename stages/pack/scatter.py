"""The third phase of packing: rows gathered from the tokens, and scattered to their places in the shuffle.

Each task takes an equal share of the rows in the order of the plan, in which the documents of neighbouring rows lie
close together. It gathers a run of rows of 64 MiB at a time, sorts it by the places that the shuffle gives to the rows
(a permutation that is computed, not stored: `prep.corpus.shards.permutation_kernels`) and writes it. The rows of a
shard then lie in one piece in every run, so a later phase reads a little of each run from beginning to end: an exact
shuffle of any number of rows, with files read and written in order and memory for one run or one shard. Many runs are
merged before (`prep.stages.pack.merge`).
Source: the shuffle of MapReduce (Dean & Ghemawat 2004, section 4.2, "ordering guarantees").

    scratch/runs/train/00000-00000.arrow   a task's first run: the columns of a shard, and `place`
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from prep.corpus.files.storage import join, read_arrow_batch, write_batches
from prep.corpus.shards.permutation_kernels import permuted
from prep.corpus.shards.shards import Rows, mapped_rows, row_schema, rows_batch
from prep.corpus.shards.splits import SPLITS
from prep.stages.pack.packing_kernels import Integers
from prep.stages.pack.placement_kernels import NO_ID, lay_out, reorder
from prep.stages.pack.plan import Pieces, SplitFacts, read_facts, read_plan
from prep.stages.pack.tokens import RowFormat, TokenSequence

PLACE = "place"
"""Column of a row's place in the shuffle, beside those of a shard."""
RUN_BYTES = 64 << 20
"""Ids in a run, at most, or one row."""

SHUFFLE = 0x73687566666C65
"""Sets the order of the rows apart from other draws with the same seed: a trainer that drew the same permutation again
would undo it."""


class Run(NamedTuple):
    """Rows of a split from `first` to `end` in the order of the plan."""

    path: str
    first: int
    end: int


def runs(scratch: str, split: str, rows: int, tasks: int, row_bytes: int) -> Iterator[list[Run]]:
    """Yield the runs of each task."""
    for task in range(tasks):
        yield runs_of(task, scratch, split, rows, tasks, row_bytes)


def runs_of(task: int, scratch: str, split: str, rows: int, tasks: int, row_bytes: int) -> list[Run]:
    """Return the runs of one task."""
    step = max(1, RUN_BYTES // row_bytes)
    first, end = rows * task // tasks, rows * (task + 1) // tasks
    return [
        Run(join(scratch, "runs", split, f"{task:05d}-{index:05d}.arrow"), start, min(start + step, end))
        for index, start in enumerate(range(first, end, step))
    ]


def scatter_share(task: int, tasks: int, scratch: str, rows: RowFormat, seed: int, splits: tuple[str, ...]) -> None:
    """Write a task's runs of all splits."""
    tokens = TokenSequence(scratch, tasks, rows.dtype)
    masks = TokenSequence(scratch, tasks, "uint8", "masks") if rows.loss_mask else None
    for split in splits:
        facts, plan = read_facts(scratch, split), read_plan(scratch, split)
        for run in runs_of(task, scratch, split, facts.rows, tasks, rows.row_bytes):
            places = places_of(run, facts, split, seed)
            order = np.argsort(places)
            write_placed(run.path, [(places[order], _gather(run, order, plan, tokens, masks, rows))], rows)


def write_placed(path: str, placed: Iterable[tuple[Integers, Rows]], rows: RowFormat) -> None:
    """Write rows with their places, a batch for each item."""
    schema = row_schema(rows.length, rows.dtype, rows.loss_mask).append(pa.field(PLACE, pa.int64()))
    batches = (rows_batch(some).append_column(PLACE, pa.array(places, pa.int64())) for places, some in placed)
    write_batches(path, schema, batches)


def places_of(run: Run, facts: SplitFacts, split: str, seed: int) -> Integers:
    """Return the place of each of a run's rows in the shuffle, which leaves every row in its phase (rows)."""
    places = []
    begin = 0
    for number, phase in enumerate(facts.phases):
        first, end = max(run.first, begin), min(run.end, begin + phase.rows)
        if first < end:
            key = seed ^ SHUFFLE ^ (number * len(SPLITS) + SPLITS.index(split)) << 56
            places.append(begin + permuted(first - begin, end - first, phase.rows, key))
        begin += phase.rows
    return np.concatenate([np.empty(0, np.int64), *places])


def _gather(
    run: Run,
    order: npt.NDArray[np.int64],
    plan: Pieces,
    tokens: TokenSequence,
    masks: TokenSequence | None,
    rows: RowFormat,
) -> Rows:
    """Return a run's rows in another order."""
    offsets, pieces = reorder(plan.offsets[run.first : run.end + 1], order)
    lengths = plan.lengths[pieces]
    ids = np.full((len(order), rows.length), rows.padding_id, rows.dtype)
    places = lay_out(offsets, lengths, rows.length)
    tokens.copy(plan.positions[pieces], lengths, places, ids.reshape(-1))
    if rows.after != NO_ID:  # what is cropped ends like other documents
        ids.reshape(-1)[(places + lengths - 1)[plan.cropped[pieces] > 0]] = rows.after
    mask = None
    if masks is not None:
        mask = np.zeros(ids.shape, np.uint8)
        masks.copy(plan.positions[pieces], lengths, places, mask.reshape(-1))
    starts = plan.starts[pieces][offsets[:-1]]
    return Rows(ids, offsets.astype(np.int32), lengths.astype(np.int32), plan.documents[pieces], starts, mask)


def read_runs(runs: Iterable[Run]) -> Iterator[pa.RecordBatch]:
    """Map runs into memory, one after the other."""
    return (read_arrow_batch(run.path, 0) for run in runs)


def collect(scattered: Iterable[pa.RecordBatch], first: int, end: int, rows: RowFormat) -> tuple[Integers, Rows]:
    """Return those rows of some batches that the shuffle puts at places from `first` to `end`, rising, and the places.

    In each batch the column `place` rises.
    """
    ids = np.empty((end - first, rows.length), rows.dtype)
    mask = np.empty(ids.shape, np.uint8) if rows.loss_mask else None
    places, counts, continued = [np.empty(0, np.int64)], [np.empty(0, np.int32)], [np.empty(0, np.int64)]
    lengths, documents = [np.empty(0, np.int32)], [np.empty(0, np.int64)]
    for batch in scattered:
        run_places = batch.column(PLACE).to_numpy()
        start, stop = np.searchsorted(run_places, (first, end)).tolist()
        if start == stop:
            continue
        run_rows = mapped_rows(batch)
        run_pieces = slice(run_rows.offsets[start], run_rows.offsets[stop])
        ids[run_places[start:stop] - first] = run_rows.ids[start:stop]
        if mask is not None and run_rows.loss_mask is not None:
            mask[run_places[start:stop] - first] = run_rows.loss_mask[start:stop]
        places.append(run_places[start:stop])
        counts.append(np.diff(run_rows.offsets[start : stop + 1]))
        lengths.append(run_rows.lengths[run_pieces])
        documents.append(run_rows.documents[run_pieces])
        continued.append(run_rows.continued[start:stop])
    found = np.concatenate(places)
    order = np.argsort(found)
    found = found[order]
    offsets, pieces = reorder(np.cumsum([0, *np.concatenate(counts)], dtype=np.int64), order)
    if len(found) < end - first:  # some of the runs
        ids, mask = ids[found - first], None if mask is None else mask[found - first]
    return found, Rows(
        ids,
        offsets.astype(np.int32),
        np.concatenate(lengths)[pieces],
        np.concatenate(documents)[pieces],
        np.concatenate(continued)[order],
        mask,
    )
