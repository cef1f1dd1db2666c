"""The state of a run, for whoever looks at it from another process or machine.

    steps/run.json      who runs what since when, each step, where the run is, and why it failed
    steps/heartbeat     written every few seconds while the process lives

A run is alive while its process holds the lock of the folder, which the system lets go of however the process ends and
which most shared file systems know too. Where a lock says nothing, the age of the heartbeat decides. A run whose state
is `running` and that is not alive was interrupted.
"""

import fcntl
import os
import signal
import socket
import struct
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from time import monotonic, time
from typing import Any, Literal

from prep.corpus.errors import CorruptFileError
from prep.corpus.files.storage import read_json, write_bytes, write_json

STATE = "run.json"
"""Its name in the folder of steps."""
HEARTBEAT = "heartbeat"
STOP = "stop"
"""A file in the folder of steps that asks its run to end, wherever that is."""
LOCK = ".lock"
"""The lock of a folder of steps, held by the run that works there."""
WORKERS = "workers"
"""A file in the folder of steps with the number of workers that its run is to have from now on."""
BEAT_SECONDS = 5.0
LOOK_SECONDS = 1.0
"""Between two looks at whether the run is to end."""
SILENT_SECONDS = 60.0
"""A run whose heartbeat is older is not alive, where a lock says nothing."""

Standing = Literal["running", "done", "failed", "interrupted"]
StepStanding = Literal["waiting", "running", "done", "failed"]


@dataclass(frozen=True)
class PhaseState:
    """A set of tasks of a step."""

    name: str
    tasks: int


@dataclass(frozen=True)
class StepState:
    """How one step stands."""

    title: str
    does: str
    """What it does, for people: `finding near-duplicates`."""
    folder: str
    """Its name among the steps' folders."""
    stages: Sequence[str]
    phases: Sequence[PhaseState]
    standing: StepStanding = "waiting"
    seconds: float | None = None
    """How long it took; None where it has not ended, or stood already."""


@dataclass(frozen=True)
class Failure:
    """Why a run failed."""

    step: str
    """What the step does; empty where the run failed outside its steps."""
    message: str
    hint: str
    """What to change, and how to go on."""


@dataclass(frozen=True)
class RunState:
    """A run as it was when it last wrote its state. Times are seconds since 1970."""

    standing: Standing
    pipeline: str
    """The configuration's file, as it was named."""
    folder: str
    """The working folder, to which relative paths of the configuration belong."""
    host: str
    pid: int
    started: float
    workers: int
    executor: str
    activity: str = "starting"
    """What the run is at, for people."""
    steps: Sequence[StepState] = ()
    at: int | None = None
    """The step that runs, by its place in `steps`."""
    phase: int | None = None
    """The phase that runs, by its place in the step's."""
    phase_started: float | None = None
    ended: float | None = None
    failure: Failure | None = None
    overrides: Sequence[str] = ()
    """What `--set` and flags changed of the configuration."""
    seconds_before: dict[str, float] = field(default_factory=dict)
    """How long steps took in the run before, by title."""


class Recorder:
    """Keeps the state of this process's run on disk."""

    def __init__(self, steps_folder: str, state: RunState) -> None:
        self._folder = steps_folder
        before = read_state(steps_folder)
        known = {} if before is None else before.seconds_before
        own = {} if before is None else {step.title: step.seconds for step in before.steps if step.seconds is not None}
        self.state = replace(state, seconds_before={**known, **own})
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> "Recorder":
        for name in (STOP, WORKERS):
            Path(self._folder, name).unlink(missing_ok=True)  # it was meant for a run before
        self._write()
        self._show_life()
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()

    def update(self, **changes: Any) -> None:  # noqa: ANN401  (fields of RunState)
        """Change fields of the state."""
        with self._lock:
            self.state = replace(self.state, **changes)
            self._write()

    def update_step(self, index: int, **changes: Any) -> None:  # noqa: ANN401  (fields of StepState)
        """Change fields of a step."""
        steps = [replace(step, **changes) if at == index else step for at, step in enumerate(self.state.steps)]
        self.update(steps=steps)

    def _write(self) -> None:
        with suppress(OSError):  # a full disk ends the run where it writes results, with a better message
            write_json(f"{self._folder}/{STATE}", asdict(self.state))

    def _beat(self) -> None:
        beaten = monotonic()
        while not self._stop.wait(LOOK_SECONDS):
            if self._asked_to_stop():
                os.kill(os.getpid(), signal.SIGTERM)
            workers = self._asked_workers()
            if workers is not None:
                self.update(workers=workers)
            if monotonic() - beaten >= BEAT_SECONDS:
                beaten = monotonic()
                self._show_life()

    def _asked_to_stop(self) -> bool:
        """Say whether the run is asked to end, once for each time that it is."""
        try:
            Path(self._folder, STOP).unlink()
        except OSError:  # there is no such file, or the file system does not answer just now
            return False
        return True

    def _asked_workers(self) -> int | None:
        """Return how many workers the run is to have from now on, once for each time that it is asked; else None."""
        path = Path(self._folder, WORKERS)
        try:
            asked = int(path.read_text())
            path.unlink()
        except (OSError, ValueError):
            return None
        return max(1, asked)

    def _show_life(self) -> None:
        with suppress(OSError):
            Path(self._folder, HEARTBEAT).write_text(f"{socket.gethostname()} {os.getpid()} {time():.0f}\n")


def ask_to_stop(steps_folder: str) -> None:
    """Ask the run that is at work in a folder to end as on SIGTERM."""
    write_bytes(f"{steps_folder}/{STOP}", b"")


def ask_for_workers(steps_folder: str, workers: int) -> None:
    """Ask the run that is at work in a folder to go on with so many workers."""
    write_bytes(f"{steps_folder}/{WORKERS}", f"{workers}\n".encode())


def begin_state(pipeline: str, overrides: Sequence[str], workers: int, executor: str) -> RunState:
    """Return the state of a run of this process that begins now."""
    return RunState(
        "running",
        pipeline,
        str(Path.cwd()),
        socket.gethostname(),
        os.getpid(),
        time(),
        workers,
        executor,
        overrides=tuple(overrides),
    )


def read_state(steps_folder: str) -> RunState | None:
    """Read the state of the last run; None where there was none, or what it wrote cannot be read."""
    try:
        value: dict[str, Any] = dict(read_json(f"{steps_folder}/{STATE}"))
        steps = [
            StepState(**{**step, "phases": [PhaseState(**each) for each in step["phases"]]}) for step in value["steps"]
        ]
        failure = value["failure"]
        return RunState(**{**value, "steps": steps, "failure": None if failure is None else Failure(**failure)})
    except (FileNotFoundError, CorruptFileError, KeyError, TypeError):
        return None


def standing_of(steps_folder: str, state: RunState) -> Standing:
    """Return how a run stands now: one that says it is running is interrupted where its process has ended."""
    if state.standing != "running" or is_alive(steps_folder, state):
        return state.standing
    return "interrupted"


def is_alive(steps_folder: str, state: RunState) -> bool:
    """Say whether the process of a run lives, on this machine or another one."""
    held = _is_held(f"{steps_folder}/{LOCK}")
    if held:
        return True
    if held is False and state.host == socket.gethostname():
        return False
    age = heartbeat_age(steps_folder)
    return age is not None and age < SILENT_SECONDS


def heartbeat_age(steps_folder: str) -> float | None:
    """Return how many seconds ago the run last showed that it lives; None where it never did."""
    try:
        return max(0.0, time() - Path(steps_folder, HEARTBEAT).stat().st_mtime)
    except OSError:
        return None


def _is_held(path: str) -> bool | None:
    """Say whether a process holds a lock, without taking it; None where that cannot be found out."""
    try:
        with Path(path).open("rb") as lock:
            asked = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
            kind = struct.unpack("hhqqi4x", fcntl.fcntl(lock, fcntl.F_GETLK, asked))[0]
    except FileNotFoundError:
        return False
    except (OSError, struct.error):
        return None
    return bool(kind != fcntl.F_UNLCK)


def write_configuration(output: str, text: str) -> None:
    """Publish the configuration of the run as it is, with what `--set` changed."""
    write_bytes(f"{output}/{CONFIGURATION}", text.encode())


CONFIGURATION = "pipeline.yaml"
"""The published configuration of a run, in the output folder."""
