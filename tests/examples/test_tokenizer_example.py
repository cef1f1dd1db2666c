"""The tokenizer example as its README says, in a folder of its own."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from prep.pipeline.cli import app
from prep.tokenizers.encoding.encode import open_tokenizer

ROOT = Path(__file__).parents[2]


def test_the_example_trains_a_tokenizer_of_both_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    pipeline = "examples/02_tokenizer/pipeline.yaml"
    options = ["--set", f"output={tmp_path}/out", "--workers", "1"]
    result = CliRunner().invoke(app, ["run", pipeline, *options], catch_exceptions=False)
    assert result.exit_code == 0
    tokenizer = open_tokenizer(str(tmp_path / "out" / "tokenizer"))
    assert tokenizer.vocabulary == 2048
    text = Path("README.md").read_text(encoding="utf-8")
    assert tokenizer.decode(tokenizer.encode(text)) == text
    card = json.loads((tmp_path / "out" / "tokenizer" / "card.json").read_text())
    assert {stratum["source"] for stratum in card["sample"] if stratum["drawn_documents"]} == {"code", "prose"}
    assert card["control_tokens"]["<|user|>"] == 2
