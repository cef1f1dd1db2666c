"""The fine-tuning example, with fewer conversations and steps: three forms, one kind of row, an answer at the end."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from prep.corpus.files.storage import read_json
from prep.corpus.shards.shards import ShardReader
from prep.pipeline.cli import app

from .scripts import EXAMPLES, load


def test_the_example_learns_answers_of_all_three_forms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load(EXAMPLES / "05_finetuning" / "make_chats.py").write_chats(tmp_path / ".cache" / "chats", 300)
    (tmp_path / "examples").symlink_to(EXAMPLES)
    monkeypatch.chdir(tmp_path)
    settings = ("output=out", "tokenizer.vocabulary=340", "train.steps=2", "train.layers=1", "train.evaluate_rows=4")
    options = [word for setting in settings for word in ("--set", setting)]
    pipeline = "examples/05_finetuning/pipeline.yaml"
    result = CliRunner().invoke(app, ["run", pipeline, "--workers", "1", *options], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    stages = read_json("out/ledger.json")["stages"]
    assert isinstance(stages, list)
    assert stages[0]["name"] == "read"
    assert [(stage["in"], stage["kept"]) for stage in stages] == [(300, 300)] * len(stages)
    train = ShardReader(str(tmp_path / "out" / "shards" / "train"))
    validation = ShardReader(str(tmp_path / "out" / "shards" / "validation"))
    assert train.manifest.documents + validation.manifest.documents == 300
    assert train.manifest.loss_mask
    assert set(train.manifest.tokens_by["source"]) == {"messages", "sharegpt", "instructions"}
    sample = (tmp_path / "out" / "model" / "sample.txt").read_text(encoding="utf-8")
    assert sample.startswith("user\nWhich day comes after Friday?\nassistant\n")
