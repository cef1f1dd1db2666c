"""ARC files, real ones and damaged ones."""

import gzip
import random
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prep.stages.read.archives.arc import arc_rows
from prep.stages.read.rows import Input, Row

PAGE = b"<!DOCTYPE html><html><body><p>words</p></body></html>"
FIRST = b"filedesc://a.arc 0.0.0.0 20080430204825 text/plain 14\n1 0 Somebody\n\n\n"


def rows(path: Path) -> list[Row]:
    return list(arc_rows(Input(str(path), path.name)))


def verdicts(found: list[Row]) -> list[str | None]:
    return [f"!{row.rule}" if row.failed else row.rule for row in found]


def record(number: int, version: int = 1, body: bytes = PAGE) -> bytes:
    block = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + body
    more = " 200 CHECKSUM - 123 a.arc" if version == 2 else ""
    line = f"http://a.example/{number} 10.0.0.1 20080430204826 text/html{more} {len(block)}\n"
    return line.encode() + block + b"\n"


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("name", ["a.arc", "a.arc.gz"])
def test_records_of_both_versions(tmp_path: Path, name: str, version: int) -> None:
    raw = [FIRST, *(record(number, version) for number in range(3))]
    path = tmp_path / name
    path.write_bytes(b"".join(map(gzip.compress, raw)) if name.endswith(".gz") else b"".join(raw))
    found = rows(path)
    assert verdicts(found) == ["record_type", None, None, None]
    assert found[1].url == "http://a.example/0"
    assert found[1].date == "2008-04-30T20:48:26Z"
    assert (found[1].html, found[1].charset) == (PAGE, "utf-8")
    assert found[1].headers == "content-type: text/html; charset=utf-8"
    assert len({row.id for row in found}) == 4


def test_real_archives(test_data: Path) -> None:
    folder = test_data / "warc-odd"
    assert Counter(verdicts(rows(folder / "aut--example.arc.gz"))) == {
        "not_html": 119,
        None: 94,
        "http_status": 47,
        "record_type": 39,
        "empty": 1,
    }
    same = folder / "ukwa-discovery--IAH-20080430204825-00000-blackbook-truncated.arc"
    plain, packed = rows(same), rows(same.with_suffix(".arc.gz"))
    assert [(row.url, row.html) for row in plain] == [(row.url, row.html) for row in packed]
    assert "!truncated" in verdicts(rows(folder / "aut--badexample.arc.gz"))


@settings(deadline=None, max_examples=150)
@given(st.integers(0, 10_000), st.binary(min_size=1, max_size=30))
def test_damage_costs_few_records(tmp_path_factory: pytest.TempPathFactory, place: int, damage: bytes) -> None:
    raw = [record(number, body=PAGE + b"%d" % number * 20) for number in range(6)]
    whole = b"".join(raw)
    at = place % len(whole)
    path = tmp_path_factory.getbasetemp() / "damaged.arc"
    path.write_bytes(whole[:at] + damage + whole[at + len(damage) :])
    found = rows(path)
    kept = [row.url for row in found if row.rule is None and row.html and PAGE in row.html]
    first, last = at // len(raw[0]), (at + len(damage)) // len(raw[0])
    sound = [f"http://a.example/{number}" for number in range(6)]
    assert kept[:first] == sound[:first]
    assert set(sound[last + 2 :]) <= set(kept)


def test_a_file_cut_anywhere_gives_all_records_before_the_cut(tmp_path: Path) -> None:
    raw = [record(number) for number in range(5)]
    rng = random.Random(1)
    path = tmp_path / "a.arc"
    for _ in range(60):
        cut = rng.randrange(len(b"".join(raw)))
        path.write_bytes(b"".join(raw)[:cut])
        found = rows(path)
        complete = cut // len(raw[0])
        assert verdicts(found)[:complete] == [None] * complete
        assert len(found) - complete == (cut % len(raw[0]) > 0)
