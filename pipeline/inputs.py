"""The input files and their digests.

A local file is identified by the SHA-256 of its content, remembered by path, size and modification time, so that an
untouched file is hashed once; a remote one by what its store says (an etag or checksum).
"""

from collections.abc import Sequence
from pathlib import Path

from prep.corpus.storage import exists, is_remote, read_json, remote_tag, sha256, size, write_json
from prep.stages.stage import InputFile

MEMORY = "inputs.json"


def identify(paths: Sequence[str], folder: str) -> tuple[InputFile, ...]:
    """Return the files with sizes and digests; `folder` is where digests are remembered between runs."""
    memory_path = f"{folder}/{MEMORY}"
    known = read_json(memory_path) if exists(memory_path) else {}
    seen: dict[str, object] = {}
    files = []
    for path in paths:
        if is_remote(path):
            files.append(InputFile(path, size(path), remote_tag(path)))
            continue
        status = Path(path).stat()
        key = f"{Path(path).resolve()} {status.st_size} {status.st_mtime_ns}"
        digest = str(known.get(key) or sha256(path))
        seen[key] = digest
        files.append(InputFile(path, status.st_size, digest))
    if seen.items() - known.items():
        write_json(memory_path, {**known, **seen})
    return tuple(files)
