"""The example of evidence: its pipelines can be planned, its commands are commands, its quiz is one."""

import re
import shlex
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from prep.pipeline import config, contract
from prep.pipeline.cli import app
from prep.pipeline.config import settings_of
from prep.pipeline.mixing.settings import MixSettings
from prep.pipeline.proxies.settings import ProxySettings
from prep.pipeline.proxies.tasks import read_task

from .scripts import EXAMPLES, load

EXAMPLE = EXAMPLES / "07_evidence"
PIPELINES = ("cleaned", "repeated", "barely", "sources")


@pytest.fixture
def texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a page and a text of each source where the example's pipelines look for them."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".cache" / "evidence").mkdir(parents=True)
    for name in ("descriptions", "code", "headers"):
        (tmp_path / ".cache" / "evidence" / f"{name}.jsonl").write_text('{"id": "a", "text": "A text of its own."}\n')
    script = load(EXAMPLES / "01_quickstart" / "make_warcs.py")
    monkeypatch.setattr(script, "PACKAGES", ("yaml",))
    script.write_crawl(tmp_path / ".cache" / "quickstart", ["packages"])
    return tmp_path


def test_its_pipelines_can_be_planned_and_its_sources_run(texts: Path) -> None:
    outputs = set()
    for name in PIPELINES:
        configuration, located = config.load(str(EXAMPLE / f"{name}.yaml"))
        contract.check(configuration, located)
        outputs.add(configuration.settings.output)
    assert len(outputs) == len(PIPELINES)
    done = CliRunner().invoke(app, ["run", str(EXAMPLE / "sources.yaml"), "--workers", "1"], catch_exceptions=False)
    assert done.exit_code == 0, done.output


def test_its_pipelines_differ_in_what_they_say_alone() -> None:
    cleaned, repeated = (config.stages_of(str(EXAMPLE / f"{name}.yaml")) for name in ("cleaned", "repeated"))
    assert [stage.name for stage in cleaned[len(repeated) :]] == ["exact", "minhash"]
    assert cleaned[: len(repeated)] == repeated
    quickstart = config.stages_of(str(EXAMPLES / "01_quickstart" / "pipeline.yaml"))
    assert quickstart[: len(cleaned)] == cleaned


def test_its_commands_are_commands_with_settings_that_there_are() -> None:
    text = (EXAMPLE / "README.md").read_text(encoding="utf-8").replace("\\\n", " ")
    commands = [shlex.split(line) for line in re.findall(r"^    (prep .*)$", text, re.MULTILINE)]
    assert [command[1] for command in commands] == ["compare", "mix"]
    for command, kind in zip(commands, (ProxySettings, MixSettings), strict=True):
        settings_of(kind, [command[at + 1] for at, word in enumerate(command) if word == "--set"])
        group = typer.main.get_command(app)
        with group.make_context("prep", command[1:]) as context:  # parses the options of the group alone
            name, found, rest = group.resolve_command(context, command[1:])  # type: ignore[attr-defined]
            if name == "mix":
                _, found, rest = found.resolve_command(context, rest)
            found.make_context(name, list(rest)).close()
        for word in command:
            if word.startswith("examples/"):
                assert (EXAMPLES.parent / word).exists()


def test_its_quiz_is_a_task() -> None:
    items = list(read_task(str(EXAMPLE / "quiz.jsonl")))
    assert {len(item.choices) for item in items} == {1, 2}
