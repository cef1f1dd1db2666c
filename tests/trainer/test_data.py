"""Batches: what is predicted from what, and in which order rows come."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prep.corpus.shards import ShardReader
from prep.trainer.data import IGNORED, RowOrder, batch_of, batches_in_order

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


@given(rows=st.integers(1, 40), seed=st.integers(0, 5), counts=st.lists(st.integers(1, 30), min_size=1, max_size=12))
def test_an_order_taken_in_any_pieces_is_one_order(rows: int, seed: int, counts: list[int]) -> None:
    order, whole = RowOrder(rows, seed), RowOrder(rows, seed).take(0, sum(counts))
    consumed, pieces = 0, []
    for count in counts:
        pieces.append(order.take(consumed, count))
        consumed += count
    assert np.array_equal(np.concatenate(pieces), whole)
    for epoch in range(len(whole) // rows):
        assert sorted(whole[epoch * rows : (epoch + 1) * rows]) == list(range(rows))


def test_epochs_and_seeds_have_orders_of_their_own() -> None:
    two_epochs = RowOrder(100, 3).take(0, 200)
    assert not np.array_equal(two_epochs[:100], two_epochs[100:])
    assert not np.array_equal(two_epochs[:100], RowOrder(100, 4).take(0, 100))


@pytest.mark.parametrize("consumed", [0, 5, 17, 399])
def test_an_order_begins_anywhere(consumed: int) -> None:
    assert np.array_equal(RowOrder(17, 0).take(consumed, 23), RowOrder(17, 0).take(0, 500)[consumed : consumed + 23])
