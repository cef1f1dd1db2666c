"""How well a model predicts parts of given sequences: whole texts, or an answer after what was asked.

A sequence is a row of ids of which the first is given and those from a place on are predicted, each from all before it.
A text longer than the model's rows is cut into sequences that overlap by one id, so that every id of it is predicted
once (`windows`). Sequences of like length go through the model together, which leaves little padding; the grouping
follows from their lengths alone, so the same sequences cost the same bits on every run.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812

from prep.corpus.shards.row_kernels import IGNORED
from prep.trainer.devices.device import autocast
from prep.trainer.network.model import Transformer

Integers = npt.NDArray[np.int64]


class Sequences(NamedTuple):
    """Sequences of ids, end to end. Sequence i holds the ids from `offsets[i]` to `offsets[i + 1]`."""

    ids: Integers
    """(ids)"""
    offsets: Integers
    """(sequences + 1)"""
    scored: Integers
    """(sequences) The first place of each that is predicted, at least 1."""


class SequenceScores(NamedTuple):
    """What the predicted ids of sequences cost; every array has one entry per sequence."""

    nats: npt.NDArray[np.float64]
    tokens: Integers
    hits: Integers
    """Ids that were the most likely ones in the model's eyes."""


def windows(ids: Integers, offsets: Integers, lead: int, length: int) -> tuple[Sequences, Integers]:
    """Cut texts into sequences that a model of rows of `length` ids takes, and return the text of each (sequences).

    `lead` is the id that stands before every text, as the separator does in training.
    """
    pieces, owners = [], []
    for text, (start, end) in enumerate(pairwise(offsets.tolist())):
        whole = np.concatenate(([lead], ids[start:end])).astype(np.int64)
        for first in range(0, len(whole) - 1, length):
            pieces.append(whole[first : first + length + 1])
            owners.append(text)
    sizes = np.array([len(piece) for piece in pieces], np.int64)
    joined = np.concatenate(pieces) if pieces else np.empty(0, np.int64)
    sequences = Sequences(joined, np.concatenate(([0], np.cumsum(sizes))), np.ones(len(pieces), np.int64))
    return sequences, np.array(owners, np.int64)


@torch.no_grad()
def score_sequences(model: Transformer, sequences: Sequences, places: int) -> SequenceScores:
    """Return what predicting the sequences costs a decoder; about `places` ids go through it at once.

    No sequence may have more ids than the model's rows and one.
    """
    device = model.embedding.weight.device
    sizes = np.diff(sequences.offsets) - 1
    order = np.argsort(-sizes, kind="stable")
    nats, hits = np.zeros(len(sizes)), np.zeros(len(sizes), np.int64)
    at = 0
    while at < len(order):
        width = max(1, int(sizes[order[at]]))
        rows = order[at : at + max(1, places // width)]
        at += len(rows)
        inputs, targets = _filled(sequences, rows, width)
        with autocast(device):
            logits = model(torch.from_numpy(inputs).to(device)).float()
        wanted = torch.from_numpy(targets).to(device)
        costs = F.cross_entropy(logits.transpose(1, 2), wanted, ignore_index=IGNORED, reduction="none")
        nats[rows] = costs.double().sum(1).cpu().numpy()
        hits[rows] = (logits.argmax(-1) == wanted).sum(1).cpu().numpy()
    return SequenceScores(nats, sizes + 1 - sequences.scored, hits)


def _filled(sequences: Sequences, rows: Integers, width: int) -> tuple[Integers, Integers]:
    """Return the inputs and targets of some sequences, both (rows, width), padded at their ends."""
    inputs = np.zeros((len(rows), width), np.int64)
    targets = np.full((len(rows), width), IGNORED, np.int64)
    for place, row in enumerate(rows):
        ids = sequences.ids[sequences.offsets[row] : sequences.offsets[row + 1]]
        first = int(sequences.scored[row]) - 1
        inputs[place, : len(ids) - 1] = ids[:-1]
        targets[place, first : len(ids) - 1] = ids[first + 1 :]
    return inputs, targets
