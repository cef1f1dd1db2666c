"""The commands that show what rules cost, and documents with the rule, the value and the threshold."""

from pathlib import Path

import pytest

from prep.pipeline.monitor.outcomes import FitAnswer, QualityAnswer
from prep.stages.quality.costs import Costs

from .conftest import WritePipeline
from .test_cli import call

TEXTS = ["short one", "short", *(f"These are the words of document {number}." for number in range(9)), "long " * 30]
RECIPE = """
rules:
  empty: {signal: characters, min: 1}
  short_doc: {signal: plain_words, min: 3}
  long_words: {signal: mean_word_length, max: 4.5}
"""


@pytest.fixture
def path(write_pipeline: WritePipeline, tmp_path: Path) -> Path:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(RECIPE)
    return write_pipeline([{"short": {"most": 70}}, "signals", {"quality": {"recipe": str(recipe)}}], TEXTS)


def test_report_shows_what_each_rule_rejects(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status, _, err = call(monkeypatch, capsys, "quality", "report", str(path))
    assert status == 1
    assert "stage 4 (quality) has not run as it is configured now; run 'prep run'" in err
    call(monkeypatch, capsys, "run", str(path))
    for target in (path, tmp_path / "out"):
        status, out, _ = call(monkeypatch, capsys, "quality", "report", str(target), "--json")
        assert status == 0
        (stage,) = QualityAnswer.model_validate_json(out).stages
        assert Costs.model_validate(stage.costs).entered.documents == 11
    status, out, _ = call(monkeypatch, capsys, "quality", "report", str(path), "--by", "source")
    assert status == 0
    assert "stage 4 (quality): 11 documents" in out
    lines = {line.split()[0]: line.split()[1:] for line in out.splitlines() if line.strip()}
    assert "11 documents (0.0 MB) in, 9 documents (0.0 MB) kept" in out
    assert lines["short_doc"] == ["min", "3", "2", "14", "1", "9", "2"]
    assert lines["long_words"] == ["max", "4.5", "1", "5", "0", "0", "0"]
    assert "reject nothing: empty" in out
    assert lines["11"] == ["9", "short_doc", "2", "(1),", "long_words", "1", "(0)"]


def test_report_needs_rules(
    write_pipeline: WritePipeline, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status, _, err = call(monkeypatch, capsys, "quality", "report", str(write_pipeline(["shout"], TEXTS)))
    assert status == 1
    assert "the pipeline has no stage 'quality'" in err


def test_inspect_shows_kept_and_rejected_documents(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status, _, err = call(monkeypatch, capsys, "inspect", str(path))
    assert status == 1
    assert "the step read-to-signals has not run as it is configured now; run 'prep run'" in err
    call(monkeypatch, capsys, "run", str(path))
    status, out, _ = call(monkeypatch, capsys, "inspect", str(path), "--number", "2")
    assert status == 0
    blocks = {lines[0]: lines[1:] for lines in blocks_of(out)}
    follow = next(iter(reversed(blocks)))
    assert follow.startswith("follow one with: --id ")
    assert list(blocks) == ["kept", "rejected by short: too_long", "rejected by quality: short_doc", follow]
    assert len(blocks["kept"]) == 4
    assert "words of" in blocks["kept"][1]
    value, *text = blocks["rejected by short: too_long"]
    assert value == "  0-11  value 150"
    assert " ".join(" ".join(text).split()) == ("long " * 30).strip()
    assert "  0-1  value 1  (min 3)" in blocks["rejected by quality: short_doc"]
    assert "    short" in blocks["rejected by quality: short_doc"]
    _, again, _ = call(monkeypatch, capsys, "inspect", str(path), "--number", "2")
    assert again == out
    _, other, _ = call(monkeypatch, capsys, "inspect", str(path), "--number", "2", "--seed", "2")
    assert other != out


def test_inspect_shows_both_sides_of_a_threshold(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    call(monkeypatch, capsys, "run", str(path))
    _, out, _ = call(monkeypatch, capsys, "inspect", str(path), "--rule", "short_doc", "--number", "1")
    blocks = {lines[0]: lines[1:] for lines in blocks_of(out)}
    assert list(blocks)[1:3] == ["near the threshold, rejected by this rule alone", "near the threshold, kept"]
    (document, text) = blocks["near the threshold, kept"]
    assert document.endswith("(min 3)")
    assert "words of" in text


def test_fit_writes_a_recipe_that_a_pipeline_takes(
    write_pipeline: WritePipeline, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    words = "havnen blev lukket om efteråret fordi bådene skulle ligge ved åen hele vinteren".split()
    order = [[words[(row * place) % 13] for place in range(row, row + 80)] for row in range(120)]
    texts = [f"Nummer {row}: " + " og at ".join(line) + "." for row, line in enumerate(order)]
    run = write_pipeline(["shout"], texts)
    call(monkeypatch, capsys, "run", str(run))
    recipe = str(tmp_path / "da.yaml")
    fit = ("quality", "fit", str(tmp_path / "out" / "documents"), "--language", "da", "--output", recipe)
    status, out, err = call(monkeypatch, capsys, *fit, "--keep", "0.9")
    assert (status, err) == (0, "")
    assert "stop words: at og" in out
    assert "kept of 120 documents of the reference: " in out
    assert "kept of documents held out, in 5 folds: " in out
    status, out, _ = call(monkeypatch, capsys, *fit, "--keep", "0.9", "--json")
    assert FitAnswer.model_validate_json(out).documents == 120
    stages = ["language", {"signals": {"recipe": recipe}}, {"quality": {"recipe": recipe}}]
    status, out, _ = call(monkeypatch, capsys, "check", str(write_pipeline(stages, texts)))
    assert status == 0
    status, _, err = call(monkeypatch, capsys, *fit[:2], str(tmp_path / "nothing"), *fit[3:])
    assert status == 2
    assert "nothing" in err
    status, _, err = call(monkeypatch, capsys, *fit[:4], "zz", *fit[5:])
    assert status == 2
    assert "--language zz: no language; expected a code of ISO 639" in err
    status, _, err = call(monkeypatch, capsys, *fit[:4], "de", *fit[5:])
    assert status == 1
    assert "the reference is not in 'de' alone" in err


def blocks_of(out: str) -> list[list[str]]:
    """Return the lines of each block; a block begins with a line that is not indented."""
    blocks: list[list[str]] = []
    for line in out.splitlines():
        if not line.startswith(" "):
            blocks.append([])
        blocks[-1].append(line)
    return blocks
