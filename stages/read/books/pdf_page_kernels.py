"""A PDF page's glyphs, asked of PDFium one after another without Python in between, and cut into pieces.

PDFium tells a glyph's character, box and angle by three functions of C, for which a call from Python costs twenty times
what they do; here compiled code calls them by their addresses. A piece is a run of glyphs on one line without a wide
gap. Cost: linear in the glyphs, about 0.1 µs each, PDFium's part included; medians by sorting.
"""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from prep.corpus.c_calls import call_for_float, call_with_place, call_with_place_and_result
from prep.corpus.kernels import kernel, leaf

Codes = npt.NDArray[np.uint32]
Boxes = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]

HYPHEN_CODE: Final = 0xFFFE
WIDE_GAP: Final = 1.1
"""A gap of more than so many times the size of the glyphs parts two pieces."""
RAISED: Final = 0.25
SMALL: Final = 0.85
"""Glyphs smaller than the line's, and higher by that share of its size, are raised."""
ASLANT, NO_TURN = 4, 5
_ASLANT: Final = 0.05
"""Text that is turned by so many radians more than by quarters stands aslant."""
_REPLACEMENT: Final = 0xFFFD
_MARKED_HYPHEN: Final = 2
"""How PDFium marks a hyphen at the end of a line."""
_SPACES: Final = np.array(
    [0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000], np.uint32
)


class Glyphs(NamedTuple):
    """What is left of a page's characters: those with a place, and one space for each that separates."""

    letters: Codes
    heights: Floats
    """Of each glyph, in points (glyphs)."""
    lows: Floats
    """Its lower edge (glyphs)."""


class Cut(NamedTuple):
    """The pieces of a page. Piece i holds the glyphs from `starts[i]` to `starts[i + 1]`."""

    starts: Places
    """(pieces + 1)"""
    left: Floats
    right: Floats
    base: Floats
    size: Floats
    raised: npt.NDArray[np.bool_]
    """Whether some of its glyphs are smaller than the others, and higher (pieces)."""


class Asked(NamedTuple):
    """The addresses of PDFium's functions, and of the text page that they are asked about."""

    character: int
    box: int
    angle: int
    page: int


@kernel
def ask_glyphs(
    asked: Asked, codes: Codes, boxes: Boxes, known: npt.NDArray[np.bool_], turns: npt.NDArray[np.int8]
) -> None:
    """Fill in each character's code, its box (left, top, right, bottom; glyphs × 4), whether it has one, and its turn.

    A turn is a number of quarters clockwise, `ASLANT` between them, or `NO_TURN` of what PDFium made up.
    """
    page = asked.page
    for index in range(len(codes)):
        codes[index] = call_with_place(asked.character, page, np.int32(index))  # type: ignore[call-arg]
        place = boxes.ctypes.data + 16 * index
        known[index] = call_with_place_and_result(asked.box, page, np.int32(index), place) != 0
        angle = call_for_float(asked.angle, page, np.int32(index))
        quarters = round(angle / (0.5 * np.pi))
        if angle < 0:
            turns[index] = NO_TURN
        elif abs(angle - quarters * 0.5 * np.pi) > _ASLANT:
            turns[index] = ASLANT
        else:
            turns[index] = quarters % 4


@leaf
def _is_space(code: int) -> bool:
    if code == 0x20:
        return True
    if code < 0x85:
        return False
    for space in _SPACES:
        if code == space:
            return True
    return False


@kernel
def cut_pieces(codes: Codes, boxes: Boxes, known: npt.NDArray[np.bool_]) -> tuple[Glyphs, Cut]:
    """Return the glyphs that have a place, and the pieces that they make."""
    count = len(codes)
    letters = np.empty(count, np.uint32)
    heights, lows = np.empty(count), np.empty(count)
    lefts, rights = np.empty(count), np.empty(count)
    starts = np.zeros(count + 1, np.int64)
    pieces = held = 0
    for index in range(count):
        code = codes[index]
        if code in (13, 10):
            if held > starts[pieces]:
                pieces += 1
                starts[pieces] = held
            continue
        if 0xDC00 <= code < 0xE000 and index and 0xD800 <= codes[index - 1] < 0xDC00:
            continue
        if 0xD800 <= code < 0xDC00 and index + 1 < count and 0xDC00 <= codes[index + 1] < 0xE000:
            code = np.uint32(0x10000 + ((code - 0xD800) << 10) + codes[index + 1] - 0xDC00)
        elif code >= 0x110000 or 0xD800 <= code < 0xE000:
            code = np.uint32(_REPLACEMENT)
        elif code == _MARKED_HYPHEN:
            code = np.uint32(HYPHEN_CODE)
        if code < 0x20 or not known[index]:
            continue
        left, right = float(boxes[index, 0]), float(boxes[index, 2])
        low, height = float(boxes[index, 3]), max(0.1, float(boxes[index, 1]) - float(boxes[index, 3]))
        if _is_space(code):
            if held == starts[pieces]:
                continue
            code = np.uint32(0x20)
            left, right, low, height = rights[held - 1], rights[held - 1], lows[held - 1], heights[held - 1]
        elif held > starts[pieces]:
            wide = left - rights[held - 1] > WIDE_GAP * heights[held - 1]
            if wide or left < lefts[held - 1] - heights[held - 1]:
                pieces += 1
                starts[pieces] = held
        letters[held], lefts[held], rights[held], lows[held], heights[held] = code, left, right, low, height
        held += 1
    if held > starts[pieces]:
        pieces += 1
        starts[pieces] = held
    cut = Cut(
        starts[: pieces + 1],
        np.empty(pieces),
        np.empty(pieces),
        np.empty(pieces),
        np.empty(pieces),
        np.zeros(pieces, np.bool_),
    )
    for piece in range(pieces):
        first, last = starts[piece], starts[piece + 1]
        size = np.median(heights[first:last])
        base = np.median(lows[first:last][heights[first:last] >= SMALL * size])
        cut.left[piece], cut.right[piece] = lefts[first:last].min(), rights[first:last].max()
        cut.base[piece], cut.size[piece] = base, size
        for place in range(first, last):
            if heights[place] < SMALL * size and lows[place] - base > RAISED * size:
                cut.raised[piece] = True
    return Glyphs(letters[:held], heights[:held], lows[:held]), cut
