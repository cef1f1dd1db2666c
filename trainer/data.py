"""From shards to batches: what the model sees, what it must predict, and in which order the rows come.

A row's inputs are its ids shifted right by one, with the separator in front: the separator both ends a document and
begins the next, so a model that has only seen rows can write a document from nothing. A place is not predicted when it
is padding, when it begins a document in the middle of a row (its predecessor belongs to another document), or when it
begins a row with the middle of a document (its predecessor lies in another row).

The order of the rows is a function of the seed and of how many rows have been consumed: that number is all a loader
has to remember to go on exactly where it stopped.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from prep.corpus.shards import ShardReader

IGNORED = -100
"""The target of places that are not predicted; torch's losses skip it."""

Ids = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Batch:
    """Rows as the model takes them: both arrays (rows, length) int64, targets `IGNORED` where nothing is predicted."""

    inputs: Ids
    targets: Ids


def batch_of(reader: ShardReader, rows: npt.NDArray[np.int64]) -> Batch:
    """Return the given rows as inputs and targets."""
    targets = reader.gather(rows).astype(np.int64)
    inputs = np.empty_like(targets)
    inputs[:, 0] = reader.manifest.separator_id
    inputs[:, 1:] = targets[:, :-1]
    for position, row in enumerate(rows):
        ends = np.cumsum(reader.lengths(int(row)))
        targets[position, ends[:-1]] = IGNORED
        targets[position, ends[-1] if len(ends) else 0 :] = IGNORED
        if reader.continued(int(row)):
            targets[position, 0] = IGNORED
    return Batch(inputs, targets)


def batches_in_order(reader: ShardReader, rows: int, batch_rows: int) -> Iterator[Batch]:
    """Yield the first `rows` rows as they lie, `batch_rows` at a time."""
    for start in range(0, rows, batch_rows):
        yield batch_of(reader, np.arange(start, min(start + batch_rows, rows)))


class RowOrder:
    """An endless sequence of rows: every epoch is a permutation of all rows, drawn from the seed and its number."""

    def __init__(self, rows: int, seed: int) -> None:
        self._rows = rows
        self._seed = seed
        self._epoch = -1
        self._permutation = np.empty(0, np.int64)

    def take(self, consumed: int, count: int) -> npt.NDArray[np.int64]:
        """Return the `count` rows that follow the first `consumed` of the sequence, across epochs where it must."""
        taken: list[npt.NDArray[np.int64]] = []
        while count:
            epoch, place = divmod(consumed, self._rows)
            piece = self._permuted(epoch)[place : place + count]
            taken.append(piece)
            consumed += len(piece)
            count -= len(piece)
        return np.concatenate(taken)

    def _permuted(self, epoch: int) -> npt.NDArray[np.int64]:
        if epoch != self._epoch:
            self._permutation = np.random.default_rng((self._seed, epoch)).permutation(self._rows)
            self._epoch = epoch
        return self._permutation
