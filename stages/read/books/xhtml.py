"""The text of a book's chapters: XHTML whose every element is content, so nothing has to be judged.

One pass of events, without a tree: nesting, however deep, costs nothing. What is not well-formed is read as HTML.
Formulas are written once, as in pages (`prep.stages.shared.markup.formulas`).
"""

import re
from html.entities import html5
from html.parser import HTMLParser
from xml.parsers import expat

from prep.stages.read.books.writer import Writer
from prep.stages.shared.charset.page import decode_page
from prep.stages.shared.markup.formulas import write_formulas

_VOID = frozenset({"br", "hr", "img", "input", "link", "meta", "col", "wbr"})
_DECLARATION = re.compile(r"\A\s*<\?xml[^>]*\?>")
_MAX_UNDECODABLE = 0.01
"""Largest share of characters that replace undecodable bytes."""


class EntityError(ValueError):
    """A document that declares entities of its own."""


def xhtml_text(data: bytes) -> str:
    """Return a chapter's text: a line per block, an empty line around headings, lists and tables. Raises as below."""
    return read_chapter(data).text()


def read_chapter(data: bytes) -> Writer:
    """Return what a chapter's elements were written with.

    Raises EntityError, and ValueError where the chapter's bytes are in no character set.
    """
    decoded = decode_page(data, None)
    if decoded.undecodable > _MAX_UNDECODABLE * len(decoded.text):
        raise ValueError(f"{decoded.undecodable} places are not {decoded.charset} ({decoded.origin})")
    if "\0" in decoded.text:
        raise ValueError("it holds bytes that are no text")
    markup = write_formulas(_DECLARATION.sub("", decoded.text, count=1).encode()).decode()
    writer = Writer()
    try:
        _parse(markup, writer)
    except expat.ExpatError:
        writer = Writer()
        lenient = _Lenient(writer)
        lenient.feed(markup)
        lenient.close()
    return writer


def _parse(markup: str, writer: Writer) -> None:
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.UseForeignDTD(True)  # so that HTML's entities are reported rather than refused
    parser.StartElementHandler = writer.start
    parser.EndElementHandler = writer.end
    parser.CharacterDataHandler = writer.data
    parser.SkippedEntityHandler = lambda name, _: writer.data(html5.get(f"{name};", f"&{name};"))
    parser.ExternalEntityRefHandler = lambda *_: 1
    parser.EntityDeclHandler = _refuse
    parser.Parse(markup.encode(), True)


def _refuse(*_: object) -> None:
    raise EntityError("it declares entities, which are not expanded")


class _Lenient(HTMLParser):
    """Reads what is no XML."""

    def __init__(self, writer: Writer) -> None:
        super().__init__()
        self._writer = writer

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._writer.start(tag, {name: value or "" for name, value in attrs})
        if tag in _VOID:
            self._writer.end(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID:
            self._writer.end(tag)

    def handle_data(self, data: str) -> None:
        self._writer.data(data)
