"""EPUB books: order, text, what is broken about them."""

import gzip
import io
import json
import tracemalloc
import zipfile
from pathlib import Path

import pyarrow as pa
import pytest
from books import epub
from hypothesis import given, settings
from hypothesis import strategies as st

from prep.stages.extract.extract import Extract
from prep.stages.read.books.epub import epub_rows
from prep.stages.read.books.xhtml import EntityError, xhtml_text
from prep.stages.read.rows import Input, Row
from prep.stages.read.sources import SourceOptions

MATHML = "http://www.w3.org/1998/Math/MathML"
MATH = (
    f"<math xmlns='{MATHML}'><semantics><msup><mi>x</mi><mn>2</mn></msup>"
    "<annotation encoding='application/x-tex'>x^2</annotation></semantics></math>"
)
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
        title="A Book",
        author="Somebody",
        published="1999",
        declared_language="en",
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
        (epub(["<p>words</p>"])[:-30], "!truncated"),
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
    path = written(tmp_path_factory.getbasetemp(), bytes(data), "broken.epub")
    first, *others = epub_rows(Input(str(path), path.name, SourceOptions()))
    assert (first.text is None) == (first.rule is not None)
    assert all(other.failed and other.id.startswith(f"{first.id}!") for other in others)


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
        ("<ul><li>a</li><li><p>b</p></li></ul>", "- a\n- b"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a | b\nc"),
        ("<pre>x\n  y</pre>", "x\n  y"),
        ("<x:p xmlns:x='http://www.w3.org/1999/xhtml'>a</x:p>", "a"),
        ("<p>a &eacute; &amp; &unknown; b</p>", "a é & &unknown; b"),
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


def rows(folder: Path, data: bytes) -> list[Row]:
    path = written(folder, data)
    return list(epub_rows(Input(str(path), path.name, SourceOptions())))


def damaged_sum(data: bytes, name: bytes) -> bytes:
    """Change a file's checksum in the archive's directory."""
    place = data.rfind(name) - 46 + 16
    return data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :]


def spine(items: str, references: str, about: str = "") -> str:
    return f"<package><metadata>{about}</metadata><manifest>{items}</manifest><spine>{references}</spine></package>"


def test_a_file_that_the_spine_names_with_many_fragments_is_read_once(tmp_path: Path) -> None:
    items = "".join(
        f'<item id="a{n}" href="a.xhtml{mark}"/>' for n, mark in enumerate(("", "#one", "#two", "?x#y"[2:]))
    )
    opf = spine(items, "".join(f'<itemref idref="a{n}"/>' for n in range(4)))
    data = epub([], files={"OEBPS/book.opf": opf, "OEBPS/a.xhtml": "<h1>One</h1><p>text</p>"})
    assert row(written(tmp_path, data)).text == "One\n\ntext"


@pytest.mark.parametrize(
    ("files", "lost"),
    [
        ({}, "gone"),
        ({"OEBPS/b.xhtml": LAUGHS}, "OEBPS/b.xhtml"),
        ({"OEBPS/b.xhtml": "<p>sum wrong</p>"}, "OEBPS/b.xhtml"),
        (None, "OEBPS/b.xhtml"),
    ],
)
def test_a_chapter_that_cannot_be_read_is_lost_alone(tmp_path: Path, files: dict[str, str] | None, lost: str) -> None:
    items = '<item id="a" href="a.xhtml"/>' + ('<item id="gone" href="b.xhtml"/>' if lost != "gone" else "")
    opf = spine(items, '<itemref idref="gone"/><itemref idref="a"/>')
    data = epub([], files={"OEBPS/book.opf": opf, "OEBPS/a.xhtml": "<p>kept</p>", **(files or {})})
    if files and "sum" in files.get("OEBPS/b.xhtml", ""):
        data = damaged_sum(data, b"OEBPS/b.xhtml")
    book, chapter = rows(tmp_path, data)
    assert (book.text, book.rule, json.loads(str(book.metadata))) == ("kept", None, {"lost_chapters": [lost]})
    assert (chapter.id, chapter.failed) == (f"a.epub@0!{lost}", True)


def test_names_in_the_manifest_may_be_escaped_or_not(tmp_path: Path) -> None:
    items = '<item id="a" href="ch%201.xhtml"/><item id="b" href="c%252.xhtml"/><item id="c" href="d%3.xhtml"/>'
    items += '<item id="d" href="./X/../E.XHTML"/>'
    opf = spine(items, "".join(f'<itemref idref="{name}"/>' for name in "abcd"))
    names = {"OEBPS/ch 1.xhtml": "one", "OEBPS/c%2.xhtml": "two", "OEBPS/d%3.xhtml": "three", "OEBPS/e.xhtml": "four"}
    data = epub([], files={"OEBPS/book.opf": opf, **{name: f"<p>{text}</p>" for name, text in names.items()}})
    assert row(written(tmp_path, data)).text == "one\n\ntwo\n\nthree\n\nfour"


def test_what_a_book_says_of_itself(tmp_path: Path) -> None:
    about = (
        '<dc:title xmlns:dc="d">A  Long Title</dc:title><creator>One, A.</creator><creator>Two</creator>'
        '<language>und</language><language>pt_BR</language><date event="modification">2020-01-01</date>'
        '<date event="publication">1871-05</date><subject>whales</subject><subject>sea</subject>'
    )
    opf = spine('<item id="a" href="a.xhtml"/>', '<itemref idref="a"/>', about)
    found = row(written(tmp_path, epub([], files={"OEBPS/book.opf": opf, "OEBPS/a.xhtml": "<p>words</p>"})))
    assert (found.title, found.author, found.date) == ("A Long Title", "One, A.; Two", "1871-05")
    assert (found.published, found.declared_language) == ("1871-05", "pt-BR")
    assert json.loads(str(found.metadata)) == {"subject": ["whales", "sea"]}


def test_what_stands_apart_is_named(tmp_path: Path) -> None:
    items = (
        '<item id="a" href="a.xhtml"/><item id="n" href="n.xhtml"/><item id="p" href="p.svg" media-type="image/svg"/>'
    )
    opf = spine(items, '<itemref idref="p"/><itemref idref="a"/><itemref idref="n" linear="no"/>')
    files = {"OEBPS/book.opf": opf, "OEBPS/a.xhtml": "<p>words</p>", "OEBPS/n.xhtml": "<p>notes</p>"}
    (found,) = rows(tmp_path, epub([], files=files))
    assert (found.text, json.loads(str(found.metadata))) == ("words", {"not_linear": ["OEBPS/n.xhtml"]})


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("<?xml version='1.0' encoding='windows-1252'?><p>\x93It\x92s\x94 \xe9</p>".encode("latin-1"), "“It’s” é"),
        ("<?xml version='1.0' encoding='ISO-8859-1'?><p>\x96 \xe9</p>".encode("latin-1"), "– é"),
        ("<?xml version='1.0' encoding='cp932'?><p>髙橋①</p>".encode("cp932"), "髙橋①"),
        ("<?xml version='1.0' encoding='GB2312'?><p>朱镕基</p>".encode("gb18030"), "朱镕基"),
        ("<?xml version='1.0' encoding='euc-kr'?><p>똠방</p>".encode("cp949"), "똠방"),
        ("<html><head><meta charset='koi8-r'/></head><body>слово</body></html>".encode("koi8-r"), "слово"),
        ("<?xml version='1.0' encoding='utf-16'?><p>é…</p>".encode("utf-16"), "é…"),
        ("<?xml version='1.0' encoding='utf-16'?><p>é…</p>".encode("utf-16-be"), "é…"),
        ("<?xml version='1.0' encoding='utf-16'?><p>é…</p>".encode(), "é…"),
        ("<?xml version='1.0' encoding='nonsense'?><p>é…</p>".encode(), "é…"),
        ("<?xml version='1.0' encoding='us-ascii'?><p>é…</p>".encode(), "é…"),
        ("\ufeff<?xml version='1.0' encoding='koi8-r'?><p>é…</p>".encode(), "é…"),
    ],
)
def test_character_sets(data: bytes, expected: str) -> None:
    assert xhtml_text(data) == expected


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ("<p>その<ruby>言葉<rt>ことば</rt></ruby>が</p>", "その言葉(ことば)が"),
        ("<p><ruby>漢<rp>(</rp><rt>かん</rt><rp>)</rp>字<rt>じ</rt></ruby></p>", "漢(かん)字(じ)"),
        ("<pre>\ndef f():\n    if x:\n\n        return 1\n</pre>", "def f():\n    if x:\n\n        return 1"),
        ("<pre>a<br/>  b</pre>", "a\n  b"),
        ("<p>Wasser&#173;stand &shy;x</p>", "Wasserstand x"),
        (
            "<p>10<sup>5</sup> m<sup>2</sup> H<sub>2</sub>O 1<sup>st</sup> word<sup>3</sup></p>",
            "10^5 m^2 H2O 1st word[3]",
        ),
        ("<table><tr><td>a</td><td/><td><p>b</p><p>c</p></td></tr></table>", "a | | b c"),
        ("<table><tr><td><p>one</p><p>two</p></td></tr></table>", "one\ntwo"),
        ("<table><tr><td>" + "long " * 99 + "</td><td>b</td></tr></table>", ("long " * 99).strip() + "\nb"),
        ("<table><tr><td>a<table><tr><td>x</td><td>y</td></tr></table></td><td>b</td></tr></table>", "a x | y | b"),
        ("<table><tr><td>a<td>b<tr><td>c<td>d</table>e", "a | b\nc | d\n\ne"),
        ("<nav><ol><li>One</li></ol></nav><p>text</p>", "text"),
        ("<p>a<span hidden='hidden'>no<b>no</b></span>b <i style='display: none'>no</i></p>", "ab"),
        ("<p>a<b style='visibility: hidden'>no</b><b aria-hidden='true'>no</b><b class='x sr-only'>no</b>b</p>", "ab"),
        (
            "<p>x<sub>i+1</sub>, town.<sup>12</sup> e<sup>x+1</sup> see<sup><a href='#n'>a</a></sup></p>",
            "x_(i+1), town.[12] e^(x+1) see[a]",
        ),
        ("<ol><li>a<ul><li>b</li></ul></li><li><p>c</p><p>d</p></li><li/></ol>", "1. a\n\n- b\n\n2. c\nd"),
        ("<ol start='3'><li>a</li></ol><p>b</p>", "3. a\n\nb"),
        ("<p>one<a class='pagenum' id='p9'>9</a> two</p><div e:type='pagebreak' xmlns:e='o'>10</div>", "one two"),
        (
            f"<p>Let {MATH} be.</p><p>And <m:math xmlns:m='{MATHML}'><m:msqrt><m:mi>y</m:mi></m:msqrt></m:math>.</p>",
            "Let $x^2$ be.\nAnd √y.",
        ),
        (
            "<p><q>Yes, <q>he</q> said</q>, “<q>b</q>” <q>'c'</q></p><pre><q>d</q></pre>",
            "“Yes, ‘he’ said”, “b” 'c'\n\nd",
        ),
        ("<q>One <p>two</p></q><p>three <q>four</q></p>", "“One\ntwo”\nthree “four”"),
        ("<div><q><p>One</p><ul><li>two</li></ul></q></div><p>three</p>", "“One\n\n- two”\n\nthree"),
        ("<p>Acme<sup>TM</sup> i<sup>SM</sup> Foo<sup>(R)</sup> x<sub>®</sub></p>", "AcmeTM iSM Foo(R) x®"),
        ("<p>a<i class='u-sr-only'>no</i><i style='clip: rect(0, 0, 0, 0)'>no</i>b</p>", "ab"),
        ("<p xmlns:epub='e'>one <span epub:type='pagebreak'>12</span>two</p>", "one two"),
    ],
)
def test_inline_text_code_and_tables(markup: str, expected: str) -> None:
    assert xhtml_text(f"<html><body>{markup}</body></html>".encode()) == expected


@pytest.mark.parametrize(
    "markup",
    [
        "m<sup>2</sup> H<sub>2</sub>O 1<sup>st</sup> 2<sup>e</sup> x<sub>i</sub> x<sub>12</sub> 7<sub>2</sub>",
        "10<sup>-5</sup> 10<sup>−5</sup> e<sup>x+1</sup> a<sub>n-1</sub> f<sup>(n)</sup> Na<sup>+</sup>",
        "words<sup>3</sup> end.<sup>4</sup> see<sup><a href='#n'>5</a></sup> M<sup>lle</sup> x<sup>ab</sup>",
        "a)<sup>2</sup> n<sup>o</sup>",
        "5<sup>1</sup>x (a)<sub>k</sub> , <sub>x</sub> 漢字。<sup>7</sup> <sup>8</sup>y",
    ],
)
def test_raised_and_lowered_text_is_marked_as_in_pages(markup: str) -> None:
    prose = "Some long words of prose stand here, so that they are the text of the page. " * 12
    page = f"<html><body><article><p>{prose}</p><p>{markup}</p><p>{prose}</p></article></body></html>".encode()
    batch = pa.record_batch({"id": ["a"], "html": pa.array([page], pa.large_binary())})
    text = Extract().open()(batch).batch.column("text")[0].as_py()
    assert xhtml_text(f"<html><body><p>{markup}</p></body></html>".encode()) in text.split("\n")


def test_tables_of_contents_are_no_chapters(tmp_path: Path) -> None:
    links = "".join(f"<p><a href='c{number}.xhtml'>Chapter {number}</a></p>" for number in range(4))
    found = row(written(tmp_path, epub(["<h1>Contents</h1>" + links, *CHAPTERS])))
    assert str(found.text).startswith("One\n\nFirst")
    assert len(json.loads(found.metadata or "{}")["tables_of_contents"]) == 1
    only = row(written(tmp_path, epub([links]), "b.epub"))
    assert str(only.text).startswith("Chapter 0")


def test_of_chapters_under_one_name_none_is_lost(tmp_path: Path) -> None:
    items = '<item id="c" href="a.xhtml"/><item id="c" href="b.xhtml?x=1"/>'
    files = {
        "OEBPS/book.opf": spine(items, '<itemref idref="c"/>'),
        "OEBPS/a.xhtml": "<p>a</p>",
        "OEBPS/b.xhtml": "<p>b</p>",
    }
    assert row(written(tmp_path, epub([], files=files))).text == "a\n\nb"


def test_translators_are_no_authors(tmp_path: Path) -> None:
    about = (
        '<creator role="aut">Ann</creator><creator role="trl">Tom</creator>'
        '<creator id="c">Ida</creator><meta refines="#c" property="role">ill</meta>'
    )
    files = {
        "OEBPS/book.opf": spine('<item id="c" href="a.xhtml"/>', '<itemref idref="c"/>', about),
        "OEBPS/a.xhtml": "<p>a</p>",
    }
    assert row(written(tmp_path, epub([], files=files))).author == "Ann"


def test_bytes_that_are_no_text_are_no_chapter(tmp_path: Path) -> None:
    files = {
        "OEBPS/book.opf": spine('<item id="c" href="a.xhtml"/>', '<itemref idref="c"/>'),
        "OEBPS/a.xhtml": "\0\x01pix" * 9,
    }
    assert row(written(tmp_path, epub([], files=files))).rule == "bad_epub"


def test_the_shared_books(test_data: Path) -> None:
    folder = test_data / "cases" / "books"

    def book(name: str) -> list[Row]:
        return list(epub_rows(Input(str(folder / f"{name}.epub"), name)))

    whole = "One\n\nFirst café.\n\nTwo\n\nSecond\nline. x—y\n\nThree\n\nThird café."
    for name in ("order", "rootopf", "navinspine", "fontobf", "enc_latin1_utf16"):
        assert [found.text for found in book(name)] == [whole], name
    assert [found.rule for found in book("crc")] == [None, "bad_chapter"]
    assert [found.rule for found in book("missing")] == [None, "bad_chapter"]
    assert [found.rule for found in book("drm")] == ["encrypted"]
    assert book("enc_sjis")[0].text == "髙橋の①番は㈱水門社"
    assert book("pctname")[0].text == "Space name.\n\npercent"
    manual = str(book("live-manual.en")[0].text)
    assert manual.count("enables us to run different instances of the GNU/Linux environment") == 1
    assert len(manual) < 200_000
