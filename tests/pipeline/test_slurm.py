"""Pilots on Slurm: one pool for a whole run, which nothing that happens to driver, pilots or Slurm disturbs.

The commands of Slurm are scripts here that start the jobs as processes of this machine.
"""

import os
import pickle
import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from time import sleep
from typing import ClassVar, Literal

import pytest
from tests.file_hashes import file_hashes

from prep.corpus.errors import RunError, TaskError
from prep.corpus.files.own_folder import CLOSED, is_own, require_closed
from prep.corpus.files.storage import write_bytes
from prep.pipeline.config import SlurmExecutor
from prep.pipeline.execution.clusters import box_of, launcher_for
from prep.pipeline.execution.dispatch import Dispatcher
from prep.pipeline.execution.pilots import phase, pool
from prep.pipeline.execution.pilots.exchange import FOLDER, Assignment, Mailbox
from prep.pipeline.execution.pilots.phase import run_phase
from prep.pipeline.execution.pilots.pool import PilotPool
from prep.pipeline.execution.second_copy import COPIES, SecondCopy
from prep.pipeline.execution.slurm.launcher import slurm_seconds
from prep.pipeline.execution.tasks import Call, Doubling
from prep.pipeline.integrity import digesting
from prep.pipeline.monitor import slow_tasks
from prep.pipeline.monitor.state import HEARTBEAT
from prep.pipeline.steps import records

from .conftest import Count, OnePerLetter, WritePipeline
from .test_run import run_it, tree

COMMANDS = {
    "sbatch": """
[ ! -e away ] || { echo "sbatch: error: Unable to contact slurm controller" >&2; exit 1; }
for word; do
    case $word in
        --partition=none) echo "sbatch: error: invalid partition specified: none" >&2; exit 1;;
        --array=0-*) last=${word#--array=0-};;
        --output=*) log=${word#--output=};;
        *depend*) exit 9;;
    esac
done
number=$(($(cat number 2>/dev/null || echo 0) + 1))
echo $number > number
cat > $number.sh
for place in $(seq 0 "$last"); do
    out=${log/\\%A/$number}
    export SLURM_ARRAY_JOB_ID=$number SLURM_ARRAY_TASK_ID=$place
    setsid bash $number.sh > "${out/\\%a/$place}" 2>&1 < /dev/null &
    echo $! > ${number}_$place.pid
done
echo $number
""",
    "squeue": """
[ ! -e away ] || { echo "slurm_load_jobs error: Unable to contact slurm controller" >&2; exit 1; }
for file in *.pid; do
    read -r state < <(ps -o stat= -p "$(cat "$file" 2>/dev/null || echo 0)")
    case $state in ''|Z*) ;; *) echo "${file%.pid} RUNNING";; esac
done
""",
    "scancel": """
files=*.pid
case $1 in -*) ;; *) files=$(printf '%s.pid ' "$@");; esac
for file in $files; do kill -TERM -- "-$(cat "$file")"; done 2>/dev/null
touch cancelled
""",
}


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Put the commands on PATH and return the folder in which they keep what they know; end what they started."""
    commands, state = tmp_path / "bin", tmp_path / "slurm"
    commands.mkdir()
    state.mkdir()
    for name, content in COMMANDS.items():
        (commands / name).write_text(f"#!/bin/bash\ncd {state}\n{content}\n")
        (commands / name).chmod(0o755)
    root = str(Path(__file__).parents[2])
    monkeypatch.setenv("PATH", f"{commands}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", f"{root}:{os.environ.get('PYTHONPATH', '')}")
    monkeypatch.setattr(pool, "QUEUE_SECONDS", 0.2)
    monkeypatch.setattr(pool, "SILENT_SECONDS", 0.5)
    for module in (pool, phase):
        monkeypatch.setattr(module, "FIRST_WAIT", 0.1)
    yield state
    for process in processes(state):
        os.killpg(process, signal.SIGKILL)


def processes(state: Path) -> list[int]:
    """Return the jobs that run."""
    numbers = [int(path.read_text()) for path in state.glob("*.pid")]
    return [number for number in numbers if (Path("/proc") / str(number)).exists() and not is_zombie(number)]


def is_zombie(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def wait_until(holds: Callable[[], bool]) -> None:
    for _ in range(600):
        if holds():
            return
        sleep(0.05)
    raise TimeoutError


@dataclass(frozen=True)
class Slow:
    """Work that notes when it begins, and waits until somebody lets it go on."""

    notes: ClassVar[bool] = False
    folder: str

    def run(self, task: int) -> None:
        if task == 4:
            raise ValueError("four is wrong")
        begun = Path(self.folder, f"begun-{task}")
        with begun.open("a") as file:
            file.write(f"{os.getpid()}\n")
        while not Path(self.folder, "go").exists():
            sleep(0.02)
        Path(self.folder, f"done-{task}").touch()


def pool_of(folder: Path, said: list[str], partition: str = "any", setup: str = "") -> PilotPool:
    settings = SlurmExecutor(kind="slurm", partition=partition, setup=setup)
    steps = str(folder / "steps")
    box = box_of(steps)
    return PilotPool(launcher_for(settings, steps, box), lambda: 2, box, said.append)


def done_in(folder: Path) -> Callable[[int], bool]:
    return lambda task: (folder / f"done-{task}").exists()


def call_of(folder: Path, *tasks: int) -> Call:
    return Call(Slow(str(folder)), "slow", tasks, str(folder / "steps" / "00-slow"), "pass")


def test_a_run_has_one_pool_and_leaves_no_job(
    write_pipeline: WritePipeline, tmp_path: Path, slurm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pilots take the digests of what is read next as well, as they do of steps that hold much.

    Small phases are run by the driver: all of one stage here, and one of another.
    """
    path = write_pipeline(["one_per_letter", "count"], ["apple", "bean"], ["cherry"])
    run_it(path)
    published = tree(tmp_path / "out")
    shutil.rmtree(tmp_path / "out")
    taken, given = [], []
    original, run_phase = digesting.read_digests, phase.run_phase

    def read_digests(folder: str, task: int) -> list[str]:
        taken.append(task)
        return original(folder, task)

    def run_noted(pilots: PilotPool, call: Call, done: Callable[[int], bool]) -> None:
        given.append(call.label)
        run_phase(pilots, call, done)

    monkeypatch.setattr(phase, "run_phase", run_noted)
    monkeypatch.setattr(OnePerLetter, "is_light", lambda stage, phase: True)
    monkeypatch.setattr(Count, "is_light", lambda stage, phase: phase == "part")
    monkeypatch.setattr(digesting, "SPREAD_BYTES", 1)
    monkeypatch.setattr(digesting, "read_digests", read_digests)
    run_it(path, "executor={kind: slurm, partition: any}", "workers=2")
    assert tree(tmp_path / "out") == published
    assert taken
    assert [label for label in given if label != "digests"] == ["read", "count sum"]
    assert not list((tmp_path / "out" / "steps").glob(".digests-*"))
    assert (slurm / "number").read_text() == "1\n", "one submission for all phases"
    wait_until(lambda: not processes(slurm))
    (folder,) = {call.parent.parent for call in (tmp_path / "out" / "steps").rglob("*.pickle")}
    assert folder.stat().st_mode & 0o777 == 0o700


def between_looks(monkeypatch: pytest.MonkeyPatch, act: Callable[[], None]) -> None:
    """Do something each time that the driver waits."""

    def wait(seconds: float) -> None:
        act()
        sleep(seconds)

    monkeypatch.setattr(phase, "sleep", wait)


def test_a_driver_that_is_started_again_goes_on_with_the_pilots(
    tmp_path: Path, slurm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die() -> None:
        if len(list(tmp_path.glob("begun-*"))) == 2:
            raise KeyboardInterrupt

    def let_go() -> None:
        looks.append("")
        if len(looks) == 5:
            (tmp_path / "go").touch()

    looks: list[str] = []
    first = pool_of(tmp_path, []).__enter__()
    between_looks(monkeypatch, die)
    with pytest.raises(KeyboardInterrupt):
        run_phase(first, call_of(tmp_path, 0, 1, 2), done_in(tmp_path))
    (slurm / "away").touch()  # and Slurm does not answer for a while
    between_looks(monkeypatch, let_go)
    with pool_of(tmp_path, []) as second:
        run_phase(second, call_of(tmp_path, 0, 1, 2), done_in(tmp_path))
        assert (slurm / "number").read_text() == "1\n"
        (slurm / "away").unlink(missing_ok=True)
    assert [len(path.read_text().split()) for path in sorted(tmp_path.glob("begun-*"))] == [1, 1, 1], "none ran twice"
    wait_until(lambda: not processes(slurm))


def test_tasks_of_a_pilot_that_is_killed_run_again_and_one_that_fails_ends_the_phase(
    tmp_path: Path, slurm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill() -> None:
        if (tmp_path / "begun-0").exists() and not (slurm / "killed").exists():
            (slurm / "killed").touch()
            os.kill(int((slurm / "1_0.pid").read_text()), signal.SIGKILL)
        if (slurm / "2.sh").exists():
            (tmp_path / "go").touch()

    between_looks(monkeypatch, kill)
    with pool_of(tmp_path, []) as pilots:
        run_phase(pilots, call_of(tmp_path, 0), done_in(tmp_path))
        assert len((tmp_path / "begun-0").read_text().split()) <= 2
        assert (slurm / "number").read_text() == "2\n", "another job took its place"
        with pytest.raises(TaskError, match="four is wrong"):
            run_phase(pilots, call_of(tmp_path, 4), done_in(tmp_path))
    wait_until(lambda: not processes(slurm))


def test_a_pilot_that_has_left_no_more_than_its_name_is_given_nothing(tmp_path: Path, slurm: Path) -> None:
    Mailbox(str(tmp_path / "steps" / FOLDER)).arrive("0_0")  # its node was switched off
    (tmp_path / "go").touch()
    with pool_of(tmp_path, []) as pilots:
        run_phase(pilots, call_of(tmp_path, 0), done_in(tmp_path))
        assert pilots.box.assignment("0_0") is None


def test_pilots_come_and_go_with_the_number_of_workers(
    tmp_path: Path, slurm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def workers() -> int:
        return 2 if len(list(tmp_path.glob("begun-*"))) == 1 else 1

    def let_go() -> None:
        if len(list(tmp_path.glob("begun-*"))) == 2:
            (tmp_path / "go").touch()

    between_looks(monkeypatch, let_go)
    said: list[str] = []
    steps = str(tmp_path / "steps")
    box = box_of(steps)
    launcher = launcher_for(SlurmExecutor(kind="slurm", partition="any"), steps, box)
    with PilotPool(launcher, workers, box, said.append) as pilots:
        run_phase(pilots, call_of(tmp_path, 0, 1, 2, 3), done_in(tmp_path))
        assert (slurm / "number").read_text() == "2\n", "another job when there were more workers"
        wait_until(lambda: len(processes(slurm)) == 1)
    assert [line for line in said if "more than workers" in line] == [
        "let go of 1 jobs of Slurm: there are more than workers"
    ]
    wait_until(lambda: not processes(slurm))


@dataclass(frozen=True)
class Sleeps:
    """Work that writes a file and a record; one copy of its last task, the first or the second, sleeps for long."""

    notes: ClassVar[bool] = False
    steps: str
    sleeper: Literal["first", "second"]

    def run(self, task: int) -> None:
        folder, is_second = f"{self.steps}/00-sleeps", COPIES in self.steps
        write_bytes(f"{folder}/output/{task}.txt", f"begun by {task}".encode())
        if task == 3:
            Path(self.steps, "03-other", f"begun-{'second' if is_second else 'first'}").touch()
            while not is_second and self.sleeper == "second" and not Path(self.steps, "03-other/begun-second").exists():
                sleep(0.02)
            sleep(600 if is_second == (self.sleeper == "second") else 0)
        write_bytes(f"{folder}/output/{task}.txt", f"ended by {task}".encode())
        records.write_task(folder, "pass", task, records.Record())


@pytest.mark.parametrize("sleeper", ["first", "second"])
def test_a_task_that_holds_up_a_phase_is_run_twice_and_the_copy_that_ends_first_counts(
    tmp_path: Path, slurm: Path, monkeypatch: pytest.MonkeyPatch, sleeper: Literal["first", "second"]
) -> None:
    steps, said = tmp_path / "steps", list[str]()
    (steps / "03-other").mkdir(parents=True)
    work = Sleeps(str(steps), sleeper)
    doubling = Doubling(lambda folder: Sleeps(folder, sleeper), reads_own=True)
    call = Call(work, "sleeps", (0, 1, 2, 3), str(steps / "00-sleeps"), "pass")
    monkeypatch.setattr(slow_tasks, "LEAST_SECONDS", 0.5)
    monkeypatch.setattr(slow_tasks, "TIMES", 0.1)

    def done(task: int) -> bool:
        return Path(records.task_path(call.folder, call.phase, task)).exists()

    with pool_of(tmp_path, said) as pilots:
        run_phase(pilots, replace(call, doubling=doubling), done)
        assert [Path(call.folder, "output", f"{task}.txt").read_text() for task in range(4)] == [
            f"ended by {task}" for task in range(4)
        ]
        assert any("task 3 is slow" in line for line in said)
        assert any("was done first by" in line for line in said) is (sleeper == "first")
        assert {path.name for path in (steps / "03-other").iterdir()} == {"begun-first", "begun-second"}
        wait_until(lambda: len(processes(slurm)) <= 1)
        assert not list(Path(call.folder).rglob("*.tmp"))
    wait_until(lambda: not processes(slurm))


def test_a_second_copy_of_each_task_makes_the_same_bytes(
    write_pipeline: WritePipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each task runs as its own second copy, beside what a first one has left half done."""
    stages = ["short", "one_per_letter", "exact", "beheaded", "count", "needs"]
    path = write_pipeline(stages, ["apple", "bean", "bean", "a text that is too long"], ["cherry", "", "date"])
    run_it(path)
    published = tree(tmp_path / "out")
    shutil.rmtree(tmp_path / "out")
    seen = []

    def run_copies(dispatcher: Dispatcher, call: Call, done: Callable[[int], bool], *, small: bool) -> None:
        for task in call.tasks:
            copy = SecondCopy(call, task, tmp_path / "out" / "steps" / FOLDER / COPIES)
            before = file_hashes(tmp_path / "out" / "steps", without={FOLDER, HEARTBEAT})
            pickle.loads(pickle.dumps(replace(copy.call, tasks=(task,))))(None, 0)
            assert file_hashes(tmp_path / "out" / "steps", without={FOLDER, HEARTBEAT}) == before
            assert copy.finished()
            copy.take()
            assert done(task)
            seen.append(f"{call.label} {task}")

    monkeypatch.setattr(Dispatcher, "run", run_copies)
    run_it(path, "executor={kind: slurm, partition: any, duplicate_stragglers: true}", "workers=2")
    assert tree(tmp_path / "out") == published
    assert len(seen) == len(set(seen)) > 8
    assert not list((tmp_path / "out" / "steps" / FOLDER / COPIES).iterdir())
    assert not [path for path in (tmp_path / "out" / "steps").rglob("*") if path.is_symlink()]


def test_what_slurm_refuses_ends_the_run_at_once(tmp_path: Path, slurm: Path) -> None:
    with (
        pool_of(tmp_path, [], partition="none") as pilots,
        pytest.raises(RunError, match="invalid partition specified"),
    ):
        run_phase(pilots, call_of(tmp_path, 0), lambda task: False)


def test_jobs_that_end_before_they_begin_to_work_end_the_run(
    tmp_path: Path, slurm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "UNSEEN_SECONDS", 0.3)
    setup = "echo no such environment; exit 3"
    with pool_of(tmp_path, [], setup=setup) as pilots, pytest.raises(RunError, match="no such environment"):
        run_phase(pilots, call_of(tmp_path, 0, 1), lambda task: False)


def test_calls_are_read_from_a_closed_folder_alone(tmp_path: Path) -> None:
    box = Mailbox(str(tmp_path / "box"))
    name = box.store(call_of(tmp_path))
    assert box.load(name) == call_of(tmp_path)
    box.folder.chmod(0o750)
    with pytest.raises(RunError, match=r"mode 0700.*found a folder of user .* with mode 0750"):
        box.load(name)


def test_a_pilot_finds_nothing_of_another_one_of_its_name(tmp_path: Path) -> None:
    box = Mailbox(str(tmp_path / "box"))
    box.assign("7_0", Assignment(3, "call", "folder", "pass", (1, 2)))
    assert box.assignment("7_0") == Assignment(3, "call", "folder", "pass", (1, 2))
    box.arrive("7_0")
    assert box.assignment("7_0") is None
    assert box.pilots() == ["7_0"]
    box.leave("7_0")
    assert box.pilots() == []


@pytest.mark.parametrize(
    ("limit", "seconds"),
    [
        ("90", 5400),
        ("1:30", 90),
        ("24:00:00", 86_400),
        ("2-12", 216_000),
        ("1-00:30", 88_200),
        ("UNLIMITED", float("inf")),
    ],
)
def test_time_limits_are_read_as_slurm_reads_them(limit: str, seconds: float) -> None:
    assert slurm_seconds(limit) == seconds


def test_local_workers_write_no_pickle(write_pipeline: WritePipeline, tmp_path: Path) -> None:
    run_it(write_pipeline(["one_per_letter"], ["apple", "bean"], ["cherry"]), "workers=2")
    names = {path.name for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert not [name for name in names if name.endswith((".pickle", ".pkl", ".pik"))]


def test_what_is_not_a_closed_folder_of_the_user_is_refused(tmp_path: Path) -> None:
    require_closed(tmp_path / "new" / "folder")
    require_closed(tmp_path / "new" / "folder")
    opened, link, file = tmp_path / "opened", tmp_path / "link", tmp_path / "file"
    opened.mkdir()
    opened.chmod(0o750)
    link.symlink_to(tmp_path / "new" / "folder")
    file.write_text("")
    for path, found in ((opened, "mode 0750"), (link, "a link"), (file, "a file")):
        assert not is_own(path, CLOSED)
        with pytest.raises(RunError, match=f"{path}.*mode 0700.*{found}.*hint"):
            require_closed(path)
