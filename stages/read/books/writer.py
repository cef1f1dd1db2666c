"""Plain text from a chapter's elements as they begin and end: lines for blocks, rows for tables, code as it is.

Ruby readings stand in parentheses behind what they read; what is raised or lowered is marked as in pages
(`prep.stages.shared.markup.placed`), and quotations (`<q>`) have the marks of the chapter's language. What readers do
not see (soft hyphens, hidden elements) or have elsewhere (the table of contents, page numbers of the printed book) is
left out.
"""

import re
from collections.abc import Mapping

from prep.stages.shared.markup.placed import lowered_marks, raised_marks
from prep.stages.shared.markup.quotation_marks import ends_in_mark, is_quoted, marks_of
from prep.stages.shared.markup.unseen_kernels import UNSEEN_CLASSES, UNSEEN_STYLES

_SKIPPED = frozenset({"head", "script", "style", "template", "svg", "object", "audio", "video", "rp", "nav"})
_APART = frozenset({"h1", "h2", "h3", "h4", "h5", "h6", "section", "article", "table", "ul", "ol", "dl", "pre", "hr"})
_BLOCKS = _APART | frozenset(
    {"address", "aside", "blockquote", "body", "caption", "center", "dd", "div", "dt", "figcaption", "figure", "footer"}
    | {"header", "li", "main", "p"}
)
_CELLS = frozenset({"td", "th"})
_SPACE = re.compile(r"[ \t\r\n\f\xa0]+")
_HIDING = ("display:none", "visibility:hidden", "visibility:collapse", *UNSEEN_STYLES)
_UNSEEN = frozenset(UNSEEN_CLASSES.split())
_PAGE_NUMBERS = frozenset({"pagenum", "pagenumber", "page-number", "pageno", "page_number", "pagebreak", "pb"})
"""Classes of the numbers of the printed book's pages, where nothing else says that they are."""
_LEAST_LINKS = 3
_LINKED = 0.8
"""A chapter with a larger share of its characters in links within the book is its table of contents."""
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
        self._placed: list[tuple[str, int, bool]] = []
        """What is raised or lowered and open: `sup` or `sub`, where in the line it begins, whether it is a link."""
        self._quotations: list[int] = []
        """Where in the line each open quotation begins; −1 where it began in an earlier line."""
        self._language = ""
        self._links = 0
        self._letters = [0, 0]
        """Characters outside and inside links to other places of the book."""
        self._link_count = 0
        self._lists: list[int] = []
        """Of each open list, the number of its next item; 0 where items have none."""
        self._item = ""
        """The mark of an item that has no text yet."""

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        """Begin an element."""
        tag = name.rpartition(":")[2].lower()
        if self._skipping == "head" and tag == "body":
            self._depth = 0
        elif self._depth:
            self._depth += tag == self._skipping
            return
        if tag in {"html", "body"}:
            self._language = attributes.get("lang", attributes.get("xml:lang", self._language)).strip().lower()
        if tag in _SKIPPED or _is_hidden(attributes):
            self._skipping, self._depth = tag, 1
        elif tag in _BLOCKS:
            self._end_line(apart=tag in _APART)
            self._kept += tag == "pre"
            self._begin_block(tag, attributes)
        elif tag == "br":
            self._line_break()
        elif tag in {"sup", "sub"}:
            self._placed.append((tag, len(self._line), self._links > 0))
        elif tag == "a":
            inside = "href" in attributes and "://" not in attributes["href"]
            self._links += inside
            self._link_count += inside
            self._placed = [(name, begin, True) for name, begin, _ in self._placed]
        elif tag in {"rt", "rtc"}:
            self._line.append("(")
        elif tag == "q" and not self._kept:
            self._quotations.append(len(self._line))
            self._line.append(self._marks()[0])
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
            if tag in {"ul", "ol"} and self._lists:
                self._lists.pop()
            if tag == "li":
                self._item = ""
        elif tag in {"sup", "sub"} and self._placed:
            self._end_placed(*self._placed.pop())
        elif tag == "a":
            self._links = max(0, self._links - 1)
        elif tag in {"rt", "rtc"}:
            self._line.append(")")
        elif tag == "q" and self._quotations and not self._kept:
            self._end_quotation()
        elif tag == "tr" and self._tables:
            self._end_row()
        elif tag in _CELLS and self._tables:
            self._end_cell()

    def data(self, data: str) -> None:
        """Add characters."""
        if not self._depth:
            data = data.replace("\N{SOFT HYPHEN}", "")
            self._letters[self._links > 0] += len(data.strip())
            self._line.append(data.replace("\N{NO-BREAK SPACE}", " ") if self._kept else _SPACE.sub(" ", data))

    def text(self) -> str:
        """Return the whole text."""
        while self._tables:
            self.end("table")
        self._end_line()
        return "\n".join(self._parts).strip("\n")

    def is_contents(self) -> bool:
        """Say whether what was written is a table of contents: nearly all of it links to other places of the book."""
        return self._link_count >= _LEAST_LINKS and self._letters[1] >= _LINKED * sum(self._letters)

    def _sink(self) -> list[str]:
        """Return where lines go: into the innermost cell that is open."""
        cells = (table.cell for table in reversed(self._tables))
        return next((cell for cell in cells if cell is not None), self._parts)

    def _begin_block(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag == "li":
            number = self._lists[-1] if self._lists else 0
            self._item = f"{number}. " if number else "- "
            if number:
                self._lists[-1] += 1
        elif tag == "table":
            self._tables.append(_Table())
        elif tag in {"ul", "ol"}:
            start = attributes.get("start", "1")
            self._lists.append(int(start) if tag == "ol" and start.isdecimal() else int(tag == "ol"))

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
        self._placed.clear()
        self._quotations = [-1] * len(self._quotations)
        sink = self._sink()
        if self._quotations and ends_in_mark(line) and len(line) == 1:
            self._line.append(line)
        elif line:
            sink.append(self._item + line)
            self._item = ""
        if apart and sink and sink[-1]:
            sink.append("")

    def _end_placed(self, tag: str, begin: int, is_link: bool) -> None:
        """Mark what was raised or lowered, where its place says something."""
        placed, before = "".join(self._line[begin:]), "".join(self._line[:begin])
        marks = raised_marks(before, placed, is_link=is_link) if tag == "sup" else lowered_marks(before, placed)
        if any(marks):
            self._line[begin:] = [marks[0], placed.strip(), marks[1]]

    def _marks(self) -> tuple[str, str]:
        """Return the marks of the innermost quotation that is open."""
        marks = marks_of(self._language)
        return (
            (marks.opening, marks.closing) if len(self._quotations) % 2 else (marks.inner_opening, marks.inner_closing)
        )

    def _end_quotation(self) -> None:
        """Write the mark after a quotation, or none around it where the text has its own."""
        closing = self._marks()[1]
        begin = self._quotations.pop()
        before, quoted = "".join(self._line[: max(0, begin)]), "".join(self._line[begin + 1 :])
        if begin >= 0 and (ends_in_mark(before) or is_quoted(quoted.strip())):
            self._line[begin] = ""
        elif begin < 0 and not quoted.strip():
            sink = self._sink()
            last = next((place for place in range(len(sink) - 1, -1, -1) if sink[place]), -1)
            if last >= 0:
                sink[last] += closing
        else:
            self._line.append(closing)

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
    kinds = {word for name, value in attributes.items() if name.endswith(":type") for word in value.split()}
    classes = set(attributes.get("class", "").lower().split())
    return (
        "hidden" in attributes
        or any(hiding in style for hiding in _HIDING)
        or attributes.get("aria-hidden", "").lower() == "true"
        or "pagebreak" in kinds
        or attributes.get("role", "") == "doc-pagebreak"
        or not classes.isdisjoint(_UNSEEN | _PAGE_NUMBERS)
    )
