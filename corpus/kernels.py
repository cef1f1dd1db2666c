"""Decorators that compile functions over numpy arrays to machine code, and keep the result on disk until it is stale.

numba's own cache compares only the file in which a function stands, and would go on using code that was compiled from
what the files it calls held before. Here the stamp of a compiled function is a digest of its file and of every file of
this package that the file imports, directly or not: a change to one file recompiles what depends on it, nothing else,
and a copy of the same files at another time is not stale. The stamp is part of the index's version too, which numba
compares before it reads the rest: an index that names a type of a module that has since moved is stale, not an error.
"""

import hashlib
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import ParamSpec, TypeVar

import numba
from numba.core.dispatcher import Dispatcher

P = ParamSpec("P")
R = TypeVar("R")

_ROOT = Path(__file__).parents[1]
_IMPORT = re.compile(r"^from prep\.([\w.]+) import (\([^)]*\)|.*)$", re.MULTILINE)


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function over numpy arrays to machine code on first use, cached on disk, free of the GIL."""
    return _stamped(numba.njit(cache=True, nogil=True)(function))


def leaf(function: Callable[P, R]) -> Callable[P, R]:
    """Compile into the kernels that call it, without reference counts: for a hot function that allocates no array.

    Reference counts are atomic; in a function called once per word they cost more than its work.
    """
    return _stamped(numba.njit(cache=True, nogil=True, forceinline=True, _nrt=False)(function))  # type: ignore[call-overload]


def _stamped(compiled: Callable[P, R]) -> Callable[P, R]:
    if isinstance(compiled, Dispatcher):  # not where NUMBA_DISABLE_JIT leaves the function as it is
        path = Path(compiled.py_func.__code__.co_filename)
        index = compiled._cache._cache_file  # type: ignore[attr-defined]
        index._source_stamp = source_digest(path)
        index._version = (
            f"{index._version} {index._source_stamp}"  # compared before the rest, which names types by module
        )
    return compiled


def source_digest(path: Path) -> str:
    """Return a digest of a file of this package and of all files of the package that it imports, directly or not."""
    digest = hashlib.sha256()
    for file in sorted(_closure(path)):
        digest.update(_content(file))
    return digest.hexdigest()


def _closure(path: Path) -> set[Path]:
    found, waiting = {path}, [path]
    while waiting:
        new = set(_imported(waiting.pop())) - found
        found |= new
        waiting.extend(new)
    return found


@cache
def _content(path: Path) -> bytes:
    return path.read_bytes()


@cache
def _imported(path: Path) -> tuple[Path, ...]:
    """Return the files of this package that a file imports."""
    found = []
    for module, names in _IMPORT.findall(_content(path).decode()):
        place = _ROOT.joinpath(*module.split("."))
        candidates = [place.with_suffix(".py"), *(place / f"{name}.py" for name in re.findall(r"\w+", names))]
        found += [candidate for candidate in candidates if candidate.is_file()]
    return tuple(found)
