"""Batches: what is predicted from what."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from prep.corpus.shards.loader import Loader, LoaderSettings
from prep.corpus.shards.permutation_kernels import permuted
from prep.corpus.shards.row_kernels import IGNORED
from prep.corpus.shards.shards import ShardReader
from prep.trainer.batches.data import Objective, ObjectiveName, batch_of, batches_in_order, batches_of

SEPARATOR = 256
PADDING = 257
NEXT = Objective()


def test_inputs_and_targets_of_rows_by_hand(tmp_path: Path, write_shards: Callable[..., ShardReader]) -> None:
    reader = write_shards(tmp_path, [b"abc", b"defgh", b"i"], length=6)
    batch = batch_of(reader, np.array([0, 1]), NEXT)
    a, b, c, d, e, f, g, h, i = b"abcdefghi"
    assert batch.inputs.tolist() == [
        [SEPARATOR, a, b, c, SEPARATOR, d],
        [SEPARATOR, f, g, h, SEPARATOR, i],
    ]
    assert batch.targets.tolist() == [
        [a, b, c, SEPARATOR, IGNORED, e],  # d begins a document in the middle of the row
        [IGNORED, g, h, SEPARATOR, IGNORED, SEPARATOR],  # f's predecessor lies in the row before
    ]
    assert batch.pieces.tolist() == [[1, 1, 1, 1, 2, 2], [1, 1, 1, 1, 2, 2]]


def test_padding_is_never_predicted(
    tmp_path: Path, write_shards: Callable[..., ShardReader], documents: Sequence[bytes]
) -> None:
    reader = write_shards(tmp_path, documents, length=50)
    batches = list(batches_in_order(reader, len(reader), 7, NEXT))
    targets = np.concatenate([batch.targets for batch in batches])
    assert reader.ids(len(reader) - 1)[-1] == PADDING
    assert PADDING not in targets
    predicted = int((targets != IGNORED).sum())
    continued = sum(reader.continued(row) > 0 for row in range(len(reader)))
    begun_inside = sum(len(reader.lengths(row)) - 1 for row in range(len(reader)))
    assert predicted == reader.manifest.tokens - continued - begun_inside


def test_every_target_is_its_inputs_successor(
    tmp_path: Path, write_shards: Callable[..., ShardReader], documents: Sequence[bytes]
) -> None:
    reader = write_shards(tmp_path, documents, length=40)
    batch = batch_of(reader, np.arange(len(reader)), NEXT)
    inside = batch.targets[:, :-1] != IGNORED
    assert np.array_equal(batch.targets[:, :-1][inside], batch.inputs[:, 1:][inside])
    assert (batch.inputs[:, 0] == SEPARATOR).all()


def test_batches_of_a_loader_are_those_of_its_rows(
    tmp_path: Path, write_shards: Callable[..., ShardReader], documents: Sequence[bytes]
) -> None:
    reader = write_shards(tmp_path, documents, length=40)
    loader = Loader(reader, LoaderSettings(batch_rows=8, seed=5, labels=True, positions=True))
    for consumed, batch in zip(range(0, 3 * len(reader), 8), batches_of(loader, NEXT), strict=False):
        expected = batch_of(reader, permuted(consumed, 8, len(reader), 5), NEXT)
        assert np.array_equal(batch.inputs, expected.inputs)
        assert np.array_equal(batch.targets, expected.targets)


@pytest.mark.parametrize(("kind", "mean"), [("masked", 1.2), ("span", 3.2)])
def test_tokens_are_hidden_to_be_filled_in(
    tmp_path: Path, write_shards: Callable[..., ShardReader], kind: ObjectiveName, mean: float
) -> None:
    text = [bytes(np.random.default_rng(1).integers(97, 123, 4000).astype(np.uint8)) for _ in range(10)]
    reader = write_shards(tmp_path, text, length=500)
    batch = batch_of(reader, np.arange(len(reader) - 1), Objective(kind, 0.15, seed=3))
    ids = reader.gather(np.arange(len(reader) - 1))
    hidden = batch.targets != IGNORED
    assert 0.12 < hidden.mean() < 0.18
    assert np.array_equal(batch.targets[hidden], ids[hidden])
    assert np.array_equal(batch.inputs[~hidden], ids[~hidden])
    assert 0.75 < (batch.inputs[hidden] == PADDING).mean() < 0.85
    assert 0.07 < (batch.inputs[hidden] == ids[hidden]).mean() < 0.14
    runs = np.count_nonzero(np.diff(hidden.astype(int), axis=1) == 1)
    assert abs(hidden.sum() / runs - mean) < 0.2
    again = batch_of(reader, np.arange(len(reader) - 1), Objective(kind, 0.15, seed=3))
    assert np.array_equal(again.inputs, batch.inputs)


def test_padding_is_never_hidden(tmp_path: Path, write_shards: Callable[..., ShardReader]) -> None:
    reader = write_shards(tmp_path, [b"abc"], length=64)
    batch = batch_of(reader, np.array([0]), Objective("masked", 0.99))
    assert (batch.targets[0, 4:] == IGNORED).all()
    assert (batch.inputs[0, 4:] == PADDING).all()
