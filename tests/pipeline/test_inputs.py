"""Input files that change: while a run reads them it stops with the file's name and keeps nothing of it.

Between runs their size and times tell; only files that somebody has touched are read again to plan a run.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from prep.corpus.errors import RunError, TaskError
from prep.corpus.files.storage import open_input, read_json
from prep.pipeline.integrity import inputs
from prep.pipeline.integrity.inputs import MEMORY, Stretch, identify, remember
from prep.stages.stage import FileRange, InputFile, Partition

from .conftest import WritePipeline
from .test_run import run_it, tree


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


def touch(path: Path) -> None:
    os.utime(path, ns=(1, 1))


def copy_over(path: Path) -> None:
    shutil.copyfile(path, path.with_suffix(".copy"))
    path.with_suffix(".copy").replace(path)


def lead_elsewhere(path: Path) -> None:
    path.rename(path.with_suffix(".moved"))
    path.symlink_to(path.with_suffix(".moved"))


@pytest.mark.parametrize("most_read", [0, 1000])
@pytest.mark.parametrize("change", [touch, copy_over, lead_elsewhere])
def test_a_file_with_other_times_and_the_same_content_makes_nothing_run_again(
    write_pipeline: WritePipeline,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[Path], None],
    most_read: int,
) -> None:
    path = write_pipeline(["short"], ["apple", "bean"], ["cherry"])
    monkeypatch.setattr(inputs, "MOST_READ", most_read)
    assert run_it(path).ran
    change(tmp_path / "in" / "0.jsonl")
    assert run_it(path).ran == ()
    assert run_it(path).ran == ()


def test_an_edit_that_sets_the_time_back_is_seen_in_the_next_run(write_pipeline: WritePipeline, tmp_path: Path) -> None:
    path = write_pipeline(["short"], ["apple", "bean"], ["cherry"])
    run_it(path)
    edit_and_set_the_time_back(tmp_path / "in" / "0.jsonl")
    assert run_it(path).ran
    assert run_it(path).ran == ()


def test_a_file_touched_after_a_run_that_did_not_end_gives_the_same_bytes(
    write_pipeline: WritePipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inputs, "MOST_READ", 0)
    path = write_pipeline(["short"], ["apple", "bean"], ["cherry"])
    run_it(path)
    published = tree(tmp_path / "out")
    shutil.rmtree(tmp_path / "out")
    with monkeypatch.context() as patch:
        patch.setattr("prep.pipeline.integrity.inputs.remember", lambda *_: (_ for _ in ()).throw(RunError("killed")))
        with pytest.raises(RunError, match="killed"):
            run_it(path)
    touch(tmp_path / "in" / "0.jsonl")
    run_it(path)
    assert tree(tmp_path / "out") == published


def test_only_files_that_were_touched_are_read_to_plan_a_run(
    write_pipeline: WritePipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inputs, "MOST_READ", 0)
    path = write_pipeline(["short"], ["apple", "bean"], ["cherry"])
    opened: list[str] = []

    def watched(name: str) -> object:
        opened.append(name)
        return open_input(name)

    run_it(path)
    monkeypatch.setattr("prep.pipeline.integrity.inputs.open_input", watched)
    run_it(path)
    assert opened == []
    touch(tmp_path / "in" / "1.jsonl")
    run_it(path)
    assert opened == [str(tmp_path / "in" / "1.jsonl")]


def test_bytes_that_change_under_the_same_size_and_times_stop_the_run_and_are_read_anew(
    write_pipeline: WritePipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim = tmp_path / "in" / "0.jsonl"
    monkeypatch.setattr(inputs, "MOST_READ", 0)
    path = write_pipeline(["short"], ["apple", "bean"], ["cherry"])
    monkeypatch.setattr("prep.pipeline.integrity.inputs._state", lambda name: f"{Path(name).stat().st_size} same")
    run_it(path)
    edit_and_set_the_time_back(victim)
    assert run_it(path).ran == (), "nothing shows it"
    with pytest.raises(RunError, match=f"{victim} holds other bytes"):
        run_it(path, "short.most=21", "batch_bytes=2000", "read.keep=[]")
    assert run_it(path, "read.keep=[]").ran
    assert any("grape" in text for text in published_texts(tmp_path))


def published_texts(folder: Path) -> list[str]:
    paths = sorted((folder / "out" / "documents").glob("*.parquet"))
    return [text for path in paths for text in pq.read_table(path).column("text").to_pylist()]


def test_stretches_that_are_not_the_whole_file_are_no_proof_of_its_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inputs, "MOST_READ", 0)
    path = tmp_path / "a.txt"
    path.write_bytes(b"abcdef")
    (file,) = identify([InputFile(str(path), 6)], str(tmp_path), 1)
    halves = [Partition((FileRange(file, 3, first=first),)) for first in (0, 3)]
    read = [stretch for half in halves for _, stretch in inputs.read_stretches(half)]
    assert [(stretch.first, stretch.size) for stretch in read] == [(0, 3), (3, 3)]
    remember(str(tmp_path), halves, {str(path): read[1:]})
    touch(path)
    (other,) = identify([InputFile(str(path), 6)], str(tmp_path), 1)
    assert other.identity != file.identity
    remember(str(tmp_path), [Partition((FileRange(other, 6),))], {str(path): [read[1], *read]})
    touch(path)
    (same,) = identify([InputFile(str(path), 6)], str(tmp_path), 1)
    assert same.identity == other.identity
    kept = read_json(f"{tmp_path}/{MEMORY}")[str(path)]
    assert [Stretch(*each) for each in kept["stretches"]] == read  # type: ignore[index]
