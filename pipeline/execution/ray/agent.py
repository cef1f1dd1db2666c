"""The process that is a run's connection with Ray, apart from the driver, which it may not take down with it.

    python -m prep.pipeline.execution.ray.agent DESCRIPTOR

Ray ends a process whose cluster has been away for a minute, and handles signals of its own. The agent is sent a
`Connect`, then any number of `Start` and `Cancel`; without being asked it sends a `Listing` every second. It ends when
the pipe is closed. Ray's messages go to its log.
"""

import re
import sys
from contextlib import suppress
from multiprocessing.connection import Connection
from time import monotonic

import ray
from ray.exceptions import RayError

from prep.pipeline.execution.ray.actor import RayPilot
from prep.pipeline.execution.ray.messages import Cancel, Cancelled, Connect, Failed, Listing, Start

LISTING_SECONDS = 1.0
_COLOUR = re.compile(r"\x1b\[[\d;]*m")


class Agent:
    """What is connected with a cluster."""

    def __init__(self, connect: Connect) -> None:
        ray.init(
            address=connect.address,
            namespace=connect.namespace,
            runtime_env=dict(connect.runtime_env) or None,
            log_to_driver=False,
        )
        self._running: dict[ray.ObjectRef[None], str] = {}
        """What answers when a pilot has ended, and the pilot."""
        self._ended: dict[str, str] = {}

    def start(self, wish: Start) -> None:
        """Let actors be made when there is room for them."""
        for name in wish.names:
            try:
                kind = ray.remote(RayPilot).options(
                    name=name, lifetime="detached", num_cpus=wish.cpus, memory=wish.memory, max_restarts=0
                )
                actor = kind.remote(wish.box, name, wish.kernels, wish.working_folder)
                self._running[actor.outcome.remote()] = name
            except (RayError, ValueError, RuntimeError) as error:
                self._ended[name] = _summary(error)

    def cancel(self, names: tuple[str, ...] | None) -> None:
        """End actors that run or wait."""
        for name in ray.util.list_named_actors() if names is None else names:
            with suppress(ValueError):  # it has ended
                ray.kill(ray.get_actor(name))

    def listing(self) -> Listing:
        """Return which actors there are, and why others ended."""
        answers = list(self._running)
        done, _ = ray.wait(answers, num_returns=len(answers), timeout=0) if answers else ([], [])
        for answer in done:
            name = self._running.pop(answer)
            try:
                ray.get(answer)
            except RayError as error:
                self._ended[name] = _summary(error)
                self.cancel((name,))
        return Listing(frozenset(ray.util.list_named_actors()), dict(self._ended))


def _summary(error: Exception) -> str:
    """Return what has happened, without the tracebacks of the node, which Ray puts before it in colour."""
    cause = getattr(error, "cause", None)
    if isinstance(cause, Exception):
        return f"{type(cause).__name__}: {cause}"
    lines = _COLOUR.sub("", str(error)).strip().splitlines()
    return lines[-1].strip() if lines else type(error).__name__


def serve(pipe: Connection) -> None:
    """Do what arrives until the pipe is closed."""
    try:
        agent = Agent(pipe.recv())
    except Exception as error:
        pipe.send(Failed(_summary(error)))
        return
    due = monotonic()
    while True:
        while pipe.poll(max(0.0, due - monotonic())):
            match pipe.recv():
                case Start() as wish:
                    agent.start(wish)
                case Cancel(names):
                    agent.cancel(names)
                    pipe.send(Cancelled())
        pipe.send(agent.listing())
        due = monotonic() + LISTING_SECONDS


def main() -> None:
    """Serve the pipe of a descriptor."""
    with suppress(EOFError, ConnectionError):
        serve(Connection(int(sys.argv[1])))


if __name__ == "__main__":
    main()
