"""Our engine on pages of several kinds: what it keeps, and how it writes it down."""

import numpy as np
import pyarrow as pa
import pytest

from prep.corpus.arrow.documents import HTML, TEXT, URL
from prep.stages.extract.engine import main_text, read_page, whole_text
from prep.stages.extract.extract import Extract
from prep.stages.extract.model.model import load_model

SENTENCE = "Bees fly from flower to flower, and bring home to their hive whatever sweet things they find there. "
FRAME = """<html><head><title>T</title></head><body>
<header class="site-header"><nav class="main-nav"><ul><li><a href=/>Home</a><li><a href=/shop>Shop</a>
<li><a href=/about>About us</a></ul></nav></header>{}
<aside class="sidebar related"><h3>Related</h3><ul><li><a href=/1>Wasps</a><li><a href=/2>Ants</a></ul></aside>
<footer class="site-footer"><p>© Bees Inc. All rights reserved. <a href=/p>Privacy policy</a></p></footer></body>"""
PAGES = {
    "article": f"<article><h1>Bees</h1><p>{SENTENCE * 3}</p><h2>Winter</h2><p>{SENTENCE * 4}</p></article>",
    "forum": "<main class=thread><h1>Where do bees go?</h1>"
    + "".join(
        f"<div class=post><div class=author>user{n}</div><div class='post-body'><p>{SENTENCE * 2}{n}</p></div></div>"
        for n in range(6)
    )
    + "</main>",
    "code": f"<article><h1>Counting</h1><p>{SENTENCE * 3}</p><pre><code><span>for</span> bee in hive:\n"
    f"    count += 1\n</code></pre><p>{SENTENCE * 3}</p></article>",
    "table": f"<article><h1>Hives</h1><p>{SENTENCE * 3}</p><table><tr><th>Hive<th>Bees<tr><td>A<td>12<tr><td>B<td>30"
    f"</table><p>{SENTENCE * 3}</p></article>",
    "list": f"<article><h1>Hives</h1><p>{SENTENCE * 3}</p><ul><li>One kind of bee<li>Another kind"
    f"<ol><li>With a kind inside</ol></ul><p>{SENTENCE * 3}</p></article>",
}


def text_of(name: str) -> str:
    return main_text(read_page(FRAME.format(PAGES[name]).encode()), load_model())


@pytest.mark.parametrize("name", PAGES)
def test_keeps_the_text_and_leaves_the_frame(name: str) -> None:
    text = text_of(name)
    assert SENTENCE.strip() in text
    for frame in ("Home", "Shop", "All rights reserved", "Privacy policy", "Wasps"):
        assert frame not in text


def test_all_posts_of_a_thread_are_kept() -> None:
    text = text_of("forum")
    assert all(f"{SENTENCE * 2}{number}" in text for number in range(6))


def test_headings_and_paragraphs_stand_apart() -> None:
    assert f"{SENTENCE.strip()}\n\nWinter\n\n{SENTENCE[:20]}" in text_of("article")


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<p>a<p>b", "a\n\nb"),
        ("<h1>a</h1>b<br>c", "a\n\nb\nc"),
        ("<ul><li>a<li>b<ul><li>c</ul><li>d</ul>e", "- a\n- b\n  - c\n- d\n\ne"),
        ("<ol><li><p>a</p><p>b</p><li>c<li>d</ol>", "1. a\n\nb\n\n2. c\n3. d"),
        ("<ul><li><p>a</p><li><p>b</p></ul>", "- a\n- b"),
        ("<ul>a<li>b</li>c<p>d</p>e<li>f</ul>g", "a\n- b\nc\n\nd\n\ne\n\n- f\n\ng"),
        ("<ul><li>a<pre>b</pre>c<li>d</ul>", "- a\n\nb\n\nc\n\n- d"),
        ("<ul><li>a<blockquote><div>b</div></blockquote><li>c</ul>", "- a\n\nb\n\n- c"),
        ("<ul><li>a<table><tr><td>b<td>c</table>d<li>e</ul>", "- a\n\nb | c\n\nd\n\n- e"),
        ("<ul><li><p>a:</p><ul><li>b<li>c</ul><li>d</ul>", "- a:\n  - b\n  - c\n- d"),
        ("<ul><li>a<ul><li><p>b<p>c</ul><li>d</ul>", "- a\n  - b\n\nc\n\n- d"),
        ("<ul><li><h3>a</h3>b<li><h3>c</h3>d</ul>", "a\n\nb\n\nc\n\nd"),
        ("<dl><dt>a<dd>b<dt>c<dd>d</dl>", "a\nb\nc\nd"),
        ("<dl><dt>a<dt>b<dd><p>c</p><dt>d<dd>e<dt>f<dd>g</dl>", "a\nb\n\nc\n\nd\ne\nf\ng"),
        ("<dl><dt>a<dd>b<dl><dt>c<dd><p>d<p>e</dl><dt>f<dd>g</dl>", "a\nb\nc\n\nd\n\ne\n\nf\ng"),
        ("<table><tr><th>a<th>b<tr><td>c<td>d</table>e", "a | b\nc | d\n\ne"),
        (f"<table><tr><td><p>{'a ' * 150}<td><p>{'b ' * 150}</table>", f"{'a ' * 149}a\n\n{'b ' * 149}b"),
        ("<ol start=4><li>a<li value=9>b<li>c</ol><ol reversed><li>d<li>e</ol>", "4. a\n9. b\n10. c\n\n2. d\n1. e"),
        ("<table><tr><td>a<td>b<td>c<tr><td><td>d<td>e<tr><td>f<td><td>g</table>", "a | b | c\n| d | e\nf | | g"),
        (
            "<table><tr><th style='display:none'>key<th>the name<th>b<tr><td hidden>01<td>c<td>d</table>",
            "the name | b\nc | d",
        ),
        ("<table><tr><th>a<th>b<th>c<tr><td>d<td aria-hidden=true>e<td>f</table>", "a | b | c\nd | | f"),
        ("<table><tr><th>a<th>b<th>c<tr><td>d<td style='visibility:hidden'>e<td>f</table>", "a | b | c\nd | | f"),
        (
            "<table><tr><th>a<th>b<th>c<tr><td>d<td style='float:none;visibility:hidden'>e<td>f</table>",
            "a | b | c\nd | | f",
        ),
        ("<table><tr><th class=sr-only>a<th>the b<tr><td>c<td>d</table>", "| the b\nc | d"),
        (
            "<p>seen</p><div class=accordion><table hidden><tr><td><td>b<tr><td>c<td>d</table></div>",
            "seen\n\n| b\nc | d",
        ),
        ("<table><tr><th colspan=2>a<th>b<tr><td>c<td>d<td>e</table>", "a | | b\nc | d | e"),
        ("<table><tr><td>a<td>b<tr><td rowspan=2>c<td>d<tr><td>e</table>", "a | b\nc | d\n| e"),
        ("<table><tr><td>a<td><ul><li>b<li>c</ul><tr><td>d<td>e<br>f<p>g</table>", "a | b; c\nd | e f g"),
        ("<table><tr><td>a<td>b<tr><td>c<td>to:<ul><li>d.<li>e</ul></table>", "a | b\nc | to: d. e"),
        ("<table><tr><td><ul><li>a<li>b</ul><td><ul><li>c</ul></table>", "- a\n- b\n\n- c"),
        ("<table><tr><td><h3>a</h3>b<td>c</table>", "a\n\nb\n\nc"),
        ("<table><tr><td><img><td>only<tr><td><td>text</table>", "only\n\ntext"),
        ("<table><tr><td>a<td><table><tr><td>b<td>c</table></table>", "a\n\nb | c"),
        ("<table><tr><td>a<table><tr><td>b<td>c</table><td>d</table>", "a\n\nb | c\n\n| d"),
        ("<p>so <math alttext='x^2'></math> it is", "so $x^2$ it is"),
        ("<p>so <m:math><m:mfrac><m:mn>1</m:mn><m:mn>2</m:mn></m:mfrac></m:math> it is", "so 1/2 it is"),
        ("<p>so <script type='math/tex; mode=display'>x</script> it is", "so $$x$$ it is"),
        ("<p>so <img src=https://latex.codecogs.com/gif.latex?x alt=x> it is", "so $x$ it is"),
        ("<p>so <img class=logo alt=x> it <mjx-container><svg/></mjx-container>is", "so it is"),
        ("<pre>x = 1\n  y</pre>z", "x = 1\n  y\n\nz"),
        ("<ul><li><h3>a</h3><p>b</ul>", "a\n\nb"),
    ],
)
def test_what_is_written(page: str, text: str) -> None:
    assert whole_text(read_page(page.encode())) == text


def test_code_and_tables_keep_their_lines() -> None:
    assert "\n\nfor bee in hive:\n    count += 1\n\n" in text_of("code")
    assert "\n\nHive | Bees\nA | 12\nB | 30\n\n" in text_of("table")


def test_short_cells_and_terms_stay_with_their_rows() -> None:
    rows = "".join(f"<tr><td>{year}<td>The level at the old mark<td>m" for year in range(1911, 1916))
    terms = f"<dl><dt>Gauge</dt><dd>{SENTENCE}</dd><dt>Mark</dt><dt>Sign</dt><dd>{SENTENCE}</dd></dl>"
    page = f"<article><h1>Levels</h1><p>{SENTENCE * 3}</p><table>{rows}</table>{terms}<p>{SENTENCE * 3}</p></article>"
    text = main_text(read_page(FRAME.format(page).encode()), load_model())
    assert "1911 | The level at the old mark | m\n1912" in text
    assert f"Gauge\n{SENTENCE.strip()}\nMark\nSign\n{SENTENCE.strip()}" in text


def test_code_between_text_that_is_kept_is_kept() -> None:
    code = "<div class=h><pre>0x4688 0x40070b4 19552\n  0x80484d5</pre></div>"
    page = f"<article><h1>Dump</h1><p>{SENTENCE * 3}</p>{code}<p>{SENTENCE * 3}</p>{code}</article>"
    text = main_text(read_page(FRAME.format(page).encode()), load_model())
    assert text.count("0x4688 0x40070b4 19552\n  0x80484d5") == 2


COMMENTS = (
    f"<article><h1>Bees</h1><p>{SENTENCE * 3}</p></article><section id=comments class=comment-list><h3>2 comments</h3>"
    "<div class=comment-body><p>I have seen wasps do the same thing in my garden last year.</p></div>"
    "<form><label>Your name here, please</label></form></section>"
)


def test_comments_are_kept_dropped_or_taken_alone() -> None:
    read = read_page(FRAME.format(COMMENTS).encode())
    assert "my garden" not in main_text(read, load_model(), comments="drop")
    assert SENTENCE.strip() in main_text(read, load_model(), comments="drop")
    assert main_text(read, load_model(), comments="only") == (
        "I have seen wasps do the same thing in my garden last year."
    )
    assert "my garden" in whole_text(read)
    assert "my garden" not in whole_text(read, comments="drop")


@pytest.mark.parametrize(
    "page",
    [
        FRAME.format(PAGES["forum"].replace("class=post>", "class='post comment'>")),
        '<script type="application/ld+json">{"@type": "QAPage"}</script>' + FRAME.format(COMMENTS),
        "<main>" + f"<div class=comment><p>{SENTENCE * 2}</p></div>" * 9 + "</main>",
    ],
)
def test_posts_of_forums_and_answers_are_no_comments(page: str) -> None:
    read = read_page(page.encode())
    assert whole_text(read, comments="drop") == whole_text(read)


def test_the_columns_beside_the_text() -> None:
    page = (
        b"<html lang=en><title>Bees</title><link rel=canonical href=/b><meta name=date content=2024-01-31><p>Bees fly."
    )
    batch = pa.record_batch(
        {
            "html": pa.array([page, None], HTML.type),
            "url": pa.array(["https://a.example/x", "https://a.example/y"], URL.type),
            "text": pa.array([None, "as it came"], TEXT.type),
            "published": pa.array([None, "yesterday"]),
        }
    )
    out = Extract().open()(batch).batch
    assert out.schema.equals(Extract().output_schema(batch.schema))
    assert out.column("title").to_pylist() == ["Bees", None]
    assert out.column("canonical_url").to_pylist() == ["https://a.example/b", None]
    assert out.column("declared_language").to_pylist() == ["en", None]
    assert out.column("published").to_pylist() == ["2024-01-31", "yesterday"]
    assert "title" not in Extract(engine="resiliparse").output_schema(batch.schema).names


def test_a_page_has_the_same_text_alone_and_among_others() -> None:
    pages = [FRAME.format(page).encode() for page in PAGES.values()]
    extract = Extract().open()

    def texts(*html: bytes) -> list[str]:
        batch = pa.record_batch({"html": pa.array(html, HTML.type)})
        found: list[str] = extract(batch).batch.column("text").to_pylist()
        return found

    assert texts(*pages) == [text for page in pages for text in texts(page)]


def test_what_is_kept_of_a_page_that_is_one_block() -> None:
    read = read_page(b"just text")
    assert main_text(read, load_model()) == "just text"
    assert main_text(read_page(b""), load_model()) == ""
    assert np.all(read.blocks.element == 0)
