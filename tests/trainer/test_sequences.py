"""Scores of sequences against the model asked one sequence at a time, place by place."""

import math

import numpy as np
import torch

from prep.trainer.judging.sequences import Sequences, score_sequences, windows
from prep.trainer.network.model import ModelSettings, Transformer

MODEL = ModelSettings(40, 8, layers=1, width=16, heads=2)


def model() -> Transformer:
    torch.manual_seed(3)
    return Transformer(MODEL).eval()


def one_by_one(network: Transformer, ids: list[int], scored: int) -> tuple[float, int]:
    """The reference implementation: a forward pass for each predicted id."""
    nats, hits = 0.0, 0
    for place in range(scored, len(ids)):
        with torch.no_grad():
            logits = network(torch.tensor([ids[:place]]))[0, -1]
        nats -= math.log(float(logits.softmax(0)[ids[place]]))
        hits += int(logits.argmax()) == ids[place]
    return nats, hits


def test_scores_are_those_of_the_model_asked_one_by_one() -> None:
    random, network = np.random.default_rng(1), model()
    rows = [random.integers(0, 40, size).tolist() for size in (9, 2, 5, 5, 7, 3)]
    scored = [1, 1, 3, 1, 6, 2]
    joined = np.array([each for row in rows for each in row], np.int64)
    offsets = np.concatenate(([0], np.cumsum([len(row) for row in rows])))
    found = score_sequences(network, Sequences(joined, offsets, np.array(scored, np.int64)), 16)
    expected = [one_by_one(network, row, first) for row, first in zip(rows, scored, strict=True)]
    np.testing.assert_allclose(found.nats, [nats for nats, _ in expected], rtol=1e-5)
    assert found.hits.tolist() == [hits for _, hits in expected]
    assert found.tokens.tolist() == [len(row) - first for row, first in zip(rows, scored, strict=True)]


def test_windows_predict_every_id_of_a_text_once() -> None:
    texts = [list(range(1, 21)), [], [7], list(range(8))]
    offsets = np.concatenate(([0], np.cumsum([len(text) for text in texts])))
    ids = np.array([each for text in texts for each in text], np.int64)
    sequences, owners = windows(ids, offsets, 39, 8)
    predicted: dict[int, list[int]] = {}
    for at, owner in enumerate(owners.tolist()):
        piece = sequences.ids[sequences.offsets[at] : sequences.offsets[at + 1]].tolist()
        assert 2 <= len(piece) <= 9
        assert piece[0] == (39 if owner not in predicted else predicted[owner][-1])
        predicted.setdefault(owner, []).extend(piece[1:])
    assert predicted == {number: text for number, text in enumerate(texts) if text}


def test_nothing_costs_nothing() -> None:
    sequences, owners = windows(np.empty(0, np.int64), np.zeros(1, np.int64), 0, 8)
    found = score_sequences(model(), sequences, 16)
    assert len(owners) == len(found.nats) == 0
