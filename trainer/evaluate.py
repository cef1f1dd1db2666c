"""How well a model predicts text it has not seen, in bits per byte.

    bits per byte = (sum of −ln p(token) over the predicted tokens) / ln 2 / (their UTF-8 bytes)

Unlike the loss per token it does not depend on the tokenizer's vocabulary. Separators are predicted too (a text's end
is part of what a model must know) and count no bytes, so their cost is spread over the text.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from prep.corpus.row_kernels import IGNORED
from prep.corpus.shards import ShardReader
from prep.trainer.data import Batch, batches_in_order
from prep.trainer.device import autocast
from prep.trainer.model import Decoder

COUNTING_ROWS = 4096
"""Rows whose tokens are counted at once."""


@dataclass(frozen=True)
class Score:
    """The cost of predicting some text."""

    nats: float
    tokens: int
    bytes: int

    def __add__(self, other: "Score") -> "Score":
        return Score(self.nats + other.nats, self.tokens + other.tokens, self.bytes + other.bytes)

    @property
    def loss(self) -> float:
        """Return nats per predicted token."""
        return self.nats / self.tokens if self.tokens else math.nan

    @property
    def bits_per_byte(self) -> float:
        """Return bits per byte of the predicted tokens' text."""
        return self.nats / math.log(2) / self.bytes if self.bytes else math.nan


NOTHING = Score(0.0, 0, 0)


def total_nats(model: Decoder, inputs: Tensor, targets: Tensor) -> Tensor:
    """Return the sum of −ln p over all places of (rows, length) that have a target: a scalar, float32."""
    with autocast(inputs.device):
        logits = model(inputs)
    return F.cross_entropy(
        logits.float().view(-1, logits.shape[-1]), targets.reshape(-1), ignore_index=IGNORED, reduction="sum"
    )


def target_size(batch: Batch, token_bytes: npt.NDArray[np.int32]) -> tuple[int, int]:
    """Return how many tokens a batch predicts, and their UTF-8 bytes."""
    predicted = batch.targets[batch.targets != IGNORED]
    return len(predicted), int(token_bytes[predicted].sum(dtype=np.int64))


@torch.no_grad()
def evaluate(
    model: Decoder, reader: ShardReader, token_bytes: npt.NDArray[np.int32], rows: int, batch_rows: int
) -> Score:
    """Score the model on the first `rows` rows of a folder of shards; `token_bytes` is (vocabulary,)."""
    device = model.embedding.weight.device
    score = NOTHING
    for batch in batches_in_order(reader, rows, batch_rows):
        inputs, targets = torch.from_numpy(batch.inputs).to(device), torch.from_numpy(batch.targets).to(device)
        score += Score(total_nats(model, inputs, targets).item(), *target_size(batch, token_bytes))
    return score


def unigram_nats(reader: ShardReader) -> npt.NDArray[np.float64]:
    """Return −ln p of each token (vocabulary,) by its share of the shards' tokens, with one added to each count."""
    vocabulary = reader.manifest.vocabulary
    counts = np.ones(vocabulary, np.int64)
    for start in range(0, len(reader), COUNTING_ROWS):
        rows = np.arange(start, min(start + COUNTING_ROWS, len(reader)))
        pieces = reader.pieces(rows)
        ends = np.concatenate(([0], np.cumsum(pieces.lengths)))[pieces.offsets]
        ids = reader.gather(rows)
        counts += np.bincount(ids[np.arange(ids.shape[1]) < np.diff(ends)[:, None]], minlength=vocabulary)
    nats: npt.NDArray[np.float64] = np.log(counts.sum()) - np.log(counts)
    return nats


def evaluate_unigram(
    nats: npt.NDArray[np.float64], reader: ShardReader, token_bytes: npt.NDArray[np.int32], rows: int
) -> Score:
    """Score, on the same tokens as `evaluate`, the model that knows how frequent each token is and nothing else."""
    score = NOTHING
    for batch in batches_in_order(reader, rows, COUNTING_ROWS):
        predicted = batch.targets[batch.targets != IGNORED]
        score += Score(float(nats[predicted].sum()), *target_size(batch, token_bytes))
    return score
