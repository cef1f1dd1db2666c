"""Plain text from wikitext, the markup of MediaWiki.

One pass over the brackets with a stack of what is open: links become their labels; files, categories and templates go,
but for the few templates that only dress up a text; tables become lines of cells. What is left are line marks and HTML.
Brackets that do not match are text, and beyond a depth of 40 all of them are, so the cost grows with the length alone:
about 8 MB/s. A parser that keeps the whole tree (mwparserfromhell) takes several times as long.
Source: https://www.mediawiki.org/wiki/Help:Formatting and Help:Tables.
"""

import html
import re
from collections.abc import Callable, Mapping

_MAX_DEPTH = 40

_GONE = "ref|gallery|timeline|score|templatedata|imagemap|graph|mapframe|maplink|style|script|references|section"
_UNSEEN = re.compile(
    rf"<!--.*?(?:-->|\Z)|<(?:{_GONE})\b[^<>]*/>|<({_GONE})\b[^<>]*>.*?(?:</\1\s*>|\Z)|__[A-Z]+__",
    re.DOTALL | re.IGNORECASE,
)
_BRACKET = re.compile(
    r"\[\[|\]\]|\{\{|\}\}|^[ \t:]*\{\||^[ \t]*\|\}|<nowiki>.*?(?:</nowiki>|\Z)", re.DOTALL | re.MULTILINE
)
_PAIRS = {"]]": "[[", "}}": "{{", "|}": "{|"}
_EXTERNAL = re.compile(r"\[(?:(?:https?:|ftp:)?//|mailto:)[^\s\[\]]{1,2000}[ \t]*([^\[\]\n]{0,2000})\]")
_QUOTES = re.compile(r"'{2,5}")
_BREAK = re.compile(r"<(?:br|p|/p|hr|div|/div)\b[^<>]{0,200}>", re.IGNORECASE)
_TAG = re.compile(r"</?[a-zA-Z][^<>]{0,500}>")
_HEADING = re.compile(r"(={1,6})[ \t]*(.+?)[ \t]*\1[ \t]*")
_LIST = re.compile(r"([*#:;]+)[ \t]*(.*)")
_CELL = re.compile(r"\|\||!!")
_HOLLOW = re.compile(r"\([ \t,;:–-]{0,20}\)")
_SPACES = re.compile(r"[ \t\xa0]{2,}")
_INTERWIKI = re.compile(r"[a-z]{2,3}(?:-[a-z]+)*:")

_FIRST: Callable[[list[str]], str] = lambda given: given[0] if given else ""  # noqa: E731
_KEPT: Mapping[str, Callable[[list[str]], str]] = {
    **dict.fromkeys(("nowrap", "nobr", "small", "big", "abbr", "sic", "formatnum", "em", "strong"), _FIRST),
    **dict.fromkeys(("lang", "langx", "transl"), lambda given: given[-1] if given else ""),
    **dict.fromkeys(("convert", "cvt"), lambda given: " ".join(given[:2])),
}
"""Templates that only dress up what they are given → what is left of it."""


def plain_text(wikitext: str, hidden: frozenset[str] = frozenset({"file", "image", "category"})) -> str:
    """Return the text that a reader sees, a line per paragraph, heading, list item or table row.

    `hidden` are the names of namespaces, in lower case, whose links show no text: files and categories.
    """
    text = _resolve(_UNSEEN.sub("", wikitext), hidden)
    text = _EXTERNAL.sub(lambda link: link[1], text)
    text = _TAG.sub("", _BREAK.sub("\n", _QUOTES.sub("", text)))
    return "\n".join(_without_empty_sections(_lines(html.unescape(text)))).strip("\n")


class _Open:
    """A bracket that is not closed yet, and what follows it."""

    def __init__(self, mark: str) -> None:
        self.mark = mark
        self.parts: list[str] = []


def _resolve(text: str, hidden: frozenset[str]) -> str:
    """Replace links, templates and tables by what is seen of them."""
    stack = [_Open("")]
    end = 0
    for bracket in _BRACKET.finditer(text):
        stack[-1].parts.append(text[end : bracket.start()])
        end = bracket.end()
        mark = bracket[0].strip(" \t:")
        if mark.startswith("<"):
            stack[-1].parts.append(html.escape(mark[len("<nowiki>") :].removesuffix("</nowiki>")))
        elif mark not in _PAIRS:
            if len(stack) < _MAX_DEPTH:
                stack.append(_Open(mark))
            else:
                stack[-1].parts.append(bracket[0])
        elif any(item.mark == _PAIRS[mark] for item in stack):
            _close_down_to(stack, _PAIRS[mark])
            item = stack.pop()
            stack[-1].parts.append(_shown(item.mark, "".join(item.parts), hidden))
        else:
            stack[-1].parts.append(bracket[0])
    stack[-1].parts.append(text[end:])
    _close_down_to(stack, "")
    return "".join(stack[0].parts)


def _close_down_to(stack: list[_Open], mark: str) -> None:
    """Take what is open above the topmost such bracket for text."""
    above: list[str] = []
    while stack[-1].mark != mark:
        item = stack.pop()
        above += [*reversed(item.parts), item.mark]
    stack[-1].parts += reversed(above)


def _shown(mark: str, content: str, hidden: frozenset[str]) -> str:
    if mark == "[[":
        target, pipe, label = content.partition("|")
        space = target.partition(":")[0].strip().lower() if ":" in target else ""
        if space in hidden or (not pipe and _INTERWIKI.match(target)):
            return ""
        return label if pipe else target.removeprefix(":")
    if mark == "{{":
        name, _, given = content.partition("|")
        function, colon, value = name.partition(":")
        kept = _KEPT.get(function.strip().lower())
        if kept is None:
            return ""
        return kept([value] if colon else [item for item in given.split("|") if "=" not in item])
    return _table(content)


def _table(content: str) -> str:
    """Return a table's rows as lines, cells parted by bars."""
    rows: list[list[str]] = [[]]
    for line in content.split("\n")[1:]:
        stripped = line.strip()
        if stripped.startswith("|-"):
            rows.append([])
        elif stripped.startswith("|+"):
            rows += [[_cell(stripped[2:])], []]
        elif stripped.startswith(("|", "!")):
            rows[-1] += [_cell(cell) for cell in _CELL.split(stripped[1:])]
        elif stripped and rows[-1]:
            rows[-1][-1] += " " + stripped
    return "\n" + "\n".join(" | ".join(filter(None, row)) for row in rows if any(row)) + "\n"


def _cell(cell: str) -> str:
    """Return a cell without the attributes that may precede its text."""
    attributes, bar, text = cell.partition("|")
    return (text if bar and "=" in attributes else cell).strip()


def _lines(text: str) -> list[tuple[int, str]]:
    """Return the lines that are not empty, headings with their level (1 to 6), others with 0."""
    lines = []
    for raw in text.split("\n"):
        line = _SPACES.sub(" ", _HOLLOW.sub("", raw)).strip()
        if not line:
            continue
        heading = _HEADING.fullmatch(line)
        item = None if heading else _LIST.fullmatch(line)
        if heading:
            lines.append((len(heading[1]), heading[2]))
        elif item is None:
            lines.append((0, line))
        elif item[2]:
            lines.append((0, f"- {item[2]}" if item[1][-1] in "*#" else item[2]))
    return lines


def _without_empty_sections(lines: list[tuple[int, str]]) -> list[str]:
    """Leave out headings that no text follows before the next one as high; an empty line precedes the others."""
    kept: list[str] = []
    follows = 7
    """The level of the heading below, 0 for text, 7 at the end."""
    for level, line in reversed(lines):
        if (level and follows and follows <= level) or (level and follows == 7):
            continue
        kept += [line, ""] if level else [line]
        follows = level
    return kept[::-1]
