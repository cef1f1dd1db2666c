"""Training classifiers: who is held out, the same bytes twice, and what the card says."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prep.corpus.errors import ConfigurationError, RunError
from prep.corpus.files.storage import sha256
from prep.stages.classifier.examples import Examples, split
from prep.stages.classifier.training import ClassifierSettings, evaluate, scheduled, train

SEA = ["the waves roll and the sail is full", "a ship goes down in the storm", "salt wind and the long grey sea"]
FIELD = ["the corn stands high in the field", "a plough turns the brown earth", "rain falls on the green barley"]


def write(path: Path, texts: Sequence[str], source: str = "") -> str:
    rows = [orjson.dumps({"text": text, "source": source} if source else {"text": text}) for text in texts]
    path.write_bytes(b"\n".join(rows))
    return str(path)


def numbered(verses: Sequence[str], count: int = 150) -> list[str]:
    return [f"{verses[number % 3]} {number}" for number in range(count)]


def settings(folder: Path, output: str = "out", **options: object) -> ClassifierSettings:
    examples = {
        "sea": {"paths": write(folder / "sea.jsonl", numbered(SEA))},
        "field": {"paths": write(folder / "field.jsonl", numbered(FIELD))},
    }
    common = {"dim": 8, "buckets": 1000, "min_count": 1, "held_out": 0.3, "learning_rate": 0.5}
    return ClassifierSettings.model_validate(
        {"output": str(folder / output), "examples": examples, **common, **options}
    )


def test_two_trainings_give_the_same_bytes_and_a_card_that_tells_how_good_it_is(tmp_path: Path) -> None:
    card = train(settings(tmp_path, "one"))
    train(settings(tmp_path, "two"))
    for name in ("model.bin", "card.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert card == json.loads((tmp_path / "one" / "card.json").read_text())
    assert card["accuracy"] == 1.0
    texts = split(settings(tmp_path).examples, 0.3).train.to_pylist()
    words = 1 + len({word for text in texts for word in text.split()})  # and the end of the line
    assert card["model"] == {"file": "model.bin", "sha256": sha256(f"{tmp_path}/one/model.bin"), "words": words}
    counts = [card[name] for name in ("training_texts", "held_out_texts")]
    assert [sum(side[label] for side in counts) for label in ("sea", "field")] == [150, 150]  # type: ignore[index]
    train(settings(tmp_path, "three", seed=2))
    assert (tmp_path / "one" / "model.bin").read_bytes() != (tmp_path / "three" / "model.bin").read_bytes()


def test_the_place_and_the_order_of_texts_do_not_matter(tmp_path: Path) -> None:
    train(settings(tmp_path, "one"))
    moved = settings(tmp_path, "two")
    half = numbered(SEA)[::-1]
    (tmp_path / "parts").mkdir()
    table = pa.table({"text": half[:70], "id": list(map(str, range(70)))})
    pq.write_table(table, tmp_path / "parts" / "1.parquet")
    pq.write_table(pa.table({"text": half[60:], "id": list(map(str, range(90)))}), tmp_path / "parts" / "2.parquet")
    examples = {**moved.examples, "sea": Examples(paths=str(tmp_path / "parts"))}
    train(moved.model_copy(update={"examples": examples}))
    assert (tmp_path / "one" / "model.bin").read_bytes() == (tmp_path / "two" / "model.bin").read_bytes()


def test_copies_are_on_the_same_side_whatever_their_label(tmp_path: Path) -> None:
    sea, field = numbered(SEA), numbered(FIELD) + numbered(SEA)[:50]
    paths = {"sea": write(tmp_path / "a.jsonl", sea + sea), "field": write(tmp_path / "b.jsonl", field)}
    data = split({label: Examples(paths=path) for label, path in paths.items()}, 0.3)
    train_texts, held = set(data.train.to_pylist()), set(data.held_out.to_pylist())
    assert not train_texts & held
    assert train_texts | held == {*sea, *field}
    assert len(data.train) + len(data.held_out) == len(sea) + len(field)
    truth = {"sea": set(sea), "field": set(field)}
    for text, label in zip(data.held_out.to_pylist(), data.held_out_labels.tolist(), strict=True):
        assert text in truth[data.labels[label]]
    assert 0.2 < len(held) / 300 < 0.4


def test_sources_and_limits(tmp_path: Path) -> None:
    both = tmp_path / "both.parquet"
    sources = ["a"] * 150 + ["b"] * 150
    pq.write_table(pa.table({"text": numbered(SEA) + numbered(FIELD), "source": sources}), both)
    texts = Examples(paths=str(both), sources=("b",)).texts().to_pylist()
    assert sorted(texts) == sorted(numbered(FIELD))
    assert Examples(paths=str(both), sources=("b",), limit=20).texts().to_pylist() == texts[:20]


def test_words_that_fasttext_takes_for_marks_are_left_out(tmp_path: Path) -> None:
    odd = [f"{text} __label__field </s> {text}\n__label__ x" for text in numbered(SEA)]
    plain = [f"{text}   {text}\n x" for text in numbered(SEA)]
    same = {"field": {"paths": write(tmp_path / "field.jsonl", numbered(FIELD))}}
    words = []
    for name, texts in (("odd", odd), ("plain", plain)):
        examples = {"sea": {"paths": write(tmp_path / f"{name}.jsonl", texts)}, **same}
        words.append(train(settings(tmp_path, name, examples=examples))["model"]["words"])  # type: ignore[index]
    assert words[0] == words[1]


def test_a_label_without_enough_texts_is_refused(tmp_path: Path) -> None:
    examples = {"sea": {"paths": write(tmp_path / "one.jsonl", SEA[:1])}, "field": {"paths": str(tmp_path / "f.jsonl")}}
    write(tmp_path / "f.jsonl", numbered(FIELD))
    with pytest.raises(ConfigurationError, match="label 'sea': none of its 1 texts is held out; give more texts"):
        train(settings(tmp_path, examples=examples, held_out=0.01))


def test_files_without_text_are_a_problem(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<p>page</p>")
    (problem,) = Examples(paths=str(tmp_path)).problems()
    assert "these files hold no text; extract it in a run" in str(problem)
    (problem,) = Examples(paths=str(tmp_path / "none.jsonl")).problems()
    assert "matches no file" in str(problem)


def test_evaluation() -> None:
    scores = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.55, 0.45], [0.0, 1.0]], np.float32)
    report = evaluate(("a", "b"), np.array([0, 0, 1, 1, 1]), scores)
    assert report["accuracy"] == 0.6
    a = report["labels"]["a"]  # type: ignore[index]
    assert (a["precision"], a["recall"]) == (0.5, 0.5)
    assert a["at_threshold"]["0.4"] == {"precision": 0.666667, "recall": 1.0}
    assert a["at_threshold"]["0.9"] == {"precision": 1.0, "recall": 0.5}
    assert sum(a["scores"]["own"]) == 2
    assert [bin_ for bin_, count in enumerate(a["scores"]["others"]) if count] == [0, 4, 11]
    assert report["labels"]["b"]["scores"]["own"][19] == 1  # type: ignore[index]


def test_the_schedule_follows_the_number_of_texts(tmp_path: Path) -> None:
    left_out = ClassifierSettings.model_validate(
        {"output": "out", "examples": {label: {"paths": "x"} for label in ("a", "b")}}
    )
    small, large = scheduled(left_out, 2_000), scheduled(left_out, 100_000)
    assert (small.epochs, small.learning_rate, small.min_count) == (25, 0.5, 1)
    assert (large.epochs, large.learning_rate, large.min_count) == (5, 0.1, 5)
    assert scheduled(left_out, 10).epochs == 100
    given = left_out.model_copy(update={"epochs": 3, "learning_rate": 0.2, "min_count": 2})
    assert scheduled(given, 2_000) == given
    chosen: dict[str, object] = {"min_count": None, "learning_rate": None, "epochs": None, "held_out": 0.3}
    card = train(settings(tmp_path, "out", **chosen))
    assert card["settings"]["epochs"] == 100  # type: ignore[index]
    assert card["accuracy"] == 1.0


def test_a_model_that_has_learnt_nothing_is_refused(tmp_path: Path) -> None:
    texts = {"more": numbered(SEA, 140), "less": [f"{verse} {number}." for number, verse in enumerate(SEA * 15)]}
    examples = {label: {"paths": write(tmp_path / f"{label}.jsonl", found)} for label, found in texts.items()}
    options = {"dim": 4, "buckets": 100, "epochs": 1, "learning_rate": 0.0001, "held_out": 0.3}
    stage = ClassifierSettings.model_validate({"output": str(tmp_path / "out"), "examples": examples, **options})
    with pytest.raises(
        RunError, match=r"the model gives each of \d+ texts held out the label '\w+': it has learnt nothing"
    ):
        train(stage)
    assert not (tmp_path / "out").exists()


def test_area_and_calibration() -> None:
    scores = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.4, 0.6], [0.0, 1.0]], np.float32)
    truth = np.array([0, 0, 1, 1, 1])
    report = evaluate(("a", "b"), truth, scores)
    assert report["majority_baseline"] == 0.6
    pairs = [(x, y) for x in scores[truth == 0, 0] for y in scores[truth == 1, 0]]
    area = float(np.mean([1.0 if x > y else 0.5 if x == y else 0.0 for x, y in pairs]))
    a = report["labels"]["a"]  # type: ignore[index]
    assert a["auc"] == pytest.approx(area)
    errors = abs(0.9 - 1) + abs(0.8 - 1) + abs(0.2 - 0) + abs(0.0 - 0)
    assert a["calibration_error"] == pytest.approx(errors / 5, abs=1e-6)
    assert evaluate(("a", "b"), np.array([0, 0]), scores[:2])["labels"]["a"]["auc"] is None  # type: ignore[index]
