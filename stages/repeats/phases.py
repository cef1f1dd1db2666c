"""From pieces to cuts, in phases of independent tasks: sort, match, cut; for runs of bytes, all of it twice.

1. `sort` writes the hashes of a part's pieces once each, in rising order, with the number of documents that have it and
   the one of them with the smallest id.
2. `match` takes one range of the hashes, adds up the documents of all parts, and writes which hashes enough documents
   have, for each part that has them, and in which document they stay: the one with the smallest id of all.
3. `cut` writes for a part where its texts are cut, and drops the documents of which nothing is left.

Runs of bytes are found exactly, wherever they begin. Windows chosen by winnowing say where repeats may lie: every run
of `length` bytes that documents share holds a window that is chosen in all of them. Between `match` and `cut`, `expand`
reads the documents that have a repeated window again and hashes every run that holds one, and these runs are sorted and
matched like pieces. So all bytes are cut that lie in a run of `length` bytes which enough documents have, and no other,
until `cut` moves the borders out of words. A text of which nothing is repeated is read once, and costs no more than its
windows; where much is repeated, a run takes 24 bytes of disk for each byte of it, and as much again sorted.

Who keeps a piece does not depend on how documents are spread over parts. Memory: `sort` and `cut` 60 bytes per piece
of a part, `match` 100 bytes per different hash and part of a range; a range that takes more than the setting is cut in
two, again and again. Disk: 24 bytes per piece in the tap, and 24 per different hash of a part.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal, NamedTuple

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
from prep.stages.repeats.run_kernels import run_hashes, tidy
from prep.stages.repeats.taps import ENDS, HASH_0, HASH_1, ID, STARTS
from prep.stages.shared.matching.cluster_kernels import Numbers, Values
from prep.stages.shared.matching.documents import Documents, read_numbers, read_values
from prep.stages.shared.matching.keep import Policy, elect, keys
from prep.stages.shared.matching.matching import Range
from prep.stages.upstream import GlobalContext
from prep.stages.verdicts import PartVerdicts, Verdicts

NOTHING_LEFT = "nothing_left"
"""The rule under which a document goes that was nothing but repeated pieces."""
ROW_BYTES = 100
_REPEATED = pa.schema(
    {"part": pa.int64(), HASH_0: pa.uint64(), HASH_1: pa.uint64(), "keeper": pa.int64(), "documents": pa.int64()}
)


Level = Literal["pieces", "runs"]
"""What is sorted and matched: the pieces of the tap, or the runs that `expand` finds."""


@dataclass(frozen=True)
class Repeats:
    """What is a repeat: pieces that so many documents have; and whether one of them keeps it."""

    at_least: int
    keep_one: bool
    memory: int


def sort(level: Level, part: int, context: GlobalContext) -> None:
    """Write a part's different hashes in rising order."""
    rows, hashes, _ = pieces(level, part, context)
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
    write_arrow(_sorted_path(context, level, part), pa.table(columns))


def pieces(level: Level, part: int, context: GlobalContext) -> tuple[Numbers, Values, npt.NDArray[np.int64]]:
    """Return the rows of a part's pieces, their hashes (2 × pieces), and starts and ends (2 × pieces).

    Documents that are dropped already have none.
    """
    table = read_arrow(context.upstream.taps[part] if level == "pieces" else _runs_path(context, part))
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


def match(repeats: Repeats, level: Level, task: int, count: int, context: GlobalContext) -> None:
    """Write the hashes of a range that enough documents have, by part and rising."""
    paths = [_sorted_path(context, level, part) for part in range(len(context.upstream.parts))]
    with atomic_output(repeated_path(context, level, task)) as sink, pa.ipc.new_file(sink, _REPEATED) as writer:
        for batch in _matched(repeats, Range.of(task, count), paths, Documents(context)):
            writer.write_batch(batch)


def _matched(repeats: Repeats, wanted: Range, paths: Sequence[str], documents: Documents) -> Iterator[pa.RecordBatch]:
    tables = [read_arrow(path) for path in paths]
    bounds = np.array([wanted.first, wanted.last], np.uint64)
    slices = []
    for table in tables:
        values = read_values(table, HASH_0)
        slices.append((int(np.searchsorted(values, bounds[0])), int(np.searchsorted(values, bounds[1], side="right"))))
    total = sum(stop - start for start, stop in slices)
    if total * ROW_BYTES > repeats.memory and wanted.first < wanted.last:
        for half in wanted.halves():
            yield from _matched(repeats, half, paths, documents)
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


def expand(length: int, width: int, tasks: int, part: int, context: GlobalContext) -> None:
    """Write the runs of so many bytes in a part that hold a repeated window; windows are `width` bytes long."""
    rows, hashes, places = pieces("pieces", part, context)
    hash_0, hash_1, _, _ = _repeated("pieces", part, tasks, context)
    repeated = find(hash_0, hash_1, hashes[0], hashes[1]) >= 0
    rows, starts = rows[repeated], places[0, repeated]
    around = join_ranges(rows, np.maximum(0, starts - (length - width)), starts + length)
    numbers = _byte_numbers()
    taps = read_arrow(context.upstream.taps[part])
    bounds = np.zeros(taps.num_rows + 1, np.int64)
    found, halves = [np.empty(0, np.uint32)], [np.empty((2, 0), np.uint64)]
    for touched, batch in read_rows(context.upstream.parts[part], np.unique(around[0]), ["text"]):
        data, offsets = string_buffers(batch.column("text"))
        inside = slice(*np.searchsorted(around[0], (touched[0], touched[-1] + 1)))
        own, begins, ends = (column[inside] for column in around)
        local = np.searchsorted(touched, own)
        ends = np.minimum(ends, np.diff(offsets)[local])
        run_bounds, places_found, hashes_found = run_hashes(data, offsets, local, begins, ends, length, numbers)
        bounds[touched + 1] = np.diff(run_bounds)
        found.append(places_found)
        halves.append(hashes_found)
    run_starts, run_halves = np.concatenate(found), np.concatenate(halves, axis=1)
    columns = {STARTS: run_starts, ENDS: run_starts + np.uint32(length), HASH_0: run_halves[0], HASH_1: run_halves[1]}
    offsets_array = pa.array(np.cumsum(bounds))
    lists = {name: pa.LargeListArray.from_arrays(offsets_array, pa.array(values)) for name, values in columns.items()}
    write_arrow(_runs_path(context, part), pa.table(lists))


@cache
def _byte_numbers() -> Values:
    """Return the numbers that stand for the values of a byte in the hashes of runs (uint64, 2 × 256)."""
    drawn = hashlib.shake_256(b"prep runs").digest(2 * 256 * 8)
    return np.frombuffer(drawn, "<u8").astype(np.uint64).reshape(2, 256)


def cut(
    level: Level, share: float | None, tasks: int, part: int, context: GlobalContext, noted: str | None = None
) -> PartVerdicts:
    """Write where a part's texts are cut; return the documents that go because nothing is left of them.

    With the name of a column `noted`, that is written as well: how many bytes of each text are to be cut.

    With a share, the first piece of each document is one that all documents of its host have; then only what more than
    such a share of these have is cut.
    """
    rows, hashes, places = pieces(level, part, context)
    hash_0, hash_1, keepers, documents = _repeated(level, part, tasks, context)
    found = find(hash_0, hash_1, hashes[0], hashes[1])
    gone = found >= 0
    if share is not None:
        counts = np.where(gone, documents[np.maximum(found, 0)], 0) if len(documents) else np.zeros(len(rows))
        pages = counts[np.searchsorted(rows, rows)]
        gone &= (counts > share * pages) & (places[1] > places[0])
    gone[gone] = keepers[found[gone]] != rows[gone]
    cuts = _Cuts.of(*join_ranges(rows[gone], places[0, gone], places[1, gone]))
    cuts, empty = _left_empty(part, cuts, level == "runs", context)
    stays = ~empty[cuts.rows]
    names = ("row", "start", "end", "break")
    table = {name: column[stays] for name, column in zip(names, cuts, strict=True)}
    write_arrow(join(context.output, "cuts", f"{part:05d}.arrow"), pa.table(table))
    if noted is not None:
        lengths = np.bincount(cuts.rows, cuts.ends - cuts.starts, len(empty)).astype(np.int64)
        write_arrow(join(context.output, "columns", f"{part:05d}.arrow"), pa.table({noted: lengths}))
    lost = np.flatnonzero(empty)
    before = context.upstream.dropped(part)
    entered = len(empty) - (0 if before is None else int(before.sum()))
    return PartVerdicts(entered, lost, Verdicts(pa.array(np.full(len(lost), NOTHING_LEFT), pa.string())))


class _Cuts(NamedTuple):
    """Ranges of bytes to take out of texts, and where a line break takes their place."""

    rows: Numbers
    starts: Numbers
    ends: Numbers
    breaks: npt.NDArray[np.bool_]

    @staticmethod
    def of(rows: Numbers, starts: Numbers, ends: Numbers) -> "_Cuts":
        """Return cuts without breaks."""
        return _Cuts(rows, starts, ends, np.zeros(len(rows), np.bool_))

    def take(self, some: slice | npt.NDArray[np.bool_]) -> "_Cuts":
        """Return some of the cuts."""
        return _Cuts(self.rows[some], self.starts[some], self.ends[some], self.breaks[some])


def _repeated(level: Level, part: int, tasks: int, context: GlobalContext) -> tuple[Values, Values, Numbers, Numbers]:
    """Return the hashes in a part that are repeated, rising, which row keeps each, and how many documents have it.

    −1 stands for no row of this part.
    """
    found = [_REPEATED.empty_table()]
    for task in range(tasks):
        for batch in read_arrow(repeated_path(context, level, task)).to_batches():
            start, stop = np.searchsorted(batch.column("part").to_numpy(), (part, part + 1))
            found.append(pa.Table.from_batches([batch.slice(start, stop - start)]))
    table = pa.concat_tables(found).combine_chunks()
    keepers, documents = read_numbers(table, "keeper"), read_numbers(table, "documents")
    return read_values(table, HASH_0), read_values(table, HASH_1), keepers, documents


def _left_empty(part: int, cuts: _Cuts, tidied: bool, context: GlobalContext) -> tuple[_Cuts, npt.NDArray[np.bool_]]:
    """Return the cuts, between words if they are to be tidied, and which documents have nothing but white space left.

    Reads the texts again where any is cut.
    """
    empty = np.zeros(read_arrow(context.upstream.taps[part]).num_rows, np.bool_)
    whole = [_Cuts.of(*(np.empty(0, np.int64) for _ in range(3)))]
    spaces = word_table("whitespace")
    for touched, batch in read_rows(context.upstream.parts[part], np.unique(cuts.rows), ["text"]):
        some = cuts.take(slice(*np.searchsorted(cuts.rows, (touched[0], touched[-1] + 1))))
        data, offsets = string_buffers(batch.column("text"))
        if tidied:
            local = np.searchsorted(touched, some.rows)
            starts, ends, breaks = tidy(data, offsets, local, some.starts, some.ends, spaces, word_table("unicode"))
            some = _Cuts(some.rows, starts, ends, breaks).take(starts < ends)
        left = without(batch.column("text"), np.searchsorted(touched, some.rows), some.starts, some.ends)
        empty[touched] = blank(*string_buffers(left), spaces)
        whole.append(some)
    return _joined(whole), empty


def _joined(parts: Sequence[_Cuts]) -> _Cuts:
    rows, starts, ends, breaks = zip(*parts, strict=True)
    return _Cuts(np.concatenate(rows), np.concatenate(starts), np.concatenate(ends), np.concatenate(breaks))


def _sorted_path(context: GlobalContext, level: Level, part: int) -> str:
    return join(context.scratch, "sorted", level, f"{part:05d}.arrow")


def _runs_path(context: GlobalContext, part: int) -> str:
    return join(context.scratch, "runs", f"{part:05d}.arrow")


def repeated_path(context: GlobalContext, level: Level, task: int) -> str:
    """Return where what a match task has found lies, by part and rising."""
    return join(context.scratch, "repeated", level, f"{task:05d}.arrow")
