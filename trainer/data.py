"""From shards to batches: what the model sees and what it must predict.

A row's inputs are its ids shifted right by one, with the separator in front: the separator both ends a document and
begins the next, so a model that has only seen rows can write a document from nothing. What is predicted are the
loader's labels (`prep.corpus.loader`): a place is left out when it is padding, when it begins a document in the middle
of a row, or when it begins a row with the middle of a document. The order of the rows is the loader's too.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from prep.corpus.loader import Loader, masked_labels
from prep.corpus.shards import ShardReader

Ids = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Batch:
    """Rows as the model takes them: both arrays (rows, length) int64, targets `IGNORED` where nothing is predicted."""

    inputs: Ids
    targets: Ids


def batches_of(loader: Loader) -> Iterator[Batch]:
    """Yield the batches of a loader that gives labels."""
    for batch in loader:
        assert batch.labels is not None
        yield _shifted(batch.input_ids, batch.labels, loader.reader.manifest.separator_id)


def batch_of(reader: ShardReader, rows: npt.NDArray[np.int64]) -> Batch:
    """Return the given rows as inputs and targets."""
    ids = reader.gather(rows)
    return _shifted(ids, masked_labels(reader.pieces(rows), ids), reader.manifest.separator_id)


def batches_in_order(reader: ShardReader, rows: int, batch_rows: int) -> Iterator[Batch]:
    """Yield the first `rows` rows as they lie, `batch_rows` at a time."""
    for start in range(0, rows, batch_rows):
        yield batch_of(reader, np.arange(start, min(start + batch_rows, rows)))


def _shifted(ids: npt.NDArray[np.integer], labels: Ids, separator_id: int) -> Batch:
    """Return rows (rows, length) and their labels as inputs and targets."""
    inputs = np.empty(ids.shape, np.int64)
    inputs[:, 0] = separator_id
    inputs[:, 1:] = ids[:, :-1]
    return Batch(inputs, labels)
