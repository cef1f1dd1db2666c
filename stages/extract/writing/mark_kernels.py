"""Marks of Markdown around what is strong, emphasised or code, and fences (CommonMark, sections 4.5, 6.1 and 6.2).

A mark beside a letter and a sign neither opens nor closes anything: signs at the edges of what is marked stand outside
of its marks where a letter follows or precedes (`**Name**:Bob`). Marks nest where no white space is between; where two
that do not nest meet, the second are underscores, or left out where a letter follows. Cost: linear in the text.
"""

from typing import Final

import numpy as np

from prep.corpus.arrow.columns import Bytes
from prep.corpus.kernels import inner, leaf
from prep.stages.extract.html.attribute_kernels import attribute_range, lower
from prep.stages.extract.html.block_kernels import Blocks, Runs
from prep.stages.extract.html.element_kernels import inside, name_hash
from prep.stages.extract.html.nesting_kernels import Elements

_SPACE, _BAR, _NEWLINE, _TICK, _STAR, _UNDERSCORE, _BACKSLASH = 32, 124, 10, 96, 42, 95, 92
_CODE: Final = inside("code")
_STRONG: Final = inside("strong b")
_EMPHASIS: Final = inside("em i")
_STARRED, _TICKED = 3, 4
"""Marks of what is strong (1) or emphasised (2), and of code."""
_WHITE, _LETTER, _SIGN = 0, 1, 2
_CLASS: Final = name_hash(b"class")
_LANGUAGE_BEFORE: Final = tuple(
    np.frombuffer(prefix, np.uint8)
    for prefix in (b"language-", b"lang-", b"highlight-source-", b"highlight-", b"brush:")
)
_DEFAULT: Final = b"default"
"""What Sphinx names code whose language it was not given."""
_LONGEST_LANGUAGE: Final = 24


@inner
def write_runs(
    target: Bytes,
    written: int,
    text: Bytes,
    elements: Elements,
    blocks: Blocks,
    runs: Runs,
    block: int,
    start: int,
    flat: bool,
    cell: bool,
) -> int:
    """Write a block's text, from `start` on, with the marks of its runs.

    Flat text has its lines joined and nothing strong; in a cell bars are escaped.
    """
    end, begun = blocks.end[block], written
    state, outer, sign = 0, 0, _STAR  # open marks, which of them encloses the others, and how they are written
    for run in range(blocks.run[block], blocks.run[block + 1]):
        first = start if run == blocks.run[block] else max(start, runs.start[run])
        last = runs.start[run + 1] if run + 1 < blocks.run[block + 1] else end
        if last <= start:
            continue
        around_ = elements.inside[runs.element[run]]
        wanted = 0
        if around_ & _CODE != 0:
            wanted = _TICKED
        else:
            wanted |= 1 if around_ & _STRONG != 0 and not flat else 0
            wanted |= 2 if around_ & _EMPHASIS != 0 else 0
        space = 0
        while first - space > start and text[first - 1 - space] <= _SPACE:
            space += 1
        while last > first and text[last - 1] <= _SPACE:
            last -= 1
        joined = space == 0 and first > start
        common = state & wanted
        nested = joined and (common == state or outer in (common, 0))
        stay = common if nested or wanted == state else 0
        written = _close(
            target, written, state & ~stay, sign, joined and wanted != _TICKED and _sort(text, first) == _LETTER
        )
        for place in range(first - space, first):
            target[written] = _SPACE if flat else text[place]
            written += 1
        opened = wanted & ~stay
        if opened & _STARRED != 0:
            if joined and written > begun and _sort_before(target, begun, written) == _LETTER:
                outside = min(last, _after_sign(text, first, last))
                for place in range(first, outside):
                    target[written] = _SPACE if flat and text[place] == _NEWLINE else text[place]
                    written += 1
                first = outside
            follows = last < end and text[last] > _SPACE and _sort(text, last) == _LETTER
            beside = joined and state & ~stay & _STARRED != 0
            alone = not joined and (last == end or text[last] <= _SPACE)
            if (
                not (alone or _has_letter(text, first, last))
                or (joined and sign == _UNDERSCORE)
                or (beside and follows)
            ):
                opened = 0
            elif stay == 0:
                sign = _UNDERSCORE if beside else _STAR
        outer = stay
        written = _open(target, written, opened, sign)
        state = stay | opened
        for at in range(first, last):
            if cell and text[at] == _BAR:
                target[written] = _BACKSLASH
                written += 1
            target[written] = _SPACE if flat and text[at] == _NEWLINE else text[at]
            written += 1
    return _close(target, written, state, sign, False)


@leaf
def _open(target: Bytes, written: int, state: int, sign: int) -> int:
    """Write the marks before what is strong (1), emphasised (2) or code (4)."""
    if state == _TICKED:
        target[written] = _TICK
        return written + 1
    for _ in range((2 if state & 1 else 0) + (1 if state & 2 else 0)):
        target[written] = sign
        written += 1
    return written


@leaf
def _close(target: Bytes, written: int, state: int, sign: int, joined: bool) -> int:
    """Write the marks after a run; before signs that it ends with, where a letter follows: else they close nothing."""
    if state & _STARRED == 0:
        return _open(target, written, state, sign)
    place = written
    if joined:
        while _sort_before(target, 0, place) == _SIGN and target[place - 1] not in (_STAR, _UNDERSCORE, _TICK):
            place -= 1
            while target[place] & 0xC0 == 0x80:
                place -= 1
    length = (2 if state & 1 else 0) + (1 if state & 2 else 0)
    for at in range(written - 1, place - 1, -1):
        target[at + length] = target[at]
    _open(target, place, state, sign)
    return written + length


@leaf
def _sort(text: Bytes, at: int) -> int:
    """Return whether a character is a letter or digit, a sign, or white space, as CommonMark takes them."""
    byte = text[at]
    if byte <= _SPACE:
        return _WHITE
    if byte < 0x80:
        return _LETTER if 48 <= byte <= 57 or 97 <= byte | 32 <= 122 else _SIGN
    if byte not in (0xE2, 0xE3, 0xEF) or at + 2 >= len(text):
        return _LETTER
    second, third = text[at + 1], text[at + 2]
    if byte == 0xE2 or (byte == 0xE3 and second == 0x80):
        return _SIGN
    wide = byte == 0xEF and ((second == 0xBC and (third <= 0x8F or third >= 0x9A)) or second == 0xBD)
    latin = (second == 0xBC and 0xA1 <= third <= 0xBA) or (second == 0xBD and (0x81 <= third <= 0x9A or third >= 0xA5))
    return _SIGN if wide and not latin else _LETTER


@leaf
def _sort_before(text: Bytes, start: int, end: int) -> int:
    """Return of which sort the last character is of a text that begins and ends so."""
    at = end - 1
    while at > start and text[at] & 0xC0 == 0x80:
        at -= 1
    return _sort(text, at) if at >= start else _WHITE


@leaf
def _after_sign(text: Bytes, at: int, end: int) -> int:
    """Return where a text goes on after a sign that it begins with, and white space after that."""
    if _sort(text, at) != _SIGN:
        return at
    at += 1 if text[at] < 0x80 else 3
    while at < end and text[at] <= _SPACE:
        at += 1
    return at


@leaf
def _has_letter(text: Bytes, start: int, end: int) -> bool:
    for at in range(start, end):
        if text[at] & 0xC0 != 0x80 and _sort(text, at) == _LETTER:
            return True
    return False


@leaf
def is_code(text: Bytes, elements: Elements, blocks: Blocks, runs: Runs, block: int) -> bool:
    """Return whether a block is code of several lines."""
    for run in range(blocks.run[block], blocks.run[block + 1]):
        if elements.inside[runs.element[run]] & _CODE == 0:
            return False
    for at in range(blocks.start[block], blocks.end[block]):
        if text[at] == _NEWLINE:
            return True
    return False


@inner
def write_code(
    page: Bytes, target: Bytes, written: int, text: Bytes, elements: Elements, blocks: Blocks, runs: Runs, block: int
) -> int:
    """Write a preformatted block between fences longer than any row of backticks in it."""
    fence, row = 3, 0
    for at in range(blocks.start[block], blocks.end[block]):
        row = row + 1 if text[at] == _TICK else 0
        fence = max(fence, min(row + 1, 12))
    for _ in range(fence):
        target[written] = _TICK
        written += 1
    start, end = _language(page, elements, runs.element[blocks.run[block]])
    for at in range(start, end):
        target[written] = lower(page[at])
        written += 1
    target[written] = _NEWLINE
    written += 1
    for at in range(blocks.start[block], blocks.end[block]):
        target[written] = text[at]
        written += 1
    target[written] = _NEWLINE
    written += 1
    for _ in range(fence):
        target[written] = _TICK
        written += 1
    return written


@inner
def _language(page: Bytes, elements: Elements, element: int) -> tuple[int, int]:
    """Return where a class of code or of what is around it names its language."""
    for _ in range(6):
        if element <= 0:
            break
        start, end = attribute_range(page, elements.tag[element], _CLASS)
        for prefix in _LANGUAGE_BEFORE:
            for at in range(start, end - len(prefix)):
                if at > start and page[at - 1] > _SPACE:
                    continue
                place = 0
                while place < len(prefix) and lower(page[at + place]) == prefix[place]:
                    place += 1
                if place < len(prefix):
                    continue
                first = at + place
                while first < end and page[first] <= _SPACE:
                    first += 1
                last = first
                while last < min(end, first + _LONGEST_LANGUAGE) and _is_name(page[last]):
                    last += 1
                if last > first and not (last - first == len(_DEFAULT) and lower(page[first]) == _DEFAULT[0]):
                    return first, last
        element = elements.parent[element]
    return 0, 0


@leaf
def _is_name(byte: int) -> bool:
    return 48 <= byte <= 57 or 97 <= (byte | 32) <= 122 or byte in (35, 43, 45, 95)
