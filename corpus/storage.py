"""Files and folders, local or remote (through fsspec), and the one way to write them.

Every file appears under its name complete or not at all: locally it is written beside itself, flushed to disk and
renamed; object stores publish an object when its upload ends.
"""

import glob
import hashlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

import fsspec
import orjson
import pyarrow as pa

from prep.corpus.errors import CorruptFileError

BLOCK = 1 << 20


def is_remote(path: str) -> bool:
    """Say whether the path is a URL of a remote file system (`s3://`, `https://`, `hf://`, …)."""
    return "://" in path and not path.startswith("file://")


def join(folder: str, *names: str) -> str:
    """Join path segments with slashes, for local paths and URLs alike."""
    return "/".join([folder.rstrip("/"), *names])


def absolute(path: str) -> str:
    """Return the path from the root on, without `..`, or the URL as its file system writes it."""
    if not is_remote(path):
        return os.path.abspath(_local(path))  # noqa: PTH100 - Path.absolute leaves `..` in place
    filesystem, name = fsspec.core.url_to_fs(path)
    return str(filesystem.unstrip_protocol(name))


def open_input(path: str) -> IO[bytes]:
    """Open a file for reading as it is stored, without decompressing it.

    Raises FileNotFoundError where there is none.
    """
    if not is_remote(path):
        return _local(path).open("rb")
    return cast("IO[bytes]", fsspec.open(path, "rb").open())


@contextmanager
def atomic_output(path: str) -> Iterator[IO[bytes]]:
    """Open a file for writing that appears under its name only when the block ends without an error.

    What goes to a remote store is collected in a temporary file and uploaded whole.
    """
    if is_remote(path):
        filesystem, name = fsspec.core.url_to_fs(path)
        with tempfile.NamedTemporaryFile() as sink:
            yield cast("IO[bytes]", sink)
            sink.flush()
            filesystem.put_file(sink.name, name)
        return
    target = _local(path)
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
    """Read a JSON file that holds an object. Raises CorruptFileError where it does not."""
    with open_input(path) as source:
        try:
            value = orjson.loads(source.read())
        except orjson.JSONDecodeError as error:
            raise CorruptFileError(f"{path} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise CorruptFileError(f"{path}: expected a JSON object, seen {type(value).__name__}")
    return cast("dict[str, object]", value)


def write_arrow(path: str, table: pa.Table) -> None:
    """Write a table as an Arrow IPC file (random access), atomically and uncompressed."""
    with atomic_output(path) as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)


def read_arrow(path: str) -> pa.Table:
    """Open an Arrow IPC file; a local one is mapped into memory, not read. Raises CorruptFileError where it is none."""
    try:
        return pa.ipc.open_file(map_input(path)).read_all()
    except pa.ArrowInvalid as error:
        raise CorruptFileError(f"{path} is not a whole Arrow file: {error}; delete it and run again") from error


def map_input(path: str) -> pa.NativeFile:
    """Map a local file into memory; load a remote one."""
    if is_remote(path):
        with open_input(path) as source:
            return pa.BufferReader(source.read())
    return pa.memory_map(str(_local(path)))


def exists(path: str) -> bool:
    """Say whether a file or folder is there."""
    if not is_remote(path):
        return _local(path).exists()
    filesystem, name = fsspec.core.url_to_fs(path)
    return bool(filesystem.exists(name))


def is_glob(path: str) -> bool:
    """Say whether a path is a pattern for several. A file or folder may have such a name, and a URL a query (`?`)."""
    if path.startswith(("http://", "https://")):
        return "*" in path
    return any(mark in path for mark in "*?[") and (is_remote(path) or not _local(path).exists())


def expand(pattern: str) -> tuple[str, ...]:
    """Return the files that a path names, sorted: a file itself, a folder's files (recursively), a glob's matches.

    Hidden files (a leading dot) inside folders are left out. Returns nothing where nothing matches.
    """
    if is_remote(pattern):
        return _expand_remote(pattern)
    path = _local(pattern)
    if is_glob(pattern):
        # Path.glob takes no absolute pattern, and gives hidden files too.
        names = glob.glob(str(path), recursive=True)  # noqa: PTH207
        return tuple(sorted(name for name in names if Path(name).is_file()))
    if path.is_dir():
        found = (item for item in path.rglob("*") if item.is_file())
        return tuple(sorted(str(item) for item in found if not _hidden(str(item.relative_to(path)))))
    return (str(path),) if path.is_file() else ()


def size(path: str) -> int:
    """Return a file's size in bytes. Raises OSError where a server does not tell it."""
    if not is_remote(path):
        return _local(path).stat().st_size
    filesystem, name = fsspec.core.url_to_fs(path)
    known = filesystem.size(name)
    if known is None:
        raise OSError(f"{path}: the server does not tell the file's size; download it first")
    return int(known)


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
        shutil.rmtree(_local(folder), ignore_errors=True)
        return
    filesystem, name = fsspec.core.url_to_fs(folder)
    if filesystem.exists(name):
        filesystem.rm(name, recursive=True)


def _local(path: str) -> Path:
    return Path(path.removeprefix("file://"))


def _hidden(path: str) -> bool:
    return any(part.startswith(".") for part in path.split("/"))


def _expand_remote(pattern: str) -> tuple[str, ...]:
    filesystem, name = fsspec.core.url_to_fs(pattern)
    if is_glob(pattern):
        names = filesystem.glob(name)
    else:
        try:
            kind = filesystem.info(name)["type"]
        except FileNotFoundError:
            return ()
        if kind != "directory":
            return (pattern,)
        names = [item for item in filesystem.find(name) if not _hidden(item.removeprefix(name))]
    return tuple(sorted(str(filesystem.unstrip_protocol(item)) for item in names))
