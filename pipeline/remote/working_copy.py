"""A run's output in an object store, and the folder on this machine that stands for it.

The store is the truth: when a run begins, files of the folder that are not what the store lists are removed, and what
is missing is fetched. A task sends its files and then, on the condition that it is not there, its record: it is done
for other machines when its record stands in the store. After each step everything else that changed is sent: data
before records, records before manifests, the ledger last; what is gone is deleted first. Whatever a kill leaves in
between, the next run compares files with their digests. Files that are links to one already sent are copied within the
store. Only what a run makes is ever deleted there.

Cost: a listing when a run begins, a walk over the folder after each step, one look at each object written.
"""

import os
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from math import inf
from pathlib import Path
from time import time

from prep.corpus.errors import CorruptFileError, RunError
from prep.corpus.files import objects
from prep.corpus.files.retrying import same_access
from prep.corpus.files.storage import Stored, join, read_json
from prep.pipeline.monitor.state import HEARTBEAT, LOCK, STATE
from prep.pipeline.remote.lease import LOCKS
from prep.pipeline.remote.sent import Sent, SentLog, read_logs, rewrite_logs, stamp_of
from prep.pipeline.results.ledger import LEDGER, PUBLISHED
from prep.pipeline.steps.records import MANIFEST, TASKS

THREADS = 8
STEPS = "steps"
_LOCAL_ALONE = frozenset({HEARTBEAT, LOCK})
_NOTES = (".progress", ".tmp")


@dataclass(frozen=True)
class WorkingCopy:
    """Sends what is made in a folder to a store. Travels to workers."""

    url: str
    folder: str

    def send_task(self, paths: Sequence[str], record: str) -> None:
        """Send what a task has written, and then its record. Raises RunError where another one stands there."""
        log = _log(self.folder)
        self._each(lambda name: self._send(name, log), [self._name(path) for path in paths if Path(path).exists()])
        name, data = self._name(record), Path(record).read_bytes()
        place = join(self.url, name)
        if not objects.create(place, data) and objects.read_object(place) != data:
            raise RunError(f"{place}: another run has recorded this task with another result; run again")
        log.add(name, stamp_of(record, _FROM_TASK))

    def fetch(self, *, every: bool = False) -> None:
        """Bring the folder in line with the store: fetch what is missing, remove what the store does not have.

        Without `every` only what a run needs to go on is fetched: the steps, and the files beside them.
        """
        listed = {name: item for name, item in objects.list_objects(self.url).items() if not _is_lock(name)}
        wanted = {
            name: item for name, item in listed.items() if every or name.startswith(f"{STEPS}/") or "/" not in name
        }
        known = read_logs(self.folder)
        keep: dict[str, Sent] = {}
        for name in self._walk():
            item, sent = listed.get(name), known.get(name)
            if item is not None and sent is not None and _is_same(sent, item, stamp_of(self._path(name), sent.tag)):
                keep[name] = sent._replace(tag=item.tag)
            elif not name.startswith("."):
                Path(self._path(name)).unlink()
        missing = [item for name, item in wanted.items() if name not in keep]
        self._each(lambda item: objects.fetch_file(item, self._path(self._below(item))), missing)
        for item in missing:
            keep[self._below(item)] = stamp_of(self._path(self._below(item)), item.tag)
        rewrite_logs(self.folder, keep)

    def send_changes(self, allowed: Callable[[], None], settled_seconds: float = 0.0) -> None:
        """Send what is new or changed, and delete what is gone; `allowed` raises where nothing may be written.

        Files that were changed in the last `settled_seconds` are left out: whoever writes them is about to send them.
        """
        known, log = read_logs(self.folder), _log(self.folder)
        there = list(self._walk())
        allowed()
        gone, own = sorted(known.keys() - set(there)), {"", STEPS, *self._owned({})}
        self._delete([name for name in gone if known[name].tag and _is_in(name, own)], log)
        since = (time() - settled_seconds) * 1e9 if settled_seconds else inf
        changed = [name for name in there if not _is_sent(known.get(name), self._path(name), since)]
        for group in _in_order(changed):
            allowed()
            links = self._links(known)
            self._each(lambda name, links=links: self._send(name, log, links), group)
            known = read_logs(self.folder)

    def delete_unpublished(self, allowed: Callable[[], None]) -> None:
        """Delete from published folders in the store what the folder here does not have any more."""
        listed, there = objects.list_objects(self.url), set(self._walk())
        owned = self._owned(listed)
        allowed()
        self._delete([name for name in listed if _is_in(name, owned) and name not in there], _log(self.folder))

    def _send(self, name: str, log: SentLog, links: Mapping[tuple[int, int], str] | None = None) -> None:
        path, place = self._path(name), join(self.url, name)
        try:
            status = os.stat(path)  # noqa: PTH116
            same = (links or {}).get((status.st_dev, status.st_ino))
            if same is not None and same != name:
                tag = objects.copy_object(join(self.url, same), place)
            else:
                tag = objects.send_file(path, place)
            log.add(name, Sent(status.st_size, status.st_mtime_ns, tag))
        except FileNotFoundError:  # it was removed meanwhile
            if Path(path).exists():
                raise

    def _links(self, known: Mapping[str, Sent]) -> dict[tuple[int, int], str]:
        """Return the files of several names that stand in the store as they are here, by device and inode."""
        found = {}
        for name, sent in known.items():
            if sent.tag and sent.tag != _FROM_TASK and name.startswith(f"{STEPS}/"):
                try:
                    status = os.stat(self._path(name))  # noqa: PTH116
                except FileNotFoundError:
                    continue
                if status.st_nlink > 1 and (status.st_size, status.st_mtime_ns) == (sent.bytes, sent.modified):
                    found[status.st_dev, status.st_ino] = name
        return found

    def _delete(self, names: Sequence[str], log: SentLog) -> None:
        objects.remove_objects([join(self.url, name) for name in names])
        for name in names:
            log.add(name, Sent(0, 0, ""))

    def _owned(self, listed: Mapping[str, Stored]) -> set[str]:
        """Return the folders that runs publish here, by this run's ledger and by the one in the store."""
        names = set(PUBLISHED)
        for read in (self._ledger, lambda: self._stored_ledger(listed)):
            try:
                made = read().get("artefacts", [])
            except (FileNotFoundError, CorruptFileError):
                continue
            names |= {name for name in made if isinstance(name, str)} if isinstance(made, list) else set()
        return names

    def _ledger(self) -> dict[str, object]:
        return read_json(self._path(LEDGER))

    def _stored_ledger(self, listed: Mapping[str, Stored]) -> dict[str, object]:
        return read_json(listed[LEDGER].path) if LEDGER in listed else {}

    def _walk(self) -> Iterator[str]:
        """Yield the files of the folder that belong into the store, by their names below it."""
        for root, folders, files in os.walk(self.folder):
            below = os.path.relpath(root, self.folder)
            folders[:] = sorted(each for each in folders if not each.startswith("."))
            for each in sorted(files):
                if not each.startswith(".") and each not in _LOCAL_ALONE and not each.endswith(_NOTES):
                    yield each if below == "." else f"{below}/{each}"

    def _name(self, path: str) -> str:
        return os.path.relpath(path, self.folder)

    def _path(self, name: str) -> str:
        return f"{self.folder}/{name}"

    def _below(self, item: Stored) -> str:
        return item.path.removeprefix(self.url.rstrip("/") + "/")

    def _each(self, call: Callable[..., None], items: Iterable[object]) -> None:
        given = list(items)
        if not given:
            return
        with ThreadPoolExecutor(min(THREADS, len(given)), initializer=same_access()) as pool:
            list(pool.map(call, given))


_FROM_TASK = "created"
"""The tag of records, whose content says what they are."""


@cache
def _log(folder: str) -> SentLog:
    return SentLog(folder)


def _is_in(name: str, folders: Container[str]) -> bool:
    """Say whether a file lies in one of the folders, or below it; an empty name is that of the output itself."""
    folder, slash, _ = name.partition("/")
    return (folder if slash else "") in folders


def _is_lock(name: str) -> bool:
    return name.startswith(f"{LOCKS}/")


def _is_same(sent: Sent, item: Stored, now: Sent) -> bool:
    if (sent.bytes, sent.modified) != (now.bytes, now.modified) or now.bytes != item.size:
        return False
    return sent.tag in (item.tag, _FROM_TASK)


def _is_sent(sent: Sent | None, path: str, since: float) -> bool:
    """Say whether a file stands in the store as it is, or was changed after a time in nanoseconds, or is gone."""
    try:
        now = stamp_of(path, "" if sent is None else sent.tag)
    except FileNotFoundError:
        return True
    return (sent == now and now.tag != "") or now.modified > since


def _in_order(names: Sequence[str]) -> Iterator[list[str]]:
    """Yield names in the groups in which they are sent: what speaks of other files comes behind them."""

    def rank(name: str) -> int:
        last = name.rpartition("/")[2]
        if name == LEDGER:
            return 4
        if last == MANIFEST:
            return 2
        if f"/{TASKS}/" in name:
            return 1
        return 3 if last == STATE else 0

    for group in range(5):
        found = [name for name in names if rank(name) == group]
        if found:
            yield found
