"""When the fork server is started before the configuration is read, and what it loads."""

import os
from importlib.util import find_spec
from multiprocessing import forkserver
from pathlib import Path

import pytest

from prep.corpus.errors import ConfigurationError
from prep.pipeline.execution.preloading import ENGINE, RUNTIME, started_early
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
        with started_early(str(pipeline), overrides):
            pass
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
    with started_early(str(tmp_path / "pipeline.yaml"), overrides):
        pass
    with started_early(str(tmp_path / "missing.yaml"), overrides):
        pass
    assert not started


def test_one_processor_means_one_worker(
    tmp_path: Path, started: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pipeline.yaml").write_text(STAGES)
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    with started_early(str(tmp_path / "pipeline.yaml"), []):
        pass
    assert not started


def test_stages_that_cannot_be_read_are_left_out(tmp_path: Path, started: list[list[str]]) -> None:
    (tmp_path / "pipeline.yaml").write_text("workers: 2\nstages: [{}, 3, [exact], null, pack]\n")
    with started_early(str(tmp_path / "pipeline.yaml"), []):
        pass
    assert started == [[ENGINE, "prep.stages.pack.pack", RUNTIME]]


def test_a_stage_of_another_package_has_no_module_here() -> None:
    assert module_of("mine.Stage") is None


def test_the_server_is_killed_where_the_configuration_is_wrong(
    tmp_path: Path, started: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    killed: list[int] = []
    servers = iter([None, 71, 71])
    monkeypatch.setattr("prep.pipeline.execution.preloading._server", lambda: next(servers))
    monkeypatch.setattr(os, "kill", lambda process, _: killed.append(process))
    (tmp_path / "pipeline.yaml").write_text(f"workers: 2\n{STAGES}\n")
    with pytest.raises(ConfigurationError), started_early(str(tmp_path / "pipeline.yaml"), []):
        raise ConfigurationError(["wrong"])
    assert killed == [71]


def test_a_server_that_ran_before_is_left_alone(
    tmp_path: Path, started: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prep.pipeline.execution.preloading._server", lambda: 71)
    monkeypatch.setattr(os, "kill", pytest.fail)
    (tmp_path / "pipeline.yaml").write_text(f"workers: 2\n{STAGES}\n")
    with pytest.raises(ConfigurationError), started_early(str(tmp_path / "pipeline.yaml"), []):
        raise ConfigurationError(["wrong"])
