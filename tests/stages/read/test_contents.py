"""What files hold, under any name."""

import bz2
import gzip
import io
import json
import lzma
import zipfile
from pathlib import Path

import lz4.frame
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from books import epub

from prep.stages.read.contents import contents_of
from prep.stages.read.read import Read
from prep.stages.read.sources import SourceOptions
from prep.stages.stage import CheckContext

from .reading import documents, problems

PAGE = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<p>words"
CODECS = {
    "gzip": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zstd": zstandard.ZstdCompressor().compress,
    "lz4": lz4.frame.compress,
}


def warc(version: str = "WARC/1.0", kind: str = "response", body: bytes = PAGE, name: str = "one") -> bytes:
    types = {"response": "application/http; msgtype=response", "conversion": "text/plain"}
    head = f"{version}\r\nWARC-Type: {kind}\r\nWARC-Record-ID: <{name}>\r\nContent-Type: {types[kind]}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body + b"\r\n\r\n"


def parquet() -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table({"text": ["from a table"]}), sink)
    return sink.getvalue()


def zipped(files: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return sink.getvalue()


def written(folder: Path, data: bytes, name: str) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def remarks(stage: Read) -> list[str]:
    return list(stage.remarks(CheckContext(pa.schema([]), 0, frozenset())))


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (warc(), "warc"),
        (warc("warc/1.1"), "warc"),
        (warc("Warc/0.18"), "warc"),
        (warc(kind="conversion", body=b"words"), "wet"),
        (b"filedesc://a.arc 0.0.0.0 20200101000000 text/plain 10\n1 0 x\nURL\n", "arc"),
        (parquet(), "parquet"),
        (epub(["<p>words</p>"]), "epub"),
        (zipped({"archive/a.warc.gz": b"", "datapackage.json": b"{}"}), "wacz"),
        (b"%PDF-1.4\n%\xe2\xe3", "pdf"),
    ],
)
@pytest.mark.parametrize("name", ["a", "a.txt", "a.html", "a.jsonl", "a.bin"])
def test_archives_tables_and_books_under_any_name(tmp_path: Path, data: bytes, kind: str, name: str) -> None:
    found = contents_of(str(written(tmp_path, data, name)), SourceOptions())
    assert (found.format, found.codec) == (kind, "")
    assert (found.remark != "") == ("." in name and name != "a.bin")


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst", "a"])
def test_compression_under_any_name(tmp_path: Path, codec: str, name: str) -> None:
    lines = b"".join(b'{"text": "line %d"}\n' % number for number in range(50))
    path = written(tmp_path, CODECS[codec](lines), name)
    assert problems(Read(paths=str(path))) == []
    assert [row["text"] for row in documents(Read(paths=str(path)))] == [f"line {number}" for number in range(50)]


def test_a_file_that_is_not_compressed_as_its_name_says(tmp_path: Path) -> None:
    stage = Read(paths=str(written(tmp_path, b'{"text": "plain"}\n', "a.jsonl.gz")))
    assert [row["text"] for row in documents(stage)] == ["plain"]
    assert "a.jsonl.gz is not compressed" in remarks(stage)[0]
    damaged = Read(paths=str(written(tmp_path, b"\x00\x01\x02\xff" * 9, "b.jsonl.gz")))
    assert [row["rule"] for row in documents(damaged)] == ["!bad_gzip"]


@pytest.mark.parametrize("version", ["warc/1.0", "Warc/1.1", "WARC/0.17"])
def test_versions_of_archives_in_any_case(tmp_path: Path, version: str) -> None:
    path = written(tmp_path, warc(version) + warc(version, name="two"), "a.warc")
    assert [(row["id"], row["rule"]) for row in documents(Read(paths=str(path)))] == [("one", None), ("two", None)]


def test_web_archives_in_a_zip_file(tmp_path: Path) -> None:
    files = {
        "datapackage.json": b"{}",
        "archive/b.warc.gz": gzip.compress(warc(name="two")) + gzip.compress(warc(name="three")),
        "archive/a.warc": warc(),
        "indexes/index.cdx": b"",
    }
    for compression in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        stage = Read(paths=str(written(tmp_path, zipped(files, compression), "a.wacz")))
        assert problems(stage) == []
        assert [(row["id"], row["html"], row["rule"]) for row in documents(stage)] == [
            ("one", b"<p>words", None),
            ("two", b"<p>words", None),
            ("three", b"<p>words", None),
        ]
    broken = zipped({**files, "archive/a.warc": warc()[:-40]})
    rows = documents(Read(paths=str(written(tmp_path, broken, "b.zip"))))
    assert [row["rule"] for row in rows] == ["!truncated", None, None]
    assert rows[0]["id"] == "b.zip!archive/a.warc@0"
    assert documents(Read(paths=str(written(tmp_path, b"PK\3\4 no archive", "c.wacz"))))[0]["rule"] == "!truncated"


@pytest.mark.parametrize(
    ("data", "seen"),
    [
        (b"\xff\xd8\xff\xe0 JFIF", "a JPEG picture"),
        (b"\x89PNG\r\n\x1a\n\0", "a PNG picture"),
        (zipped({"readme.txt": b"words"}), "a ZIP archive of 1 files"),
        (b"7z\xbc\xaf\x27\x1c\0", "a 7z archive"),
        (b"\0" * 257 + b"ustar\0", "a tar archive"),
    ],
)
@pytest.mark.parametrize("name", ["b.bin", "b.txt"])
def test_one_file_of_another_kind_is_a_rejected_record(tmp_path: Path, data: bytes, seen: str, name: str) -> None:
    written(tmp_path, b"plain text", "a.txt")
    written(tmp_path, data + b"\0" * 8, name)
    stage = Read(paths=str(tmp_path))
    assert problems(stage) == []
    assert [row["rule"] for row in documents(stage)] == [None, "unknown_format"]
    assert seen in remarks(stage)[0]
    assert "cannot tell the format" in problems(Read(paths=str(tmp_path / name)))[0]


def test_text_that_only_looks_like_something_else(tmp_path: Path) -> None:
    for number, text in enumerate(
        ["WARC files are archives", "GIF89a is a format", "MZ", "PK", "%PDF", "BZh and so on"]
    ):
        path = written(tmp_path, text.encode(), f"{number}.txt")
        assert [row["text"] for row in documents(Read(paths=str(path)))] == [text]


def test_formats_that_the_configuration_gives(tmp_path: Path) -> None:
    path = written(tmp_path, b'{"text": "a"}\n<html>\n', "a.jsonl")
    assert [row["text"] for row in documents(Read(paths=str(path), format="lines"))] == ['{"text": "a"}', "<html>"]
    path = written(tmp_path, gzip.compress(b"one\ntwo"), "a.log")
    assert [row["text"] for row in documents(Read(paths=str(path), format="lines"))] == ["one", "two"]


@pytest.mark.parametrize("mark", ["\ufeff", ""])
@pytest.mark.parametrize("charset", ["utf-16-le", "utf-16-be"])
def test_lines_in_utf_16(tmp_path: Path, charset: str, mark: str) -> None:
    lines = mark + '{"text": "Köln 北京", "id": "a"}\r\n{"text": "zwei"}\r\n'
    stage = Read(paths=str(written(tmp_path, lines.encode(charset), "a.jsonl")))
    assert [(row["id"], row["text"]) for row in documents(stage)] == [("a", "Köln 北京"), ("a.jsonl@37", "zwei")]
    table = Read(paths=str(written(tmp_path, (mark + "text,n\r\nKöln,1\r\n").encode(charset), "a.csv")))
    assert [(row["text"], row["n"]) for row in documents(table)] == [("Köln", "1")]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ('[{"text": "a"}, {"text": "b", "id": "x"}]', [("a.json#0", "a", None), ("x", "b", None)]),
        ('[\n  {"text": "a"}\n]\n', [("a.json#0", "a", None)]),
        ('{\n  "text": "a",\n  "n": 1\n}', [("a.json#0", "a", None)]),
        ('\ufeff {\n"text": "a"}\n{\n"text": "b"}', [("a.json#0", "a", None), ("a.json#1", "b", None)]),
        ('{"text": "a"}\n{"text": "b"}\n', [("a.json@0", "a", None), ("a.json@14", "b", None)]),
        ('[{"text": "a", "n": NaN}, 5, {"text": 1}]', [("a.json#0", "a", None), ("a.json#1", None, "!bad_json"),
                                                       ("a.json#2", None, "no_text")]),
        ('[{"text": "a"}, {"text": "b"', [("a.json#0", "a", None), ("a.json#1", None, "!truncated")]),
        ('[{"text": "a"}, {"text": b}]', [("a.json#0", "a", None), ("a.json#1", None, "!bad_json")]),
        ('[{"text": "a"}', [("a.json#0", "a", None), ("a.json#1", None, "!truncated")]),
        ("[]", []),
    ],
)  # fmt: skip
def test_lists_of_documents(tmp_path: Path, data: str, expected: list[tuple[str, str | None, str | None]]) -> None:
    stage = Read(paths=str(written(tmp_path, data.encode(), "a.json")))
    assert [(row["id"], row["text"], row["rule"]) for row in documents(stage)] == expected


def test_a_list_is_not_cut_where_lines_begin(tmp_path: Path) -> None:
    rows = [{"text": f"{number} " + "x" * 900} for number in range(12_000)]
    stage = Read(paths=str(written(tmp_path, json.dumps(rows, indent=0).encode(), "a.jsonl")))
    assert len(stage.partitions(stage.list_files())) == 1
    assert len(documents(stage)) == 12_000


@pytest.mark.parametrize("name", ["a.epub", "a.wacz"])
def test_a_zip_file_of_a_version_that_there_is_not(tmp_path: Path, name: str) -> None:
    data = bytearray(zipped({"notes.txt": b"words"}))
    data[data.index(b"PK\x01\x02") + 6] = 80
    path = written(tmp_path, bytes(data), name)
    ((row),) = documents(Read(paths=str(path)))
    assert row["rule"] == f"!bad_{name.removeprefix('a.')}"


def test_what_is_compressed_twice_is_named(tmp_path: Path) -> None:
    line = b'{"text": "words"}\n'
    for name, pack in CODECS.items():
        path = tmp_path / f"{name}.jsonl.gz"
        path.write_bytes(gzip.compress(pack(line)))
        assert contents_of(str(path), SourceOptions()).remark == f"{path} is compressed twice, which is not read"
        (found,) = problems(Read(paths=str(path)))
        assert f"seen {path} is compressed twice, which is not read" in found
