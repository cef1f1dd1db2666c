"""Which texts need repair, and texts without control characters, as numba kernels over UTF-8 bytes.

Most texts need none: one pass says which do (0.3 ns per byte of ASCII, 2 ns of other text), and only these are worked
on. Normal forms are told by the quick check of UAX #15, section 9: a text is in the form where no character of it is
excluded from the form or could be composed with the one before it, and combining marks stand in their order.
"""

import unicodedata
from collections.abc import Mapping
from functools import cache
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from prep.corpus.arrow.columns import Bytes, Offsets
from prep.corpus.kernels import kernel, leaf
from prep.corpus.text.utf8 import CODE_POINTS, HIGH_BITS, ONES, code_point_table, decode, every_code_point, load64

Form = Literal["NFC", "NFKC"]
Counts = npt.NDArray[np.int32]

CONTROL, BREAK, NOT_NORMAL, SUSPECT, HEAD, COMMON, ALONE = 1, 2, 4, 8, 16, 32, 64
"""Flags of code points: a control character; a break of lines other than the newline; one that may not be in the normal
form; and what mojibake is made of (see `prep.stages.repair.mojibake`)."""
NEEDS_TIDYING, NEEDS_NORMALISING, MAY_BE_MOJIBAKE = 1, 2, 4
"""What `survey` says of a text."""

_NEWLINE, _RETURN, _SPACE = 0x0A, 0x0D, 0x20
_SPACES = np.uint64(_SPACE) * ONES
_NEWLINES = np.uint64(_NEWLINE) * ONES
_DELETES = np.uint64(0x7F) * ONES


class Characters(NamedTuple):
    """Tables of one byte per code point."""

    flags: Bytes
    classes: Bytes
    """Canonical combining classes."""


@cache
def combining_classes() -> Bytes:
    """Return the canonical combining class of each code point (uint8; read-only)."""
    table = np.zeros(CODE_POINTS, np.uint8)
    for character in every_code_point():
        table[ord(character)] = unicodedata.combining(character)
    table.flags.writeable = False
    return table


def characters(form: Form | None, controls: bool, breaks: bool, mojibake: Mapping[int, str]) -> Characters:
    """Return the tables for what is to be repaired; `mojibake` maps flags to the characters that have them."""
    marks = [(f"[{text}]", flag) for flag, text in mojibake.items()]
    if form:
        marks.append((rf"[\p{{{form}_QC=N}}\p{{{form}_QC=M}}]", NOT_NORMAL))
    if breaks:
        marks.append((r"[\r\x0b\x0c\x85\u2028\u2029]", BREAK))
    if controls:
        marks.append((r"[\p{Cc}\ufeff\ufff9-\ufffb\u206a-\u206f--[\t\n\r\x0b\x0c\x85]]", CONTROL))
    return Characters(code_point_table(marks), combining_classes())


@kernel
def survey(data: Bytes, offsets: Offsets, characters: Characters) -> Bytes:
    """Return what each text needs (uint8, texts)."""
    needs = np.zeros(len(offsets) - 1, np.uint8)
    for row in range(len(offsets) - 1):
        needs[row] = _needs(data, offsets[row], offsets[row + 1], characters)
    return needs


@leaf
def _needs(data: Bytes, at: int, end: int, characters: Characters) -> int:
    needs = 0
    last = last_class = 0
    while at < end:
        if not last and at + 8 <= end and _is_plain(load64(data, at)):
            last_class = 0
            at += 8
            continue
        code, at = decode(data, at, end)
        flags = characters.flags[code]
        if last:
            second = flags & (SUSPECT | COMMON) if last & HEAD else flags & SUSPECT if last & SUSPECT else 0
            letter = 0x61 <= code | 0x20 <= 0x7A
            if second or (last & ALONE and not letter):
                needs |= MAY_BE_MOJIBAKE
        if flags & (CONTROL | BREAK):
            needs |= NEEDS_TIDYING
        combining = characters.classes[code]
        if flags & NOT_NORMAL or (combining and combining < last_class):
            needs |= NEEDS_NORMALISING
        if 0x80 <= code < 0xA0 and flags & SUSPECT:
            needs |= MAY_BE_MOJIBAKE
        last_class = combining
        last = flags & (SUSPECT | HEAD | ALONE)
    return needs | (MAY_BE_MOJIBAKE if last & ALONE else 0)


@leaf
def _is_plain(word: np.uint64) -> bool:
    """Return whether eight bytes are ASCII without control characters but newlines."""
    below = (word - _SPACES) & ~word & HIGH_BITS
    newlines = ((word ^ _NEWLINES) - ONES) & ~(word ^ _NEWLINES) & HIGH_BITS
    deletes = ((word ^ _DELETES) - ONES) & ~(word ^ _DELETES) & HIGH_BITS
    return not (word & HIGH_BITS or below & ~newlines or deletes)


@kernel
def tidy(data: Bytes, offsets: Offsets, characters: Characters) -> tuple[Bytes, Offsets, Counts]:
    """Return the texts with newlines for all breaks and without control characters, and how many of these went."""
    written = np.empty(offsets[-1] - offsets[0], np.uint8)
    written_offsets = np.zeros(len(offsets), np.int64)
    counts = np.zeros(len(offsets) - 1, np.int32)
    to = 0
    for row in range(len(offsets) - 1):
        at, end = offsets[row], offsets[row + 1]
        while at < end:
            start = at
            code, at = decode(data, at, end)
            flags = characters.flags[code]
            if flags & CONTROL:
                counts[row] += 1
            elif flags & BREAK:
                if not (code == _RETURN and at < end and data[at] == _NEWLINE):
                    written[to] = _NEWLINE
                    to += 1
            else:
                for place in range(start, at):
                    written[to] = data[place]
                    to += 1
        written_offsets[row + 1] = to
    return written[:to].copy(), written_offsets, counts
