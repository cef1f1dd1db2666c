"""Plain text from wikitext, the markup of MediaWiki.

Code and formulas are set aside first. Then one pass over the brackets with a stack of what is open: links become their
labels, files and categories go, templates become what a reader sees of them (`prep.stages.read.wiki.templates`), tables
become lines of cells. What is left are line marks and HTML. Brackets that do not match are text, and beyond a depth of
40 all of them are, so the cost grows with the length alone.
Source: https://www.mediawiki.org/wiki/Help:Formatting and Help:Tables.
"""

import html
import re

from prep.stages.read.wiki.templates import shown
from prep.stages.read.wiki.verbatim import Verbatim
from prep.stages.shared.markup.placed import lowered_marks, raised_marks

_MAX_DEPTH = 40

_GONE = "ref|gallery|timeline|score|templatedata|imagemap|graph|mapframe|maplink|style|script|references|section"
_GONE += "|templatestyles|indicator"
_UNSEEN = re.compile(
    rf"<!--.*?(?:-->|\Z)|<(?:{_GONE})\b[^<>]*/>|<({_GONE})\b[^<>]*>.*?(?:</\1\s*>|\Z)|__[A-Z]+__",
    re.DOTALL | re.IGNORECASE,
)
_BRACKET = re.compile(r"\[\[|\]\]|\{\{|\}\}|^[ \t:]*\{\||^[ \t]*\|\}(?!\})", re.DOTALL | re.MULTILINE)
_PAIRS = {"]]": "[[", "}}": "{{", "|}": "{|"}
_EXTERNAL = re.compile(r"\[(?:(?:https?:|ftp:)?//|mailto:)[^\s\[\]]{1,2000}[ \t]*([^\[\]\n]{0,2000})\]")
_QUOTES = re.compile(r"'{2,5}")
_BREAK = re.compile(r"<(?:br|p|/p|hr|div|/div)\b[^<>]{0,200}>", re.IGNORECASE)
_TAG = re.compile(r"</?[a-zA-Z][^<>]{0,500}>")
_HEADING = re.compile(r"(={1,6})[ \t]*(.+?)[ \t]*\1[ \t]*")
_LIST = re.compile(r"([*#:;]+)[ \t]*(.*)")
_CELL = re.compile(r"\|\||!!")
_ENDS = re.compile(r"[ \t]*(?:\n|\Z)|\{\{")
_HOLLOW = re.compile(r"\([ \t,;:–-]{0,20}\x04[ \t,;:–\x04-]{0,20}\)")
_SPACES = re.compile(r"[ \t\xa0]{2,}")
_INTERWIKI = re.compile(r"[a-z]{2,3}(?:-[a-z]+)*:")

_FILES = frozenset(
    {"file", "image", "media", "category", "datei", "bild", "kategorie", "fichier", "catégorie", "archivo", "imagen"}
    | {"categoría", "ficheiro", "imagem", "arquivo", "categoria", "immagine", "файл", "изображение", "категория"}
    | {"категорія", "зображення", "plik", "grafika", "kategoria", "bestand", "afbeelding", "categorie", "fil"}
    | {"kategori", "soubor", "fájl", "kép", "kategória", "dosya", "resim", "tiedosto", "luokka", "fișier", "imagine"}
    | {"αρχείο", "εικόνα", "κατηγορία", "ملف", "صورة", "تصنيف", "קובץ", "תמונה", "קטגוריה", "ファイル", "画像"}
    | {"カテゴリ", "파일", "분류", "文件", "图像", "檔案", "分类", "分類", "tập tin", "hình", "thể loại", "berkas"}
    | {"ไฟล์", "หมวดหมู่", "चित्र", "श्रेणी"}
)
"""Names of the namespaces of files and categories in large wikis, in lower case; a dump names its own."""
_VANISHED = "\x04"
"""Stands where a template or note was that shows nothing, until it is clear what it leaves empty."""
_ESCAPED_BAR = "\x01"
"""Stands for a bar that parts no arguments, because it was shown already."""
_ESCAPED_EQUALS = "\x05"
"""Stands for an equals sign that gives no argument its name, because it was shown already."""
_PLACED = re.compile(r"<(su[pb])\b[^<>]{0,200}>([^<>\n]{1,60})</\1\s*>", re.IGNORECASE)
_PARAMETER = re.compile(r"(?<!\{)\{\{\{[^{}|\n]{1,80}(?:\|([^{}]{0,500}))?\}\}\}(?!\})")
_VARIANTS = re.compile(r"-\{([^{}\n]{0,500})\}-")
_VARIANT = re.compile(r"\s*(?:[^:;=>]*=>)?\s*[a-z]{2,3}(?:-[a-z]+)?\s*:\s*([^;]*)")
_QUALIFIER = re.compile(r"\s*\([^()]*\)\s*\Z|,[^,]*\Z")
_RULE = re.compile(r"-{4,}")
_REDIRECT = re.compile(r"\s*#\s*[^\W\d_]+\s*:?\s*\[\[([^\[\]|\n]+)(?:\|[^\[\]\n]*)?\]\][^\n]{0,200}\s*\Z")
"""A page whose only line leads to another; its first word is in the wiki's language."""
_AROUND = 40


def plain_text(wikitext: str, hidden: frozenset[str] = frozenset()) -> str:
    """Return the text that a reader sees, a line per paragraph, heading, list item or table row.

    `hidden` are more names of namespaces, in lower case, whose links show no text: files and categories.
    """
    verbatim = Verbatim()
    plain = wikitext.replace(_ESCAPED_BAR, "").replace(_VANISHED, "").replace(_ESCAPED_EQUALS, "")
    text = _UNSEEN.sub(_VANISHED, verbatim.take_out(plain))
    text = _VARIANTS.sub(_variant, _PARAMETER.sub(lambda found: found[1] or "", text))
    text = _resolve(text, _FILES | hidden).replace(_ESCAPED_BAR, "|").replace(_ESCAPED_EQUALS, "=")
    text = _EXTERNAL.sub(lambda link: link[1], text)
    text = _PLACED.sub(_marked, _QUOTES.sub("", text))
    text = _TAG.sub("", _BREAK.sub("\n", text))
    lines = _without_empty_sections(_lines(html.unescape(text)))
    return verbatim.put_back("\n".join(lines)).strip("\n")


def redirect_target(wikitext: str) -> str | None:
    """Return the page that a page without text of its own leads to, None where it is no redirect."""
    found = _REDIRECT.match(wikitext)
    return None if found is None else found[1].strip()


def _marked(found: re.Match[str]) -> str:
    """Return text that is raised or lowered with the marks that say so."""
    before = _TAG.sub("", found.string[max(0, found.start() - _AROUND) : found.start()].rpartition("\n")[2])
    text = html.unescape(found[2]).strip()
    raised = found[1].lower() == "sup"
    marks = raised_marks(before, text, is_link=False) if raised else lowered_marks(before, text)
    return marks[0] + found[2].strip() + marks[1]


def _variant(found: re.Match[str]) -> str:
    """Return the first of the spellings that a language's readers choose from."""
    content = found[1].rpartition("|")[2]
    first = _VARIANT.match(content)
    return content if first is None else first[1].strip()


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
        if mark not in _PAIRS:
            if len(stack) < _MAX_DEPTH:
                stack.append(_Open(mark))
            else:
                stack[-1].parts.append(bracket[0])
        elif any(item.mark == _PAIRS[mark] for item in stack):
            _close_down_to(stack, _PAIRS[mark])
            item = stack.pop()
            alone = item.mark == "{{" and len(stack) == 1 and _begins_line(stack[0].parts) and _ENDS.match(text, end)
            found = _shown(item.mark, "".join(item.parts), hidden, alone=bool(alone))
            if len(stack) > 1:
                found = found.replace("|", _ESCAPED_BAR)
                found = found.replace("=", _ESCAPED_EQUALS) if item.mark == "{{" else found
            stack[-1].parts.append(found or _VANISHED)
        else:
            stack[-1].parts.append(bracket[0])
    stack[-1].parts.append(text[end:])
    _close_down_to(stack, "")
    return "".join(stack[0].parts)


def _begins_line(parts: list[str]) -> bool:
    """Say whether nothing stands yet on the line that the parts end in."""
    for part in reversed(parts):
        line = part.rpartition("\n")
        if line[2].strip(" \t\r" + _VANISHED):
            return False
        if line[1]:
            return True
    return True


def _close_down_to(stack: list[_Open], mark: str) -> None:
    """Take what is open above the topmost such bracket for text."""
    above: list[str] = []
    while stack[-1].mark != mark:
        item = stack.pop()
        above += [*reversed(item.parts), item.mark]
    stack[-1].parts += reversed(above)


def _shown(mark: str, content: str, hidden: frozenset[str], *, alone: bool) -> str:
    if mark == "[[":
        target, pipe, label = content.partition("|")
        space = target.partition(":")[0].strip().lower() if ":" in target else ""
        if space in hidden or (not pipe and _INTERWIKI.match(target)):
            return ""
        if pipe and not label.strip():  # the name without what tells it from others
            label = _QUALIFIER.sub("", target.removeprefix(":").rpartition(":")[2])
        return label if pipe else target.removeprefix(":")
    if mark == "{{":
        name, *parts = content.split("|")
        found = shown(name, parts, alone=alone)
        return "{{" + content + "}}" if found is None else found
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
            rows[-1][-1] = f"{rows[-1][-1]} {stripped}".strip()
    return "\n" + "\n".join(" | ".join(row).strip() for row in rows if any(row)) + "\n"


def _cell(cell: str) -> str:
    """Return a cell without the attributes that may precede its text."""
    attributes, bar, text = cell.partition("|")
    return (text if bar and "=" in attributes else cell).strip()


def _lines(text: str) -> list[tuple[int, str]]:
    """Return the lines that are not empty, headings with their level (1 to 6), others with 0."""
    lines = []
    for raw in text.split("\n"):
        if raw.startswith(" ") and (code := raw[1:].replace(_VANISHED, "").rstrip()):
            lines.append((0, code))
            continue
        line = _SPACES.sub(" ", _HOLLOW.sub("", raw).replace(_VANISHED, "")).strip()
        if not line or _RULE.fullmatch(line):
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
