"""From shards to batches: what the model sees and what it must predict.

Next token: a row's inputs are its ids shifted right by one, with the separator in front, so a model that has only seen
rows can write a document from nothing. What is predicted are the loader's labels (`prep.corpus.shards.loader`): a place
is left out when it is padding, when it begins a document in the middle of a row, or when it begins a row with the
middle of a document.

Masked tokens: some places of a row are hidden, and the model fills them in from both sides. Of those, 80 % show the
mask, 10 % another token, 10 % what was there (Devlin et al. 2018, arXiv 1810.04805, section 3.1); they are drawn one by
one, or as spans of geometric length (Joshi et al. 2019, arXiv 1907.10529, section 3.1). The padding's id, which no text
has, is the mask. What is drawn follows from the seed and the place of the batch in the sequence of rows alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from prep.corpus.shards.loader import Loader, masked_labels, position_ids
from prep.corpus.shards.row_kernels import IGNORED
from prep.corpus.shards.shards import ShardManifest, ShardReader

Ids = npt.NDArray[np.int64]

SPAN = 3.0
"""Mean length of a hidden span."""
LONGEST_SPAN = 10


ObjectiveName = Literal["next_token", "masked", "span"]


@dataclass(frozen=True)
class Objective:
    """What is to be learnt."""

    kind: ObjectiveName = "next_token"
    mask_rate: float = 0.15
    """Share of the places that are hidden."""
    seed: int = 0

    @property
    def causal(self) -> bool:
        """Return whether the model must not see what follows."""
        return self.kind == "next_token"


@dataclass(frozen=True)
class Batch:
    """Rows as the model takes them; all arrays (rows, length)."""

    inputs: Ids
    targets: Ids
    """`IGNORED` where nothing is predicted."""
    pieces: npt.NDArray[np.int32]
    """A number for each piece of a document in a row."""

    def split(self, parts: int) -> list["Batch"]:
        """Return the batch in equal parts."""
        arrays = (np.array_split(array, parts) for array in (self.inputs, self.targets, self.pieces))
        return [Batch(*part) for part in zip(*arrays, strict=True)]

    def filled(self, rows: int) -> "Batch":
        """Return the batch with rows at its end in which nothing is predicted, so that it has `rows` of them."""
        missing = ((0, rows - len(self.inputs)), (0, 0))
        targets = np.pad(self.targets, missing, constant_values=IGNORED)
        return Batch(np.pad(self.inputs, missing), targets, np.pad(self.pieces, missing))


def batches_of(loader: Loader, objective: Objective) -> Iterator[Batch]:
    """Yield the batches of a loader that gives labels and positions."""
    for batch in loader:
        assert batch.labels is not None
        assert batch.position_ids is not None
        key = (batch.consumed, loader.rank.index)
        yield _batch(loader.reader.manifest, batch.input_ids, batch.labels, batch.position_ids, objective, key)


def batch_of(reader: ShardReader, rows: npt.NDArray[np.int64], objective: Objective) -> Batch:
    """Return the given rows as a batch."""
    ids, pieces = reader.gather(rows), reader.pieces(rows)
    labels, positions = masked_labels(pieces, ids, reader.loss_mask(rows)), position_ids(pieces, ids.shape[1])
    return _batch(reader.manifest, ids, labels, positions, objective, (0, int(rows[0]) if len(rows) else 0))


def batches_in_order(reader: ShardReader, rows: int, batch_rows: int, objective: Objective) -> Iterator[Batch]:
    """Yield the first `rows` rows as they lie, `batch_rows` at a time."""
    for start in range(0, rows, batch_rows):
        yield batch_of(reader, np.arange(start, min(start + batch_rows, rows)), objective)


def _batch(
    manifest: ShardManifest,
    ids: npt.NDArray[np.integer],
    labels: Ids,
    positions: npt.NDArray[np.int32],
    objective: Objective,
    key: tuple[int, int],
) -> Batch:
    pieces = np.cumsum(positions == 0, axis=1, dtype=np.int32)
    if objective.causal:
        inputs = np.empty(ids.shape, np.int64)
        inputs[:, 0] = manifest.separator_id
        inputs[:, 1:] = ids[:, :-1]
        return Batch(inputs, labels, pieces)
    random = np.random.default_rng((objective.seed, *key))
    hidden = _hidden(ids.shape, objective, random) & (ids != manifest.padding_id)
    inputs = _corrupted(ids.astype(np.int64), hidden, manifest, random)
    return Batch(inputs, np.where(hidden, ids.astype(np.int64), IGNORED), pieces)


def _hidden(shape: tuple[int, ...], objective: Objective, random: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Draw the places to hide (rows, length)."""
    if objective.kind == "masked":
        return random.random(shape) < objective.mask_rate
    begins = random.random(shape) < objective.mask_rate / SPAN
    lengths = np.minimum(random.geometric(1 / SPAN, shape), LONGEST_SPAN) * begins
    hidden = begins.copy()
    for offset in range(1, min(LONGEST_SPAN, shape[1])):
        hidden[:, offset:] |= lengths[:, :-offset] > offset
    return hidden


def _corrupted(ids: Ids, hidden: npt.NDArray[np.bool_], manifest: ShardManifest, random: np.random.Generator) -> Ids:
    draw = random.random(ids.shape)
    others = random.integers(0, manifest.vocabulary, ids.shape)
    shown = np.where(draw < 0.8, manifest.padding_id, np.where(draw < 0.9, others, ids))
    return np.where(hidden, shown, ids)
