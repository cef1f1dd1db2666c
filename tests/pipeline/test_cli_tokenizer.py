"""The commands about tokenizers, on real sentences."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prep.pipeline.cli import main
from prep.tokenizers.encoding.encode import open_tokenizer

from .test_cli import call

SPECIAL = "tokenizer.special_tokens=['<|user|>']"
LANGUAGES = ("en", "de", "el")


@pytest.fixture(scope="module")
def texts(test_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with text to train on and text to judge on, in three languages."""
    folder = tmp_path_factory.mktemp("texts")
    table = pq.read_table(test_data / "language" / "sentences.parquet")
    rows = [row for row in table.to_pylist() if row["language"] in LANGUAGES]
    for name, start in (("train", 0), ("held-out", 1)):
        half = rows[start::2]
        columns = {"id": [f"{name}-{index}" for index in range(len(half))]}
        columns |= {column: [row[column] for row in half] for column in ("text", "language")}
        pq.write_table(pa.table(columns), folder / f"{name}.parquet")
    return folder


@pytest.fixture(scope="module")
def trained(texts: Path) -> Path:
    """The folder of a tokenizer that the command has trained."""
    output = texts / "trained"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["prep", *_train(texts / "train.parquet", output), "--set", SPECIAL])
        with pytest.raises(SystemExit) as stop:
            main()
    assert stop.value.code == 0
    return output / "tokenizer"


def _train(file: Path, output: Path) -> list[str]:
    flags = ["--kind", "bpe", "--vocabulary", "700", "--workers", "1"]
    return ["tokenizer", "train", str(file), "--output", str(output), *flags]


def test_train_leaves_a_tokenizer_and_the_pipeline_that_made_it(trained: Path) -> None:
    tokenizer = open_tokenizer(str(trained))
    assert tokenizer.vocabulary == 700
    card = json.loads((trained / "card.json").read_text())
    assert card["control_tokens"] == {"<|endoftext|>": 0, "<|padding|>": 1, "<|user|>": 2}
    assert [stratum["language"] for stratum in card["sample"]] == ["de", "el", "en"]
    assert "vocabulary: 700" in (trained.parent / "pipeline.yaml").read_text()


def test_a_bad_option_of_train_is_told(
    texts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = _train(texts / "train.parquet", tmp_path)
    status, _, err = call(monkeypatch, capsys, *arguments, "--set", "tokenizer.vocabulary=65536")
    assert status == 2
    assert "expected at most 65499, or more than 65536, seen 65536" in err


def test_evaluate_writes_a_table_a_report_and_a_picture(
    texts: Path, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    held_out, output = texts / "held-out.parquet", tmp_path / "judged"
    arguments = ["tokenizer", "evaluate", str(trained), "--on", str(held_out), "--output", str(output)]
    status, out, _ = call(monkeypatch, capsys, *arguments)
    assert status == 0
    assert "bytes per token" in out
    (report,) = json.loads((output / "evaluation.json").read_text()).values()
    rows = pq.read_table(held_out).to_pylist()
    tokenizer = open_tokenizer(str(trained))
    for language in LANGUAGES:
        mine = [row["text"] for row in rows if row["language"] == language]
        figures = report["languages"][language]
        assert figures["documents"] == len(mine) == 100
        assert figures["bytes"] == sum(len(text.encode()) for text in mine)
        assert figures["tokens"] == sum(len(tokenizer.encode(text)) for text in mine)
        assert figures["failures"] == 0
        assert f"{figures['bytes_per_token']:.3f}, {figures['tokens_per_word']:.3f}" in out
    assert "MB/s on one core" in out
    assert "speed" not in json.dumps(report)
    assert report["worst_and_best"][1] == max(LANGUAGES, key=lambda name: report["languages"][name]["bytes_per_token"])
    assert (output / "evaluation.svg").read_text().startswith("<?xml")


def test_evaluate_trains_a_model_with_each_tokenizer_on_request(
    texts: Path, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch")
    arguments = ["tokenizer", "evaluate", str(trained), "--on", str(texts / "train.parquet")]
    options = ["--output", str(tmp_path), "--model-bytes", "6000"]
    status, out, _ = call(monkeypatch, capsys, *arguments, *options)
    assert status == 0
    assert "bits per byte of a model" in out
    (report,) = json.loads((tmp_path / "evaluation.json").read_text()).values()
    assert 1 < report["bits_per_byte"] < 8


def test_sweep_draws_a_curve_that_rises(
    texts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    files = ["tokenizer", "sweep", str(texts / "train.parquet"), "--on", str(texts / "held-out.parquet")]
    options = ["--vocabularies", "1200,700", "--kinds", "bpe,sentencepiece_bpe", "--output", str(tmp_path)]
    status, out, _ = call(monkeypatch, capsys, *files, *options)
    assert status == 0
    assert "bpe 700: " in out
    report = json.loads((tmp_path / "sweep.json").read_text())
    assert set(report) == {"bpe", "sentencepiece_bpe"}
    for points in report.values():
        assert [point["vocabulary"] for point in points] == [700, 1200]
        assert points[0]["bytes_per_token"] < points[1]["bytes_per_token"]
    assert (tmp_path / "sweep.svg").read_text().startswith("<?xml")
    status, _, err = call(monkeypatch, capsys, *files, "--kinds", "wordpiece")
    assert status == 2
    assert "unknown kind 'wordpiece'" in err


def test_extend_keeps_old_ids(
    texts: Path, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["tokenizer", "extend", str(trained), str(texts / "held-out.parquet"), "--more", "50"]
    status, out, _ = call(monkeypatch, capsys, *arguments, "--output", str(tmp_path / "more"))
    assert status == 0
    assert "750 tokens" in out
    assert open_tokenizer(str(tmp_path / "more")).token_bytes[:700] == open_tokenizer(str(trained)).token_bytes
