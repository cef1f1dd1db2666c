"""The command `prep recipes`, and recipes that stages imply."""

from pathlib import Path

import pytest

from prep.pipeline import config

from .conftest import WritePipeline
from .test_cli import call


def test_recipes_are_listed_and_shown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    status, out, _ = call(monkeypatch, capsys, "recipes")
    assert status == 0
    assert {"gopher", "c4", "fineweb", "fineweb2", "dclm", "dolma3"} <= {line.split()[0] for line in out.splitlines()}
    status, out, _ = call(monkeypatch, capsys, "recipes", "fineweb2", "--language", "fra_Latn")
    rows = {line.split()[0]: line.split() for line in out.splitlines() if line.strip()}
    assert rows["long_words"][1:4] == ["mean_word_length", "max", "11"]
    assert rows["stop"][2:4] == ["de", "la"]
    status, _, err = call(monkeypatch, capsys, "recipes", "fineweb3")
    assert status == 2
    assert "neither a file nor a recipe that is shipped; did you mean 'fineweb'?" in err


def test_signals_take_the_recipe_of_the_stage_that_judges(write_pipeline: WritePipeline) -> None:
    path: Path = write_pipeline(["signals", {"quality": {"recipe": "fineweb"}}], ["a text"])
    configuration, _ = config.load(str(path), [])
    (signals,) = (stage for stage in configuration.stages if stage.name == "signals")
    assert signals.model_dump()["recipe"] == "fineweb"


def test_on_a_narrow_terminal_no_name_is_broken(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "44")
    _, out, _ = call(monkeypatch, capsys, "recipes")
    lines = out.splitlines()
    start = lines.index("gopher")
    assert lines[start + 1].startswith("  rules: ")
    assert max(map(len, lines)) <= 44 or lines[-1].startswith("prep recipes NAME")
    _, out, _ = call(monkeypatch, capsys, "recipes", "fineweb2", "--language", "fra_Latn")
    place = out.splitlines().index("long_words")
    assert out.splitlines()[place + 1 : place + 4] == ["  signal: mean_word_length", "  bound: max", "  threshold: 11"]
