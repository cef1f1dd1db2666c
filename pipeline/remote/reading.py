"""The results of a run in a store, for commands that read them."""

from contextlib import suppress

from prep.pipeline.execution.alone import BusyError, alone
from prep.pipeline.remote.places import make_work_folder, work_folder
from prep.pipeline.remote.working_copy import STEPS, WorkingCopy


def fetched(url: str, scratch: str = "") -> str:
    """Return the folder on this machine that stands for an output in a store, brought in line with it.

    One in which a run is at work is taken as it is. Raises RunError where others can write to it, StorageError where
    the store stays away.
    """
    folder = work_folder(url, scratch)
    make_work_folder(folder)
    with suppress(BusyError), alone(f"{folder}/{STEPS}"):
        WorkingCopy(url, folder).fetch(published=True)
    return folder
