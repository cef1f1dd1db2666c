"""Pilots as actors of Ray, which an agent starts and lists in a process of its own."""

import os
import socket
from collections.abc import Collection, Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from time import monotonic
from typing import ClassVar
from urllib.parse import urlsplit
from uuid import uuid4

from prep.corpus.errors import CorruptFileError, ExecutorError
from prep.corpus.files.storage import read_json, write_json
from prep.pipeline.config import RayExecutor
from prep.pipeline.execution.pilots.exchange import FOLDER, Mailbox
from prep.pipeline.execution.pilots.launcher import ClusterIsAwayError, name_for
from prep.pipeline.execution.ray.connection import Agent
from prep.pipeline.execution.ray.messages import Cancel, Connect, Start
from prep.pipeline.execution.tasks import CACHE_SETTING, kernels_folder

CONNECT_SECONDS = 60.0
"""How long the first connection may take."""
ADDRESS_SECONDS = 5.0
"""How long a host may take to answer at all."""
CANCEL_SECONDS = 5.0
STALE_SECONDS = 90.0
"""An agent that has sent nothing for so long is replaced: Ray itself ends one after a minute without its cluster."""
FIRST_WAIT, LONGEST_WAIT = 2.0, 30.0
"""Between two agents."""
ADDRESS = "ray.json"
"""The address of the cluster, in the mailbox, for whoever ends what a run has left."""


class RayLauncher:
    """Starts pilots for a folder of steps as named actors of a namespace of its own."""

    cluster: ClassVar[str] = "Ray"
    units: ClassVar[str] = "actors of Ray"

    def __init__(self, settings: RayExecutor, folder: str, box: Mailbox) -> None:
        self._settings = settings
        self._folder = folder
        self._box = box
        self._agent: Agent | None = None
        self._next_try, self._wait = 0.0, FIRST_WAIT
        self._ended: dict[str, str] = {}
        self._lock = Lock()
        """Ctrl-C comes in a thread of its own."""

    @property
    def environment(self) -> str:
        """Where to look when actors end at once."""
        return (
            "every node's Python must find prep and the packages of the stages: install them on all nodes, or name "
            "them in the executor's runtime_env; what actors print is in Ray's own logs on their node"
        )

    @property
    def by_hand(self) -> str:
        """The command that ends all pilots where Ray does not answer."""
        return f"prep stop {Path(self._folder).parent}"

    def open(self) -> None:
        """Connect. Raises ExecutorError where that fails."""
        if find_spec("ray") is None:
            raise ExecutorError("executor ray needs the package ray; install it with: pip install 'corpus-prep[ray]'")
        if problem := address_problem(self._settings):
            raise ExecutorError(f"executor ray: {problem}")
        self._agent = self._connected()
        begun = monotonic()
        while monotonic() - begun < CONNECT_SECONDS:
            self._agent.drain(1.0)
            if self._agent.listing is not None:
                write_json(str(self._box.folder / ADDRESS), {"address": self._settings.address})
                return
            if self._agent.has_ended:
                break
        said = self._box.log(self._log.stem) or "nothing"
        failure = self._agent.failure or f"no answer within {monotonic() - begun:.0f} s; what Ray says:\n{said}"
        self.close()
        raise ExecutorError(f"executor ray: no connection with {self._address}: {failure}")

    def submit(self, count: int) -> Sequence[str]:
        """Ask for actors. Raises ClusterIsAwayError where there is no connection just now."""
        agent = self._agent
        if agent is None or agent.listing is None:
            raise ClusterIsAwayError("Ray does not answer")
        names = tuple(f"{uuid4().hex[:12]}" for _ in range(count))
        cpus = self._settings.cpus_per_task
        memory = int(self._settings.memory_gb_per_cpu * cpus * 2**30)
        kernels = os.environ.get(CACHE_SETTING) or str(kernels_folder(f"{self._folder}/step"))
        agent.send(Start(names, cpus, memory, str(self._box.folder), kernels, str(Path.cwd())))
        return names

    def listed(self) -> Collection[str] | None:
        """Return the actors that wait or run, where they were listed since this was last called."""
        with self._lock:
            agent = self._agent
            if agent is None:
                if monotonic() >= self._next_try:
                    self._agent = self._connected()
                return None
            agent.drain(0.0)
            if agent.has_ended or monotonic() - agent.heard > STALE_SECONDS:
                agent.end()
                self._agent, self._next_try = None, monotonic() + self._wait
                self._wait = min(LONGEST_WAIT, 2 * self._wait)
                return None
            found = agent.take_listing()
            if found is None:
                return None
            self._wait = FIRST_WAIT
            self._ended |= found.ended
            return found.names

    def said(self, name: str) -> str:
        """Return why an actor ended, as far as Ray has told this driver."""
        return self._ended.get(name, "")

    def cancel(self, names: Sequence[str]) -> bool:
        """Let actors be ended; say whether there is a connection."""
        return self._cancel(tuple(names))

    def cancel_all(self) -> bool:
        """End all actors of the folder; say whether Ray has answered."""
        return self._cancel(None)

    def close(self) -> None:
        """End the agent; actors that live go on."""
        if self._agent is not None:
            self._agent.end()
            self._agent = None

    def _cancel(self, names: tuple[str, ...] | None) -> bool:
        if not self._lock.acquire(timeout=CANCEL_SECONDS):
            return False
        try:
            return self._agent is not None and self._agent.cancel(Cancel(names), CANCEL_SECONDS)
        finally:
            self._lock.release()

    @property
    def _address(self) -> str:
        return self._settings.address or os.environ.get("RAY_ADDRESS") or "auto"

    @property
    def _log(self) -> Path:
        return self._box.logs / "ray.log"

    def _connected(self) -> Agent:
        return Agent(Connect(self._address, name_for(self._folder), self._settings.runtime_env), self._log)


def address_problem(settings: RayExecutor) -> str:
    """Return what keeps this machine from asking a cluster, as far as that is seen without Ray; empty: nothing."""
    address = settings.address or os.environ.get("RAY_ADDRESS") or ""
    try:
        place = urlsplit(f"//{address.removeprefix('ray://')}")
        host, port = place.hostname, place.port
    except ValueError as error:
        return f"address {address}: expected HOST:PORT, ray://HOST:PORT or auto: {error}"
    if host is None or port is None:
        return ""
    try:
        socket.create_connection((host, port), ADDRESS_SECONDS).close()
    except OSError as error:
        return f"no cluster answers at {address}: {error}"
    return ""


def connection_problem(settings: RayExecutor) -> str:
    """Return what keeps this machine from connecting with a cluster; empty: nothing."""
    with TemporaryDirectory(prefix="prep-check-") as folder:
        launcher = RayLauncher(settings, f"{folder}/steps", Mailbox(f"{folder}/steps/{FOLDER}"))
        try:
            launcher.open()
        except ExecutorError as error:
            return str(error).removeprefix("executor ray: ")
        launcher.close()
    return ""


def left_behind(folder: str, box: Mailbox) -> RayLauncher | None:
    """Return what ends the actors that the last run in a folder of steps may have left; None where it made none."""
    try:
        settings = RayExecutor.model_validate({"kind": "ray", **read_json(str(box.folder / ADDRESS))})
    except (FileNotFoundError, CorruptFileError):
        return None
    return RayLauncher(settings, folder, box)
