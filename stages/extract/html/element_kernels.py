"""What is known about the elements of HTML by their names, as tables that kernels look up by a number per name.

Names are found by a hash of their bytes in lower case. Sources: WHATWG HTML, sections 13.1.2 (kinds of elements),
13.2.6 (end tags that start tags imply) and 15.3 (which elements are rendered as blocks).
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from prep.corpus.kernels import leaf

Table = npt.NDArray[np.uint8]
Bits = npt.NDArray[np.uint64]

_SLOTS: Final = 16384
_WORD: Final = 0xFFFFFFFF

_BLOCK_NAMES = (
    "html head body title header footer main nav aside article section address hgroup search div p h1 h2 h3 h4 h5 h6 ul"
    " ol li dl dt dd menu blockquote pre figure figcaption hr center details summary dialog table caption thead tbody"
    " tfoot tr td th colgroup col form fieldset legend select option optgroup noscript"
)
_VOID_NAMES = "area base br col embed frame hr img input link meta param source track wbr"
_RAW_NAMES = "script style title textarea xmp iframe noembed noframes"
_UNSEEN_NAMES = (
    "script style title template iframe noembed noframes svg canvas object audio video select datalist rp"
    " progress meter"
)
_HEAD_NAMES = "html head base link meta noscript script style template title noframes"
_ENDS_PARAGRAPH_NAMES = (
    "address article aside blockquote body center details dialog dir div dl dd dt fieldset figcaption figure footer"
    " form h1 h2 h3 h4 h5 h6 header hgroup hr li main menu nav ol p pre search section summary table ul xmp"
)
_INLINE_NAMES = (
    "a b strong i em u s small big code kbd samp tt var sub sup q cite span button label time math del ins s"
    " strike output"
)
_OTHER_NAMES = "listing plaintext ruby rt rtc rp"
_PREFORMATTED_NAMES = "listing plaintext xmp textarea"
_APART_NAMES = "img input button select svg canvas object audio video iframe embed progress meter output"
_STRUCK_NAMES = "del s strike"
_SEAM_NAMES = "a span time button label small cite"

_SEEN_FROM_INSIDE = (
    "a nav header footer main article aside section form ul ol li table tr td th figure figcaption blockquote pre"
    " button h1 h2 h3 h4 h5 h6 dl dt dd details summary dialog label p strong em b i code time small address caption"
    " thead menu fieldset noscript"
)
"""Elements that a block knows it is inside of: one bit each."""


def _all_names() -> list[str]:
    lists = (
        _BLOCK_NAMES,
        _VOID_NAMES,
        _RAW_NAMES,
        _UNSEEN_NAMES,
        _HEAD_NAMES,
        _ENDS_PARAGRAPH_NAMES,
        _INLINE_NAMES,
        _OTHER_NAMES,
    )
    return list(dict.fromkeys(name for names in lists for name in names.split()))


NAMES: Final = ["", *_all_names(), "x-"]
"""Names by number; 0 is any other element, the last any custom element (a name with a dash)."""
CUSTOM: Final = len(NAMES) - 1


def number(name: str) -> int:
    """Return the number of a known element."""
    return NAMES.index(name)


def _flags(names: str) -> Table:
    table = np.zeros(len(NAMES), np.uint8)
    table[[number(name) for name in names.split()]] = 1
    return table


def name_hash(name: bytes) -> int:
    """Return the 32-bit hash of a name in lower case, as `read_markup` computes it byte by byte."""
    state = 0
    for byte in name:
        state = (state * 31 + byte) & _WORD
    return state


def _slot(state: int) -> int:
    return (state ^ (state >> 13)) % _SLOTS


def _by_hash() -> tuple[npt.NDArray[np.uint32], Table]:
    hashes, numbers = np.zeros(_SLOTS, np.uint32), np.zeros(_SLOTS, np.uint8)
    for name in NAMES[1:CUSTOM]:
        slot = _slot(name_hash(name.encode()))
        assert hashes[slot] == 0, f"the name {name} needs the slot of another"
        hashes[slot], numbers[slot] = name_hash(name.encode()), number(name)
    return hashes, numbers


_HASHES, _NUMBERS = _by_hash()

IS_BLOCK: Final = _flags(_BLOCK_NAMES)
"""Its text stands in lines of its own. Pages use custom elements as containers, though browsers take them as inline."""
for _name in (*_PREFORMATTED_NAMES.split(), "x-"):
    IS_BLOCK[number(_name)] = 1
IS_VOID: Final = _flags(_VOID_NAMES)
"""Has no content and no end tag."""
IS_RAW: Final = _flags(_RAW_NAMES)
"""Its content is text up to its own end tag, whatever looks like markup in it."""
IS_UNSEEN: Final = _flags(_UNSEEN_NAMES)
"""Its content is no text of the page."""
IN_HEAD: Final = _flags(_HEAD_NAMES)
"""May stand in the head; any other start tag ends the head."""
ENDS_PARAGRAPH: Final = _flags(_ENDS_PARAGRAPH_NAMES)
"""Its start tag ends an open paragraph."""
IN_TABLE: Final = _flags("table caption colgroup thead tbody tfoot tr td th")
IS_CELL: Final = _flags("td th caption table")
"""End tags inside do not end what is open outside."""
IS_APART: Final = _flags(_APART_NAMES)
"""Stands in a line like a word of its own, whatever it shows."""
IS_STRUCK: Final = _flags(_STRUCK_NAMES)
"""Its text is struck out; what stands directly after it replaces it."""
HAS_SEAM: Final = _flags(_SEAM_NAMES)
"""Neighbours of its kind, without white space between them, are often set apart by a style sheet."""
IS_PLAIN: Final = _flags("div p address")
"""Blocks through which a list item still ends the item before it."""

BIT_OF: Final[Bits] = np.zeros(len(NAMES), np.uint64)
for _place, _name in enumerate(_SEEN_FROM_INSIDE.split()):
    BIT_OF[number(_name)] = np.uint64(1 << _place)
for _name in _PREFORMATTED_NAMES.split():
    BIT_OF[number(_name)] = BIT_OF[number("pre")]
INSIDE_NAMES: Final = (*_SEEN_FROM_INSIDE.split(), "hidden")
"""Names of the bits of `Elements.inside`, lowest first."""
HIDDEN_BIT: Final = np.uint64(1 << len(_SEEN_FROM_INSIDE.split()))
"""Set inside of elements that their attributes hide."""

UNSEEN_BIT: Final = np.uint64(1 << 63)
"""Set inside of elements whose text no reader sees, whatever is clicked on."""
SPACED_BIT: Final = np.uint64(1 << 62)
"""Set inside of elements that keep their white space by their style."""
GUTTER_BIT: Final = np.uint64(1 << 61)
"""Set inside of elements that hold the numbers of lines."""
SUPERSCRIPT_BIT: Final = np.uint64(1 << 60)
SUBSCRIPT_BIT: Final = np.uint64(1 << 59)
READING_BIT: Final = np.uint64(1 << 58)
"""Set inside of the readings (`<rt>`) of a ruby annotation."""
BROKEN_BIT: Final = np.uint64(1 << 57)
UNBROKEN_BIT: Final = np.uint64(1 << 56)
"""Set of elements, not inside of them, whose style makes them lines of their own, or part of a line."""
LINED_BIT: Final = np.uint64(1 << 55)
"""Set inside of elements that keep the ends of lines by their style."""
ROW_BIT: Final = np.uint64(1 << 54)
CELL_BIT: Final = np.uint64(1 << 53)
ROW_HEAD_BIT: Final = np.uint64(1 << 52)
GRID_BIT: Final = np.uint64(1 << 51)
"""Set of elements, not inside of them, that are parts of a table by their role or style."""
assert len(INSIDE_NAMES) <= 51, "the bits of names and those above them overlap"
BIT_OF[number("sup")], BIT_OF[number("sub")] = SUPERSCRIPT_BIT, SUBSCRIPT_BIT
BIT_OF[number("rt")] = BIT_OF[number("rtc")] = READING_BIT


def inside(names: str) -> np.uint64:
    """Return the bits of some elements, to be compared with `Elements.inside`."""
    return np.uint64(sum(int(BIT_OF[number(name)]) for name in names.split()))


@leaf
def element_number(state: int, dashed: bool) -> int:
    """Return the number of the element whose name has this hash; `dashed` says whether it has a dash in it."""
    slot = (state ^ (state >> 13)) % _SLOTS
    if _HASHES[slot] == state and state != 0:
        return int(_NUMBERS[slot])
    return CUSTOM if dashed else 0
