"""Files that change behind the records: each is noticed, named and made again, and nothing that comes out differs."""

import os
import shutil
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest

from prep.pipeline import config, contract
from prep.pipeline.config import RayExecutor
from prep.pipeline.integrity import digesting
from prep.pipeline.reports.progress import Progress
from prep.pipeline.reports.terminal import Terminal
from prep.pipeline.run import run
from prep.stages.read import cutting

from ..file_hashes import file_hashes
from .conftest import WritePipeline

FILES = (
    ["apple tree", "avocado", "x", "bean"],
    ["cherry", "cedar", "a document that is much too long to be kept"],
    ["date", "bread", "elder"],
)
WHOLE: list[object] = ["shout", "short", "hapax", "one_per_letter", "beheaded", "count", "needs"]
RESULTS = {
    "part of the first pass": "00-*/parts/00001.parquet",
    "rejected documents": "00-*/rejected/00000.parquet",
    "findings": "00-*/findings/*/00000.parquet",
    "bitmap": "*one_per_letter*/output/drops/00001.arrow",
    "documents lost": "*one_per_letter*/output/rejected/00001.parquet",
    "cuts": "*beheaded*/output/cuts/00002.arrow",
    "columns": "*beheaded*/output/columns/00000.arrow",
    "part of the last pass": "*documents*/parts/00000.parquet",
    "artefact": "*count*/output/tokenizer.json",
    "artefact of an artefact": "*needs*/output/train/copy.txt",
}


@pytest.fixture(autouse=True)
def a_task_per_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cutting, "TASK_BYTES", 20)
    monkeypatch.setattr(cutting, "LEAST_BYTES", 20)


def run_it(path: Path, *overrides: str) -> tuple[tuple[str, ...], str]:
    """Run a pipeline; return the steps that ran and what was printed."""
    configuration, located = config.load(str(path), overrides)
    contract.check(configuration, located)
    said = StringIO()
    result = run(configuration, Progress(Terminal(file=said, width=500)))
    return result.ran, said.getvalue()


def delete(path: Path) -> None:
    path.unlink()


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-3])


def flip(path: Path) -> None:
    """Change one bit, leaving size and time as they are, as a disk does."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    times = path.stat()
    path.write_bytes(bytes(data))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def edit(path: Path) -> None:
    """Change one bit, as a program does."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


@pytest.mark.parametrize("damage", [delete, truncate, edit])
@pytest.mark.parametrize("pattern", RESULTS.values(), ids=RESULTS)
def test_a_damaged_file_of_a_complete_run_is_made_again(
    write_pipeline: WritePipeline, tmp_path: Path, pattern: str, damage: Callable[[Path], None]
) -> None:
    path = write_pipeline(WHOLE, *FILES)
    run_it(path)
    before = file_hashes(tmp_path / "out", without={"steps"})
    (victim,) = (tmp_path / "out" / "steps").glob(pattern)
    damage(victim)
    ran, said = run_it(path)
    assert len(ran) == 1
    assert f"{victim} " in said
    assert "made again" in said
    assert file_hashes(tmp_path / "out", without={"steps"}) == before
    assert run_it(path)[0] == ()


@pytest.mark.parametrize("pattern", ["00-*/parts/00001.parquet", "*one_per_letter*/output/drops/00001.arrow"])
def test_a_bit_that_the_disk_has_changed_is_noticed_by_whoever_reads_the_file(
    write_pipeline: WritePipeline, tmp_path: Path, pattern: str
) -> None:
    path = write_pipeline(["short", "one_per_letter"], *FILES)
    run_it(path)
    before = file_hashes(tmp_path / "out" / "documents")
    (victim,) = (tmp_path / "out" / "steps").glob(pattern)
    flip(victim)
    other = (tmp_path / "out" / "steps").glob("*documents*")
    (next(other) / "manifest.json").unlink()
    _, said = run_it(path)
    assert f"{victim} holds other bytes than were written; made again" in said
    assert file_hashes(tmp_path / "out" / "documents") == before


@pytest.mark.parametrize(("damage", "interrupted"), [(delete, False), (flip, False), (truncate, True), (flip, True)])
def test_files_that_tasks_read_for_the_run_are_compared_all_the_same(
    write_pipeline: WritePipeline,
    tmp_path: Path,
    damage: Callable[[Path], None],
    interrupted: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As on clusters, whose workers take the digests of what another step is to read, or of an interrupted step."""
    path = write_pipeline(["short", "one_per_letter"], *FILES)
    run_it(path)
    before = file_hashes(tmp_path / "out", without={"steps"})
    monkeypatch.setattr("prep.pipeline.run.LocalExecutor", RayExecutor)  # how the run asks, not how tasks run
    monkeypatch.setattr(digesting, "SPREAD_BYTES", 1)
    monkeypatch.setattr(digesting, "TASK_BYTES", 1000)
    steps = tmp_path / "out" / "steps"
    (steps / ".digests-before").mkdir()
    victim = next(steps.glob("00-*/parts/00001.parquet"))
    damage(victim)
    for unfinished in steps.glob("*documents*" if not interrupted else "00-*"):
        (unfinished / "manifest.json").unlink()
    _, said = run_it(path)
    assert "comparing files with their digests, in " in said
    assert f"{victim} " in said
    assert "made again" in said
    assert file_hashes(tmp_path / "out", without={"steps"}) == before
    assert not list(steps.glob(".digests-*"))


@pytest.mark.parametrize("damage", [delete, truncate, flip])
def test_a_damaged_table_of_a_tap_is_made_again(
    write_pipeline: WritePipeline, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    path = write_pipeline(["exact"], *FILES)
    run_it(path)
    before = file_hashes(tmp_path / "out", without={"steps"})
    tables = {table: table.read_bytes() for table in (tmp_path / "out" / "steps").glob("tap-*/*.arrow")}
    victim = sorted(tables)[1]
    damage(victim)
    (step,) = (tmp_path / "out" / "steps").glob("*-exact-*/manifest.json")
    shutil.rmtree(step.parent)
    run_it(path)
    assert {table: table.read_bytes() for table in tables} == tables
    assert file_hashes(tmp_path / "out", without={"steps"}) == before


def test_digests_by_tasks_are_those_of_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [str(tmp_path / f"{number}.bin") for number in range(23)]
    for number, path in enumerate(paths):
        Path(path).write_bytes(bytes([number]) * number * 10)
    expected = list(digesting.digests_here(2)(paths))
    shares = []

    def run(work: digesting.DigestTask, tasks: int) -> None:
        shares.append(tasks)
        for task in range(tasks):
            assert not work.done(task)
            work.run(task)
            assert work.done(task)

    take = digesting.digests_by_tasks(str(tmp_path), run, otherwise=digesting.digests_here(1))
    assert list(take(paths)) == expected
    monkeypatch.setattr(digesting, "SPREAD_BYTES", 1)
    for size in (1, 300, 10**6):
        monkeypatch.setattr(digesting, "TASK_BYTES", size)
        assert list(take(paths)) == expected
    assert shares == [23, 9, 1]
    assert list(take([])) == []
    Path(paths[3]).unlink()
    with pytest.raises(FileNotFoundError):
        take(paths)


@pytest.mark.parametrize("name", ["manifest.json", "tasks/*-00000.json", "identity.json"])
@pytest.mark.parametrize("content", [b"", b"{}", b'{"counts": [', b"[1]", b'{"counts": 1, "files": 2}', b"\xff\xfe"])
@pytest.mark.parametrize("step", ["00-*", "*one_per_letter*"])
def test_records_that_cannot_be_read_are_made_again(
    write_pipeline: WritePipeline, tmp_path: Path, name: str, content: bytes, step: str
) -> None:
    path = write_pipeline(["short", "one_per_letter"], *FILES)
    run_it(path)
    before = file_hashes(tmp_path / "out", without={"steps"})
    (folder,) = (tmp_path / "out" / "steps").glob(step)
    for record in folder.glob(name):
        record.write_bytes(content)
    if name != "manifest.json":
        (folder / "manifest.json").unlink()
    _, said = run_it(path)
    assert name == "identity.json" or "made again" in said
    assert file_hashes(tmp_path / "out", without={"steps"}) == before


@pytest.mark.parametrize("content", [b"", b"[]", b'{"a": 1', b'{"a": 1}'])
def test_digests_of_inputs_that_cannot_be_read_are_taken_again(
    write_pipeline: WritePipeline, tmp_path: Path, content: bytes
) -> None:
    path = write_pipeline(["short"], *FILES)
    run_it(path)
    (tmp_path / "out" / "steps" / "inputs.json").write_bytes(content)
    assert run_it(path)[0] == ()


@pytest.mark.parametrize("damage", [delete, truncate, flip])
def test_a_task_of_an_interrupted_step_whose_file_is_damaged_runs_again(
    write_pipeline: WritePipeline, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    path = write_pipeline(["short"], *FILES)
    run_it(path)
    before = file_hashes(tmp_path / "out", without={"steps"})
    (folder,) = (tmp_path / "out" / "steps").glob("00-*")
    (folder / "manifest.json").unlink()
    (folder / "tasks" / "pass-00000.json").unlink()
    damage(folder / "parts" / "00002.parquet")
    _, said = run_it(path)
    assert "parts/00002.parquet" in said
    assert file_hashes(tmp_path / "out", without={"steps"}) == before


def test_a_stage_that_comes_out_differently_takes_what_follows_along(
    write_pipeline: WritePipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from .conftest import Count

    path = write_pipeline(["count", "needs"], *FILES)
    run_it(path)
    (victim,) = (tmp_path / "out" / "steps").glob("*count*/output/tokenizer.json")
    victim.unlink()
    original = Count.run
    monkeypatch.setattr(Count, "run", lambda stage, *rest: original(stage.model_copy(update={"factor": 2}), *rest))
    assert run_it(path)[0] == ("count", "needs")
    assert (tmp_path / "out" / "tokenizer" / "tokenizer.json").read_text() == (
        tmp_path / "out" / "shards" / "train" / "copy.txt"
    ).read_text()
