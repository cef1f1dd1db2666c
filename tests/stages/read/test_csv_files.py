"""CSV and TSV files: quoting, ragged rows, damage."""

import csv
import gzip
import io
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prep.stages.read.read import Read
from prep.stages.read.rows import Input, Row
from prep.stages.read.sources import SourceOptions
from prep.stages.read.tables.csv_files import csv_rows

from .reading import documents, problems

FIELDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=20)


def rows(path: Path, **options: object) -> list[Row]:
    return list(csv_rows(Input(str(path), path.name, SourceOptions.model_validate(options))))


def verdicts(found: list[Row]) -> list[str | None]:
    return [f"!{row.rule}" if row.failed else row.rule for row in found]


def test_own_columns_survive(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.csv").write_text('id,text,stars\n7,"one, ""two""\nthree",5\n,plain,\n', "utf-8-sig")
    stage = Read(paths=str(tmp_path / "in"))
    assert problems(stage) == []
    found = documents(stage)
    assert [(row["id"], row["text"], row["stars"]) for row in found] == [
        ("7", 'one, "two"\nthree', "5"),
        ("in/a.csv@42", "plain", ""),
    ]


@pytest.mark.parametrize(("name", "delimiter"), [("a.tsv", ""), ("a.tab.gz", ""), ("a.csv", "\t"), ("a.csv", ";")])
def test_delimiters(tmp_path: Path, name: str, delimiter: str) -> None:
    mark = delimiter or "\t"
    data = f"text{mark}n\nwords, more{mark}1\n".encode()
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    (row,) = rows(tmp_path / name, delimiter=delimiter)
    assert (row.text, row.own) == ("words, more", {"n": "1"})


@settings(deadline=None)
@given(st.lists(st.tuples(FIELDS, FIELDS), max_size=10))
def test_what_the_standard_library_writes_comes_back(
    tmp_path_factory: pytest.TempPathFactory, table: list[tuple[str, str]]
) -> None:
    sink = io.StringIO(newline="")
    csv.writer(sink, lineterminator="\n").writerows([("other", "text"), *table])
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(sink.getvalue().encode())
    found = rows(path)
    assert len(found) == len(table)
    for row, (other, text) in zip(found, table, strict=True):
        if not text or text.isspace():
            assert row.rule == "no_text"
        else:
            assert (row.text, row.own) == (text, {"other": other})


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        (b"1,words", None),
        (b"1", "!ragged_row"),
        (b"1,words,more", "!ragged_row"),
        (b"1,", "no_text"),
        (b"1,\xff", "!bad_utf8"),
        (b"1," + b"x" * 5000, "too_large"),
        (b'1,"' + b"y\n" * 2000 + b'"', "too_large"),
    ],
)
def test_what_becomes_of_a_row(tmp_path: Path, line: bytes, verdict: str | None) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"n,text\n" + line + b"\n\n2,the next\n")
    found = rows(path, max_bytes=3000)
    assert verdicts(found) == [verdict, None]
    assert found[0].id == "a.csv@7"
    assert found[1].text == "the next"


def test_a_table_without_the_text_column(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("n,body\n1,words\n")
    assert "no column 'text'" in problems(Read(paths=str(tmp_path)))[0]
    assert verdicts(rows(tmp_path / "a.csv")) == ["!no_text_column"]
    (tmp_path / "a.csv").write_text("n;text\n1;words\n")
    assert problems(Read(paths=str(tmp_path)))[0].endswith("seen n;text; if ';' parts them, set delimiter: ';'")
    (tmp_path / "a.csv").write_text(f'"{"no header here " * 40}",1\n')
    (found,) = problems(Read(paths=str(tmp_path)))
    assert found.endswith("its first line is taken for the columns' names: write them there")
    assert len(found) < 400 + len(str(tmp_path))
    (tmp_path / "b.csv").write_text("n,text\n1,words\n")
    stage = Read(paths=str(tmp_path))
    assert problems(stage) == []
    assert [row["rule"] for row in documents(stage)] == ["!no_text_column", None]


def test_a_file_cut_off_gives_the_rows_before(tmp_path: Path) -> None:
    data = b"n,text\n" + b"".join(b'%d,"words %d"\n' % (number, number) for number in range(2000))
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(data)[:-200])
    found = rows(tmp_path / "a.csv.gz")
    assert len(found) > 1000
    assert verdicts(found) == [None] * (len(found) - 1) + ["!truncated"]


def test_a_quote_that_is_never_closed_costs_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b'n,text\n1,"' + b"word\n" * 30_000))
    tracemalloc.start()
    found = rows(path, max_bytes=10_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found[0].rule == "bad_csv"
    assert peak < 8 << 20


@pytest.mark.parametrize(
    ("table", "detail"),
    [
        ('id,text\n1,"never closed\n2,b\n', "the file ends in a quoted field, after 18 bytes of the row"),
        ("text,text\na,b\n", "its header names text more than once"),
        ("id;text\n1;a\n", "its columns are id;text; if ';' parts them, set delimiter: ';'"),
    ],
)
def test_tables_that_are_not_what_they_seem_are_said(tmp_path: Path, table: str, detail: str) -> None:
    (tmp_path / "a.csv").write_text(table)
    (found,) = rows(tmp_path / "a.csv")
    assert (found.failed, found.detail) == (True, detail)


def test_a_quote_inside_a_field_ends_no_file(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('id,text\n1,a 5" disk\n2,last 3" disk')
    assert [row.text for row in rows(tmp_path / "a.csv")] == ['a 5" disk', 'last 3" disk']
