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

Who keeps a piece does not depend on how documents are spread over parts. Memory: `sort` 80 bytes per piece of a batch,
and of a range of a part, `match` 100 bytes per different hash and part of a range; a range that takes more than the
setting is cut in two, again and again. `expand` and `cut` hold a batch of a part's pieces, and 32 bytes for each
different hash in the part that is repeated. Disk: 24 bytes per piece in the tap, and 32 per different hash of a part.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from prep.corpus.arrow.columns import string_buffers
from prep.corpus.arrow.documents import read_rows
from prep.corpus.files.storage import atomic_output, join, read_arrow, remove_tree, write_arrow, write_batches
from prep.corpus.text.cuts import without
from prep.corpus.text.words import word_table
from prep.stages.repeats.piece_kernels import blank, find, join_ranges
from prep.stages.repeats.run_kernels import run_hashes, tidy
from prep.stages.repeats.stored import (
    REPEATED,
    RUNS,
    Level,
    Pieces,
    Repeated,
    count_pieces,
    pieces,
    read_repeated,
    repeated_path,
    runs_batch,
    runs_path,
)
from prep.stages.repeats.taps import HASH_0, HASH_1, ID
from prep.stages.shared.matching.cluster_kernels import Numbers, Values
from prep.stages.shared.matching.documents import Documents, read_numbers, read_values
from prep.stages.shared.matching.keep import Policy, elect, keys
from prep.stages.shared.matching.sorted_hashes import Range
from prep.stages.upstream import GlobalContext
from prep.stages.verdicts import PartVerdicts, Verdicts

NOTHING_LEFT = "nothing_left"
"""The rule under which a document goes that was nothing but repeated pieces."""
ROW_BYTES = 100
SORTED_BYTES = 80
MOST_RANGES = 1 << 12
_SORTED = pa.schema({HASH_0: pa.uint64(), HASH_1: pa.uint64(), "row": pa.int64(), "count": pa.int64()})


@dataclass(frozen=True)
class Repeats:
    """What is a repeat: pieces that so many documents have; and whether one of them keeps it."""

    at_least: int
    keep_one: bool
    memory: int


def sort(level: Level, memory: int, part: int, context: GlobalContext) -> None:
    """Write a part's different hashes in rising order.

    Where they take more than the memory, those of each batch are written in order first, and merged a range at a time.
    """
    ids = read_arrow(context.upstream.taps[part]).column(ID)
    by_id = np.empty(len(ids), np.int64)
    by_id[pc.sort_indices(ids).to_numpy()] = np.arange(len(ids))
    batches = (_different(batch.hashes, batch.rows, by_id) for batch in pieces(level, part, context))
    path, ranges = _sorted_path(context, level, part), 1
    while count_pieces(level, part, context) * SORTED_BYTES > memory * ranges and ranges < MOST_RANGES:
        ranges *= 2
    if ranges == 1:
        write_batches(path, _SORTED, [_merged(list(batches), by_id)])
        return
    folder = join(context.scratch, "unmerged", level, f"{part:05d}")
    unmerged = join(folder, "batches.arrow")
    write_batches(unmerged, _SORTED, batches)
    stored = read_arrow(unmerged).to_batches()
    wanted = (Range.of(each, ranges) for each in range(ranges))
    write_batches(path, _SORTED, (_merged([_within(batch, each) for batch in stored], by_id) for each in wanted))
    remove_tree(folder)


def _different(hashes: Values, rows: Numbers, by_id: Numbers) -> pa.RecordBatch:
    """Return the different hashes of some documents, rising, with how many have each and the first of them by id."""
    order = np.lexsort((by_id[rows], hashes[1], hashes[0]))
    rows, hashes = rows[order], hashes[:, order]
    fresh = _fresh(hashes)
    first = np.flatnonzero(fresh)
    again = ~fresh
    again[1:] &= rows[1:] == rows[:-1]  # twice in one document
    again[:1] = False
    return _summed(hashes, rows, (~again).astype(np.int64), first)


def _merged(batches: Sequence[pa.RecordBatch], by_id: Numbers) -> pa.RecordBatch:
    """Return the different hashes of batches that have no document in common."""
    table = pa.Table.from_batches(batches, _SORTED)
    hashes = np.stack([read_values(table, HASH_0), read_values(table, HASH_1)])
    rows, counts = read_numbers(table, "row"), read_numbers(table, "count")
    order = np.lexsort((by_id[rows], hashes[1], hashes[0]))
    hashes = hashes[:, order]
    return _summed(hashes, rows[order], counts[order], np.flatnonzero(_fresh(hashes)))


def _summed(hashes: Values, rows: Numbers, counts: Numbers, first: Numbers) -> pa.RecordBatch:
    """Return sorted hashes once each, the first of their rows and the sum of their counts; `first` are the places."""
    totals = np.add.reduceat(counts, first) if len(first) else counts
    return pa.record_batch([hashes[0][first], hashes[1][first], rows[first], totals], _SORTED)


def _within(batch: pa.RecordBatch, wanted: Range) -> pa.RecordBatch:
    """Return the rows of a batch whose hashes, which rise, are in a range."""
    start, stop = _bounds(batch, wanted)
    return batch.slice(start, stop - start)


def _slice(table: pa.Table, wanted: Range) -> tuple[int, int]:
    """Return from which row to which the hashes of a table, which rise, are in a range."""
    bounds = np.array([_bounds(batch, wanted) for batch in table.to_batches()], np.int64).reshape(-1, 2).sum(axis=0)
    return int(bounds[0]), int(bounds[1])


def _bounds(batch: pa.RecordBatch, wanted: Range) -> tuple[int, int]:
    values = batch.column(HASH_0).to_numpy()
    start, stop = np.uint64(wanted.first), np.uint64(wanted.last)
    return int(np.searchsorted(values, start)), int(np.searchsorted(values, stop, side="right"))


def _fresh(hashes: Values) -> npt.NDArray[np.bool_]:
    """Return where a hash differs from the one before it."""
    fresh = np.ones(hashes.shape[1], np.bool_)
    fresh[1:] = (hashes[:, 1:] != hashes[:, :-1]).any(axis=0)
    return fresh


def match(repeats: Repeats, level: Level, task: int, count: int, context: GlobalContext) -> None:
    """Write the hashes of a range that enough documents have, by part and rising."""
    paths = [_sorted_path(context, level, part) for part in range(len(context.upstream.parts))]
    with atomic_output(repeated_path(context, level, task)) as sink, pa.ipc.new_file(sink, REPEATED) as writer:
        for batch in _matched(repeats, Range.of(task, count), paths, Documents(context)):
            writer.write_batch(batch)


def _matched(repeats: Repeats, wanted: Range, paths: Sequence[str], documents: Documents) -> Iterator[pa.RecordBatch]:
    tables = [read_arrow(path) for path in paths]
    slices = [_slice(table, wanted) for table in tables]
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
    yield pa.record_batch([column[by_part] for column in columns], REPEATED)


def expand(length: int, width: int, tasks: int, part: int, context: GlobalContext) -> None:
    """Write the runs of so many bytes in a part that hold a repeated window; windows are `width` bytes long."""
    repeated = read_repeated("pieces", part, tasks, context)
    found = [(np.empty(0, np.int64),) * 3]
    for batch in pieces("pieces", part, context):
        there = find(repeated.hash_0, repeated.hash_1, *batch.hashes) >= 0
        rows, starts = batch.rows[there], batch.places[0, there]
        found.append(join_ranges(rows, np.maximum(0, starts - (length - width)), starts + length))
    around = tuple(np.concatenate(column) for column in zip(*found, strict=True))
    write_batches(runs_path(context, part), RUNS, _runs(around, length, part, context))


def _runs(around: tuple[Numbers, ...], length: int, part: int, context: GlobalContext) -> Iterator[pa.RecordBatch]:
    """Yield the runs in ranges of a part's texts: batches with a row per document, all of them in turn."""
    numbers = _byte_numbers()
    done, documents = 0, read_arrow(context.upstream.taps[part]).num_rows
    for touched, batch in read_rows(context.upstream.parts[part], np.unique(around[0]), ["text"]):
        data, offsets = string_buffers(batch.column("text"))
        inside = slice(*np.searchsorted(around[0], (touched[0], touched[-1] + 1)))
        own, begins, ends = (column[inside] for column in around)
        local = np.searchsorted(touched, own)
        ends = np.minimum(ends, np.diff(offsets)[local])
        bounds, starts, hashes = run_hashes(data, offsets, local, begins, ends, length, numbers)
        counts = np.zeros(touched[-1] + 1 - done, np.int64)
        counts[touched - done] = np.diff(bounds)
        yield runs_batch(counts, starts, length, hashes)
        done = int(touched[-1]) + 1
    yield runs_batch(np.zeros(documents - done, np.int64), np.empty(0, np.uint32), length, np.empty((2, 0), np.uint64))


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
    repeated = read_repeated(level, part, tasks, context)
    found = [_Cuts.none()]
    for batch in pieces(level, part, context):
        gone = _gone(batch, repeated, share)
        found.append(_Cuts.of(*join_ranges(batch.rows[gone], batch.places[0, gone], batch.places[1, gone])))
    cuts = _joined(found)
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


def _gone(batch: Pieces, repeated: Repeated, share: float | None) -> npt.NDArray[np.bool_]:
    """Return which pieces are taken out of their documents."""
    found = find(repeated.hash_0, repeated.hash_1, *batch.hashes)
    gone = found >= 0
    if share is not None:
        documents = repeated.documents
        counts = np.where(gone, documents[np.maximum(found, 0)], 0) if len(documents) else np.zeros(len(batch.rows))
        pages = counts[np.searchsorted(batch.rows, batch.rows)]
        gone &= (counts > share * pages) & (batch.places[1] > batch.places[0])
    gone[gone] = repeated.keepers[found[gone]] != batch.rows[gone]
    return gone


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

    @staticmethod
    def none() -> "_Cuts":
        """Return no cuts."""
        return _Cuts.of(*(np.empty(0, np.int64) for _ in range(3)))

    def take(self, some: slice | npt.NDArray[np.bool_]) -> "_Cuts":
        """Return some of the cuts."""
        return _Cuts(self.rows[some], self.starts[some], self.ends[some], self.breaks[some])


def _left_empty(part: int, cuts: _Cuts, tidied: bool, context: GlobalContext) -> tuple[_Cuts, npt.NDArray[np.bool_]]:
    """Return the cuts, between words if they are to be tidied, and which documents have nothing but white space left.

    Reads the texts again where any is cut.
    """
    empty = np.zeros(read_arrow(context.upstream.taps[part]).num_rows, np.bool_)
    whole = [_Cuts.none()]
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
