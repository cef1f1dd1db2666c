"""Steps' folders that the pipeline does not need any more: named by `prep status`, removed by `prep clean`."""

import json
from pathlib import Path

from typer.testing import CliRunner

from prep.pipeline.cli import app


def call(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == 0, result.output
    return result.output.replace("\n", "")


def test_folders_of_other_settings_are_stale(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"text": "a bean"}\n{"text": "a date"}\n')
    stages = [{"read": {"paths": str(tmp_path / "in.jsonl")}}, "exact"]
    path = tmp_path / "pipeline.yaml"
    path.write_text(json.dumps({"output": str(tmp_path / "out"), "workers": 1, "stages": stages}))
    call("run", str(path))
    assert "stale" not in call("status", str(path))
    steps = tmp_path / "out" / "steps"
    before = {folder.name for folder in steps.iterdir()}
    call("run", str(path), "--set", "exact.normalise=none")
    added = {folder.name for folder in steps.iterdir()} - before
    assert len(added) == 3
    (steps / "notes").mkdir()
    said = call("status", str(path))
    assert all(f"stale: {steps / name}, which no step needs" in said for name in added)
    assert all(str(steps / name) in call("clean", str(path), "--dry-run") for name in added)
    assert added <= {folder.name for folder in steps.iterdir()}
    call("clean", str(path))
    assert {folder.name for folder in steps.iterdir()} == {*before, "notes"}
    assert "every folder is needed" in call("clean", str(path))
    assert "nothing to do" in call("run", str(path))


def test_verify_reads_a_run_again(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"text": "a bean"}\n{"text": "a date"}\n')
    stages = [{"read": {"paths": str(tmp_path / "in.jsonl")}}]
    path = tmp_path / "pipeline.yaml"
    path.write_text(json.dumps({"output": str(tmp_path / "out"), "workers": 1, "stages": stages}))
    call("run", str(path))
    assert "as it was written" in call("verify", str(tmp_path / "out"))
    (part,) = (tmp_path / "out" / "steps").glob("00-*/parts/00000.parquet")
    data = bytearray(part.read_bytes())
    data[20] ^= 1
    part.write_bytes(bytes(data))
    result = CliRunner().invoke(app, ["verify", str(tmp_path / "out")])
    assert result.exit_code != 0
    assert f"{part} holds other bytes than were written" in result.output.replace("\n", "")
    assert "documents/00000.parquet is not what any step wrote" in result.output.replace("\n", "")
