"""From features to the blocks that are kept: trees, the cut and the model's file, against slow references."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prep.stages.extract import engine
from prep.stages.extract.engine import add_collective, features_of, read_page
from prep.stages.extract.features.feature_kernels import ALL_FEATURES, FEATURES
from prep.stages.extract.model.cut_kernels import keep_blocks
from prep.stages.extract.model.model import MODEL_FILE, BlockModel, load_model, model_bytes
from prep.stages.shared.trees.tree_kernels import ARRAYS, Features, Trees, probabilities

SHIPPED = load_model()


def slow_sum(trees: Trees, row: list[float]) -> float:
    def value(node: int) -> float:
        left = int(trees.left[node])
        if left == node:
            return float(trees.value[node])
        return value(left if row[trees.feature[node]] <= trees.threshold[node] else left + 1)

    return sum(value(int(root)) for root in trees.root)


def random_features(seed: int, rows: int) -> Features:
    return np.random.default_rng(seed).gamma(0.3, 30, (rows, len(ALL_FEATURES))).astype(np.float32)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 3), st.booleans())
def test_trees_are_those_of_the_slow_reference(seed: int, rows: int, second: bool) -> None:
    trees = SHIPPED.second if second else SHIPPED.first
    features = random_features(seed, rows)
    expected = [1 / (1 + np.exp(-slow_sum(trees, row.tolist()))) for row in features]
    np.testing.assert_allclose(probabilities(trees, features), expected, rtol=1e-9)


@pytest.mark.parametrize("rows", [1, 63, 64, 65, 200])
def test_rows_are_judged_alone_as_among_others(rows: int) -> None:
    features = random_features(rows, rows)
    alone = [probabilities(SHIPPED.first, features[row : row + 1])[0] for row in range(rows)]
    assert probabilities(SHIPPED.first, features).tolist() == alone


def test_exported_trees_say_what_lightgbm_says() -> None:
    lightgbm = pytest.importorskip("lightgbm")
    from prep.stages.shared.trees.lightgbm_trees import export

    random = np.random.default_rng(0)
    features = random.integers(-3, 4, (2000, 6)).astype(np.float32) + random.choice([0, 0.1], (2000, 6)).astype("f4")
    labels = 1 / (1 + np.exp(-features[:, 0] * features[:, 1] - features[:, 2]))
    parameters = {"objective": "cross_entropy", "num_leaves": 31, "verbose": -1, "num_threads": 1}
    booster = lightgbm.train(parameters, lightgbm.Dataset(features, labels), 30)
    np.testing.assert_allclose(probabilities(export(booster), features), booster.predict(features), rtol=1e-6)


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


def test_the_second_stage_judges_what_the_first_doubts(monkeypatch: pytest.MonkeyPatch) -> None:
    menu = "<ul class=nav>" + "<li><a href=x>Home</a>" * 30 + "</ul>"
    read = read_page(f"<nav>{menu}</nav><article>{'<p>Bees fly home in the evening sun.' * 5}</article>".encode())
    features, words = features_of(read)
    first = probabilities(SHIPPED.first, features)
    add_collective(read, words, first, features)
    second = probabilities(SHIPPED.second, features)
    sure = float(np.median(first))
    monkeypatch.setattr(engine, "SURE", sure)
    found, its_words = engine.block_probabilities(read, SHIPPED)
    assert its_words.tolist() == words.tolist()
    assert found.tolist() == np.where(first < sure, first, second).tolist()


def test_a_model_is_the_same_bytes_however_often_it_is_written(tmp_path: Path) -> None:
    assert model_bytes(SHIPPED) == model_bytes(SHIPPED)
    copy = tmp_path / "blocks.npz"
    copy.write_bytes(model_bytes(SHIPPED))
    read = load_model(copy)
    assert read.features == ALL_FEATURES
    for stage, shipped in ((read.first, SHIPPED.first), (read.second, SHIPPED.second)):
        assert all(np.array_equal(getattr(stage, name), getattr(shipped, name)) for name in ARRAYS)


def test_a_model_of_other_features_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "blocks.npz"
    path.write_bytes(model_bytes(BlockModel(ALL_FEATURES[::-1], SHIPPED.first, SHIPPED.second)))
    with pytest.raises(ValueError, match="other features"):
        load_model(path)


def test_the_shipped_model_is_small_and_whole() -> None:
    assert MODEL_FILE.stat().st_size < 1_500_000
    for trees, columns in ((SHIPPED.first, len(FEATURES)), (SHIPPED.second, len(ALL_FEATURES))):
        assert trees.feature.max() < columns
        assert trees.left.max() < len(trees.left)
        assert np.isfinite(trees.value).all()
