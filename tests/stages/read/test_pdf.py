"""PDF files: paragraphs put together again, and files without a text to take."""

import bz2
from pathlib import Path

import pytest
from books import pdf
from hypothesis import given, settings
from hypothesis import strategies as st

from prep.stages.read.books.pdf import pdf_rows, reflowed
from prep.stages.read.rows import Input, Row
from prep.stages.read.sources import SourceOptions

PAGE = ["A Title", "The first paragraph runs over the whole of", "the width (or nearly) and ends here.", "The second."]


def row(path: Path, max_bytes: int = 1 << 20) -> Row:
    (found,) = pdf_rows(Input(str(path), path.name, SourceOptions(max_bytes=max_bytes)))
    return found


def written(folder: Path, data: bytes, name: str = "a.pdf") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("name", ["a.pdf", "a.pdf.bz2"])
def test_a_file_is_one_document(tmp_path: Path, name: str) -> None:
    data = pdf([PAGE, ["It goes on."]])
    found = row(written(tmp_path, bz2.compress(data) if name.endswith(".bz2") else data, name))
    assert found.id == f"{name}@0"
    assert found.metadata == '{"title":"A Paper","author":"Somebody"}'
    assert found.text == (
        "A Title\nThe first paragraph runs over the whole of the width (or nearly) and ends here.\nThe second.\n"
        "It goes on."
    )


@pytest.mark.parametrize(
    ("data", "verdict"),
    [
        (pdf([PAGE]), None),
        (pdf([["words"], []]), None),
        (pdf([[], []]), "no_text_layer"),
        (pdf([["   "]]), "no_text_layer"),
        (pdf([["x" * 90] * 50]), "too_large"),
        (pdf([PAGE], encrypted=True), "!encrypted"),
        (pdf([PAGE])[:200], "!bad_pdf"),
        (b"%PDF-1.7", "!bad_pdf"),
        (b"", "!bad_pdf"),
    ],
)
def test_what_becomes_of_a_file(tmp_path: Path, data: bytes, verdict: str | None) -> None:
    found = row(written(tmp_path, data), 4000)
    assert (f"!{found.rule}" if found.failed else found.rule) == verdict
    assert (found.text is None) == (verdict is not None)


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 10_000), st.binary(min_size=1, max_size=20))
def test_no_file_is_too_broken(tmp_path_factory: pytest.TempPathFactory, place: int, damage: bytes) -> None:
    data = bytearray(pdf([PAGE, PAGE]))
    place %= len(data)
    data[place : place + len(damage)] = damage
    found = row(written(tmp_path_factory.getbasetemp(), bytes(data), "broken.pdf"))
    assert (found.text is None) == (found.rule is not None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("one line", "one line"),
        ("a long line that goes\r\non to the end.\r\nShort.", "a long line that goes on to the end.\nShort."),
        ("a long line that goes\r\non and so on, to there", "a long line that goes on and so on, to there"),
        ("a word is hyphen\ufffe\r\nated and goes\r\non to here", "a word is hyphenated and goes on to here"),
        ("日本語の長い行はここで\r\n折り返される。", "日本語の長い行はここで折り返される。"),
        ("\x00 \x03", ""),
    ],
)
def test_lines_become_paragraphs(text: str, expected: str) -> None:
    assert reflowed(text) == expected


@given(st.text("ab .\r\n\ufffe日", max_size=200))
def test_no_letter_is_lost(text: str) -> None:
    kept = [letter for letter in text if letter not in " \r\n\ufffe"]
    assert [letter for letter in reflowed(text) if letter not in " \n"] == kept
