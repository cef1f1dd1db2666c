"""EPUB books: order, text, what is broken about them."""

import gzip
import io
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from books import epub
from hypothesis import given, settings
from hypothesis import strategies as st

from prep.stages.read.books.epub import epub_rows
from prep.stages.read.books.xhtml import EntityError, xhtml_text
from prep.stages.read.rows import Input, Row
from prep.stages.read.sources import SourceOptions

CHAPTERS = ["<h1>One</h1><p>First &amp; second&nbsp;words.</p>", "<h1>Two</h1><p>Third.</p>"]


def row(path: Path, max_bytes: int = 1 << 20) -> Row:
    (found,) = epub_rows(Input(str(path), path.name, SourceOptions(max_bytes=max_bytes)))
    return found


def written(folder: Path, data: bytes, name: str = "a.epub") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("name", ["a.epub", "a.epub.gz"])
def test_a_book_is_one_document(tmp_path: Path, name: str) -> None:
    data = epub(CHAPTERS)
    found = row(written(tmp_path, gzip.compress(data) if name.endswith(".gz") else data, name))
    assert found == Row(
        f"{name}@0",
        date="1999",
        text="One\n\nFirst & second words.\n\nTwo\n\nThird.",
        metadata='{"title":"A Book","creator":"Somebody","language":"en"}',
    )


def test_the_spine_decides_what_is_read(tmp_path: Path) -> None:
    opf = (
        '<package><manifest><item id="a" href="a.xhtml"/><item id="b" href="sub/b.xhtml"/><item id="c" href="c.xhtml"/>'
        '</manifest><spine><itemref idref="b"/><itemref idref="c" linear="no"/><itemref idref="a"/></spine></package>'
    )
    files = {"OEBPS/book.opf": opf, **{f"OEBPS/{name}.xhtml": f"<p>{name}</p>" for name in ("a", "sub/b", "c")}}
    assert row(written(tmp_path, epub([], files=files))).text == "sub/b\n\na"


LAUGHS = '<!DOCTYPE html [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><html><body><p>&b;</p></body></html>'
LOCKED = '<encryption><CipherReference URI="OEBPS/chapter%200.xhtml"/></encryption>'


@pytest.mark.parametrize(
    ("data", "verdict"),
    [
        (epub(["<p>words</p>"]), None),
        (epub(["<p>not <b>well-formed</p>"]), None),
        (epub(["<p>words</p>"], files={"META-INF/encryption.xml": LOCKED.replace("chapter%200", "font")}), None),
        (epub(["<p>words</p>"], files={"META-INF/encryption.xml": LOCKED}), "!encrypted"),
        (epub(["<p> </p>"]), "no_text"),
        (epub(["<img src='a.png'/>"]), "no_text"),
        (epub(["<p>" + "x" * 5000 + "</p>"]), "too_large"),
        (epub(["x"], files={"OEBPS/chapter 0.xhtml": "<p>" + " " * 50_000 + "</p>"}), "too_large"),
        (epub(["x"], files={"OEBPS/chapter 0.xhtml": LAUGHS}), "!entity_declaration"),
        (epub(["x"], files={"OEBPS/book.opf": LAUGHS}), "!entity_declaration"),
        (epub([]), "!bad_epub"),
        (epub(["x"], files={"OEBPS/book.opf": "<package"}), "!bad_epub"),
        (epub(["x"], files={"META-INF/container.xml": "<container/>"}), "!bad_epub"),
        (epub(["x"], files={"OEBPS/book.opf": "<package><spine><itemref idref='q'/></spine></package>"}), "!bad_epub"),
        (epub(["<p>words</p>"])[:-30], "!bad_epub"),
        (epub(["<p>words</p>" * 99]).replace(b"PK\x01\x02", b"PK\x07\x02"), "!bad_epub"),
        (b"", "!bad_epub"),
        (b"no book at all", "!bad_epub"),
    ],
)
def test_what_becomes_of_a_book(tmp_path: Path, data: bytes, verdict: str | None) -> None:
    found = row(written(tmp_path, data), 4000)
    assert (f"!{found.rule}" if found.failed else found.rule) == verdict


def test_a_chapter_that_takes_a_password(tmp_path: Path) -> None:
    data = bytearray(epub(["<p>words</p>"]))
    for head, flags in ((30, 6), (46, 8)):  # of the file itself, and of its entry in the directory
        name = (data.find if head == 30 else data.rfind)(b"OEBPS/chapter 0.xhtml")
        data[name - head + flags] |= 1
    assert row(written(tmp_path, bytes(data))).rule == "encrypted"


def test_a_bomb_costs_no_memory(tmp_path: Path) -> None:
    sink = io.BytesIO()
    sink.write(epub(["x"], files={"OEBPS/chapter 0.xhtml": "<p>" + "x" * (64 << 20) + "</p>"}))
    path = written(tmp_path, sink.getvalue())
    del sink
    tracemalloc.start()
    assert row(path, 1 << 20).rule == "too_large"
    assert tracemalloc.get_traced_memory()[1] < 24 << 20
    tracemalloc.stop()


@settings(deadline=None, max_examples=150)
@given(st.integers(0, 10_000), st.binary(min_size=1, max_size=20))
def test_no_book_is_too_broken(tmp_path_factory: pytest.TempPathFactory, place: int, damage: bytes) -> None:
    data = bytearray(epub(CHAPTERS))
    place %= len(data)
    data[place : place + len(damage)] = damage
    found = row(written(tmp_path_factory.getbasetemp(), bytes(data), "broken.epub"))
    assert (found.text is None) == (found.rule is not None)


def test_zip_files_of_other_things(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.epub", "w") as archive:
        archive.writestr("readme.txt", "words")
    assert row(tmp_path / "a.epub").rule == "bad_epub"


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ("<html><head><title>no</title></head><body>a<script>no</script>b</body></html>", "ab"),
        ("<div><p>a\n  b</p><p>c</p></div>", "a b\nc"),
        ("<p>a<br/>b</p>", "a\nb"),
        ("<ul><li>a</li><li><p>b</p></li></ul>", "- a\nb"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a | b\nc"),
        ("<pre>x\n  y</pre>", "x\n  y"),
        ("<x:p xmlns:x='http://www.w3.org/1999/xhtml'>a</x:p>", "a"),
        ("<p>a &eacute; &amp; &unknown; b</p>", "a é & b"),
        ("<p>open <i>tags", "open tags"),
        ("<div>" * 5000 + "deep" + "</div>" * 5000, "deep"),
        ("<p " + " ".join(f"a{n}=''" for n in range(20_000)) + ">words</p>", "words"),
        ("", ""),
    ],
)
def test_xhtml(markup: str, expected: str) -> None:
    assert xhtml_text(markup.encode()) == expected


def test_entities_of_its_own() -> None:
    with pytest.raises(EntityError):
        xhtml_text(LAUGHS.encode())
