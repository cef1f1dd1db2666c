"""The bridge between Arrow string columns and numba kernels.

An Arrow string column is one buffer of UTF-8 bytes and one buffer of offsets; a document is a slice of bytes.
Kernels take both as numpy arrays and never make a Python object per document, word or n-gram. Source: the Arrow
columnar format, "Variable-size Binary Layout".
"""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa

P = ParamSpec("P")
R = TypeVar("R")
Number = TypeVar("Number", bound=np.generic)

Bytes = npt.NDArray[np.uint8]
Offsets = npt.NDArray[np.int64]


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function over numpy arrays to machine code on first use, cached on disk, free of the GIL."""
    compiled: Callable[P, R] = numba.njit(cache=True, nogil=True)(function)
    return compiled


def leaf(function: Callable[P, R]) -> Callable[P, R]:
    """Compile into the kernels that call it, without reference counts: for a hot function that allocates no array.

    Reference counts are atomic; in a function called once per word they cost more than its work.
    """
    compiled: Callable[P, R] = numba.njit(cache=True, nogil=True, forceinline=True, _nrt=False)(function)  # type: ignore[call-overload]
    return compiled


@leaf
def longest_row(offsets: Offsets) -> int:
    """Return the length in bytes of the longest row, zero where there is none. For kernels."""
    length = 0
    for row in range(len(offsets) - 1):
        length = max(length, offsets[row + 1] - offsets[row])
    return length


def string_buffers(column: pa.Array | pa.ChunkedArray) -> tuple[Bytes, Offsets]:
    """Return the UTF-8 bytes and the offsets (int64, rows + 1) of a string or binary column.

    Document i is `data[offsets[i]:offsets[i + 1]]`; offsets need not start at zero. A null row is an empty slice.
    Copies nothing for a large_string or large_binary array without nulls; 32-bit offsets are widened. Both arrays are
    read-only, so that kernels over them are compiled for one type.
    """
    if isinstance(column, pa.ChunkedArray):
        column = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
        if isinstance(column, pa.ChunkedArray):
            column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    wide = pa.types.is_large_string(column.type) or pa.types.is_large_binary(column.type)
    if column.null_count:
        column = column.fill_null(b"" if _is_binary(column.type) else "")
    _, offset_buffer, data_buffer = column.buffers()
    if len(column) == 0 or offset_buffer is None:
        return _read_only(np.empty(0, np.uint8)), _read_only(np.zeros(len(column) + 1, np.int64))
    raw = np.frombuffer(offset_buffer, np.int64 if wide else np.int32)
    offsets = raw[column.offset : column.offset + len(column) + 1].astype(np.int64, copy=False)
    data = np.frombuffer(data_buffer, np.uint8) if data_buffer is not None else np.empty(0, np.uint8)
    return _read_only(data), _read_only(offsets)


def string_array(data: Bytes, offsets: Offsets) -> pa.LargeStringArray:
    """Wrap UTF-8 bytes and int64 offsets (rows + 1, starting at zero) as a large_string array without a copy."""
    return pa.LargeStringArray.from_buffers(
        len(offsets) - 1,
        pa.py_buffer(np.ascontiguousarray(offsets)),
        pa.py_buffer(np.ascontiguousarray(data)),
    )


def set_column(batch: pa.RecordBatch, name: str, column: pa.Array) -> pa.RecordBatch:
    """Return the batch with the column replaced where it exists, appended where it does not."""
    field = pa.field(name, column.type)
    index = batch.schema.get_field_index(name)
    if index < 0:
        return batch.append_column(field, column)
    return batch.set_column(index, field, column)


def _read_only(array: npt.NDArray[Number]) -> npt.NDArray[Number]:
    array.flags.writeable = False
    return array


def _is_binary(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))
