"""Blocks of text: what stands between two breaks of a page, with its white space as a browser shows it.

A block begins and ends where a block-level element does, or at an empty line (two `<br>`). White space in it is
collapsed to one space and a single `<br>` becomes a line break, after which no-break spaces stay; a style may keep
white space, or the ends of lines alone. Preformatted text is one block whatever stands in it: its white space stays,
each `<br>` and each block-level element is a line. A run is the part of a block that stands in one element. Cost:
linear in the text.
"""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from prep.corpus.arrow.columns import Bytes
from prep.corpus.kernels import inner, kernel, leaf
from prep.corpus.text.utf8 import write_code_point
from prep.stages.extract.html.element_kernels import LINED_BIT, SPACED_BIT, inside, number
from prep.stages.extract.html.gap_kernels import APART, BLOCK_BREAK, LINE_BREAK, LINE_START, NO_BREAK, SEAM
from prep.stages.extract.html.inline_kernels import (
    CARET,
    PARENTHESIS,
    PLACED,
    UNDERSCORE,
    carries_nothing,
    mark_of,
    next_reading,
    placed_element,
    stands_apart,
)
from prep.stages.extract.html.markup_kernels import Stretches
from prep.stages.extract.html.nesting_kernels import Elements, Integers
from prep.stages.extract.html.reference_kernels import read_reference

Positions = npt.NDArray[np.int64]


class Runs(NamedTuple):
    """The parts of blocks. One entry per run, in order."""

    element: Integers
    """The innermost element that it stands in."""
    start: Positions
    """Where its first visible character is written."""
    words: Integers
    """Words that begin in it. In scripts without spaces every second ideograph or kana, and every fourth letter of
    Thai, Lao, Burmese or Khmer, begins one: about as many as there are."""


class Blocks(NamedTuple):
    """The blocks of a page. One entry per block, in order; each has a visible character."""

    start: Positions
    """Byte range of the text."""
    end: Positions
    element: Integers
    """The innermost block-level element that it begins in."""
    run: Integers
    """Its first run; one more entry for the end."""
    begun: Integers
    """Blocks that begin before a stretch: one entry per stretch, and one for the end."""


_PRE: Final = inside("pre")
_CODE: Final = inside("pre code")
_XMP: Final = number("xmp")
_DT: Final = number("dt")
_SPACE, _NEWLINE, _RETURN, _TAB, _AMPERSAND, _FORM_FEED = 32, 10, 13, 9, 38, 12
_NO_BREAK_SPACE: Final = 0xA0
_MOST_TABS: Final = 60
_MARKS: Final = 8
"""Most bytes that are written for a stretch and do not stand in it."""
_IS_WORD: Final = np.array([byte >= 0x80 or chr(byte).isalnum() or byte == 0x5F for byte in range(256)])


@kernel
def read_blocks(page: Bytes, elements: Elements, stretches: Stretches) -> tuple[Bytes, Blocks, Runs]:
    """Return the text of a page (UTF-8, blocks joined without separators), its blocks and their runs."""
    count = len(stretches.start)
    text = np.empty(_most_bytes(stretches), np.uint8)
    starts, ends = np.empty(count, np.int64), np.empty(count, np.int64)
    block_elements, first_runs = np.empty(count, np.int32), np.empty(count + 1, np.int32)
    blocks_begun = np.empty(count + 1, np.int32)
    run_elements, run_words = np.empty(count, np.int32), np.empty(count, np.int32)
    run_starts = np.empty(count, np.int64)
    written, begun, ran = 0, 0, 0
    breaks = BLOCK_BREAK  # since the last visible character
    spaced, in_word, seam = False, False, False
    tabs, spaces = 0, 0  # white space that indents a line, and which of it are tabs, as bits
    unspaced = 0  # characters since a word began, in a script without spaces; 0 in others
    hollow = False  # whether the line of preformatted text at hand has characters that carry nothing, and no other
    placed, closing = 0, 0  # the open raised or lowered element or reading, and what is written after it
    for stretch in range(count):
        blocks_begun[stretch] = begun
        gap = stretches.gap[stretch]
        breaks += gap % SEAM
        spaced |= gap >= APART
        seam |= gap & SEAM != 0
        start, end = stretches.start[stretch], stretches.end[stretch]
        if start == end:
            continue
        element = stretches.element[stretch]
        bits = elements.inside[element]
        if bits & _CODE == 0 and _is_icon(page, start, end):
            continue
        preformatted = bits & _PRE != 0
        kept = preformatted or bits & SPACED_BIT != 0
        lined = bits & LINED_BIT != 0
        literal = elements.kind[element] == _XMP
        if placed > 0 and stretch >= elements.last[placed]:
            placed = next_reading(elements, placed, element) if gap == NO_BREAK else 0
            if placed == 0 and closing != 0:
                text[written] = closing
                written += 1
            closing = closing if placed > 0 else 0
        if gap % SEAM > 0:
            tabs, spaces = 0, 0
        if preformatted and 0 < breaks < BLOCK_BREAK:
            breaks += LINE_BREAK if hollow and breaks % LINE_START == 0 else 0
            hollow = False
            written = _end_lines(text, written, breaks, page[start] == _NEWLINE)
            breaks = 0
            spaced, seam = False, False
        words = 0
        seen = False
        at = start
        while at < end:
            code, second, after = _read_character(page, at, end)
            if literal:
                code, second, after = (_AMPERSAND, 0, at + 1) if page[at] == _AMPERSAND else (code, second, after)
            if code <= _SPACE or code == _NO_BREAK_SPACE:
                if kept and breaks == 0:
                    if code not in (_RETURN, _FORM_FEED):
                        text[written] = code if code in (_NEWLINE, _TAB) else _SPACE
                        written += 1
                        hollow &= code != _NEWLINE
                    in_word = False
                elif lined and breaks == 0 and (code == _NEWLINE or text[written - 1] == _NEWLINE):
                    if code == _NEWLINE:
                        text[written] = _NEWLINE
                        written += 1
                    spaced, in_word = False, False
                else:
                    spaced = True
                    if kept and code in (_NEWLINE, _RETURN):
                        tabs, spaces = 0, 0
                    elif code == _NO_BREAK_SPACE or kept or (code == _SPACE and spaces > 0):
                        tabs |= (1 << spaces) if code == _TAB and spaces < _MOST_TABS else 0
                        spaces += 1
                at = after
                continue
            if code >= 0xAD and carries_nothing(page, at, end, code):
                if (
                    not (spaced or breaks > 0)
                    and written >= 3
                    and _characters_per_word(text, written - 3, written) == 4
                ):
                    text[written], text[written + 1], text[written + 2] = 0xE2, 0x80, 0x8B
                    written += 3
                hollow |= preformatted and breaks == 0 and written > 0 and text[written - 1] == _NEWLINE
                at = after
                continue
            if breaks >= 2 * LINE_BREAK:
                if begun > 0:
                    written = _trimmed(text, starts[begun - 1], written)
                    ends[begun - 1] = written
                starts[begun] = written
                block_elements[begun] = elements.block[element]
                first_runs[begun] = ran
                begun += 1
                if bits & _CODE != 0 or kept:
                    written = _indent(text, written, tabs, spaces)
                in_word = False
            elif breaks > 0:
                text[written] = _NEWLINE
                written = _indent(text, written + 1, tabs, spaces)
                in_word = False
            elif spaced or (
                seam
                and written > 0
                and stands_apart(text, starts[begun - 1], written, code, elements.kind[elements.block[element]] == _DT)
            ):
                text[written] = _SPACE
                written += 1
                in_word = False
            if not seen and placed == 0 and bits & PLACED != 0:
                placed = placed_element(elements, element)
                block = starts[begun - 1] if breaks == 0 and not spaced else written
                opening, closing = mark_of(page, elements, stretches, placed, text, block, written)
                if opening != 0:
                    text[written] = opening
                    written += 1
                    in_word = False
                if opening in (CARET, UNDERSCORE) and closing != 0:
                    text[written] = PARENTHESIS
                    written += 1
            if not seen:
                run_starts[ran] = written
            breaks = 0
            hollow = False
            spaced, seam = False, False
            tabs, spaces = 0, 0
            seen = True
            if after == at + 1 or page[at] == _AMPERSAND:
                is_word = bool(_IS_WORD[min(code, 0xFF)])
            else:
                is_word = _begins_word(page, at, end)
            per_word = _characters_per_word(page, at, end)
            if is_word and (not in_word or (per_word > 0 and (unspaced == 0 or unspaced >= per_word))):
                words += 1
                unspaced = 0
            unspaced = unspaced + 1 if per_word > 0 else 0
            in_word = is_word
            if page[at] == _AMPERSAND:
                written = write_code_point(text, written, code)
                if second != 0:
                    written = write_code_point(text, written, second)
            else:
                for place in range(at, after):
                    text[written] = page[place]
                    written += 1
            at = after
        if seen:
            run_elements[ran] = element
            run_words[ran] = words
            ran += 1
    if closing != 0:
        text[written] = closing
        written += 1
    if begun > 0:
        ends[begun - 1] = _trimmed(text, starts[begun - 1], written)
    blocks_begun[count] = begun
    first_runs[begun] = ran
    blocks = Blocks(starts[:begun], ends[:begun], block_elements[:begun], first_runs[: begun + 1], blocks_begun)
    return text[:written], blocks, Runs(run_elements[:ran], run_starts[:ran], run_words[:ran])


@inner
def _most_bytes(stretches: Stretches) -> int:
    """Return how many bytes the text of a page has at most; what a reference stands for is a fifth longer at most."""
    size = _MARKS
    for stretch in range(len(stretches.start)):
        length = stretches.end[stretch] - stretches.start[stretch]
        size += length + length // 4 + stretches.gap[stretch] % LINE_START + _MARKS
    return size


@leaf
def _end_lines(text: Bytes, written: int, breaks: int, newline_follows: bool) -> int:
    """Write the line breaks of a gap in preformatted text; return where they end."""
    lines = breaks % LINE_START
    at_start = written == 0 or text[written - 1] == _NEWLINE
    if breaks >= LINE_START and not at_start and not newline_follows:
        lines += 1
    for _ in range(lines):
        text[written] = _NEWLINE
        written += 1
    return written


@leaf
def _read_character(page: Bytes, at: int, end: int) -> tuple[int, int, int]:
    """Return a character's code point, a second one that its reference stands for or 0, and where it ends.

    For a character beyond U+00FF that is no reference the code point is any above it.
    """
    byte = int(page[at])
    if byte == _AMPERSAND:
        code, second, after = read_reference(page, at + 1, end)
        return (code, second, after) if code >= 0 else (_AMPERSAND, 0, at + 1)
    if byte < 0xC2:
        return byte, 0, at + 1
    length = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
    code = ((byte & 0x1F) << 6) | (int(page[at + 1]) & 0x3F) if length == 2 and at + 1 < end else 0x100
    return code, 0, min(at + length, end)


@leaf
def _is_icon(page: Bytes, start: int, end: int) -> bool:
    """Return whether a text is nothing but characters for private use: places in a font of pictures."""
    found = False
    at = start
    while at < end:
        byte = int(page[at])
        after = at + 1
        if byte == _AMPERSAND:
            code, _, after = read_reference(page, at + 1, end)
            if not 0xE000 <= code <= 0xF8FF:
                return False
            found = True
        elif byte == 0xEE or (byte == 0xEF and at + 1 < end and page[at + 1] <= 0xA3):
            after = at + 3
            found = True
        elif byte > _SPACE:
            return False
        at = after
    return found


@leaf
def _begins_word(page: Bytes, at: int, end: int) -> bool:
    """Return whether a character of several bytes is taken as part of a word.

    Latin-1's signs, the general and the CJK punctuation, full-width signs, and emoji are not.
    """
    byte, second = page[at], page[min(at + 1, end - 1)]
    if byte == 0xC2 or (byte == 0xF0 and not 0xA0 <= second <= 0xB3):
        return False
    return not ((byte in (0xE2, 0xE3) and second == 0x80) or (byte == 0xEF and second == 0xBC and page[at + 2] <= 0x8F))


@leaf
def _characters_per_word(page: Bytes, at: int, end: int) -> int:
    """Return how many characters a word has in the script of a character that is written without spaces, else 0."""
    if page[at] < 0xE0 or at + 1 >= end:
        return 0
    first, second = page[at], page[at + 1]
    if (first == 0xE0 and 0xB8 <= second <= 0xBB) or (first == 0xE1 and (second <= 0x82 or 0x9E <= second <= 0x9F)):
        return 4  # Thai, Lao, Burmese, Khmer
    if 0xE4 <= first <= 0xE9 or (first == 0xE3 and (0x81 <= second <= 0x83 or second >= 0x90)):
        return 2  # kana and the ideographs of the Basic Multilingual Plane
    if (first == 0xEF and 0xA4 <= second <= 0xAB) or (first == 0xF0 and 0xA0 <= second <= 0xB3):
        return 2  # compatibility ideographs, and those of the other planes
    return 0


@leaf
def _indent(text: Bytes, written: int, tabs: int, spaces: int) -> int:
    """Write the white space that indents a line, of which the bits of `tabs` are tabs; return where it ends."""
    for place in range(spaces):
        text[written] = _TAB if place < _MOST_TABS and tabs >> place & 1 else _SPACE
        written += 1
    return written


@leaf
def _trimmed(text: Bytes, start: int, end: int) -> int:
    while end > start and text[end - 1] <= _SPACE:
        end -= 1
    return end
