"""Articles that a page holds as JSON-LD and shows no more of than the beginning."""

import json

import pytest

from prep.stages.extract.engine import Options, open_engine

LINES = [
    f"In week {week} the gauge at the mill stood {week} inches above the mark & the keeper wrote it down."
    for week in range(9)
]
BODY = "\n".join(LINES)
BEGINNING = f"<h1>The gauge</h1><p>{LINES[0]}</p><p>Read on with a subscription.</p>"
EXTRACT = open_engine()


def page(shown: str, *things: dict[str, object]) -> bytes:
    scripts = "".join(f"<script type=application/ld+json>{json.dumps(thing)}</script>" for thing in things)
    return f"<html><head>{scripts}</head><body><main>{shown}</main></body></html>".encode()


def article(body: str) -> dict[str, object]:
    return {"@context": "https://schema.org", "@type": "NewsArticle", "articleBody": body}


@pytest.mark.parametrize(
    "body",
    [
        BODY,
        BODY.replace("&", "&amp;"),
        "".join(f"<p>{line.replace('&', '&amp;')}</p>" for line in LINES),
        "".join(f"&lt;p&gt;{line}&lt;/p&gt;" for line in LINES),
    ],
)
def test_the_article_is_taken_where_its_beginning_is_shown(body: str) -> None:
    assert EXTRACT(page(BEGINNING, article(body)), None).text == "\n\n".join(LINES)


def test_the_article_may_be_written_as_markdown() -> None:
    html = "<h2>Mill</h2>" + "".join(f"<p>{line}</p>" for line in LINES)
    written = open_engine(Options(form="markdown"))(page("", article(html)), None).text
    assert written == "\n\n".join(["## Mill", *LINES])


def test_code_and_formulas_of_the_article_are_written_as_those_of_pages() -> None:
    html = "".join(f"<p>{line}</p>" for line in LINES) + "<p>Write &lt;b&gt; and <math alttext='x^2'><mi>x</mi></math>"
    text = open_engine(Options(formulas="brackets"))(page(BEGINNING, article(html)), None).text
    assert text == "\n\n".join([*LINES, r"Write <b> and \(x^2\)"])


@pytest.mark.parametrize(
    ("shown", "things"),
    [
        ("".join(f"<p>{line}</p>" for line in LINES), [article("Shown otherwise. " + BODY)]),
        (BEGINNING, [article(LINES[0])]),
        (BEGINNING, [article(BODY), article(BODY[::-1])]),
        (BEGINNING, [{"@type": "WebSite", "articleBody": BODY}]),
        (BEGINNING, [{"@type": "NewsArticle", "articleBody": [BODY]}]),
    ],
)
def test_what_is_shown_is_taken_otherwise(shown: str, things: list[dict[str, object]]) -> None:
    text = EXTRACT(page(shown, *things), None).text
    assert LINES[0] in text
    assert (LINES[8] in text) == (LINES[8] in shown)
    assert "Shown otherwise" not in text


def test_comments_alone_are_no_article() -> None:
    assert open_engine(Options(comments="only"))(page(BEGINNING, article(BODY)), None).text == ""
