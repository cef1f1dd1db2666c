"""Classifiers over signals: training, refusals, the model's file, and what a batch does not change."""

import json
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prep.corpus.errors import ConfigurationError, RunError
from prep.stages.classifier.signal_examples import SignalClassifierSettings, labelled_signals
from prep.stages.classifier.signal_model import (
    LogisticModel,
    SignalModel,
    TreeModel,
    Weight,
    feature_values,
    read_signal_model,
    tree_features,
)
from prep.stages.classifier.signal_training import folds, logistic, train_on_signals

DOCUMENTS = 240


def documents(folder: Path, tell: float = 1.5) -> Path:
    """Write documents whose signals tell good ones (even rows) from others by `tell` standard deviations."""
    chance = np.random.default_rng(3)
    good = np.arange(DOCUMENTS) % 2 == 0
    signals = {
        "words": np.exp(chance.normal(5, 1, DOCUMENTS) + tell * good).astype(np.int64),
        "punctuated_lines": np.where(chance.random(DOCUMENTS) < 0.1, np.nan, chance.random(DOCUMENTS)),
        "noise": chance.normal(size=DOCUMENTS),
    }
    columns = {name: pa.array(values, from_pandas=True) for name, values in signals.items()}
    table = pa.table(
        {
            "id": [f"d{row}" for row in range(DOCUMENTS)],
            "url": [f"https://site{row % 30}.example/{row}" for row in range(DOCUMENTS)],
            "text": ["never read"] * DOCUMENTS,
            "source": np.where(good, "books", "lists"),
            "host": [f"site{row % 30}" for row in range(DOCUMENTS)],
            "signals": pa.StructArray.from_arrays(list(columns.values()), list(columns)),
        }
    )
    path = folder / "documents" / "00000.parquet"
    path.parent.mkdir()
    pq.write_table(table, path)
    return path.parent


def settings(folder: Path, **options: object) -> SignalClassifierSettings:
    given = {"output": str(folder / "model"), "documents": str(folder / "documents"), "positive": "books", **options}
    return SignalClassifierSettings.model_validate(given)


@pytest.mark.parametrize("kind", ["logistic", "trees"])
def test_a_model_is_judged_in_folds_and_read_back(tmp_path: Path, kind: str) -> None:
    if kind == "trees":
        pytest.importorskip("lightgbm")
    documents(tmp_path)
    card = train_on_signals(settings(tmp_path, kind=kind))
    assert 0.75 < float(str(card["auc"])) < 0.95
    areas = card["auc_of_folds"]
    assert isinstance(areas, list)
    assert len(areas) == 5
    assert card["majority_baseline"] == 0.5
    strongest = card["importance"]
    assert isinstance(strongest, list)
    assert strongest[0]["feature"] == "words"
    assert json.loads((tmp_path / "model" / "card.json").read_text())["auc"] == card["auc"]
    model = read_signal_model(str(tmp_path / "model" / "signals.json"))
    data = labelled_signals(settings(tmp_path))
    again = read_signal_model(str(tmp_path / "model" / "signals.json"))
    whole = model.model.probabilities(data.values)
    alone = [again.model.probabilities(data.values[:, row : row + 1])[0] for row in range(DOCUMENTS)]
    assert whole.tolist() == alone
    assert ((whole > 0.5) == data.positive).mean() > 0.7


def test_the_same_labels_give_the_same_bytes(tmp_path: Path) -> None:
    documents(tmp_path)
    train_on_signals(settings(tmp_path))
    first = (tmp_path / "model" / "signals.json").read_bytes()
    train_on_signals(settings(tmp_path))
    assert (tmp_path / "model" / "signals.json").read_bytes() == first


def test_trees_give_what_lightgbm_gives(tmp_path: Path) -> None:
    lightgbm = pytest.importorskip("lightgbm")
    from prep.stages.shared.trees.lightgbm_trees import export

    documents(tmp_path)
    data = labelled_signals(settings(tmp_path))
    seen = tree_features(data.values)
    options = {"objective": "binary", "num_leaves": 6, "min_data_in_leaf": 5, "verbosity": -1, "num_threads": 1}
    booster = lightgbm.train(options, lightgbm.Dataset(seen, data.positive.astype(int)), 20)
    np.testing.assert_allclose(TreeModel(export(booster)).probabilities(data.values), booster.predict(seen), atol=1e-6)


def test_logistic_weights_are_where_the_penalised_likelihood_is_highest(tmp_path: Path) -> None:
    documents(tmp_path)
    data = labelled_signals(settings(tmp_path))
    model = logistic(data.features, data.values, data.positive, 2.0)
    seen = np.vstack([w.standard(row) for w, row in zip(model.weights, data.values, strict=True)])
    weights = np.array([w.weight for w in model.weights])

    def loss(intercept: float, weights: np.ndarray) -> float:
        total = intercept + weights @ seen
        return float(np.logaddexp(0, np.where(data.positive, -total, total)).sum() + (weights**2).sum())

    least = loss(model.intercept, weights)
    for place in range(len(weights)):
        for step in (-0.01, 0.01):
            assert loss(model.intercept, weights + step * (np.arange(len(weights)) == place)) > least
    assert loss(model.intercept + 0.01, weights) > least


def test_labels_that_signals_do_not_tell_apart_give_no_model(tmp_path: Path) -> None:
    documents(tmp_path, tell=0.0)
    with pytest.raises(RunError, match="do not tell these labels apart"):
        train_on_signals(settings(tmp_path))
    assert not (tmp_path / "model").exists()


def test_labels_come_from_files_by_id_or_url(tmp_path: Path) -> None:
    documents(tmp_path)
    rows = [{"page": f"http://www.site{row % 30}.example/{row}#top", "grade": row % 3} for row in range(0, 200)]
    rows.append({"page": "https://elsewhere.example/", "grade": 1})
    (tmp_path / "grades.jsonl").write_bytes(b"\n".join(map(orjson.dumps, rows)))
    labels = {"paths": str(tmp_path / "grades.jsonl"), "by": "url", "key": "page"}
    data = labelled_signals(settings(tmp_path, labels=labels, column="grade", positive=2, negative=[0]))
    assert (int(data.positive.sum()), len(data.positive)) == (66, 133)
    assert (data.without_label, data.other_label, data.unused_labels) == (40, 67, 1)


def test_mistakes_in_labels_are_named(tmp_path: Path) -> None:
    documents(tmp_path)
    with pytest.raises(ConfigurationError, match=r"no document has the label 'book'; seen 'books', 'lists'"):
        labelled_signals(settings(tmp_path, positive="book"))
    with pytest.raises(ConfigurationError, match=r"'books' is both positive and negative"):
        labelled_signals(settings(tmp_path, negative=["lists", "books"]))
    with pytest.raises(ConfigurationError, match=r"no number 'wrods'; it has words, punctuated_lines, noise"):
        labelled_signals(settings(tmp_path, features=["wrods"]))
    with pytest.raises(ConfigurationError, match=r"no column 'kind'; it has id, url"):
        labelled_signals(settings(tmp_path, column="kind"))
    few = [{"id": f"d{row}", "label": str(row % 2)} for row in range(30)]
    (tmp_path / "few.jsonl").write_bytes(b"\n".join(map(orjson.dumps, few)))
    labels = {"paths": str(tmp_path / "few.jsonl")}
    with pytest.raises(ConfigurationError, match=r"15 positive documents; a classifier needs at least 20"):
        labelled_signals(settings(tmp_path, labels=labels, column="label", positive="1"))
    with pytest.raises(ConfigurationError, match=r"names no Parquet file"):
        labelled_signals(settings(tmp_path, documents=str(tmp_path / "model")))


def test_documents_of_a_group_share_a_fold() -> None:
    groups = np.repeat(np.arange(20, dtype=np.uint64), 3)
    positive = np.repeat(np.arange(20) % 2 == 0, 3)
    found = folds(positive, groups, 4)
    assert all(len(set(found[groups == group].tolist())) == 1 for group in range(20))
    assert np.bincount(found).tolist() == [18, 18, 12, 12]
    with pytest.raises(ConfigurationError, match="documents of one label alone"):
        folds(np.arange(4) == 0, np.arange(4, dtype=np.uint64), 2)


def test_what_is_not_defined_counts_as_the_mean() -> None:
    model = SignalModel(("a",), "x", LogisticModel(0.5, (Weight("a", "plain", 3.0, 2.0, 1.0),)))
    struct = pa.StructArray.from_arrays([pa.array([3.0, None, 5.0])], ["a"])
    values = feature_values(pa.record_batch({"signals": struct}), model.features)
    found = model.model.probabilities(values)
    assert found[0] == found[1] == pytest.approx(1 / (1 + np.exp(-0.5)))
    assert found[2] == pytest.approx(1 / (1 + np.exp(-1.5)))


@pytest.mark.parametrize(
    "change",
    [
        {"format": 9},
        {"kind": "trees"},
        {"features": ["b"]},
        {"intercept": "high"},
        {"weights": [{"feature": "a", "scale": "plain", "mean": 0, "deviation": 0, "weight": 1}]},
    ],
)
def test_a_damaged_model_is_refused_with_its_name(tmp_path: Path, change: dict[str, object]) -> None:
    model = SignalModel(("a",), "x", LogisticModel(0.5, (Weight("a", "plain", 3.0, 2.0, 1.0),))).as_json()
    path = tmp_path / "signals.json"
    path.write_bytes(orjson.dumps({**model, **change}))
    with pytest.raises(ConfigurationError, match=r"signals\.json"):
        read_signal_model(str(path))
