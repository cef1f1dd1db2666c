"""Parts: what is written comes back, and the bytes depend on the documents alone."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prep.corpus.arrow import documents
from prep.corpus.arrow.columns import row_sizes
from prep.corpus.arrow.documents import DATE, HTML, ID, TEXT, DocumentWriter
from prep.corpus.errors import CorruptFileError
from prep.corpus.files.storage import write_bytes

SCHEMA = pa.schema([ID, DATE, TEXT, HTML, pa.field("tags", pa.list_(pa.string()))])
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "id": st.text(max_size=4),
            "date": st.none() | st.text(max_size=4),
            "text": st.none() | st.text(max_size=20),
            "html": st.none() | st.binary(max_size=20),
            "tags": st.none() | st.lists(st.text(max_size=3), max_size=3),
        }
    ),
    max_size=20,
)


@pytest.fixture(autouse=True, scope="module")
def small_row_groups() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(documents, "ROW_GROUP_BYTES", 100)
        patch.setattr(documents, "ROW_GROUP_ROWS", 6)
        yield


def write(path: Path, batches: Sequence[pa.RecordBatch]) -> bytes:
    with DocumentWriter(str(path), SCHEMA) as writer:
        for batch in batches:
            writer.write(batch)
    return path.read_bytes()


def table(rows: list[dict[str, object]]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(rows, SCHEMA)


def slow_groups(batch: pa.RecordBatch) -> list[int]:
    """Return how many rows each row group has, adding up document by document."""
    groups, rows, size = [], 0, 0
    for row in range(batch.num_rows):
        rows += 1
        size += sum(int(row_sizes(column.slice(row, 1))[0]) for column in batch.columns)
        if size >= 100 or rows == 6:
            groups.append(rows)
            rows, size = 0, 0
    return [*groups, rows] if rows else groups


@settings(deadline=None)
@given(ROWS, st.lists(st.integers(0, 20), max_size=5))
def test_bytes_do_not_depend_on_the_borders_of_batches(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, object]], cuts: list[int]
) -> None:
    path = tmp_path_factory.getbasetemp() / "part.parquet"
    whole = table(rows)
    expected = write(path, [whole])
    borders = sorted({0, len(rows), *(min(cut, len(rows)) for cut in cuts)})
    parts = [whole.slice(start, end - start) for start, end in pairwise(borders)]
    assert write(path, parts) == expected
    copies = [table(part.to_pylist()) for part in parts]
    assert write(path, copies) == expected
    read = list(documents.read_documents(str(path)))
    assert [batch.num_rows for batch in read] == slow_groups(whole)
    assert pa.Table.from_batches(read, SCHEMA).to_pylist() == rows
    some = list(documents.read_documents(str(path), ["text", "id"]))
    assert all(set(batch.schema.names) == {"text", "id"} for batch in some)


def test_a_part_without_documents_has_its_columns(tmp_path: Path) -> None:
    write(tmp_path / "part.parquet", [])
    assert list(documents.read_documents(str(tmp_path / "part.parquet"))) == []
    assert documents.read_schema(str(tmp_path / "part.parquet")) == SCHEMA


def test_a_failure_leaves_no_part(tmp_path: Path) -> None:
    def break_off() -> None:
        with DocumentWriter(str(tmp_path / "part.parquet"), SCHEMA) as writer:
            writer.write(table([{"id": "a", "text": "long enough for a row group" * 9}]))
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        break_off()
    assert list(tmp_path.iterdir()) == []


def test_a_batch_of_other_columns_leaves_no_part(tmp_path: Path) -> None:
    with pytest.raises(pa.ArrowInvalid), DocumentWriter(str(tmp_path / "part.parquet"), SCHEMA) as writer:
        writer.write(pa.record_batch({"other": [1]}))
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_part_is_named(tmp_path: Path) -> None:
    path = tmp_path / "part.parquet"
    whole = write(path, [table([{"id": str(row), "text": f"text {row} " * 5} for row in range(30)])])
    damaged = [whole[:cut] for cut in range(0, len(whole), 97)]
    damaged.append(whole[:60] + bytes(40) + whole[100:])
    for data in damaged:
        write_bytes(str(path), data)
        with pytest.raises(CorruptFileError, match=r"part\.parquet cannot be read: .*; run again"):
            list(documents.read_documents(str(path)))


def test_a_missing_part_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list(documents.read_documents(str(tmp_path / "part.parquet")))


def test_small_tables(tmp_path: Path) -> None:
    rejects = pa.Table.from_pylist([{"id": "a", "rule": "short", "failed": False}], documents.REJECTED)
    documents.write_table(str(tmp_path / "t.parquet"), rejects)
    assert pq.read_table(tmp_path / "t.parquet").equals(rejects)


def test_selecting_rows() -> None:
    batch = pa.record_batch({"id": ["a", "b", "c"]})
    assert documents.select(batch, pa.array([True, False, True])).column("id").to_pylist() == ["a", "c"]
    assert documents.select(batch, pa.array([True] * 3)) is batch
    assert documents.select(batch.slice(0, 0), pa.array([], pa.bool_())).num_rows == 0


@pytest.mark.parametrize(
    ("kind", "kept"),
    [
        (pa.large_string(), pa.large_string()),
        (pa.time32("s"), pa.time32("ms")),
        (pa.timestamp("ns", "UTC"), pa.timestamp("ns", "UTC")),
        (pa.list_(pa.struct([("a", pa.int8())])), pa.list_(pa.struct([("a", pa.int8())]))),
    ],
)
def test_what_parquet_keeps(tmp_path: Path, kind: pa.DataType, kept: pa.DataType) -> None:
    schema = documents.storable(pa.schema([pa.field("x", kind, metadata={"a": "b"})]))
    assert schema.field("x").type == kept
    assert documents.storable(schema) == schema
    with DocumentWriter(str(tmp_path / "part.parquet"), schema) as writer:
        writer.write(pa.RecordBatch.from_arrays([pa.nulls(2, schema.field("x").type)], schema=schema))
    assert [batch.schema for batch in documents.read_documents(str(tmp_path / "part.parquet"))] == [schema]


def test_what_parquet_cannot_keep() -> None:
    with pytest.raises(pa.ArrowException):
        documents.storable(pa.schema([("x", pa.struct([]))]))
