"""`prep model evaluate`: the report's figures again, by source, on any shards that the tokenizer wrote."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from prep.stages.train.completion import Completion, Written

from .test_cli import call

ROOT = Path(__file__).parents[2]
PIPELINE = """
output: {output}
workers: 1
stages:
  - read:
      sources:
        - {{name: ground, paths: "{root}/corpus/text/*.py", format: text}}
        - {{name: trainer, paths: "{root}/trainer/*/*.py", format: text}}
  - tokenizer: {{kind: bpe, vocabulary: {vocabulary}}}
  - pack: {{length: 64, validation: 0.3}}
  - train: {{layers: 1, width: 16, heads: 2, steps: 4, warmup: 1, evaluate_rows: 10000, objective: {objective}}}
"""

Evaluate = Callable[..., tuple[int, str, str]]


@pytest.fixture
def prep(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Evaluate:
    return lambda *arguments: call(monkeypatch, capsys, *arguments)


def make(prep: Evaluate, output: Path, objective: str = "next_token", vocabulary: int = 400) -> None:
    output.mkdir()
    text = PIPELINE.format(output=output, root=ROOT, objective=objective, vocabulary=vocabulary)
    (output / "pipeline.yaml").write_text(text)
    status, _, err = prep("run", str(output / "pipeline.yaml"))
    assert (status, err) == (0, "")


@pytest.mark.parametrize("objective", ["next_token", "masked"])
def test_the_figures_are_those_of_the_report(prep: Evaluate, tmp_path: Path, objective: str) -> None:
    made = tmp_path / "made"
    make(prep, made, objective)
    report = json.loads((made / "model" / "report.json").read_text())["validation"]
    assert set(report["by_source"]) == {"ground", "trainer"}
    assert "by_language" not in report
    for count in ("tokens", "bytes"):
        assert sum(part[count] for part in report["by_source"].values()) == report[count]
    places = [str(made / "shards"), str(made / "shards" / "train")]
    tokenizer = str(made / "tokenizer")
    arguments = (str(made / "model"), *places, "--tokenizer", tokenizer, "--output", str(tmp_path / "found.json"))
    status, out, err = prep("model", "evaluate", *arguments)
    assert (status, err) == (0, "")
    for word in ("bits per byte", "perplexity", "source ground", "source trainer", f"{report['bits_per_byte']:.3f}"):
        assert word in out
    found = json.loads((tmp_path / "found.json").read_text())
    assert list(found) == places
    assert found[places[0]]["all"] == {key: report[key] for key in found[places[0]]["all"]}
    assert found[places[0]]["by_source"] == report["by_source"]
    assert list(found[places[1]]) == ["all"]  # documents for training have no labels


def test_what_does_not_belong_together_is_named(prep: Evaluate, tmp_path: Path) -> None:
    made, other = tmp_path / "made", tmp_path / "other"
    make(prep, made)
    make(prep, other, vocabulary=401)
    model, tokenizer = str(made / "model"), str(made / "tokenizer")
    status, _, err = prep("model", "evaluate", model, str(made / "shards"), "--tokenizer", str(other / "tokenizer"))
    assert status == 1
    assert "not the tokenizer of" in err
    status, _, err = prep("model", "evaluate", model, str(other / "shards"), "--tokenizer", tokenizer)
    assert status == 1
    assert "the shards were written with another tokenizer" in err
    status, _, err = prep("model", "evaluate", model, str(made), "--tokenizer", tokenizer)
    assert status == 2
    assert "expected a folder of shards" in err
    shutil.rmtree(model)
    status, _, err = prep("model", "evaluate", model, str(made / "shards"), "--tokenizer", tokenizer)
    assert status == 1
    assert "config.json: expected what the model was trained for" in err


def test_a_model_goes_on_with_a_text(prep: Evaluate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = tmp_path / "made"
    make(prep, made)
    model, tokenizer = str(made / "model"), str(made / "tokenizer")
    arguments = ("model", "sample", model, "--tokenizer", tokenizer, "--prompt", "def [bold]", "--tokens", "8")
    status, out, err = prep(*arguments, "--seed", "3")
    assert (status, err) == (0, "")
    assert out.startswith("def [bold]")
    assert prep(*arguments, "--seed", "3")[1] == out
    assert len({prep(*arguments, "--seed", str(seed))[1] for seed in range(3)}) > 1
    _, table, _ = prep(*arguments, "--probabilities")
    assert len(table.splitlines()) == 9
    assert table.count("%") == 8
    status, _, err = prep("model", "sample", model, "--tokenizer", tokenizer, "--prompt", "x", "--chat")
    assert status == 1
    assert "no chat template" in err

    def steer(*_: object, **__: object) -> Iterator[Written]:
        yield Written("\x1b[2J\u202e", 0.5)

    monkeypatch.setattr(Completion, "write", steer)
    _, out, _ = prep(*arguments)
    assert "\x1b" not in out
    assert "\\x1b[2J\\u202e" in out


def test_an_encoder_writes_nothing(prep: Evaluate, tmp_path: Path) -> None:
    make(prep, tmp_path / "made", "masked")
    model, tokenizer = str(tmp_path / "made" / "model"), str(tmp_path / "made" / "tokenizer")
    status, _, err = prep("model", "sample", model, "--tokenizer", tokenizer)
    assert status == 1
    assert "expected a model of the next token" in err
