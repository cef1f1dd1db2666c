"""The stage as a whole: what it lists and refuses, how it cuts the input, and that every record is a row."""

import gzip
import json
import pickle
import shutil
from collections import Counter
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from pydantic import ValidationError

from prep.stages.read.formats import SUFFIXES
from prep.stages.read.read import Read

from .reading import documents, outcomes, problems

PAGE = b"<!DOCTYPE html><html><body><p>words</p></body></html>"
WARC = (
    b"WARC/1.0\r\nWARC-Type: response\r\nWARC-Record-ID: <urn:uuid:%s>\r\nWARC-Target-URI: a:b\r\n"
    b"Content-Length: %d\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n%s\r\n\r\n"
)


def warc(name: str) -> bytes:
    return WARC % (name.encode(), 44 + len(PAGE), PAGE)


ABOUT = ("title", "author", "published", "declared_language")


def mixed(folder: Path) -> Path:
    """Write a folder with a file of every format."""
    (folder / "deep").mkdir(parents=True)
    (folder / "a.warc.gz").write_bytes(gzip.compress(warc("one")) + gzip.compress(warc("two")))
    (folder / "b.html").write_bytes(PAGE)
    (folder / "c.jsonl.zst").write_bytes(
        zstandard.ZstdCompressor().compress(b'{"text": "line 1", "k": 1}\n{"text": ""}\n')
    )
    (folder / "deep" / "d.txt").write_text("plain text")
    (folder / "deep" / "e.md.gz").write_bytes(gzip.compress(b"# Markdown"))
    pq.write_table(pa.table({"text": ["from a table", None], "stars": [5, 3]}), folder / "f.parquet")
    (folder / ".hidden.txt").write_text("not read")
    return folder


def test_every_format_in_one_folder(tmp_path: Path) -> None:
    stage = Read(paths=str(mixed(tmp_path / "in")), source="mix")
    assert problems(stage) == []
    names = ["id", "url", "date", "source", "html", "charset", "headers", "text", *ABOUT, "metadata", "stars"]
    assert stage.output_schema(stage.list_files()).names == names
    found = documents(stage)
    assert [(row["id"], row["rule"]) for row in found] == [
        ("one", None),
        ("two", None),
        ("in/b.html@0", None),
        ("in/c.jsonl.zst@0", None),
        ("in/c.jsonl.zst@0+27", "no_text"),
        ("in/deep/d.txt@0", None),
        ("in/deep/e.md.gz@0", None),
        ("in/f.parquet#0", None),
        ("in/f.parquet#1", "no_text"),
    ]
    assert [row["html"] for row in found[:3]] == [PAGE] * 3
    assert [row["text"] for row in found[3:8:2]] == ["line 1", "plain text", "from a table"]
    assert found[3]["metadata"] == '{"k":1}'
    assert [row["stars"] for row in found[-2:]] == [5, 3]
    assert {row["source"] for row in found} == {"mix"}


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("a.warc", ["html", "charset", "headers"]),
        ("a.warc.wet.gz", ["text", "metadata"]),
        ("a.html", ["html", "charset"]),
        ("a.jsonl", ["text", *ABOUT, "metadata"]),
        ("a.epub", ["text", *ABOUT, "metadata"]),
        ("a.pdf", ["text", *ABOUT, "metadata", "route"]),
        ("a.xml", ["text", *ABOUT, "metadata"]),
        ("a.md", ["text", "metadata"]),
    ],
)
def test_columns_follow_from_the_formats(tmp_path: Path, name: str, columns: list[str]) -> None:
    (tmp_path / name).write_bytes(b"x")
    stage = Read(paths=str(tmp_path))
    assert stage.output_schema(stage.list_files()).names == ["id", "url", "date", "source", *columns]


def test_ids_and_rows_do_not_depend_on_batches_or_on_where_the_folder_lies(tmp_path: Path) -> None:
    first = mixed(tmp_path / "here" / "in")
    expected = documents(Read(paths=str(first)))
    for batch_bytes in (1, 300, 2000, 1 << 30):
        assert documents(Read(paths=str(first)), batch_bytes) == expected
    second = tmp_path / "over" / "there" / "in"
    shutil.copytree(first, second)
    assert documents(Read(paths=str(second))) == expected
    assert documents(Read(paths=(str(second) + "/",))) == expected
    store = fsspec.filesystem("memory")
    for path in first.rglob("*.*"):
        store.pipe(f"/{tmp_path.name}/in/{path.relative_to(first)}", path.read_bytes())
    remote = Read(paths=f"memory://{tmp_path.name}/in")
    assert problems(remote) == []
    assert documents(remote) == expected
    store.rm(f"/{tmp_path.name}", recursive=True)


class Condemning:
    """Gives up one record."""

    def __init__(self, quarantined: str = "") -> None:
        self.quarantined = quarantined
        self.entered: list[str] = []

    def enter(self, record: str) -> tuple[str, str] | None:
        self.entered.append(record)
        return ("crashed", "it ended the process") if record == self.quarantined else None


def test_any_record_may_be_given_up(tmp_path: Path) -> None:
    stage = Read(paths=str(mixed(tmp_path / "in")))
    expected = documents(stage)
    all_of_them = Condemning()
    assert documents(stage, watch=all_of_them) == expected
    assert len(set(all_of_them.entered)) == len(all_of_them.entered)
    lost = {}
    for record in all_of_them.entered:
        found = documents(stage, watch=Condemning(record))
        assert [(row["id"], row["rule"]) for row in found if row not in expected] == [(record, "!crashed")]
        place = next(number for number, row in enumerate(found) if row not in expected)
        lost[record] = len(expected) + 1 - len(found)
        assert found[:place] == expected[:place]
        assert found[place + 1 :] == expected[place + lost[record] :]
    assert [rows for record, rows in lost.items() if "warc" in record] == [2, 1, 1, 1, 0], (
        "before, in and behind records"
    )
    assert [rows for record, rows in lost.items() if "parquet" in record] == [2, 2]


def test_paths_are_read_in_their_order_and_none_twice(tmp_path: Path) -> None:
    folder = mixed(tmp_path / "in")
    stage = Read(paths=(str(folder / "deep"), str(folder / "b.html"), str(folder / "**" / "*.txt")))
    assert [Path(file.path).name for file in stage.list_files()] == ["d.txt", "e.md.gz", "b.html"]
    assert [row["id"] for row in documents(stage)] == ["deep/d.txt@0", "deep/e.md.gz@0", "b.html@0"]


def test_a_format_may_be_told(tmp_path: Path) -> None:
    (tmp_path / "articles.train").write_text("one article per file")
    assert "cannot tell the format" in problems(Read(paths=str(tmp_path)))[0]
    assert problems(Read(paths=str(tmp_path), format="text")) == []
    assert [row["text"] for row in documents(Read(paths=str(tmp_path), format="text"))] == ["one article per file"]


def test_a_stage_travels_to_workers_as_it_is(tmp_path: Path) -> None:
    stage = Read(paths=str(mixed(tmp_path / "in")))
    expected = documents(stage)
    assert documents(pickle.loads(pickle.dumps(stage))) == expected
    assert stage == Read(paths=str(tmp_path / "in"))


def test_several_sources(tmp_path: Path) -> None:
    folder = mixed(tmp_path / "in")
    pq.write_table(pa.table({"content": ["from another"], "n": [1]}), folder / "g.parquet")
    (folder / "list.txt").write_text("one\ntwo\n")
    stage = Read.model_validate(
        {
            "sources": [
                {"name": "web", "paths": str(folder / "*.warc.gz")},
                {"name": "tables", "paths": [str(folder / "g.parquet")], "text_column": "content"},
                {"name": "lists", "paths": str(folder / "list.txt"), "format": "lines"},
            ]
        }
    )
    assert problems(stage) == []
    assert [(row["source"], row["text"], row["n"]) for row in documents(stage)] == [
        ("web", None, None),
        ("web", None, None),
        ("tables", "from another", 1),
        ("lists", "one", None),
        ("lists", "two", None),
    ]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "expected one of paths, sources and common_crawl, seen neither"),
        ({"paths": "a", "sources": [{"name": "b", "paths": "b"}]}, "seen paths and sources"),
        ({"format": "html", "sources": [{"name": "b", "paths": "b"}]}, "format has no effect beside sources; move it"),
        ({"sources": [{"name": "b", "paths": "b"}, {"name": "b", "paths": "c"}]}, "a second source is named 'b'"),
        ({"sources": [{"name": "b", "paths": "none"}]}, "'none' matches no file"),
    ],
)
def test_forms_that_cannot_work(given: dict[str, object], expected: str) -> None:
    assert expected in problems(Read.model_validate(given))[0]


def test_files_that_cannot_be_read_fail_by_name(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("words")
    (tmp_path / "b.txt").symlink_to("nowhere")
    stage = Read(paths=str(tmp_path))
    assert problems(stage) == []
    assert [row["rule"] for row in documents(stage)] == [None, "!unreadable"]


# What is refused before data moves.


@pytest.mark.parametrize("paths", ["", (), ("",)])
def test_no_paths(paths: object) -> None:
    with pytest.raises(ValidationError, match="paths"):
        Read.model_validate({"paths": paths})


def test_paths_that_match_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for path in ("none.txt", "*.none", "empty", "none/deep/*.txt"):
        (found,) = problems(Read(paths=str(tmp_path / path)))
        assert "matches no file; check the path" in found
    (found,) = problems(Read(paths="memory://nowhere/*.txt"))
    assert "matches no file" in found
    (found,) = problems(Read(paths="nosuch://bucket/a.txt"))
    assert "cannot list 'nosuch://bucket/a.txt'; seen ValueError" in found


def test_files_of_unknown_format(tmp_path: Path) -> None:
    names = ("b.exe", "c", "d.paths.gz", "e.gz", "f.txt.tar", "g.7z", "h.doc", "i.zip")
    for name in names:
        (tmp_path / name).write_bytes(b"x")
    found = problems(Read(paths=str(tmp_path)))
    assert len(found) == 5
    assert "b.exe" in found[0]
    assert all(suffix in found[0] for suffix in SUFFIXES)
    assert "(8 such files)" in found[0]
    (tmp_path / "a.txt").write_bytes(b"x")
    assert problems(Read(paths=str(tmp_path))) == []
    rules = {row["id"]: row["rule"] for row in documents(Read(paths=str(tmp_path)))}
    assert rules == {f"{tmp_path.name}/a.txt@0": None} | {
        f"{tmp_path.name}/{name}@0": "unknown_format" for name in names
    }
    assert "b.exe" in problems(Read(paths=(str(tmp_path / "b.exe"), str(tmp_path / "a.txt"))))[0]


def test_input_without_a_byte(tmp_path: Path) -> None:
    for name in ("a.txt", "b.jsonl"):
        (tmp_path / name).write_bytes(b"")
    assert problems(Read(paths=str(tmp_path))) == ["the input is empty; seen 2 files without a byte"]
    (tmp_path / "b.jsonl").write_bytes(b"{}")
    assert problems(Read(paths=str(tmp_path))) == []
    assert [row["rule"] for row in documents(Read(paths=str(tmp_path)))] == ["empty", "no_text"]


def test_a_column_that_pages_have_too(tmp_path: Path) -> None:
    folder = mixed(tmp_path / "in")
    pq.write_table(pa.table({"text": ["a"], "metadata": ["b"]}), folder / "f.parquet")
    (found,) = problems(Read(paths=str(folder)))
    assert "a column 'metadata', which is a name with a meaning" in found
    assert problems(Read(paths=str(folder / "f.parquet"))) == []


# Real input.


def test_the_shared_archives(test_data: Path) -> None:
    stage = Read(paths=(str(test_data / "web" / "*.warc.gz"), str(test_data / "docs")))
    assert problems(stage) == []
    ids, rules, size = Counter[object](), Counter[object](), 0
    for batch, verdicts in outcomes(stage, 4 << 20):
        ids.update(batch.column("id").to_pylist())
        rules[None if verdicts is None else "lost"] += batch.num_rows
        size += batch.nbytes
        assert batch.num_rows == 1 or batch.slice(0, batch.num_rows - 1).nbytes < 4 << 20
        assert not any(batch.column(name).null_count for name in ("id", "url", "date", "html", "charset", "headers"))
    assert rules == {None: 3494}
    assert set(ids.values()) == {1}
    assert size > 100 << 20


def test_the_shared_tables_and_texts(test_data: Path) -> None:
    sentences = Read(paths=str(test_data / "language" / "sentences.parquet"))
    assert problems(sentences) == []
    found = documents(sentences)
    assert Counter(row["rule"] for row in found) == {None: 15_000}
    assert len({row["language"] for row in found}) == 75
    gold = documents(Read(paths=str(test_data / "web" / "gold.jsonl")))
    assert Counter(row["rule"] for row in gold) == {None: 302}
    assert all("page_type" in json.loads(str(row["metadata"])) for row in gold)
    books = documents(Read(paths=str(test_data / "books")))
    assert Counter(row["rule"] for row in books) == {None: 17}
    detected = Counter(row["metadata"] for row in books)
    assert detected == {None: 15, '{"charset":"windows-1252"}': 2}
