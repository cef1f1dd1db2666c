"""The count of operations: against PyTorch's own counter, and pairs against a slow reference implementation."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from prep.trainer.network.flops import multiplied_weights, operations, pairs_seen, peak
from prep.trainer.network.model import ModelSettings, Transformer


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("kv_heads", [None, 1])
def test_operations_are_those_that_torch_counts(tied: bool, kv_heads: int | None) -> None:
    settings = ModelSettings(100, 16, layers=2, width=32, heads=4, kv_heads=kv_heads, tied=tied, causal=False)
    model = Transformer(settings)
    ids = torch.zeros((3, 16), dtype=torch.int64)
    pieces = np.zeros((3, 16), np.int32)
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        model(ids, torch.from_numpy(pieces)).sum().backward()
    assert counter.get_total_flops() == operations(settings, 48, pairs_seen(pieces, causal=False))


def test_all_weights_but_norms_and_a_table_that_is_looked_up_are_multiplied() -> None:
    for tied in (True, False):
        settings = ModelSettings(50, 16, layers=2, width=24, heads=2, tied=tied)
        model = Transformer(settings)
        matrices = sum(parameter.numel() for parameter in model.parameters() if parameter.dim() == 2)
        assert multiplied_weights(settings) == matrices - (0 if tied else 50 * 24)


@given(st.lists(st.lists(st.integers(1, 5), min_size=6, max_size=6), min_size=1, max_size=4), st.booleans())
def test_pairs_equal_the_slow_count(rows: list[list[int]], causal: bool) -> None:
    pieces = np.sort(np.array(rows, np.int32), axis=1)
    slow = sum(
        pieces[row, query] == pieces[row, key] and (key <= query or not causal)
        for row in range(len(pieces))
        for query in range(6)
        for key in range(6)
    )
    assert pairs_seen(pieces, causal) == slow


def test_a_processor_has_no_known_peak() -> None:
    assert peak(torch.device("cpu")) is None
