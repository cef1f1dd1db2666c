"""Pilots on Ray: actors of a namespace of the run's own, which nothing that happens to driver, actors or Ray disturbs.

The package ray is a module here whose actors are processes of this machine; where Ray is installed, the last test runs
on a real cluster of two nodes.
"""

import os
import shutil
import signal
import socket
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest
from typer.testing import CliRunner

from prep.corpus.errors import RunError, TaskError
from prep.pipeline import readiness
from prep.pipeline.cli import app
from prep.pipeline.config import RayExecutor
from prep.pipeline.execution.clusters import box_of, launcher_for
from prep.pipeline.execution.dispatch import Dispatcher
from prep.pipeline.execution.pilots import phase, pool
from prep.pipeline.execution.pilots.phase import run_phase
from prep.pipeline.execution.pilots.pilot import run_pilot
from prep.pipeline.execution.pilots.pool import PilotPool
from prep.pipeline.execution.ray import launcher

from .conftest import WritePipeline
from .test_run import run_it, tree
from .test_slurm import between_looks, call_of, done_in, is_zombie, wait_until

HAS_RAY = find_spec("ray") is not None

FAKE = r"""
import os
import pickle
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

STATE = Path(os.environ["FAKE_RAY"])
SERVE = "import sys; from prep.pipeline.execution.ray.actor import RayPilot; RayPilot(*sys.argv[1:]).outcome()"


class RayError(Exception):
    pass


sys.modules["ray.exceptions"] = SimpleNamespace(RayError=RayError)


class Actor:
    def __init__(self, name, arguments):
        (STATE / "payload").write_bytes(pickle.dumps(arguments))
        command = [sys.executable, "-c", SERVE, *arguments]
        self.log = STATE / f"{name}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, stderr=log, start_new_session=True)
        (STATE / f"{name}.pid").write_text(str(self.process.pid))
        with (STATE / "started").open("a") as file:
            file.write(f"{name}\n")
        self.outcome = SimpleNamespace(remote=lambda: self)


def remote(kind):
    def options(name, **more):
        return SimpleNamespace(remote=lambda *arguments: Actor(name, arguments))

    return SimpleNamespace(options=options)


def init(address, namespace, **options):
    if (STATE / "away").exists():
        raise ConnectionError("no such cluster")


def list_named_actors():
    if (STATE / "away").exists():
        os._exit(1)  # as Ray does where its cluster is gone
    return [path.stem for path in STATE.glob("*.pid") if _runs(int(path.read_text()))]


def get_actor(name):
    if name not in list_named_actors():
        raise ValueError(name)
    return name


def kill(name):
    os.killpg(int((STATE / f"{name}.pid").read_text()), 9)


def wait(references, num_returns, timeout):
    return [each for each in references if each.process.poll() is not None], []


def get(reference):
    if reference.process.returncode:
        raise RayError(reference.log.read_text().strip().splitlines()[-1:])


def _runs(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


util = SimpleNamespace(list_named_actors=list_named_actors)
"""


@pytest.fixture
def ray(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Put the module on the path of this process and its agents; return the folder that has what it knows."""
    package, state = tmp_path / "package", tmp_path / "ray"
    package.mkdir()
    state.mkdir()
    (package / "ray.py").write_text(FAKE)
    root = str(Path(__file__).parents[2])
    monkeypatch.syspath_prepend(package)
    monkeypatch.setenv("PYTHONPATH", f"{package}:{root}:{os.environ.get('PYTHONPATH', '')}")
    monkeypatch.setenv("FAKE_RAY", str(state))
    monkeypatch.setattr(pool, "QUEUE_SECONDS", 0.2)
    monkeypatch.setattr(pool, "SILENT_SECONDS", 0.5)
    for module in (pool, phase, launcher):
        monkeypatch.setattr(module, "FIRST_WAIT", 0.1)
    yield state
    for process in actors(state).values():
        os.killpg(process, signal.SIGKILL)


def actors(state: Path) -> dict[str, int]:
    """Return the processes of the actors that run, by name."""
    numbers = {path.stem: int(path.read_text()) for path in state.glob("*.pid")}
    return {name: number for name, number in numbers.items() if not is_zombie(number)}


def started(state: Path) -> list[str]:
    return (state / "started").read_text().split()


def pool_of(folder: Path, said: list[str]) -> PilotPool:
    steps = str(folder / "steps")
    box = box_of(steps)
    return PilotPool(launcher_for(RayExecutor(kind="ray"), steps, box), lambda: 2, box, said.append)


def test_a_run_has_one_pool_and_leaves_no_actor(write_pipeline: WritePipeline, tmp_path: Path, ray: Path) -> None:
    path = write_pipeline(["one_per_letter", "count"], ["apple", "bean"], ["cherry"])
    run_it(path)
    published = tree(tmp_path / "out")
    shutil.rmtree(tmp_path / "out")
    run_it(path, "executor={kind: ray}", "workers=2")
    assert tree(tmp_path / "out") == published
    assert len(started(ray)) <= 2, "the same actors for all phases"
    assert len((ray / "payload").read_bytes()) < 1000, "tasks and results do not pass through Ray"
    wait_until(lambda: not actors(ray))


def test_a_driver_that_is_started_again_goes_on_with_the_actors(
    tmp_path: Path, ray: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die() -> None:
        if len(list(tmp_path.glob("begun-*"))) == 2:
            raise KeyboardInterrupt

    def act() -> None:  # the cluster goes away for a while, then tasks end
        looks.append("")
        away = ray / "away"
        if len(looks) == 3:
            away.touch()
        if len(looks) == 12:
            away.unlink()
            (tmp_path / "go").touch()

    looks: list[str] = []
    said: list[str] = []
    first = pool_of(tmp_path, []).__enter__()
    between_looks(monkeypatch, die)
    with pytest.raises(KeyboardInterrupt):
        run_phase(first, call_of(tmp_path, 0, 1, 2), done_in(tmp_path))
    between_looks(monkeypatch, act)
    with pool_of(tmp_path, said) as second:
        run_phase(second, call_of(tmp_path, 0, 1, 2), done_in(tmp_path))
        assert said == ["going on with 2 actors of Ray that an earlier run has left"]
    assert len(started(ray)) == 2
    assert [len(path.read_text().split()) for path in sorted(tmp_path.glob("begun-*"))] == [1, 1, 1], "none ran twice"
    wait_until(lambda: not actors(ray))


def test_tasks_of_an_actor_that_is_killed_run_again_and_one_that_fails_ends_the_phase(
    tmp_path: Path, ray: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill() -> None:
        if (tmp_path / "begun-0").exists() and not (ray / "killed").exists():
            (ray / "killed").touch()
            os.killpg(next(iter(actors(ray).values())), signal.SIGKILL)
        if len(started(ray) if (ray / "started").exists() else []) == 2:
            (tmp_path / "go").touch()

    between_looks(monkeypatch, kill)
    with pool_of(tmp_path, []) as pilots:
        run_phase(pilots, call_of(tmp_path, 0), done_in(tmp_path))
        assert len((tmp_path / "begun-0").read_text().split()) <= 2
        with pytest.raises(TaskError, match="four is wrong"):
            run_phase(pilots, call_of(tmp_path, 4), done_in(tmp_path))
    wait_until(lambda: not actors(ray))


def test_actors_that_end_before_they_begin_to_work_end_the_run_with_the_reason(
    tmp_path: Path, ray: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "UNSEEN_SECONDS", 1.2)
    (tmp_path / "package" / "ray.py").write_text(FAKE.replace("import sys; from prep.", "import sys; from nowhere."))
    missing = pytest.raises(RunError, match=r"(?s)No module named 'nowhere'.*every node's Python must find prep")
    with pool_of(tmp_path, []) as pilots, missing:
        run_phase(pilots, call_of(tmp_path, 0, 1), lambda task: False)


def test_a_node_that_does_not_see_the_folder_is_named() -> None:
    with pytest.raises(RunError, match=rf"node {socket.gethostname()} does not see /nowhere/.pool; expected the"):
        run_pilot("/nowhere/.pool", "a", 1.0)


def test_what_a_killed_run_has_left_is_ended_from_elsewhere(
    write_pipeline: WritePipeline, tmp_path: Path, ray: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die() -> None:
        if list((tmp_path / "out" / "steps" / ".pool" / "alive").glob("*")):
            raise KeyboardInterrupt

    def leave(self: PilotPool, *error: object) -> None:
        """Do nothing, as a driver that is killed."""

    between_looks(monkeypatch, die)
    monkeypatch.setattr(PilotPool, "__exit__", leave)
    with pytest.raises(KeyboardInterrupt):
        run_it(write_pipeline([], ["apple", "bean"]), "executor={kind: ray}", "workers=1")
    assert actors(ray)
    stopped = CliRunner().invoke(app, ["stop", str(tmp_path / "out")])
    assert "cancelled 1 actors of Ray" in stopped.output
    wait_until(lambda: not actors(ray))


def test_what_a_killed_run_has_left_is_ended_by_one_that_has_small_phases_left(
    tmp_path: Path, ray: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die() -> None:
        if list(tmp_path.glob("begun-*")):
            raise KeyboardInterrupt

    first = pool_of(tmp_path, []).__enter__()
    between_looks(monkeypatch, die)
    with pytest.raises(KeyboardInterrupt):
        run_phase(first, call_of(tmp_path, 0), done_in(tmp_path))
    (tmp_path / "go").touch()
    wait_until((tmp_path / "done-0").exists)
    said: list[str] = []
    with Dispatcher(RayExecutor(kind="ray"), lambda: 2, said.append) as dispatcher:
        small = replace(call_of(tmp_path, 1), folder=str(tmp_path / "steps" / "01-slow"))
        Path(small.folder).mkdir(parents=True)
        dispatcher.run(small, done_in(tmp_path), small=True)
    assert (tmp_path / "begun-1").read_text().split() == [str(os.getpid())]
    assert said == ["going on with 1 actors of Ray that an earlier run has left"]
    wait_until(lambda: not actors(ray))
    assert not box_of(str(tmp_path / "steps")).pilots()


def test_a_cluster_that_is_not_there_is_found_at_once(tmp_path: Path, ray: Path) -> None:
    dead = RayExecutor(kind="ray", address="127.0.0.1:1")
    assert "no cluster answers at 127.0.0.1:1" in next(readiness._ray_problems(dead)).seen
    wrong = RayExecutor(kind="ray", address="host:port")
    assert "expected HOST:PORT, ray://HOST:PORT or auto" in next(readiness._ray_problems(wrong)).seen
    assert list(readiness._ray_problems(RayExecutor(kind="ray"))) == []
    (ray / "away").touch()
    with pytest.raises(RunError, match="no connection with auto: no such cluster"), pool_of(tmp_path, []):
        pass


@pytest.mark.skipif(not HAS_RAY, reason="Ray is not installed: pip install -e '.[ray]'")
def test_the_same_on_a_real_cluster(
    write_pipeline: WritePipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("RAY_worker_niceness", "0")
    monkeypatch.setenv("PYTHONPATH", f"{Path(__file__).parents[2]}:{os.environ.get('PYTHONPATH', '')}")
    path = write_pipeline(["one_per_letter", "count"], ["apple", "bean"], ["cherry"])
    run_it(path)
    published = tree(tmp_path / "out")
    shutil.rmtree(tmp_path / "out")
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        cluster.add_node(num_cpus=1)
        run_it(path, f"executor={{kind: ray, address: '{cluster.address}', memory_gb_per_cpu: 0.1}}", "workers=2")
    finally:
        cluster.shutdown()
    assert tree(tmp_path / "out") == published
