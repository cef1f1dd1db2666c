"""Text out of the lines of a PDF file's pages: without running heads and page numbers, words and paragraphs whole.

Lines that stand at the edge of many pages, equal but for their numbers, belong to the book's frame. A hyphen at a
line's end goes where the word exists without it: in the document, or in a word list of its language. A line that ends
well before the right edge of its page's text ends a paragraph; so do a gap, an indent, and a change of size.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise
from statistics import median

from resiliparse.parse.lang import detect_fast

from prep.stages.read.books.pdf_page import HYPHEN, Line

_EDGE = 2
"""So many lines at the top and at the bottom of a page may be its frame."""
_FRAME_GAP = 1.15
"""The frame stands apart from the text by more than so many steps between lines."""
_LEAST_PAGES = 3
_DIGITS = re.compile(r"\d+|\b[ivxlc]{1,6}\b")
_HYPHENS = (HYPHEN, "\N{SOFT HYPHEN}", "-", "‐")
_END = re.compile(rf"([\w'’]+)(?:{HYPHEN}|\N{{SOFT HYPHEN}}|-|‐)\Z")
_BEGIN = re.compile(r"[\w'’]+")
_TAIL = re.compile(r"\S*")
_ADDRESS = re.compile(r"(?:://|www\.|@|/)\S*\Z")
_WORDS = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_LANGUAGES = ("de", "en", "es", "fr", "it", "nl", "pt", "ru")
_BULLETS = tuple(f"{mark} " for mark in "•‣◦▪●■►–")
_GAP = 1.6
"""A step down of more than so many times the usual one ends a paragraph."""
_SAMPLE = 100_000
_LONG_ENOUGH = 500
"""The language of a text of fewer characters is taken for English."""
_BROKEN = re.compile(rf"[\w'’]+(?:{HYPHEN}|\N{{SOFT HYPHEN}}|-|‐)\n[\w'’]+")
SENTENCE_ENDS = tuple(".!?:;…\"'”’»)。！？")


def without_frame(pages: Sequence[Sequence[Line]]) -> list[list[Line]]:
    """Return pages without the lines that many of them have at their edges: heads, feet, page numbers."""
    edges = [_edges(page) for page in pages]
    seen = Counter(key for lines in edges for key in {key for _, key in lines})
    least = max(_LEAST_PAGES, len(pages) // 20)
    frames = [{id(line) for line, key in lines if seen[key] >= least} for lines in edges]
    return [[line for line in page if id(line) not in frame] for page, frame in zip(pages, frames, strict=True)]


def _edges(page: Sequence[Line]) -> list[tuple[Line, str]]:
    """Return the lines at the top and at the bottom of a page, each with what it has in common with others.

    Numbers may differ where a line stands apart from the text, or is a number; elsewhere lines must be equal.
    """
    by_height = sorted(page, key=lambda line: -line.base)
    steps = [a.base - b.base for a, b in pairwise(by_height) if a.base - b.base > 0.5 * a.size]
    step = median(steps) if steps else 0.0
    found: list[tuple[Line, str]] = []
    for lines in (by_height, by_height[::-1]):
        apart = _apart(lines, step)
        for number, line in enumerate(lines[:_EDGE]):
            found.append((line, _key(line) if number < apart or _is_number(line) else f"{number} {line.text}"))
    return found


def _apart(lines: Sequence[Line], step: float) -> int:
    """Return how many lines stand before the first wider step or other size; none where there is none nearby."""
    for number, (line, following) in enumerate(pairwise(lines[: _EDGE + 1]), start=1):
        if abs(line.base - following.base) > _FRAME_GAP * step or abs(line.size - following.size) > 0.1 * line.size:
            return number
    return 0


def _is_number(line: Line) -> bool:
    return _key(line).strip("-–—|. []()") in {"#", "page #", "# / #", "# of #", "page # of #"}


def _key(line: Line) -> str:
    return _DIGITS.sub("#", " ".join(line.text.split()).lower())


def blocks(page: Sequence[Line]) -> Iterator[list[Line]]:
    """Cut a page's lines where a gap, an indent, another column or size shows that a paragraph begins."""
    steps = [a.base - b.base for a, b in pairwise(page) if a.column == b.column and 0 < a.base - b.base < 3 * a.size]
    step = median(steps) if steps else 0.0
    block: list[Line] = []
    for line in page:
        if block and _begins(block[-1], line, step):
            yield block
            block = []
        block.append(line)
    if block:
        yield block


def _begins(before: Line, line: Line, step: float) -> bool:
    if line.cells > 1 or before.cells > 1 or abs(before.size - line.size) > 0.15 * before.size:
        return True
    if line.text.startswith(_BULLETS):
        return True
    down = before.base - line.base
    if down <= 0 or line.column != before.column:  # the text goes on in the next column, perhaps in a sentence
        return before.text.endswith(SENTENCE_ENDS) or not line.text[0].islower()
    return down > _GAP * step or (line.left - before.left > 0.8 * line.size and line.left - before.left < 6 * line.size)


class Hyphens:
    """Decides on hyphens at line ends by the words of the document and of its language."""

    def __init__(self, text: str) -> None:
        self._known = Counter(_WORDS.findall(_BROKEN.sub(" ", text.lower())))
        language = str(detect_fast(text[:_SAMPLE])[0]) if len(text) > _LONG_ENOUGH else "en"
        self._list = (
            word_list(language if language in _LANGUAGES else "en") if HYPHEN in text or "-\n" in text else None
        )

    def joined(self, lines: Sequence[str]) -> list[tuple[str, bool]]:
        """Return the lines with each word that was broken at a line's end whole, at the end of its first line.

        With each line comes whether it ended in such a word. A line that held nothing else is then empty.
        """
        joined: list[str] = []
        broken: set[int] = set()
        last = 0
        for number, line in enumerate(lines):
            joined.append(line)
            end = _END.search(joined[last]) if number and joined[last].endswith(_HYPHENS) else None
            begin = _BEGIN.match(line)
            if end is not None and begin is not None:
                glued = _TAIL.match(line, begin.end())
                stop = begin.end() if glued is None else glued.end()
                joined[last] = joined[last][: end.start()] + self._whole(joined[last], end, begin[0])
                joined[last] += line[begin.end() : stop]
                joined[number] = line[stop:].lstrip()
                broken.add(last)
            last = number if joined[number] else last
        whole = (line.replace(HYPHEN, "-").replace("\N{SOFT HYPHEN}", "") for line in joined)
        return [(line, number in broken) for number, line in enumerate(whole)]

    def _whole(self, line: str, end: re.Match[str], second: str) -> str:
        first, mark = end[1], line[-1]
        if mark == "\N{SOFT HYPHEN}":
            return first + second
        if not first.isalpha() or not second.isalpha() or second[0].isupper() or len(first) == 1:
            return f"{first}-{second}"
        if _ADDRESS.search(line):
            return f"{first}-{second}"
        if self._is_word(first + second):
            return first + second
        both = self._is_word(first) and self._is_word(second)
        return f"{first}-{second}" if both or self._known[f"{first}-{second}".lower()] else first + second

    def _is_word(self, word: str) -> bool:
        return word.lower() in self._known or (self._list is not None and word.lower() in self._list)


@cache
def word_list(language: str) -> frozenset[str]:
    """Return the words of a language that the library's lists of frequencies have."""
    from spellchecker import SpellChecker

    return frozenset(SpellChecker(language=language).word_frequency.words())
