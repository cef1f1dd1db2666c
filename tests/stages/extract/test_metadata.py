"""Title, date, canonical URL and language of pages."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prep.stages.extract.engine import read_page
from prep.stages.extract.metadata import Metadata, read_metadata


def metadata(page: str, url: str | None = None) -> Metadata:
    read = read_page(page.encode())
    return read_metadata(read.page, read.facts, url)


def test_all_that_a_page_says() -> None:
    page = """<!doctype html><html lang="en_GB"><head><title>Bees &amp; more | Site</title>
      <meta property="og:title" content="Bees &amp;  more"><link rel="alternate canonical" href="/bees">
      <meta content='2024-02-29T10:00:00Z' property='article:published_time'></head><body>x"""
    expected = Metadata("Bees & more", "2024-02-29", "https://a.example/bees", "en-GB")
    assert metadata(page, "https://a.example/x?y") == expected


@pytest.mark.parametrize(
    ("page", "title"),
    [
        ("<title>\n A\n b </title>", "A b"),
        ("<svg><title>icon</title></svg>", None),
        ("<title></title><script type=application/ld+json>{'headline'}</script>", None),
        ('<script type="application/ld+json">{"@graph": [{"headline": "From data"}]}</script>', "From data"),
        ("<meta property=og:title content=''><title>A</title>", "A"),
        ("<meta property=og:title content='A &amp;amp; B'>", "A & B"),
    ],
)
def test_titles(page: str, title: str | None) -> None:
    assert metadata(page).title == title


@pytest.mark.parametrize(
    ("page", "published"),
    [
        ("<meta name=date content=20240131>", "2024-01-31"),
        ("<meta name=DC.date content='2024/01/31 10:00'>", "2024-01-31"),
        ("<meta name=date content=2024-02-30>", None),
        ("<meta name=date content='31 January 2024'>", "2024-01-31"),
        ("<meta name=date content='Wed, 31 Jan 2024 10:00:00 GMT'>", "2024-01-31"),
        ("<html lang=de><meta name=date content=31.1.2024>", "2024-01-31"),
        ("<meta name=date content=2099-01-31>", None),
        ("<meta name=date content=0001-01-01><meta name=pubdate content=2024-01-31>", "2024-01-31"),
        (
            '<script type="application/ld+json">//<![CDATA[\n{"datePublished": "2024-01-31"}\n//]]></script>',
            "2024-01-31",
        ),
        (
            '<script type="application/ld+json">{"description": "a\nb\tc", "datePublished": "2024-01-31"}</script>',
            "2024-01-31",
        ),
        ('<script type="application/ld+json">{"datePublished": "2024-01-31", "tags": ["a",],}</script>', "2024-01-31"),
        ('<script type="application/ld+json"><!-- {"datePublished": "2024-01-31"} --></script>', "2024-01-31"),
        (
            '<script type="application/ld+json">[{"@type": "WebSite", "datePublished": "1999-01-01"},'
            '{"@type": "WebPage", "datePublished": "2000-01-01"}, {"@type": ["BlogPosting"],'
            '"datePublished": 1706659200}]'
            "</script>",
            "2024-01-31",
        ),
        ('<script type="application/ld+json">{"@type": "Comment", "datePublished": "2024-01-31"}</script>', None),
        ("<span itemprop=datePublished>31 January 2024</span>", "2024-01-31"),
        ("<p class='post byline'>Posted on <b>January 31st, 2024</b> by A.</p>", "2024-01-31"),
        ("<p>Published <time datetime=2024-01-31T10:00>31 January</time></p>", "2024-01-31"),
        ("<p>Updated <time datetime=2024-01-31T10:00>31 January</time></p>", None),
        ('<script type="application/ld+json">[{"datePublished": "2024-01-31"}]</script>', "2024-01-31"),
        ('<script type="application/ld+json">{"datePublished": 5, "mainEntity": []}</script>', None),
        ("<time datetime=2024-01-31>", None),
        ("<time class=entry-date datetime=2024-01-31>", "2024-01-31"),
        ("<time datetime=2024-01-31 pubdate>", "2024-01-31"),
        ("<span><time itemprop=datePublished datetime=2024-01-31T01:00>x</time></span>", "2024-01-31"),
    ],
)
def test_dates(page: str, published: str | None) -> None:
    assert metadata(page).published == published


def test_no_date_is_after_the_day_on_which_the_page_was_fetched() -> None:
    read = read_page(b"<meta name=date content=2024-02-01><meta name=dc.date content=2024-01-01>")
    assert read_metadata(read.page, read.facts, None, date(2024, 1, 31)).published == "2024-01-01"


@pytest.mark.parametrize(
    ("page", "url"),
    [
        ("<link rel=canonical href=https://b.example/>", "https://b.example/"),
        ("<link rel=canonical href=/x>", None),
        (
            "<link rel=canonical href='http://[broken'><meta property=og:url content=https://b.example/y>",
            "https://b.example/y",
        ),
        ("<link rel=canonical href=javascript:alert(1)>", None),
        ("<link rel=stylesheet href=https://b.example/>", None),
        ("<base href=https://b.example/x/><link rel=canonical href=y>", "https://b.example/x/y"),
    ],
)
def test_canonical_urls(page: str, url: str | None) -> None:
    assert metadata(page).canonical_url == url


@pytest.mark.parametrize(
    ("page", "language"),
    [
        ("<html lang=de>", "de"),
        ("<html xml:lang='pt-BR'>", "pt-BR"),
        ("<html lang=''><meta http-equiv=Content-Language content=fr>", "fr"),
        ("<html lang='{{ lang }}'>", None),
        ("<meta property=og:locale content=en_US>", "en-US"),
        ("<p lang=de>", None),
    ],
)
def test_languages(page: str, language: str | None) -> None:
    assert metadata(page).declared_language == language


@given(st.text(alphabet="<>=\"'/ &;metalinkhtmltitlescriptcontentnamedate[]{}:,0123", max_size=200))
def test_any_page_can_be_asked(page: str) -> None:
    found = metadata(f"<html {page}><meta {page}><link rel=canonical {page}><title>{page}")
    assert all(value is None or value for value in found)
