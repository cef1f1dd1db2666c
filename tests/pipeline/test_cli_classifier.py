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


def test_a_classifier_over_signals_judges_stored_columns(
    write_pipeline: WritePipeline, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    prose = [f"The ship of {number} sails went down in the storm, and the crew was saved." for number in range(40)]
    lists = [f"menu {number}\nhome\nnews\nprices 1 2 3" for number in range(40)]
    assert call(monkeypatch, capsys, "run", str(write_pipeline(["signals"], prose + lists)))[0] == 0
    rows = [{"id": f"0-{row}", "kind": "prose" if row < 40 else "list"} for row in range(80)]
    (tmp_path / "kinds.jsonl").write_bytes(b"\n".join(map(orjson.dumps, rows)))
    settings = {"output": str(tmp_path / "model"), "documents": str(tmp_path / "out" / "documents"), "column": "kind"}
    labels = {"labels": {"paths": str(tmp_path / "kinds.jsonl")}, "positive": "prose"}
    (tmp_path / "signals.yaml").write_bytes(orjson.dumps({**settings, **labels}))
    status, out, err = call(
        monkeypatch, capsys, "classifier", "train", str(tmp_path / "signals.yaml"), "--on", "signals"
    )
    assert (status, err) == (0, "")
    assert "AUC on documents held out: 1.000; by fold: 1.000, 1.000" in out
    assert "weight per deviation" in out
    scoring = {"signal_classifier": {"model": str(tmp_path / "model"), "min_score": 0.5}}
    stages = [
        "signals",
        scoring,
        {"quality": {"recipe": "code", "rules": {"short_doc": {"min": 5}}}},
        {"top_share": {"score": "signal_score", "share": 0.5}},
    ]
    path = write_pipeline(stages, prose + lists)
    status, out, err = call(monkeypatch, capsys, "run", str(path))
    assert (status, err) == (0, "")
    assert "signal_score 40" in out
    kept = pq.read_table(tmp_path / "out" / "documents")
    assert min(kept.column("signal_score").to_pylist()) > 0.5
    assert set(kept.column("id").to_pylist()) <= {f"0-{row}" for row in range(40)}
    status, out, _ = call(monkeypatch, capsys, "status", str(path), "--set", "signal_classifier.min_score=0.6")
    assert status == 0
    assert "signal_classifier.min_score 0.5 → 0.6" in out
    (tmp_path / "kinds.jsonl").write_bytes(orjson.dumps(rows[0]) + b"\n" + orjson.dumps(rows[0]))
    status, _, err = call(monkeypatch, capsys, "classifier", "train", str(tmp_path / "signals.yaml"), "--on", "signals")
    assert status == 2
    assert "1 of the ids come more than once: '0-0'" in err


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
