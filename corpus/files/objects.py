"""Objects of a remote store, written and read whole, through fsspec (S3, Google Cloud Storage, Azure and others).

An object appears when its upload ends, whole, so that nothing is renamed. What must not be written over is created on
the condition that it is not there (S3: `If-None-Match: *`). Each operation is tried again as reads are
(`prep.corpus.files.retrying`), and may take a second more per megabyte. Listings are never taken from a cache.

s3fs was chosen over obstore: both take the same time, and 0.01 CPU seconds per object of 32 MiB; obstore takes 0.3 ms
of CPU for a small object and s3fs 2.3 ms, which is little beside the 10 ms that a request takes, and the input, which
may lie in any store that fsspec knows, is read by the same client.
"""

import os
import secrets
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

import fsspec

from prep.corpus.errors import StorageError
from prep.corpus.files.retrying import retried
from prep.corpus.files.storage import BLOCK, Stored, join, open_input, tag_of

T = TypeVar("T")

PROTOCOLS: Mapping[str, tuple[str, str]] = {
    "s3": ("s3fs", "s3"),
    "s3a": ("s3fs", "s3"),
    "gs": ("gcsfs", "gcs"),
    "gcs": ("gcsfs", "gcs"),
    "abfs": ("adlfs", "azure"),
    "abfss": ("adlfs", "azure"),
    "az": ("adlfs", "azure"),
}
"""Stores that objects can be written to: their protocol → the package that is needed, and the extra that brings it."""
_PART = 8 << 20
_BYTES_PER_SECOND = 1_000_000
_DELETED_AT_ONCE = 500
_CONDITION_FAILED = ("PreconditionFailed", "pre-condition", "ConditionNotMet", "ResourceExists", "BlobAlreadyExists")


def protocol_of(url: str) -> str:
    """Return a URL's protocol."""
    return url.partition("://")[0]


def is_installed(url: str) -> bool:
    """Say whether the package is there that a URL's protocol takes."""
    package, _ = PROTOCOLS.get(protocol_of(url), ("", ""))
    return bool(package) and find_spec(package) is not None


def list_objects(url: str) -> dict[str, Stored]:
    """Return the objects below a folder by their names there, as the store lists them now."""
    filesystem, root = fsspec.core.url_to_fs(url)

    def call() -> dict[str, dict[str, object]]:
        filesystem.invalidate_cache()
        try:
            return dict(filesystem.find(root, detail=True))
        except FileNotFoundError:
            return {}

    found = retried("listing", url, call)
    below = root.rstrip("/") + "/"
    named = {name.removeprefix(below): info for name, info in found.items() if name.startswith(below)}
    return {
        name: Stored(join(url, name), int(str(info.get("size") or 0)), tag_of(info))
        for name, info in sorted(named.items())
        if name and info.get("type") != "directory"
    }


def send_file(path: str, url: str) -> str:
    """Write a local file to an object, in parts where it is big; return what identifies its content there.

    Raises StorageError where the store does not hold as many bytes afterwards.
    """
    filesystem, name = fsspec.core.url_to_fs(url)
    size = os.path.getsize(path)  # noqa: PTH202
    options = {"chunksize": _PART} if protocol_of(url) in ("s3", "s3a") else {}
    _written(url, size, lambda: filesystem.put_file(path, name, **options))
    info = _looked_at(url)
    if info.get("size") != size:
        raise StorageError(f"{url} holds {info.get('size')} bytes after {size} were written; run again")
    return tag_of(info)


def send_bytes(url: str, data: bytes) -> None:
    """Write a small object."""
    filesystem, name = fsspec.core.url_to_fs(url)
    _written(url, len(data), lambda: filesystem.pipe_file(name, data))


def create(url: str, data: bytes) -> bool:
    """Write a small object where there is none of its name; False where there is one, which stays as it is.

    A try may have written the object though its answer was lost: one that holds these bytes counts as written.
    """
    filesystem, name = fsspec.core.url_to_fs(url)

    def call() -> bool:
        try:
            filesystem.pipe_file(name, data, mode="create")
        except FileExistsError:
            return False
        except Exception as error:  # each client has errors of its own for a condition that does not hold
            if any(sign in f"{type(error).__name__}: {error}" for sign in _CONDITION_FAILED):
                return False
            raise
        return True

    return _written(url, len(data), call) or read_object(url) == data


def read_object(url: str) -> bytes | None:
    """Return what a small object holds; None where there is none."""
    filesystem, name = fsspec.core.url_to_fs(url)

    def call() -> bytes:
        filesystem.invalidate_cache()
        data, size = bytes(filesystem.cat_file(name)), filesystem.info(name).get("size")
        if len(data) != size:
            raise ConnectionError(f"the store sends {len(data):,} of {size:,} bytes")
        return data

    try:
        return retried("reading", url, call)
    except FileNotFoundError:
        return None


def fetch_file(item: Stored, path: str) -> None:
    """Write an object to a local file, which appears whole. Raises StorageError where it ends early."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(6)}.tmp")
    try:
        with open_input(item.path) as source, temporary.open("wb") as sink:
            while block := source.read(BLOCK):
                sink.write(block)
            written = sink.tell()
        if written != item.size:
            raise StorageError(f"{item.path}: {written} bytes were read of {item.size}; run again")
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def copy_object(source: str, target: str) -> str:
    """Copy an object within its store, without loading it; return what identifies its content there."""
    filesystem, name = fsspec.core.url_to_fs(source)
    _, place = fsspec.core.url_to_fs(target)
    _written(target, 0, lambda: filesystem.cp_file(name, place))
    return tag_of(_looked_at(target))


def remove_objects(urls: Iterable[str]) -> None:
    """Delete objects; those that are not there are no error."""
    left = list(urls)
    while left:
        batch, left = left[:_DELETED_AT_ONCE], left[_DELETED_AT_ONCE:]
        filesystem, _ = fsspec.core.url_to_fs(batch[0])
        names = [fsspec.core.url_to_fs(url)[1] for url in batch]

        retried("deleting", batch[0], partial(_remove, filesystem, names))


def _remove(filesystem: fsspec.AbstractFileSystem, names: list[str]) -> None:
    with suppress(FileNotFoundError):
        filesystem.rm(names)


def _written(url: str, size: int, call: Callable[[], T]) -> T:
    return retried("writing", url, call, more_seconds=size / _BYTES_PER_SECOND)


def _looked_at(url: str) -> Mapping[str, object]:
    filesystem, name = fsspec.core.url_to_fs(url)

    def call() -> Mapping[str, object]:
        filesystem.invalidate_cache()
        return dict(filesystem.info(name))

    return retried("looking at", url, call)
