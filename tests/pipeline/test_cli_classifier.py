"""`prep classifier train` from the command line, and its classifier in a run."""

import json
from pathlib import Path

import orjson
import pyarrow.parquet as pq
import pytest

from prep.pipeline.commands.classifier import bar_chart

from .conftest import WritePipeline
from .test_cli import call

VERSES = {
    "sea": ["the waves roll and the sail is full", "a ship goes down in the storm", "salt wind and the grey sea"],
    "field": ["the corn stands high in the field", "a plough turns the brown earth", "rain falls on green barley"],
}


def write(folder: Path, **options: object) -> Path:
    examples = {}
    for label, verses in VERSES.items():
        lines = [orjson.dumps({"text": f"{verses[number % 3]} {number}"}) for number in range(90)]
        (folder / f"{label}.jsonl").write_bytes(b"\n".join(lines))
        examples[label] = {"paths": str(folder / f"{label}.jsonl")}
    settings = {"output": str(folder / "model"), "examples": examples, "dim": 8, "buckets": 500, "min_count": 1}
    path = folder / "classifier.yaml"
    path.write_bytes(orjson.dumps({**settings, "learning_rate": 0.5, **options}))
    return path


def test_a_trained_classifier_becomes_a_stage(
    write_pipeline: WritePipeline, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    status, out, err = call(monkeypatch, capsys, "classifier", "train", str(write(tmp_path)))
    assert (status, err) == (0, "")
    assert "accuracy on texts held out: 1.0" in out
    assert json.loads((tmp_path / "model" / "card.json").read_text())["labels"]["sea"]["recall"] == 1.0
    stage = {"classifier": {"model": str(tmp_path / "model"), "label": "sea", "min_score": 0.5}}
    texts = [VERSES["field"][0], VERSES["sea"][0], VERSES["sea"][1]]
    status, _, err = call(monkeypatch, capsys, "run", str(write_pipeline([stage], texts)))
    assert (status, err) == (0, "")
    kept = pq.read_table(tmp_path / "out" / "documents")
    assert kept.column("text").to_pylist() == texts[1:]
    assert min(kept.column("classifier_score").to_pylist()) > 0.5
    scoring = {"classifier": {"model": str(tmp_path / "model"), "label": "sea"}}
    stages = [scoring, {"top_share": {"share": 0.6}}, {"sample": {"buckets": [{"at_least": 0.5, "weight": 2}]}}]
    status, out, err = call(monkeypatch, capsys, "run", str(write_pipeline(stages, texts)))
    assert (status, err) == (0, "")
    assert "below_top_share 1" in out
    assert "2 copies made" in out
    assert pq.read_table(tmp_path / "out" / "documents").column("id").to_pylist() == ["0-1", "0-1~2", "0-2", "0-2~2"]


def test_mistakes_name_the_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    status, _, err = call(monkeypatch, capsys, "classifier", "train", str(write(tmp_path, dims=3)))
    assert status == 2
    assert f"{tmp_path}/classifier.yaml:1: unknown option 'dims'; did you mean 'dim'?" in err
    (tmp_path / "two.yaml").write_text("output: x\nexamples:\n  a:\n    paths: none\n  b: {paths: none}\n")
    status, _, err = call(monkeypatch, capsys, "classifier", "train", str(tmp_path / "two.yaml"))
    assert status == 2
    assert "two.yaml:4: 'none' matches no file" in err
    status, _, err = call(monkeypatch, capsys, "classifier", "train", str(tmp_path / "none.yaml"))
    assert status == 2
    assert "none.yaml: no such file; expected settings in YAML" in err


def test_bars_never_hide_a_text() -> None:
    assert bar_chart([0, 1, 4, 8, 1000]) == " ▁▁▁█"
    assert bar_chart([0, 0]) == "  "
