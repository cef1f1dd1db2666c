"""Decorators that compile functions over numpy arrays to machine code, on first use and once for all processes.

A kernel is what Python calls. What only kernels call is an inner function or a leaf: it has no entry from Python (a
call raises TypeError; tests go through `entry`), which spares more than half of the time of compiling.
"""

from collections.abc import Callable
from functools import cache
from typing import ParamSpec, TypeVar, cast

import numba
from numba.core.dispatcher import Dispatcher

from prep.corpus.kernel_cache import keep
from prep.corpus.kernel_compiler import Inner

P = ParamSpec("P")
R = TypeVar("R")

_INNER = {"nogil": True, "no_cpython_wrapper": True, "no_cfunc_wrapper": True, "pipeline_class": Inner}


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function over numpy arrays to machine code on first use, cached on disk, free of the GIL."""
    return _kept(_njit(nogil=True, no_cfunc_wrapper=True)(function), inner=False)


def inner(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function that only kernels call, as a part of them."""
    return _kept(_njit(**_INNER)(function), inner=True)


def leaf(function: Callable[P, R]) -> Callable[P, R]:
    """Compile into the places that call it, without reference counts: for a hot inner function that allocates no array.

    Reference counts are atomic; in a function called once per word they cost more than its work.
    """
    return _kept(_njit(**_INNER, forceinline=True, _nrt=False)(function), inner=True)


def entry(function: Callable[P, R]) -> Callable[P, R]:
    """Return an inner function or a leaf with an entry from Python, compiled anew: for tests of it alone."""
    return cast("Callable[P, R]", _entry(function))


@cache
def _entry(function: Dispatcher) -> object:
    return numba.njit(function.py_func)


def _njit(**options: object) -> Callable[[Callable[P, R]], Callable[P, R]]:
    return cast("Callable[[Callable[P, R]], Callable[P, R]]", numba.njit(**options))  # type: ignore[call-overload]


def _kept(compiled: Callable[P, R], *, inner: bool) -> Callable[P, R]:
    if isinstance(compiled, Dispatcher):  # not where NUMBA_DISABLE_JIT leaves the function as it is
        keep(compiled, inner)
    return compiled
