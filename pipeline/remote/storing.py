"""Keeping a run's output in its store while it runs: the lock, what is fetched first, what is sent when.

Beside what tasks and steps send, a thread sends every minute what long tasks have written so far, such as a training's
checkpoints: files appear whole, and what is written in place is sent again when it has changed.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Event, Lock, Thread

from prep.corpus.errors import PrepError
from prep.corpus.files.retrying import StorageAccess, storage_access
from prep.pipeline.config import Configuration
from prep.pipeline.execution.interrupts import INTERRUPTS
from prep.pipeline.remote.lease import Lease
from prep.pipeline.remote.places import make_work_folder
from prep.pipeline.remote.working_copy import WorkingCopy

SEND_SECONDS = 60.0


@dataclass(frozen=True)
class Storing:
    """What a run does to keep its output in a store; nothing, where the output is a folder of this machine."""

    copy: WorkingCopy | None = None
    lease: Lease | None = None
    _sending: Lock = field(default_factory=Lock, repr=False)

    def send(self, settled_seconds: float = 0.0) -> None:
        """Send what has changed. Raises RunError where the lock is lost, StorageError where the store stays away."""
        if self.copy is not None and self.lease is not None:
            with self._sending:
                self.copy.send_changes(self.lease.require, settled_seconds)

    def finish(self) -> None:
        """Send the published results and delete what is published no more."""
        if self.copy is not None and self.lease is not None:
            with self._sending:
                self.copy.send_changes(self.lease.require)
                self.copy.delete_unpublished(self.lease.require)

    @contextmanager
    def regularly(self, seconds: float, settings: StorageAccess) -> Iterator[None]:
        """Send what has changed every so many seconds while the block runs."""
        stop = Event()

        def run() -> None:
            with storage_access(settings):
                while not stop.wait(seconds):
                    with suppress(PrepError, OSError):  # the next step's end sends again, and says what is wrong
                        self.send(seconds / 2)

        thread = Thread(target=run, name="sending", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


def prepare(configuration: Configuration) -> None:
    """Make the work folder of a run whose output is in a store. Raises RunError where others can write to it."""
    if configuration.remote:
        make_work_folder(configuration.settings.output)


@contextmanager
def storing(configuration: Configuration, send_seconds: float = SEND_SECONDS) -> Iterator[Storing]:
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
            with kept.regularly(send_seconds, configuration.settings.storage):
                yield kept
        except BaseException:
            with suppress(PrepError, OSError):  # the first error says more
                kept.send()
            raise
        kept.send()
