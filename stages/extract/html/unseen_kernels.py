"""Text that no reader sees, and numbers of lines: their stretches are emptied before blocks are made.

Hidden text is marked as it is read. Numbers of lines are known by the class or the style of what holds them, or because
they count up by one: in a cell beside program code, or before every line of it, each in an element of its own. Links
from a heading to itself (`¶`, `#`) show when a pointer is over them. Cost: linear in the text of what holds numbers.
"""

from typing import Final

import numpy as np

from prep.corpus.arrow.columns import Bytes
from prep.corpus.kernels import inner, kernel, leaf
from prep.stages.extract.html.attribute_kernels import attribute_range
from prep.stages.extract.html.element_kernels import GUTTER_BIT, UNSEEN_BIT, inside, name_hash, number
from prep.stages.extract.html.gap_kernels import SEAM
from prep.stages.extract.html.markup_kernels import Stretches
from prep.stages.extract.html.nesting_kernels import Elements

_SPACE, _NEWLINE, _NUMBER_SIGN = 32, 10, 35
_HREF: Final = name_hash(b"href")
_PRE: Final = inside("pre")
_LINK_BIT: Final = inside("a")
_A: Final = number("a")
_NUMBERED: Final = inside("pre td")
_FEWEST_NUMBERS: Final = 3
_WIDEST_NUMBER: Final = 9
_BESIDE_NUMBERS: Final = (46, 58, 124)  # . : |
_HEADINGS: Final = np.array([number(name) for name in ["h1", "h2", "h3", "h4", "h5", "h6", "dt", "summary"]], np.uint8)
_PILCROWS = ("¶", "&para;", "&#182;", "&#xb6;", "&#x00b6;")
_MARKS = (*_PILCROWS, "#", "&num;", "&#35;", "§", "&sect;", "&#167;", "🔗", "&#128279;", "&#x1f517;", "⚓", "∞")
"""Texts of links from a heading to itself, the pilcrow's first: that is never the text of another link."""
_ARROWS = ("↩", "&#8617;", "&#x21a9;", "&larrhk;", "&hookleftarrow;", "⤴", "↑", "&uarr;", "&#8593;", "^", "⏎", "↵")
_RETURNS = tuple(arrow + variant for arrow in _ARROWS for variant in ("", "\ufe0e", "&#xfe0e;", "&#65038;"))
"""Texts of links from a note back to its place in the text."""
_MARK_BYTES: Final = np.frombuffer("".join(_MARKS + _RETURNS).encode(), np.uint8)
_MARK_ENDS: Final = np.cumsum([len(mark.encode()) for mark in _MARKS + _RETURNS])


@kernel
def hide_unseen(page: Bytes, elements: Elements, stretches: Stretches) -> None:
    """Empty the stretches that no reader sees, and numbers of lines.

    Scripts may show what is hidden: a page with more text hidden than seen, links left out, keeps what is hidden.
    """
    hidden, seen = 0, 0
    for stretch in range(len(stretches.start)):
        bits = elements.inside[stretches.element[stretch]]
        if bits & _LINK_BIT == 0:
            length = stretches.end[stretch] - stretches.start[stretch]
            if bits & UNSEEN_BIT == 0:
                seen += length
            else:
                hidden += length
    for stretch in range(len(stretches.start)):
        element = stretches.element[stretch]
        bits = elements.inside[element]
        start, end = stretches.start[stretch], stretches.end[stretch]
        if (
            (bits & UNSEEN_BIT != 0 and hidden <= seen)
            or ((bits & GUTTER_BIT != 0 or bits & _NUMBERED == _NUMBERED) and _is_numbers(page, start, end, bits))
            or (
                bits & _LINK_BIT != 0 and end > start and _links_to_itself(page, elements, stretch, element, start, end)
            )
        ):
            stretches.end[stretch] = start
    first = 0
    while first < len(stretches.start):
        last = first + 1
        if elements.inside[stretches.element[first]] & _PRE != 0:
            block = elements.block[stretches.element[first]]
            while last < len(stretches.start) and elements.block[stretches.element[last]] == block:
                last += 1
            _empty_line_numbers(page, elements, stretches, first, last)
        first = last


@inner
def _links_to_itself(page: Bytes, elements: Elements, stretch: int, element: int, start: int, end: int) -> bool:
    """Return whether a stretch is all the text of a link from a heading to itself, or from a note to its place."""
    mark = _mark(page, start, end)
    if mark < 0:
        return False
    block = elements.block[element]
    while elements.first[element] == stretch and elements.last[element] == stretch + 1 and element != block:
        if elements.kind[element] == _A:
            if mark >= len(_MARKS):
                return _leads_to_part(page, elements, element)
            at_edge = elements.first[block] == stretch or elements.last[block] == stretch + 1
            return mark < len(_PILCROWS) or (at_edge and bool((elements.kind[block] == _HEADINGS).any()))
        element = elements.parent[element]
    return False


@leaf
def _leads_to_part(page: Bytes, elements: Elements, link: int) -> bool:
    """Return whether the address of a link names a part of a page."""
    start, end = attribute_range(page, elements.tag[link], _HREF)
    for at in range(start, end):
        if page[at] == _NUMBER_SIGN:
            return at + 1 < end
    return False


@inner
def _mark(page: Bytes, start: int, end: int) -> int:
    """Return which of `_MARKS` a text is, white space around it aside; −1 for none."""
    while start < end and page[start] <= _SPACE:
        start += 1
    while end > start and page[end - 1] <= _SPACE:
        end -= 1
    first = 0
    for mark in range(len(_MARK_ENDS)):
        last = _MARK_ENDS[mark]
        same = last - first == end - start
        at = 0
        while same and at < end - start:
            byte = int(page[start + at])
            same = (byte | 0x20 if 65 <= byte <= 90 else byte) == _MARK_BYTES[first + at]
            at += 1
        if same:
            return mark
        first = last
    return -1


@inner
def _empty_line_numbers(page: Bytes, elements: Elements, stretches: Stretches, first: int, last: int) -> None:
    """Empty the numbers that stand before the lines of preformatted text, each in an element of its own.

    They are counted up by one and stand before all lines, of which some hold more than the number.
    """
    numbers, lines, others, expected = 0, 0, 0, -1
    for write in (False, True):
        at_start = True
        for stretch in range(first, last):
            start, end = stretches.start[stretch], stretches.end[stretch]
            element = stretches.element[stretch]
            if start == end:
                continue
            at_start |= stretches.gap[stretch] % SEAM > 0
            alone = elements.first[element] == stretch and elements.last[element] == stretch + 1
            value = _only_number(page, start, end) if at_start and alone and end - start <= _WIDEST_NUMBER else -1
            if write and value >= 0:
                stretches.end[stretch] = start
            elif value >= 0:
                if expected >= 0 and value != expected:
                    return
                expected = value + 1
                numbers += 1
                lines += 1
            elif not write:
                for at in range(start, end):
                    if page[at] > _SPACE:
                        lines += at_start
                        at_start = False
                        others += 1
                    elif page[at] == _NEWLINE:
                        at_start = True
            if value >= 0:
                at_start = False
            elif write:
                at_start = page[end - 1] == _NEWLINE
        if numbers < _FEWEST_NUMBERS or numbers < lines or others < numbers:
            return


@leaf
def _only_number(page: Bytes, start: int, end: int) -> int:
    """Return the number that a text is, with white space around it; −1 where it is something else."""
    while start < end and page[start] <= _SPACE:
        start += 1
    while end > start and page[end - 1] <= _SPACE:
        end -= 1
    if start == end:
        return -1
    value = 0
    for at in range(start, end):
        if not 48 <= page[at] <= 57:
            return -1
        value = value * 10 + page[at] - 48
    return value


@leaf
def _is_numbers(page: Bytes, start: int, end: int, bits: np.uint64) -> bool:
    """Return whether a text is numbers and white space alone; without a class that says so, 1, 2, 3 and so on."""
    numbers, number_, expected = 0, 0, 0
    in_number = False
    counted = True
    for at in range(start, end + 1):
        byte = int(page[at]) if at < end else _SPACE
        if 48 <= byte <= 57:
            number_ = min(number_ * 10 + byte - 48, 1 << 30)
            in_number = True
        elif byte <= _SPACE or (bits & GUTTER_BIT != 0 and byte in _BESIDE_NUMBERS):
            if in_number:
                counted &= numbers == 0 or number_ == expected
                expected = number_ + 1
                numbers += 1
            number_, in_number = 0, False
        else:
            return False
    return bits & GUTTER_BIT != 0 or (numbers >= _FEWEST_NUMBERS and counted)
