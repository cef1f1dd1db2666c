"""Batches: what is predicted from what."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from prep.corpus.loader import Loader, LoaderSettings
from prep.corpus.permutation_kernels import permuted
from prep.corpus.row_kernels import IGNORED
from prep.corpus.shards import ShardReader
from prep.trainer.data import batch_of, batches_in_order, batches_of

SEPARATOR = 256
PADDING = 257


def test_inputs_and_targets_of_rows_by_hand(tmp_path: Path, write_shards: Callable[..., ShardReader]) -> None:
    reader = write_shards(tmp_path, [b"abc", b"defgh", b"i"], length=6)
    batch = batch_of(reader, np.array([0, 1]))
    a, b, c, d, e, f, g, h, i = b"abcdefghi"
    assert batch.inputs.tolist() == [
        [SEPARATOR, a, b, c, SEPARATOR, d],
        [SEPARATOR, f, g, h, SEPARATOR, i],
    ]
    assert batch.targets.tolist() == [
        [a, b, c, SEPARATOR, IGNORED, e],  # d begins a document in the middle of the row
        [IGNORED, g, h, SEPARATOR, IGNORED, SEPARATOR],  # f's predecessor lies in the row before
    ]


def test_padding_is_never_predicted(
    tmp_path: Path, write_shards: Callable[..., ShardReader], documents: Sequence[bytes]
) -> None:
    reader = write_shards(tmp_path, documents, length=50)
    batches = list(batches_in_order(reader, len(reader), 7))
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
    batch = batch_of(reader, np.arange(len(reader)))
    inside = batch.targets[:, :-1] != IGNORED
    assert np.array_equal(batch.targets[:, :-1][inside], batch.inputs[:, 1:][inside])
    assert (batch.inputs[:, 0] == SEPARATOR).all()


def test_batches_of_a_loader_are_those_of_its_rows(
    tmp_path: Path, write_shards: Callable[..., ShardReader], documents: Sequence[bytes]
) -> None:
    reader = write_shards(tmp_path, documents, length=40)
    loader = Loader(reader, LoaderSettings(batch_rows=8, seed=5, labels=True))
    for consumed, batch in zip(range(0, 3 * len(reader), 8), batches_of(loader), strict=False):
        expected = batch_of(reader, permuted(consumed, 8, len(reader), 5))
        assert np.array_equal(batch.inputs, expected.inputs)
        assert np.array_equal(batch.targets, expected.targets)
