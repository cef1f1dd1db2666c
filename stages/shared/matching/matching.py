"""From hashes to pairs, in two phases of independent tasks: sort, match.

1. `sort` writes each hash of the documents (a band, or the whole text) in rising order, with whose it is
   (`prep.stages.shared.matching.sorted_hashes`).
2. `match` takes one hash and one range of its values: it reads that range of every group of parts, sorts it, and pairs
   each document of a run of equal hashes with one of them. A run of n documents makes n − 1 pairs, never n². Where it
   matters to what comes after which one that is, it is the run's first by the keep policy, so that the pairs do not
   depend on how documents are spread over parts; else the one with the least number, which costs no look at documents.

A range with more documents than memory allows is cut in two, again and again; only a run of one hash cannot be cut.
Cost: every hash is read and sorted twice, O(documents · log documents per range). Memory of `match`: `ROW_BYTES` per
document of a range.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from prep.corpus.files.storage import atomic_output, join
from prep.stages.shared.matching.cluster_kernels import Numbers, Values
from prep.stages.shared.matching.documents import Documents, read_numbers
from prep.stages.shared.matching.keep import Policy, elect, keys
from prep.stages.shared.matching.sketch_kernels import estimates
from prep.stages.shared.matching.sorted_hashes import Range, SortedHashes, ranges, read_known, read_range
from prep.stages.upstream import GlobalContext

PAIRS = "pairs"
"""Folder in the scratch folder: one file per match task, columns `left` (the one before) and `right`."""
ROW_BYTES = 128
"""Memory that a match task takes per document at most."""
PAIRS_AT_ONCE = 1 << 16
"""Pairs whose sketches are held together."""
_SCHEMA = pa.schema({"left": pa.int64(), "right": pa.int64()})


class Matcher:
    """Pairs the documents of one hash, each with the first of its run by the policy, or with any where that is None."""

    def __init__(self, index: int, policy: Policy | None, documents: Documents, memory: int) -> None:
        self._index = index
        self._policy = policy
        self._documents = documents
        self._most = max(2, memory // ROW_BYTES)

    def pairs(self, number: int, context: GlobalContext) -> Iterator[tuple[Numbers, Numbers]]:
        """Yield pairs of documents with the same hash, in the range under a number, the first of them first."""
        wanted = Range.of(number, ranges(len(context.upstream.parts)))
        known = enumerate(self._documents.known_hashes(self._index))
        found = [read_known(path, part, wanted) for part, path in known]
        found += read_range(self._index, number, self._documents.new_parts.start, context)
        yield from self._pairs(wanted, found)

    def _pairs(self, wanted: Range, found: Sequence[SortedHashes]) -> Iterator[tuple[Numbers, Numbers]]:
        total = sum(len(some.rows) for some in found)
        if total > self._most and wanted.first < wanted.last:
            for half in wanted.halves():
                yield from self._pairs(half, [some.within(half) for some in found])
        elif total > 1:
            yield self._stars(*self._read(found))

    def _read(self, found: Sequence[SortedHashes]) -> tuple[Numbers, list[Values]]:
        """Return the documents whose first half occurs twice or more, and their hashes."""
        numbers = np.concatenate([self._documents.offsets[some.parts] + some.rows for some in found])
        values = [np.concatenate(pieces) for pieces in zip(*(some.halves for some in found), strict=True)]
        order = np.argsort(values[0])
        ordered = values[0][order]
        same = ordered[1:] == ordered[:-1]
        again = np.zeros(len(order), np.bool_)
        again[1:] |= same
        again[:-1] |= same
        order = order[again]
        return numbers[order], [value[order] for value in values]

    def _stars(self, numbers: Numbers, hashes: list[Values]) -> tuple[Numbers, Numbers]:
        """Pair each document with one of those that have all its hashes."""
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
        first = self._first(numbers, runs, int(fresh.sum()))[runs]
        others = first != numbers
        return first[others], numbers[others]

    def _first(self, numbers: Numbers, runs: Numbers, count: int) -> Numbers:
        """Return the document of each run that the others are paired with; `numbers` rise."""
        if self._policy is not None:
            return elect(numbers, runs, count, keys(self._policy, self._documents))
        first = np.empty(count, np.int64)
        first[runs[::-1]] = numbers[::-1]
        return first


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
