"""Parquet and Arrow: every type that a column may have, damage, and batches bounded in bytes."""

import datetime
from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prep.corpus.arrow.documents import DocumentWriter, read_documents
from prep.stages.read.read import Read
from prep.stages.read.tables.tables import MAX_ROWS, bounded

from .reading import documents, outcomes, problems


def parquet(folder: Path, table: pa.Table | dict[str, object], name: str = "t.parquet", **options: object) -> str:
    path = folder / name
    pq.write_table(table if isinstance(table, pa.Table) else pa.table(table), path, **options)
    return str(path)


def arrow(folder: Path, table: pa.Table, name: str = "t.arrow", rows: int = 1000) -> str:
    path = folder / name
    with pa.ipc.new_stream(path, table.schema) as writer:
        writer.write_table(table, max_chunksize=rows)
    return str(path)


# What the columns may be.


@pytest.mark.parametrize("write", [parquet, arrow])
@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())], ids=str
)
def test_text_of_every_string_type(tmp_path: Path, write: object, kind: pa.DataType) -> None:
    assert callable(write)
    texts = ["words", None, "", " \u3000\n", "é" * 20, "words"]
    path = write(tmp_path, pa.table({"text": pa.array(texts, kind)}))
    stage = Read(paths=path)
    assert problems(stage) == []
    rows = documents(stage)
    assert [row["rule"] for row in rows] == [None, "no_text", "no_text", "no_text", None, None]
    assert [row["text"] for row in rows] == texts
    assert [row["id"] for row in rows] == [f"{Path(path).name}#{row}" for row in range(6)]
    assert stage.output_schema(stage.list_files()).field("text").type == pa.large_string()


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pa.array([7, None]), ["7", "t.parquet#1"]),
        (pa.array(["a", "b"], pa.large_string()), ["a", "b"]),
        (pa.array(["a", None]).dictionary_encode(), ["a", "t.parquet#1"]),
        (pa.array([1.5, 2.0]), ["1.5", "2"]),
        (pa.array([Decimal("1.50"), None]), ["1.50", "t.parquet#1"]),
        (pa.array([True, False]), ["true", "false"]),
        (pa.nulls(2), ["t.parquet#0", "t.parquet#1"]),
        (pa.array([datetime.date(2024, 1, 2), None]), ["2024-01-02", "t.parquet#1"]),
    ],
    ids=lambda value: str(value.type) if isinstance(value, pa.Array) else "",
)
def test_ids_of_every_scalar_type(tmp_path: Path, column: pa.Array, expected: list[str]) -> None:
    stage = Read(paths=parquet(tmp_path, {"text": ["a", "b"], "id": column}))
    assert problems(stage) == []
    assert [row["id"] for row in documents(stage)] == expected


MOMENT = datetime.datetime(2024, 1, 2, 3, 4, 5, 670000)


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pa.array([MOMENT], pa.timestamp("us")), "2024-01-02T03:04:05.67"),
        (pa.array([MOMENT.replace(microsecond=0)], pa.timestamp("ns")), "2024-01-02T03:04:05"),
        (pa.array([MOMENT.replace(microsecond=0, second=0)], pa.timestamp("ms", "UTC")), "2024-01-02T03:04:00Z"),
        (pa.array([MOMENT], pa.timestamp("us", "America/New_York")), "2024-01-02T03:04:05.67Z"),
        (pa.array([MOMENT.date()], pa.date32()), "2024-01-02"),
        (pa.array(["around 2024"]), "around 2024"),
        (pa.array([None], pa.timestamp("us")), None),
    ],
    ids=lambda value: str(value.type) if isinstance(value, pa.Array) else "",
)
def test_dates_are_iso_8601(tmp_path: Path, column: pa.Array, expected: str | None) -> None:
    stage = Read(paths=parquet(tmp_path, {"text": ["a"], "when": column}), date_column="when")
    assert problems(stage) == []
    assert documents(stage)[0]["date"] == expected


OWN: dict[str, tuple[pa.DataType, list[object]]] = {
    "number": (pa.int16(), [1, None]),
    "share": (pa.float64(), [0.5, None]),
    "flag": (pa.bool_(), [True, None]),
    "tags": (pa.list_(pa.string()), [["a", None], []]),
    "vector": (pa.list_(pa.float32(), 2), [[1.0, 2.0], None]),
    "messages": (
        pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())])),
        [[{"role": "a", "content": "b"}], None],
    ),
    "meta": (pa.struct([("a", pa.int8()), ("b", pa.struct([("c", pa.string())]))]), [{"a": 1, "b": {"c": "x"}}, None]),
    "counts": (pa.map_(pa.string(), pa.int32()), [[("a", 1)], None]),
    "image": (pa.struct([("bytes", pa.binary()), ("path", pa.string())]), [{"bytes": b"\xff", "path": None}, None]),
    "kind": (pa.dictionary(pa.int32(), pa.string()), ["x", None]),
    "view": (pa.string_view(), ["long enough to have no place inline", None]),
    "time": (pa.time32("s"), [datetime.time(1, 2, 3), None]),
    "moment": (pa.timestamp("ns", "UTC"), [None, None]),
    "price": (pa.decimal128(10, 2), [Decimal("1.50"), None]),
    "json": (pa.json_(), ['{"a": 1}', None]),
    "nothing": (pa.null(), [None, None]),
}


@pytest.mark.parametrize("write", [parquet, arrow])
def test_own_columns_of_every_type_survive_to_the_part(tmp_path: Path, write: object) -> None:
    assert callable(write)
    table = pa.table({"text": ["a", ""], **{name: pa.array(values, kind) for name, (kind, values) in OWN.items()}})
    stage = Read(paths=write(tmp_path, table))
    assert problems(stage) == []
    schema = stage.output_schema(stage.list_files())
    assert schema.names == ["id", "url", "date", "source", "text", *OWN]
    found = documents(stage)
    for name, (_, values) in OWN.items():
        assert [row[name] for row in found] == values, name
    with DocumentWriter(str(tmp_path / "part.parquet"), schema) as writer:
        for outcome in outcomes(stage):
            writer.write(outcome.batch)
    (part,) = read_documents(str(tmp_path / "part.parquet"))
    assert part.schema == schema
    assert part.select(list(OWN)).to_pylist() == [{name: row[name] for name in OWN} for row in found]


def test_a_source_column_is_kept_unless_the_source_is_set(tmp_path: Path) -> None:
    path = parquet(tmp_path, {"text": ["a", "b"], "source": ["wiki", None]})
    assert [row["source"] for row in documents(Read(paths=path))] == ["wiki", ""]
    assert [row["source"] for row in documents(Read(paths=path, source="mine"))] == ["mine", "mine"]


def test_columns_may_have_other_names(tmp_path: Path) -> None:
    path = parquet(tmp_path, {"content": ["a"], "docid": [5], "link": ["x:y"], "when": ["2024"], "more": [1]})
    stage = Read(paths=path, text_column="content", id_column="docid", url_column="link", date_column="when")
    assert problems(stage) == []
    assert documents(stage) == [
        {"id": "5", "url": "x:y", "date": "2024", "source": "", "text": "a", "more": 1, "rule": None}
    ]


# What is refused before data moves.


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"content": ["a"]}, ["no column 'text'"]),
        ({"txt": ["a"], "x": [1]}, ["set text_column to 'txt'"]),
        ({"text": [1]}, ["holds no text; expected string, seen int64"]),
        ({"text": pa.array([b"a"])}, ["seen binary"]),
        ({"text": [["a"]]}, ["seen list<"]),
        ({"text": ["a"], "html": ["<p>"]}, ["column 'html', which is a name with a meaning"]),
        ({"text": ["a"], "charset": ["x"]}, ["column 'charset', which is a name with a meaning"]),
        ({"text": ["a"], "id": [{"a": 1}]}, ["column 'id'", "a string, number or time"]),
        ({"text": ["a"], "date": pa.array([b"a"])}, ["column 'date'", "seen binary"]),
        ({"text": ["a"], "url": [["a"]], "id": [["a"]]}, ["column 'id'", "column 'url'"]),
    ],
)
def test_columns_that_cannot_work(tmp_path: Path, columns: dict[str, object], expected: list[str]) -> None:
    found = " ".join(problems(Read(paths=parquet(tmp_path, columns))))
    assert found
    for part in expected:
        assert part in found


def test_a_mapped_name_that_another_column_has(tmp_path: Path) -> None:
    path = parquet(tmp_path, {"content": ["a"], "text": ["b"]})
    assert "column 'text', which is a name with a meaning" in problems(Read(paths=path, text_column="content"))[0]


def test_a_column_given_twice(tmp_path: Path) -> None:
    table = pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], names=["text", "text"])
    assert problems(Read(paths=parquet(tmp_path, table))) == [
        f"{tmp_path}/t.parquet has several columns 'text'; rename all but one"
    ]


def test_a_type_that_parts_cannot_keep(tmp_path: Path) -> None:
    table = pa.table({"text": ["a"], "odd": pa.array([{}], pa.struct([]))})
    assert "has a column that cannot be kept" in problems(Read(paths=arrow(tmp_path, table)))[0]


def test_tables_with_other_columns(tmp_path: Path) -> None:
    parquet(tmp_path, {"text": ["a"], "id": ["x"], "tag": ["a"]}, "a.parquet")
    parquet(tmp_path, {"more": [5], "text": pa.array(["a"], pa.large_string())}, "b.parquet")
    assert problems(Read(paths=str(tmp_path))) == []
    rows = documents(Read(paths=str(tmp_path)))
    assert [(row["tag"], row["more"]) for row in rows] == [("a", None), (None, 5)]
    parquet(tmp_path, {"text": ["a"], "tag": [1]}, "c.parquet")
    (found,) = problems(Read(paths=str(tmp_path)))
    assert "c.parquet has another type of column 'tag' than" in found
    assert "expected string, seen int64" in found
    stage = Read(paths=str(tmp_path), keep=("more",))
    assert "has no column 'more'" in problems(stage)[0]
    assert problems(Read(paths=str(tmp_path), keep=())) == []
    assert "tag" not in documents(Read(paths=str(tmp_path), keep=()))[0]


def test_a_table_without_the_text_fails_beside_one_that_has_it(tmp_path: Path) -> None:
    parquet(tmp_path, {"other": ["a"], "tag": [1]}, "a.parquet")
    parquet(tmp_path, {"text": ["b"], "tag": ["x"]}, "b.parquet")
    (tmp_path / "c.parquet").write_bytes(b"no table at all")
    stage = Read(paths=str(tmp_path))
    assert problems(stage) == []
    assert [row["rule"] for row in documents(stage)] == ["!no_text_column", None, "!bad_parquet"]


def test_a_table_is_cut_between_row_groups(tmp_path: Path) -> None:
    table = pa.table({"text": [f"{row} " + "x" * 900 for row in range(10_000)]})
    for path in (parquet(tmp_path, table, row_group_size=500, compression="none"), arrow(tmp_path, table, rows=500)):
        stage = Read(paths=path)
        parts = stage.partitions(stage.list_files())
        assert len(parts) > 1
        assert sum(part.size for part in parts) == Path(path).stat().st_size
        rows = documents(stage)
        assert [row["id"] for row in rows] == [f"{Path(path).name}#{row}" for row in range(10_000)]
        assert [row["text"] for row in rows] == table.column("text").to_pylist()


@pytest.mark.parametrize("name", ["t.parquet", "t.arrow"])
def test_a_file_that_is_no_table(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"no table at all")
    assert "cannot read the columns of" in problems(Read(paths=str(tmp_path)))[0]


def test_column_names_that_are_not_utf_8(tmp_path: Path) -> None:
    table = pa.Table.from_arrays([pa.array(["a"])], schema=pa.schema([pa.field(b"te\xef", pa.string())]))
    assert "cannot read the columns of" in problems(Read(paths=parquet(tmp_path, table)))[0]


# Damage.


def rows_of_text(count: int) -> pa.Table:
    return pa.table({"text": [f"text {row} " * 9 for row in range(count)], "n": list(range(count))})


def test_a_damaged_row_group_costs_its_rows_alone(tmp_path: Path) -> None:
    path = Path(parquet(tmp_path, rows_of_text(50), row_group_size=10))
    raw = bytearray(path.read_bytes())
    column = pq.ParquetFile(path).metadata.row_group(2).column(0)
    start = column.dictionary_page_offset or column.data_page_offset
    raw[start : start + column.total_compressed_size] = bytes(column.total_compressed_size)
    path.write_bytes(raw)
    rows = documents(Read(paths=str(path)))
    assert [row["n"] for row in rows if row["rule"] is None] == [*range(20), *range(30, 50)]
    assert [row["rule"] for row in rows if row["rule"]] == ["!bad_parquet"]
    assert [row["id"] for row in rows] == [f"t.parquet#{row}" for row in [*range(21), *range(30, 50)]]


def test_a_parquet_file_cut_off(tmp_path: Path) -> None:
    path = Path(parquet(tmp_path, rows_of_text(5)))
    stage = Read(paths=str(path))
    assert len(documents(stage)) == 5
    stage.output_schema(stage.list_files())
    path.write_bytes(path.read_bytes()[:-20])
    assert "cannot read the columns of" in problems(stage)[0]


def test_an_arrow_file_cut_off(tmp_path: Path) -> None:
    path = Path(arrow(tmp_path, rows_of_text(50), rows=10))
    raw = path.read_bytes()
    path.write_bytes(raw[: len(raw) * 7 // 10])
    rows = documents(Read(paths=str(path)))
    kept = len(rows) - 1
    assert 20 <= kept < 40
    assert [row["n"] for row in rows] == [*range(kept), None]
    assert (rows[-1]["id"], rows[-1]["rule"]) == (f"t.arrow#{kept}", "!truncated")


def test_arrow_offsets_that_point_nowhere(tmp_path: Path) -> None:
    offsets = np.array([0, 5, 1 << 30, 10], np.int32)
    column = pa.Array.from_buffers(pa.string(), 3, [None, pa.py_buffer(offsets), pa.py_buffer(b"wordswords")])
    path = arrow(tmp_path, pa.Table.from_arrays([column], names=["text"]))
    rows = documents(Read(paths=path))
    assert [row["rule"] for row in rows] == ["!bad_arrow"]


@pytest.mark.parametrize("write", [parquet, arrow])
@pytest.mark.parametrize("name", ["text", "url", "id", "source", "own"])
def test_rows_that_are_not_utf_8(tmp_path: Path, write: object, name: str) -> None:
    assert callable(write)
    broken = pa.array([b"sound", b"caf\xe9", None, b"sound"], pa.large_binary()).view(pa.large_string())
    columns = {"text": pa.array(["a"] * 4), name: broken}
    rows = documents(Read(paths=write(tmp_path, pa.table(columns))))
    missing = "no_text" if name == "text" else None
    assert [row["rule"] for row in rows] == [None, "!bad_utf8", missing, None]
    assert rows[1]["id"] == ("t.parquet#1" if write is parquet else "t.arrow#1")


def test_texts_above_the_limit(tmp_path: Path) -> None:
    stage = Read(paths=parquet(tmp_path, {"text": ["a" * 10, "é" * 6, "a" * 11]}), max_bytes=11)
    assert [row["rule"] for row in documents(stage)] == [None, "too_large", None]
    verdicts = outcomes(stage)[0].verdicts
    assert verdicts is not None
    assert verdicts.value is not None
    assert verdicts.value.to_pylist() == [None, 12.0, None]


def test_tables_in_a_remote_store(tmp_path: Path) -> None:
    store = fsspec.filesystem("memory")
    for write in (parquet, arrow):
        path = Path(write(tmp_path, pa.table({"text": ["a", "b"], "n": [1, 2]})))
        store.pipe(f"/{tmp_path.name}/{path.name}", path.read_bytes())
        stage = Read(paths=f"memory://{tmp_path.name}/{path.name}")
        assert problems(stage) == []
        (outcome,) = outcomes(stage)
        assert outcome.batch.select(["text", "n"]).to_pylist() == [{"text": "a", "n": 1}, {"text": "b", "n": 2}]
    store.rm(f"/{tmp_path.name}", recursive=True)


# Batches.


@settings(deadline=None)
@given(
    st.lists(st.none() | st.text(max_size=40), max_size=30),
    st.integers(1, 9),
    st.integers(1, 2000),
    st.sampled_from(["parquet", "arrow"]),
)
def test_rows_are_the_same_in_batches_of_any_size(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str | None], group: int, batch_bytes: int, kind: str
) -> None:
    table = pa.table({"text": pa.array(texts, pa.string()), "n": pa.array(range(len(texts)), pa.int64())})
    folder = tmp_path_factory.getbasetemp()
    path = parquet(folder, table, row_group_size=group) if kind == "parquet" else arrow(folder, table, rows=group)
    stage = Read(paths=path)
    rows = documents(stage, batch_bytes)
    assert [row["text"] for row in rows] == texts
    assert [row["n"] for row in rows] == list(range(len(texts)))
    assert rows == documents(stage)
    for batch, _ in outcomes(stage, batch_bytes):
        assert batch.num_rows == 1 or batch.nbytes <= batch_bytes


@settings(deadline=None)
@given(st.lists(st.text(max_size=50), max_size=30), st.integers(1, 2000))
def test_slices_hold_as_much_as_fits(texts: list[str], batch_bytes: int) -> None:
    def size(rows: Sequence[str]) -> int:
        return sum(200 + len(row.encode()) for row in rows)

    batch = pa.record_batch({"text": pa.array(texts, pa.string())})
    slices = [part.column("text").to_pylist() for part in bounded(batch, batch_bytes)]
    assert [text for part in slices for text in part] == texts
    assert all(len(part) == 1 or size(part) <= batch_bytes for part in slices)
    assert all(size([*part, after[0]]) > batch_bytes for part, after in pairwise(slices))


def test_texts_that_take_far_more_than_their_encoding(tmp_path: Path) -> None:
    path = parquet(tmp_path, {"text": ["long " * 20_000] * 3000})
    assert Path(path).stat().st_size < 200_000
    found = outcomes(Read(paths=path), 4 << 20)
    assert sum(batch.num_rows for batch, _ in found) == 3000
    assert all(batch.num_rows <= 41 < MAX_ROWS for batch, _ in found)


# What runs have published.


def published(folder: Path, columns: dict[str, tuple[pa.DataType, list[object]]], name: str = "p.parquet") -> str:
    """Write a table as a run publishes its documents."""
    base = {"id": (pa.string(), ["x", "y"]), "source": (pa.string(), ["web", "web"])}
    fields = [pa.field(key, kind, key != "id") for key, (kind, _) in (base | columns).items()]
    arrays = [pa.array(values, kind) for kind, values in (base | columns).values()]
    return parquet(folder, pa.Table.from_arrays(arrays, schema=pa.schema(fields)), name)


def test_documents_of_a_run_over_archives_are_read(tmp_path: Path) -> None:
    columns: dict[str, tuple[pa.DataType, list[object]]] = {
        "headers": (pa.string(), ["content-type: text/html", None]),
        "text": (pa.large_string(), ["a", "b"]),
        "title": (pa.string(), ["A", None]),
        "language": (pa.string(), ["en", "de"]),
        "language_score": (pa.float32(), [0.5, 0.25]),
        "metadata": (pa.string(), ['{"a":1}', None]),
    }
    stage = Read(paths=published(tmp_path, columns))
    assert problems(stage) == []
    rows = documents(stage)
    assert [(row["id"], row["text"], row["title"], row["source"]) for row in rows] == [
        ("x", "a", "A", "web"),
        ("y", "b", None, "web"),
    ]
    assert [(row["language"], row["declared_language"]) for row in rows] == [("en", "en"), ("de", "de")]
    (tmp_path / "more.jsonl").write_text('{"text": "c", "title": "C", "k": 1}\n')
    both = Read(paths=str(tmp_path))
    assert problems(both) == []
    assert {row["metadata"] for row in documents(both)} == {'{"a":1}', '{"k":1}', None}


def test_pages_that_a_run_has_published_are_pages(tmp_path: Path) -> None:
    columns: dict[str, tuple[pa.DataType, list[object]]] = {
        "html": (pa.large_binary(), [b"<p>a", None]),
        "charset": (pa.string(), ["utf-8", None]),
        "headers": (pa.string(), [None, None]),
    }
    stage = Read(paths=published(tmp_path, columns))
    assert problems(stage) == []
    assert stage.output_schema(stage.list_files()).names == [
        *("id", "url", "date", "source", "html", "charset", "headers")
    ]
    assert [(row["html"], row["charset"], row["rule"]) for row in documents(stage)] == [
        (b"<p>a", "utf-8", None),
        (None, None, "no_text"),
    ]


def test_columns_that_tables_have_about_documents(tmp_path: Path) -> None:
    table = {
        "text": ["a"],
        "headline": ["T"],
        "title": ["short"],
        "author": pa.array([["One", "Two"]], pa.list_(pa.string())),
        "lang": ["fr"],
    }
    stage = Read(paths=parquet(tmp_path, table), title_column="headline", language_column="lang")
    assert problems(stage) == []
    (row,) = documents(stage)
    assert (row["title"], row["author"], row["declared_language"]) == ("T", "One; Two", "fr")
    assert "headline" not in row
    path = tmp_path / "t.csv"
    path.write_text("text,title,language,author\na,T,fr,\n")
    (row,) = documents(Read(paths=str(path)))
    assert (row["title"], row["author"], row["declared_language"], row["language"]) == ("T", None, "fr", "fr")


def test_one_mistake_in_many_tables_is_said_once(tmp_path: Path) -> None:
    for number in range(5):
        parquet(tmp_path, {"content": ["a"]}, f"{number}.parquet")
    (found,) = problems(Read(paths=str(tmp_path)))
    assert "0.parquet has no column 'text' (as 4 more files)" in found
    (found,) = problems(Read(paths=parquet(tmp_path, {"text": pa.array([b"a"])}, "b.bytes.parquet")))
    assert "seen binary; decode its bytes" in found


def test_a_table_of_very_many_columns(tmp_path: Path) -> None:
    columns = {"text": ["one", "two", "three"], **{f"c{number}": [1, 2, number] for number in range(5000)}}
    stage = Read(paths=[parquet(tmp_path, columns)])
    assert problems(stage) == []
    found = documents(stage)
    assert [row["text"] for row in found] == ["one", "two", "three"]
    assert [found[2][f"c{number}"] for number in range(5000)] == list(range(5000))
