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
        (b'{"text": "\\ud800"}', None),
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
    assert [row.rule for row in found] == [None] * 49 + ["truncated"]
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


@pytest.mark.parametrize(
    ("line", "text", "metadata"),
    [
        (b'{"text": "a", "score": NaN}', "a", '{"score":null,"json_repairs":1}'),
        (b'{"text": "a", "deep": [{"x": -Infinity}, Infinity]}', "a", '{"deep":[{"x":null},null],"json_repairs":2}'),
        (b'{"text": "half \\ud83d of it"}', "half \N{REPLACEMENT CHARACTER} of it", '{"json_repairs":1}'),
        (b'{"text": "a", "tag": "\\udc00\\ud800"}', "a", '{"tag":"\ufffd\ufffd","json_repairs":2}'),
        (
            b'{"text": "a", "\\ud800": 1, "ok": "\\ud83d\\ude00"}',
            "a",
            '{"\ufffd":1,"ok":"\U0001f600","json_repairs":1}',
        ),
        (b'{"text": "no half: \\\\ud83d", "n": NaN}', "no half: \\ud83d", '{"n":null,"json_repairs":1}'),
        (b'{"text": "raw \xed\xa0\xbd half"}', "raw \N{REPLACEMENT CHARACTER} half", '{"json_repairs":1}'),
        (b'{"text": "raw \xed\xa0\xbd\xed\xb8\x80"}', "raw \U0001f600", None),
        (b'{"text": "first", "text": "last"}', "last", '{"json_repairs":1}'),
        (b'{"text": "a", "n": 123456789012345678901}', "a", '{"n":123456789012345678901}'),
        (b'{"text": "a", "n": {"m": [-99999999999999999999]}}', "a", '{"n":{"m":[-99999999999999999999]}}'),
        (b'{"text": "a", "n": 18446744073709551615}', "a", '{"n":18446744073709551615}'),
        (b'{"text": "a", "n": 1e400, "m": 0.1}', "a", '{"n":1e400,"m":0.1}'),
        (b'{"text": "a", "n": "7e+22"}', "a", '{"n":"7e+22"}'),
    ],
)
def test_no_record_is_lost_over_a_value_and_no_number_changes(
    tmp_path: Path, line: bytes, text: str, metadata: str | None
) -> None:
    (row,) = rows(written(tmp_path, line))
    assert (row.rule, row.text, row.metadata) == (None, text, metadata)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"12345678901234567890123", "12345678901234567890123"),
        (b"-9223372036854775809", "-9223372036854775809"),
        (b"1.0", "1.0"),
        (b"1E5", "1E5"),
        (b"0.10000000000000000001", "0.10000000000000000001"),
        (b"true", "a.jsonl@0"),
        (b"null", "a.jsonl@0"),
    ],
)
def test_ids_are_what_is_written(tmp_path: Path, value: bytes, expected: str) -> None:
    (row,) = rows(written(tmp_path, b'{"id": ' + value + b', "text": "words"}'))
    assert row.id == expected


@settings(deadline=None)
@given(st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), st.lists, max_leaves=5))
def test_whatever_python_writes_is_read(tmp_path_factory: pytest.TempPathFactory, value: object) -> None:
    path = written(tmp_path_factory.getbasetemp(), json.dumps({"text": "words", "value": value}).encode())
    (row,) = rows(path)
    assert row.text == "words"
    found = json.loads(str(row.metadata))["value"]
    assert found == json.loads(json.dumps(value), parse_constant=lambda _: None)


@pytest.mark.parametrize(
    ("line", "detail"),
    [
        (b'{"text": ["a", "b"]}', "no string: a list"),
        (b'{"text": 5}', "no string: a number"),
        (b'{"text": {"a": 1}}', "no string: an object"),
        (b'{"text": null}', "no string: null"),
        (b'{"TEXT": "a", "id": 1}', "no such field; there are TEXT, id"),
    ],
)
def test_what_the_text_is_instead(tmp_path: Path, line: bytes, detail: str) -> None:
    (row,) = rows(written(tmp_path, line))
    assert row.rule == "no_text"
    assert detail in str(row.detail)


def test_what_a_record_says_of_itself(tmp_path: Path) -> None:
    line = (
        b'{"text": "a", "title": " A  Title\\n", "author": ["One", "Two"], "language": "de_AT", "published": "2020-05"}'
    )
    (row,) = rows(written(tmp_path, line))
    assert row[8:12] == ("A Title", "One; Two", "2020-05", "de-AT")
    assert row.metadata is None
    (row,) = rows(written(tmp_path, b'{"text": "a", "title": 5, "author": [1], "language": "German"}'))
    assert row[8:12] == (None, None, None, None)
    assert row.metadata == '{"title":5,"author":[1],"language":"German"}'
    (row,) = rows(
        written(tmp_path, b'{"text": "a", "name": "T", "lang": "fr"}'), title_column="name", language_column="lang"
    )
    assert (row.title, row.declared_language) == ("T", "fr")


def test_the_shared_tables_of_odd_records(test_data: Path) -> None:
    path = test_data / "cases" / "tables" / "long_integers.jsonl"
    found = {row.text: row for row in rows(path)}
    assert found["big id a"].id == "12345678901234567890123"
    assert found["big id b"].id == "12345678901234567890124"
    assert "123456789012345678901234567890" in str(found["note 123456789012345678901234567890"].metadata)
    assert [row.rule for row in rows(path.with_name("nan_and_surrogate.jsonl"))] == [None, None]


def test_objects_on_one_line_are_records_of_their_own(tmp_path: Path) -> None:
    data = '{"text":"é }{ a"}{"text":"b"} {"text":"c","n":{"m":1}}\n{"text":"d"}{"text":\n{"text":"} { e"}\n'.encode()
    found = rows(written(tmp_path, data))
    assert [(row.text, row.rule) for row in found] == [
        ("é }{ a", None), ("b", None), ("c", None), (None, "bad_json"), ("} { e", None)
    ]  # fmt: skip
    places = [int(row.id.partition("@")[2]) for row in found]
    assert places[:3] == [0, data.index(b'{"text":"b"'), data.index(b'{"text":"c"')]
    assert places[4] == data.index(b'{"text":"} { e"')


@pytest.mark.parametrize(
    ("line", "text", "metadata"),
    [
        ('{"text": "a\tb\x01"}', "a\tb\x01", {"json_repairs": 2}),
        ('{"text": "nan, inf", "x": nan, "y": [-inf, +Infinity, NAN]}', "nan, inf",
         {"x": None, "y": [None, None, None], "json_repairs": 4}),
        ('{"text": "-Infinity \\" nan", "x": -Infinity}', '-Infinity " nan', {"x": None, "json_repairs": 1}),
        ('\x1e{"text": "sequence"}', "sequence", None),
    ],
)  # fmt: skip
def test_what_other_languages_print_costs_no_document(
    tmp_path: Path, line: str, text: str, metadata: dict[str, object] | None
) -> None:
    (found,) = rows(written(tmp_path, line.encode()))
    assert (found.rule, found.text) == (None, text)
    assert (None if found.metadata is None else json.loads(found.metadata)) == metadata
