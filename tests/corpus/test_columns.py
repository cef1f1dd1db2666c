"""The bridge to the kernels against Arrow's own view of the same columns, sliced, chunked and with nulls."""

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prep.corpus.arrow.columns import Bytes, Offsets, longest_row, row_sizes, set_column, string_array, string_buffers
from prep.corpus.kernels import kernel

STRINGS = (pa.string(), pa.large_string())
BINARIES = (pa.binary(), pa.large_binary())
VARIABLE = (*STRINGS, *BINARIES, pa.string_view(), pa.binary_view())
TEXTS = st.lists(st.none() | st.text(max_size=12), max_size=12)

INTEGERS = st.none() | st.integers(-(1 << 31), (1 << 31) - 1)
WORDS = st.none() | st.text(max_size=5)
VALUES = {
    pa.null(): st.none(),
    pa.bool_(): st.none() | st.booleans(),
    pa.int32(): INTEGERS,
    pa.float64(): st.none() | st.floats(),
    pa.decimal128(20): st.none() | st.integers(0, 10**9),
    pa.binary(3): st.none() | st.binary(min_size=3, max_size=3),
    pa.string(): WORDS,
    pa.large_string(): WORDS,
    pa.string_view(): WORDS,
    pa.large_binary(): st.none() | st.binary(max_size=5),
    pa.dictionary(pa.int8(), pa.string()): WORDS,
    pa.list_(pa.string()): st.none() | st.lists(WORDS, max_size=4),
    pa.large_list(pa.int32()): st.none() | st.lists(INTEGERS, max_size=4),
    pa.binary_view(): st.none() | st.binary(max_size=20),
    pa.list_view(pa.string()): st.none() | st.lists(WORDS, max_size=4),
    pa.list_(pa.string(), 2): st.none() | st.lists(WORDS, min_size=2, max_size=2),
    pa.map_(pa.string(), pa.int32()): st.none() | st.lists(st.tuples(st.text(max_size=3), INTEGERS), max_size=3),
    pa.struct([("a", pa.string()), ("b", pa.list_(pa.int32()))]): st.none()
    | st.fixed_dictionaries({"a": WORDS, "b": st.none() | st.lists(INTEGERS, max_size=3)}),
}
COLUMNS = st.sampled_from(list(VALUES)).flatmap(
    lambda kind: st.tuples(st.just(kind), st.lists(VALUES[kind], max_size=8), st.integers(0, 4), st.integers(0, 4))
)


@kernel
def longest_length(offsets: Offsets) -> int:
    return longest_row(offsets)


def rows_of(data: Bytes, offsets: Offsets) -> list[bytes]:
    return [data[start:end].tobytes() for start, end in pairwise(offsets)]


def encoded(texts: list[str | None]) -> list[bytes]:
    return [(text or "").encode() for text in texts]


@settings(deadline=None)
@given(TEXTS, TEXTS, st.sampled_from((*STRINGS, *BINARIES)))
def test_every_row_is_a_slice_of_the_buffers(
    before: list[str | None], texts: list[str | None], kind: pa.DataType
) -> None:
    values: list[object] = [*before, *texts, "after"]
    if kind in BINARIES:
        values = [value if value is None else str(value).encode() for value in values]
    column = pa.array(values, kind).slice(len(before), len(texts))
    data, offsets = string_buffers(column)
    assert rows_of(data, offsets) == encoded(texts)
    assert data.dtype == np.uint8
    assert offsets.dtype == np.int64
    assert not data.flags.writeable
    assert not offsets.flags.writeable


@settings(deadline=None)
@given(st.lists(TEXTS, max_size=4), st.sampled_from(STRINGS))
def test_chunks_are_joined(chunks: list[list[str | None]], kind: pa.DataType) -> None:
    column = pa.chunked_array([pa.array(chunk, kind) for chunk in chunks], kind)
    assert rows_of(*string_buffers(column)) == encoded([text for chunk in chunks for text in chunk])


def test_a_null_row_is_empty_whatever_lies_below_it() -> None:
    validity = pa.py_buffer(bytes([0b101]))
    offsets = pa.py_buffer(np.array([0, 1, 3, 4], np.int64).tobytes())
    column = pa.Array.from_buffers(pa.large_string(), 3, [validity, offsets, pa.py_buffer(b"axxb")])
    assert rows_of(*string_buffers(column)) == [b"a", b"", b"b"]
    assert row_sizes(column).tolist() == [1, 0, 1]


def test_a_large_string_column_is_not_copied() -> None:
    column = pa.array(["first", "é", "third"] * 100, pa.large_string()).slice(7, 50)
    data, offsets = string_buffers(column)
    assert data.ctypes.data == column.buffers()[2].address
    assert offsets.ctypes.data == column.buffers()[1].address + 7 * 8


def test_the_offsets_buffer_may_be_longer_than_its_rows() -> None:
    offsets = pa.py_buffer(np.array([0, 1, 2], np.int64).tobytes() + b"pad")
    column = pa.Array.from_buffers(pa.large_string(), 2, [None, offsets, pa.py_buffer(b"ab")])
    assert rows_of(*string_buffers(column)) == [b"a", b"b"]


@pytest.mark.parametrize("kind", [pa.int64(), pa.list_(pa.string()), pa.string_view()])
def test_other_columns_are_refused(kind: pa.DataType) -> None:
    with pytest.raises(TypeError, match="expected a column of strings or bytes, seen"):
        string_buffers(pa.array([], kind))


@settings(deadline=None)
@given(st.lists(st.text(), max_size=8))
def test_a_string_array_of_its_buffers_is_the_column(texts: list[str]) -> None:
    column = pa.array(texts, pa.large_string())
    assert string_array(*string_buffers(column)).equals(column)


@settings(deadline=None)
@given(st.lists(st.text(), max_size=8))
def test_the_longest_row(texts: list[str]) -> None:
    _, offsets = string_buffers(pa.array(texts, pa.large_string()))
    assert longest_length(offsets) == max((len(text.encode()) for text in texts), default=0)


def test_a_column_is_replaced_in_its_place_or_appended() -> None:
    batch = pa.record_batch({"a": [1, 2], "b": ["x", "y"]})
    replaced = set_column(batch, "a", pa.array([0.5, None]))
    assert replaced.schema == pa.schema([("a", pa.float64()), ("b", pa.string())])
    assert replaced.column("a").to_pylist() == [0.5, None]
    assert set_column(batch, "c", pa.array([True, False])).schema.names == ["a", "b", "c"]


def slow_size(value: object, kind: pa.DataType) -> int:
    """Return the bytes of a value by walking it as Python objects."""
    if pa.types.is_struct(kind):
        fields = value if isinstance(value, dict) else {}
        return sum(slow_size(fields.get(field.name), field.type) for field in kind)
    if pa.types.is_map(kind):
        pairs = value if isinstance(value, list) else []
        return sum(slow_size(key, kind.key_type) + slow_size(item, kind.item_type) for key, item in pairs)
    if pa.types.is_nested(kind):
        items = value if isinstance(value, list) else []
        return sum(slow_size(item, kind.value_type) for item in items)
    if pa.types.is_dictionary(kind):
        return slow_size(value, kind.value_type)
    if kind in VARIABLE:
        return len(value.encode()) if isinstance(value, str) else len(value) if isinstance(value, bytes) else 0
    return 0 if pa.types.is_null(kind) else -(-kind.bit_width // 8)


@settings(deadline=None)
@given(COLUMNS)
def test_row_sizes_depend_on_values_alone(column: tuple[pa.DataType, list[object], int, int]) -> None:
    kind, values, skipped, dropped = column
    array = pa.array(values, kind)
    expected = [slow_size(value, kind) for value in values]
    assert row_sizes(array).tolist() == expected
    end = max(skipped, len(values) - dropped)
    assert row_sizes(array.slice(skipped, end - skipped)).tolist() == expected[skipped:end]


def test_the_size_of_an_extension_is_that_of_its_storage() -> None:
    assert row_sizes(pa.array(['{"a": 1}', None], pa.json_())).tolist() == [8, 0]
