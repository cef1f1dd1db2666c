"""Sketches and sets against slow reference implementations."""

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from prep.corpus.arrow.columns import string_buffers
from prep.corpus.kernels import kernel
from prep.stages.shared.matching.sketch_kernels import (
    BINS,
    SKETCH_WORDS,
    Hashes,
    Sketches,
    add_to_bins,
    clear_bins,
    estimates,
    jaccard,
    mix_in,
    string_hashes,
    write_sketch,
)

SETS = st.lists(st.tuples(st.sets(st.integers(0, 9)), st.sets(st.integers(0, 9))), max_size=5)


@settings(max_examples=100, deadline=None)
@given(SETS)
def test_jaccard(pairs: list[tuple[set[int], set[int]]]) -> None:
    values, bounds = [], []
    for side in range(2):
        sets = [sorted(pair[side]) for pair in pairs]
        values.append(np.array([value for members in sets for value in members], np.uint64))
        bounds.append(np.cumsum([0, *map(len, sets)]).astype(np.int64))
    expected = [len(one & other) / len(one | other) if one | other else 1.0 for one, other in pairs]
    assert jaccard(values[0], bounds[0], values[1], bounds[1]).tolist() == expected


def slow_sketch(shingles: list[int]) -> list[int]:
    """Return the number of each bin, 0 where it is empty."""
    bins: dict[int, list[int]] = {}
    for shingle in shingles:
        bins.setdefault(shingle >> 55, []).append(shingle)
    spread = 0x9E3779B97F4A7C15
    return [1 + ((min(bins[place]) * spread % 2**64 >> 32) * 15 >> 32) if place in bins else 0 for place in range(BINS)]


def slow_estimate(left: list[int], right: list[int]) -> float:
    filled = [(one, other) for one, other in zip(left, right, strict=True) if one or other]
    both = sum(one > 0 and other > 0 for one, other in filled)
    same = sum(one == other for one, other in filled)
    return max(0.0, (same - both / 15) / (14 / 15) / len(filled)) if filled else 1.0


def sketch(shingles: list[int]) -> Sketches:
    bins, found = np.empty(BINS, np.uint64), np.empty(SKETCH_WORDS, np.uint64)
    make_sketch(np.array(shingles, np.uint64), bins, found)
    return found


@kernel
def make_sketch(shingles: Hashes, bins: Hashes, found: Sketches) -> None:
    clear_bins(bins)
    add_to_bins(shingles, bins)
    write_sketch(bins, found)


HASHES = st.one_of(st.integers(0, 2**64 - 2), st.integers(0, 40).map(lambda place: (place << 55) + place * 7919))


@settings(max_examples=100, deadline=None)
@given(st.lists(HASHES, max_size=80), st.lists(HASHES, max_size=80), st.lists(HASHES, max_size=80))
def test_sketches_and_estimates(shared: list[int], one: list[int], other: list[int]) -> None:
    sides = [shared + one, shared + other]
    words = [sketch(side) for side in sides]
    numbers = [[int(word) >> (60 - 4 * place) & 15 for word in side for place in range(16)] for side in words]
    assert numbers == [slow_sketch(side) for side in sides]
    found = estimates(words[0].reshape(1, -1), words[1].reshape(1, -1))
    assert np.allclose(found, slow_estimate(*numbers))
    assert estimates(words[0].reshape(1, -1), words[0].reshape(1, -1)).tolist() == [1.0]


def test_a_group_changes_the_hash_and_equal_strings_have_equal_ones() -> None:
    hashes = string_hashes(*string_buffers(pa.array(["en", "de", "en", "", None], pa.string())))
    assert hashes[0] == hashes[2] != hashes[1]
    assert hashes[3] == hashes[4]
    same = np.zeros(4, np.uint64)
    mixed = mix_in(same, hashes[:4])
    assert mixed[0] == mixed[2] != mixed[1]
