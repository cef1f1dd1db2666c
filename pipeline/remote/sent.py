"""What was sent to a store, or fetched from it, by whichever process: a line per file in logs of the work folder.

    .sent/HOST-PID-TOKEN.jsonl      [name, bytes, modified (ns), tag]; without a tag: deleted

A file is taken for the store's object where a line has its size and time and the tag that the store lists. Each process
writes a log of its own; a last line that a kill tore is left out, and its file is sent again.
"""

import os
import secrets
import socket
from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import NamedTuple

import orjson

FOLDER = ".sent"


class Sent(NamedTuple):
    """A file as it was when it was sent or fetched."""

    bytes: int
    modified: int
    """Nanoseconds since 1970."""
    tag: str
    """What identifies the object's content in the store; empty where it was deleted."""


def stamp_of(path: str, tag: str) -> Sent:
    """Return what is noted of a file. Raises FileNotFoundError."""
    status = os.stat(path)  # noqa: PTH116
    return Sent(status.st_size, status.st_mtime_ns, tag)


class SentLog:
    """The log of this process."""

    def __init__(self, folder: str) -> None:
        root = Path(folder, FOLDER)
        root.mkdir(parents=True, exist_ok=True)
        self._path = root / f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}.jsonl"
        self._lock = Lock()

    def add(self, name: str, sent: Sent) -> None:
        """Note a file."""
        with self._lock, self._path.open("ab") as log:
            log.write(orjson.dumps([name, *sent], option=orjson.OPT_APPEND_NEWLINE))


def read_logs(folder: str) -> dict[str, Sent]:
    """Return what the logs say of each file, the newest word on each."""
    known: dict[str, Sent] = {}
    logs = sorted(Path(folder, FOLDER).glob("*.jsonl"), key=lambda path: path.stat().st_mtime_ns)
    for path in logs:
        for line in path.read_bytes().splitlines():
            try:
                name, size, modified, tag = orjson.loads(line)
            except ValueError:
                continue
            before = known.get(name)
            if before is None or modified >= before.modified or not tag:
                known[name] = Sent(size, modified, tag)
    return known


def rewrite_logs(folder: str, known: Mapping[str, Sent]) -> None:
    """Put all logs into one, while no other process writes any."""
    old = list(Path(folder, FOLDER).glob("*.jsonl"))
    log = SentLog(folder)
    for name, sent in sorted(known.items()):
        if sent.tag:
            log.add(name, sent)
    for path in old:
        path.unlink()
