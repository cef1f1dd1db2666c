"""What lies in a store, for commands that read a run's results or write a folder."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from prep.corpus.errors import ConfigurationError, RunError
from prep.corpus.files.storage import exists, is_remote, join
from prep.pipeline.execution.alone import BusyError, alone
from prep.pipeline.monitor.state import HEARTBEAT
from prep.pipeline.remote.lease import Lease, holder_of
from prep.pipeline.remote.places import make_work_folder, output_problems, work_folder
from prep.pipeline.remote.working_copy import STEPS, WorkingCopy
from prep.pipeline.results.ledger import LEDGER


def fetched(url: str, scratch: str = "") -> str:
    """Return the folder on this machine that stands for an output in a store, brought in line with it.

    One in which a run is at work is taken as it is. Raises RunError where others can write to it, StorageError where
    the store stays away.
    """
    folder = work_folder(url, scratch)
    make_work_folder(folder)
    with suppress(BusyError), alone(f"{folder}/{STEPS}"):
        WorkingCopy(url, folder).fetch(every=True)
        _show_life(url, f"{folder}/{STEPS}")
    return folder


def _show_life(url: str, steps_folder: str) -> None:
    """Let the age of the heartbeat be that of the lock, which a run on another machine renews."""
    holder = holder_of(url)
    path = Path(steps_folder, HEARTBEAT)
    if holder is None:
        path.unlink(missing_ok=True)
    else:
        path.write_text(f"{holder.host} {holder.pid} {holder.beat:.0f}\n", encoding="utf-8")
        os.utime(path, (holder.beat, holder.beat))


def results_at(place: str) -> str:
    """Return a folder of a run's results on this machine: the place itself, or what stands for its URL.

    Raises RunError where no run has been in the store, there or up to two folders above.
    """
    if not is_remote(place):
        return place
    url, below = place.rstrip("/"), ""
    for _ in range(3):
        if exists(join(url, LEDGER)):
            return join(fetched(url), below).rstrip("/")
        url, _, last = url.rpartition("/")
        below = f"{last}/{below}" if below else last
    raise RunError(f"{place}: no run has published results here: there is no {LEDGER} in it, or above it")


@contextmanager
def folder_for(place: str) -> Iterator[str]:
    """Give a folder to write: the place itself, or one whose files are sent to its URL at the end.

    Raises ConfigurationError where the store cannot be written, RunError where another command holds its lock.
    """
    if not is_remote(place):
        yield place
        return
    problems = [str(problem) for problem in output_problems(place)]
    if problems:
        raise ConfigurationError(problems)
    folder = work_folder(place)
    make_work_folder(folder)
    with alone(f"{folder}/.prep"), Lease(place) as lease:
        copy = WorkingCopy(place, folder)
        copy.fetch(every=True)
        yield folder
        copy.send_changes(lease.require)
