"""What a pool of pilots asks of a cluster: start some, say which are there, end them."""

import hashlib
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import ClassVar, Protocol

from prep.corpus.errors import ExecutorError


def name_for(folder: str) -> str:
    """Return the name under which a cluster knows the pilots that work for a folder of steps."""
    return f"prep-{hashlib.sha256(str(Path(folder).resolve()).encode()).hexdigest()[:12]}"


class ClusterIsAwayError(ExecutorError):
    """The cluster does not answer, or takes no more pilots, for a while."""


class Launcher(Protocol):
    """A cluster, as far as one folder of steps is concerned. Everything here returns within seconds."""

    cluster: ClassVar[str]
    """Its name: `Slurm`."""
    units: ClassVar[str]
    """What a pilot is there: `jobs of Slurm`."""

    @property
    def environment(self) -> str:
        """Where to look when pilots end at once: what prepares their environment, and what they print."""
        ...

    @property
    def by_hand(self) -> str:
        """The command that ends all pilots where the cluster does not answer."""
        ...

    def open(self) -> None:
        """Begin to ask the cluster. Raises ExecutorError where it cannot be asked from this machine."""
        ...

    def submit(self, count: int) -> Sequence[str]:
        """Let so many pilots be started when there is room for them, and return their names.

        Raises ClusterIsAwayError where asking again may help, ExecutorError where it will not.
        """
        ...

    def listed(self) -> Collection[str] | None:
        """Return the pilots that wait or run, by name; None: no answer."""
        ...

    def said(self, name: str) -> str:
        """Return what is known of the end of a pilot, such as the last lines that it printed."""
        ...

    def cancel(self, names: Sequence[str]) -> bool:
        """End pilots, or let them not be started; say whether the cluster has answered."""
        ...

    def cancel_all(self) -> bool:
        """End all pilots that work for the folder; say whether the cluster has answered."""
        ...

    def close(self) -> None:
        """Ask no more."""
        ...
