"""The input files: which are what they were, told without reading them, and what was read of each.

A local file is known by its path, size and times; a remote one by what its store says (an etag or checksum). What a
file is first seen with stays its identity in fingerprints as long as its content stays: the tasks that read it take the
SHA-256 of their stretches, and a file whose times have changed is read once more and compared with these. So planning
reads nothing but files that somebody has touched, and a file that was touched or put back makes no step run again. An
input of a few small files is read to plan the run, and their content is their identity.

A task looks at its files before it reads them and after it: what changed meanwhile stops the run.

    inputs.json    by path: size and times, identity, and the stretches read, each with its bytes and SHA-256

Cost: a look at each file, about 10 µs; in tasks one more read of what they have just read, at 1.8 GB/s on one core.
"""

import hashlib
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from typing import NamedTuple

from prep.corpus.errors import CorruptFileError, RunError
from prep.corpus.files.retrying import retried, same_access
from prep.corpus.files.storage import BLOCK, exists, is_remote, open_input, read_json, remote_tag, write_json
from prep.stages.stage import InputFile, Partition

MEMORY = "inputs.json"
_GROUP = 512
"""Files that are looked at in one go."""

MOST_READ, MOST_BYTES_READ = 1000, 64 << 20
"""An input of no more files and bytes is read when a run is planned."""
_SAY_SECONDS = 1.0

Say = Callable[[str], None]


class Stretch(NamedTuple):
    """What a task has read of a file."""

    first: int
    """The byte it begins at."""
    size: int
    sha256: str


@dataclass(frozen=True)
class Known:
    """What is known of a file from before."""

    state: str
    """Its size and times."""
    identity: str
    stretches: tuple[Stretch, ...] = ()
    """What was read of it, in order; empty where it was not read to its end yet."""


def survey(files: Sequence[InputFile]) -> tuple[InputFile, ...]:
    """Return the files as they are listed: enough to plan, not to tell whether a step is up to date."""
    return tuple(files)


def identify(
    files: Sequence[InputFile], folder: str, threads: int, say: Say = lambda activity: None
) -> tuple[InputFile, ...]:
    """Return the files with states and identities; `folder` is where these are remembered between runs.

    `say` is told what takes time. Raises RunError where a file that was listed is not there any more.
    """
    memory = _remembered(folder)
    local = [file.path for file in files if not file.error and not is_remote(file.path)]
    states = dict(zip(local, _states(local, threads), strict=True))
    touched = {path for path, state in states.items() if path in memory and memory[path].state != state}
    same = set(_unchanged(touched, memory, states, threads, say))
    fresh = {path for path in local if path not in memory or (path in touched and path not in same)}
    contents = _contents(fresh, states, threads)
    now = {
        path: contents.get(path, Known(state, _identity(state)))
        if path in fresh
        else replace(memory[path], state=state)
        for path, state in states.items()
    }
    if any(memory.get(path) != known for path, known in now.items()):
        _write(folder, {**memory, **now})
    return tuple(
        replace(file, identity=now[file.path].identity, state=now[file.path].state)
        if file.path in now
        else replace(file, identity=file.identity or file.error, state="" if file.error else file.identity)
        for file in files
    )


def remember(folder: str, partitions: Iterable[Partition], read: Mapping[str, Sequence[Stretch]]) -> None:
    """Keep what the tasks of these partitions have read of files, by path, for the runs that follow.

    Raises RunError where a file holds other bytes than before though its size and times have not changed.
    """
    memory = _remembered(folder)
    files = {item.file.path: item.file for partition in partitions for item in partition.ranges}
    changed = []
    now: dict[str, Known] = {}
    for path, stretches in read.items():
        state, before = files[path].state, memory.get(path)
        same = before if before is not None and before.state == state else None
        whole = _whole(stretches, files[path].size)
        known = Known(state, files[path].identity, whole or (same.stretches if same else ()))
        if same and _differ(same.stretches, stretches):
            known = Known(state, _identity(f"{state} {sorted(stretches)}"), whole)
            changed.append(path)
        now[path] = known
    if any(memory.get(path) != known for path, known in now.items()):
        _write(folder, {**memory, **now})
    if changed:
        raise RunError(
            f"{changed[0]} holds other bytes than when it was read before, though its size and times are the same"
            f"{f' (and {len(changed) - 1} more files)' if changed[1:] else ''}; run again: it is read as a new file"
        )


def read_stretches(partition: Partition) -> Iterator[tuple[str, Stretch]]:
    """Yield what the files of a partition hold that are on this machine, stretch by stretch, by path."""
    for item in partition.ranges:
        if item.file.state and not is_remote(item.file.path):
            digest = _digest(item.file.path, item.first, item.size)
            yield item.file.path, Stretch(item.first, item.size, digest)


def confirm(file: InputFile) -> None:
    """Raise RunError where a file is not what it was when the run was planned."""
    if not file.state:
        return
    try:
        remote = is_remote(file.path)
        state = remote_tag(file.path) if remote else retried("looking at", file.path, lambda: _state(file.path))
    except FileNotFoundError as error:
        raise _vanished(file.path) from error
    if state != file.state:
        raise RunError(
            f"{file.path} changed while the run was reading it (was: {file.state}; is: {state}); nothing is kept of "
            "what was read; run again when it does not change any more"
        )


def _remembered(folder: str) -> dict[str, Known]:
    """Return what earlier runs knew of files, nothing where it cannot be read: their steps are run again."""
    path = f"{folder}/{MEMORY}"
    try:
        value = read_json(path) if exists(path) else {}
        return {name: _known(item) for name, item in value.items()}
    except (CorruptFileError, TypeError, KeyError, ValueError):
        return {}


def _known(value: object) -> Known:
    item: Mapping[str, object] = value  # type: ignore[assignment]
    stretches = tuple(Stretch(int(first), int(size), str(digest)) for first, size, digest in item["stretches"])  # type: ignore[attr-defined]
    return Known(str(item["state"]), str(item["identity"]), stretches)


def _write(folder: str, memory: Mapping[str, Known]) -> None:
    value = {
        path: {"state": known.state, "identity": known.identity, "stretches": list(map(list, known.stretches))}
        for path, known in sorted(memory.items())
    }
    write_json(f"{folder}/{MEMORY}", value)


def _states(paths: Sequence[str], threads: int) -> list[str]:
    """Return sizes and times of local files. Raises RunError where one is not there any more."""
    groups = [paths[start : start + _GROUP] for start in range(0, len(paths), _GROUP)]
    with ThreadPoolExecutor(max(1, threads), initializer=same_access()) as pool:
        looked = pool.map(lambda group: retried("looking at", group[0], lambda: list(map(_state, group))), groups)
        return [state for states in looked for state in states]


def _state(path: str) -> str:
    local = path.removeprefix("file://")
    try:
        status = os.stat(local)  # noqa: PTH116 - several times faster than Path's
    except FileNotFoundError as error:
        raise _vanished(path) from error
    leads = f" -> {Path(local).readlink()}" if os.path.islink(local) else ""  # noqa: PTH114
    times = f"{status.st_mtime_ns} {status.st_ctime_ns}"  # the second shows an edit that sets the first back
    return f"{status.st_size} {times}{leads}"


def _vanished(path: str) -> RunError:
    return RunError(f"{path} was there when the run began and is not there any more")


def _identity(state: str) -> str:
    return hashlib.sha256(state.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _unchanged(
    touched: Collection[str], memory: Mapping[str, Known], states: Mapping[str, str], threads: int, say: Say
) -> Iterator[str]:
    """Yield those of the files with other times than before that hold what was read of them."""
    of_size = [
        path for path in sorted(touched) if memory[path].stretches and _size_in(memory[path].state, states[path])
    ]
    with ThreadPoolExecutor(max(1, threads), initializer=same_access()) as pool:  # hashing releases the interpreter
        alike = pool.map(lambda path: _holds(path, memory[path].stretches), of_size)
        said = monotonic()
        for number, (path, same) in enumerate(zip(of_size, alike, strict=True), start=1):
            if monotonic() - said > _SAY_SECONDS:
                said = monotonic()
                say(f"comparing touched files with what was read of them: {number:,} of {len(of_size):,}")
            if same and _state(path) == states[path]:
                yield path


def _contents(fresh: Collection[str], states: Mapping[str, str], threads: int) -> dict[str, Known]:
    """Read new files where they are few and small; none otherwise. Raises RunError where one changes meanwhile."""
    sizes = {path: int(states[path].partition(" ")[0]) for path in fresh}
    if len(fresh) > MOST_READ or sum(sizes.values()) > MOST_BYTES_READ:
        return {}
    with ThreadPoolExecutor(max(1, threads), initializer=same_access()) as pool:
        digests = dict(zip(fresh, pool.map(lambda path: _digest(path, 0, sizes[path]), fresh), strict=True))
    for path in fresh:
        confirm(InputFile(path, sizes[path], state=states[path]))
    return {path: Known(states[path], digest, (Stretch(0, sizes[path], digest),)) for path, digest in digests.items()}


def _size_in(before: str, now: str) -> bool:
    return before.partition(" ")[0] == now.partition(" ")[0]


def _holds(path: str, stretches: Sequence[Stretch]) -> bool:
    return all(_digest(path, first, size) == digest for first, size, digest in stretches)


def _digest(path: str, first: int, size: int) -> str:
    """Return the SHA-256 of a stretch of a file, as far as there is any."""
    digest = hashlib.sha256()
    with open_input(path) as source:
        source.seek(first)
        while size > 0 and (block := source.read(min(BLOCK, size))):
            digest.update(block)
            size -= len(block)
    return digest.hexdigest()


def _whole(stretches: Sequence[Stretch], size: int) -> tuple[Stretch, ...]:
    """Return stretches in order where they are all of a file, else none."""
    position = 0
    ordered = tuple(sorted(set(stretches)))
    for stretch in ordered:
        if stretch.first != position:
            return ()
        position += stretch.size
    return ordered if position == size else ()


def _differ(before: Sequence[Stretch], now: Sequence[Stretch]) -> bool:
    """Say whether stretches that were read twice hold different bytes."""
    known = {(stretch.first, stretch.size): stretch.sha256 for stretch in before}
    return any(known.get((each.first, each.size), each.sha256) != each.sha256 for each in now)
