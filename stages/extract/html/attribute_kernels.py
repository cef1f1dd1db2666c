"""The attributes of a start tag, as far as they say what an element is for (WHATWG HTML, sections 13.2.5.32–40)."""

from typing import Final

import numpy as np
import numpy.typing as npt

from prep.corpus.arrow.columns import Bytes
from prep.corpus.kernels import leaf
from prep.stages.extract.features.vocabulary_kernels import class_groups
from prep.stages.extract.html.element_kernels import name_hash
from prep.stages.shared.markup.unseen_kernels import UNSEEN_CLASSES, UNSEEN_STYLES

_SLASH, _EQUALS, _GREATER, _QUOTE, _APOSTROPHE, _SPACE = 47, 61, 62, 34, 39, 32
_SEMICOLON, _EXCLAMATION, _ZERO, _MINUS, _QUESTION, _STAR = 59, 33, 48, 45, 63, 42
_LETTER_H: Final = ord("h")
_WORD: Final = 0xFFFFFFFF

_CLASS, _ID, _ROLE, _ITEMPROP = (name_hash(name) for name in (b"class", b"id", b"role", b"itemprop"))
_OPEN, _LABELLED_BY, _HEIGHT = (name_hash(name) for name in (b"open", b"aria-labelledby", b"height"))
_HIDDEN, _STYLE, _ARIA_HIDDEN, _TYPE = (name_hash(name) for name in (b"hidden", b"style", b"aria-hidden", b"type"))
_SHADOW_MODE: Final = name_hash(b"shadowrootmode")
_TRUE, _LINKED_DATA = name_hash(b"true"), name_hash(b"application/ld+json")
_SOURCE, _LATE_SOURCE = name_hash(b"src"), name_hash(b"data-src")
_SHORTEST_ADDRESS: Final = len(b"//i.upmath.me/svg/x")
_LATEX_HOST, _MATH_TYPE = name_hash(b"latex"), name_hash(b"math/")
_FORMULA_HOSTS: Final = np.array(
    [
        name_hash(host)
        for host in (
            b"www.zhihu.com zhihu.com juejin.cn render.githubusercontent.com math.vercel.app math.now.sh i.upmath.me"
            b" tex.s2cms.ru chart.googleapis.com chart.apis.google.com private.codecogs.com www.codecogs.com"
            b" math.jianshu.com cdn.nlark.com tex.z-dn.net s0.wp.com l.wordpress.com www.sciweavers.org"
        ).split()
    ]
)
"""Hosts that draw formulas; others begin with `latex`."""
_HOST_BLOOM: Final = np.zeros(1024, np.bool_)
_HOST_BLOOM[_FORMULA_HOSTS % 1024] = True
_HOLDERS: Final = np.array(
    [name_hash(name) for name in (b"data-tex", b"data-latex", b"data-formula", b"data-math", b"data-equation-content")]
)
"""Attributes that hold a formula."""
_HOLDER_BLOOM: Final = np.zeros(1024, np.bool_)
_HOLDER_BLOOM[_HOLDERS % 1024] = True
_DATE_PUBLISHED: Final = name_hash(b"datepublished")

HIDES: Final = 1
"""Its attributes hide the element; a click may open it."""
UNSEEN: Final = 2
"""Its attributes hide the element from those who look at the page."""
SPACED: Final = 4
"""Its style keeps white space."""
GUTTER: Final = 8
"""Its class says that it holds the numbers of lines."""
OPEN: Final = 16
"""It has the attribute `open`."""
CODE: Final = 32
"""Its class says that it holds code."""
OPENS: Final = 64
"""It is a part that something else opens: it names its heading, or has no height."""
DATED: Final = 256
"""Its class or `itemprop` says that it holds the date of publication."""
FRAGMENT: Final = 512
"""Its class says that its parts may be lines of code."""
LINE: Final = 1024
"""Its class says that it is a line of code, at least where it stands in a `FRAGMENT`."""
EDITOR_LINE: Final = 2048
"""Its class says that it is a line of code."""
FORMULA: Final = 4096
"""Its class, type or source says that it is a formula, or its source."""
SHADOW: Final = 8192
"""It is a template that the page shows: the tree of a custom element."""
PICTURED: Final = 16384
"""Its class says that it is an image of a character, which its alternative text names."""
BROKEN: Final = 32768
"""Its style makes it stand in lines of its own."""
UNBROKEN: Final = 65536
"""Its style makes it part of the line around it."""
TINY: Final = 131072
"""Its style leaves it a pixel of height or width."""
CROPPED: Final = 262144
"""Its style hides what exceeds its size."""
LINED: Final = 524288
"""Its style keeps the ends of lines, and no other white space."""
SET_APART: Final = 1048576
"""Its class says that it is shown at a distance from what it follows, as types of parameters and badges are."""
UNDISPLAYED: Final = 2097152
"""Its style gives it no place."""
ROW: Final = 4194304
"""Its role or style says that it is a row of a table."""
CELL: Final = 8388608
"""Its role or style says that it is a cell of a table."""
ROW_HEAD: Final = 16777216
"""Its role says that it is the cell that heads a row."""
GRID: Final = 33554432
"""Its role or style says that it is a table."""
EDITOR: Final = 67108864
"""Its class says that it holds the lines of an editor of code, and nothing else."""
SILENT: Final = 128
"""It is hidden from those who listen to the page, as copies and ornaments are."""

_ROLE_ROW, _ROLE_ROW_HEAD = name_hash(b"row"), name_hash(b"rowheader")
_CELL_ROLES: Final = tuple(name_hash(role) for role in (b"cell", b"gridcell", b"columnheader"))
_TABLE_ROLES: Final = tuple(name_hash(role) for role in (b"table", b"grid", b"treegrid"))
_STYLES: Final = {
    b"display:none": HIDES | UNDISPLAYED,
    b"visibility:hidden": HIDES,
    b"visibility:collapse": HIDES,
    b"height:0": OPENS,
    b"height:0px": OPENS,
    b"max-height:0": OPENS,
    b"max-height:0px": OPENS,
    b"white-space:pre": SPACED,
    b"white-space:pre-wrap": SPACED,
    b"white-space:break-spaces": SPACED,
    b"white-space:pre-line": LINED,
    b"display:block": BROKEN,
    b"display:flex": BROKEN,
    b"display:grid": BROKEN,
    b"display:table": BROKEN | GRID,
    b"display:table-row": BROKEN | ROW,
    b"display:table-cell": CELL,
    b"display:list-item": BROKEN,
    b"display:flow-root": BROKEN,
    b"display:inline": UNBROKEN,
    b"height:1px": TINY,
    b"width:1px": TINY,
    b"overflow:hidden": CROPPED,
    **dict.fromkeys((style.encode() for style in UNSEEN_STYLES), UNSEEN),
    b"user-select:none": GUTTER,
    b"-webkit-user-select:none": GUTTER,
}
_PLACES: Final = tuple(
    name_hash(name) for name in (b"left:-", b"top:-", b"right:-", b"text-indent:-", b"margin-left:-")
)
"""What the declaration begins with of a place that may be far outside of the window."""
_OUTSIDE: Final = 999
"""Pixels or other units from which such a place is outside of any window."""
_CLASSES: Final = {
    UNSEEN: UNSEEN_CLASSES,
    SPACED: "whitespace-pre whitespace-pre-wrap whitespace-break-spaces text-pre-wrap",
    LINED: "whitespace-pre-line text-pre-line",
    SET_APART: "classifier badge",
    GUTTER: """lineno linenos linenodiv linenumber linenumbers line-number line-numbers line-num line-no line_number
        line_numbers linenr linenums lnt ln lnum lineno-cell gutter gutters blob-num hljs-ln-numbers hljs-ln-n
        rouge-gutter crayon-nums crayon-num codeblock-line-number react-syntax-highlighter-line-number
        code-line-number codemirror-linenumber ace_gutter-cell cm-gutterelement""",
    CODE: """code blob-code blob-code-inner hljs-ln-code rouge-code crayon-code codeblock code-line line-code sourcecode
        highlight-code de1""",
    FRAGMENT: "fragment",
    FORMULA: """tex latex math texrender mwe-math-element mwe-math-fallback-image-inline mwe-math-fallback-image-display
        ql-img-inline-formula ql-img-displayed-equation mathjax mathjax_preview mathjax_display mathjax_svg
        mathjax_svg_display mathjax_chtml mjx-chtml ql-formula latex-rendered wirisformula equation_image equation
        formula eqn math-image inline-formula display-formula""",
    LINE: "line token-line view-code-line",
    PICTURED: "emoji wp-smiley twemoji emojione joypixels emojioneemoji dropcap drop-cap initial-letter",
    EDITOR: "codemirror-code ace_text-layer cm-content view-lines",
    EDITOR_LINE: "ace_line view-line cm-line",
    DATED: """byline dateline published pubdate posted posted-on entry-date post-date article-date publish-date
        published-date date-published publication-date article__date post__date entry-meta post-meta article-meta
        dt-published story-date date-line""",
}


def _marks(names: dict[bytes, int]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    return np.array([name_hash(name) for name in names]), np.array(list(names.values()))


_STYLE_HASHES, _STYLE_MARKS = _marks(_STYLES)
_STYLE_BLOOM: Final = np.zeros(4096, np.bool_)
_STYLE_BLOOM[_STYLE_HASHES % 4096] = True
_CLASS_HASHES, _CLASS_MARKS = _marks(
    {name.encode(): mark for mark, names in _CLASSES.items() for name in names.split()}
)
_CLASS_BLOOM: Final = np.zeros(4096, np.bool_)
_CLASS_BLOOM[_CLASS_HASHES % 4096] = True


@leaf
def lower(byte: int) -> int:
    """Return an ASCII letter in lower case, any other byte as it is."""
    return byte | 32 if 65 <= byte <= 90 else byte


@leaf
def read_attributes(page: Bytes, at: int, name: int) -> tuple[int, bool, np.uint64, int, int, bool]:
    """Read a start tag from the end of its name.

    Returns where the tag ends, whether it ends in `/>`, the groups of its class words, the hash of its name and class,
    marks (`HIDES`, …) that its attributes set, and whether its type is that of JSON-LD.
    """
    groups = np.uint64(0)
    shape = name
    marks = 0
    linked_data, ended = False, False
    while at < len(page) and page[at] != _GREATER:
        if page[at] <= _SPACE or page[at] == _SLASH:
            ended = page[at] == _SLASH
            at += 1
            continue
        ended = False
        at, state = _read_name(page, at)
        at, start, end = _read_value(page, at)
        if state in (_CLASS, _ID, _ROLE, _ITEMPROP):
            groups |= class_groups(page, start, end)
            if state == _ROLE:
                marks |= _role_marks(value_hash(page, start, end))
            if state == _ITEMPROP and value_hash(page, start, end) == _DATE_PUBLISHED:
                marks |= DATED
            if state == _CLASS:
                token = 0
                for place in range(start, end + 1):
                    if place < end:
                        shape = (shape * 31 + page[place]) & _WORD
                        if page[place] > _SPACE:
                            token = (token * 31 + lower(page[place])) & _WORD
                            continue
                    if _CLASS_BLOOM[token % 4096]:
                        marks |= _class_marks(token)
                    token = 0
        elif state == _HIDDEN:
            marks |= HIDES
        elif state == _STYLE:
            marks |= style_marks(page, start, end)
            marks |= UNSEEN if marks & TINY != 0 and marks & CROPPED != 0 else 0
        elif state == _ARIA_HIDDEN:
            marks |= SILENT if value_hash(page, start, end) == _TRUE else 0
        elif state == _LABELLED_BY or (state == _HEIGHT and end == start + 1 and page[start] == _ZERO):
            marks |= OPENS
        elif state == _SHADOW_MODE:
            marks |= SHADOW
        elif state == _OPEN:
            marks |= OPEN
        elif state == _TYPE:
            kind = value_hash(page, start, end)
            linked_data |= kind == _LINKED_DATA
            marks |= FORMULA if end - start > 5 and value_hash(page, start, start + 5) == _MATH_TYPE else 0
        elif state in (_SOURCE, _LATE_SOURCE):
            marks |= FORMULA if end - start > _SHORTEST_ADDRESS and _draws_formulas(page, start, end) else 0
        elif _HOLDER_BLOOM[state % 1024] and _is_among(_HOLDERS, state):
            marks |= FORMULA
    return at + 1, ended, groups, shape, marks, linked_data


@leaf
def _read_value(page: Bytes, at: int) -> tuple[int, int, int]:
    """Read an attribute's value from the end of its name; return where it ends, and the range of the value."""
    equals = at
    while equals < len(page) and page[equals] <= _SPACE:
        equals += 1
    if equals >= len(page) or page[equals] != _EQUALS:
        return at, at, at
    at = equals + 1
    while at < len(page) and page[at] <= _SPACE:
        at += 1
    if at < len(page) and page[at] in (_QUOTE, _APOSTROPHE):
        quote = page[at]
        start = at + 1
        at = start
        while at < len(page) and page[at] != quote:
            at += 1
        return at + 1, start, at
    start = at
    while at < len(page) and page[at] > _SPACE and page[at] != _GREATER:
        at += 1
    return at, start, at


@leaf
def value_hash(page: Bytes, start: int, end: int) -> int:
    """Return what `name_hash` gives for a value in lower case, white space aside."""
    state = 0
    for at in range(start, end):
        if page[at] > _SPACE:
            state = (state * 31 + lower(page[at])) & _WORD
    return state


@leaf
def _draws_formulas(page: Bytes, start: int, end: int) -> bool:
    """Return whether an address is on a host that draws formulas."""
    at = start
    if page[at] | 0x20 == _LETTER_H:
        while at < min(end, start + 6) and page[at] != _SLASH:
            at += 1
    if page[at] != _SLASH or page[at + 1] != _SLASH:
        return False
    at += 2
    state = 0
    first = at
    while at < end and page[at] not in (_SLASH, _QUESTION):
        state = (state * 31 + lower(page[at])) & _WORD
        at += 1
        if at == first + 5 and state == _LATEX_HOST:
            return True
    return bool(_HOST_BLOOM[state % 1024]) and _is_among(_FORMULA_HOSTS, state)


@leaf
def _is_among(hashes: npt.NDArray[np.int64], state: int) -> bool:
    for place in range(len(hashes)):
        if hashes[place] == state:
            return True
    return False


@leaf
def _role_marks(role: int) -> int:
    """Return the marks of a role, given the hash of its name."""
    if role == _ROLE_ROW:
        return ROW
    if role == _ROLE_ROW_HEAD:
        return CELL | ROW_HEAD
    return CELL if role in _CELL_ROLES else GRID if role in _TABLE_ROLES else 0


@leaf
def _class_marks(token: int) -> int:
    """Return the marks of a class, given the hash of its name."""
    for place in range(len(_CLASS_HASHES)):
        if _CLASS_HASHES[place] == token:
            return int(_CLASS_MARKS[place])
    return 0


@leaf
def style_marks(page: Bytes, start: int, end: int) -> int:
    """Return the marks of a style's declarations; `!important` and comments change nothing."""
    marks = 0
    state = 0
    at = start - 1
    while at < end:
        at += 1
        byte = int(page[at]) if at < end else _SEMICOLON
        if byte in (_SEMICOLON, _EXCLAMATION):
            if _STYLE_BLOOM[state % 4096]:
                for place in range(len(_STYLE_HASHES)):
                    if _STYLE_HASHES[place] == state:
                        marks |= _STYLE_MARKS[place]
            state = 0
        elif byte == _SLASH and at + 1 < end and page[at + 1] == _STAR:
            at += 3
            while at < end and not (page[at] == _SLASH and page[at - 1] == _STAR):
                at += 1
        elif byte > _SPACE:
            state = (state * 31 + lower(byte)) & _WORD
            if byte == _MINUS and state in _PLACES and number_at(page, at + 1, end) >= _OUTSIDE:
                marks |= HIDES
    return marks


@leaf
def number_at(page: Bytes, at: int, end: int) -> int:
    """Return the digits that a text begins with as a number; 0 for none."""
    value = 0
    while at < end and 48 <= page[at] <= 57:
        value = min(value * 10 + int(page[at]) - 48, 1 << 30)
        at += 1
    return value


@leaf
def _read_name(page: Bytes, at: int) -> tuple[int, int]:
    """Return where the name of an attribute ends, and its hash."""
    state = 0
    first = at
    while at < len(page) and page[at] > _SPACE and page[at] != _GREATER:
        if (page[at] == _EQUALS and at > first) or page[at] == _SLASH:
            break
        state = (state * 31 + lower(page[at])) & _WORD
        at += 1
    return at, state


@leaf
def tag_end(page: Bytes, at: int) -> int:
    """Return where a start tag ends whose attributes begin at a place."""
    name = 0
    while name >= 0:
        at, name, _, _ = _next_attribute(page, at)
    return at + 1


@leaf
def _next_attribute(page: Bytes, at: int) -> tuple[int, int, int, int]:
    """Read on in a start tag; return where its next attribute ends, its name's hash, and the range of its value.

    Where there is none, return where the tag ends, and −1 thrice.
    """
    while at < len(page) and (page[at] <= _SPACE or page[at] == _SLASH):
        at += 1
    if at >= len(page) or page[at] == _GREATER:
        return at, -1, -1, -1
    at, name = _read_name(page, at)
    at, start, end = _read_value(page, at)
    return at, name, start, end


@leaf
def attribute_range(page: Bytes, at: int, name: int) -> tuple[int, int]:
    """Return the range of the value of an attribute, given by its name's hash, of the start tag that has it.

    `at` is where the tag's attributes begin. The range is (−1, −1) where there is no such attribute.
    """
    at, found, start, end = _next_attribute(page, at)
    while found not in (name, -1):
        at, found, start, end = _next_attribute(page, at)
    return start, end


@leaf
def attribute_number(page: Bytes, at: int, name: int, otherwise: int) -> int:
    """Return the digits that an attribute's value begins with as a number; 0 for none, `otherwise` without it."""
    start, end = attribute_range(page, at, name)
    if start < 0:
        return otherwise
    return number_at(page, start, end)
