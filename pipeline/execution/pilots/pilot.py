"""A pilot: a process on a cluster that runs tasks of any phase as the run's driver assigns them.

    python -m prep.pipeline.execution.pilots.pilot MAILBOX NAME LEAVE_SECONDS

Slurm starts it as a program, Ray as an actor that calls `run_pilot`. It keeps one watched worker process, with what
that has loaded, from one phase to the next. It ends where it has had nothing to do for a while, where its job has used
up half its time, and on SIGTERM.
"""

import signal
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from socket import gethostname
from threading import Event, Thread
from time import monotonic, sleep
from types import FrameType

from prep.corpus.errors import RunError
from prep.pipeline.execution.pilots.exchange import BEAT_SECONDS, Answer, Assignment, Mailbox
from prep.pipeline.execution.tasks import Call
from prep.pipeline.execution.workers import Pool

IDLE_SECONDS = 300.0
"""So long a pilot waits for something to do, such as a driver that is started again."""
QUICKEST_LOOK, SLOWEST_LOOK = 0.02, 2.0
"""Seconds between two looks into the inbox, just after a task and after a while."""
LOOK_SHARE = 0.05
"""In between, a look comes after this share of the time for which there was nothing to do."""


def serve(box: Mailbox, name: str, leave_seconds: float) -> None:
    """Run what is assigned until there is nothing to do for long."""
    begun = idle_since = monotonic()
    answered = 0
    calls: dict[str, Call] = {}
    with Pool() as pool:
        while monotonic() - idle_since < IDLE_SECONDS and monotonic() - begun < leave_seconds:
            given = box.assignment(name)
            if given is None or given.number <= answered:
                sleep(min(SLOWEST_LOOK, max(QUICKEST_LOOK, LOOK_SHARE * (monotonic() - idle_since))))
                continue
            if given.call not in calls:
                calls.clear()
                calls[given.call] = box.load(given.call)
            box.reply(name, Answer(given.number, _error_of(pool, calls[given.call], given)))
            answered, idle_since = given.number, monotonic()


def _error_of(pool: Pool, call: Call, given: Assignment) -> str:
    try:
        pool.run(replace(call, tasks=given.tasks), lambda: 1)
    except Exception as error:
        return str(error) or type(error).__name__
    return ""


def run_pilot(folder: str, name: str, leave_seconds: float) -> None:
    """Serve as a pilot until there is nothing to do.

    Raises RunError where this node does not see the driver's folder.
    """
    if not Path(folder).is_dir():
        raise RunError(
            f"node {gethostname()} does not see {folder}; expected the output, or its scratch, on a file system that "
            "all nodes share"
        )
    box = Mailbox(folder)
    box.arrive(name)
    ended = Event()
    heart = Thread(target=_beat, args=(box, name, ended), name="heartbeat", daemon=True)
    heart.start()
    try:
        serve(box, name, leave_seconds)
    finally:
        ended.set()
        heart.join(BEAT_SECONDS)
        box.leave(name)


def main() -> None:
    """Serve as a pilot whose job may end it by SIGTERM."""
    folder, name, leave_seconds = sys.argv[1:]
    signal.signal(signal.SIGTERM, _leave)
    try:
        run_pilot(folder, name, float(leave_seconds))
    except RunError as error:
        sys.exit(str(error))


def _beat(box: Mailbox, name: str, ended: Event) -> None:
    while not ended.wait(BEAT_SECONDS):
        with suppress(OSError):
            box.beat(name)


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


if __name__ == "__main__":
    main()
