"""Runs from end to end: what is published, what the ledger says, what runs again, what survives a kill."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

import pyarrow.parquet as pq
import pytest

from prep.corpus.errors import RunError, TaskError
from prep.pipeline import config, contract
from prep.pipeline.execution.tasks import Call
from prep.pipeline.monitor.state import CONFIGURATION, LOCK
from prep.pipeline.reports.progress import Progress
from prep.pipeline.reports.status import status
from prep.pipeline.reports.terminal import Terminal
from prep.pipeline.run import Result, plan_for, run, steps_folder
from prep.pipeline.steps import records

from ..file_hashes import file_hashes
from .conftest import Short, WritePipeline

FILES = (
    ["apple tree", "BREAK", "avocado", "x", "bean"],
    ["cherry", "cedar", "a document that is much too long to be kept"],
    ["date", "bread", "elder"],
)
WHOLE: list[object] = ["shout", "short", "one_per_letter", "count", "needs"]


def run_it(path: Path, *overrides: str) -> Result:
    configuration, located = config.load(str(path), overrides)
    contract.check(configuration, located)
    return run(configuration, Progress(Terminal(quiet=True)))


def tree(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every published file."""
    return file_hashes(folder, without={"steps", CONFIGURATION})


def test_everything_is_accounted_for_and_published(write_pipeline: WritePipeline, tmp_path: Path) -> None:
    path = write_pipeline(WHOLE, *FILES)
    result = run_it(path)
    assert result.ran == ("read-shout-short", "one_per_letter", "documents", "count", "needs") or result.ran[
        0
    ].startswith("read")
    ledger = json.loads((tmp_path / "out" / "ledger.json").read_text())
    assert ledger["stages"] == [
        {"name": "read", "in": 11, "kept": 11, "rejected": {}, "failed": {}},
        {"name": "shout", "in": 11, "kept": 10, "rejected": {}, "failed": {"ValueError": 1}},
        {"name": "short", "in": 10, "kept": 8, "rejected": {"too_long": 1}, "failed": {"one_letter": 1}},
        {"name": "one_per_letter", "in": 8, "kept": 5, "rejected": {"same_letter": 3}, "failed": {}},
        {"name": "count", "in": 5, "kept": 5, "rejected": {}, "failed": {}},
        {"name": "needs", "in": 5, "kept": 5, "rejected": {}, "failed": {}},
    ]
    documents = pq.read_table(tmp_path / "out" / "documents")
    assert documents.column("text").to_pylist() == ["apple tree", "bean", "cherry", "date", "elder"]
    assert documents.column("loud").to_pylist()[0] == "APPLE TREE!"
    rejected = {row["id"]: row for row in pq.read_table(tmp_path / "out" / "rejected").to_pylist()}
    assert len(rejected) == 6
    assert rejected["0-1"]["failed"]
    assert rejected["0-1"]["detail"] == "this document breaks the stage"
    assert (rejected["1-2"]["stage"], rejected["1-2"]["rule"], rejected["1-2"]["value"]) == ("short", "too_long", 43.0)
    assert rejected["2-1"]["rule"] == "same_letter"
    assert list(rejected)[:3] == ["0-1", "0-3", "1-2"], "in the documents' order, whichever stage lost them"
    assert (tmp_path / "out" / "tokenizer" / "tokenizer.json").read_text() == "29"
    assert (tmp_path / "out" / "shards" / "train" / "copy.txt").read_text() == "29"


def test_findings_are_published(write_pipeline: WritePipeline, tmp_path: Path) -> None:
    texts = ["a b a", "c c", "d", "BREAK", "e f f"]
    run_it(write_pipeline(["shout", "hapax"], texts))
    found = pq.read_table(tmp_path / "out" / "findings" / "02-hapax" / "00000.parquet")
    assert found.to_pydict() == {"id": ["0-0", "0-2", "0-4"], "word": ["b", "d", "e"]}
    before = tree(tmp_path / "out")
    run_it(write_pipeline(["shout", "hapax"], texts), f"output={tmp_path}/small", "batch_bytes=1024")
    assert tree(tmp_path / "small") == before
    run_it(write_pipeline(["shout"], texts))
    assert not (tmp_path / "out" / "findings").exists()


def test_copies_have_ids_of_their_own_and_are_counted(write_pipeline: WritePipeline, tmp_path: Path) -> None:
    ledger = run_it(write_pipeline(["echo", "shout"], ["b", "a b c", "a BREAK", "!", "d e"])).ledger
    documents = pq.read_table(tmp_path / "out" / "documents")
    assert documents.column("id").to_pylist() == ["0-0", "0-1", "0-1~2", "0-1~3", "0-3", "0-4", "0-4~2"]
    echo, shout = ledger.as_json()["stages"][1:]  # type: ignore[index]
    assert echo == {"name": "echo", "in": 5, "kept": 9, "rejected": {}, "failed": {}, "repeated": 4}
    assert shout == {"name": "shout", "in": 9, "kept": 7, "rejected": {}, "failed": {"ValueError": 2}}
    rejected = pq.read_table(tmp_path / "out" / "rejected")
    assert rejected.column("id").to_pylist() == ["0-2", "0-2~2"]


def test_what_a_global_stage_cuts_and_adds_reaches_the_documents(write_pipeline: WritePipeline, tmp_path: Path) -> None:
    run_it(write_pipeline(["one_per_letter", "beheaded"], *FILES))
    parts = sorted((tmp_path / "out" / "documents").glob("*.parquet"))
    rows = [(row["head"], row["text"]) for part in parts for row in pq.read_table(part).to_pylist()]
    words = ["apple tree", "BREAK", "x", "bean", "cherry", "a document", "date", "elder"]
    assert rows == [(text[0], text[1:]) for text in words if text != "a document"]


def test_a_second_run_has_nothing_to_do(write_pipeline: WritePipeline) -> None:
    path = write_pipeline(WHOLE, *FILES)
    first = run_it(path)
    second = run_it(path)
    assert second.ran == ()
    assert second.ledger == first.ledger


@pytest.mark.parametrize(
    ("override", "again"),
    [("count.factor=3", ["count", "needs"]), ("short.most=3", None)],
)
def test_only_what_a_change_touches_runs_again(
    write_pipeline: WritePipeline, tmp_path: Path, override: str, again: list[str] | None
) -> None:
    path = write_pipeline(WHOLE, *FILES)
    everything = run_it(path).ran
    assert list(run_it(path, override).ran) == (list(everything) if again is None else again)
    assert run_it(path).ran == (), "the steps of before still stand"
    assert (tmp_path / "out" / "tokenizer" / "tokenizer.json").read_text() == "29"


def test_what_the_plan_no_longer_makes_is_taken_away(write_pipeline: WritePipeline, tmp_path: Path) -> None:
    run_it(write_pipeline(WHOLE, *FILES))
    assert (tmp_path / "out" / "count.svg").read_bytes() == b"<svg>29</svg>"
    run_it(write_pipeline(["shout"], *FILES))
    assert not (tmp_path / "out" / "count.svg").exists()
    assert not (tmp_path / "out" / "tokenizer").exists()
    assert not (tmp_path / "out" / "shards").exists()


@pytest.mark.parametrize("options", [{"workers": 2}, {"batch_bytes": 1024}])
def test_execution_never_changes_a_byte(
    write_pipeline: WritePipeline, tmp_path: Path, options: dict[str, object]
) -> None:
    files = [[f"{letter}{word} " * 9 for word in range(40)] for letter in "abc"]
    stages: list[object] = ["language", "signals", "clean_lines", {"quality": {"recipe": "fineweb"}}]
    run_it(write_pipeline(stages, *files))
    before = tree(tmp_path / "out")
    run_it(write_pipeline(stages, *files, output=str(tmp_path / "other"), **options))
    assert tree(tmp_path / "other") == before


def test_a_damaged_step_is_made_again(write_pipeline: WritePipeline, tmp_path: Path) -> None:
    path = write_pipeline(WHOLE, *FILES)
    run_it(path)
    before = tree(tmp_path / "out")
    part = next((tmp_path / "out" / "steps").glob("*read*/parts/00000.parquet"))
    part.unlink()
    configuration, _ = config.load(str(path))
    found = status(plan_for(configuration), steps_folder(configuration))
    assert [item.complete for item in found] == [False, True, True, True, True]
    assert found[0].reasons == (f"{part} is missing",)
    assert run_it(path).ran == (found[0].step.title,)
    assert tree(tmp_path / "out") == before


def test_a_failing_task_is_named_with_its_log_and_the_rest_is_kept(
    write_pipeline: WritePipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_pipeline(WHOLE, *FILES)
    original = Short.open

    def breaks(stage: Short) -> object:
        raise RunError("the model is gone; put it back")

    with monkeypatch.context() as patch:
        patch.setattr(Short, "open", breaks)
        with pytest.raises(
            TaskError, match=r"task 0: the model is gone; put it back\n  the traceback is in "
        ) as caught:
            run_it(path, "short.most=19")
    log = Path(str(caught.value).rsplit(" in ", 1)[1])
    assert "Traceback" in log.read_text()
    assert Short.open is original
    assert run_it(path, "short.most=19").ledger.counts[-1].kept == 5


def test_status_says_why(write_pipeline: WritePipeline) -> None:
    path = write_pipeline(WHOLE, *FILES)

    def reasons(*overrides: str) -> list[tuple[str, ...]]:
        configuration, _ = config.load(str(path), overrides)
        return [tuple(item.reasons) for item in status(plan_for(configuration), steps_folder(configuration))]

    assert reasons() == [("never ran",)] * 5
    run_it(path)
    assert reasons() == [()] * 5
    assert reasons("count.factor=2") == [(), (), (), ("count.factor 1 → 2",), ("follows count",)]
    assert reasons("short.most=9")[0] == ("short.most 20 → 9",)
    configuration, _ = config.load(str(path))
    step = plan_for(configuration).steps[0]
    Path(steps_folder(configuration), step.folder, records.MANIFEST).unlink()
    Path(records.task_path(f"{steps_folder(configuration)}/{step.folder}", "pass", 0)).unlink()
    assert reasons()[0] == ("interrupted: 0 of 1 tasks are done",)


SCRIPT = """
import sys
from prep.pipeline.cli import main
sys.argv = ["prep", *sys.argv[1:]]
main()
"""


def start(arguments: Sequence[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def test_killed_runs_end_with_the_same_bytes(write_pipeline: WritePipeline, tmp_path: Path) -> None:
    words = ["bread", "water", "stone", "river", "cloud", "light", "honey", "glass"]
    files = [
        [" ".join(words[(number * row + place) % 8] for place in range(200)) + f" {number} {row}" for row in range(400)]
        for number in range(8)
    ]
    stages: list[object] = ["language", "signals", {"quality": {"recipe": "gopher", "rules": {"top_2_gram": None}}}]
    run_it(write_pipeline(stages, *files))
    whole = tree(tmp_path / "out")
    path = write_pipeline(stages, *files, output=str(tmp_path / "killed"), workers=2)
    for seconds in (1.0, 1.6, 2.2):
        process = start(["run", str(path)])
        time.sleep(seconds)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    run_it(path)
    assert tree(tmp_path / "killed") == whole
    assert not list((tmp_path / "killed").rglob("*.tmp"))


def test_a_second_run_at_the_same_time_is_refused(write_pipeline: WritePipeline, tmp_path: Path) -> None:
    path = write_pipeline(WHOLE, *FILES)
    lock = tmp_path / "out" / "steps" / LOCK
    lock.parent.mkdir(parents=True)
    script = f"import fcntl; file = open({str(lock)!r}, 'w'); fcntl.lockf(file, fcntl.LOCK_EX); print('held'); input()"
    with subprocess.Popen([sys.executable, "-uc", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(RunError, match="another run is at work here; wait for it, or set another output"):
            run_it(path)
        other.kill()
    run_it(path)


def test_a_worker_that_is_killed_changes_nothing(busy: subprocess.Popen[bytes], tmp_path: Path) -> None:
    os.kill(workers(busy.pid)[0], signal.SIGKILL)
    _, message = busy.communicate(timeout=60)
    assert busy.returncode == 0, message
    run_it(tmp_path / "pipeline.yaml", "workers=1", f"output={tmp_path}/whole")
    assert tree(tmp_path / "whole") == tree(tmp_path / "out")


def test_workers_end_with_the_run(busy: subprocess.Popen[bytes]) -> None:
    busy.kill()
    busy.wait()
    deadline = time.monotonic() + 10
    while processes(busy.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert processes(busy.pid) == {}


@pytest.fixture
def busy(write_pipeline: WritePipeline, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Return a run whose two workers are at work."""
    path = write_pipeline(["language"], *[["word " * 2000] * 400] * 4, workers=2)
    process = start(["run", str(path)])
    while not list((tmp_path / "out").rglob("*.tmp")) or not workers(process.pid):
        time.sleep(0.02)
    yield process
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def workers(session: int) -> list[int]:
    """Return the processes whose parent is the fork server of a session."""
    found = processes(session)
    servers = {pid for pid, (parent, command) in found.items() if "forkserver" in command and parent == session}
    return [pid for pid, (parent, _) in found.items() if parent in servers]


def processes(session: int) -> dict[int, tuple[int, str]]:
    """Return the parents and commands of a session's processes."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            _, parent, _, its_session = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
            if int(its_session) == session:
                found[int(folder.name)] = (int(parent), (folder / "cmdline").read_text())
    return found


def test_an_error_that_cannot_be_written_down_is_raised_all_the_same(tmp_path: Path) -> None:
    class Full:
        notes: ClassVar[bool] = False

        def run(self, task: int) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/disk/part.parquet")

    (tmp_path / "logs").write_text("a file where the folder of error files should be")
    call = Call(Full(), "read", (0,), str(tmp_path), "pass")
    with pytest.raises(TaskError, match=r"read, task 0: OSError: .*No space left on device: '/disk/part\.parquet'"):
        call(None, 0)
