"""A page's elements and stretches of text, read in one pass over its bytes.

This follows the HTML standard's tree construction (WHATWG HTML, section 13.2) as far as it decides where text stands:
void elements, raw text, end tags that start tags imply (`<li>`, `<td>`, `<p>` …), end tags of what is not open. It
leaves out what does not: foster parenting, the adoption agency and formatting elements that are built again in the
next block. So it is linear in the page's length, whatever the page: an end tag that matches nothing costs a look at
the open elements, of which there are at most `DEEPEST`; start tags deeper than that are passed over, as browsers do.

Cost: about 0.5 ms for a page of 290 kB. Memory: about 100 bytes per tag (`count_tags` tells how many there are).
"""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from prep.corpus.arrow.columns import Bytes
from prep.corpus.kernels import inner, kernel, leaf
from prep.stages.extract.features.vocabulary_kernels import CLASS_GROUPS
from prep.stages.extract.html.attribute_kernels import (
    BROKEN,
    CELL,
    CODE,
    DATED,
    EDITOR,
    EDITOR_LINE,
    FORMULA,
    FRAGMENT,
    GRID,
    GUTTER,
    HIDES,
    LINE,
    LINED,
    OPEN,
    OPENS,
    PICTURED,
    ROW,
    ROW_HEAD,
    SET_APART,
    SHADOW,
    SILENT,
    SPACED,
    UNBROKEN,
    UNSEEN,
    attribute_range,
    read_attributes,
)
from prep.stages.extract.html.element_kernels import (
    BIT_OF,
    BROKEN_BIT,
    CELL_BIT,
    CUSTOM,
    GRID_BIT,
    GUTTER_BIT,
    HIDDEN_BIT,
    IS_BLOCK,
    IS_RAW,
    IS_UNSEEN,
    IS_VOID,
    LINED_BIT,
    ROW_BIT,
    ROW_HEAD_BIT,
    SPACED_BIT,
    UNBROKEN_BIT,
    UNSEEN_BIT,
    element_number,
    inside,
    name_hash,
    number,
)
from prep.stages.extract.html.gap_kernels import APART, BLOCK_BREAK, NO_BREAK, at_line, at_seam, widened
from prep.stages.extract.html.nesting_kernels import (
    Elements,
    Integers,
    close,
    cut_elements,
    ended_by_end_tag,
    ended_by_start_tag,
    new_elements,
    table_around,
)
from prep.stages.extract.html.tag_kernels import begins_markup, declaration_end, raw_text_end, read_name

DEEPEST: Final = 512
"""Most elements that are open at a time (the bound of Chrome's parser)."""


class Stretches(NamedTuple):
    """The text between tags, in order: byte ranges of the page. One entry per stretch that is seen."""

    start: npt.NDArray[np.int64]
    end: npt.NDArray[np.int64]
    element: Integers
    gap: Integers
    """What stands before it (see `gap_kernels`)."""


class Facts(NamedTuple):
    """Where the page says something about itself. One entry per such element, in order."""

    kind: npt.NDArray[np.uint8]
    """The number of the name: `meta`, `link`, `base`, `title`, `html`, `time` or `script`, or that of an element that
    says that it holds the date of publication."""
    start: npt.NDArray[np.int64]
    """Where its attributes begin."""
    middle: npt.NDArray[np.int64]
    """Where its start tag ends and its content begins."""
    end: npt.NDArray[np.int64]
    """Where its content ends; only for `title` and `script`. Elsewhere where its start tag does."""


_SLASH, _LESS, _GREATER, _BANG, _QUESTION, _SPACE = 47, 60, 62, 33, 63, 32
_HTML, _HEAD, _BODY, _SVG = (number(name) for name in ("html", "head", "body", "svg"))
_TD, _TH = number("td"), number("th")
_TEXTAREA, _XMP, _PLAINTEXT, _DIALOG, _NOSCRIPT = (
    number(name) for name in ("textarea", "xmp", "plaintext", "dialog", "noscript")
)
_PRE: Final = inside("pre")
_OWN_BITS: Final = BROKEN_BIT | UNBROKEN_BIT | ROW_BIT | CELL_BIT | ROW_HEAD_BIT | GRID_BIT
_A, _DIV, _P, _SPAN = (number(name) for name in ("a", "div", "p", "span"))
_MATH: Final = number("math")
_DRAWN, _PREFIXED, _PREFIXED_TOO = (name_hash(name) for name in (b"mjx-container", b"m:math", b"mml:math"))
_ISLAND: Final = name_hash(b"xml")
"""The element in which Word keeps settings."""
_BUTTON, _IMG = number("button"), number("img")
_ALT: Final = name_hash(b"alt")
_LONGEST_PICTURED: Final = 32
"""Bytes of the alternative text of an image that stands for a character."""
_OPENS_ON_CLICK: Final = np.uint64(
    sum(1 << place for place, group in enumerate(CLASS_GROUPS) if group in ("accordion", "slide"))
)
"""Groups of class words of what a click opens, or shows next."""
_OVERLAY: Final = np.uint64(1 << list(CLASS_GROUPS).index("modal"))
"""The group of class words of what opens above the page."""
_PARTS_AROUND: Final = 3
"""Elements around a hidden one whose class may say that a click opens it."""
_META, _LINK, _BASE, _TITLE, _TIME, _SCRIPT = (
    number(name) for name in ("meta", "link", "base", "title", "time", "script")
)


@kernel
def count_tags(page: Bytes) -> int:
    """Return how many tags and comments a page has at most: what `read_markup` takes memory and time for."""
    found = 0
    for at in range(len(page) - 1):
        if page[at] == _LESS and begins_markup(page[at + 1]):
            found += 1
    return found


@kernel
def read_markup(page: Bytes, tags: int) -> tuple[Elements, Stretches, Facts, bool]:
    """Return the elements, the stretches of text and the facts of a page in UTF-8 with so many tags.

    The last says whether the page holds formulas.
    """
    elements, stretches, facts = new_elements(tags + 1), _new_stretches(2 * tags + 1), _new_facts(tags)
    opened = np.zeros(CUSTOM + 1, np.int64)  # open elements by number
    made, seen, noted = 1, 0, 0  # elements, stretches, facts
    current = 0
    unseen = 0  # the open element whose content is no text
    passed = np.zeros(CUSTOM + 1, np.int64)  # start tags passed over because they are too deep, by number
    too_deep = False
    formulas = False
    gap = BLOCK_BREAK
    seam_in, ended_kind = -1, 0  # the element in which another has just ended, and that one's kind
    numbered_row = -1  # the row of a table whose last cell holds numbers of lines
    code_around = 0  # the open element whose parts are lines of code
    fragment = -1  # the element that was last said to hold lines of code
    at = 0
    while at < len(page):
        start = at
        while at < len(page) and not (page[at] == _LESS and at + 1 < len(page) and begins_markup(page[at + 1])):
            at += 1
        if at > start and unseen == 0:
            if elements.kind[current] == _HEAD and not _blank(page, start, at):
                current = close(elements, opened, current, current, seen)
            _add_stretch(stretches, seen, start, at, current, gap)
            seen += 1
            gap = NO_BREAK
            seam_in = -1
        if at >= len(page):
            break
        at += 1
        if page[at] in (_BANG, _QUESTION):
            at = declaration_end(page, at)
            continue
        closing = page[at] == _SLASH
        if closing:
            at += 1
        at, name, dashed = read_name(page, at)
        kind = element_number(name, dashed)
        if closing:
            while at < len(page) and page[at] != _GREATER:
                at += 1
            at += 1
            shown = kind
            if passed[kind] > 0:
                passed[kind] -= 1
            else:
                last = ended_by_end_tag(elements, opened, current, kind, name)
                if last > 0:
                    if unseen >= last:  # elements are numbered in order: it closes too
                        unseen = 0
                    if too_deep:
                        passed[:] = 0
                        too_deep = False
                    if code_around >= last:
                        code_around = 0
                    current = close(elements, opened, current, last, seen)
                    seam_in, ended_kind = current, kind
                    shown = _shown_of(kind, elements.inside[last])
            if unseen == 0:
                gap = widened(gap, shown, code_around > 0 or elements.inside[current] & _PRE != 0)
            continue

        attributes = at
        at, ended, groups, shape, marks, linked_data = read_attributes(page, at, name)
        formulas |= marks & FORMULA != 0 or kind == _MATH or name in (_DRAWN, _PREFIXED, _PREFIXED_TOO)
        if kind in (_HTML, _BODY) and opened[kind] > 0:
            continue
        last = ended_by_start_tag(elements, opened, current, kind)
        if last > unseen:
            if code_around >= last:
                code_around = 0
            current = close(elements, opened, current, last, seen)
        if marks & (ROW | CELL) != 0 and elements.inside[current] & (ROW_BIT | GRID_BIT) != 0:
            marks |= BROKEN
        shown = _shown(kind, marks)
        if unseen == 0:
            closes = kind if last > unseen else shown
            gap = widened(gap, closes, code_around > 0 or elements.inside[current] & _PRE != 0)
            if seam_in == current:
                gap = at_seam(gap, ended_kind, kind, elements.kind[current], elements.inside[current])
            if marks & SET_APART != 0:
                gap |= APART
            if marks & LINE != 0 and elements.inside[current] & _PRE != 0:
                gap = at_line(gap)
        seam_in = -1
        content = at
        raw_end = raw_text_end(page, at, name) if IS_RAW[kind] else at
        if (_is_fact(kind, linked_data) or (marks & DATED != 0 and unseen == 0)) and elements.kind[unseen] != _SVG:
            _add_fact(facts, noted, kind, attributes, at, raw_end)
            noted += 1
        at = raw_end
        if kind == _IMG and marks & PICTURED != 0 and unseen == 0:
            first, end = attribute_range(page, attributes, _ALT)
            if 0 < end - first <= _LONGEST_PICTURED:
                _add_stretch(stretches, seen, first, end, current, gap & ~APART)
                seen += 1
                gap = NO_BREAK
        if IS_VOID[kind] or (ended and elements.kind[unseen] == _SVG):
            continue
        if elements.depth[current] >= DEEPEST:
            passed[kind] += 1
            too_deep = True
            continue
        new = made
        made += 1
        _add_element(elements, new, current, kind, shown, seen)
        elements.name[new] = name
        elements.shape[new] = shape
        elements.groups[new] = np.uint64(0) if kind in (_HTML, _BODY) else groups
        elements.tag[new] = attributes
        if name == _ISLAND:
            marks |= UNSEEN
        if marks != 0 or kind in (_DIALOG, _NOSCRIPT, _BUTTON):
            elements.inside[new] |= _bits(elements, new, marks)
        if kind in (_TD, _TH):
            if marks & GUTTER != 0:
                numbered_row = current
            elif marks & CODE != 0 and numbered_row == current:
                code_around = max(code_around, _code_line(elements, new, table_around(elements, new)))
        elif marks & EDITOR_LINE != 0 or (marks & LINE != 0 and current == fragment):
            code_around = max(code_around, _code_line(elements, new, current))
        elif marks & FRAGMENT != 0:
            fragment = new
        opened[kind] += 1
        current = new
        if unseen == 0 and IS_UNSEEN[kind] and marks & SHADOW == 0:
            unseen = new
        if unseen == 0 and raw_end > content and kind in (_TEXTAREA, _XMP, _PLAINTEXT):
            _add_stretch(stretches, seen, content, raw_end, current, gap)
            seen += 1
            gap = NO_BREAK
    while current >= 0:
        elements.last[current] = seen
        current = elements.parent[current]
    return cut_elements(elements, made), _cut_stretches(stretches, seen), _cut_facts(facts, noted), formulas


@inner
def _new_stretches(count: int) -> Stretches:
    starts, ends = np.empty(count, np.int64), np.empty(count, np.int64)
    return Stretches(starts, ends, np.empty(count, np.int32), np.empty(count, np.int32))


@inner
def _new_facts(count: int) -> Facts:
    starts, middles, ends = np.empty(count, np.int64), np.empty(count, np.int64), np.empty(count, np.int64)
    return Facts(np.empty(count, np.uint8), starts, middles, ends)


@leaf
def _shown(kind: int, marks: int) -> int:
    """Return the kind of element as which one is laid out: a styled one may be a block, or part of a line."""
    if marks & BROKEN != 0 and not (IS_BLOCK[kind] or IS_VOID[kind]):
        return _DIV
    return _SPAN if marks & UNBROKEN != 0 and kind in (_DIV, _P) else kind


@leaf
def _shown_of(kind: int, bits: np.uint64) -> int:
    """Return what `_shown` has returned for an element with these bits."""
    return _DIV if bits & BROKEN_BIT != 0 else _SPAN if bits & UNBROKEN_BIT != 0 else kind


@leaf
def _add_element(elements: Elements, new: int, parent: int, kind: int, shown: int, seen: int) -> None:
    """Write what an element has from its name and its place."""
    elements.kind[new] = kind
    elements.parent[new] = parent
    elements.depth[new] = elements.depth[parent] + 1
    elements.inside[new] = (elements.inside[parent] & ~_OWN_BITS) | BIT_OF[kind]
    if shown != kind:
        elements.inside[new] |= BROKEN_BIT if shown == _DIV else UNBROKEN_BIT
    begins = IS_BLOCK[shown] and elements.inside[parent] & _PRE == 0
    elements.block[new] = new if begins else elements.block[parent]
    elements.first[new] = seen
    elements.last[new] = seen


@leaf
def _bits(elements: Elements, new: int, marks: int) -> np.uint64:
    """Return the bits of `inside` that an element has from its attributes."""
    bits = np.uint64(0)
    kind = elements.kind[new]
    if marks & HIDES != 0 or (marks & SILENT != 0 and kind != _A):
        bits |= HIDDEN_BIT
        groups = np.uint64(0)
        at = new
        for _ in range(1 + _PARTS_AROUND):
            groups |= elements.groups[at]
            at = max(0, elements.parent[at])
        opens = groups & _OPENS_ON_CLICK != 0 or marks & OPENS != 0
        if not opens or elements.groups[new] & _OVERLAY != 0:
            bits |= UNSEEN_BIT
    if marks & UNSEEN != 0 or (kind == _DIALOG and marks & OPEN == 0):
        bits |= HIDDEN_BIT | UNSEEN_BIT
    if kind == _NOSCRIPT or (kind == _BUTTON and elements.inside[new] & _PRE != 0):
        bits |= UNSEEN_BIT
    if marks & SPACED != 0:
        bits |= SPACED_BIT
    if marks & LINED != 0:
        bits |= LINED_BIT
    if marks & GUTTER != 0:
        bits |= GUTTER_BIT
    if marks & EDITOR != 0:
        bits |= _PRE
    if marks & (ROW | CELL | GRID) != 0:
        bits |= ROW_BIT if marks & ROW != 0 else np.uint64(0)
        bits |= CELL_BIT if marks & CELL != 0 else np.uint64(0)
        bits |= ROW_HEAD_BIT if marks & ROW_HEAD != 0 else np.uint64(0)
        bits |= GRID_BIT if marks & GRID != 0 else np.uint64(0)
    return bits


@leaf
def _code_line(elements: Elements, line: int, code: int) -> int:
    """Make an element, a line of code, part of the preformatted block that an element around it is; return that."""
    elements.inside[line] |= _PRE
    elements.block[line] = code
    return code


@leaf
def _add_stretch(stretches: Stretches, seen: int, start: int, end: int, element: int, gap: int) -> None:
    stretches.start[seen] = start
    stretches.end[seen] = end
    stretches.element[seen] = element
    stretches.gap[seen] = gap


@leaf
def _is_fact(kind: int, linked_data: bool) -> bool:
    return kind in (_META, _LINK, _BASE, _TITLE, _TIME, _HTML) or (kind == _SCRIPT and linked_data)


@leaf
def _add_fact(facts: Facts, noted: int, kind: int, start: int, middle: int, end: int) -> None:
    facts.kind[noted] = kind
    facts.start[noted] = start
    facts.middle[noted] = middle
    facts.end[noted] = end


@inner
def _cut_stretches(of: Stretches, count: int) -> Stretches:
    return Stretches(of.start[:count], of.end[:count], of.element[:count], of.gap[:count])


@inner
def _cut_facts(of: Facts, count: int) -> Facts:
    return Facts(of.kind[:count], of.start[:count], of.middle[:count], of.end[:count])


@leaf
def _blank(page: Bytes, start: int, end: int) -> bool:
    while start < end and page[start] <= _SPACE:
        start += 1
    return start == end
