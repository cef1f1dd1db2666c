"""From hashes to pairs, in two phases of independent tasks: sort, match.

1. `sort` writes each hash of a part's documents (a band, or the whole text) in rising order, with the rows.
2. `match` takes one hash and one range of its values: it reads that range of every part, sorts it, and pairs each
   document of a run of equal hashes with the run's first by the keep policy. A run of n documents makes n − 1 pairs,
   never n², and the pairs do not depend on how documents are spread over parts.

A range with more documents than memory allows is cut in two, again and again; only a run of one hash cannot be cut.
Cost: every hash is read and sorted twice, O(documents · log documents per range). Memory: `sort` 40 bytes per document
of a part, `match` that of `ROW_BYTES` per document of a range. Disk: 12 bytes per document and hash, 20 where a hash
has two halves.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from prep.corpus.arrow.columns import string_buffers
from prep.corpus.files.storage import atomic_output, join, write_arrow
from prep.stages.shared.matching.cluster_kernels import Numbers, Values
from prep.stages.shared.matching.documents import (
    RANK,
    Documents,
    hashes_of,
    hashes_path,
    is_null,
    ranks_path,
    read_numbers,
    read_values,
)
from prep.stages.shared.matching.keep import Policy, elect, keys
from prep.stages.shared.matching.sketch_kernels import estimates, mix_in, string_hashes
from prep.stages.upstream import GlobalContext

PAIRS = "pairs"
"""Folder in the scratch folder: one file per match task, columns `left` (the one before) and `right`."""
ROW = "row"
"""Column of the sorted hashes that says whose each is."""
PARTS_PER_RANGE = 16
MOST_RANGES = 64
ROW_BYTES = 128
"""Memory that a match task takes per document at most."""
PAIRS_AT_ONCE = 1 << 16
"""Pairs whose sketches are held together."""
_BITS = 64
_SCHEMA = pa.schema({"left": pa.int64(), "right": pa.int64()})


def ranges(parts: int) -> int:
    """Return into how many tasks the values of a hash are cut: a power of two that follows the number of parts."""
    count = 1
    while count < MOST_RANGES and count * PARTS_PER_RANGE < parts:
        count *= 2
    return count


def sort(
    hashes: Sequence[tuple[str, ...]], policy: Policy, within: str | None, part: int, context: GlobalContext
) -> None:
    """Write the sorted hashes of a part's documents, and their ranks where the policy looks at a column.

    `hashes` are the tap's columns that make up each hash. A document that is dropped already, or whose first column is
    null, has no place. Documents that differ in the column `within` get different hashes.
    """
    if policy.column is not None:
        pieces = [policy.ranks(column) for column in _column(context, part, policy.column)]
        ranks = np.concatenate([np.empty(0, np.uint64), *pieces])
        write_arrow(ranks_path(context, part), pa.table({RANK: ranks}))
    table = Documents(context).table(part)
    lost = context.upstream.dropped(part)
    groups = None if within is None else _groups(context, part, within)
    for index, names in enumerate(hashes):
        taken = ~is_null(table, names[0])
        rows = np.flatnonzero(taken if lost is None else taken & ~lost)
        values = [read_values(table, name)[rows] for name in names]
        if groups is not None:
            values[0] = mix_in(values[0], groups[rows])
        order = np.argsort(values[0], kind="stable")
        columns = {hash_column(half): value[order] for half, value in enumerate(values)}
        path = hashes_path(hashes_of(context, part), index)
        write_arrow(path, pa.table({**columns, ROW: rows[order].astype(np.uint32)}))


def hash_column(half: int) -> str:
    """Return the name of the column of a hash, or of one of its halves."""
    return f"hash_{half}"


def _column(context: GlobalContext, part: int, name: str) -> Iterator[pa.Array]:
    for batch in context.upstream.rows(part, [name]):
        yield batch.column(name)


def _groups(context: GlobalContext, part: int, name: str) -> Values:
    """Return a hash of each document's value in a column of strings; null is a value."""
    pieces = [np.empty(0, np.uint64)]
    for column in _column(context, part, name):
        texts = column.cast(pa.string())
        pieces.append(mix_in(np.asarray(texts.is_valid(), np.uint64), string_hashes(*string_buffers(texts))))
    return np.concatenate(pieces)


class Range(NamedTuple):
    """The values of a hash from `first` to `last`, both included."""

    first: int
    last: int

    @staticmethod
    def of(task: int, count: int) -> "Range":
        """Return one of `count` ranges, a power of two."""
        width = (1 << _BITS) // count
        return Range(task * width, (task + 1) * width - 1)

    def halves(self) -> tuple["Range", "Range"]:
        """Return the range cut in two."""
        middle = (self.first + self.last) // 2
        return Range(self.first, middle), Range(middle + 1, self.last)


class Matcher:
    """Pairs the documents of one hash."""

    def __init__(self, index: int, halves: int, policy: Policy, documents: Documents, memory: int) -> None:
        self._names = [hash_column(half) for half in range(halves)]
        self._index = index
        self._policy = policy
        self._documents = documents
        self._most = max(2, memory // ROW_BYTES)
        self._all_parts = range(documents.parts)

    def pairs(self, wanted: Range) -> Iterator[tuple[Numbers, Numbers]]:
        """Yield pairs of documents with the same hash, the first of them first."""
        yield from self._pairs(wanted, [self._documents.hashes(part, self._index) for part in self._all_parts])

    def _pairs(self, wanted: Range, tables: Sequence[pa.Table]) -> Iterator[tuple[Numbers, Numbers]]:
        slices = self._slices(wanted, tables)
        total = sum(part.stop - part.start for part in slices)
        if total > self._most and wanted.first < wanted.last:
            for half in wanted.halves():
                yield from self._pairs(half, tables)
        elif total > 1:
            yield self._stars(*self._read(slices, tables))

    def _slices(self, wanted: Range, tables: Sequence[pa.Table]) -> list[slice]:
        """Return where a range lies in each part."""
        bounds = np.array([wanted.first, wanted.last], np.uint64)
        found = []
        for table in tables:
            values = read_values(table, self._names[0])
            found.append(
                slice(int(np.searchsorted(values, bounds[0])), int(np.searchsorted(values, bounds[1], side="right")))
            )
        return found

    def _read(self, slices: Sequence[slice], tables: Sequence[pa.Table]) -> tuple[Numbers, list[Values]]:
        """Return the documents in a range whose first half occurs twice or more, and their hashes."""
        halves: list[list[Values]] = [[] for _ in self._names]
        numbers: list[Numbers] = []
        for part, inside in enumerate(slices):
            if inside.start == inside.stop:
                continue
            table = tables[part]
            for pieces, name in zip(halves, self._names, strict=True):
                pieces.append(read_values(table, name)[inside])
            rows = table.column(ROW).to_numpy()[inside]
            numbers.append(rows + self._documents.offsets[part])
        values = [np.concatenate(pieces) for pieces in halves]
        order = np.argsort(values[0])
        ordered = values[0][order]
        same = ordered[1:] == ordered[:-1]
        again = np.zeros(len(order), np.bool_)
        again[1:] |= same
        again[:-1] |= same
        order = order[again]
        return np.concatenate(numbers)[order], [value[order] for value in values]

    def _stars(self, numbers: Numbers, hashes: list[Values]) -> tuple[Numbers, Numbers]:
        """Pair each document with the first of those that have all its hashes."""
        order = np.lexsort(hashes[::-1])
        fresh = np.zeros(len(order), np.bool_)
        fresh[:1] = True
        for column in hashes:
            ordered = column[order]
            fresh[1:] |= ordered[1:] != ordered[:-1]
        runs = np.empty(len(order), np.int64)
        runs[order] = np.cumsum(fresh) - 1
        rising = np.argsort(numbers)
        numbers, runs = numbers[rising], runs[rising]
        first = elect(numbers, runs, int(fresh.sum()), keys(self._policy, self._documents))[runs]
        others = first != numbers
        return first[others], numbers[others]


def verified(
    pairs: Iterator[tuple[Numbers, Numbers]], least: float, documents: Documents
) -> Iterator[tuple[Numbers, Numbers]]:
    """Yield the pairs whose sketches are at least so similar."""
    for left, right in pairs:
        for start in range(0, len(left), PAIRS_AT_ONCE):
            one, other = left[start : start + PAIRS_AT_ONCE], right[start : start + PAIRS_AT_ONCE]
            similar = estimates(documents.sketches(one), documents.sketches(other)) >= least
            yield one[similar], other[similar]


def write_pairs(path: str, pairs: Iterator[tuple[Numbers, Numbers]]) -> None:
    """Write what a match task has found."""
    with atomic_output(path) as sink, pa.ipc.new_file(sink, _SCHEMA) as writer:
        for left, right in pairs:
            writer.write_batch(pa.record_batch([left, right], _SCHEMA))


def pairs_path(context: GlobalContext, task: int) -> str:
    """Return where the pairs of a match task lie."""
    return join(context.scratch, PAIRS, f"{task:05d}.arrow")


def read_pairs(pairs: pa.Table) -> Iterator[tuple[Numbers, Numbers]]:
    """Yield the pairs of a match task, as they lie in batches."""
    for batch in pairs.to_batches():
        piece = pa.Table.from_batches([batch])
        yield read_numbers(piece, "left"), read_numbers(piece, "right")
