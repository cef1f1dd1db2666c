"""How the driver of a run and its pilots on other machines talk: small files in one folder that both see.

    calls/NAME.pickle     what is to be run: a phase's call, without its tasks; named by its content
    inbox/PILOT.json      what a pilot is to do: a call and the numbers of its tasks
    outbox/PILOT.json     how the pilot's last assignment ended
    alive/PILOT           written every few seconds while the pilot lives, taken away when it ends in good order
    logs/                 what pilots print, where the cluster lets them print to a file (Slurm)

A call is a pickle, so the folder is of mode 0700 and the user's own; both sides check that before they write or read
one. Only the driver writes to an inbox and only the pilot to its outbox; every file appears whole. A pilot is idle
where its outbox has answered the number that its inbox has: that holds for a driver that is started again as well.
"""

import hashlib
import pickle
from dataclasses import asdict, dataclass
from pathlib import Path
from time import time
from typing import cast

from prep.corpus.errors import CorruptFileError
from prep.corpus.files.own_folder import require_closed
from prep.corpus.files.storage import read_json, write_bytes, write_json
from prep.pipeline.execution.tasks import Call

FOLDER = ".pool"
"""Its name among the steps' folders."""
BEAT_SECONDS = 5.0


@dataclass(frozen=True)
class Assignment:
    """What a pilot is to do."""

    number: int
    """Of the pilot's assignments, from 1."""
    call: str
    folder: str
    """The step's."""
    phase: str
    tasks: tuple[int, ...]


@dataclass(frozen=True)
class Answer:
    """How an assignment ended."""

    number: int
    error: str = ""
    """Empty where all went well."""


class Mailbox:
    """The folder, as seen from either side."""

    def __init__(self, folder: str) -> None:
        """Make the folder where there is none. Raises RunError where it is not the user's own, or open to others."""
        self.folder = Path(folder)
        require_closed(self.folder)

    def store(self, call: Call) -> str:
        """Keep a call for pilots and return its name."""
        data = pickle.dumps(call)
        name = hashlib.sha256(data).hexdigest()[:16]
        path = self.folder / "calls" / f"{name}.pickle"
        if not path.exists():
            write_bytes(str(path), data)
        return name

    def load(self, name: str) -> Call:
        """Read a call. Raises RunError where others could have written it."""
        require_closed(self.folder)
        return cast("Call", pickle.loads((self.folder / "calls" / f"{name}.pickle").read_bytes()))

    def assign(self, pilot: str, assignment: Assignment) -> None:
        """Give a pilot something to do."""
        write_json(str(self._inbox(pilot)), asdict(assignment))

    def assignment(self, pilot: str) -> Assignment | None:
        """Return what a pilot was last given to do."""
        value = _read(self._inbox(pilot))
        return None if value is None else Assignment(**{**value, "tasks": tuple(value["tasks"])})  # type: ignore[arg-type]

    def reply(self, pilot: str, answer: Answer) -> None:
        """Say how an assignment ended."""
        write_json(str(self._outbox(pilot)), asdict(answer))

    def answer(self, pilot: str) -> Answer | None:
        """Return how a pilot's last assignment ended."""
        value = _read(self._outbox(pilot))
        return None if value is None else Answer(**value)  # type: ignore[arg-type]

    def at_work(self, pilot: str) -> Assignment | None:
        """Return what a pilot was given to do and has not answered."""
        given, answer = self.assignment(pilot), self.answer(pilot)
        return given if given is not None and given.number > (0 if answer is None else answer.number) else None

    def has_given(self, call: Call) -> bool:
        """Return whether a pilot that has not left was given tasks of a phase and has not answered."""
        given = map(self.at_work, self.pilots())
        return any(each is not None and (each.folder, each.phase) == (call.folder, call.phase) for each in given)

    def arrive(self, pilot: str) -> None:
        """Begin as a pilot: what one of the same name has left is not for this one."""
        self._inbox(pilot).unlink(missing_ok=True)
        self._outbox(pilot).unlink(missing_ok=True)
        self.beat(pilot)

    def beat(self, pilot: str) -> None:
        """Show that a pilot lives."""
        write_bytes(str(self.folder / "alive" / pilot), f"{time():.3f}\n".encode())

    def leave(self, pilot: str) -> None:
        """Say that a pilot has ended, and its processes with it."""
        (self.folder / "alive" / pilot).unlink(missing_ok=True)

    def life(self, pilot: str) -> str:
        """Return what a pilot last wrote to show that it lives; empty where it has left, or never came."""
        try:
            return (self.folder / "alive" / pilot).read_text()
        except OSError:
            return ""

    def pilots(self) -> list[str]:
        """Return the pilots that have come and not left, whether or not they live."""
        folder = self.folder / "alive"
        return sorted(path.name for path in folder.iterdir() if path.name[0] != ".") if folder.exists() else []

    @property
    def logs(self) -> Path:
        """The folder of what pilots print."""
        return self.folder / "logs"

    def log(self, pilot: str) -> str:
        """Return the last lines that a pilot has printed; without a name, the last ones of all."""
        try:
            path = self.logs / f"{pilot}.log" if pilot else max(self.logs.glob("*.log"), key=_changed)
            text = path.read_text("utf-8", "replace")
        except (OSError, ValueError):
            return ""
        return "\n".join(text.strip().splitlines()[-5:])

    def _inbox(self, pilot: str) -> Path:
        return self.folder / "inbox" / f"{pilot}.json"

    def _outbox(self, pilot: str) -> Path:
        return self.folder / "outbox" / f"{pilot}.json"


def _changed(path: Path) -> float:
    return path.stat().st_mtime


def _read(path: Path) -> dict[str, object] | None:
    try:
        return read_json(str(path))
    except (FileNotFoundError, CorruptFileError):
        return None
