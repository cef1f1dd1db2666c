"""Web archives written for the purpose: what becomes of every kind of record, and what broken ones cost the others."""

import gzip
import tracemalloc
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from prep.corpus.files.compression import pieces
from prep.stages.read.archives.framing import Frame, Framer
from prep.stages.read.archives.warc import WARC, warc_rows
from prep.stages.read.rows import Input, Row
from prep.stages.read.sources import SourceOptions

LIMIT = 20 << 20
PAGE = b"<!DOCTYPE html><html><body><p>words</p></body></html>"


def frames(path: Path) -> list[Frame]:
    return list(Framer(pieces(str(path)), WARC, LIMIT).frames())


def rows(path: Path, max_bytes: int = LIMIT, *, extracts: bool = False) -> list[Row]:
    return list(warc_rows(Input(str(path), path.name, SourceOptions(max_bytes=max_bytes)), extracts=extracts))


def record(
    block: bytes, kind: str = "response", length: int | str | None = None, number: int = 0, **fields: str
) -> bytes:
    header = {
        "WARC-Type": kind,
        "WARC-Record-ID": f"<urn:uuid:{number}>",
        "WARC-Date": "2024-01-02T03:04:05Z",
        "WARC-Target-URI": f"https://a.example/{number}",
        "Content-Type": "application/http; msgtype=response",
        "Content-Length": str(len(block) if length is None else length),
        **{name.replace("_", "-"): value for name, value in fields.items()},
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in header.items())
    return b"WARC/1.0\r\n" + lines.encode() + b"\r\n" + block + b"\r\n\r\n"


def page(
    body: bytes = PAGE, status: str = "200 OK", number: int = 0, kind: str = "text/html; charset=utf-8", **fields: str
) -> bytes:
    block = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n\r\n".encode() + body
    return record(block, number=number, **fields)


def verdicts(found: list[Row]) -> list[str | None]:
    return [f"!{row.rule}" if row.failed else row.rule for row in found]


BLOCKS = st.lists(
    st.binary(max_size=40)
    | st.sampled_from(
        [b"", b"\r\n\r\n", b"WARC/1.0\r\n\r\n", b"a\r\n\r\nWARC/1.0\r\nContent-Length: 0\r\n\r\n\r\n\r\n", b"\n" * 9]
    ),
    max_size=6,
)


@settings(deadline=None)
@given(BLOCKS, st.sampled_from(["", ".gz", "one.gz"]), st.booleans())
def test_any_content_comes_back_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, blocks: list[bytes], suffix: str, newline: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / f"any.warc{suffix.removeprefix('one')}"
    records = [record(block, number=number) for number, block in enumerate(blocks)]
    if newline and records:
        records[-1] = records[-1].removesuffix(b"\r\n\r\n")
    if suffix == ".gz":
        path.write_bytes(b"".join(map(gzip.compress, records)))
    else:
        path.write_bytes(gzip.compress(b"".join(records)) if suffix else b"".join(records))
    found = frames(path)
    assert [frame.block for frame in found] == blocks
    assert [frame.header["warc-record-id"] for frame in found] == [f"<urn:uuid:{n}>" for n in range(len(blocks))]
    assert all(frame.rule is None for frame in found)


@settings(deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=5), st.lists(st.integers(0, 2000), max_size=12))
def test_members_need_not_hold_whole_records(
    tmp_path_factory: pytest.TempPathFactory, blocks: list[bytes], cuts: list[int]
) -> None:
    assume(not any(b"WARC/" in block for block in blocks))  # a member that begins so is taken for a record
    path = tmp_path_factory.getbasetemp() / "blocks.warc.gz"
    whole = b"".join(record(block, number=number) for number, block in enumerate(blocks))
    borders = sorted({0, len(whole), *(min(cut, len(whole)) for cut in cuts)})
    path.write_bytes(b"".join(gzip.compress(whole[start:end]) for start, end in pairwise(borders)))
    assert [frame.block for frame in frames(path)] == blocks


# What a record is.


@pytest.mark.parametrize(
    ("raw", "verdict"),
    [
        (page(), None),
        (page(status="203 Non-Authoritative"), None),
        (page(status="404 Not Found"), "http_status"),
        (page(status="301 Moved"), "http_status"),
        (page(b""), "empty"),
        (page(b" \r\n"), "empty"),
        (page(kind="application/pdf"), "not_html"),
        (page(b"%PDF-1.4", kind=""), "not_html"),
        (page(kind=""), None),
        (page(b"plain", kind="text/plain"), "not_html"),
        (page(PAGE, kind="text/plain"), None),
        (page(b"<html>" + b"x" * 2000), "too_large"),
        (page(b"x" * 2000, kind="image/png"), "not_html"),
        (record(b"no http"), "!bad_http"),
        (record(b""), "empty"),
        (record(b"x", kind="revisit"), "revisit"),
        (record(b"x", kind="request"), "record_type"),
        (record(b"x", kind="conversion", Content_Type="text/plain"), "record_type"),
        (record(b"1.2.3.4", Content_Type="text/dns"), "record_type"),
        (record(PAGE, kind="resource", Content_Type="text/html; charset=latin-1"), None),
        (record(b"text", kind="resource", Content_Type="text/plain"), "not_html"),
        (record(b"<p>" + b"x" * 2000, kind="resource", Content_Type="text/html"), "too_large"),
        (record(PAGE, kind="RESPONSE"), "!bad_http"),
        (record(PAGE, length="12x"), "!bad_header"),
        (record(PAGE, length="-1"), "!bad_header"),
        (record(PAGE, length=""), "!bad_header"),
        (record(PAGE, length="9" * 5000), "!bad_header"),
        (page(kind="text/html\r\nContent-Encoding: gzip", body=b"\x1f\x8b\x08"), "!truncated_body"),
        (page(kind="text/html\r\nContent-Encoding: zstd", body=b"not"), "!bad_content"),
        (page(kind="text/html\r\nContent-Encoding: gzip", body=gzip.compress(b"x" * 2000, mtime=0)), "too_large"),
    ],
)
def test_what_becomes_of_a_record(tmp_path: Path, raw: bytes, verdict: str | None) -> None:
    path = tmp_path / "a.warc"
    path.write_bytes(raw + page(number=1))
    found = rows(path, 1000)
    assert verdicts(found) == [verdict, None]
    assert found[0].id in {"0", "a.warc@0"}
    assert found[0].url == "https://a.example/0"
    assert (found[0].value is not None) == (verdict in {"http_status", "too_large"})
    assert (found[0].html is not None) == (verdict is None)


def test_a_record_without_an_id_is_named_by_its_place(tmp_path: Path) -> None:
    path = tmp_path / "a.warc"
    path.write_bytes(page(number=7) + page().replace(b"WARC-Record-ID: <urn:uuid:0>\r\n", b""))
    assert [row.id for row in rows(path)] == ["7", "a.warc@321"]


def test_headers_in_other_spellings(tmp_path: Path) -> None:
    block = b"HTTP/1.1 200 OK\nCONTENT-TYPE:\n  text/html;\n charset=utf-8\n\n" + PAGE
    raw = b"WARC/0.18\nwarc-type: response\nWARC-Target-URI: <https://a.example/>\n"
    raw += b"content-length: %d\nContent-Type: application/http;msgtype=response\n\n%s\n" % (len(block), block)
    path = tmp_path / "a.warc"
    path.write_bytes(b"\r\n\n" + raw + raw)
    found = rows(path)
    assert verdicts(found) == [None, None]
    assert {(row.html, row.charset, row.url, row.date) for row in found} == {
        (PAGE, "utf-8", "https://a.example/", None)
    }


def test_headers_that_later_stages_ask_about_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.warc"
    kind = "text/html\r\nSet-Cookie: no\r\nX-Robots-Tag: noai\r\nLINK: <a>;\r\n rel=license\r\nx-robots-tag: noindex"
    path.write_bytes(page(kind=kind) + page(kind="image/png"))
    kept, other = rows(path)
    assert kept.headers == "content-type: text/html\nx-robots-tag: noai\nlink: <a>; rel=license\nx-robots-tag: noindex"
    assert other.headers is None


def test_a_page_that_the_crawler_cut_is_kept_as_far_as_it_goes(tmp_path: Path) -> None:
    body = gzip.compress(PAGE * 1000)
    path = tmp_path / "a.warc"
    coded = "text/html\r\nContent-Encoding: gzip"
    path.write_bytes(page(body[:-20], kind=coded, WARC_Truncated="length") + page(body[:-20], kind=coded))
    found = rows(path)
    assert verdicts(found) == [None, "!truncated_body"]
    assert found[0].html
    assert (PAGE * 1000).startswith(found[0].html)


# Broken archives.


@settings(deadline=None, max_examples=300)
@given(st.integers(0, 10_000), st.binary(min_size=1, max_size=30), st.booleans())
def test_damage_in_a_plain_file_costs_few_records(
    tmp_path_factory: pytest.TempPathFactory, place: int, damage: bytes, inserted: bool
) -> None:
    assume(not damage.startswith(b"filedesc:"))  # which makes an ARC file of it
    raw = [page(PAGE + b"%d" % number * 20, number=number) for number in range(6)]
    whole = b"".join(raw)
    at = place % len(whole)
    path = tmp_path_factory.getbasetemp() / "damaged.warc"
    path.write_bytes(whole)
    sound = rows(path)
    path.write_bytes(whole[:at] + damage + whole[at if inserted else at + len(damage) :])
    found = rows(path)
    first = at // len(raw[0])
    last = (at if inserted else at + len(damage)) // len(raw[0])
    assert found[:first] == sound[:first]
    beyond = min(last + 2, 6)  # a wrong length may take the record after it along
    assert [row for row in found if row.rule is None][-(6 - beyond) :] == sound[beyond:] or beyond == 6


def test_a_length_that_runs_into_the_next_record(tmp_path: Path) -> None:
    raw = [page(number=number) for number in range(4)]
    longer = raw[1].replace(b"Content-Length: ", b"Content-Length: 1")
    assert longer != raw[1]
    path = tmp_path / "a.warc"
    path.write_bytes(raw[0] + longer + raw[2] + raw[3])
    found = rows(path)
    assert verdicts(found) == [None, "!bad_header", None, None]
    assert [row.id for row in found] == ["0", "a.warc@321", "2", "3"]
    assert str(found[1].detail).startswith("record 1: Content-Length 1")
    path = tmp_path / "a.warc.gz"
    path.write_bytes(b"".join(map(gzip.compress, [raw[0], longer, raw[2], raw[3]])))
    found = rows(path)
    assert verdicts(found) == [None, "!truncated", None, None]


def test_a_length_that_is_too_short(tmp_path: Path) -> None:
    raw = [page(number=number) for number in range(3)]
    block = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + PAGE
    path = tmp_path / "a.warc"
    path.write_bytes(raw[0] + record(block, length=len(block) - 20, number=1) + raw[2])
    found = rows(path)
    assert verdicts(found) == [None, None, "!bad_header", None]
    assert found[2].detail == "24 bytes that are no record"


@pytest.mark.parametrize("junk", [b"junk", b"WARC", b"WARC/", b"x" * 300_000, b"WARC/1.0\r\n" + b"a: b\r\n" * 20_000])
def test_bytes_that_are_no_record_lie_between_two(tmp_path: Path, junk: bytes) -> None:
    path = tmp_path / "a.warc"
    path.write_bytes(page(number=0) + junk + b"\r\n" + page(number=1) + junk)
    found = rows(path)
    kept = [row.id for row in found if row.rule is None]
    assert kept == ["0", "1"]
    assert all(row.failed and row.rule in {"bad_header", "truncated"} for row in found if row.rule)
    assert len(found) == 4


@settings(deadline=None)
@given(
    st.lists(
        st.binary(max_size=20)
        | st.sampled_from(
            [b"WARC/1.0\r\n", b"Content-Length: 5\r\n", b"\r\n\r\n", b"\n", page(), b"filedesc:", b"HTTP/1.1 200\r\n"]
        )
    ).map(b"".join),
    st.sampled_from(["a.warc", "b.warc.gz"]),
)
@example(b"WARC/", "a.warc")
@example(b"\nWARC/1.0\n\nWARC/1.0\n\n", "a.warc")
def test_no_file_is_too_broken(tmp_path_factory: pytest.TempPathFactory, raw: bytes, name: str) -> None:
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
    found = rows(path)
    assert bool(found) == bool(raw.strip(b"\r\n"))
    assert all(row.rule is not None or row.html for row in found)


def test_an_empty_file_has_no_records(tmp_path: Path) -> None:
    for name in ("a.warc", "a.warc.gz"):
        (tmp_path / name).write_bytes(b"")
        assert rows(tmp_path / name) == []


@pytest.fixture
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.mark.usefixtures("traced")
def test_memory_is_bounded_by_the_largest_document(tmp_path: Path) -> None:
    path = tmp_path / "a.warc.gz"
    large = record(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + b"<p>" * (16 << 20), number=1)
    bomb = page(gzip.compress(bytes(48 << 20)), kind="text/html\r\nContent-Encoding: gzip", number=2)
    path.write_bytes(b"".join(map(gzip.compress, [page(), large, bomb, page(number=3)])))
    del large, bomb
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    found = rows(path, 1 << 20)
    peak = tracemalloc.get_traced_memory()[1] - before
    assert verdicts(found) == [None, "too_large", "too_large", None]
    assert found[1].value == 44 + (48 << 20)  # with its HTTP header
    assert peak < 8 << 20


def test_many_records_that_claim_the_next_one_cost_a_bounded_number_of_copies(tmp_path: Path) -> None:
    path = tmp_path / "a.warc"
    path.write_bytes(record(b"x", length=10**9) * 3000)
    found = rows(path)
    assert found[0].rule == "bad_header"
    assert len(found) == 1001
    assert found[-1].rule == "truncated"
