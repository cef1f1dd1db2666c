"""Files and folders, local or remote (through fsspec), and the one way to write them.

Every file appears under its name complete or not at all: locally it is written beside itself, flushed to disk and
renamed; object stores publish an object when its upload ends.
"""

import errno
import glob
import hashlib
import os
import re
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from typing import IO, NamedTuple, cast

import fsspec
import orjson
import pyarrow as pa

from prep.corpus.errors import CorruptFileError
from prep.corpus.files.retrying import open_retrying, retried

BLOCK = 1 << 20
_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

_WRITTEN: ContextVar[list[str] | None] = ContextVar("written", default=None)

_VARIABLE = re.compile(r"\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)\})")
_BRACES = re.compile(r"\{([^{}]*,[^{}]*)\}")
_MARKS = "*?["
"""What makes a path a glob, beside alternatives in braces."""


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


def expand_path(path: str) -> str:
    """Return a path with `~` and environment variables replaced; one that is there as it is written stays.

    Raises ValueError where a variable is not set.
    """
    if not _VARIABLE.search(path) and not path.startswith("~"):
        return path
    if not is_remote(path) and os.path.lexists(_local(path)):
        return path

    def value(found: re.Match[str]) -> str:
        name = found[1] or found[2]
        if name not in os.environ:
            raise ValueError(f"a path whose environment variables are set; {name} is not")
        return os.environ[name]

    return os.path.expanduser(_VARIABLE.sub(value, path))  # noqa: PTH111 - Path would change what is no local path


def open_input(path: str) -> IO[bytes]:
    """Open a file for reading as it is stored, without decompressing it; see `retrying` for storage that stalls.

    Raises FileNotFoundError where there is none.
    """
    return open_retrying(path, partial(_open, path))


def read_range(path: str, start: int, end: int) -> bytes:
    """Read the bytes from `start` to before `end`, as far as there are any; of a remote file nothing else is loaded."""
    if is_remote(path):
        filesystem, name = fsspec.core.url_to_fs(path)
        return bytes(retried("reading", path, lambda: filesystem.cat_file(name, start=start, end=end)))
    with open_input(path) as source:
        source.seek(start)
        return source.read(end - start)


def read_heads(paths: Sequence[str], size: int) -> list[bytes | None]:
    """Return the first bytes of regular files on this machine; None for all else, and for what cannot be read so.

    They are opened by one thread in a row: to watch each of them by itself costs ten times as much.
    """
    if not paths:
        return []
    return retried("reading files such as", paths[0], lambda: [_head(path, size) for path in paths])


def _head(path: str, size: int) -> bytes | None:
    local = _local(path)
    try:
        if is_remote(path) or not stat.S_ISREG(local.stat().st_mode):  # opening a pipe would wait for its other end
            return None
        with local.open("rb", buffering=0) as source:
            return source.read(size)
    except OSError:
        return None


@contextmanager
def atomic_output(path: str) -> Iterator[IO[bytes]]:
    """Open a file for writing that appears under its name only when the block ends without an error.

    An error that says that the disk is full names the file. What goes to a remote store is
    collected in a temporary file and uploaded whole.
    """
    if is_remote(path):
        filesystem, name = fsspec.core.url_to_fs(path)
        with tempfile.NamedTemporaryFile() as sink:
            yield cast("IO[bytes]", sink)
            sink.flush()
            size = os.fstat(sink.fileno()).st_size
            retried("writing", path, lambda: filesystem.put_file(sink.name, name), more_seconds=size / BLOCK)
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
    except OSError as error:
        if error.errno in _NO_SPACE and error.filename is None:
            error.filename = path
        raise
    finally:
        temporary.unlink(missing_ok=True)
    noted = _WRITTEN.get()
    if noted is not None:
        noted.append(path)


@contextmanager
def noting_outputs() -> Iterator[list[str]]:
    """Collect the paths of the local files that `atomic_output` writes while the block runs, in this thread."""
    paths: list[str] = []
    token = _WRITTEN.set(paths)
    try:
        yield paths
    finally:
        _WRITTEN.reset(token)


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


def write_batches(path: str, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
    """Write record batches as an Arrow IPC file as they come, atomically and uncompressed."""
    with atomic_output(path) as sink, pa.ipc.new_file(sink, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)


def read_arrow(path: str) -> pa.Table:
    """Open an Arrow IPC file; a local one is mapped into memory, not read. Raises CorruptFileError where it is none."""
    with _whole_arrow(path):
        return pa.ipc.open_file(map_input(path)).read_all()


def read_arrow_batch(path: str, number: int) -> pa.RecordBatch:
    """Open one record batch of an Arrow IPC file, as `read_arrow` does."""
    with _whole_arrow(path):
        return pa.ipc.open_file(map_input(path)).get_batch(number)


@contextmanager
def _whole_arrow(path: str) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowInvalid, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # of the file system; pyarrow's own have none
            raise
        raise CorruptFileError(
            f"{path} is not a whole Arrow file: {error}; run again: what is damaged is found and made again"
        ) from error


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
    return bool(retried("looking at", path, lambda: filesystem.exists(name)))


def is_glob(path: str) -> bool:
    """Say whether a path is a pattern for several. A file or folder may have such a name, and a URL a query (`?`)."""
    if path.startswith(("http://", "https://")):
        return "*" in path
    return (any(mark in path for mark in _MARKS) or _BRACES.search(path) is not None) and (
        is_remote(path) or not _local(path).exists()
    )


def alternatives(pattern: str) -> tuple[str, ...]:
    """Return the globs that a glob with alternatives in braces stands for: `a.{pdf,epub}` is `a.pdf` and `a.epub`."""
    found = _BRACES.search(pattern) if is_glob(pattern) else None
    if found is None:
        return (pattern,)
    each = (pattern[: found.start()] + choice + pattern[found.end() :] for choice in found[1].split(","))
    return tuple(dict.fromkeys(whole for one in each for whole in alternatives(one)))


def glob_root(pattern: str) -> str:
    """Return the folder that all matches of a glob lie in, as the glob spells it."""
    marks = [pattern.find(mark) for mark in _MARKS if mark in pattern]
    braces = _BRACES.search(pattern)
    before = pattern[: min([*marks, *([braces.start()] if braces else [])], default=len(pattern))]
    return before.rpartition("/")[0] or ("/" if before.startswith("/") else "")


class Stored(NamedTuple):
    """A file as its folder lists it."""

    path: str
    size: int = 0
    """Bytes."""
    tag: str = ""
    """What a remote store says identifies the content (see `remote_tag`); empty for local files."""
    error: str = ""
    """Why it is no file that can be read: a link that leads nowhere or in a circle, a folder, a pipe."""


def expand(pattern: str) -> tuple[str, ...]:
    """Return the files that a path names, sorted: a file itself, a folder's files (recursively), a glob's matches.

    Hidden files (a leading dot) inside folders are left out. Returns nothing where nothing matches.
    """
    return tuple(item.path for item in find(pattern) if not item.error)


def find(pattern: str) -> tuple[Stored, ...]:
    """Return what a path names like `expand`, with what its listing says, and what only looks like a file.

    Linked folders are followed, each folder once, so that links in a circle end. Folders that a glob matches are given
    as such, unless it goes through folders anyway (`**`).
    """
    several = alternatives(pattern)
    if several != (pattern,):
        return tuple(sorted({item for one in several for item in find(one)}))
    if is_remote(pattern):
        return tuple(sorted(retried("listing", pattern, lambda: list(_find_remote(pattern)))))
    path = _local(pattern)
    if is_glob(pattern):
        names = _walk_glob(str(path)) if "**" in pattern else glob.glob(str(path))  # noqa: PTH207
    elif path.is_dir():
        names = _walk(str(path))
    else:
        names = [str(path)] if os.path.lexists(path) else []
    return tuple(sorted(map(_look_at, names)))


def look_up(path: str) -> Stored:
    """Return what a file's store says of it. Raises FileNotFoundError where there is none, OSError."""
    if is_remote(path):
        info = _info(path)
        return Stored(path, _size(path, info), tag_of(info))
    return Stored(path, _local(path).stat().st_size)


def size(path: str) -> int:
    """Return a file's size in bytes. Raises OSError where a server does not report it."""
    if not is_remote(path):
        return _local(path).stat().st_size
    return _size(path, _info(path))


def sha256(path: str) -> str:
    """Return the SHA-256 of a file's content as hexadecimal digits."""
    with open_input(path) as source:
        digest = hashlib.sha256()
        while block := source.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def remote_tag(path: str) -> str:
    """Return what a remote store says identifies a file's content: its etag, checksum or modification time."""
    return tag_of(_info(path))


def tag_of(info: Mapping[str, object]) -> str:
    """Return what identifies a file's content in what its store says of it; its size where the store says no more."""
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


def _open(path: str) -> IO[bytes]:
    if not is_remote(path):
        return cast("IO[bytes]", _local(path).open("rb", buffering=0))
    return cast("IO[bytes]", fsspec.open(path, "rb").open())


def _info(path: str) -> Mapping[str, object]:
    """Return what a remote store says of a file."""
    filesystem, name = fsspec.core.url_to_fs(path)
    return cast("Mapping[str, object]", retried("looking at", path, lambda: filesystem.info(name)))


def _local(path: str) -> Path:
    return Path(path.removeprefix("file://"))


def _hidden(path: str) -> bool:
    return any(part.startswith(".") for part in path.split("/"))


def _walk(folder: str) -> Iterator[str]:
    """Yield what lies in a folder and the folders in it, also through links, and is neither a folder nor hidden."""
    seen: set[tuple[int, int]] = set()
    for root, folders, files in os.walk(folder, followlinks=True):
        status = os.stat(root)  # noqa: PTH116 - os.walk is several times faster than Path's
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (f"{root.rstrip('/')}/{name}" for name in files if not name.startswith("."))


def _walk_glob(pattern: str) -> Iterator[str]:
    """Yield what a glob through folders (`**`) matches; unlike `glob`, it does not walk in circles."""
    folder, slash, _ = re.split(r"[*?\[]", pattern, maxsplit=1)[0].rpartition("/")
    matches = re.compile(fsspec.utils.glob_translate(pattern.removeprefix(folder + slash)))
    for path in _walk((folder or slash) or "."):
        relative = path.removeprefix(folder or ".").removeprefix("/")
        if matches.match(relative):
            yield path if slash else relative


def _look_at(path: str) -> Stored:
    try:
        status = os.stat(path)  # noqa: PTH116
    except OSError as error:
        return Stored(path, error=str(error.strerror))
    if not stat.S_ISREG(status.st_mode):
        return Stored(path, error=os.strerror(errno.EISDIR) if stat.S_ISDIR(status.st_mode) else "No regular file")
    return Stored(path, status.st_size)


def _find_remote(pattern: str) -> Iterator[Stored]:
    filesystem, name = fsspec.core.url_to_fs(pattern)
    if is_glob(pattern):
        found = filesystem.glob(name, detail=True)
        if "**" in pattern:
            found = {item: info for item, info in found.items() if info["type"] != "directory"}
    else:
        try:
            info = filesystem.info(name)
        except FileNotFoundError:
            return
        if info["type"] != "directory":
            yield Stored(pattern, _size(pattern, info), tag_of(info))
            return
        listed = filesystem.find(name, detail=True)
        found = {item: info for item, info in listed.items() if not _hidden(item.removeprefix(name))}
    for item, info in found.items():
        path = str(filesystem.unstrip_protocol(item))
        if info["type"] == "directory":
            yield Stored(path, error=os.strerror(errno.EISDIR))
            continue
        known = info if info.get("size") is not None else filesystem.info(item)
        yield Stored(path, _size(path, known), tag_of(known))


def _size(path: str, info: Mapping[str, object]) -> int:
    if info.get("size") is None:
        raise OSError(f"{path}: the server does not report the file's size; download it first")
    return int(cast("int", info["size"]))
