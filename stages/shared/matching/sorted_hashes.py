"""The sorted hashes of all documents, in files that few tasks write and all tasks of `match` read: the phase `sort`.

A task of `match` needs one range of the values of one hash, from every part. A file for each part and hash would be
opened by every range: hashes × ranges × parts times, a square while ranges follow the parts. So a task of `sort` takes
a group of parts, at least as many as there are ranges, and writes one file, with a record batch for each hash and
range, in this order: the batch that a task of `match` reads is found by its place.

Cost: O(documents · log documents of a group) per hash. Files opened, of h hashes and p parts: p taps by `sort`, and at
most h · p by `match`. Disk: 16 bytes per document and hash, 24 where a hash has two halves, and about 600 bytes per
group, hash and range. Memory: SORT_BYTES per document of a group; where that is more than the setting, the columns are
read several times, some of the ranges at a time.
"""

from collections.abc import Iterator, Sequence
from math import isqrt
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from prep.corpus.arrow.columns import string_buffers
from prep.corpus.files.storage import join, read_arrow, read_arrow_batch, write_arrow, write_batches
from prep.stages.shared.matching.cluster_kernels import Numbers, Values
from prep.stages.shared.matching.documents import RANK, is_null, ranks_path, read_values
from prep.stages.shared.matching.keep import Policy
from prep.stages.shared.matching.sketch_kernels import mix_in, string_hashes
from prep.stages.upstream import GlobalContext

PART, ROW = "part", "row"
"""Columns that say whose a hash is: the part of the run, and the row in it."""
PARTS_PER_RANGE = 16
MOST_RANGES = 64
SORT_BYTES = 64
"""Memory that a sort task takes per document of its group, with two halves."""
_BITS = 64
_PLACE = (pa.field(PART, pa.uint32()), pa.field(ROW, pa.uint32()))

Unsigned = npt.NDArray[np.uint32]


def ranges(parts: int) -> int:
    """Return into how many tasks the values of a hash are cut: a power of two that follows the number of parts."""
    count = 1
    while count < MOST_RANGES and count * PARTS_PER_RANGE < parts:
        count *= 2
    return count


def group_size(parts: int) -> int:
    """Return how many parts are sorted together: as many as there are ranges, or groups if that is more."""
    return ranges(parts) if parts <= MOST_RANGES**2 else isqrt(parts)


def groups(parts: int) -> int:
    """Return how many groups the parts are sorted in: the tasks of `sort`."""
    return -(-parts // group_size(parts))


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

    def inside(self, ordered: Values) -> slice:
        """Return where the range lies in rising values."""
        first, last = np.array(self, np.uint64)
        return slice(int(np.searchsorted(ordered, first)), int(np.searchsorted(ordered, last, side="right")))


class SortedHashes(NamedTuple):
    """Some hashes in rising order, and whose they are."""

    halves: tuple[Values, ...]
    """The hashes, or their halves; rising by the first."""
    parts: Unsigned
    rows: Unsigned

    def within(self, wanted: Range) -> "SortedHashes":
        """Return those in a range."""
        inside = wanted.inside(self.halves[0])
        return SortedHashes(tuple(half[inside] for half in self.halves), self.parts[inside], self.rows[inside])


def sort(
    hashes: Sequence[tuple[str, ...]],
    policy: Policy,
    within: str | None,
    group: int,
    memory: int,
    context: GlobalContext,
) -> None:
    """Write the sorted hashes of a group of parts, and their ranks where the policy looks at a column.

    `hashes` are the tap's columns that make up each hash, the same number for each. A document that is dropped already,
    or whose first column is null, has no place. Documents that differ in the column `within` get different hashes.
    """
    parts = len(context.upstream.parts)
    size = group_size(parts)
    members = range(group * size, min(parts, (group + 1) * size))
    if policy.column is not None:
        for part in members:
            write_arrow(ranks_path(context, part), pa.table({RANK: _ranks(context, part, policy)}))
    sources = [HashesOfPart(part, within, context) for part in members]
    count = ranges(parts)
    passes = 1
    while passes < count and sum(map(len, sources)) * SORT_BYTES > passes * memory:
        passes *= 2
    schema = pa.schema([*((hash_column(half), pa.uint64()) for half in range(len(hashes[0]))), *_PLACE])

    def batches() -> Iterator[pa.RecordBatch]:
        for names in hashes:
            for number in range(passes):
                found = _merged(sources, names, None if passes == 1 else Range.of(number, passes))
                own = range(number * count // passes, (number + 1) * count // passes)
                for inside in (Range.of(task, count).inside(found.halves[0]) for task in own):
                    columns: list[Values | Unsigned] = [*found.halves, found.parts, found.rows]
                    yield pa.record_batch([column[inside] for column in columns], schema)

    write_batches(_group_path(context, group), schema, batches())


def read_range(index: int, number: int, first: int, context: GlobalContext) -> Iterator[SortedHashes]:
    """Yield the range under a number of the values of one hash, from each group; the run's parts count from `first`."""
    parts = len(context.upstream.parts)
    for group in range(groups(parts)):
        batch = read_arrow_batch(_group_path(context, group), index * ranges(parts) + number)
        *halves, owners, rows = (column.to_numpy() for column in batch.columns)
        yield SortedHashes(tuple(halves), owners + np.uint32(first), rows)


def read_known(path: str, part: int, wanted: Range) -> SortedHashes:
    """Return a range of the values of a hash that an index holds of one of its parts."""
    table = read_arrow(path)
    halves = tuple(read_values(table, name) for name in table.column_names if name != ROW)
    rows = table.column(ROW).to_numpy()
    return SortedHashes(halves, np.broadcast_to(np.uint32(part), len(rows)), rows).within(wanted)


class HashesOfPart:
    """The hashes of a part's documents, as the stage's tap has made them."""

    def __init__(self, part: int, within: str | None, context: GlobalContext) -> None:
        self.part = part
        self._table = read_arrow(context.upstream.taps[part])
        self._lost = context.upstream.dropped(part)
        self._within = None if within is None else _hashes_within(context, part, within)

    def __len__(self) -> int:
        return int(self._table.num_rows)

    def read(self, names: Sequence[str]) -> tuple[list[Values], Numbers]:
        """Return the hash, or its halves, of the documents that have it, and their rows, rising."""
        taken = ~is_null(self._table, names[0])
        rows = np.flatnonzero(taken if self._lost is None else taken & ~self._lost)
        values = [read_values(self._table, name)[rows] for name in names]
        if self._within is not None:
            values[0] = mix_in(values[0], self._within[rows])
        return values, rows

    def sorted(self, names: Sequence[str]) -> pa.Table:
        """Return the same as a table in rising order, the columns of `hash_column` and ROW."""
        values, rows = self.read(names)
        order = np.argsort(values[0], kind="stable")
        columns = {hash_column(half): value[order] for half, value in enumerate(values)}
        return pa.table({**columns, ROW: rows[order].astype(np.uint32)})


def hash_column(half: int) -> str:
    """Return the name of the column of a hash, or of one of its halves."""
    return f"hash_{half}"


def _merged(sources: Sequence[HashesOfPart], names: Sequence[str], wanted: Range | None) -> SortedHashes:
    """Return a hash of the documents of some parts in rising order, all of its values or a range of them."""
    halves: list[list[Values]] = [[np.empty(0, np.uint64)] for _ in names]
    parts, places = [np.empty(0, np.uint32)], [np.empty(0, np.uint32)]
    for source in sources:
        values, rows = source.read(names)
        if wanted is not None:
            first, last = np.array(wanted, np.uint64)
            inside = (values[0] >= first) & (values[0] <= last)
            values, rows = [value[inside] for value in values], rows[inside]
        for pieces, value in zip(halves, values, strict=True):
            pieces.append(value)
        parts.append(np.full(len(rows), source.part, np.uint32))
        places.append(rows.astype(np.uint32))
    whole = [np.concatenate(pieces) for pieces in halves]
    order = np.argsort(whole[0], kind="stable")
    return SortedHashes(
        tuple(value[order] for value in whole), np.concatenate(parts)[order], np.concatenate(places)[order]
    )


def _ranks(context: GlobalContext, part: int, policy: Policy) -> Values:
    columns = _column(context, part, str(policy.column))
    return np.concatenate([np.empty(0, np.uint64), *map(policy.ranks, columns)])


def _column(context: GlobalContext, part: int, name: str) -> Iterator[pa.Array]:
    for batch in context.upstream.rows(part, [name]):
        yield batch.column(name)


def _hashes_within(context: GlobalContext, part: int, name: str) -> Values:
    """Return a hash of each document's value in a column of strings; null is a value."""
    pieces = [np.empty(0, np.uint64)]
    for column in _column(context, part, name):
        texts = column.cast(pa.string())
        pieces.append(mix_in(np.asarray(texts.is_valid(), np.uint64), string_hashes(*string_buffers(texts))))
    return np.concatenate(pieces)


def _group_path(context: GlobalContext, group: int) -> str:
    return join(context.scratch, "hashes", f"{group:05d}.arrow")
