"""The command line: exit status, messages, frozen commands."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
import yaml
from typer.testing import CliRunner

from prep.pipeline.cli import app, main

from .conftest import WritePipeline

TEXTS = ["apple tree", "avocado", "bean"]


def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    monkeypatch.setattr("sys.argv", ["prep", *arguments])
    status = 0
    try:
        main()
    except SystemExit as stop:
        status = stop.code if isinstance(stop.code, int) else 1
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_a_run_ends_with_the_funnel_and_where_the_results_lie(
    write_pipeline: WritePipeline, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = write_pipeline(["shout", "one_per_letter"], TEXTS)
    status, out, err = call(monkeypatch, capsys, "run", str(path))
    assert (status, err) == (0, "")
    lines = out.replace("\n", " ").split()
    assert "same_letter" in lines
    *_, results, then = out.strip().splitlines()
    assert results.endswith("/out/")
    assert then == f"next: prep report {tmp_path}/out --open"
    status, out, _ = call(monkeypatch, capsys, "run", str(path))
    assert status == 0
    assert out.count("complete, nothing to do") == 3


def test_a_report_shows_what_a_run_published(
    write_pipeline: WritePipeline, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    output = str(tmp_path / "out")
    status, _, err = call(monkeypatch, capsys, "report", output)
    assert status == 1
    assert f"{output}: not found; expected a pipeline's configuration, or the output folder of a run" in err
    (tmp_path / "out").mkdir()
    status, _, err = call(monkeypatch, capsys, "report", output)
    assert status == 1
    assert f"{output}/ledger.json: not found; is {output} the output of a run that has ended?" in err
    stages = ["one_per_letter", {"tokenizer": {"vocabulary": 300}}, {"pack": {"length": 8}}]
    texts = Path(__file__).read_text().split("\n\n\n")
    path = write_pipeline(stages, texts)
    assert call(monkeypatch, capsys, "run", str(path))[0] == 0
    page = tmp_path / "report.html"
    assert call(monkeypatch, capsys, "report", output, "--html", str(page))[0] == 0
    status, out, _ = call(monkeypatch, capsys, "report", output)
    assert status == 0
    for line in ("same_letter", "Documents kept", "vocabulary 300", "train", "validation"):
        assert line in " ".join(out.split())
    assert "same_letter" in page.read_text()


def test_check_shows_the_plan_and_moves_nothing(
    write_pipeline: WritePipeline, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = write_pipeline(["shout", "one_per_letter"], TEXTS)
    status, out, _ = call(monkeypatch, capsys, "check", str(path))
    assert status == 0
    assert "00 read-shout: 1 tasks: shout" in out
    assert "01 one_per_letter: tap × 1, then choose × 1, then drop × 1" in out
    assert "no problem found" in out
    assert not list((tmp_path / "out").rglob("*.parquet"))


def test_check_loads_nothing_that_it_does_not_need(write_pipeline: WritePipeline) -> None:
    stages = [{"language": {"keep": ["en"]}}, "exact", "minhash", {"tokenizer": {"vocabulary": 300}}, "pack"]
    path = write_pipeline(["extract", *stages], TEXTS)
    heavy = {"pandas", "torch", "trafilatura", "datasketch", "fasttext", "scipy.stats"}
    program = (
        f"import sys; sys.argv = ['prep', 'check', {str(path)!r}]\n"
        "from prep.pipeline.entry import main\n"
        "try:\n    main()\n"
        "finally:\n"
        f"    print(sorted({heavy} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_a_bad_configuration_exits_with_2_and_no_traceback(
    write_pipeline: WritePipeline, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_pipeline([{"shout": {"makr": "?"}}], TEXTS)
    for command in ("run", "check", "status"):
        status, _, err = call(monkeypatch, capsys, command, str(path))
        assert status == 2
        assert f"error: {path}:7: stage 2 (shout): unknown option 'makr'; did you mean 'mark'?" in err


def test_a_failed_run_exits_with_1(
    write_pipeline: WritePipeline, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = write_pipeline(["shout"], TEXTS)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "steps").write_text("a file where the folder should be")
    status, _, err = call(monkeypatch, capsys, "run", str(path))
    assert status == 1
    assert err.startswith("error: [Errno ")
    assert "Traceback" not in err


def test_stages_are_explained(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = call(monkeypatch, capsys, "stages")
    assert status == 0
    assert "quality" in out
    status, out, _ = call(monkeypatch, capsys, "stages", "quality")
    assert "recipe (text; required)" in out
    assert "The name of a shipped recipe" in out
    status, out, _ = call(monkeypatch, capsys, "stages", "decontaminate")
    assert "\n  sets (mapping of names to texts or groups of the options below; required)\n      Evaluation sets" in out
    assert "\n      path (text; required)\n" in out
    status, _, err = call(monkeypatch, capsys, "stages", "gopher")
    assert status == 2
    assert "unknown stage 'gopher'; there are read, " in err
    status, _, err = call(monkeypatch, capsys, "stages", "min_hash")
    assert "unknown stage 'min_hash'; did you mean 'minhash'?" in err


def test_the_schema_for_editors_is_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    status, out, _ = call(monkeypatch, capsys, "schema")
    assert status == 0
    assert json.loads(out)["title"] == "A pipeline of prep"
    assert call(monkeypatch, capsys, "schema", "--output", str(tmp_path / "s.json"))[:2] == (0, "")
    assert json.loads((tmp_path / "s.json").read_text()) == json.loads(out)


def test_shells_can_complete_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {"_PREP_COMPLETE": "complete_bash", "COMP_WORDS": "prep sta", "COMP_CWORD": "1"}
    shown = CliRunner().invoke(app, [], prog_name="prep", env=environment).output
    assert sorted(shown.split()) == ["stages", "status"]


def commands(of: typer.Typer) -> Iterator[str]:
    """Yield the names of all commands, those of a group after the group's."""
    for command in of.registered_commands:
        assert command.callback is not None
        yield command.name or command.callback.__name__
    for group in of.registered_groups:
        assert group.typer_instance is not None
        yield from (f"{group.name} {each}" for each in commands(group.typer_instance))


def test_the_commands_and_their_flags_are_frozen() -> None:
    runner = CliRunner()
    flags = {
        "run": ["--set", "--workers", "--executor", "--quiet", "--json", "--detach"],
        "stop": ["--set", "--json"],
        "workers": ["--set", "--json"],
        "check": ["--set", "--json"],
        "estimate": ["--set", "--workers", "--sample", "--seed", "--json"],
        "status": ["--set", "--watch", "--json"],
        "clean": ["--set", "--dry-run", "--json"],
        "report": ["--set", "--html", "--open", "--json"],
        "stages": ["--json"],
        "init": ["--from", "--output", "--force", "--json"],
        "schema": ["--output"],
        "verify": ["--tokenizer", "--workers", "--json"],
        "recipes": ["--language", "--json"],
        "export": ["--to", "--output", "--length", "--file-bytes", "--tokenizer", "--workers", "--json"],
        "inspect": [
            *("--set", "--id", "--url", "--search", "--rule", "--stage"),
            *("--number", "--seed", "--full", "--json"),
        ],
        "diff": ["--number", "--html", "--open", "--json"],
        "train": ["--tokenizer", "--output", "--set", "--json"],
        "classifier train": ["--on", "--json"],
        "dedup audit": ["--set", "--json"],
        "tokenizer train": ["--output", "--kind", "--vocabulary", "--set", "--workers", "--json"],
        "tokenizer evaluate": ["--on", "--output", "--model-bytes", "--json"],
        "tokenizer extend": ["--more", "--output", "--set", "--json"],
        "tokenizer sweep": ["--on", "--output", "--vocabularies", "--kinds", "--set", "--json"],
        "quality report": ["--set", "--by", "--json"],
        "quality fit": [
            "--language",
            "--output",
            "--recipe",
            "--keep",
            "--splitter",
            "--dictionary",
            "--no-dictionary",
            "--json",
        ],
        "model evaluate": ["--tokenizer", "--split", "--rows", "--output", "--json", "--device", "--threads"],
        "model export": ["--tokenizer", "--output", "--json"],
        "model sample": [
            *("--tokenizer", "--prompt", "--tokens", "--temperature", "--top-k", "--seed"),
            *("--chat", "--probabilities", "--json", "--device"),
        ],
        "model chat": ["--tokenizer", "--tokens", "--temperature", "--top-k", "--seed", "--device"],
        "compare": [
            *("--on", "--task", "--tokens", "--seeds", "--size", "--set"),
            *("--output", "--workers", "--dry-run", "--open", "--json"),
        ],
        "mix fit": [
            *("--on", "--weight", "--tokens", "--target-tokens", "--size", "--set"),
            *("--output", "--workers", "--dry-run", "--json"),
        ],
        "trace": ["--id", "--url", "--domain", "--host", "--from", "--json"],
        "remove": ["--output", "--id", "--url", "--domain", "--host", "--from", "--json"],
    }
    assert sorted(commands(app)) == sorted(flags)
    for command, expected in flags.items():
        shown = runner.invoke(app, [*command.split(), "--help"], env={"COLUMNS": "200", "TERM": "dumb"}).output
        assert sorted({word for word in shown.split() if word.startswith("--")} - {"--help"}) == sorted(expected)


def test_flags_go_before_the_file(
    write_pipeline: WritePipeline, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_pipeline(["shout"], TEXTS)
    loaded = yaml.safe_load(path.read_text())
    assert loaded["workers"] == 1
    status, _, err = call(monkeypatch, capsys, "run", str(path), "--workers", "0")
    assert status == 2
    assert "--workers 0: option 'workers'; expected greater than or equal to 1, seen 0" in err


def test_the_version_and_short_help(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = call(monkeypatch, capsys, "--version")
    assert status == 0
    assert out.startswith("prep ")
    for command in ([], ["run"], ["tokenizer", "train"]):
        status, out, _ = call(monkeypatch, capsys, *command, "-h")
        assert status == 0
        assert "Usage" in out


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("No data left in file", "a file or process ended early: No data left in file (in read_nothing, "),
        ("marshal data too short", "remove the folders named __pycache__ in "),
    ],
)
def test_what_ends_early_is_named(
    message: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def read_nothing() -> None:
        raise EOFError(message)

    broken = typer.Typer()
    broken.command()(read_nothing)
    monkeypatch.setattr("prep.pipeline.cli.app", broken)
    status, _, error = call(monkeypatch, capsys)
    assert status == 1
    assert said in error
