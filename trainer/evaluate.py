"""How well a model predicts text it has not seen, in bits per byte.

    bits per byte = (sum of −ln p(token) over the predicted tokens) / ln 2 / (their UTF-8 bytes)

Unlike the loss per token it does not depend on the tokenizer's vocabulary. Separators are predicted too (a text's end
is part of what a model must know) and count no bytes, so their cost is spread over the text.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from prep.corpus.row_kernels import IGNORED
from prep.corpus.shards import ShardReader
from prep.trainer.data import Batch, Objective, batches_in_order
from prep.trainer.device import autocast
from prep.trainer.model import Transformer


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


NOTHING = Score(0.0, 0, 0)


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
) -> Score:
    """Score the model on the first `rows` rows of a folder of shards; `token_bytes` is (vocabulary,)."""
    device = model.embedding.weight.device
    score = NOTHING
    for batch in batches_in_order(reader, rows, batch_rows, objective):
        logits, targets = predict(model, batch, device)
        hits = int((logits.argmax(-1) == targets).sum())
        score += Score(total_nats(logits, targets).item(), *target_size(batch, token_bytes), hits)
    return score
