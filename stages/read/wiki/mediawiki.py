"""MediaWiki's XML dumps: a document per page, its wikitext made plain.

A dump is a head that describes the wiki, and then page after page. Each page is found by its tags, which cannot occur
in its text, and parsed by itself, so that memory is bounded by the largest page and damage costs the pages it hits.
Expat parses it, with no document type to declare entities in: nothing expands. Multi-stream dumps are read from any
stream on.
Source: https://www.mediawiki.org/wiki/Help:Export.
"""

import re
from collections.abc import Iterator
from functools import partial
from typing import NamedTuple
from urllib.parse import quote
from xml.parsers import expat

from prep.corpus.files.compression import START, TRUNCATED, Place
from prep.stages.read.about import language_tag
from prep.stages.read.archives.places import Places
from prep.stages.read.rows import Input, Record, Row, failed, record_rows, rejected
from prep.stages.read.wiki.wikitext import plain_text, redirect_target

_BEGIN, _END = b"<page>", b"</page>"
_CLOSE = b"</mediawiki>"
_MAX_HEAD = 1 << 20
_BASE = re.compile(r"<base>([^<]*/)[^</]*</base>")
_LANGUAGE = re.compile(r'<mediawiki\b[^>]*\bxml:lang="([^"]*)"')
_NAMESPACE = re.compile(r'<namespace key="(?:-2|6|14)"[^>]*>([^<]+)</namespace>')


class _Site(NamedTuple):
    """What a dump's head says of the wiki."""

    base: str
    """What precedes a page's title in its URL."""
    hidden: frozenset[str]
    """Names of the namespaces of files and categories."""
    language: str | None
    """The language that the wiki is in."""


def mediawiki_rows(file: Input) -> Iterator[Row]:
    """Yield one row per page; its id is its number in the wiki behind the file's name."""
    head = _head(file)
    if file.start == START:
        if b"<!DOCTYPE" in head or b"<!ENTITY" in head:
            yield failed(file.id_at(), "entity_declaration", "dumps declare none; the pages' entities are not expanded")
        elif b"<mediawiki" not in head and head.strip():
            yield failed(file.id_at(), "bad_mediawiki", f"it begins with {head[:40]!r}")
    described = head.decode("utf-8", "replace")
    base = _BASE.search(described)
    hidden = frozenset(name.lower() for name in _NAMESPACE.findall(described))
    language = _LANGUAGE.search(described)
    site = _Site(base[1] if base else "", hidden, language_tag(language[1]) if language else None)
    yield from record_rows(file, _pages(file, is_dump=b"<mediawiki" in head), partial(_page_row, file, site))


def _head(file: Input) -> bytes:
    """Return what precedes the first page of the file."""
    head = bytearray()
    for piece in file.whole().pieces():
        head += piece.data
        end = head.find(_BEGIN)
        if end >= 0 or len(head) > _MAX_HEAD or piece.rule is not None:
            return bytes(head[: end if end >= 0 else _MAX_HEAD])
    return bytes(head)


def _pages(file: Input, *, is_dump: bool) -> Iterator[Record]:
    """Yield each page's bytes, up to the reader's limit, and damage in the place of the page that it tore."""
    limit = file.options.max_bytes
    buffer, places = bytearray(), Places()
    begin: Place | None = None
    dropped = 0
    is_whole = not is_dump
    for piece in file.pieces():
        places.add(piece)
        buffer += piece.data
        while True:
            if begin is None:
                at = buffer.find(_BEGIN)
                is_whole |= buffer.find(_CLOSE, 0, at if at >= 0 else len(buffer)) >= 0
                del buffer[: at if at >= 0 else max(0, len(buffer) - len(_CLOSE) + 1)]
                if at < 0:
                    break
                begin, dropped = places.at(places.taken - len(buffer)), 0
            end = buffer.find(_END)
            if end < 0:
                if len(buffer) > limit + len(_END):  # too large: only its end is still of interest
                    dropped += len(buffer) - len(_END)
                    del buffer[: len(buffer) - len(_END)]
                break
            end += len(_END)
            yield Record(begin, b"" if dropped else bytes(buffer[:end]), dropped + end)
            del buffer[:end]
            begin = None
        if piece.rule is not None:
            torn = f"; {dropped + len(buffer)} bytes of a page are lost" if begin is not None else ""
            yield Record(begin or piece.place, b"", 0, piece.rule, piece.detail + torn, piece.missing)
            buffer.clear()
            begin = None
            is_whole = True  # as far as it goes, the damage is named
    if begin is not None:
        yield Record(begin, b"", 0, TRUNCATED, f"the file ends in a page, after {dropped + len(buffer)} bytes of it")
    elif file.end is None and places.taken and not is_whole:
        behind = places.at(places.taken)
        yield Record(behind, b"", 0, TRUNCATED, "the file ends between two pages, without </mediawiki>")


class _Page:
    """Collects the text of the elements that matter, of the last revision where there are several."""

    _FIELDS = frozenset({"title", "ns", "id", "timestamp", "model", "text"})

    def __init__(self) -> None:
        self.fields: dict[str, str] = {}
        self.redirect: str | None = None
        self._path: list[str] = []
        self._held: list[str] = []

    def parse(self, data: bytes) -> None:
        """Read a page. Raises ExpatError."""
        parser = expat.ParserCreate("utf-8")
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._held.append
        parser.Parse(data, True)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._path.append(name)
        self._held.clear()
        if name == "redirect":
            self.redirect = attributes.get("title", "")

    def _end(self, name: str) -> None:
        depth = len(self._path)
        self._path.pop()
        if name in self._FIELDS and (depth == 2 or (depth == 3 and self._path[-1] == "revision" and name != "id")):
            self.fields[name] = "".join(self._held)
        self._held.clear()


def _page_row(file: Input, site: _Site, row_id: str, data: bytes) -> Row:
    page = _Page()
    try:
        page.parse(data)
    except expat.ExpatError as error:
        return failed(row_id, "bad_xml", str(error))
    fields = page.fields
    title, number, space = fields.get("title", ""), fields.get("id", ""), fields.get("ns", "0")
    row_id = file.id_of(int(number)) if number.isascii() and number.isdigit() else row_id
    url = site.base + quote(title.replace(" ", "_"), safe="/:@!$()*,;") if site.base else None
    if space not in map(str, file.options.namespaces):
        row = rejected(row_id, "namespace", detail=f"{space}: {title}")
    elif page.redirect is not None:
        row = rejected(row_id, "redirect", detail=f"to {page.redirect}")
    elif (target := redirect_target(fields.get("text", ""))) is not None:
        row = rejected(row_id, "redirect", detail=f"to {target}")
    elif (model := fields.get("model", "wikitext")) != "wikitext":
        row = rejected(row_id, "content_model", detail=model)
    elif not (text := plain_text(fields.get("text", ""), site.hidden)):
        row = rejected(row_id, "empty")
    else:
        row = Row(row_id, text=text, title=title or None, declared_language=site.language)
    return row._replace(url=url, date=fields.get("timestamp"))
