"""Plain text from a chapter's elements as they begin and end: lines for blocks, rows for tables, code as it is.

Ruby readings stand in parentheses behind what they read, exponents behind a `^`. What readers do not see (soft hyphens,
hidden elements) or have elsewhere (the table of contents, page numbers of the printed book) is left out.
"""

import re
from collections.abc import Mapping

_SKIPPED = frozenset({"head", "script", "style", "template", "svg", "object", "audio", "video", "rp", "nav"})
_APART = frozenset({"h1", "h2", "h3", "h4", "h5", "h6", "section", "article", "table", "ul", "ol", "dl", "pre", "hr"})
_BLOCKS = _APART | frozenset(
    {"address", "aside", "blockquote", "body", "caption", "center", "dd", "div", "dt", "figcaption", "figure", "footer"}
    | {"header", "li", "main", "p"}
)
_CELLS = frozenset({"td", "th"})
_SPACE = re.compile(r"[ \t\r\n\f\xa0]+")
_EXPONENT = re.compile(r"[+\N{MINUS SIGN}-]?(?:\d{1,4}|[a-z])")
_BASE = re.compile(r"(?:\d|\)|(?<![^\W\d_])[^\W\d_]{1,3})\Z")
"""What an exponent stands behind: a number, a bracket, a name or unit; longer words have notes."""
_MAX_CELL = 300
"""A table that holds a cell of more characters is one that only places blocks on the page."""


class _Table:
    """A table that is open: the row at hand, and the lines of the cell at hand."""

    def __init__(self) -> None:
        self.row: list[list[str]] = []
        self.cell: list[str] | None = None


class Writer:
    """Puts the text together from the elements as they begin and end."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._line: list[str] = []
        self._tables: list[_Table] = []
        self._skipping = ""
        self._depth = 0
        """The element that is left out with all it holds, and how many of its name are open in it."""
        self._kept = 0
        """How deep in elements whose white space is kept."""
        self._raised: list[int] = []
        """Where in the line each open `sup` begins."""

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        """Begin an element."""
        tag = name.rpartition(":")[2].lower()
        if self._skipping == "head" and tag == "body":
            self._depth = 0
        elif self._depth:
            self._depth += tag == self._skipping
            return
        if tag in _SKIPPED or _is_hidden(attributes):
            self._skipping, self._depth = tag, 1
        elif tag in _BLOCKS:
            self._end_line(apart=tag in _APART)
            self._kept += tag == "pre"
            if tag == "li":
                self._line.append("- ")
            elif tag == "table":
                self._tables.append(_Table())
        elif tag == "br":
            self._line_break()
        elif tag == "sup":
            self._raised.append(len(self._line))
        elif tag in {"rt", "rtc"}:
            self._line.append("(")
        elif tag == "tr" and self._tables:
            self._end_row()
        elif tag in _CELLS and self._tables:
            self._end_cell()
            self._tables[-1].cell = []

    def end(self, name: str) -> None:
        """End an element."""
        tag = name.rpartition(":")[2].lower()
        if self._depth:
            self._depth -= tag == self._skipping
        elif tag == "table" and self._tables:
            self._end_row()
            self._tables.pop()
            self._end_line(apart=True)
        elif tag in _BLOCKS:
            self._end_line(apart=tag in _APART)
            self._kept = max(0, self._kept - (tag == "pre"))
        elif tag == "sup" and self._raised:
            self._end_raised(self._raised.pop())
        elif tag in {"rt", "rtc"}:
            self._line.append(")")
        elif tag == "tr" and self._tables:
            self._end_row()
        elif tag in _CELLS and self._tables:
            self._end_cell()

    def data(self, data: str) -> None:
        """Add characters."""
        if not self._depth:
            data = data.replace("\N{SOFT HYPHEN}", "")
            self._line.append(data.replace("\N{NO-BREAK SPACE}", " ") if self._kept else _SPACE.sub(" ", data))

    def text(self) -> str:
        """Return the whole text."""
        while self._tables:
            self.end("table")
        self._end_line()
        return "\n".join(self._parts).strip("\n")

    def _sink(self) -> list[str]:
        """Return where lines go: into the innermost cell that is open."""
        cells = (table.cell for table in reversed(self._tables))
        return next((cell for cell in cells if cell is not None), self._parts)

    def _line_break(self) -> None:
        if self._kept:
            self._line.append("\n")
        else:
            self._end_line()

    def _end_line(self, *, apart: bool = False) -> None:
        line = "".join(self._line)
        if self._kept:
            line = "\n".join(part.rstrip() for part in line.splitlines()).strip("\n")
        else:
            line = _SPACE.sub(" ", line).strip()
        self._line.clear()
        self._raised.clear()
        sink = self._sink()
        if line and line != "-":
            sink.append(line)
        if apart and sink and sink[-1]:
            sink.append("")

    def _end_raised(self, begin: int) -> None:
        """Mark what was raised as an exponent, if it is one."""
        raised, before = "".join(self._line[begin:]), "".join(self._line[max(0, begin - 3) : begin])
        if _EXPONENT.fullmatch(raised) and _BASE.search(before):
            self._line.insert(begin, "^")

    def _end_cell(self) -> None:
        table = self._tables[-1]
        self._end_line()
        if table.cell is not None:
            table.row.append([line for line in table.cell if line])
            table.cell = None

    def _end_row(self) -> None:
        """Write a row as a line of its cells, or block after block where the table only places them."""
        self._end_cell()
        row, self._tables[-1].row = self._tables[-1].row, []
        cells = [" ".join(cell) for cell in row]
        blocks = len(row) < 2 or any(len(cell) > _MAX_CELL or "\n" in cell for cell in cells)
        sink = self._sink()
        if blocks:
            sink += [line for cell in row for line in cell]
        elif any(cells):
            sink.append(_SPACE.sub(" ", " | ".join(cells)).strip())


def _is_hidden(attributes: Mapping[str, str]) -> bool:
    """Say whether an element is not shown, or the number of a page of the printed book."""
    style = attributes.get("style", "").replace(" ", "").lower()
    kind = attributes.get("epub:type", "").split()
    role = attributes.get("role", "")
    return "hidden" in attributes or "display:none" in style or "pagebreak" in kind or role == "doc-pagebreak"
