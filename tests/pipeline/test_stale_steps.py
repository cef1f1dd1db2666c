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


def test_what_a_release_changed_stands_in_a_few_lines(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"text": "a bean"}\n')
    path = tmp_path / "pipeline.yaml"
    stages = [{"read": {"paths": str(tmp_path / "in.jsonl")}}]
    path.write_text(json.dumps({"output": str(tmp_path / "out"), "workers": 1, "stages": stages}))
    call("run", str(path))
    (step,) = (tmp_path / "out" / "steps").glob("00-read-*")
    identity = json.loads((step / "identity.json").read_text())
    identity["read"] |= {"version": 1, **{f"option{number}": number for number in range(9)}}
    columns = dict.fromkeys((f"column{number:02}" for number in range(20)), "string")
    (step / "identity.json").write_text(json.dumps({**identity, "columns": columns}))
    step.rename(step.with_name("00-read-000000000000"))
    lines = CliRunner().invoke(app, ["status", str(path)]).output.splitlines()
    said = lines[lines.index("00 read: to run") + 1 :]
    assert said[0].startswith("  read.version 1 → ")
    assert said[1:8] == [f"  read.option{number} removed" for number in range(7)]
    assert said[8] == "  and 4 changes more"


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
