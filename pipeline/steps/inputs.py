"""The input files and their digests.

A local file is identified by the SHA-256 of its content, remembered by path, size and modification time, so that an
untouched file is hashed once; a remote one by what its store says (an etag or checksum).
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from prep.corpus.errors import CorruptFileError, RunError
from prep.corpus.files.retrying import retried, same_access
from prep.corpus.files.storage import exists, is_remote, read_json, remote_tag, sha256, write_json
from prep.stages.stage import InputFile

MEMORY = "inputs.json"


def survey(files: Sequence[InputFile]) -> tuple[InputFile, ...]:
    """Return the files as they are listed: enough to plan, not to tell whether a step is up to date."""
    return tuple(files)


def identify(files: Sequence[InputFile], folder: str, threads: int) -> tuple[InputFile, ...]:
    """Return the files with digests; `folder` is where digests are remembered between runs."""
    memory_path = f"{folder}/{MEMORY}"
    known = _remembered(memory_path)
    local = [file.path for file in files if not file.error and not is_remote(file.path)]
    keys = {path: _key(path) for path in local}
    fresh = [path for path, key in keys.items() if key not in known]
    with ThreadPoolExecutor(threads, initializer=same_access()) as pool:  # hashing releases the interpreter
        learnt = dict(zip(map(keys.__getitem__, fresh), pool.map(sha256, fresh), strict=True))
    for path in fresh:
        confirm(replace(_NOTHING, path=path, state=keys[path]))
    if learnt:
        known = {**known, **learnt}
        write_json(memory_path, known)
    return tuple(
        replace(file, digest=str(known[keys[file.path]]), state=keys[file.path])
        if file.path in keys
        else replace(file, digest=file.digest or file.error, state="" if file.error else file.digest)
        for file in files
    )


def _remembered(path: str) -> dict[str, object]:
    """Return the digests of an earlier run, none where they cannot be read: they are taken again."""
    try:
        return read_json(path) if exists(path) else {}
    except CorruptFileError:
        return {}


def confirm(file: InputFile) -> None:
    """Raise RunError where a file is not what it was when the run was planned."""
    if not file.state:
        return
    try:
        state = remote_tag(file.path) if is_remote(file.path) else _key(file.path)
    except FileNotFoundError as error:
        raise RunError(f"{file.path} was there when the run began and is not there any more") from error
    if state != file.state:
        raise RunError(
            f"{file.path} changed while the run was reading it (was: {file.state}; is: {state}); nothing is kept of "
            "what was read; run again when it does not change any more"
        )


def _key(path: str) -> str:
    status = retried("looking at", path, Path(path).stat)
    times = f"{status.st_mtime_ns} {status.st_ctime_ns}"  # the second shows an edit that sets the first back
    return f"{Path(path).resolve()} {status.st_size} {times}"


_NOTHING = InputFile("", 0)
