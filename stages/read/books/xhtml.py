"""The text of a book's chapters: XHTML whose every element is content, so nothing has to be judged.

One pass of events, without a tree: nesting, however deep, costs nothing. What is not well-formed is read as HTML.
"""

import re
from html.entities import html5
from html.parser import HTMLParser
from xml.parsers import expat

_SKIPPED = frozenset({"head", "script", "style", "template", "svg", "object", "audio", "video"})
_APART = frozenset({"h1", "h2", "h3", "h4", "h5", "h6", "section", "article", "table", "ul", "ol", "dl", "pre", "hr"})
_BLOCKS = _APART | frozenset(
    {"address", "aside", "blockquote", "body", "caption", "center", "dd", "div", "dt", "figcaption", "figure", "footer"}
    | {"header", "li", "main", "nav", "p", "tr"}
)
_CELLS = frozenset({"td", "th"})
_SPACE = re.compile(r"[ \t\r\n\f\xa0]+")
_VOID = frozenset({"br", "hr", "img", "input", "link", "meta", "col", "wbr"})


class EntityError(ValueError):
    """A document that declares entities of its own."""


def xhtml_text(data: bytes) -> str:
    """Return a chapter's text: a line per block, an empty line around headings, lists and tables.

    Raises EntityError.
    """
    writer = _Writer()
    try:
        _parse(data, writer)
    except expat.ExpatError:
        writer = _Writer()
        lenient = _Lenient(writer)
        lenient.feed(data.decode("utf-8", "replace"))
        lenient.close()
    return writer.text()


def _parse(data: bytes, writer: "_Writer") -> None:
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.UseForeignDTD(True)  # so that HTML's entities are reported rather than refused
    parser.StartElementHandler = lambda name, _: writer.start(name)
    parser.EndElementHandler = writer.end
    parser.CharacterDataHandler = writer.data
    parser.SkippedEntityHandler = lambda name, _: writer.data(html5.get(f"{name};", ""))
    parser.ExternalEntityRefHandler = lambda *_: 1
    parser.EntityDeclHandler = _refuse
    parser.Parse(data, True)


def _refuse(*_: object) -> None:
    raise EntityError("it declares entities, which are not expanded")


class _Lenient(HTMLParser):
    """Reads what is no XML."""

    def __init__(self, writer: "_Writer") -> None:
        super().__init__()
        self._writer = writer

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self._writer.start(tag)
        if tag in _VOID:
            self._writer.end(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID:
            self._writer.end(tag)

    def handle_data(self, data: str) -> None:
        self._writer.data(data)


class _Writer:
    """Puts the text together from the elements as they begin and end."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._line: list[str] = []
        self._skipped = 0
        self._kept = 0
        """How deep in elements that are left out, and in those whose white space is kept."""

    def start(self, name: str) -> None:
        tag = name.rpartition(":")[2].lower()
        if tag in _SKIPPED:
            self._skipped += 1
        elif tag in _BLOCKS:
            self._end_line(apart=tag in _APART)
            self._kept += tag == "pre"
            if tag == "li":
                self._line.append("- ")
        elif tag == "br":
            self._end_line()
        elif tag in _CELLS and any(part.strip() for part in self._line):
            self._line.append(" | ")

    def end(self, name: str) -> None:
        tag = name.rpartition(":")[2].lower()
        if tag in _SKIPPED:
            self._skipped = max(0, self._skipped - 1)
        elif tag in _BLOCKS:
            self._end_line(apart=tag in _APART)
            self._kept = max(0, self._kept - (tag == "pre"))

    def data(self, data: str) -> None:
        if not self._skipped:
            self._line.append(data if self._kept else _SPACE.sub(" ", data))

    def text(self) -> str:
        self._end_line()
        return "\n".join(self._parts).strip("\n")

    def _end_line(self, *, apart: bool = False) -> None:
        line = "".join(self._line)
        line = line.rstrip() if self._kept else _SPACE.sub(" ", line).strip()
        self._line.clear()
        if line and line != "-":
            self._parts.append(line)
        if apart and self._parts and self._parts[-1]:
            self._parts.append("")
