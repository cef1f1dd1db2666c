"""Calls from kernels of C functions that a library loaded by Python has, by their addresses.

A call through ctypes costs a microsecond and more, which is much where a library is asked about each character of a
page. A kernel takes the functions' addresses as numbers (`address_of`) and calls them as compiled code does. Nothing
checks an address or what the function takes: each function here is for one signature, named after what it takes.
"""

import ctypes
from collections.abc import Callable, Sequence
from functools import partial

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

_Generated = tuple[object, Callable[[object, ir.IRBuilder, object, Sequence[ir.Value]], ir.Value]]


def address_of(pointer: object) -> int:
    """Return the address that a ctypes function or pointer holds."""
    return ctypes.cast(pointer, ctypes.c_void_p).value or 0  # type: ignore[arg-type]


@intrinsic
def call_with_place(typing_context: object, function: object, handle: object, place: object) -> _Generated:
    """Call `unsigned int function(void *handle, int place)`."""
    return types.uint32(types.intp, types.intp, types.int32), partial(_call, ir.IntType(32), (64, 32))


@intrinsic
def call_for_float(typing_context: object, function: object, handle: object, place: object) -> _Generated:
    """Call `float function(void *handle, int place)`."""
    return types.float32(types.intp, types.intp, types.int32), partial(_call, ir.FloatType(), (64, 32))


@intrinsic
def call_with_place_and_result(
    typing_context: object, function: object, handle: object, place: object, result: object
) -> _Generated:
    """Call `int function(void *handle, int place, void *result)`."""
    return types.int32(types.intp, types.intp, types.int32, types.intp), partial(_call, ir.IntType(32), (64, 32, 64))


def _call(
    result: ir.Type,
    widths: Sequence[int],
    context: object,
    builder: ir.IRBuilder,
    signature: object,
    arguments: Sequence[ir.Value],
) -> ir.Value:
    """Write a call of the function at the first argument, which takes integers of some bits."""
    kind = ir.FunctionType(result, [ir.IntType(width) for width in widths])
    return builder.call(builder.inttoptr(arguments[0], kind.as_pointer()), arguments[1:])
