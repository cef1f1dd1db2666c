"""Batches of rows, and the names of files in ids."""

import os
from pathlib import Path

import fsspec
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prep.corpus.documents import CHARSET, DATE, HTML, ID, SOURCE, TEXT, URL
from prep.stages.read.rows import METADATA, ROW_BYTES, Row, batches, failed, labels, rejected

SCHEMA = pa.schema([ID, URL, DATE, SOURCE, HTML, CHARSET, TEXT, METADATA, pa.field("own", pa.int64())])
WORDS = st.text(max_size=30)
ROWS = st.lists(
    st.one_of(
        st.tuples(WORDS, WORDS, WORDS).map(lambda words: Row(words[0], url=words[1], text=words[2])),
        st.tuples(WORDS, st.binary(max_size=50)).map(lambda item: Row(item[0], html=item[1], charset="utf-8")),
        st.tuples(WORDS, WORDS).map(lambda words: Row(words[0], date="2024", text="x", metadata=words[1])),
        st.tuples(WORDS, st.none() | st.just(1.5)).map(lambda item: rejected(item[0], "empty", item[1])),
        st.tuples(WORDS, WORDS).map(lambda words: failed(words[0], "bad_gzip", words[1])),
    ),
    max_size=12,
)


@settings(deadline=None)
@given(ROWS, st.integers(1, 2000))
def test_rows_travel_in_batches_bounded_in_bytes(rows: list[Row], batch_bytes: int) -> None:
    seen = 0
    for batch, verdicts in batches(rows, SCHEMA, "web", batch_bytes):
        taken = rows[seen : seen + batch.num_rows]
        seen += batch.num_rows
        assert sum(row.size for row in taken[:-1]) < batch_bytes
        assert batch.nbytes <= sum(row.size for row in taken)
        assert batch.schema == SCHEMA
        for name in ("id", "url", "date", "html", "charset", "text", "metadata"):
            assert batch.column(name).to_pylist() == [getattr(row, name) for row in taken]
        assert batch.select(["source", "own"]).to_pylist() == [{"source": "web", "own": None}] * len(taken)
        assert (verdicts is None) == all(row.rule is None for row in taken)
        if verdicts is not None:
            for name in ("rule", "failed", "value", "detail"):
                assert getattr(verdicts, name).to_pylist() == [getattr(row, name) for row in taken]
    assert seen == len(rows)


def test_a_row_takes_at_least_what_its_fields_take() -> None:
    for text in ("a" * 100, "é" * 100, "你" * 100, "🙂" * 100):
        for row in (Row("x", text=text), Row(text), Row("x", url=text), failed("x", "rule", text)):
            assert row.size >= ROW_BYTES + 100


def files(folder: Path, *names: str) -> list[str]:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return [str(folder / name) for name in names]


def test_a_file_is_named_below_the_folder_that_all_roots_share(tmp_path: Path) -> None:
    a, b, c = files(tmp_path, "in/web/a.txt", "in/web/deep/a.txt", "in/docs/c.txt")
    root = str(tmp_path / "in")
    assert labels({f"{root}/web": (a, b)}) == {a: "web/a.txt", b: "web/deep/a.txt"}
    assert labels({f"{root}/web/": (a, b)}) == {a: "web/a.txt", b: "web/deep/a.txt"}
    assert labels({f"{root}/web/**/*.txt": (a, b)}) == {a: "a.txt", b: "deep/a.txt"}
    assert labels({f"{root}/web": (a, b), f"{root}/docs/*.txt": (c,)}) == {
        a: "web/a.txt",
        b: "web/deep/a.txt",
        c: "docs/c.txt",
    }
    assert labels({a: (a,)}) == {a: "a.txt"}
    assert labels({a: (a,), b: (b,)}) == {a: "a.txt", b: "deep/a.txt"}
    assert labels({}) == {}


def test_names_stay_when_the_data_moves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = []
    for place in ("here", "over/there [1]"):
        a, b = files(tmp_path / place, "web/a.txt", "docs/b.txt")
        names.append(list(labels({str(tmp_path / place / "web"): (a,), str(tmp_path / place / "docs"): (b,)}).values()))
        monkeypatch.chdir(tmp_path / place / "docs")
        names.append(list(labels({"../web": ("../web/a.txt",), ".": ("b.txt",)}).values()))
        names.append(list(labels({"../web/*": (a,), "../docs": (b,)}).values()))
    assert names == [["web/a.txt", "docs/b.txt"], ["web/a.txt", "docs/b.txt"], ["web/a.txt", "docs/b.txt"]] * 2


def test_a_file_found_twice_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = files(tmp_path, "in/a.txt", "in/b.txt")
    monkeypatch.chdir(tmp_path)
    relative = os.path.relpath(a)
    found = labels({a: (a,), "in": (relative, "in/b.txt"), "in/*": (a, b)})
    assert found == {a: "in/a.txt", "in/b.txt": "in/b.txt"}


def test_no_two_files_have_the_same_name(tmp_path: Path) -> None:
    a, b = files(tmp_path, "one/a.txt", "two/a.txt")
    fsspec.filesystem("memory").pipe("/store/a.txt", b"x")
    remote = "memory://store/a.txt"
    found = labels(
        {a: (a,), b: (b,), remote: (remote,), "owner/name": ("/cache/1/a.txt",), "owner/more": ("/cache/2/a.txt",)}
    )
    assert len(set(found.values())) == 5
    assert found["/cache/1/a.txt"] == "owner/name/a.txt"


def test_remote_files(tmp_path: Path) -> None:
    store = f"memory://{tmp_path.name}"
    for name in ("a.txt", "deep/b.txt"):
        fsspec.filesystem("memory").pipe(f"/{tmp_path.name}/in/{name}", b"x")
    a, b = f"memory:///{tmp_path.name}/in/a.txt", f"memory:///{tmp_path.name}/in/deep/b.txt"
    assert labels({f"{store}/in": (a, b)}) == {a: "in/a.txt", b: "in/deep/b.txt"}
    assert labels({f"{store}/in/": (a, b)}) == {a: "in/a.txt", b: "in/deep/b.txt"}
    assert labels({f"{store}/in/*": (a, b)}) == {a: "a.txt", b: "deep/b.txt"}
