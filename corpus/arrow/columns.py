"""The bridge between Arrow string columns and numba kernels.

An Arrow string column is one buffer of UTF-8 bytes and one buffer of offsets; a document is a slice of bytes.
Kernels take both as numpy arrays and never make a Python object per document, word or n-gram. Source: the Arrow
columnar format, "Variable-size Binary Layout".
"""

from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from prep.corpus.kernels import leaf

Number = TypeVar("Number", bound=np.generic)

Bytes = npt.NDArray[np.uint8]
Offsets = npt.NDArray[np.int64]


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
    Copies nothing for a large_string or large_binary array without nulls; 32-bit offsets are widened, chunks joined.
    Both arrays are read-only, so that kernels over them are compiled for one type. Raises TypeError for other columns.
    """
    if not _is_variable(column.type):
        raise TypeError(f"expected a column of strings or bytes, seen {column.type}")
    column = column.cast(pa.large_binary())
    if isinstance(column, pa.ChunkedArray):
        column = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    if column.null_count:
        column = column.fill_null(b"")
    _, offset_buffer, data_buffer = column.buffers()
    if len(column) == 0:
        return _read_only(np.empty(0, np.uint8)), _read_only(np.zeros(1, np.int64))
    offsets = np.frombuffer(offset_buffer, np.int64, column.offset + len(column) + 1)[column.offset :]
    data = np.empty(0, np.uint8) if data_buffer is None else np.frombuffer(data_buffer, np.uint8)
    return _read_only(data), _read_only(offsets)


def row_sizes(column: pa.Array) -> npt.NDArray[np.int64]:
    """Return how many bytes each row's value takes (rows), whatever the slice or dictionary that holds it."""
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        return row_sizes(column.storage)
    if pa.types.is_dictionary(kind):
        sizes = np.append(row_sizes(column.dictionary), 0)  # the last one is for nulls
        rows: npt.NDArray[np.intp] = column.indices.cast(pa.int64()).fill_null(len(sizes) - 1).to_numpy()
        return sizes[rows]
    if pa.types.is_string_view(kind) or pa.types.is_binary_view(kind):
        return row_sizes(column.cast(pa.large_binary()))
    if pa.types.is_map(kind):
        return row_sizes(column.cast(pa.list_(pa.struct([kind.key_field, kind.item_field]))))
    if pa.types.is_struct(kind):
        total = np.zeros(len(column), np.int64)
        for field in column.flatten():
            total += row_sizes(field)
        return total
    if pa.types.is_nested(kind):  # lists of every kind
        ends = np.cumsum(_zero_where_null(pc.list_value_length(column)))
        totals = np.concatenate([[0], np.cumsum(row_sizes(column.flatten()))])
        return np.diff(totals[ends], prepend=0)
    if _is_variable(kind):
        return _zero_where_null(pc.binary_length(column))
    return np.full(len(column), 0 if pa.types.is_null(kind) else (kind.bit_width + 7) // 8, np.int64)


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


def set_field(schema: pa.Schema, field: pa.Field) -> pa.Schema:
    """Return the columns with the field in place of the one of its name, at the end where there is none."""
    index = schema.get_field_index(field.name)
    return schema.append(field) if index < 0 else schema.set(index, field)


def is_number(kind: pa.DataType) -> bool:
    """Return whether a column of this type holds integers or floats."""
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _read_only(array: npt.NDArray[Number]) -> npt.NDArray[Number]:
    array.flags.writeable = False
    return array


def _is_variable(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
    )


def _zero_where_null(lengths: pa.Array) -> npt.NDArray[np.int64]:
    filled: npt.NDArray[np.int64] = lengths.fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    return filled
