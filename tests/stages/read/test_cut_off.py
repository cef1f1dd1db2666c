"""Files cut off, in every format: each says so, and how many bytes are missing where the format announces it."""

import gzip
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import lz4.frame
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from books import pdf

from prep.stages.read.plain.endings import cut_off
from prep.stages.read.read import Read

from .reading import outcomes
from .test_mediawiki import HEAD
from .test_mediawiki import page as wiki_page
from .test_warc import page, record

LINES = b"".join(json.dumps({"text": f"the heron waits, {number}"}).encode() + b"\n" for number in range(40))
TABLE = pa.table({"text": [f"the otter swims, {number}" for number in range(300)]})


def parquet() -> bytes:
    sink = io.BytesIO()
    pq.write_table(TABLE, sink, row_group_size=100)
    return sink.getvalue()


def arrow(new: Callable[..., pa.ipc.RecordBatchStreamWriter]) -> bytes:
    sink = io.BytesIO()
    with new(sink, TABLE.schema) as writer:
        writer.write_table(TABLE, max_chunksize=100)
    return sink.getvalue()


def zipped(compression: int = zipfile.ZIP_STORED, *names: str) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", compression) as archive:
        for name in names:
            archive.writestr(name, "the kingfisher dives " * 40)
    return sink.getvalue()


def linearised(length: int) -> bytes:
    raw = pdf([["The heron waits."]])
    head = b"%%PDF-1.5\n1 0 obj\n<</Linearized 1/L %d/H[9 9]>>\nendobj\n" % length
    return head + raw


def lost(tmp_path: Path, name: str, data: bytes) -> list[tuple[float | None, str]]:
    """Return what is said of records at which files break off."""
    (tmp_path / name).write_bytes(data)
    found = []
    for _, verdicts in outcomes(Read(paths=str(tmp_path))):
        if verdicts is not None and verdicts.value is not None and verdicts.detail is not None:
            columns = (verdicts.rule, verdicts.value, verdicts.detail)
            rows = zip(*(column.to_pylist() for column in columns), strict=True)
            found += [(value, detail) for rule, value, detail in rows if rule == "truncated"]
    return found


@pytest.mark.parametrize(
    ("name", "data", "missing"),
    [
        ("a.warc", page() + record(b"x" * 500)[:-104], 100),
        ("a.warc.gz", gzip.compress(page() + record(b"x" * 500)[:-54]), 50),
        ("a.warc.gz", gzip.compress(page())[:-6], None),
        ("a.arc", b"http://a.example/ 1.2.3.4 20090102030405 text/html 900\n" + b"x" * 300, 600),
        ("a.jsonl", LINES[:-9], None),
        ("a.jsonl.gz", gzip.compress(LINES)[:-20], None),
        ("a.json", b"[" + LINES.strip().replace(b"\n", b",")[:-8], None),
        ("a.csv", b"n,text,more\n1,whole,x\n2,wha", None),
        ("a.csv", b'n,text\n1,whole\n2,"the heron\nwai', None),
        ("a.csv", b'n,text\n1,whole\n2,"the heron\nwai\n', None),
        ("a.xml", (HEAD + wiki_page(1, "words")).encode(), None),
        ("a.xml", (HEAD + wiki_page(1, "words")).encode()[:-30], None),
        ("a.txt.zst", zstandard.ZstdCompressor().compress(b"ab" * 500)[:-3], 1000),
        ("a.txt.lz4", lz4.frame.compress(b"ab" * 500, store_size=True)[:-9], 1000),
        ("a.txt.lz4", lz4.frame.compress(b"ab" * 500, store_size=False)[:-9], None),
        ("a.pdf", pdf([["The heron waits."]])[:-40], None),
        ("a.pdf", linearised(50_000), 50_000 - len(linearised(50_000))),
        ("a.epub", zipped(zipfile.ZIP_STORED, "a.txt", "b.txt")[:-200], None),
        ("a.wacz", zipped(zipfile.ZIP_DEFLATED, "archive/a.warc", "b.txt")[:-100], None),
    ],
)
def test_a_file_that_is_cut_off(tmp_path: Path, name: str, data: bytes, missing: int | None) -> None:
    ((value, detail),) = lost(tmp_path, name, data)
    assert value == missing
    assert detail


def test_tables_that_are_cut_off(tmp_path: Path) -> None:
    (tmp_path / "whole.parquet").write_bytes(parquet())  # a source of which nothing can be read is refused
    ((value, detail),) = lost(tmp_path, "a.parquet", parquet()[:-30])
    assert (value, "without its footer" in detail) == (None, True)
    (tmp_path / "a.parquet").unlink()
    stream = arrow(pa.ipc.new_stream)
    ((value, detail),) = lost(tmp_path, "a.arrow", stream[:-208])
    assert value == 200
    assert "the stream ends in a message" in detail


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.jsonl", LINES.rstrip()),
        ("a.jsonl", LINES + b"no JSON at all"),
        ("a.jsonl", LINES + b'{"text": "a"} b'),
        ("a.csv", b'n,text\n1,whole\n2,"the last"'),
        ("a.txt", b"the last line has no end"),
        ("a.xml", (HEAD + wiki_page(1, "words") + "</mediawiki>").encode()),
        ("a.pdf", pdf([["The heron waits."]])),
        ("a.pdf", linearised(300)),
    ],
)
def test_a_file_that_is_whole(tmp_path: Path, name: str, data: bytes) -> None:
    assert lost(tmp_path, name, data) == []


def test_how_much_a_zip_file_lacks_at_least() -> None:
    data = zipped(zipfile.ZIP_STORED, "a.txt", "b.txt")
    assert cut_off(io.BytesIO(data)) is None
    member = data.index(b"PK\x03\x04", 4)
    cut = cut_off(io.BytesIO(data[: member + 100]))
    assert cut is not None
    assert "with 775 bytes less than its last member has" in cut.detail


@pytest.mark.parametrize("data", [b"", b"PAR1", b"%PDF-", b"PK\x03\x04", b"ARROW1", b"words", b"PAR1PAR1PAR1"])
def test_short_files(data: bytes) -> None:
    whole = data in (b"", b"words", b"%PDF-", b"PAR1PAR1PAR1")
    assert (cut_off(io.BytesIO(data)) is None) == whole
