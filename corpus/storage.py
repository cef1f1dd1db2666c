"""Files and folders, local or remote (through fsspec), and the one way to write them.

Every file appears under its name complete or not at all: locally it is written beside itself, flushed to disk and
renamed; object stores publish an object when its upload ends.
"""

import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

import fsspec
import orjson
import pyarrow as pa

BLOCK = 1 << 20


def is_remote(path: str) -> bool:
    """Say whether the path is a URL of a remote file system (`s3://`, `https://`, `hf://`, …)."""
    return "://" in path and not path.startswith("file://")


def join(folder: str, *names: str) -> str:
    """Join path segments with slashes, for local paths and URLs alike."""
    return "/".join([folder.rstrip("/"), *names])


def open_input(path: str) -> IO[bytes]:
    """Open a file for reading as it is stored, without decompressing it.

    Raises FileNotFoundError where there is none.
    """
    if not is_remote(path):
        return Path(path).open("rb")
    return cast("IO[bytes]", fsspec.open(path, "rb").open())


@contextmanager
def atomic_output(path: str) -> Iterator[IO[bytes]]:
    """Open a file for writing that appears under its name only when the block ends without an error."""
    if is_remote(path):
        with fsspec.open(path, "wb") as sink:
            yield cast("IO[bytes]", sink)
        return
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(6)}.tmp")
    try:
        with temporary.open("wb") as sink:
            yield sink
            sink.flush()
            os.fsync(sink.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: str, data: bytes) -> None:
    """Write a whole file atomically."""
    with atomic_output(path) as sink:
        sink.write(data)


def write_json(path: str, value: object) -> None:
    """Write a JSON file atomically, indented, keys in the order given."""
    write_bytes(path, orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def read_json(path: str) -> dict[str, object]:
    """Read a JSON file that holds an object."""
    with open_input(path) as source:
        return cast("dict[str, object]", orjson.loads(source.read()))


def write_arrow(path: str, table: pa.Table) -> None:
    """Write a table as an Arrow IPC file (random access), atomically and uncompressed."""
    with atomic_output(path) as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)


def read_arrow(path: str) -> pa.Table:
    """Open an Arrow IPC file; a local one is mapped into memory, not read."""
    source = pa.BufferReader(open_input(path).read()) if is_remote(path) else pa.memory_map(path)
    return pa.ipc.open_file(source).read_all()


def exists(path: str) -> bool:
    """Say whether a file or folder is there."""
    if not is_remote(path):
        return Path(path).exists()
    filesystem, name = fsspec.core.url_to_fs(path)
    return bool(filesystem.exists(name))


def expand(pattern: str) -> tuple[str, ...]:
    """Return the files that a path names, sorted: a file itself, a folder's files (recursively), a glob's matches.

    Hidden files (a leading dot) inside folders are left out. Returns nothing where nothing matches.
    """
    if is_remote(pattern):
        return _expand_remote(pattern)
    path = Path(pattern)
    if path.is_file():
        return (pattern,)
    if path.is_dir():
        found = (item for item in path.rglob("*") if item.is_file())
        return tuple(sorted(str(item) for item in found if not _hidden(item.relative_to(path))))
    filesystem = fsspec.filesystem("file")
    root = "" if path.is_absolute() else f"{Path.cwd()}/"
    matches = (name.removeprefix(root) for name in filesystem.glob(pattern))
    return tuple(sorted(name for name in matches if Path(name).is_file()))


def size(path: str) -> int:
    """Return a file's size in bytes."""
    if not is_remote(path):
        return Path(path).stat().st_size
    filesystem, name = fsspec.core.url_to_fs(path)
    return int(filesystem.size(name))


def sha256(path: str) -> str:
    """Return the SHA-256 of a file's content as hexadecimal digits."""
    with open_input(path) as source:
        digest = hashlib.sha256()
        while block := source.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def remote_tag(path: str) -> str:
    """Return what a remote store says identifies a file's content: its etag, checksum or modification time."""
    filesystem, name = fsspec.core.url_to_fs(path)
    info = filesystem.info(name)
    for key in ("ETag", "etag", "checksum", "sha256", "blob_id", "LastModified", "mtime"):
        if info.get(key):
            return f"{key}:{info[key]}"
    return f"size:{info.get('size')}"


def remove_tree(folder: str) -> None:
    """Delete a folder and all it holds, if it is there."""
    if not is_remote(folder):
        shutil.rmtree(folder, ignore_errors=True)
        return
    filesystem, name = fsspec.core.url_to_fs(folder)
    if filesystem.exists(name):
        filesystem.rm(name, recursive=True)


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _expand_remote(pattern: str) -> tuple[str, ...]:
    filesystem, name = fsspec.core.url_to_fs(pattern)
    if any(mark in name for mark in "*?["):
        names = filesystem.glob(name)
    elif filesystem.isdir(name):
        names = filesystem.find(name)
    else:
        names = [name] if filesystem.exists(name) else []
    return tuple(sorted(str(filesystem.unstrip_protocol(item)) for item in names))
