"""Writes the quotation marks of `<q>` into a page, which shows them without holding them.

The marks are those of the language around the element, double and single ones in turn; styles are not looked at. They
are left out in code, and where the text has quotation marks of its own at both ends of the element, inside or outside.
Marks stand outside of elements that begin or end with the quotation, but in its first and last block. Cost: linear in
the elements of pages that have a `<q>`; others are not read.
"""

import re
from html import unescape
from typing import Final

import numpy as np

from prep.corpus.arrow.columns import Bytes
from prep.stages.extract.html.element_kernels import UNSEEN_BIT, inside, number
from prep.stages.extract.html.gap_kernels import SEAM
from prep.stages.extract.html.markup_kernels import Stretches
from prep.stages.extract.html.nesting_kernels import Elements
from prep.stages.extract.html.quotation_kernels import quotation_levels, visible_text
from prep.stages.shared.markup.quotation_marks import is_between_marks, is_quoted, marks_of

_Q: Final = number("q")
_UNMARKED: Final = inside("pre code") | UNSEEN_BIT
_END_TAGS: Final = re.compile(rb"(?:\s{0,64}</(?!q[\s>])[a-z][a-z0-9]{0,9}>){0,16}\s{0,64}(?=</q>)", re.IGNORECASE)
_WINDOW: Final = 16
"""Bytes beside a quotation that are searched for marks."""


def write_quotation_marks(html: bytes, page: Bytes, elements: Elements, stretches: Stretches) -> bytes:
    """Return a page with the quotation marks that it shows; `page` are the same bytes."""
    quotations = np.flatnonzero(elements.kind == _Q)
    levels, starts, ends, contents = quotation_levels(page, elements)
    text_starts, text_ends, following, preceding = visible_text(page, elements, stretches)
    inserted: list[tuple[int, int, str]] = []
    resumed: dict[int, int] = {}  # where what follows an inner quotation begins, by its last stretch
    for quotation in reversed(quotations.tolist()):
        first, last = int(following[elements.first[quotation]]), int(preceding[elements.last[quotation]])
        if first >= last or elements.inside[quotation] & _UNMARKED:
            continue
        start, end = int(text_starts[first]), int(text_ends[last - 1])
        begin, finish, content = start, end, int(contents[quotation])
        block = elements.block[quotation]
        begins_apart = elements.block[stretches.element[first]] != block or start > stretches.start[first]
        if not begins_apart and html[content:start].strip():
            begin = content
        if elements.block[stretches.element[last - 1]] == block:
            finish, resumed[last] = _end_of(html, resumed.get(last, end))
        if _is_quoted(html, start, end) or is_between_marks(*_beside(html, stretches, first, last)):
            continue
        marks = marks_of(html[starts[quotation] : ends[quotation]].decode(errors="ignore").strip().lower())
        opening, closing = marks[2:] if levels[quotation] % 2 else marks[:2]
        inserted += [(begin, quotation, opening), (finish, -quotation, closing)]
    parts, at = [], 0
    for place, _, mark in sorted(inserted):
        parts += [html[at:place], mark.encode()]
        at = place
    return b"".join([*parts, html[at:]])


def _end_of(html: bytes, end: int) -> tuple[int, int]:
    """Return where a quotation's mark belongs after its last text or inner quotation, and where its end tag ends."""
    tags = _END_TAGS.match(html, end)
    if tags is None:
        return end, end
    return tags.end() if tags.group().strip() else end, tags.end() + len(b"</q>")


def _is_quoted(html: bytes, start: int, end: int) -> bool:
    first = unescape(html[start : min(end, start + _WINDOW)].decode(errors="ignore"))[:1]
    return is_quoted(first + unescape(html[max(start, end - _WINDOW) : end].decode(errors="ignore"))[-1:])


def _beside(html: bytes, stretches: Stretches, first: int, last: int) -> tuple[str, str]:
    """Return the ends of the text directly before and after some stretches; empty ones at breaks."""
    before = after = b""
    if first > 0 and stretches.gap[first] % SEAM == 0:
        end = int(stretches.end[first - 1])
        before = html[max(int(stretches.start[first - 1]), end - _WINDOW) : end]
    if last < len(stretches.start) and stretches.gap[last] % SEAM == 0:
        start = int(stretches.start[last])
        after = html[start : min(int(stretches.end[last]), start + _WINDOW)]
    return unescape(before.decode(errors="ignore")), unescape(after.decode(errors="ignore"))
