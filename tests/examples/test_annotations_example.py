"""The example of joined labels and an upsampling curve, on part of the standard library: shares come out as asked."""

import shutil
import sysconfig
from pathlib import Path

import pytest
from typer.testing import CliRunner

from prep.corpus.files.storage import read_json
from prep.corpus.shards.shards import read_manifest
from prep.pipeline.cli import app

from .scripts import EXAMPLES, load

EXAMPLE = EXAMPLES / "04_annotations"


def test_shares_come_out_as_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = Path(sysconfig.get_path("stdlib"))
    for name in ("email", "urllib", "http", "json", "xml", "asyncio", "logging", "unittest", "collections"):
        shutil.copytree(library / name, tmp_path / "library" / name, ignore=shutil.ignore_patterns("__pycache__"))
    load(EXAMPLE / "make_texts.py").write(tmp_path / ".cache" / "annotations", tmp_path / "library")
    monkeypatch.chdir(tmp_path)
    smaller = ["--set", "tokenizer.vocabulary=300", "--set", "pack.mixture.max_epochs=9", "--workers", "1"]
    phases = "pack.mixture.phases=[{shares: {data: 2, network: 2, other: 1}, tokens: 50000}]"
    run = CliRunner().invoke(app, ["run", str(EXAMPLE / "pipeline.yaml"), *smaller, "--set", phases])
    assert run.exit_code == 0, run.output
    (phase,) = read_manifest("runs/annotations/shards/train").phases
    assert dict(phase.groups) == {"data": 20_000, "network": 20_000, "other": 10_000}
    curve = read_json("runs/annotations/shards/curve.json")
    assert set(curve) == {"data", "network", "other"}
    report = CliRunner().invoke(app, ["report", "runs/annotations"])
    assert "data         1  20,000          40.00%" in report.output
    joined = next(stage for stage in read_json("runs/annotations/ledger.json")["stages"] if stage["name"] == "join")  # type: ignore[attr-defined]
    assert joined["tagged"]["matched"] + joined["tagged"]["unmatched"] == joined["in"]
