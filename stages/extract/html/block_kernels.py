"""Blocks of text: what stands between two breaks of a page, with its white space as a browser shows it.

A block begins and ends where a block-level element does, or at an empty line (two `<br>`). White space in it is
collapsed to one space and a single `<br>` becomes a line break; inside of `<pre>` white space stays as it is. A run is
the part of a block that stands in one element. Cost: linear in the text.
"""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from prep.corpus.arrow.columns import Bytes
from prep.corpus.kernels import kernel, leaf
from prep.corpus.text.utf8 import write_code_point
from prep.stages.extract.html.element_kernels import inside
from prep.stages.extract.html.markup_kernels import LINE_BREAK, Stretches
from prep.stages.extract.html.nesting_kernels import Elements, Integers
from prep.stages.extract.html.reference_kernels import read_reference

Positions = npt.NDArray[np.int64]


class Runs(NamedTuple):
    """The parts of blocks. One entry per run, in order."""

    element: Integers
    """The innermost element that it stands in."""
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


_PRE = inside("pre")
_SPACE, _NEWLINE, _RETURN, _TAB, _AMPERSAND = 32, 10, 13, 9, 38
_NO_BREAK_SPACE: Final = 0xA0
_IS_WORD: Final = np.array([byte >= 0x80 or chr(byte).isalnum() or byte == 0x5F for byte in range(256)])


@kernel
def read_blocks(page: Bytes, elements: Elements, stretches: Stretches) -> tuple[Bytes, Blocks, Runs]:
    """Return the text of a page (UTF-8, blocks joined without separators), its blocks and their runs."""
    count = len(stretches.start)
    size = 1
    for stretch in range(count):
        size += stretches.end[stretch] - stretches.start[stretch] + 1
    text = np.empty(size, np.uint8)
    starts, ends = np.empty(count, np.int64), np.empty(count, np.int64)
    block_elements, first_runs = np.empty(count, np.int32), np.empty(count + 1, np.int32)
    blocks_begun = np.empty(count + 1, np.int32)
    run_elements, run_words = np.empty(count, np.int32), np.empty(count, np.int32)
    written, begun, ran = 0, 0, 0
    breaks = 2 * LINE_BREAK  # since the last visible character
    spaced, in_word = False, False
    unspaced = 0  # characters since a word began, in a script without spaces; 0 in others
    for stretch in range(count):
        blocks_begun[stretch] = begun
        breaks += stretches.gap[stretch]
        element = stretches.element[stretch]
        kept = elements.inside[element] & _PRE != 0
        start, end = stretches.start[stretch], stretches.end[stretch]
        words = 0
        seen = False
        at = start
        while at < end:
            code, after = _read_character(page, at, end)
            if code <= _SPACE or code == _NO_BREAK_SPACE:
                if kept and breaks == 0:
                    if code != _RETURN:
                        text[written] = code if code in (_NEWLINE, _TAB) else _SPACE
                        written += 1
                    in_word = False
                else:
                    spaced = True
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
                if kept:
                    written = _indent(page, start, at, text, written)
                in_word = False
            elif breaks > 0:
                text[written] = _NEWLINE
                written += 1
                in_word = False
            elif spaced:
                text[written] = _SPACE
                written += 1
                in_word = False
            breaks = 0
            spaced = False
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
            else:
                for place in range(at, after):
                    text[written] = page[place]
                    written += 1
            at = after
        if seen:
            run_elements[ran] = element
            run_words[ran] = words
            ran += 1
    if begun > 0:
        ends[begun - 1] = _trimmed(text, starts[begun - 1], written)
    blocks_begun[count] = begun
    first_runs[begun] = ran
    blocks = Blocks(starts[:begun], ends[:begun], block_elements[:begun], first_runs[: begun + 1], blocks_begun)
    return text[:written], blocks, Runs(run_elements[:ran], run_words[:ran])


@leaf
def _read_character(page: Bytes, at: int, end: int) -> tuple[int, int]:
    """Return a character's code point and where it ends; for one beyond U+00FF that is no reference, any above it."""
    byte = int(page[at])
    if byte == _AMPERSAND:
        code, after = read_reference(page, at + 1, end)
        return (code, after) if code >= 0 else (_AMPERSAND, at + 1)
    if byte < 0xC2:
        return byte, at + 1
    length = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
    code = ((byte & 0x1F) << 6) | (int(page[at + 1]) & 0x3F) if length == 2 and at + 1 < end else 0x100
    return code, min(at + length, end)


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
def _indent(page: Bytes, start: int, at: int, text: Bytes, written: int) -> int:
    """Copy the spaces before the first character of a preformatted block; return where they end."""
    first = at
    while first > start and page[first - 1] in (_SPACE, _TAB):
        first -= 1
    for place in range(first, at):
        text[written] = page[place]
        written += 1
    return written


@leaf
def _trimmed(text: Bytes, start: int, end: int) -> int:
    while end > start and text[end - 1] <= _SPACE:
        end -= 1
    return end
