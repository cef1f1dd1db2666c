"""What a page says about itself: title, date of publication, canonical URL and language.

Sources in the order in which they are believed. Title: `og:title`, `<title>`, JSON-LD. Date: meta elements, JSON-LD,
`<time>` elements that are marked as the date of publication. URL: `<link rel=canonical>`, `og:url`. Language:
`<html lang>`, `content-language`, `og:locale`. Only the few elements that `read_markup` has noted are looked at.
"""

import re
from collections.abc import Iterator
from datetime import date
from html import unescape
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

import orjson

from prep.corpus.arrow.columns import Bytes
from prep.stages.extract.html.element_kernels import NAMES
from prep.stages.extract.html.markup_kernels import Facts


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


_MOST_FACTS = 2000
"""Elements that are looked at, from the page's beginning."""
_LONGEST_TAG = 4096
_LONGEST_LINKED_DATA = 1 << 20
_DEEPEST_LINKED_DATA = 4
_ATTRIBUTE = re.compile(rb"""([^\s=/>"']+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>"']+))|([^\s=/>"']+)""")
_TELLING = {
    "link": re.compile(rb"canonical"),
    "meta": re.compile(rb"title|date|publish|issued|created|url|language|locale"),
}
"""What a tag holds, in lower case, if anything in it is of use here; a character reference may stand for it."""
_SPACES = re.compile(r"\s+")
_TAG = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8})*")
_DATE = re.compile(r"(\d{4})[-/.]?(\d{2})[-/.]?(\d{2})(?!\d)")
_DATE_NAMES = (
    "article:published_time", "og:published_time", "datepublished", "article:published", "citation_publication_date",
    "dc.date.issued", "dcterms.issued", "dc.date", "dcterms.date", "dcterms.created", "dc.date.created", "pubdate",
    "publishdate", "publish-date", "publish_date", "publication_date", "publication-date", "parsely-pub-date",
    "sailthru.date", "date",
)  # fmt: skip
_PUBLISHED = re.compile(r"publish|entry-date|post-date|dt-published", re.IGNORECASE)


def read_metadata(page: Bytes, facts: Facts, url: str | None) -> Metadata:
    """Return what a page says about itself; `url` is where it lies, if that is known."""
    found = list(_read_facts(page, facts))
    metas: dict[str, str] = {}
    for fact in found:
        if fact.name == "meta" and (content := fact.attributes.get("content", "").strip()):
            for key in ("property", "name", "itemprop", "http-equiv"):
                if name := fact.attributes.get(key):
                    metas.setdefault(name.strip().lower(), content)
    linked_data = list(_linked_data(found))
    return Metadata(
        _title(found, metas, linked_data),
        _published(found, metas, linked_data),
        _canonical_url(found, metas, url),
        _language(found, metas),
    )


def _read_facts(page: Bytes, facts: Facts) -> Iterator[_Fact]:
    kinds, starts, middles, ends = (column[:_MOST_FACTS].tolist() for column in facts)
    for kind, start, middle, end in zip(kinds, starts, middles, ends, strict=True):
        attributes: dict[str, str] = {}
        tag = page[start : min(middle, start + _LONGEST_TAG)].tobytes()
        telling = _TELLING.get(NAMES[kind])
        if telling is not None and b"&" not in tag and not telling.search(tag.lower()):
            continue
        for name, *values, bare in _ATTRIBUTE.findall(tag):
            value = b"".join(values).decode("utf-8", "replace")
            attributes.setdefault((name or bare).decode("utf-8", "replace").lower(), unescape(value))
        content = page[middle:end].tobytes() if end - middle <= _LONGEST_LINKED_DATA else b""
        yield _Fact(NAMES[kind], attributes, content)


def _linked_data(facts: list[_Fact]) -> Iterator[dict[str, object]]:
    """Yield the things that the page's JSON-LD describes, the outer ones first."""
    for fact in facts:
        if fact.name == "script":
            try:
                value = orjson.loads(fact.content)
            except orjson.JSONDecodeError:
                continue
            yield from _things(value, 0)


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


def _title(facts: list[_Fact], metas: dict[str, str], linked_data: list[dict[str, object]]) -> str | None:
    titles = [unescape(fact.content.decode("utf-8", "replace")) for fact in facts if fact.name == "title"]
    headlines = [thing.get("headline") for thing in linked_data]
    for title in (metas.get("og:title"), *titles, metas.get("twitter:title"), *headlines):
        if isinstance(title, str) and (line := _SPACES.sub(" ", title).strip()):
            return line
    return None


def _published(facts: list[_Fact], metas: dict[str, str], linked_data: list[dict[str, object]]) -> str | None:
    told: list[object] = [metas.get(name) for name in _DATE_NAMES]
    told += [thing.get("datePublished") for thing in linked_data]
    for fact in facts:
        attributes = fact.attributes
        marked = "pubdate" in attributes or attributes.get("itemprop", "").lower() == "datepublished"
        if fact.name == "time" and (marked or _PUBLISHED.search(attributes.get("class", ""))):
            told.append(attributes.get("datetime"))
    return next((day for value in told if isinstance(value, str) and (day := _day(value))), None)


def _day(text: str) -> str | None:
    """Return the calendar date at the beginning of a text, where it is one."""
    if match := _DATE.match(text.strip()):
        try:
            return date(*map(int, match.groups())).isoformat()
        except ValueError:
            return None
    return None


def _canonical_url(facts: list[_Fact], metas: dict[str, str], url: str | None) -> str | None:
    links = [
        fact.attributes.get("href")
        for fact in facts
        if fact.name == "link" and "canonical" in fact.attributes.get("rel", "").lower().split()
    ]
    for link in (*links, metas.get("og:url")):
        if link and (absolute := _absolute(link.strip(), url)):
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
    told = [root.get(name) for root in roots for name in ("lang", "xml:lang")]
    for tag in (*told, metas.get("content-language"), metas.get("og:locale")):
        if tag and _TAG.fullmatch(dashed := tag.strip().replace("_", "-")):
            return dashed
    return None
