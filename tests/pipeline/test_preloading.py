"""When the fork server is started before the configuration is read, and what it loads."""

import os
from importlib.util import find_spec
from multiprocessing import forkserver
from pathlib import Path

import pytest

from prep.pipeline.execution.preloading import ENGINE, RUNTIME, start_early
from prep.stages.catalogue import module_of

STAGES = "stages: [{read: {paths: x}}, exact, {mine.Stage: {}}]"


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Return the lists of modules with which a fork server was started; none is."""
    preloaded: list[list[str]] = []
    starts: list[list[str]] = []
    monkeypatch.setattr(forkserver, "set_forkserver_preload", preloaded.append)
    monkeypatch.setattr(forkserver, "ensure_running", lambda: starts.append(preloaded[-1]))
    return starts


@pytest.mark.parametrize(
    ("text", "overrides"),
    [
        ("workers: 2", []),
        ("workers: 1", ["workers=3"]),
        ("executor: local\nworkers: 2", []),
        ("executor: {kind: local}\nworkers: 2", []),
        ("executor: ray\nworkers: 2", ["executor=local"]),
    ],
)
def test_the_fork_server_starts_where_there_will_be_workers(
    tmp_path: Path, started: list[list[str]], text: str, overrides: list[str]
) -> None:
    (tmp_path / "pipeline.yaml").write_text(f"{text}\n{STAGES}\n")
    for pipeline in (tmp_path / "pipeline.yaml", tmp_path):
        start_early(str(pipeline), overrides)
    assert started == 2 * [[ENGINE, "prep.stages.read.read", "prep.stages.dedup.exact", RUNTIME]]
    assert all(map(find_spec, started[0])), "each of them is a module"


@pytest.mark.parametrize(
    ("text", "overrides"),
    [
        ("workers: 1", []),
        ("workers: 2", ["workers=1"]),
        ("executor: ray\nworkers: 2", []),
        ("executor: {kind: slurm, partition: cpu}\nworkers: 2", []),
        ("[", []),
        ("just a text", []),
        ("\x00", []),
    ],
)
def test_it_does_not_start_where_there_will_be_none_or_the_file_is_wrong(
    tmp_path: Path, started: list[list[str]], text: str, overrides: list[str]
) -> None:
    (tmp_path / "pipeline.yaml").write_text(f"{text}\n")
    start_early(str(tmp_path / "pipeline.yaml"), overrides)
    start_early(str(tmp_path / "missing.yaml"), overrides)
    assert not started


def test_one_processor_means_one_worker(
    tmp_path: Path, started: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pipeline.yaml").write_text(STAGES)
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    start_early(str(tmp_path / "pipeline.yaml"), [])
    assert not started


def test_stages_that_cannot_be_read_are_left_out(tmp_path: Path, started: list[list[str]]) -> None:
    (tmp_path / "pipeline.yaml").write_text("workers: 2\nstages: [{}, 3, [exact], null, pack]\n")
    start_early(str(tmp_path / "pipeline.yaml"), [])
    assert started == [[ENGINE, "prep.stages.pack.pack", RUNTIME]]


def test_a_stage_of_another_package_has_no_module_here() -> None:
    assert module_of("mine.Stage") is None
