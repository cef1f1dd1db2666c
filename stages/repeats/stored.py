"""What the phases leave for each other: the pieces of a part, read a batch at a time, and which hashes are repeated."""

from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from prep.corpus.files.storage import join, read_arrow
from prep.stages.repeats.taps import ENDS, HASH_0, HASH_1, STARTS
from prep.stages.shared.matching.cluster_kernels import Numbers, Values
from prep.stages.shared.matching.documents import read_numbers, read_values
from prep.stages.upstream import GlobalContext

Level = Literal["pieces", "runs"]
"""What is sorted and matched: the pieces of the tap, or the runs of bytes that hold a repeated one."""

REPEATED = pa.schema(
    {"part": pa.int64(), HASH_0: pa.uint64(), HASH_1: pa.uint64(), "keeper": pa.int64(), "documents": pa.int64()}
)
RUNS = pa.schema(
    {
        STARTS: pa.large_list(pa.uint32()),
        ENDS: pa.large_list(pa.uint32()),
        HASH_0: pa.large_list(pa.uint64()),
        HASH_1: pa.large_list(pa.uint64()),
    }
)
"""A row per document, with an entry per run."""


class Pieces(NamedTuple):
    """Pieces of documents in a row; all of a document are in one batch."""

    rows: Numbers
    """The documents, rising (pieces)."""
    hashes: Values
    """2 × pieces."""
    places: npt.NDArray[np.int64]
    """Starts and ends in the text, in bytes (2 × pieces)."""


class Repeated(NamedTuple):
    """The hashes in a part that are repeated, rising."""

    hash_0: Values
    hash_1: Values
    keepers: Numbers
    """The row that keeps each, −1 where it is none of this part."""
    documents: Numbers
    """How many documents have each."""


def pieces(level: Level, part: int, context: GlobalContext) -> Iterator[Pieces]:
    """Yield a part's pieces, without those of documents that are dropped already."""
    lost, first = context.upstream.dropped(part), 0
    for batch in _stored(level, part, context).to_batches():
        counts = pc.list_value_length(batch.column(STARTS)).to_numpy()
        rows = first + np.repeat(np.arange(batch.num_rows), counts)
        first += batch.num_rows
        starts, ends, *halves = (batch.column(name).flatten().to_numpy() for name in (STARTS, ENDS, HASH_0, HASH_1))
        found = Pieces(rows, np.stack(halves), np.stack([starts, ends]).astype(np.int64))
        if lost is not None:
            stays = ~lost[rows]
            found = Pieces(rows[stays], found.hashes[:, stays], found.places[:, stays])
        yield found


def count_pieces(level: Level, part: int, context: GlobalContext) -> int:
    """Return how many pieces a part has, those of dropped documents among them."""
    lengths = pc.list_value_length(_stored(level, part, context).column(STARTS))
    return int(pc.sum(lengths).as_py() or 0)


def runs_batch(counts: Numbers, starts: npt.NDArray[np.uint32], length: int, hashes: Values) -> pa.RecordBatch:
    """Return documents and the runs of so many bytes in each: how many, then the starts and hashes of all."""
    bounds = pa.array(np.concatenate([[0], np.cumsum(counts)]))
    columns = (starts, starts + np.uint32(length), *hashes)
    return pa.record_batch([pa.LargeListArray.from_arrays(bounds, pa.array(each)) for each in columns], RUNS)


def read_repeated(level: Level, part: int, tasks: int, context: GlobalContext) -> Repeated:
    """Return the hashes of a part that `tasks` match tasks have found repeated."""
    found = [REPEATED.empty_table()]
    for task in range(tasks):
        for batch in read_arrow(repeated_path(context, level, task)).to_batches():
            start, stop = np.searchsorted(batch.column("part").to_numpy(), (part, part + 1))
            if start < stop:
                found.append(pa.Table.from_batches([batch.slice(start, stop - start)]))
    table = pa.concat_tables(found).combine_chunks()
    keepers, documents = read_numbers(table, "keeper"), read_numbers(table, "documents")
    return Repeated(read_values(table, HASH_0), read_values(table, HASH_1), keepers, documents)


def runs_path(context: GlobalContext, part: int) -> str:
    """Return where the runs of a part lie."""
    return join(context.scratch, "runs", f"{part:05d}.arrow")


def repeated_path(context: GlobalContext, level: Level, task: int) -> str:
    """Return where what a match task has found lies, by part and rising."""
    return join(context.scratch, "repeated", level, f"{task:05d}.arrow")


def _stored(level: Level, part: int, context: GlobalContext) -> pa.Table:
    return read_arrow(context.upstream.taps[part] if level == "pieces" else runs_path(context, part))
