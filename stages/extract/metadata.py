"""What a page says about itself: title, date of publication, canonical URL and language.

Sources in the order in which they are believed. Title: `og:title`, `<title>`, JSON-LD. Date: meta elements, JSON-LD
(articles before other things, no comments, lists or sites), `<time>` elements that are marked as the date of
publication or follow a word that says so, and the text of elements whose class or `itemprop` does. URL:
`<link rel=canonical>`, `og:url`, both against `<base>`. Language: `<html lang>`, `content-language`, `og:locale`. Only
the few elements that `read_markup` has noted are looked at.
"""

import json
import re
from collections.abc import Iterator
from datetime import date
from html import unescape
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

import numpy as np
import orjson

from prep.corpus.arrow.columns import Bytes
from prep.stages.extract.html.element_kernels import NAMES, number
from prep.stages.extract.html.markup_kernels import Facts
from prep.stages.shared.dates import LATEST, read_date


class Metadata(NamedTuple):
    """What is known about a page; None where it says nothing that can be used."""

    title: str | None = None
    published: str | None = None
    """ISO 8601 calendar date."""
    canonical_url: str | None = None
    """Absolute, with the scheme http or https."""
    declared_language: str | None = None
    """A language tag as the page gives it (BCP 47), with dashes."""


class _Fact(NamedTuple):
    name: str
    attributes: dict[str, str]
    content: bytes
    place: int
    """Where its start tag ends."""


_MOST_FACTS = 2000
"""Elements that are looked at, from the page's beginning."""
_LONGEST_TAG = 4096
_LONGEST_LINKED_DATA = 1 << 20
_SCRIPT = number("script")
_ARTICLE_BODY = b'"articleBody"'
_DEEPEST_LINKED_DATA = 4
_ATTRIBUTE = re.compile(rb"""([^\s=/>"']+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>"']+))|([^\s=/>"']+)""")
_TELLING = {
    "link": re.compile(rb"canonical"),
    "meta": re.compile(rb"title|date|publi|issued|created|url|language|locale"),
}
"""What a tag holds, in lower case, if anything in it is of use here; a character reference may stand for it."""
_SPACES = re.compile(r"\s+")
_TAG = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8})*")
_DATE_NAMES = (
    "article:published_time", "og:published_time", "datepublished", "article:published", "citation_publication_date",
    "dc.date.issued", "dcterms.issued", "dc.date", "dcterms.date", "dcterms.created", "dc.date.created", "pubdate",
    "publishdate", "publish-date", "publish_date", "publication_date", "publication-date", "parsely-pub-date",
    "sailthru.date", "date", "prism.publicationdate", "citation_online_date", "citation_date", "publicationdate",
    "article.published", "published-date", "release_date", "og:article:published_time", "creation_date",
)  # fmt: skip
_PUBLISHED = re.compile(r"publish|entry-date|post-date|dt-published", re.IGNORECASE)
_PUBLISHED_BEFORE = re.compile(
    rb"(?:publish|posted|ver\xc3\xb6ffentlicht|publi\xc3\xa9|publicad|pubblicat|gepubliceerd|publikov|opublikowan)[^<]{0,40}"
    rb"(?:<[^>]*>\s*){0,4}$",
    re.IGNORECASE,
)
_MARKUP = re.compile(rb"<[^>]*>")
_ARTICLE = re.compile(r"Article|Posting|Report|Review|Recipe|News|ScholarlyWork|Chapter|Book$", re.IGNORECASE)
_NO_DOCUMENT = re.compile(
    r"Site$|Organi[sz]ation|Person|Comment|List|Image|Breadcrumb|Place|Offer|Rating", re.IGNORECASE
)
_SCRIPT_MARKS = re.compile(
    r"^\s*(?:<!--|(?://|/\*)?\s*<!\[CDATA\[\s*(?:\*/)?)|(?:(?://|/\*)?\s*\]\]>\s*(?:\*/)?|-->)\s*$"
)
_DISCUSSION = re.compile(rb'"@type"\s*:\s*\[?\s*"(?:DiscussionForumPosting|QAPage)"')
_ONE_ARTICLE = re.compile(rb'"@type"\s*:\s*(?:\[[^\]]{0,200})?"(?:\w{0,40}Article|BlogPosting|Recipe)"')
_COLLECTION = re.compile(rb'"@type"\s*:\s*(?:\[[^\]]{0,200})?"(?:CollectionPage|ItemList)"')
_TRAILING_COMMA = re.compile(r",(\s*[}\]])")
_NEAR = 200
"""Bytes around a tag in which its text, and what is said before it, are looked for."""
_MOST_BYLINES = 20
_DECLARING = frozenset({"meta", "link", "base", "title", "html", "time", "script"})


def read_metadata(page: Bytes, facts: Facts, url: str | None, latest: date = LATEST) -> Metadata:
    """Return what a page says about itself; `url` is where it lies, if that is known.

    No date after `latest` is believed: the day after the page was fetched, where that is known.
    """
    found = list(_read_facts(page, facts))
    metas: dict[str, str] = {}
    for fact in found:
        if fact.name == "meta" and (content := fact.attributes.get("content", "").strip()):
            for key in ("property", "name", "itemprop", "http-equiv"):
                if name := fact.attributes.get(key):
                    metas.setdefault(name.strip().lower(), content)
    language = _language(found, metas)
    days = (read_date(text, language, latest) for text in _dates(page, found, metas))
    return Metadata(
        _title(found, metas),
        next((day.isoformat() for day in days if day is not None), None),
        _canonical_url(found, metas, url),
        language,
    )


def is_discussion(page: Bytes, facts: Facts) -> bool:
    """Return whether a page's JSON-LD says that it is a discussion, or questions and answers."""
    scripts = np.flatnonzero(facts.kind == _SCRIPT)
    return any(_DISCUSSION.search(page[facts.middle[at] : facts.end[at]].tobytes()) for at in scripts)


def is_article(page: Bytes, facts: Facts) -> bool:
    """Return whether a page's JSON-LD says that it is an article, and not that it is a collection."""
    found = False
    for script in np.flatnonzero(facts.kind == _SCRIPT):
        content = page[facts.middle[script] : facts.end[script]].tobytes()
        if _COLLECTION.search(content):
            return False
        found = found or _ONE_ARTICLE.search(content) is not None
    return found


def read_article(page: Bytes, facts: Facts, least: int) -> str | None:
    """Return the text of the one article that a page's JSON-LD holds, if it has so many characters at least.

    It is HTML where it has tags, also escaped ones, and text in lines otherwise.
    """
    scripts = (facts.kind == _SCRIPT) & (facts.end - facts.middle > least)
    if not any(_ARTICLE_BODY in page[facts.middle[at] : facts.end[at]].tobytes() for at in np.flatnonzero(scripts)):
        return None
    articles = [thing for thing in _linked_data(list(_read_facts(page, facts))) if _rank(thing) == 0]
    bodies = {body for thing in articles if isinstance(body := thing.get("articleBody"), str)}
    body = bodies.pop() if len(bodies) == 1 else ""
    return body if len(body) >= least else None


def _read_facts(page: Bytes, facts: Facts) -> Iterator[_Fact]:
    kinds, starts, middles, ends = (column[:_MOST_FACTS].tolist() for column in facts)
    bylines = 0
    for kind, start, middle, end in zip(kinds, starts, middles, ends, strict=True):
        if NAMES[kind] not in _DECLARING:
            bylines += 1
            if bylines > _MOST_BYLINES:
                continue
        attributes: dict[str, str] = {}
        tag = page[start : min(middle, start + _LONGEST_TAG)].tobytes()
        telling = _TELLING.get(NAMES[kind])
        if telling is not None and b"&" not in tag and not telling.search(tag.lower()):
            continue
        for name, *values, bare in _ATTRIBUTE.findall(tag):
            value = b"".join(values).decode("utf-8", "replace")
            attributes.setdefault((name or bare).decode("utf-8", "replace").lower(), unescape(value))
        content = page[middle:end].tobytes() if end - middle <= _LONGEST_LINKED_DATA else b""
        yield _Fact(NAMES[kind], attributes, content, middle)


def _linked_data(facts: list[_Fact]) -> list[dict[str, object]]:
    """Return the things that the page's JSON-LD describes: articles first, of like ones the outer first."""
    return sorted(
        (thing for fact in facts if fact.name == "script" for thing in _things(_json(fact.content), 0)), key=_rank
    )


def _json(content: bytes) -> object:
    """Read JSON, if need be with marks of scripts around it, raw line breaks in texts or commas before brackets."""
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        pass
    text = content.decode("utf-8", "replace")
    for _ in range(2):
        text = _SCRIPT_MARKS.sub("", text).strip().removesuffix(";")
    for form in (text, _TRAILING_COMMA.sub(r"\1", text)):
        try:
            return json.loads(form, strict=False)
        except (ValueError, RecursionError):
            continue
    return None


def _things(value: object, depth: int) -> Iterator[dict[str, object]]:
    if depth > _DEEPEST_LINKED_DATA:
        return
    if isinstance(value, list):
        for entry in value:
            yield from _things(entry, depth + 1)
    elif isinstance(value, dict):
        yield value
        for key in ("@graph", "mainEntity", "mainEntityOfPage"):
            yield from _things(value.get(key), depth + 1)


def _rank(thing: dict[str, object]) -> int:
    """Return how near a thing is to the page's document: an article, or anything else that may be one, or none."""
    types = thing.get("@type")
    names = [name for name in (types if isinstance(types, list) else [types]) if isinstance(name, str)]
    if any(_ARTICLE.search(name) and not _NO_DOCUMENT.search(name) for name in names):
        return 0
    return 2 if any(_NO_DOCUMENT.search(name) for name in names) else 1


def _title(facts: list[_Fact], metas: dict[str, str]) -> str | None:
    for title in _titles(facts, metas):
        if isinstance(title, str) and (line := _SPACES.sub(" ", unescape(title)).strip()):
            return line
    return None


def _titles(facts: list[_Fact], metas: dict[str, str]) -> Iterator[object]:
    yield metas.get("og:title")
    yield from (unescape(fact.content.decode("utf-8", "replace")) for fact in facts if fact.name == "title")
    yield metas.get("twitter:title")
    yield from (thing.get("headline") for thing in _linked_data(facts))


def _dates(page: Bytes, facts: list[_Fact], metas: dict[str, str]) -> Iterator[str]:
    """Yield what may be the date of publication, the likeliest first."""
    for name in _DATE_NAMES:
        if name in metas:
            yield metas[name]
    for thing in _linked_data(facts):
        if _rank(thing) < 2:
            for key in ("datePublished", "uploadDate", "dateCreated"):
                if isinstance(value := thing.get(key), str | int):
                    yield str(value)
    times = [fact for fact in facts if fact.name == "time"]
    for fact in times:
        attributes = fact.attributes
        marked = "pubdate" in attributes or attributes.get("itemprop", "").lower() == "datepublished"
        if marked or _PUBLISHED.search(attributes.get("class", "")):
            yield attributes.get("datetime") or _text_after(page, fact.place)
    for fact in times:
        before = page[max(0, fact.place - 2 * _NEAR) : fact.place].tobytes()
        if _PUBLISHED_BEFORE.search(before[: before.rfind(b"<")]):
            yield fact.attributes.get("datetime") or _text_after(page, fact.place)
    for fact in facts:
        if fact.name in _DECLARING:
            continue
        yield fact.attributes.get("content") or _text_after(page, fact.place)


def _text_after(page: Bytes, place: int) -> str:
    """Return the text that begins at a place of a page."""
    return unescape(_MARKUP.sub(b" ", page[place : place + _NEAR].tobytes()).decode("utf-8", "replace"))


def _canonical_url(facts: list[_Fact], metas: dict[str, str], url: str | None) -> str | None:
    links = [
        fact.attributes.get("href")
        for fact in facts
        if fact.name == "link" and "canonical" in fact.attributes.get("rel", "").lower().split()
    ]
    bases = [fact.attributes["href"].strip() for fact in facts if fact.name == "base" and "href" in fact.attributes]
    base = (_absolute(bases[0], url) if bases else None) or url
    for link in (*links, metas.get("og:url")):
        if link and (absolute := _absolute(link.strip(), base)):
            return absolute
    return None


def _absolute(link: str, url: str | None) -> str | None:
    try:
        absolute = urljoin(url or "", link)
        parts = urlsplit(absolute)
    except ValueError:  # such as a bracket that is not closed
        return None
    return absolute if parts.scheme in ("http", "https") and parts.netloc else None


def _language(facts: list[_Fact], metas: dict[str, str]) -> str | None:
    roots = [fact.attributes for fact in facts if fact.name == "html"]
    declared = [root.get(name) for root in roots for name in ("lang", "xml:lang")]
    for tag in (*declared, metas.get("content-language"), metas.get("og:locale")):
        if tag and _TAG.fullmatch(dashed := tag.strip().replace("_", "-")):
            return dashed
    return None
