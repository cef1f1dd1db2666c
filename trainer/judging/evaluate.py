"""How well a model predicts text it has not seen, in bits per byte.

    bits per byte = (sum of −ln p(token) over the predicted tokens) / ln 2 / (their UTF-8 bytes)

Unlike the loss per token it does not depend on the tokenizer's vocabulary. Separators are predicted too (a text's end
is part of what a model must know) and count no bytes, so their cost is spread over the text.

Where packing wrote the documents' labels (`prep.corpus.shards.labels`), the sums are also taken by source and by
language: each token counts for the label of its document.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from prep.corpus.shards.labels import DocumentLabels
from prep.corpus.shards.row_kernels import IGNORED
from prep.corpus.shards.shards import Pieces, ShardReader
from prep.trainer.batches.data import Batch, Objective, batch_of
from prep.trainer.devices.device import autocast
from prep.trainer.network.model import Transformer


@dataclass(frozen=True)
class Score:
    """The cost of predicting some text."""

    nats: float
    tokens: int
    bytes: int
    hits: int = 0
    """Tokens that were the most likely ones in the model's eyes."""

    def __add__(self, other: "Score") -> "Score":
        return Score(
            self.nats + other.nats, self.tokens + other.tokens, self.bytes + other.bytes, self.hits + other.hits
        )

    @property
    def loss(self) -> float:
        """Return nats per predicted token."""
        return self.nats / self.tokens if self.tokens else math.nan

    @property
    def bits_per_byte(self) -> float:
        """Return bits per byte of the predicted tokens' text."""
        return self.nats / math.log(2) / self.bytes if self.bytes else math.nan

    @property
    def accuracy(self) -> float:
        """Return the share of the tokens that were guessed right."""
        return self.hits / self.tokens if self.tokens else math.nan

    @property
    def perplexity(self) -> float:
        """Return e to the loss."""
        return float(np.exp(self.loss))

    def as_json(self) -> dict[str, float]:
        """Return what reports say."""
        return {
            "tokens": self.tokens,
            "bytes": self.bytes,
            "bits_per_byte": self.bits_per_byte,
            "perplexity": self.perplexity,
            "accuracy": self.accuracy,
        }


NOTHING = Score(0.0, 0, 0)


@dataclass(frozen=True)
class Evaluation:
    """The cost of predicting a split, in all and by the labels of its documents."""

    total: Score
    by: Mapping[str, Mapping[str, Score]] = field(default_factory=dict)
    """By column ("source", "language"), then by its values in order."""

    def by_json(self) -> dict[str, dict[str, dict[str, float]]]:
        """Return what reports say of each label, `by_source` and `by_language`."""
        return {
            f"by_{column}": {name: score.as_json() for name, score in scores.items()}
            for column, scores in self.by.items()
        }


def predict(model: Callable[[Tensor, Tensor], Tensor], batch: Batch, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the logits (places, V) in float32 and the targets (places,) of a batch."""
    arrays = (batch.inputs, batch.targets, batch.pieces)
    inputs, targets, pieces = (torch.from_numpy(array).to(device) for array in arrays)
    with autocast(device):
        logits = model(inputs, pieces)
    return logits.float().view(-1, logits.shape[-1]), targets.view(-1)


def total_nats(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the sum of −ln p over all places that have a target: a scalar, float32."""
    return F.cross_entropy(logits, targets, ignore_index=IGNORED, reduction="sum")


def target_size(batch: Batch, token_bytes: npt.NDArray[np.int32]) -> tuple[int, int]:
    """Return how many tokens a batch predicts, and their UTF-8 bytes."""
    predicted = batch.targets[batch.targets != IGNORED]
    return len(predicted), int(token_bytes[predicted].sum(dtype=np.int64))


@torch.no_grad()
def evaluate(
    model: Transformer,
    reader: ShardReader,
    token_bytes: npt.NDArray[np.int32],
    rows: int,
    batch_rows: int,
    objective: Objective,
    labels: DocumentLabels | None = None,
) -> Evaluation:
    """Score the model on the first `rows` rows of a folder of shards; `token_bytes` is (vocabulary,).

    Raises CorruptFileError where a document has no labels.
    """
    device = model.embedding.weight.device
    tally = Tally(labels)
    for start in range(0, rows, batch_rows):
        numbers = np.arange(start, min(start + batch_rows, rows))
        batch = batch_of(reader, numbers, objective)
        # All batches have one shape, so that what is compiled is compiled once.
        logits, targets = (part[: batch.targets.size] for part in predict(model, batch.filled(batch_rows), device))
        nats = F.cross_entropy(logits, targets, ignore_index=IGNORED, reduction="none").cpu().numpy()
        hits = (logits.argmax(-1) == targets).cpu().numpy()
        predicted = batch.targets != IGNORED
        here = predicted.reshape(-1)
        documents = None if labels is None else documents_of(reader.pieces(numbers), batch.targets.shape[1])[predicted]
        tally.add(nats[here], token_bytes[batch.targets[predicted]], hits[here], documents)
    return tally.evaluation()


def documents_of(pieces: Pieces, length: int) -> npt.NDArray[np.int64]:
    """Return the number of the document at each place of rows (rows, length), −1 for padding."""
    before = np.append(0, np.cumsum(pieces.lengths, dtype=np.int64))
    filled = np.diff(before[pieces.offsets])
    documents = np.full((len(filled), length), -1, np.int64)
    documents[np.arange(length) < filled[:, None]] = np.repeat(pieces.documents, pieces.lengths)
    return documents


class Tally:
    """Adds up scores, of all tokens and by the labels of their documents."""

    def __init__(self, labels: DocumentLabels | None) -> None:
        self._labels = labels
        self._total = np.zeros((4, 1))
        columns = {} if labels is None else labels.columns
        self._by = {name: np.zeros((4, len(column.names))) for name, column in columns.items()}

    def add(
        self,
        nats: npt.NDArray[np.float32],
        sizes: npt.NDArray[np.int32],
        hits: npt.NDArray[np.bool_],
        documents: npt.NDArray[np.int64] | None,
    ) -> None:
        """Add tokens: what each costs, its bytes, whether it was guessed, its document; all (tokens,)."""
        weights = (nats, np.ones(len(nats)), sizes, hits)
        self._total[:, 0] += [weight.sum(dtype=np.float64) for weight in weights]
        if self._labels is None or documents is None:
            return
        places = self._labels.places(documents)
        for name, sums in self._by.items():
            codes = self._labels.columns[name].codes[places]
            sums += [np.bincount(codes, weight, sums.shape[1]) for weight in weights]

    def evaluation(self) -> Evaluation:
        """Return the sums; labels of which no token was predicted are left out."""
        columns = {} if self._labels is None else self._labels.columns
        by = {
            name: {
                label: _score(sums[:, code])
                for code, label in sorted(enumerate(columns[name].names), key=lambda item: item[1])
                if sums[1, code]
            }
            for name, sums in self._by.items()
        }
        return Evaluation(_score(self._total[:, 0]), by)


def _score(sums: npt.NDArray[np.float64]) -> Score:
    nats, *counts = sums.tolist()
    return Score(nats, *map(int, counts))
