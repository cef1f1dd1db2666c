"""Computed permutations: each a permutation, each as likely as any other, as far as counting can tell."""

from collections import Counter
from math import factorial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prep.corpus.shards.permutation_kernels import permuted


def chi_square_limit(freedom: int) -> float:
    """Return what a chi-square value exceeds once in 10,000 times (Wilson & Hilferty 1931)."""
    deviation = 2 / (9 * freedom)
    return float(freedom * (1 - deviation + 3.719 * deviation**0.5) ** 3)


@settings(deadline=None)
@given(rows=st.integers(1, 3000), seed=st.integers(0, (1 << 63) - 1), epoch=st.integers(0, 1 << 30))
def test_every_epoch_has_every_row_once(rows: int, seed: int, epoch: int) -> None:
    places = permuted(epoch * rows, rows, rows, seed)
    assert np.array_equal(np.sort(places), np.arange(rows))


@pytest.mark.parametrize("rows", [255, 256, 257, 4096, 4097, 1 << 20, (1 << 20) + 1])
def test_numbers_around_powers_of_two(rows: int) -> None:
    assert np.array_equal(np.sort(permuted(0, rows, rows, 1)), np.arange(rows))


@settings(deadline=None)
@given(
    rows=st.integers(1, 200),
    seed=st.integers(0, 100),
    first=st.integers(0, 10**12),
    counts=st.lists(st.integers(0, 300), max_size=6),
)
def test_a_sequence_taken_in_any_pieces_is_one_sequence(rows: int, seed: int, first: int, counts: list[int]) -> None:
    whole = permuted(first, sum(counts), rows, seed)
    starts = first + np.cumsum([0, *counts])
    pieces = [permuted(int(start), count, rows, seed) for start, count in zip(starts, counts, strict=False)]
    assert np.array_equal(np.concatenate([np.empty(0, np.int64), *pieces]), whole)


@pytest.mark.parametrize("rows", [2, 3, 4, 5])
@pytest.mark.parametrize("by", ["seed", "epoch"])
def test_all_permutations_are_equally_likely(rows: int, by: str) -> None:
    kinds, each = factorial(rows), 200
    if by == "seed":
        drawn = [tuple(permuted(0, rows, rows, seed)) for seed in range(kinds * each)]
    else:
        drawn = [tuple(epoch) for epoch in permuted(0, rows * kinds * each, rows, 7).reshape(-1, rows)]
    counts = Counter(drawn)
    assert len(counts) == kinds
    assert sum((count - each) ** 2 / each for count in counts.values()) < chi_square_limit(kinds - 1)


@pytest.mark.parametrize("rows", [17, 300])
def test_each_row_comes_to_each_place_equally_often(rows: int) -> None:
    epochs = 50 * rows
    places = permuted(0, rows * epochs, rows, 11).reshape(epochs, rows)
    counts = np.bincount((np.arange(rows) * rows + places).reshape(-1), minlength=rows * rows)
    assert ((counts - 50) ** 2 / 50).sum() < chi_square_limit((rows - 1) ** 2)


@pytest.mark.parametrize("rows", [1000, 100_000, 1 << 18])
def test_the_row_does_not_follow_from_the_place_or_the_row_before(rows: int) -> None:
    first, second = permuted(0, 2 * rows, rows, 5).reshape(2, rows)
    other_seed = permuted(0, rows, rows, 6)
    limit = 4 / np.sqrt(rows)
    for left, right in (
        (np.arange(rows), first),
        (first[:-1], first[1:]),
        (first[:-7], first[7:]),
        (first, second),
        (first, other_seed),
    ):
        assert abs(np.corrcoef(left, right)[0, 1]) < limit


def test_differences_between_neighbours_are_spread_evenly() -> None:
    """A place's row, less that of the place before, modulo the rows, takes each value equally often."""
    rows = 1 << 16
    places = permuted(0, rows, rows, 2)
    counts = np.bincount(np.diff(places) % rows // 256, minlength=256)
    assert ((counts - rows / 256) ** 2 / (rows / 256)).sum() < chi_square_limit(255)


def test_rows_that_stay_in_place_are_one_on_average() -> None:
    rows, epochs = 500, 4000
    places = permuted(0, rows * epochs, rows, 3).reshape(epochs, rows)
    fixed = (places == np.arange(rows)).sum(1)
    assert abs(fixed.mean() - 1) < 4 / np.sqrt(epochs)
    assert abs(fixed.var() - 1) < 8 / np.sqrt(epochs)


def test_fifty_million_rows_need_no_array() -> None:
    rows = 50_000_000
    places = permuted(3 * rows + 12_345_678, 1000, rows, 0)
    assert len(set(places.tolist())) == 1000
    assert 0 <= places.min() <= places.max() < rows
    assert np.array_equal(places[500:], permuted(3 * rows + 12_346_178, 500, rows, 0))
