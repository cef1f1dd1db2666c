"""The dashes, numbers and letters of list items, as a page shows them (WHATWG HTML, section 4.4.8).

How an ordered list counts is said by `type`, `list-style`, or the class words of docutils and AsciiDoc. An item whose
text begins with its own number or bullet is given no second one. Cost: linear in the elements.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from prep.corpus.arrow.columns import Bytes
from prep.corpus.kernels import inner, leaf
from prep.stages.extract.html.attribute_kernels import attribute_range, lower, number_at, tag_end, value_hash
from prep.stages.extract.html.element_kernels import name_hash, number
from prep.stages.extract.html.nesting_kernels import Elements, Integers
from prep.stages.extract.html.tag_kernels import read_name
from prep.stages.extract.writing.number_kernels import (
    CAPITALS,
    DASH,
    DIGITS,
    GREEK,
    LETTERS,
    NONE,
    PADDED,
    ROMAN,
    ROMAN_CAPITALS,
    write_number,
)

_LI, _OL, _UL, _MENU = (number(name) for name in ("li", "ol", "ul", "menu"))
_START, _VALUE, _REVERSED, _TYPE, _CLASS, _STYLE = (
    name_hash(name) for name in (b"start", b"value", b"reversed", b"type", b"class", b"style")
)
_LIST_STYLE, _LIST_STYLE_TYPE = name_hash(b"list-style"), name_hash(b"list-style-type")
_INPUT, _CHECKBOX, _CHECKED = (name_hash(name) for name in (b"input", b"checkbox", b"checked"))
_AROUND_BOX: Final = tuple(name_hash(name) for name in (b"p", b"label", b"span", b"div"))
_TAGS_BEFORE_BOX: Final = 4
_LESS: Final = 60
_WORD: Final = 0xFFFFFFFF
_SPACE, _SEMICOLON, _COLON, _EXCLAMATION, _DASH, _DOT, _OPENING, _CLOSING, _GREATER = (
    ord(sign) for sign in " ;:!-.()>"
)
_LARGEST: Final = 1 << 20
"""The largest number of an item; larger ones are taken as it."""


_KEYWORDS: Final = {
    DASH: "disc circle square",
    NONE: "none",
    DIGITS: "decimal",
    LETTERS: "lower-alpha lower-latin",
    CAPITALS: "upper-alpha upper-latin",
    ROMAN: "lower-roman",
    ROMAN_CAPITALS: "upper-roman",
    PADDED: "decimal-leading-zero",
    GREEK: "lower-greek",
}
_CLASSES: Final = {
    LETTERS: "loweralpha lower-alpha list-lower-alpha",
    CAPITALS: "upperalpha upper-alpha list-upper-alpha",
    ROMAN: "lowerroman lower-roman list-lower-roman",
    ROMAN_CAPITALS: "upperroman upper-roman list-upper-roman",
    GREEK: "lowergreek lower-greek",
}
_TYPES: Final = {DIGITS: ord("1"), LETTERS: ord("a"), CAPITALS: ord("A"), ROMAN: ord("i"), ROMAN_CAPITALS: ord("I")}


def _by_hash(words: dict[int, str]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    pairs = [(name_hash(word.encode()), style) for style, names in words.items() for word in names.split()]
    return np.array([state for state, _ in pairs]), np.array([style for _, style in pairs])


_KEYWORD_HASHES, _KEYWORD_STYLES = _by_hash(_KEYWORDS)
_CLASS_HASHES, _CLASS_STYLES = _by_hash(_CLASSES)
_TYPE_BYTES: Final = np.array(list(_TYPES.values()))
_TYPE_STYLES: Final = np.array(list(_TYPES))
_BULLETS = (
    "•",
    "●",
    "▪",
    "\uf0b7",
    "\uf0a7",
    "‣",
    "·",
    "■",
    "○",
    "◦",
    "►",
    "▶",
    "▸",
    "➤",
    "➢",
    "❖",
    "◆",
    "»",
    "›",
    "–",
)
"""Bullets that are written as text; of the first five no white space need stand after them."""
_ALONE: Final = 5
_BULLET_BYTES: Final = np.frombuffer("".join(_BULLETS).encode(), np.uint8)
_BULLET_ENDS: Final = np.cumsum([len(bullet.encode()) for bullet in _BULLETS])
_EN_DASH: Final = len(_BULLETS) - 1
_IDEOGRAPHIC_COMMA: Final = (0xE3, 0x80, 0x81)
_IS_ROMAN: Final = np.array([chr(byte) in "ivxlcdmIVXLCDM" for byte in range(256)])
_LONGEST_LABEL: Final = 6


@inner
def item_labels(page: Bytes, elements: Elements) -> tuple[Integers, Bytes]:
    """Return the numbers of list items, and what stands before them (`DASH`, `DIGITS`, …)."""
    count = len(elements.kind)
    numbers, styles = np.zeros(count, np.int32), np.zeros(count, np.uint8)
    following, step, items = np.zeros(count, np.int32), np.zeros(count, np.int32), np.zeros(count, np.int32)
    for element in range(1, count):
        if elements.kind[element] == _LI:
            items[list_around(elements, element)] += 1
    for element in range(1, count):
        kind = elements.kind[element]
        tag = elements.tag[element]
        if kind in (_OL, _UL, _MENU):
            styles[element] = _style_of(page, tag, DIGITS if kind == _OL else DASH, kind == _OL)
            falls = attribute_range(page, tag, _REVERSED)[0] >= 0
            step[element] = -1 if falls else 1
            following[element] = _signed(page, tag, _START, items[element] if falls else 1)
        elif kind == _LI:
            around = list_around(elements, element)
            if styles[around] == DASH and elements.kind[around] != _OL:
                continue
            numbers[element] = _signed(page, tag, _VALUE, int(following[around]))
            following[around] = numbers[element] + step[around]
            styles[element] = _style_of(page, tag, int(styles[around]), False)
    return numbers, styles


@leaf
def list_around(elements: Elements, item: int) -> int:
    """Return the list that an item belongs to; 0 for none."""
    at = int(elements.parent[item])
    while at > 0 and elements.kind[at] not in (_OL, _UL, _MENU):
        at = elements.parent[at] if elements.kind[at] != _LI else 0
    return at


@leaf
def note_marked(elements: Elements, marked: Integers, item: int, width: int) -> None:
    """Note that an item has a marker of so many bytes; what follows it directly in its list is indented as it is."""
    marked[item] = width
    marked[list_around(elements, item)] = width


@leaf
def indent_of(elements: Elements, marked: Integers, element: int, in_item: bool) -> int:
    """Return by how many bytes an element indents a line in it: an item, or a list that holds another between items.

    `in_item` says that the line stands in an item of the list, as `stays_in_item` has it from the inside outwards.
    """
    return int(marked[element]) if elements.kind[element] == _LI or not in_item else 0


@leaf
def stays_in_item(elements: Elements, element: int, in_item: bool) -> bool:
    """Return whether a line in an element stands in an item of the list that is around the element, if any."""
    kind = elements.kind[element]
    return bool(kind == _LI or (in_item and kind not in (_OL, _UL, _MENU)))


@leaf
def _signed(page: Bytes, tag: int, name: int, otherwise: int) -> int:
    """Return an attribute's value as a number, which may have a sign; `otherwise` where it has none."""
    at, end = attribute_range(page, tag, name)
    while 0 <= at < end and page[at] <= _SPACE:
        at += 1
    negative = 0 <= at < end and page[at] == _DASH
    at += 1 if 0 <= at < end and page[at] in (_DASH, 43) else 0
    if at < 0 or at >= end or not 48 <= page[at] <= 57:
        return otherwise
    value = min(number_at(page, at, end), _LARGEST)
    return -value if negative else value


@inner
def _style_of(page: Bytes, tag: int, otherwise: int, by_class: bool) -> int:
    """Return what stands before the items of a list, or before one: its style counts, then its type, then its class."""
    if page[tag] == _GREATER:
        return otherwise
    start, end = attribute_range(page, tag, _STYLE)
    style = _declared_style(page, start, end)
    if style >= 0:
        return style
    start, end = attribute_range(page, tag, _TYPE)
    for place in range(len(_TYPE_BYTES)):
        if end == start + 1 and page[start] == _TYPE_BYTES[place]:
            return int(_TYPE_STYLES[place])
    if by_class:
        start, end = attribute_range(page, tag, _CLASS)
        state = 0
        for at in range(start, end + 1):
            if at < end and page[at] > _SPACE:
                state = (state * 31 + lower(page[at])) & _WORD
                continue
            for place in range(len(_CLASS_HASHES)):
                if _CLASS_HASHES[place] == state:
                    return int(_CLASS_STYLES[place])
            state = 0
    return otherwise


@inner
def _declared_style(page: Bytes, start: int, end: int) -> int:
    """Return what a style attribute says to stand before items; −1 where it says nothing."""
    found, state = -1, 0
    is_list = False
    for at in range(start, end + 1):
        byte = int(page[at]) if 0 <= at < end else _SEMICOLON
        if byte == _COLON:
            is_list = state in (_LIST_STYLE, _LIST_STYLE_TYPE)
            state = 0
        elif byte in (_SEMICOLON, _EXCLAMATION) or (is_list and byte <= _SPACE):
            for place in range(len(_KEYWORD_HASHES)):
                if is_list and _KEYWORD_HASHES[place] == state:
                    found = int(_KEYWORD_STYLES[place])
            is_list &= byte <= _SPACE
            state = 0
        elif byte > _SPACE:
            state = (state * 31 + lower(byte)) & _WORD
    return found


@inner
def write_marker(
    target: Bytes, written: int, text: Bytes, start: int, end: int, value: int, style: int
) -> tuple[int, int]:
    """Write what stands before an item whose text is given by its range.

    Returns where that ends, and where the text begins: after a bullet of its own, for which a dash is written.
    """
    if style == NONE:
        if _label_end(text, start, end) > start:
            return written, start
        style = DASH
    first = written
    if style == DASH:
        start = _after_bullet(text, start, end)
        target[written] = _DASH
    else:
        written = write_number(target, written, value, style)
        if _has_label(text, start, end, target[first:written]):
            return first, start
        target[written] = _DOT
    target[written + 1] = _SPACE
    return written + 2, start


@leaf
def shown_style(text: Bytes, start: int, end: int, style: int) -> int:
    """Return the style by which Markdown has an item of a list: without one only if its text begins with a number."""
    at = start
    while at < end and 48 <= text[at] <= 57:
        at += 1
    numbered = start < at < end - 1 and text[at] in (_DOT, _CLOSING) and text[at + 1] <= _SPACE
    return DASH if style == NONE and not numbered else style


@inner
def write_box(page: Bytes, target: Bytes, written: int, tag: int) -> int:
    """Write the box of an entry of a task list, which an item has that begins with a checkbox."""
    at = tag_end(page, tag)
    for _ in range(_TAGS_BEFORE_BOX):
        while at < len(page) and page[at] <= _SPACE:
            at += 1
        if at + 1 >= len(page) or page[at] != _LESS:
            return written
        at, name, _ = read_name(page, at + 1)
        if name == _INPUT:
            start, end = attribute_range(page, at, _TYPE)
            if start < 0 or value_hash(page, start, end) != _CHECKBOX:
                return written
            checked = attribute_range(page, at, _CHECKED)[0] >= 0
            target[written], target[written + 1] = 91, 120 if checked else _SPACE
            target[written + 2], target[written + 3] = 93, _SPACE
            return written + 4
        if name not in _AROUND_BOX:
            return written
        at = tag_end(page, at)
    return written


@leaf
def _has_label(text: Bytes, start: int, end: int, label: Bytes) -> bool:
    """Return whether a text begins with a label, a full stop or bracket, and white space."""
    after = start + len(label)
    if after + 1 >= end or text[after] not in (_DOT, _CLOSING) or text[after + 1] > _SPACE:
        return False
    for place in range(len(label)):
        if text[start + place] != label[place]:
            return False
    return True


@leaf
def _label_end(text: Bytes, start: int, end: int) -> int:
    """Return where a number or letter ends that a text has before it, as in `2.1 a`, `b) a` and `(iv) a`."""
    at = start
    opened = at < end and text[at] == _OPENING
    at += opened
    first = at
    dots = 0
    while at < end and (
        48 <= text[at] <= 57 or (text[at] == _DOT and at > first and at + 1 < end and text[at + 1] > _SPACE)
    ):
        dots += text[at] == _DOT
        at += 1
    if at == first:
        while at < end and at - first < _LONGEST_LABEL and _IS_ROMAN[text[at]]:
            at += 1
        if at == first and at < end and 97 <= lower(text[at]) <= 122:
            at += 1
    if at == first or at - first > _LONGEST_LABEL + 2 * dots:
        return start
    if not opened and at + 2 < end and (text[at], text[at + 1], text[at + 2]) == _IDEOGRAPHIC_COMMA:
        return at + 3
    if at < end and (text[at] == _CLOSING or (text[at] == _DOT and not opened)):
        at += 1
    elif opened or dots == 0:
        return start
    return at if at < end and text[at] <= _SPACE else start


@leaf
def _after_bullet(text: Bytes, start: int, end: int) -> int:
    """Return where a text goes on after a bullet that it begins with; a dash before a digit is none, nor a star."""
    if start >= end:
        return start
    if text[start] == _DASH:
        after, alone, signs = start + 1, False, True
    else:
        bullet = _bullet(text, start, end)
        if bullet < 0:
            return start
        length = _BULLET_ENDS[bullet] - (_BULLET_ENDS[bullet - 1] if bullet > 0 else 0)
        after, alone, signs = start + length, bullet < _ALONE, bullet == _EN_DASH
    if after < end and not alone and text[after] > _SPACE:
        return start
    while after < end and text[after] <= _SPACE:
        after += 1
    if after >= end or (signs and 48 <= text[after] <= 57):
        return start
    return after


@leaf
def _bullet(text: Bytes, start: int, end: int) -> int:
    """Return which bullet a text begins with; −1 for none."""
    if text[start] not in (0xC2, 0xE2, 0xEF):
        return -1
    first = 0
    for bullet in range(len(_BULLET_ENDS)):
        last = _BULLET_ENDS[bullet]
        same = last - first < end - start
        place = first
        while same and place < last:
            same = text[start + place - first] == _BULLET_BYTES[place]
            place += 1
        if same:
            return bullet
        first = last
    return -1
