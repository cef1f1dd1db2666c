"""From features to the blocks that are kept: trees, the cut and the model's file, against slow twins."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prep.stages.extract.features.feature_kernels import FEATURES
from prep.stages.extract.model.cut_kernels import keep_blocks
from prep.stages.extract.model.model import MODEL_FILE, BlockModel, load_model, model_bytes
from prep.stages.extract.model.tree_kernels import Trees, probabilities

SHIPPED = load_model()


def slow_sum(trees: Trees, row: list[float]) -> float:
    def value(node: int) -> float:
        left = int(trees.left[node])
        if left == node:
            return float(trees.value[node])
        return value(left if row[trees.feature[node]] <= trees.threshold[node] else left + 1)

    return sum(value(int(root)) for root in trees.root)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_trees_are_those_of_the_slow_twin(seed: int) -> None:
    features = np.random.default_rng(seed).gamma(0.3, 30, (3, len(FEATURES))).astype(np.float32)
    expected = [1 / (1 + np.exp(-slow_sum(SHIPPED.trees, row.tolist()))) for row in features]
    np.testing.assert_allclose(probabilities(SHIPPED.trees, features), expected, rtol=1e-9)


def slow_score(probability: list[float], words: list[int], kept: tuple[int, ...]) -> float:
    hit = sum(probability[block] * words[block] for block in kept)
    expected = sum(p * w for p, w in zip(probability, words, strict=True))
    return 2 * hit / max(1e-9, sum(words[block] for block in kept) + expected)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.floats(0.001, 1), st.integers(1, 50)), max_size=8))
def test_no_other_choice_is_expected_to_score_better(blocks: list[tuple[float, int]]) -> None:
    probability, words = [p for p, _ in blocks], [w for _, w in blocks]
    kept = keep_blocks(np.array(probability, np.float64), np.array(words, np.int32))
    choices = (choice for size in range(len(blocks) + 1) for choice in combinations(range(len(blocks)), size))
    best = max(slow_score(probability, words, choice) for choice in choices)
    assert slow_score(probability, words, tuple(np.flatnonzero(kept).tolist())) == pytest.approx(best)


def test_a_model_is_the_same_bytes_however_often_it_is_written(tmp_path: Path) -> None:
    assert model_bytes(SHIPPED) == model_bytes(SHIPPED)
    copy = tmp_path / "blocks.npz"
    copy.write_bytes(model_bytes(SHIPPED))
    read = load_model(copy)
    assert read.features == FEATURES
    assert all(np.array_equal(getattr(read.trees, name), getattr(SHIPPED.trees, name)) for name in Trees._fields)


def test_a_model_of_other_features_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "blocks.npz"
    path.write_bytes(model_bytes(BlockModel(FEATURES[::-1], SHIPPED.trees)))
    with pytest.raises(ValueError, match="other features"):
        load_model(path)


def test_the_shipped_model_is_small_and_whole() -> None:
    assert MODEL_FILE.stat().st_size < 300_000
    trees = SHIPPED.trees
    assert trees.feature.max() < len(FEATURES)
    assert trees.left.max() < len(trees.left)
    assert np.isfinite(trees.value).all()
