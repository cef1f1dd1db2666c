"""Sketches and sets against slow twins."""

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from prep.corpus.arrow.columns import string_buffers
from prep.stages.shared.matching.sketch_kernels import estimates, jaccard, mix_in, string_hashes

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


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_estimates_are_agreement_without_what_chance_gives(functions: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    left = rng.integers(0, 256, (5, functions), np.uint8)
    right = np.where(rng.random((5, functions)) < 0.5, left, rng.integers(0, 256, (5, functions), np.uint8))
    agree = (left == right).mean(axis=1)
    assert np.allclose(estimates(left, right), np.maximum(0, (agree - 1 / 256) * 256 / 255))
    assert estimates(left, left).tolist() == [1.0] * 5


def test_a_group_changes_the_hash_and_equal_strings_have_equal_ones() -> None:
    hashes = string_hashes(*string_buffers(pa.array(["en", "de", "en", "", None], pa.string())))
    assert hashes[0] == hashes[2] != hashes[1]
    assert hashes[3] == hashes[4]
    same = np.zeros(4, np.uint64)
    mixed = mix_in(same, hashes[:4])
    assert mixed[0] == mixed[2] != mixed[1]
