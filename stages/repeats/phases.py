"""From pieces to cuts, in three phases of independent tasks: sort, match, cut.

1. `sort` writes the hashes of a part's pieces once each, in rising order, with the number of documents that have it and
   the one of them with the smallest id.
2. `match` takes one range of the hashes, adds up the documents of all parts, and writes which hashes enough documents
   have, for each part that has them, and in which document they stay: the one with the smallest id of all.
3. `cut` writes for a part where its texts are cut, and drops the documents of which nothing is left.

Who keeps a piece does not depend on how documents are spread over parts. Memory: `sort` and `cut` 60 bytes per piece
of a part, `match` 100 bytes per different hash and part of a range; a range that takes more than the setting is cut in
two, again and again. Disk: 24 bytes per piece in the tap, and 24 per different hash of a part.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from prep.corpus.arrow.columns import string_buffers
from prep.corpus.arrow.documents import read_rows
from prep.corpus.files.storage import atomic_output, join, read_arrow, write_arrow
from prep.corpus.text.cuts import without
from prep.corpus.text.words import word_table
from prep.stages.repeats.piece_kernels import blank, find, join_ranges
from prep.stages.repeats.taps import ENDS, HASH_0, HASH_1, ID, STARTS
from prep.stages.shared.matching.cluster_kernels import Numbers, Values
from prep.stages.shared.matching.documents import Documents, read_numbers, read_values
from prep.stages.shared.matching.keep import Policy, elect, keys
from prep.stages.shared.matching.matching import Range
from prep.stages.stage import PartVerdicts, Verdicts
from prep.stages.upstream import GlobalContext

NOTHING_LEFT = "nothing_left"
"""The rule under which a document goes that was nothing but repeated pieces."""
ROW_BYTES = 100
_REPEATED = pa.schema(
    {"part": pa.int64(), HASH_0: pa.uint64(), HASH_1: pa.uint64(), "keeper": pa.int64(), "documents": pa.int64()}
)


@dataclass(frozen=True)
class Repeats:
    """What is a repeat: pieces that so many documents have; and whether one of them keeps it."""

    at_least: int
    keep_one: bool
    memory: int


def sort(part: int, context: GlobalContext) -> None:
    """Write a part's different hashes in rising order."""
    rows, hashes, _ = pieces(part, context)
    table = read_arrow(context.upstream.taps[part])
    by_id = np.empty(table.num_rows, np.int64)
    by_id[pc.sort_indices(table.column(ID)).to_numpy()] = np.arange(table.num_rows)
    order = np.lexsort((by_id[rows], hashes[1], hashes[0]))
    rows, hashes = rows[order], hashes[:, order]
    fresh = _fresh(hashes)
    first = np.flatnonzero(fresh)
    again = ~fresh
    again[1:] &= rows[1:] == rows[:-1]  # twice in one document
    again[:1] = False
    counts = np.add.reduceat((~again).astype(np.int64), first) if len(first) else np.empty(0, np.int64)
    columns = {HASH_0: hashes[0][first], HASH_1: hashes[1][first], "row": rows[first], "count": counts}
    write_arrow(_sorted_path(context, part), pa.table(columns))


def pieces(part: int, context: GlobalContext) -> tuple[Numbers, Values, npt.NDArray[np.int64]]:
    """Return the rows of a part's pieces, their hashes (2 × pieces), and starts and ends (2 × pieces).

    Documents that are dropped already have none.
    """
    table = read_arrow(context.upstream.taps[part])
    lists = {name: table.column(name).combine_chunks() for name in (STARTS, ENDS, HASH_0, HASH_1)}
    rows = np.repeat(np.arange(table.num_rows), pc.list_value_length(lists[STARTS]).to_numpy())
    flat = {name: column.flatten().to_numpy() for name, column in lists.items()}
    hashes = np.stack([flat[HASH_0], flat[HASH_1]])
    places = np.stack([flat[STARTS], flat[ENDS]]).astype(np.int64)
    lost = context.upstream.dropped(part)
    if lost is None:
        return rows, hashes, places
    stays = ~lost[rows]
    return rows[stays], hashes[:, stays], places[:, stays]


def _fresh(hashes: Values) -> npt.NDArray[np.bool_]:
    """Return where a hash differs from the one before it."""
    fresh = np.ones(hashes.shape[1], np.bool_)
    fresh[1:] = (hashes[:, 1:] != hashes[:, :-1]).any(axis=0)
    return fresh


def match(repeats: Repeats, task: int, count: int, context: GlobalContext) -> None:
    """Write the hashes of a range that enough documents have, by part and rising."""
    with atomic_output(repeated_path(context, task)) as sink, pa.ipc.new_file(sink, _REPEATED) as writer:
        for batch in _matched(repeats, Range.of(task, count), Documents(context), context):
            writer.write_batch(batch)


def _matched(repeats: Repeats, wanted: Range, documents: Documents, context: GlobalContext) -> Iterator[pa.RecordBatch]:
    tables = [read_arrow(_sorted_path(context, part)) for part in range(documents.parts)]
    bounds = np.array([wanted.first, wanted.last], np.uint64)
    slices = []
    for table in tables:
        values = read_values(table, HASH_0)
        slices.append((int(np.searchsorted(values, bounds[0])), int(np.searchsorted(values, bounds[1], side="right"))))
    total = sum(stop - start for start, stop in slices)
    if total * ROW_BYTES > repeats.memory and wanted.first < wanted.last:
        for half in wanted.halves():
            yield from _matched(repeats, half, documents, context)
        return
    inside = [table.slice(start, stop - start) for table, (start, stop) in zip(tables, slices, strict=True)]
    parts = np.repeat(np.arange(len(tables)), [piece.num_rows for piece in inside])
    whole = pa.concat_tables(inside)
    hashes = np.stack([read_values(whole, HASH_0), read_values(whole, HASH_1)])
    numbers = read_numbers(whole, "row") + documents.offsets[parts]
    order = np.lexsort((numbers, hashes[1], hashes[0]))
    parts, numbers, hashes = parts[order], numbers[order], hashes[:, order]
    groups = np.cumsum(_fresh(hashes)) - 1
    counts = np.bincount(groups, read_numbers(whole, "count")[order]).astype(np.int64)[groups]
    repeated = counts >= repeats.at_least
    parts, numbers, hashes, groups = parts[repeated], numbers[repeated], hashes[:, repeated], groups[repeated]
    groups = np.unique(groups, return_inverse=True)[1]
    keepers = np.full(len(numbers), -1)
    if repeats.keep_one and len(numbers):
        rising = np.argsort(numbers, kind="stable")
        found = elect(numbers[rising], groups[rising], int(groups.max()) + 1, keys(Policy("smallest_id"), documents))
        kept = found[groups]
        keepers = np.where(kept == numbers, kept - documents.offsets[parts], -1)
    by_part = np.argsort(parts, kind="stable")
    columns = (parts, hashes[0], hashes[1], keepers, counts[repeated])
    yield pa.record_batch([column[by_part] for column in columns], _REPEATED)


def cut(tasks: int, part: int, context: GlobalContext) -> PartVerdicts:
    """Write where a part's texts are cut; return the documents that go because nothing is left of them."""
    rows, hashes, places = pieces(part, context)
    hash_0, hash_1, keepers = _repeated(part, tasks, context)
    found = find(hash_0, hash_1, hashes[0], hashes[1])
    gone = found >= 0
    gone[gone] = keepers[found[gone]] != rows[gone]
    cuts = join_ranges(rows[gone], places[0, gone], places[1, gone])
    empty = _left_empty(part, cuts, context)
    stays = ~empty[cuts[0]]
    table = {name: column[stays] for name, column in zip(("row", "start", "end"), cuts, strict=True)}
    write_arrow(join(context.output, "cuts", f"{part:05d}.arrow"), pa.table(table))
    lost = np.flatnonzero(empty)
    before = context.upstream.dropped(part)
    entered = len(empty) - (0 if before is None else int(before.sum()))
    return PartVerdicts(entered, lost, Verdicts(pa.array(np.full(len(lost), NOTHING_LEFT), pa.string())))


def _repeated(part: int, tasks: int, context: GlobalContext) -> tuple[Values, Values, Numbers]:
    """Return the hashes in a part that are repeated, rising, and which row keeps each (−1: none of this part)."""
    found = [_REPEATED.empty_table()]
    for task in range(tasks):
        for batch in read_arrow(repeated_path(context, task)).to_batches():
            start, stop = np.searchsorted(batch.column("part").to_numpy(), (part, part + 1))
            found.append(pa.Table.from_batches([batch.slice(start, stop - start)]))
    table = pa.concat_tables(found).combine_chunks()
    return read_values(table, HASH_0), read_values(table, HASH_1), read_numbers(table, "keeper")


def _left_empty(part: int, cuts: tuple[Numbers, Numbers, Numbers], context: GlobalContext) -> npt.NDArray[np.bool_]:
    """Return which documents have nothing but white space left; reads the texts again where any is cut."""
    rows, starts, ends = cuts
    empty = np.zeros(read_arrow(context.upstream.taps[part]).num_rows, np.bool_)
    for touched, batch in read_rows(context.upstream.parts[part], np.unique(rows), ["text"]):
        inside = slice(*np.searchsorted(rows, (touched[0], touched[-1] + 1)))
        places = np.searchsorted(touched, rows[inside])
        left = without(batch.column("text"), places, starts[inside], ends[inside])
        empty[touched] = blank(*string_buffers(left), word_table("whitespace"))
    return empty


def _sorted_path(context: GlobalContext, part: int) -> str:
    return join(context.scratch, "hashes", f"{part:05d}.arrow")


def repeated_path(context: GlobalContext, task: int) -> str:
    """Return where what a match task has found lies, by part and rising."""
    return join(context.scratch, "repeated", f"{task:05d}.arrow")
