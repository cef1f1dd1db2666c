"""Counts of lines and paragraphs, and of how often they occur again.

The field cuts text in several ways, so there are several kinds of lines:

- *lines*: `str.splitlines`, blank ones included (Gopher's quality rules, in datatrove);
- *filled lines*: between newlines, blank ones left out (FineWeb, and DCLM, which also trims them);
- *paragraphs*: between blank lines, which hold nothing but white space.

Repetition counts filled lines and filled paragraphs. datatrove counts what stands between runs of newlines, so that
blank lines with white space in them are duplicates of each other, and a newline at an end makes an empty line.

A *duplicate* is every copy after the first (datatrove); *repeated* is every copy of what occurs more than once, the
first included, compared and measured trimmed (DCLM, Dolma 3). Lengths are in code points. Cost: a few passes over the
bytes, O(bytes) whatever they hold.

Sources: Rae et al. 2021 (Gopher), appendix A1.1; Penedo et al. 2024 (FineWeb), section 3.6; Li et al. 2024 (DCLM).
"""

import numpy as np
import numpy.typing as npt

from prep.corpus.arrow.columns import Bytes
from prep.corpus.kernels import inner, leaf
from prep.corpus.text.utf8 import code_points, decode, find_byte, find_line_end
from prep.corpus.text.words import SPACE, Positions, trim
from prep.stages.quality.signals.dclm_kernels import words_dropped
from prep.stages.quality.signals.mark_kernels import (
    begins_with_bullet,
    begins_with_dclm_bullet,
    ends_in_dclm_ellipsis,
    ends_in_ellipsis,
    ends_in_terminal,
)
from prep.stages.quality.signals.piece_kernels import Pieces, clear, copies, key_of_piece, key_of_trimmed, meet

Counts = npt.NDArray[np.int64]

FILLED_LINES = (
    *("newlines", "line_characters", "filled_lines", "punctuated_lines", "short_lines", "duplicate_line_characters"),
)
"""Counts of `count_filled_lines`; characters are those that are not newlines."""
_NEWLINES, _LINE_CHARACTERS, _FILLED, _PUNCTUATED, _SHORT, _DUPLICATE_CHARACTERS = range(6)

LINES = (
    *FILLED_LINES,
    "duplicate_lines",
    *("lines", "bullet_lines", "ellipsis_lines"),
    *("trimmed_line_characters", "repeated_lines", "repeated_line_characters"),
    *("dclm_bullet_lines", "dclm_ellipsis_lines", "dclm_dropped_words"),
)
"""Counts of `count_lines`."""
_DUPLICATE_LINES = 6
_LINES, _BULLETS, _ELLIPSES = range(7, 10)
_TRIMMED_CHARACTERS, _REPEATED, _REPEATED_CHARACTERS = range(10, 13)
_DCLM_BULLETS, _DCLM_ELLIPSES, _DROPPED_WORDS = range(13, 16)

PARAGRAPHS = (
    *("duplicate_paragraphs", "duplicate_paragraph_characters"),
    *("filled_paragraphs", "trimmed_paragraph_characters", "repeated_paragraphs", "repeated_paragraph_characters"),
)
"""Counts of `count_paragraphs`. Filled ones are not blank."""
_DUPLICATE_PARAGRAPHS, _DUPLICATE_PARAGRAPH_CHARACTERS = range(2)
_FILLED_PARAGRAPHS, _TRIMMED_PARAGRAPH_CHARACTERS, _REPEATED_PARAGRAPHS, _REPEATED_PARAGRAPH_CHARACTERS = range(2, 6)

_NEWLINE, _RETURN = 0x0A, 0x0D


@leaf
def count_byte(data: Bytes, at: int, end: int, byte: int) -> int:
    """Return how often a byte stands in `data[at:end]`."""
    count = 0
    at = find_byte(data, at, end, byte)
    while at < end:
        count += 1
        at = find_byte(data, at + 1, end, byte)
    return count


@inner
def count_lines(
    data: Bytes,
    start: int,
    end: int,
    characters: Bytes,
    splitter: Bytes,
    joins: Bytes,
    short_line: int,
    pieces: Pieces,
    starts: Positions,
    ends: Positions,
    kinds: Bytes,
    counts: Counts,
) -> None:
    """Write the counts named in LINES; a filled line of up to `short_line` code points is short.

    Bullets stand behind white space, ellipses before it; a filled line is punctuated whose very last character is a
    terminal mark. Needs space for one piece more than newlines; the arrays of words are for its own use.
    """
    counts[:] = 0
    newlines = count_byte(data, start, end, _NEWLINE)
    counts[_NEWLINES] = newlines
    counts[_LINE_CHARACTERS] = code_points(data, start, end) - newlines
    size = clear(pieces, newlines + 1)
    line = start  # where the line between newlines began that holds the line at hand
    at = start
    while at < end:
        stop, following = find_line_end(data, at, end)
        first, last = trim(data, at, stop, characters)
        counts[_LINES] += 1
        if first < last:
            counts[_BULLETS] += begins_with_bullet(data, first, last)
            counts[_ELLIPSES] += ends_in_ellipsis(data, first, last)
        newline = int(stop < following and data[following - 1] == _NEWLINE)
        line_end = following - newline
        if (newline or following == end) and line < line_end:
            if line < at:
                first, last = trim(data, line, line_end, characters)
            if first < last:
                length = code_points(data, line, line_end)
                key = key_of_piece(data, line, line_end)
                again = meet(pieces, size, key) > 0
                counts[_DUPLICATE_LINES] += again
                _count_filled(data, line, line_end, length, again, characters, short_line, counts)
                key = key_of_trimmed(data, first, last, line, line_end, key)
                trimmed = length - code_points(data, line, first) - code_points(data, last, line_end)
                _count_trimmed(data, first, last, trimmed, key, pieces, size, counts)
                counts[_DROPPED_WORDS] += words_dropped(
                    data, first, last, length, characters, splitter, joins, starts, ends, kinds
                )
        if newline:
            line = following
        at = following


@inner
def count_filled_lines(
    data: Bytes, start: int, end: int, characters: Bytes, short_line: int, pieces: Pieces, counts: Counts
) -> None:
    """Write the counts named in FILLED_LINES, as `count_lines` does."""
    counts[:] = 0
    newlines = count_byte(data, start, end, _NEWLINE)
    counts[_NEWLINES] = newlines
    counts[_LINE_CHARACTERS] = code_points(data, start, end) - newlines
    size = clear(pieces, newlines + 1)
    at = start
    while at < end:
        stop = find_byte(data, at, end, _NEWLINE)
        first, last = trim(data, at, stop, characters)
        if first < last:
            again = meet(pieces, size, key_of_piece(data, at, stop)) > 0
            _count_filled(data, at, stop, code_points(data, at, stop), again, characters, short_line, counts)
        at = stop + 1


@leaf
def _count_filled(
    data: Bytes, start: int, end: int, length: int, again: bool, characters: Bytes, short_line: int, counts: Counts
) -> None:
    """Count a filled line as FineWeb does; `again` says whether it was met before."""
    counts[_FILLED] += 1
    counts[_PUNCTUATED] += ends_in_terminal(data, start, end, characters)
    counts[_SHORT] += length <= short_line
    counts[_DUPLICATE_CHARACTERS] += again * length


@leaf
def _count_trimmed(
    data: Bytes, first: int, last: int, length: int, key: np.uint64, pieces: Pieces, size: int, counts: Counts
) -> None:
    """Count a filled line as DCLM does, trimmed."""
    more = copies(meet(pieces, size, key))
    counts[_TRIMMED_CHARACTERS] += length
    counts[_REPEATED] += more
    counts[_REPEATED_CHARACTERS] += more * length
    counts[_DCLM_BULLETS] += begins_with_dclm_bullet(data, first, last)
    counts[_DCLM_ELLIPSES] += ends_in_dclm_ellipsis(data, first, last)


@inner
def count_paragraphs(data: Bytes, start: int, end: int, characters: Bytes, pieces: Pieces, counts: Counts) -> None:
    """Write the counts named in PARAGRAPHS. Needs space for one piece more than newlines."""
    counts[:] = 0
    at, end = trim(data, start, end, characters)
    size = 0
    while at < end:
        stop, following = _paragraph_end(data, at, end, characters)
        if stop < end and size == 0:  # a single paragraph needs no table
            size = clear(pieces, count_byte(data, stop, end, _NEWLINE) + 1)
        first, last = trim(data, at, stop, characters)
        trimmed = code_points(data, first, last)
        counts[_FILLED_PARAGRAPHS] += 1
        counts[_TRIMMED_PARAGRAPH_CHARACTERS] += trimmed
        if size:
            key = key_of_piece(data, at, stop)
            if meet(pieces, size, key):
                counts[_DUPLICATE_PARAGRAPHS] += 1
                counts[_DUPLICATE_PARAGRAPH_CHARACTERS] += code_points(data, at, stop)
            times = copies(meet(pieces, size, key_of_trimmed(data, first, last, at, stop, key)))
            counts[_REPEATED_PARAGRAPHS] += times
            counts[_REPEATED_PARAGRAPH_CHARACTERS] += times * trimmed
        at = following


@leaf
def _paragraph_end(data: Bytes, at: int, end: int, characters: Bytes) -> tuple[int, int]:
    """Return where the paragraph at `at` ends, and where the next one begins; both are `end` for the last.

    The text has no white space at its end. White space before the newline that ends the paragraph is part of it, but
    for a carriage return.
    """
    stop = following = find_byte(data, at, end, _NEWLINE)
    while stop < end:
        newlines = 0
        place = stop
        while True:
            code, after = decode(data, place, end)
            if not characters[code] & SPACE:
                break
            if code == _NEWLINE:
                newlines += 1
                following = after
            place = after
        if newlines > 1:
            return stop - int(data[stop - 1] == _RETURN), following
        stop = following = find_byte(data, following, end, _NEWLINE)
    return end, end
