"""Compiled functions on disk: compiled once for all processes, and used until a file they are made of changes.

numba's own cache compares only the file in which a function stands, and would go on using code that was compiled from
what the files it calls held before. Here the stamp of a compiled function is a digest of its file and of every file of
this package that the file imports, directly or not: a change to one file recompiles what depends on it, nothing else,
and a copy of the same files at another time is not stale.

The folder is NUMBA_CACHE_DIR where that is set (on a cluster: a folder that all nodes share), otherwise one in the
user's cache, otherwise, where that cannot be written, one in the folder for temporary files. Entries are pickles, so
that a folder which others can write is refused. A process that compiles a function holds a lock of its own in the
folder's lock file, one byte for each function; others wait for it and load the result. Where a file system has no locks
functions are compiled more than once, to the same effect.
"""

import fcntl
import gc
import hashlib
import os
import pickle
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import platformdirs
from numba.core import config, sigutils
from numba.core.caching import CompileResultCacheImpl, FunctionCache, UserProvidedCacheLocator
from numba.core.compiler import CompileResult
from numba.core.compiler_lock import global_compiler_lock
from numba.core.dispatcher import Dispatcher
from numba.core.types.misc import unliteral

from prep.corpus.errors import RunError
from prep.corpus.files.own_folder import CLOSED_TO_WRITING, is_own
from prep.corpus.kernel_compiler import restored

_ROOT = Path(__file__).parents[1]
_IMPORT = re.compile(r"^from prep\.([\w.]+) import (\([^)]*\)|.*)$", re.MULTILINE)
_LOCKS = "compiled"
"""The lock file; it grows by a byte with each function that is compiled, by which progress is shown."""


def folder() -> Path:
    """Return the folder that holds compiled functions. Raises RunError where others can write NUMBA_CACHE_DIR."""
    return _chosen(config.CACHE_DIR)


@cache
def _chosen(configured: str) -> Path:
    if configured:
        path = Path(configured)
        if not is_own(path, CLOSED_TO_WRITING):
            raise RunError(
                f"NUMBA_CACHE_DIR={configured}: the folder of compiled functions must be this user's own and closed to "
                f"others' writing, since code is run from it; hint: chmod go-w {configured}, or name another folder"
            )
        return path
    personal = Path(platformdirs.user_cache_dir("prep"), "kernels")
    if is_own(personal, CLOSED_TO_WRITING):
        return personal
    shared = Path(tempfile.gettempdir(), f"prep-kernels-{os.getuid()}")
    return shared if is_own(shared, CLOSED_TO_WRITING) else Path(tempfile.mkdtemp(prefix="prep-kernels-"))


def copy_compiled(target: Path) -> None:
    """Make a folder for other machines, with what this process's own holds for the modules that are loaded here.

    One that is there already, or that is not this user's own, is left as it is.
    """
    if target.exists() or not is_own(target, CLOSED_TO_WRITING):
        return
    files = [getattr(module, "__file__", None) for name, module in tuple(sys.modules.items()) if name[:5] == "prep."]
    for name in {_Locator.get_suitable_cache_subpath(file) for file in files if file}:
        with suppress(OSError):  # what is missing is compiled
            shutil.copytree(folder() / name, target / name)


class _Locator(UserProvidedCacheLocator):
    """Finds the folder of one source file's functions."""

    def __init__(self, function: object, file: str) -> None:
        super().__init__(function, file)
        self._stamp = source_digest(Path(file))
        self._path = str(folder() / self.get_suitable_cache_subpath(file))

    def get_cache_path(self) -> str:
        return self._path

    def get_source_stamp(self) -> str:
        return self._stamp

    @classmethod
    def from_function(cls, function: object, file: str) -> "_Locator":
        return cls(function, file)


class _Entry(CompileResultCacheImpl):
    """Stores kernels."""

    _locator_classes = (_Locator,)


class _InnerEntry(_Entry):
    """Stores functions without machine code of their own."""

    def rebuild(self, target_context: object, payload: tuple[object, ...]) -> CompileResult:
        return restored(target_context, payload)


class _KernelCache(FunctionCache):
    """Reads and writes entries; one that cannot be read is made anew, one that cannot be written does without."""

    _impl_class = _Entry

    def __init__(self, function: object) -> None:
        super().__init__(function)
        index = self._cache_file
        # Compared before the rest, which names types by their modules and cannot be read when one has moved.
        index._version = f"{index._version} {index._source_stamp}"

    def load_overload(self, signature: object, target: object) -> CompileResult | None:
        try:
            return super().load_overload(signature, target)
        except Exception:  # damaged files raise whatever unpickling and LLVM raise
            return None

    def save_overload(self, signature: object, result: CompileResult) -> None:
        with suppress(OSError, EOFError, pickle.UnpicklingError):
            super().save_overload(signature, result)


class _InnerCache(_KernelCache):
    _impl_class = _InnerEntry


class _OnFirstUse:
    """Opens a function's cache when something is compiled: commands that compile nothing import hundreds of kernels."""

    def __init__(self, function: object, kind: type[_KernelCache]) -> None:
        self._function = function
        self._kind = kind

    @cached_property
    def _opened(self) -> _KernelCache:
        return self._kind(self._function)

    @property
    def cache_path(self) -> str:
        return str(self._opened.cache_path)

    def load_overload(self, signature: object, target: object) -> CompileResult | None:
        return self._opened.load_overload(signature, target)

    def save_overload(self, signature: object, result: CompileResult) -> None:
        self._opened.save_overload(signature, result)

    def is_empty(self) -> bool:
        """Return whether the index of the function lists no version of it, or cannot be read."""
        try:
            return not self._opened._cache_file._load_index()
        except Exception:  # a damaged index is made anew
            return True


def keep(function: Any, inner: bool) -> None:  # noqa: ANN401  (numba's dispatcher)
    """Keep on disk what is compiled of a function, and have it compiled by one process at a time."""
    function._cache = _OnFirstUse(function.py_func, _InnerCache if inner else _KernelCache)
    compile_, call_template = function.compile, function.get_call_template

    def compile_once(signature: object) -> object:
        with global_compiler_lock:  # taken before a file's lock everywhere: no two threads wait for each other
            known = function.overloads.get(tuple(sigutils.normalize_signature(signature)[0]))
            if known is not None:
                return known.entry_point
            with _locked(function.py_func), _without_collector():
                misses = sum(function._cache_misses.values())
                entry = compile_(signature)
                if sum(function._cache_misses.values()) > misses:
                    _count()
                return entry

    def without_literals(arguments: tuple[object, ...], named: dict[str, object]) -> object:
        """Compile one version for all constants of a type."""
        plain = {name: unliteral(each) for name, each in named.items()}
        return call_template(tuple(map(unliteral, arguments)), plain)

    function.compile, function.get_call_template = compile_once, without_literals


@contextmanager
def _locked(function: Callable[..., object]) -> Iterator[None]:
    name = f"{function.__module__}.{function.__qualname__}"
    byte = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=7).digest(), "big")
    file = _lock_file(folder())
    if file is None:
        yield
        return
    with suppress(OSError):
        fcntl.lockf(file, fcntl.LOCK_EX, 1, byte)
    try:
        yield
    finally:
        with suppress(OSError):
            fcntl.lockf(file, fcntl.LOCK_UN, 1, byte)


@cache
def _lock_file(place: Path) -> int | None:
    """Return the lock file, open for as long as the process lives: closing it once would give up all locks."""
    try:
        return os.open(place / _LOCKS, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    except OSError:
        return None


def _count() -> None:
    file = _lock_file(folder())
    if file is not None:
        with suppress(OSError):
            os.write(file, b".")


def compiled_functions() -> int:
    """Return how many functions all processes have compiled into the folder since it was made."""
    try:
        return (folder() / _LOCKS).stat().st_size
    except OSError:
        return 0


def is_compiled(function: Dispatcher) -> bool:
    """Return whether a version of a function is kept in the folder, or the function is none of those that are kept."""
    cache = getattr(function, "_cache", None)
    return not (isinstance(cache, _OnFirstUse) and cache.is_empty())


@contextmanager
def _without_collector() -> Iterator[None]:
    """Hold Python's cyclic garbage collector, which would take a fifth of the time of compiling and find little."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def source_digest(path: Path) -> str:
    """Return a digest of a file of this package and of all files of the package that it imports, directly or not."""
    digest = hashlib.sha256()
    for file in sorted(closure(path)):
        digest.update(content(file))
    return digest.hexdigest()


def closure(path: Path) -> set[Path]:
    """Return a file of this package and all files of the package that it imports, directly or not."""
    found, waiting = {path}, [path]
    while waiting:
        new = set(_imported(waiting.pop())) - found
        found |= new
        waiting.extend(new)
    return found


@cache
def content(path: Path) -> bytes:
    """Return what a source file holds."""
    return path.read_bytes()


@cache
def _imported(path: Path) -> tuple[Path, ...]:
    """Return the files of this package that a file imports."""
    found = []
    for module, names in _IMPORT.findall(content(path).decode()):
        place = _ROOT.joinpath(*module.split("."))
        candidates = [place.with_suffix(".py"), *(place / f"{name}.py" for name in re.findall(r"\w+", names))]
        found += [candidate for candidate in candidates if candidate.is_file()]
    return tuple(found)
