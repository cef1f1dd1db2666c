"""Workers that are killed where no document can be at fault: their tasks are run again, a few times."""

import os
import signal
from dataclasses import dataclass
from multiprocessing import forkserver
from pathlib import Path
from time import sleep
from typing import ClassVar

import pytest

from prep.corpus.errors import RunError
from prep.pipeline.config import LocalExecutor
from prep.pipeline.execution.dispatch import Dispatcher
from prep.pipeline.execution.tasks import Call
from prep.pipeline.execution.workers import MOST_ELSEWHERE, Pool


@dataclass(frozen=True)
class Killed:
    """Work that notes nothing, as Global stages do, and whose process is killed at its first tries."""

    notes: ClassVar[bool] = False
    folder: str
    kills: int

    def run(self, task: int) -> None:
        tries = len(list(Path(self.folder).glob(f"try-{task}-*")))
        Path(self.folder, f"try-{task}-{tries}").touch()
        if task == 1 and tries < self.kills:
            os.kill(os.getpid(), signal.SIGKILL)
        Path(self.folder, f"done-{task}").touch()


def call(folder: Path, kills: int) -> Call:
    (folder / "logs" / "merge").mkdir(parents=True)
    return Call(Killed(str(folder), kills), "minhash merge", (0, 1, 2), str(folder), "merge")


def run_watched(call: Call, count: int) -> None:
    with Pool() as pool:
        pool.run(call, lambda: count)


def test_a_killed_worker_outside_passes_is_replaced(tmp_path: Path) -> None:
    run_watched(call(tmp_path, MOST_ELSEWHERE), 2)
    assert sorted(path.name for path in tmp_path.glob("done-*")) == ["done-0", "done-1", "done-2"]
    assert len(list(tmp_path.glob("try-1-*"))) == MOST_ELSEWHERE + 1
    assert not list(tmp_path.rglob("*.incidents")), "no document is suspected"


def test_a_worker_that_is_killed_again_and_again_ends_the_run(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"a worker process was killed \(SIGKILL\)"):
        run_watched(call(tmp_path, MOST_ELSEWHERE + 1), 2)


def test_a_killed_fork_server_is_replaced(tmp_path: Path) -> None:
    run_watched(call(tmp_path / "before", 0), 2)
    server = forkserver._forkserver._forkserver_pid  # type: ignore[attr-defined]
    os.kill(server, signal.SIGKILL)
    run_watched(call(tmp_path / "after", 0), 2)
    assert sorted(path.name for path in (tmp_path / "after").glob("done-*")) == ["done-0", "done-1", "done-2"]


@dataclass(frozen=True)
class NamesItsProcess:
    """Work that writes down which process did it."""

    notes: ClassVar[bool] = False
    folder: str

    def run(self, task: int) -> None:
        Path(self.folder, f"{task}-{os.getpid()}").touch()


def test_workers_live_from_one_call_to_the_next_and_dead_ones_are_replaced(tmp_path: Path) -> None:
    def processes(phase: str) -> set[str]:
        (tmp_path / phase).mkdir()
        pool.run(Call(NamesItsProcess(str(tmp_path / phase)), phase, tuple(range(6)), str(tmp_path), phase), lambda: 2)
        found = [path.name.split("-") for path in (tmp_path / phase).iterdir()]
        assert sorted(task for task, _ in found) == list("012345")
        return {process for _, process in found}

    with Pool() as pool:
        first = processes("first")
        assert processes("second") <= first
        for process in first:
            os.kill(int(process), signal.SIGKILL)
        assert not processes("third") & first
    assert not [process for process in first if Path("/proc", process).exists()]


@pytest.mark.parametrize("stops_itself", [False, True])
def test_a_single_task_runs_in_a_worker_that_there_is_unless_it_stops_itself(
    tmp_path: Path, stops_itself: bool
) -> None:
    def processes(phase: str, tasks: int) -> set[int]:
        (tmp_path / phase).mkdir()
        work = NamesItsProcess(str(tmp_path / phase))
        call = Call(work, phase, tuple(range(tasks)), str(tmp_path), phase, stops_itself=stops_itself)
        dispatcher.run(call, lambda task: True)
        return {int(path.name.split("-")[1]) for path in (tmp_path / phase).iterdir()}

    with Dispatcher(LocalExecutor(), lambda: 2) as dispatcher:
        assert processes("first", 1) == {os.getpid()}, "no process is started for it"
        workers = processes("second", 6)
        assert os.getpid() not in workers
        last = processes("third", 1)
        assert last == {os.getpid()} if stops_itself else last <= workers


@dataclass(frozen=True)
class WaitsForTheOther:
    """Work whose first two tasks wait for each other; each task notes which process did it."""

    notes: ClassVar[bool] = False
    folder: str

    def run(self, task: int) -> None:
        Path(self.folder, f"begun-{task}").touch()
        for _ in range(600):
            if task > 1 or Path(self.folder, f"begun-{1 - task}").exists():
                break
            sleep(0.05)
        else:
            raise TimeoutError
        Path(self.folder, f"{task}-{os.getpid()}").touch()


def test_the_number_of_workers_may_change_while_tasks_run(tmp_path: Path) -> None:
    def count() -> int:
        asked.append("")
        return 1 if len(asked) < 3 or (tmp_path / "begun-1").exists() else 2

    asked: list[str] = []
    with Pool() as pool:
        pool.run(Call(WaitsForTheOther(str(tmp_path)), "grows", tuple(range(6)), str(tmp_path), "pass"), count)
        assert len(pool._idle) == 1, "those that are too many have ended"
    done = [path.name.split("-") for path in tmp_path.iterdir() if path.name[0].isdigit()]
    assert sorted(task for task, _ in done) == list("012345")
    assert len({process for task, process in done if task < "2"}) == 2
    assert len({process for task, process in done if task > "1"}) == 1, "one that is too many takes no new task"
