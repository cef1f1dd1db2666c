"""JSON Lines, sound and torn."""

import gzip
import json
import re
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prep.corpus.files import compression
from prep.stages.read.rows import Input, Row
from prep.stages.read.sources import SourceOptions
from prep.stages.read.tables.json_lines import json_rows

RECORDS = st.lists(
    st.fixed_dictionaries(
        {"text": st.text(min_size=1).filter(lambda text: not text.isspace())},
        optional={
            "id": st.text(min_size=1, max_size=5),
            "url": st.text(max_size=5),
            "tags": st.lists(st.text(max_size=3)),
        },
    ),
    max_size=8,
)


def rows(path: Path, max_bytes: int = 1 << 20, **columns: str) -> list[Row]:
    return list(json_rows(Input(str(path), path.name, SourceOptions(max_bytes=max_bytes, **columns))))


def written(folder: Path, data: bytes, name: str = "a.jsonl") -> Path:
    path = folder / name
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


@settings(deadline=None)
@given(RECORDS, st.integers(1, 60), st.sampled_from(["a.jsonl", "a.jsonl.gz"]), st.booleans())
def test_records_are_the_lines(
    tmp_path_factory: pytest.TempPathFactory, records: list[dict[str, object]], piece: int, name: str, newline: bool
) -> None:
    data = "\n".join(json.dumps(record, ensure_ascii=False) for record in records) + "\n" * newline
    path = written(tmp_path_factory.getbasetemp(), data.encode(), name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compression, "PIECE", piece)
        found = rows(path)
    assert [(row.text, row.url, row.rule) for row in found] == [
        (item["text"], item.get("url"), None) for item in records
    ]
    starts = [0, *(end.start() + 1 for end in re.finditer(b"\n", data.encode()))]
    places = [f"@0+{start}" if start and name.endswith(".gz") else f"@{start}" for start in starts]
    assert [row.id for row in found] == [
        item.get("id", name + place) for item, place in zip(records, places, strict=False)
    ]
    for row, item in zip(found, records, strict=True):
        rest = {"tags": item["tags"]} if "tags" in item else None
        assert (None if row.metadata is None else json.loads(row.metadata)) == rest


def test_fields_may_have_other_names(tmp_path: Path) -> None:
    path = written(tmp_path, b'{"content": "words", "docid": 7, "link": "a:b", "when": 2024, "text": "other"}\n')
    (row,) = rows(path, text_column="content", id_column="docid", url_column="link", date_column="when")
    assert row == Row("7", "a:b", "2024", text="words", metadata='{"text":"other"}')


def test_fields_that_are_no_strings_stay_in_the_metadata(tmp_path: Path) -> None:
    path = written(tmp_path, b'{"text": "words", "id": {"a": 1}, "url": null, "date": 1.5}\n')
    (row,) = rows(path)
    assert row == Row("a.jsonl@0", None, "1.5", text="words", metadata='{"id":{"a":1},"url":null}')


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        (b'{"text": "words"}', None),
        (b'\xef\xbb\xbf{"text": "words"}', None),
        (b' {"text": "words"}\r', None),
        (b'{"text": "wor', "!bad_json"),
        (b"[1]", "!bad_json"),
        (b"null", "!bad_json"),
        (b'{"text": "\xff"}', "!bad_utf8"),
        (b'{"text": "\\ud800"}', "!bad_json"),
        (b'{"text": ""}', "no_text"),
        (b'{"text": " \\u3000"}', "no_text"),
        (b'{"text": 5}', "no_text"),
        (b'{"other": "words"}', "no_text"),
        (b'{"text": "words", "deep": ' + b"[" * 500 + b"]" * 500 + b"}", "!bad_json"),
        (b'{"text": "words", "deep": ' + b"[" * 5000 + b"]" * 5000 + b"}", "!bad_json"),
        (b'{"text": "' + b"x" * 20_000 + b'"}', "too_large"),
    ],
)
def test_what_becomes_of_a_line(tmp_path: Path, line: bytes, verdict: str | None) -> None:
    path = written(tmp_path, line + b'\n \n\n{"text": "the next"}')
    first, second = rows(path, 15_000)
    assert (f"!{first.rule}" if first.failed else first.rule) == verdict
    assert (first.text is None) == (verdict is not None)
    assert first.value == (len(line) if verdict == "too_large" else None)
    assert (second.id, second.text) == (f"a.jsonl@{len(line) + 4}", "the next")


def test_a_file_cut_in_a_line_gives_the_lines_before_it(tmp_path: Path) -> None:
    lines = [json.dumps({"text": f"words {number}"}).encode() for number in range(50)]
    data = b"\n".join(lines)
    found = rows(written(tmp_path, data[:-3]))
    assert [row.rule for row in found] == [None] * 49 + ["bad_json"]
    path = written(tmp_path, data, "a.jsonl.gz")
    path.write_bytes(path.read_bytes()[:-20])
    found = rows(path)
    assert [row.text for row in found[:40]] == [f"words {number}" for number in range(40)]
    assert found[-1].rule == "truncated"
    assert found[-1].failed
    assert all(row.rule is None for row in found[:-1])
    assert "bytes of a line are lost" in str(found[-1].detail)


def test_lines_after_a_broken_gzip_member_are_read(tmp_path: Path) -> None:
    members = [bytearray(gzip.compress(b'{"text": "words %d"}\n' % number * 50)) for number in range(3)]
    members[1][30] ^= 0xFF
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(b"".join(members))
    texts = [row.text for row in rows(path) if row.rule is None]
    assert texts[:50] == ["words 0"] * 50
    assert texts[-50:] == ["words 2"] * 50
    assert "bad_gzip" in {row.rule for row in rows(path)}


def test_an_empty_file_has_no_records(tmp_path: Path) -> None:
    assert rows(written(tmp_path, b"")) == []
    assert rows(written(tmp_path, b"\n\n \n")) == []


def test_memory_is_bounded_however_long_a_line(tmp_path: Path) -> None:
    line = b'{"text": "' + bytes(48 << 20) + b'"}\n'
    path = written(tmp_path, line + b'{"text": "the next"}\n', "a.jsonl.gz")
    length = len(line) - 1
    del line
    tracemalloc.start()
    found = rows(path, 1 << 20)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [(row.rule, row.value) for row in found] == [("too_large", length), (None, None)]
    assert peak < 8 << 20
