"""The input files and their digests.

A local file is identified by the SHA-256 of its content, remembered by path, size and modification time, so that an
untouched file is hashed once; a remote one by what its store says (an etag or checksum).
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from prep.corpus.storage import exists, is_remote, read_json, remote_tag, sha256, size, write_json
from prep.stages.stage import InputFile

MEMORY = "inputs.json"


def survey(paths: Sequence[str]) -> tuple[InputFile, ...]:
    """Return the files with their sizes, unread: enough to plan, not to tell whether a step is up to date."""
    return tuple(InputFile(path, size(path), "") for path in paths)


def identify(paths: Sequence[str], folder: str, threads: int) -> tuple[InputFile, ...]:
    """Return the files with sizes and digests; `folder` is where digests are remembered between runs."""
    memory_path = f"{folder}/{MEMORY}"
    known = read_json(memory_path) if exists(memory_path) else {}
    keys = {path: _key(path) for path in paths if not is_remote(path)}
    fresh = [path for path, key in keys.items() if key not in known]
    with ThreadPoolExecutor(threads) as pool:  # hashing releases the interpreter
        learnt = dict(zip(map(keys.__getitem__, fresh), pool.map(sha256, fresh), strict=True))
    if learnt:
        known = {**known, **learnt}
        write_json(memory_path, known)
    return tuple(
        InputFile(path, size(path), str(known[keys[path]]) if path in keys else remote_tag(path)) for path in paths
    )


def _key(path: str) -> str:
    status = Path(path).stat()
    return f"{Path(path).resolve()} {status.st_size} {status.st_mtime_ns}"
