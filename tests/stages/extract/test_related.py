"""Links that follow an article: which are left out, against a slow reference."""

from urllib.parse import urlsplit

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prep.stages.extract.choosing.related_kernels import related_links
from prep.stages.extract.engine import ReadPage, features_of, read_page, text_of
from prep.stages.extract.metadata import is_article

LINE = "The gauge at the mill was read every morning, and the keeper wrote its level into a book."
ARTICLE = f"<p>{LINE}</p>" * 7
HEAD = "<link rel=stylesheet href=/a.css><link rel=canonical href=https://www.mill.example/gauge>"
LISTED = "<li><a href=/frost>Frost moved the mark</a></li><li><a href=/bridge>A second mark on the bridge</a></li>"
SAYS = '<script type="application/ld+json">{"@type": "NewsArticle"}</script>'


def left_out(read: ReadPage, probability: float = 0.9) -> list[bool]:
    _, words = features_of(read)
    sure, kept = np.full(len(words), probability), np.ones(len(words), np.bool_)
    article = is_article(read.page, read.facts)
    found = related_links(read.page, read.facts, read.elements, read.blocks, read.runs, words, sure, kept, article)
    return [bool(gone) for gone in found]


def text(body: str, head: str = HEAD) -> str:
    read = read_page(f"<html><head>{head}</head><body>{body}</body></html>".encode())
    return text_of(read, ~np.array(left_out(read), np.bool_))


@pytest.mark.parametrize(
    "tail",
    [
        f"<h3>Related</h3><ul>{LISTED}</ul>",
        "<p><a href=https://mill.example/frost>Frost moved the mark</a></p>",
        "<p><a href='HTTPS://WWW.Mill.example/frost?a=b'>Frost moved the mark</a></p>",
        "<p><a href=//mill.example:443/frost>Frost moved the mark</a> <a href=../bridge>Bridge</a></p>",
        "<div><a href=/frost><h4>Frost moved the mark</h4></a></div>",
    ],
)
def test_links_into_the_site_after_the_article_go(tail: str) -> None:
    assert text(ARTICLE + tail) == text(ARTICLE)


@pytest.mark.parametrize(
    "body",
    [
        f"<h3>Sources</h3><ul><li><a href=https://frost.example/>Frost, a history</a></li></ul>{ARTICLE}",
        f"{ARTICLE}<p><a href=https://frost.example/>Frost, a history</a></p>",
        f"{ARTICLE}<p><a href=https://mill.example.org/>Mill, a history</a></p>",
        f"{ARTICLE}<p><a href=mailto:mill@mill.example>Write to the mill</a></p>",
        f"{ARTICLE}<p><a href=#top>To the top</a></p>",
        f"{ARTICLE}<p>The mark was moved by <a href=/frost>frost</a> then.</p>",
        f"{ARTICLE}<table><tr><td><a href=/frost>Frost</a><td>1902</table>",
        f"<ul>{LISTED}</ul>{ARTICLE}",
        f"<p>{LINE}</p><ul>{LISTED * 3}</ul>",
    ],
)
def test_sources_links_in_the_text_and_lists_that_are_the_page_stay(body: str) -> None:
    read = read_page(f"<html><head>{HEAD}</head><body>{body}</body></html>".encode())
    assert not any(left_out(read))


def test_a_long_list_goes_from_a_page_that_says_that_it_is_an_article() -> None:
    page = f"{ARTICLE}<ul>{LISTED * 20}</ul>"
    assert "Frost" in text(page)
    assert text(page, HEAD + SAYS) == text(ARTICLE)
    assert "Frost" in text(page, HEAD + SAYS + SAYS.replace("NewsArticle", "CollectionPage"))


@pytest.mark.parametrize(
    ("types", "expected"),
    [
        ('"@type":"Article"', True),
        ('"@type" : ["WebPage", "ReportageNewsArticle"]', True),
        ('"@type":"BlogPosting"', True),
        ('"@type":"WebPage"', False),
        ('"@type":"ItemList","itemListElement":[{"@type":"Article"}]', False),
        ('"name":"Article"', False),
    ],
)
def test_what_is_an_article(types: str, expected: bool) -> None:
    read = read_page(f"<script type=application/ld+json>{{{types}}}</script><p>x".encode())
    assert is_article(read.page, read.facts) is expected


def reference(parts: list[tuple[str, str]]) -> list[bool]:
    """Return what goes of paragraphs (`p`), headings (`h3`) and links (`a` with an address), by the definition."""
    size = {"p": 18, "h3": 1}
    last = max((place for place, (kind, _) in enumerate(parts) if kind == "p"), default=-1)
    in_paragraphs = sum(18 for kind, _ in parts if kind == "p")
    total = sum(size.get(kind, 2) for kind, _ in parts)
    goes = [False] * len(parts)
    if in_paragraphs < 100 or in_paragraphs < 0.7 * total:
        return goes
    for place in range(last + 1, len(parts)):
        kind, address = parts[place]
        host = urlsplit(address).hostname
        goes[place] = kind == "a" and not address.startswith("#") and host in (None, "mill.example", "www.mill.example")
    return [
        gone or (parts[at][0] == "h3" and goes[at + 1 : at + 2] == [True] and at > last) for at, gone in enumerate(goes)
    ]


PARTS = st.one_of(
    st.just(("p", "")),
    st.just(("h3", "")),
    st.sampled_from(["/a", "b", "?c", "#d", "https://mill.example", "//www.mill.example/e", "http://f.example/g"]).map(
        lambda address: ("a", address)
    ),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(PARTS, max_size=8), st.lists(PARTS, max_size=8))
def test_the_reference_leaves_out_the_same(first: list[tuple[str, str]], second: list[tuple[str, str]]) -> None:
    parts = [*first, *[("p", "")] * 6, *second]
    written = {"p": f"<p>{LINE}</p>", "h3": "<h3>Heading</h3>"}
    body = "".join(written.get(kind, f"<div><a href='{address}'>Two words</a></div>") for kind, address in parts)
    read = read_page(f"<html><head>{HEAD}</head><body>{body}</body></html>".encode())
    assert left_out(read) == reference(parts)
