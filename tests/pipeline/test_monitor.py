"""A run seen from outside: running, done, failed and interrupted runs, by configuration and by output folder."""

import json
import os
import socket
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from time import time
from typing import ClassVar

import pytest
import yaml

from prep.corpus.errors import TaskError
from prep.pipeline.commands.recipes import RecipesAnswer
from prep.pipeline.execution.quarantine import Note
from prep.pipeline.execution.tasks import Call
from prep.pipeline.integrity.verifying import VerifyAnswer
from prep.pipeline.monitor import slow_tasks
from prep.pipeline.monitor.amounts import duration, progress_line, seconds_left
from prep.pipeline.monitor.meter import Meter
from prep.pipeline.monitor.observing import StatusAnswer, observe
from prep.pipeline.monitor.outcomes import RemoveAnswer, StagesAnswer
from prep.pipeline.monitor.planning import CheckAnswer, CleanAnswer
from prep.pipeline.monitor.state import (
    HEARTBEAT,
    LOCK,
    STATE,
    PhaseState,
    Recorder,
    StepState,
    begin_state,
    read_state,
    standing_of,
)
from prep.pipeline.reports.report import ReportAnswer
from prep.pipeline.steps import records
from prep.pipeline.steps.effort import Effort, write_task_effort
from prep.pipeline.takedown.tracing import TraceAnswer
from prep.stages.results import Counts

from .conftest import WritePipeline
from .test_cli import call

TEXTS = ["apple tree", "avocado", "bean"]
HOLDER = """
import fcntl, sys
file = open(sys.argv[1], "w")
fcntl.lockf(file, fcntl.LOCK_EX)
print("held", flush=True)
input()
"""


def answer(out: str) -> StatusAnswer:
    return StatusAnswer.model_validate_json(out)


def test_a_run_that_is_done_is_seen_by_its_configuration_and_by_its_folder(
    write_pipeline: WritePipeline, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("PREP_TEST_SECRET", "s3cret")
    path = write_pipeline([{"short": {"most": 30}}, "one_per_letter"], TEXTS, title="${PREP_TEST_SECRET}")
    status, out, err = call(monkeypatch, capsys, "run", str(path), "--set", "short.most=9", "--json")
    assert (status, err) == (0, "")
    whole = answer(out)
    assert whole.standing == "done"
    assert [(stage.name, stage.entered, stage.kept) for stage in whole.funnel] == [
        ("read", 3, 3),
        ("short", 3, 2),
        ("one_per_letter", 2, 2),
    ]
    assert [step.standing for step in whole.steps] == ["done"] * 3
    output = tmp_path / "out"
    effective = yaml.safe_load((output / "pipeline.yaml").read_text())
    assert effective["stages"][1] == {"short": {"most": 9}}
    assert "s3cret" not in (output / "pipeline.yaml").read_text()
    for target in (path, output):
        status, out, _ = call(monkeypatch, capsys, "status", str(target), "--json")
        assert status == 0
        assert answer(out).funnel == whole.funnel
        status, out, _ = call(monkeypatch, capsys, "status", str(target))
        assert f"{output}: done after" in out
        assert f"next: prep report {output} --open" in out
        status, out, _ = call(monkeypatch, capsys, "report", str(target), "--json")
        assert ReportAnswer.model_validate_json(out).funnel == whole.funnel
    assert "to run (short.most 9 → 30)" in call(monkeypatch, capsys, "status", str(path))[1]
    status, out, _ = call(monkeypatch, capsys, "check", str(output), "--json")
    assert [step.title for step in CheckAnswer.model_validate_json(out).steps][1] == "one_per_letter"
    status, out, _ = call(monkeypatch, capsys, "clean", str(output), "--json")
    assert CleanAnswer.model_validate_json(out).folders == []
    for target in (path, output):
        _, out, _ = call(monkeypatch, capsys, "trace", str(target), "--id", "0-0", "--json")
        (document,) = TraceAnswer.model_validate_json(out).documents
        assert (document.loss and document.loss.stage, document.passed) == ("short", ("read",))
        _, out, _ = call(monkeypatch, capsys, "verify", str(target), "--json")
        assert VerifyAnswer.model_validate_json(out).faults == 0
    _, out, _ = call(monkeypatch, capsys, "stages", "--json")
    assert "minhash" in {stage.name for stage in StagesAnswer.model_validate_json(out).stages}
    _, out, _ = call(monkeypatch, capsys, "stages", "read", "--json")
    (stage,) = StagesAnswer.model_validate_json(out).stages
    (sources,) = (option for option in stage.options or () if option.name == "sources")
    assert "paths" in {option.name for option in sources.options}
    arguments = ("--id", "0-0", "--output", str(output.parent / "without"))
    _, out, _ = call(monkeypatch, capsys, "remove", str(output), *arguments, "--json")
    assert RemoveAnswer.model_validate_json(out).documents + RemoveAnswer.model_validate_json(out).rejected == 1
    _, out, _ = call(monkeypatch, capsys, "recipes", "gopher", "--json")
    assert "short_doc" in {rule.rule for rule in RecipesAnswer.model_validate_json(out).recipes[0].rules}
    assert "nothing to do" in call(monkeypatch, capsys, "run", str(output))[1]
    assert call(monkeypatch, capsys, "run", str(path), "--quiet", "--set", "short.most=9")[:2] == (0, "")


def test_a_run_that_fails_says_where_and_why_and_shows_what_there_is(
    write_pipeline: WritePipeline, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    stages = ["shout", "one_per_letter", {"tokenizer": {"kind": "bpe", "vocabulary": 1000}}]
    path = write_pipeline(stages, [text * 500 for text in TEXTS])
    line = path.read_text().splitlines().index("- tokenizer:") + 1
    status, out, err = call(monkeypatch, capsys, "run", str(path))
    assert status == 1, err
    assert "failed while training the tokenizer; 3 of 4 steps are done" in err
    assert f"change the options of `tokenizer` ({path}:{line}); then: prep run {path}" in err
    assert "Traceback" not in err
    output = tmp_path / "out"
    assert sorted(each.name for each in output.iterdir()) == [
        "documents",
        "funnel.json",
        "ledger.json",
        "pipeline.yaml",
        "rejected",
        "steps",
        "warnings.json",
    ]
    stages = json.loads((output / "ledger.json").read_text())["stages"]
    assert [stage["name"] for stage in stages] == ["read", "shout", "one_per_letter"]
    for command in ("status", "report"):
        for target in (path, output):
            status, out, _ = call(monkeypatch, capsys, command, str(target))
            assert status == 0
            assert f"{output}: failed after" in out
            assert "failed while training the tokenizer: tokenizer" in out
            assert "same_letter 1" in " ".join(out.split())
            assert f"change the options of `tokenizer` ({path}:{line})" in out
    found = observe(str(output))
    assert found is not None
    assert [step.standing for step in found.steps] == ["done", "done", "done", "failed"]
    assert found.next == f"prep run {path}"


def test_a_run_is_never_interrupted_while_its_process_lives(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    steps = tmp_path / "out" / "steps"
    steps.mkdir(parents=True)
    with Recorder(str(steps), begin_state("a.yaml", (), 1, "local")):
        pass
    os.utime(steps / HEARTBEAT, (0, 0))
    holder = [sys.executable, "-c", HOLDER, str(steps / LOCK)]
    with subprocess.Popen(holder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        other.stdout.readline()
        status, out, _ = call(monkeypatch, capsys, "status", str(tmp_path / "out"))
        assert status == 0
        assert f"out: running for 0 s (process {os.getpid()} on " in out
        assert f"next: prep status {tmp_path}/out --watch" in out
        other.kill()
    assert "out: interrupted, starting" in call(monkeypatch, capsys, "status", str(tmp_path / "out"))[1]
    assert "next: prep run a.yaml" in call(monkeypatch, capsys, "status", str(tmp_path / "out"))[1]
    state = read_state(str(steps))
    assert state is not None
    elsewhere = replace(state, host="another")
    assert standing_of(str(steps), elsewhere) == "interrupted"
    os.utime(steps / HEARTBEAT)
    assert standing_of(str(steps), elsewhere) == "running", "its heartbeat is all that another machine may see"
    (steps / STATE).write_text("[1")
    assert observe(str(tmp_path / "out")) is None


def test_how_far_a_phase_is(tmp_path: Path) -> None:
    folder = str(tmp_path)
    meter = Meter(folder, "pass", 4)
    assert meter.read().share == 0
    for task in range(2):
        records.write_task(folder, "pass", task, records.Record({1: Counts(100, 90)}, read=100, bytes=5000))
    assert (meter.read().finished, meter.read().documents, meter.read().share) == (2, 200, 0.5)
    with Note(records.note_path(folder, "pass", 3)) as note:
        note.documents, note.bytes = 50, 2500
        note.at(note._spot)
        reading = meter.read()
    assert (reading.documents, reading.bytes, reading.share) == (250, 12_500, 0.625)
    assert meter.counts() == {1: Counts(200, 180)}
    assert progress_line(reading, 10) == "2 of 4 tasks, 250 documents, 25 documents/s, 0.0013 MB/s, about 6 s left"
    single = Meter(folder, "train", 1)
    (tmp_path / "scratch").mkdir()
    (tmp_path / "scratch" / "progress.txt").write_text("step 1,200 of 4,800, loss 2.1")
    assert single.read().share == 0.25


@dataclass(frozen=True)
class Looks:
    """Work that sees whether it stands there that it runs, and may fail."""

    notes: ClassVar[bool] = False
    folder: str

    def run(self, task: int) -> None:
        begun = records.read_begun(self.folder, "pass", task)
        assert begun is not None
        assert (begun.host, records.begun_tasks(self.folder, "pass")) == (socket.gethostname(), frozenset({task}))
        assert abs(begun.time - time()) < 60
        if task:
            raise ValueError("wrong")


def test_a_task_that_takes_many_times_as_long_as_most_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(tmp_path / "out" / "steps" / "00-read")
    work = Call(Looks(folder), "looks", (0, 1), folder, "pass")
    work(None, 0)
    with pytest.raises(TaskError, match="wrong"):
        work(None, 1)
    assert not records.begun_tasks(folder, "pass")

    monkeypatch.setattr(slow_tasks, "LOOK_SECONDS", 0.0)
    meter = Meter(folder, "pass", 7)
    for task, ago in ((4, 3600), (5, 700), (6, 300)):
        Path(records.begun_path(folder, "pass", task)).write_text(f"{time() - ago:.3f} node{task}")
    for task, seconds in enumerate((1.0, 90.0, 100.0, 130.0)):
        assert task == 3 or not meter.read().slow, "too few are done to say what is usual"
        write_task_effort(folder, "pass", task, Effort({}, seconds))
        if task != 3:
            records.write_task(folder, "pass", task, records.Record())
    assert [(each.task, each.median_seconds) for each in meter.read().slow] == [(4, 90.0), (5, 90.0)]
    records.write_task(folder, "pass", 3, records.Record())
    reading = meter.read()
    assert [(each.task, each.host, each.median_seconds) for each in reading.slow] == [
        (4, "node4", 95.0),
        (5, "node5", 95.0),
    ]
    line = "slow: task 4 on node4 (1 h 0 min, median 1 min 35 s), 1 more"
    assert progress_line(reading, 1).endswith(line)
    state = begin_state("a.yaml", (), 1, "local")
    step = StepState("read", "reading", "00-read", (), (PhaseState("pass", 7),), standing="running")
    with Recorder(str(tmp_path / "out" / "steps"), replace(state, steps=(step,), at=0, phase=0)):
        assert line in call(monkeypatch, capsys, "status", str(tmp_path / "out"))[1].replace("\n", " ")
        answer = observe(str(tmp_path / "out"))
        assert answer is not None
        assert answer.progress is not None
        assert [each.task for each in answer.progress.slow] == [4, 5]
    Path(records.begun_path(folder, "pass", 4)).write_text("1")
    assert [each.task for each in meter.read().slow] == [5], "its file is cut off"


def test_durations_and_time_left() -> None:
    assert [duration(each) for each in (0.4, 59, 61, 3599, 3661, 100_000)] == [
        "0 s",
        "59 s",
        "1 min 1 s",
        "59 min",
        "1 h 1 min",
        "1 d 3 h",
    ]
    assert seconds_left(0.25, 10) == 30
    assert seconds_left(0.0, 10) is None
    assert begin_state("a.yaml", (), 1, "local").started <= time()
