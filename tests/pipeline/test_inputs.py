"""Input files that change while a run reads them: the run stops with the file's name and keeps nothing of it."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from prep.corpus.errors import TaskError
from prep.pipeline.steps import inputs

from .conftest import WritePipeline
from .test_run import run_it


def grow(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b'{"text": "one more"}\n')


def shrink(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


def vanish(path: Path) -> None:
    path.unlink()


def edit_and_set_the_time_back(path: Path) -> None:
    times = path.stat()
    path.write_bytes(path.read_bytes().replace(b"apple", b"grape"))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


@pytest.mark.parametrize("change", [grow, shrink, vanish, edit_and_set_the_time_back])
@pytest.mark.parametrize("when", ["before", "while"])
def test_an_input_that_changes_stops_the_run(
    write_pipeline: WritePipeline,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[Path], None],
    when: str,
) -> None:
    path = write_pipeline(["short"], ["apple", "bean"])
    victim = tmp_path / "in" / "0.jsonl"
    original = inputs.confirm
    calls = []

    def confirm(file: object) -> None:
        calls.append(file)
        if len(calls) == (1 if when == "before" else 2):
            change(victim)
        original(file)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr("prep.pipeline.steps.passes.confirm", confirm)
        with pytest.raises(TaskError, match=str(victim)):
            run_it(path)
    assert not list((tmp_path / "out" / "steps").glob("*/tasks/*.json"))
    if victim.exists():
        assert run_it(path).ran
