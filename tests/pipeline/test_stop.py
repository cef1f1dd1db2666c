"""Runs that go on by themselves, and are ended from elsewhere."""

import os
import subprocess
import sys
from pathlib import Path
from time import sleep

import pytest
from typer.testing import CliRunner

from prep.corpus.errors import RunError
from prep.pipeline.cli import app
from prep.pipeline.monitor.state import HEARTBEAT, STOP, Recorder, ask_to_stop, begin_state

from .conftest import WritePipeline

AT_WORK = """
import sys
from time import sleep
from prep.pipeline.execution.alone import alone
from prep.pipeline.execution.interrupts import INTERRUPTS
from prep.pipeline.monitor.state import Recorder, begin_state
with INTERRUPTS.listening(), alone(sys.argv[1]), Recorder(sys.argv[1], begin_state("p.yaml", [], 1, "local")):
    print("at work", flush=True)
    sleep(60)
"""


def test_a_run_is_stopped_from_elsewhere_and_one_that_has_ended_is_said_to_have(tmp_path: Path) -> None:
    steps = tmp_path / "out" / "steps"
    with subprocess.Popen([sys.executable, "-c", AT_WORK, str(steps)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "at work\n"
        changed = CliRunner().invoke(app, ["workers", str(tmp_path / "out"), "5"])
        assert "5 workers from now on, 1 before" in changed.output
        assert ", 5 workers, " in CliRunner().invoke(app, ["status", str(tmp_path / "out")]).output.replace("\n", " ")
        stopped = CliRunner().invoke(app, ["stop", str(tmp_path / "out")])
        assert "stopped; it is interrupted" in stopped.output
        assert process.wait(10) == 143
    again = CliRunner().invoke(app, ["stop", str(tmp_path / "out")])
    assert "no run is at work here; the last one is interrupted" in again.output
    late = CliRunner().invoke(app, ["workers", str(tmp_path / "out"), "5"])
    assert isinstance(late.exception, RunError)
    assert "the last one is interrupted; hint: prep run --workers 5" in str(late.exception)


def test_what_was_asked_of_a_run_before_does_not_stop_the_next_one(tmp_path: Path) -> None:
    (tmp_path / "steps").mkdir()
    ask_to_stop(str(tmp_path / "steps"))
    shorter = AT_WORK.replace("sleep(60)", "sleep(1.5)")
    assert subprocess.run([sys.executable, "-c", shorter, str(tmp_path / "steps")], check=False).returncode == 0
    assert not (tmp_path / "steps" / STOP).exists()


def test_a_run_shows_life_where_the_file_system_fails_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prep.pipeline.monitor.state.LOOK_SECONDS", 0.01)
    monkeypatch.setattr("prep.pipeline.monitor.state.BEAT_SECONDS", 0.01)
    beat = tmp_path / HEARTBEAT
    with Recorder(str(tmp_path), begin_state("p.yaml", [], 1, "local")):
        (tmp_path / STOP).mkdir()  # cannot be removed as a file
        sleep(0.1)
        os.utime(beat, (0, 0))
        for _ in range(500):
            if beat.stat().st_mtime:
                break
            sleep(0.01)
        assert beat.stat().st_mtime


def test_a_detached_run_goes_on_by_itself(write_pipeline: WritePipeline, tmp_path: Path) -> None:
    path = write_pipeline([], ["apple", "bean"], title="by itself")
    started = CliRunner().invoke(app, ["run", str(path), "--detach", "--set", "title=another"])
    assert "started as process" in started.output
    for _ in range(600):
        if (tmp_path / "out" / "ledger.json").exists():
            break
        sleep(0.1)
    assert "results: " in wait_for_log(tmp_path / "out" / "steps" / "driver.log")
    assert "another" in (tmp_path / "out" / "pipeline.yaml").read_text()


def wait_for_log(path: Path) -> str:
    for _ in range(100):
        if "results: " in path.read_text():
            break
        sleep(0.1)
    return path.read_text()
