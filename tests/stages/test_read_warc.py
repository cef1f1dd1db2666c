"""Web archives: sound ones against FastWARC's reading, broken ones against what the sound ones hold."""

import gzip
import hashlib
import random
import tracemalloc
from base64 import b32encode
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest
from fastwarc import ArchiveIterator, WarcRecordType
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from prep.corpus.compression import pieces
from prep.stages.read_rows import Input, Row
from prep.stages.read_warc import Frame, Framer, warc_rows

LIMIT = 20 << 20
UNLIKE_FASTWARC = {
    "aut--badexample.arc.gz": "ARC, which FastWARC refuses",
    "aut--example.arc.gz": "ARC",
    "ukwa-discovery--IAH-20080430204825-00000-blackbook-truncated.arc": "ARC",
    "ukwa-discovery--IAH-20080430204825-00000-blackbook-truncated.arc.gz": "ARC",
    "cc-whirlwind--CC-MAIN-2024-22.warc.paths.gz": "a list of paths, which FastWARC refuses",
    "resiliparse--clipped.warc.gz": "cut off, which FastWARC does not notice",
    "solrwayback--transfer_compression_none_truncated.warc.gz": "cut off",
    "solrwayback--Evil-Warc-Headers.warc": "header lines end in bare newlines; FastWARC takes all for one header",
    "warc_nom_parser--bbc.warc": "bare newlines",
}
PAGE = b"<!DOCTYPE html><html><body><p>words</p></body></html>"


def frames(path: Path) -> list[Frame]:
    return list(Framer(pieces(str(path)), LIMIT).frames())


def rows(path: Path, max_bytes: int = LIMIT, *, extracts: bool = False) -> list[Row]:
    return list(warc_rows(Input(str(path), path.name, max_bytes), extracts=extracts))


def archives(folder: Path) -> list[Path]:
    found = sorted(folder.iterdir())
    assert len(found) > 45
    return found


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


# Sound archives.


def test_odd_archives_have_the_records_that_fastwarc_finds(test_data: Path) -> None:
    for path in archives(test_data / "warc-odd"):
        if path.name in UNLIKE_FASTWARC:
            continue
        with path.open("rb") as stream:
            theirs = [(item.record_id, item.reader.read()) for item in ArchiveIterator(stream, parse_http=False)]
        ours = frames(path)
        assert [frame.header["warc-record-id"] for frame in ours] == [name for name, _ in theirs], path.name
        assert [frame.block for frame in ours] == [block for _, block in theirs], path.name
        assert all(frame.rule is None and frame.length == len(frame.block) for frame in ours), path.name


def test_blocks_have_the_digests_that_their_headers_give(test_data: Path) -> None:
    checked = 0
    for path in archives(test_data / "warc-odd"):
        if path.name in UNLIKE_FASTWARC:  # among them one whose newlines were changed after it was written
            continue
        for frame in frames(path):
            digest = frame.header.get("warc-block-digest", "").removeprefix("sha1:")
            if len(digest) == 32 and frame.rule is None:
                checked += 1
                assert b32encode(hashlib.sha1(frame.block).digest()).decode() == digest, path.name
    assert checked > 300


def test_bodies_are_decoded_as_fastwarc_decodes_them(test_data: Path) -> None:
    compared = 0
    for path in archives(test_data / "warc-odd"):
        if path.name in UNLIKE_FASTWARC:
            continue
        found = {row.id: row for row in rows(path) if row.html is not None}
        with path.open("rb") as stream, suppress(OSError):  # FastWARC raises where the crawler has joined the chunks
            for item in ArchiveIterator(stream, record_types=WarcRecordType.response, auto_decode="all"):
                row = found.get(str(item.record_id).strip("<>").removeprefix("urn:uuid:"))
                if row is not None:
                    body = item.reader.read()
                    assert row.html == body, path.name
                    compared += 1
    assert compared > 200


def test_what_becomes_of_the_records_of_odd_archives(test_data: Path) -> None:
    found = {path.name: Counter(verdicts(rows(path))) for path in archives(test_data / "warc-odd")}
    assert {name for name, counts in found.items() if any((rule or "").startswith("!") for rule in counts)} == set(
        UNLIKE_FASTWARC
    ) - {"warc_nom_parser--bbc.warc"}
    assert found["aut--example.arc.gz"] == {"!unsupported_arc": 1}
    assert found["cc-whirlwind--CC-MAIN-2024-22.warc.paths.gz"] == {"!bad_header": 1}
    assert found["resiliparse--clipped.warc.gz"] == {"!truncated": 1}
    assert found["solrwayback--transfer_compression_none_truncated.warc.gz"] == {"record_type": 2, "!truncated": 1}
    assert found["solrwayback--Evil-Warc-Headers.warc"] == {"!truncated": 1}
    assert found["warc_nom_parser--bbc.warc"] == {None: 1}
    assert found["aut--example.pdf.warc.gz"] == {
        "record_type": 39,
        "not_html": 31,
        "http_status": 3,
        "revisit": 2,
        None: 1,
    }
    total = sum(found.values(), Counter[str | None]())
    assert (total[None], total.total()) == (249, 1859)


def test_extracted_text_is_read_from_wet_files(test_data: Path) -> None:
    for name in ("cc-whirlwind--whirlwind.warc.wet", "cc-whirlwind--whirlwind.warc.wet.gz"):
        path = test_data / "warc-odd" / name
        assert verdicts(rows(path, extracts=True)) == ["record_type", None]
        document = rows(path, extracts=True)[1]
        assert document.text is not None
        assert document.text.startswith("Escopete - Biquipedia")
        assert document.url == "https://an.wikipedia.org/wiki/Escopete"
        assert verdicts(rows(path)) == ["record_type", "record_type"]


@pytest.mark.parametrize(("folder", "pages"), [("web", 302), ("docs", 3192)])
def test_real_pages_are_all_documents(test_data: Path, folder: str, pages: int) -> None:
    documents = 0
    ids = set()
    for path in sorted((test_data / folder).glob("*.warc.gz")):
        with path.open("rb") as stream:
            for row, item in zip(rows(path), ArchiveIterator(stream), strict=True):
                assert row.rule is None
                assert row.html == item.reader.read()
                assert row.charset == "utf-8"
                assert row.url == item.headers["WARC-Target-URI"]
                assert row.date == item.headers["WARC-Date"]
                ids.add(row.id)
                documents += 1
    assert documents == len(ids) == pages


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
        (page(kind="text/html\r\nContent-Encoding: gzip", body=gzip.compress(b"x" * 2000)), "too_large"),
    ],
)
def test_what_becomes_of_a_record(tmp_path: Path, raw: bytes, verdict: str | None) -> None:
    path = tmp_path / "a.warc"
    path.write_bytes(raw + page(number=1))
    found = rows(path, 1000)
    assert verdicts(found) == [verdict, None]
    assert found[0].id in {"0", "a.warc#0"}
    assert found[0].url == "https://a.example/0"
    assert (found[0].value is not None) == (verdict in {"http_status", "too_large"})
    assert (found[0].html is not None) == (verdict is None)


def test_a_record_without_an_id_is_named_by_its_place(tmp_path: Path) -> None:
    path = tmp_path / "a.warc"
    path.write_bytes(page(number=7) + page().replace(b"WARC-Record-ID: <urn:uuid:0>\r\n", b""))
    assert [row.id for row in rows(path)] == ["7", "a.warc#1"]


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


def sound_and_starts(path: Path) -> tuple[list[Row], list[int]]:
    """Return a sound archive's rows, and where its records begin in the file."""
    with path.open("rb") as stream:
        starts = [item.stream_pos for item in ArchiveIterator(stream, parse_http=False)]
    found = rows(path)
    assert len(found) == len(starts)
    return found, [*starts, path.stat().st_size]


CUT = [
    "resiliparse--warcfile.warc.gz",
    "resiliparse--warcfile.warc",
    "cc-whirlwind--whirlwind.warc",
    "aut--issue-514.warc",
]


@pytest.mark.parametrize("name", CUT)
def test_a_file_cut_anywhere_gives_all_records_before_the_cut(test_data: Path, tmp_path: Path, name: str) -> None:
    whole = test_data / "warc-odd" / name
    sound, starts = sound_and_starts(whole)
    raw = whole.read_bytes()
    rng = random.Random(name)
    path = tmp_path / name
    for cut in [
        *(rng.randrange(len(raw)) for _ in range(60)),
        *(start + offset for start in starts[1:4] for offset in (-9, -4, -3, -2, -1, 0, 1, 4)),
    ]:
        path.write_bytes(raw[:cut])
        found = rows(path)
        complete = sum(end <= cut for end in starts[1:])
        assert found[:complete] == sound[:complete]
        rest = found[complete:]
        between = cut - starts[complete]  # bytes of the record that is cut
        assert len(rest) == (between > 0)
        if rest and rest[0] != sound[complete]:
            assert rest[0].rule == "truncated"
            assert rest[0].failed
            assert rest[0].id == f"{name}#{complete}"
            assert rest[0].detail
        elif rest:  # only the empty lines that end the record are missing
            assert starts[complete + 1] - cut <= 4
            assert not name.endswith(".gz")


def test_real_pages_cut_off(test_data: Path, tmp_path: Path) -> None:
    whole = test_data / "docs" / "installation-guide-3.warc.gz"
    sound, starts = sound_and_starts(whole)
    raw = whole.read_bytes()
    rng = random.Random(3)
    path = tmp_path / "cut.warc.gz"
    for _ in range(4):
        cut = rng.randrange(len(raw))
        path.write_bytes(raw[:cut])
        found = rows(path)
        complete = sum(end <= cut for end in starts[1:])
        assert found[:complete] == sound[:complete]
        assert verdicts(found[complete:]) in ([], ["!truncated"])


def test_damage_in_the_middle_of_a_gzip_file_costs_one_record(test_data: Path, tmp_path: Path) -> None:
    whole = test_data / "docs" / "installation-guide-3.warc.gz"
    sound, starts = sound_and_starts(whole)
    raw = whole.read_bytes()
    rng = random.Random(5)
    path = tmp_path / "damaged.warc.gz"
    for _ in range(6):
        at = rng.randrange(len(raw) - 8)
        broken = sum(start <= at for start in starts) - 1
        path.write_bytes(raw[:at] + rng.randbytes(8) + raw[at + 8 :])
        found = rows(path)
        kept = [row for row in found if row.rule is None]
        lost = sound[broken : broken + 2] if at + 8 > starts[broken + 1] else sound[broken : broken + 1]
        assert kept == [row for row in sound if row not in lost]
        failures = [row for row in found if row.rule is not None]
        assert 1 <= len(failures) <= 2
        assert all(row.failed and row.rule in {"bad_gzip", "truncated", "bad_header"} for row in failures)


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
    assert [row.id for row in found] == ["0", "a.warc#1", "2", "3"]
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
