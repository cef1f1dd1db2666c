"""The pretraining example from end to end, on few texts and for few steps: what it writes, not how good it is."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from typer.testing import CliRunner

from prep.corpus.shards.shards import ShardReader
from prep.pipeline.cli import app

from .scripts import EXAMPLES, load

EXAMPLE = EXAMPLES / "03_pretraining"
FIRST, SECOND = ("topics", "library-a-l", "library-m-z"), ("library-m-z", "packages")

MIXTURE = json.dumps({"phases": [{"shares": {"manuals": 2, "descriptions": 1, "code": 2}, "tokens": 50_000}]})
"""The general model's, with what there is of the small texts."""


@pytest.fixture
def experiment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The example in a folder of its own, with `prep` in this process and two small crawls."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(EXAMPLE))
    module = load(EXAMPLE / "experiment.py")
    calls: list[tuple[str, ...]] = []

    def prep(*arguments: str) -> None:
        calls.append(arguments)
        smaller = ("--set", f"pack.mixture={MIXTURE}") if "general.yaml" in arguments[1] else ()
        result = CliRunner().invoke(app, [*arguments, *smaller], catch_exceptions=False)
        assert result.exit_code == 0, result.output

    monkeypatch.setattr(module, "prep", prep)
    monkeypatch.setattr(module, "FEW_TOKENS", 4000)
    monkeypatch.setattr(module, "calls", calls, raising=False)
    texts, warcs = load(EXAMPLE / "make_texts.py"), load(EXAMPLES / "01_quickstart" / "make_warcs.py")
    some = {
        "topics": warcs.topics,
        "library-a-l": lambda: pages(warcs, "csv", "json"),
        "library-m-z": lambda: pages(warcs, "shlex", "textwrap"),
        "packages": lambda: pages(warcs, "yaml", "fsspec"),
    }
    monkeypatch.setattr(warcs, "CRAWL", some)
    warcs.write_crawl(module.TEXTS / "first", FIRST)
    warcs.write_crawl(module.TEXTS / "second", SECOND, "2026-02-01T00:00:00Z")
    for name, found in texts.SOURCES.items():
        texts.write(module.TEXTS / f"{name}.jsonl", found(), 250_000)
    return module


def pages(warcs: ModuleType, *names: str) -> Iterator[object]:
    for name in names:
        yield from warcs.modules(name, "library")


def run(experiment: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    experiment.calls.clear()
    arguments = ["experiment.py", "--scale", "0.004"]
    monkeypatch.setattr(sys, "argv", arguments)
    experiment.main()
    return [" ".join(call[:2]) for call in experiment.calls]


def test_the_experiment_ends_with_its_report_brings_only_what_is_new_and_does_nothing_twice(
    experiment: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = run(experiment, monkeypatch)
    assert len(commands) == 5 + 6 + 3  # pipelines, trainings beside the general one, evaluations
    runs = experiment.RUNS
    figures = json.loads((runs / "figures.json").read_text())
    assert set(figures["saved"]) == {"headers", "few"}
    rows = figures["bits_per_byte"]
    assert list(rows) == ["new crawl", "old, all", "old, code", "old, descriptions", "old, manuals"]
    assert all(list(row) == ["before", "without replay", "with replay"] for row in rows.values())
    text = (runs / "REPORT.md").read_text()
    assert "tokens of headers" in text
    assert "near_duplicate" in text or "exact_duplicate" in text
    for picture in ("headers.svg", "crawl.svg"):
        assert (runs / picture).read_text().rstrip().endswith("</svg>")
    manifest = ShardReader(str(runs / "few" / "shards" / "train")).manifest
    assert manifest.tokens == 4000

    only_what_is_new_is_brought_and_replay_keeps_the_old_validation_out(runs)

    written = {path: path.read_bytes() for path in runs.glob("*.*")}
    again = run(experiment, monkeypatch)
    assert {command.split()[0] for command in again} == {"run"}
    assert {path: path.read_bytes() for path in runs.glob("*.*")} == written


def only_what_is_new_is_brought_and_replay_keeps_the_old_validation_out(runs: Path) -> None:
    ledger = json.loads((runs / "crawl" / "ledger.json").read_text())
    lost = {stage["name"]: sum(stage["rejected"].values()) for stage in ledger["stages"]}
    assert lost["minhash"] >= 2  # shlex and textwrap, which the first crawl has
    manifest = ShardReader(str(runs / "replay" / "shards" / "train")).manifest
    groups = manifest.phases[0].groups
    assert groups["new"] == pytest.approx(3 * groups["old"], abs=3)
    validation = [
        ShardReader(str(runs / name / "shards" / "validation")).manifest for name in ("general", "crawl", "replay")
    ]
    assert validation[0].documents + validation[1].documents == validation[2].documents
