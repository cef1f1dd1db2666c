"""Keeping a run's output in its store while it runs: the lock, what is fetched first, what is sent when."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from prep.corpus.errors import PrepError
from prep.corpus.files.retrying import storage_access
from prep.pipeline.config import Configuration
from prep.pipeline.execution.interrupts import INTERRUPTS
from prep.pipeline.remote.lease import Lease
from prep.pipeline.remote.places import make_work_folder
from prep.pipeline.remote.working_copy import WorkingCopy


@dataclass(frozen=True)
class Storing:
    """What a run does to keep its output in a store; nothing, where the output is a folder of this machine."""

    copy: WorkingCopy | None = None
    lease: Lease | None = None

    def send(self) -> None:
        """Send what has changed. Raises RunError where the lock is lost, StorageError where the store stays away."""
        if self.copy is not None and self.lease is not None:
            self.copy.send_changes(self.lease.require)

    def finish(self) -> None:
        """Send the published results and delete what is published no more."""
        if self.copy is not None and self.lease is not None:
            self.copy.send_changes(self.lease.require)
            self.copy.delete_unpublished(self.lease.require)


def prepare(configuration: Configuration) -> None:
    """Make the work folder of a run whose output is in a store. Raises RunError where others can write to it."""
    if configuration.remote:
        make_work_folder(configuration.settings.output)


@contextmanager
def storing(configuration: Configuration) -> Iterator[Storing]:
    """Hold the store's lock, and bring the work folder in line with the store; send the last changes at the end.

    Raises RunError where another run holds the lock, StorageError where the store stays away.
    """
    if not configuration.remote:
        yield Storing()
        return
    copy = WorkingCopy(configuration.remote, configuration.settings.output)
    with storage_access(configuration.settings.storage), Lease(copy.url) as lease, INTERRUPTS.calling(lease.release):
        copy.fetch()
        kept = Storing(copy, lease)
        try:
            yield kept
        except BaseException:
            with suppress(PrepError, OSError):  # the first error says more
                kept.send()
            raise
        kept.send()
