"""What a run's driver and its agent on Ray send each other."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Connect:
    """The cluster to work on."""

    address: str
    namespace: str
    """All actors of a folder of steps have one, and no others."""
    runtime_env: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Start:
    """Pilots to start."""

    names: tuple[str, ...]
    cpus: int
    memory: int
    """Bytes."""
    box: str
    kernels: str
    working_folder: str


@dataclass(frozen=True)
class Cancel:
    """Pilots to end: those of the names, or all."""

    names: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Listing:
    """The actors that wait or run, and why others ended, as far as that is known."""

    names: frozenset[str]
    ended: Mapping[str, str]


@dataclass(frozen=True)
class Cancelled:
    """All pilots of a `Cancel` have been ended."""


@dataclass(frozen=True)
class Failed:
    """The agent could not connect, and ends."""

    message: str
