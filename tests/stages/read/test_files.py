"""One document per file: pages, text and Markdown."""

import gzip
import tracemalloc
from pathlib import Path

import pytest
import zstandard

from prep.stages.read.plain.files import html_rows, text_rows
from prep.stages.read.rows import Input, Row
from prep.stages.read.sources import SourceOptions


def text(path: Path, max_bytes: int = 1000) -> Row:
    (row,) = text_rows(Input(str(path), path.name, SourceOptions(max_bytes=max_bytes)))
    return row


def page(path: Path, max_bytes: int = 1000) -> Row:
    (row,) = html_rows(Input(str(path), path.name, SourceOptions(max_bytes=max_bytes)))
    return row


def verdict(row: Row) -> str | None:
    return f"!{row.rule}" if row.failed else row.rule


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("a.txt", "Zeile\r\nmit Umlaut: ä\n".encode(), "Zeile\r\nmit Umlaut: ä\n"),
        ("a.md", b"\xef\xbb\xbf# Title", "# Title"),
        ("a.txt.gz", gzip.compress(b"first ", mtime=0) + gzip.compress(b"second", mtime=0), "first second"),
        ("a.md.zst", zstandard.ZstdCompressor().compress(b"words"), "words"),
    ],
)
def test_texts(tmp_path: Path, name: str, data: bytes, expected: str) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    assert text(path) == Row(f"{name}@0", text=expected)


@pytest.mark.parametrize(
    ("name", "data", "rule"),
    [
        ("a.txt", b"", "empty"),
        ("a.txt", b" \n", "empty"),
        ("a.txt.gz", gzip.compress(b"", mtime=0), "empty"),
        ("a.txt.gz", b"", "empty"),
        ("a.txt", b"caf\xe9\0", "!bad_encoding"),
        ("a.txt", b"x" * 1001, "too_large"),
        ("a.txt.gz", gzip.compress(b"words", mtime=0)[:-3], "!truncated"),
        ("a.txt.gz", b"plain text", "!bad_gzip"),
        ("a.txt.zst", zstandard.ZstdCompressor().compress(b"words")[:-1], "!truncated"),
    ],
)
def test_files_that_hold_no_text(tmp_path: Path, name: str, data: bytes, rule: str) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    row = text(path)
    assert verdict(row) == rule
    assert row.text is None
    has_value = rule == "too_large" or (rule == "!truncated" and name.endswith(".zst"))  # which says its length
    assert (row.value is not None) == has_value
    if not rule.startswith("!bad_encoding"):
        assert verdict(page(path)) == rule


def test_a_text_of_any_white_space_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text(" \u3000\xa0\n", "utf-8")
    assert text(path).rule == "empty"


def test_pages_are_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    path.write_bytes(b"<html>caf\xe9")
    assert page(path) == Row("a.html@0", html=b"<html>caf\xe9")
    assert page(path, 3).rule == "too_large"


@pytest.mark.parametrize("name", ["bomb.txt.gz", "bomb.txt.zst"])
def test_a_bomb_is_left_after_the_limit(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    data = bytes(64 << 20)
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else zstandard.ZstdCompressor().compress(data))
    del data
    tracemalloc.start()
    found = text(path, 1 << 20)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.rule == "too_large"
    assert found.value is not None
    assert 1 << 20 < found.value <= (1 << 20) + (256 << 10)
    assert peak < 8 << 20
