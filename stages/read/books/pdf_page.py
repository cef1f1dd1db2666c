"""The lines of a PDF page in the order in which they are read, from where its glyphs stand.

PDF places glyphs; PDFium puts them into lines as they were drawn, across columns. Here its lines are cut where the gap
between glyphs is wide, and pieces on one height are rows. A page is in columns where a gutter, which few pieces cross,
has prose on both sides: then the left column comes before the right one, and what crosses the gutter parts what stands
above from what stands below. Rows of several short pieces are rows of a table. Text that is turned, as tables across a
page and stamps in its margin are, is read for itself, behind the text that most of the page is. Cost: linear in the
glyphs, for pages of prose about as much as PDFium takes to load them.
Source: the recursive cuts of Nagy and Seth (1984), here with gutters alone.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from prep.corpus.c_calls import address_of
from prep.stages.read.books.pdf_page_kernels import (
    HYPHEN_CODE,
    NO_TURN,
    RAISED,
    SMALL,
    Asked,
    Boxes,
    Codes,
    ask_glyphs,
    cut_pieces,
)

if TYPE_CHECKING:
    from pypdfium2 import PdfTextPage

_CELL_GAP = 1.5
"""A gap of more than so many times that size parts two cells of a table."""
_INITIAL = 1.8
"""A letter of more than so many times the size of the others begins a chapter."""
_ASIDE = 0.15
"""Text that stands again less than that share of its size aside is the same text."""
_LEADER = "...."
_LEADERS = re.compile(r"\s*(?:\.\s?){4,}(?:\|\s)?\s*(?=[\divxlcA-Z.-]{1,8}\Z)")
"""The dots between an entry of a table of contents and its page."""
_BINS = 200
_CROSSING = 0.12
"""At most this share of the pieces, or two of them, may cross a gutter."""
_PROSE = 18
"""Characters that pieces on both sides of a gutter have at least, at the median."""
_LEAST = 3
_BASE = re.compile(r"(?:[\d)\]]|(?<![^\W\d_])[^\W\d_]{1,2})\Z")
_EXPONENT = re.compile(r"[+\N{MINUS SIGN}-]?(?:\d{1,4}|[a-z])\b")
_LIGATURES = str.maketrans({"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"})
HYPHEN = chr(HYPHEN_CODE)
"""How PDFium marks a hyphen at the end of a line."""


class Piece(NamedTuple):
    """A run of glyphs on one line, without a wide gap. Coordinates are in points, from the page's lower left corner."""

    text: str
    left: float
    right: float
    base: float
    size: float


class Line(NamedTuple):
    """A row of a column."""

    text: str
    left: float
    right: float
    base: float
    size: float
    cells: int = 1
    """How many cells it has as a row of a table; 1 for all else."""
    column: int = 0
    """The number of the column on the page."""


def page_lines(glyphs: "PdfTextPage") -> list[Line]:
    """Return a page's lines in reading order."""
    columns = [members for pieces in _layers(glyphs) for members in _columns(pieces)]
    return [line._replace(column=column) for column, members in enumerate(columns) for line in _rows(members)]


def _layers(glyphs: "PdfTextPage") -> Iterator[list[Piece]]:
    """Yield the pieces of the page by how they are turned, upright as they are read, the turn of most glyphs first.

    PDFium's lines are cut at wide gaps, and where a hyphen made it run two lines together.
    """
    from pypdfium2 import raw

    count = glyphs.count_chars()
    codes, boxes = np.zeros(count, np.uint32), np.zeros((count, 4), np.float32)
    known, turns = np.zeros(count, np.bool_), np.zeros(count, np.int8)
    functions = (raw.FPDFText_GetUnicode, raw.FPDFText_GetLooseCharBox, raw.FPDFText_GetCharAngle, glyphs.raw)
    ask_glyphs(Asked(*map(address_of, functions)), codes, boxes, known, turns)
    counts = np.bincount(turns, minlength=NO_TURN + 1)[:NO_TURN]
    for turn in np.argsort(-counts, kind="stable").tolist():
        if counts[turn] == count:
            yield list(pieces_of(codes, boxes, known))
        elif counts[turn]:
            own = (turns == turn) | (turns == NO_TURN)
            yield list(pieces_of(codes[own], _upright(boxes[own], turn), known[own]))


def _upright(boxes: Boxes, turn: int) -> Boxes:
    """Return boxes as they are where the page is turned so that their text is upright; aslant ones stay."""
    left, top, right, bottom = boxes.T
    turned = {1: (-top, right, -bottom, left), 2: (-right, -bottom, -left, -top), 3: (bottom, -left, top, -right)}
    return np.ascontiguousarray(np.stack(turned.get(turn, (left, top, right, bottom)), axis=1))


def pieces_of(codes: Codes, boxes: Boxes, known: npt.NDArray[np.bool_]) -> Iterator[Piece]:
    """Yield the pieces that a page's characters make, as `ask_glyphs` gives them."""
    found, cut = cut_pieces(codes, boxes, known)
    text = found.letters.astype("<u4").tobytes().decode("utf-32-le")
    starts = cut.starts.tolist()
    columns = (cut.left.tolist(), cut.right.tolist(), cut.base.tolist(), cut.size.tolist(), cut.raised.tolist())
    for first, last, left, right, base, size, raised in zip(starts[:-1], starts[1:], *columns, strict=True):
        letters = text[first:last]
        if raised:
            above = (found.heights[first:last] < SMALL * size) & (found.lows[first:last] - base > RAISED * size)
            letters = _with_powers(letters, above.tolist())
        if not letters.isascii():
            letters = letters.translate(_LIGATURES)
        yield Piece(letters.strip(), left, right, base, size)


def _with_powers(letters: str, above: Sequence[bool]) -> str:
    """Return a piece's text with a caret before what is raised, where it is an exponent."""
    text: list[str] = []
    raised = False
    for letter, is_above in zip(letters, above, strict=True):
        if is_above and not raised and _EXPONENT.match(letter) and _BASE.search("".join(text[-3:])):
            text.append("^")
        raised = is_above
        text.append(letter)
    return "".join(text)


def _columns(pieces: Sequence[Piece]) -> list[list[Piece]]:
    """Return the pieces in groups that are read one after another."""
    gutter = _gutter(pieces)
    if gutter is None:
        return [list(pieces)] if pieces else []
    crossing = [piece for piece in pieces if piece.left < gutter < piece.right]
    sides = [[p for p in pieces if p.right <= gutter], [p for p in pieces if p.left >= gutter]]
    groups: list[list[Piece]] = []
    top = float("inf")
    for piece in [*sorted(crossing, key=lambda item: -item.base), None]:
        bottom = float("-inf") if piece is None else piece.base
        for side in sides:
            groups += _columns([other for other in side if bottom < other.base <= top])
        if piece is not None:
            if groups and groups[-1] and all(item in crossing for item in groups[-1]):
                groups[-1].append(piece)
            else:
                groups.append([piece])
        top = bottom
    return groups


def _gutter(pieces: Sequence[Piece]) -> float | None:
    """Return the middle of a gutter between columns of prose, or None."""
    if len(pieces) < 2 * _LEAST:
        return None
    left, right = min(piece.left for piece in pieces), max(piece.right for piece in pieces)
    width = (right - left) / _BINS
    if width <= 0:
        return None
    ends = np.zeros(_BINS + 2, np.int64)
    for piece in pieces:
        ends[int((piece.left - left) / width)] += 1
        ends[min(_BINS, int((piece.right - left) / width)) + 1] -= 1
    covered = np.cumsum(ends).tolist()
    inner = range(_BINS // 6, _BINS - _BINS // 6)
    least = min(covered[place] for place in inner)
    if least > max(2, _CROSSING * len(pieces)):
        return None
    best = _widest([place for place in inner if covered[place] == least])
    gutter = left + (sum(best) / 2 + 0.5) * width
    for side in ([p for p in pieces if p.right <= gutter], [p for p in pieces if p.left >= gutter]):
        if len(side) < _LEAST or median(len(piece.text) for piece in side) < _PROSE:
            return None
    return gutter


def _widest(places: Sequence[int]) -> tuple[int, int]:
    """Return the longest run of neighbours in rising numbers."""
    best = (places[0], places[0])
    start = last = places[0]
    for place in places[1:]:
        start, last = (start if place == last + 1 else place), place
        if last - start > best[1] - best[0]:
            best = (start, last)
    return best


def _rows(pieces: Sequence[Piece]) -> Iterator[Line]:
    """Yield a column's lines from top to bottom: pieces on one height are one line, or a row of cells."""
    rows: list[list[Piece]] = []
    for piece in sorted(_with_initials(pieces), key=lambda item: (-item.base, item.left)):
        if rows and abs(rows[-1][0].base - piece.base) < 0.4 * max(rows[-1][0].size, piece.size):
            rows[-1].append(piece)
        else:
            rows.append([piece])
    for row in rows:
        row.sort(key=lambda item: item.left)
        text, cells = row[0].text, 1
        for before, piece in pairwise(row):
            if _is_drawn_again(before, piece):
                continue
            apart = piece.left - before.right > _CELL_GAP * before.size
            cells += apart
            text += ("^" if _is_exponent(text, before, piece) else " | " if apart else " ") + piece.text
        if _LEADER in text and (leaders := _LEADERS.search(text)) is not None:
            text, cells = f"{text[: leaders.start()]} {text[leaders.end() :]}", max(cells, 2)
        yield Line(text, row[0].left, row[-1].right, row[0].base, max(piece.size for piece in row), cells)


def _with_initials(pieces: Sequence[Piece]) -> Sequence[Piece]:
    """Return a column's pieces, each large initial letter as the first of the line beside its upper end."""
    size = median(piece.size for piece in pieces)
    initials = [
        piece for piece in pieces if piece.size > _INITIAL * size and len(piece.text) == 1 and piece.text.isupper()
    ]
    kept = list(pieces)
    for initial in initials:
        beside = [
            piece
            for piece in kept
            if abs(piece.left - initial.right) < 1.5 * size
            and initial.base - size < piece.base < initial.base + initial.size
            and piece.text[:1].isalpha()
        ]
        if len(beside) > 1:
            first = max(beside, key=lambda piece: piece.base)
            kept.remove(initial)
            kept[kept.index(first)] = first._replace(text=initial.text + first.text, left=initial.left)
    return kept


def _is_drawn_again(before: Piece, piece: Piece) -> bool:
    """Say whether a piece is the one before it once more, a little aside, as programs draw bold text."""
    return piece.text == before.text and abs(piece.left - before.left) < _ASIDE * piece.size


def _is_exponent(text: str, before: Piece, piece: Piece) -> bool:
    """Say whether a piece is raised behind what stands before it."""
    raised = piece.size < SMALL * before.size and piece.base - before.base > RAISED * piece.size
    near = piece.left - before.right < RAISED * before.size
    return bool(raised and near and _EXPONENT.fullmatch(piece.text) and _BASE.search(text))
