"""Which texts need repair, and texts without control and invisible characters, as numba kernels over UTF-8 bytes.

Most texts need none: one pass says which do (0.3 ns per byte of ASCII, 2 ns of other text), and only these are worked
on. Normal forms are told by the quick check of UAX #15, section 9: a text is in the form where no character of it is
excluded from the form or could be composed with the one before it, and combining marks stand in their order.

Zero-width characters stay where they say something (Unicode core specification, chapters 9, 12, 13 and 23; UTS #51):

- U+200D joins pictures in emoji, and shapes letters beside letters and signs of scripts that join or stack theirs;
- U+200C parts such letters from what they would join: between two characters of words one of which is of such a script,
  and behind a sign such as the virama;
- U+200B parts words of scripts that write no spaces (Thai, Lao, Khmer, Myanmar, …);
- tags spell the name of a flag behind U+1F3F4.
"""

import unicodedata
from collections.abc import Mapping
from functools import cache
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from prep.corpus.arrow.columns import Bytes, Offsets
from prep.corpus.kernels import kernel, leaf
from prep.corpus.text.utf8 import (
    CODE_POINTS,
    HIGH_BITS,
    ONES,
    code_point_table,
    decode,
    every_code_point,
    find_byte,
    load64,
    write_code_point,
)

Form = Literal["NFC", "NFKC"]
Counts = npt.NDArray[np.int32]

CONTROL, BREAK, NOT_NORMAL, SUSPECT, HEAD, COMMON, ALONE, INVISIBLE = 1, 2, 4, 8, 16, 32, 64, 128
"""Flags of code points: a control character; a break of lines other than the newline; one that may not be in the normal
form; what mojibake is made of (see `prep.stages.repair.mojibake`); and a character without width."""
_JOINS, _PICTURE, _UNSPACED, _WORD, _MARK = 1, 2, 4, 8, 16
"""Flags of what stands beside a character without width."""
NEEDS_TIDYING, NEEDS_NORMALISING, MAY_BE_MOJIBAKE = 1, 2, 4
"""What `survey` says of a text."""

_NEWLINE, _RETURN, _ESCAPE, _SPACE, _OPEN, _NEL = 0x0A, 0x0D, 0x1B, 0x20, 0x5B, 0x85
_BELL, _BACKSPACE, _BACKSLASH, _CLOSE, _UNDERSCORE, _LONGEST_TITLE = 0x07, 0x08, 0x5C, 0x5D, 0x5F, 1024
_ZERO_WIDTH_SPACE, _NON_JOINER, _JOINER, _BLACK_FLAG, _TAGS = 0x200B, 0x200C, 0x200D, 0x1F3F4, 0xE0020
_JOINING = (
    *("Arabic", "Syriac", "Nko", "Mandaic", "Mongolian", "Phags_Pa", "Devanagari", "Bengali", "Gurmukhi", "Gujarati"),
    *("Oriya", "Tamil", "Telugu", "Kannada", "Malayalam", "Sinhala", "Khmer", "Myanmar", "Tibetan", "Javanese"),
    *("Balinese", "Sundanese", "Grantha", "Newa", "Tirhuta", "Chakma", "Meetei_Mayek", "Lepcha", "Limbu"),
)
_WITHOUT_SPACES = ("Thai", "Lao", "Khmer", "Myanmar", "Tai_Le", "New_Tai_Lue", "Tai_Tham", "Javanese", "Balinese")
_SPACES = np.uint64(_SPACE) * ONES
_NEWLINES = np.uint64(_NEWLINE) * ONES
_DELETES = _UP_TO_127 = np.uint64(0x7F) * ONES


class Characters(NamedTuple):
    """Tables of one byte per code point."""

    flags: Bytes
    classes: Bytes
    """Canonical combining classes."""
    beside: Bytes
    """What lets characters without width stay beside it."""
    windows_1252: npt.NDArray[np.int32]
    """The characters that U+0080 to U+009F stand for; 0 for none; empty where they are not read so."""


@cache
def combining_classes() -> Bytes:
    """Return the canonical combining class of each code point (uint8; read-only)."""
    table = np.zeros(CODE_POINTS, np.uint8)
    for character in every_code_point():
        table[ord(character)] = unicodedata.combining(character)
    table.flags.writeable = False
    return table


@cache
def _beside() -> Bytes:
    joining = "".join(rf"\p{{Script={name}}}" for name in _JOINING)
    unspaced = "".join(rf"\p{{Script={name}}}" for name in _WITHOUT_SPACES)
    return code_point_table(
        [
            (rf"[[{joining}]&&[\p{{L}}\p{{M}}]]", _JOINS),
            (r"[\p{Extended_Pictographic}\p{Emoji_Modifier}\ufe0f\U000e007f]", _PICTURE),
            (rf"[[{unspaced}]&&[\p{{L}}\p{{M}}\p{{N}}]]", _UNSPACED),
            (r"[\p{L}\p{M}\p{N}]", _WORD),
            (r"\p{M}", _MARK),
        ]
    )


def windows_1252() -> npt.NDArray[np.int32]:
    """Return the characters that windows-1252 has at 0x80 to 0x9F; 0 where it has none."""
    text = bytes(range(0x80, 0xA0)).decode("windows-1252", "replace")
    return np.array([0 if character == "\ufffd" else ord(character) for character in text], np.int32)


def characters(
    form: Form | None, controls: bool, breaks: bool, mojibake: Mapping[int, str], invisible: bool, western: bool
) -> Characters:
    """Return the tables for what is to be repaired.

    `mojibake` maps flags to the characters that have them. With `western`, C1 controls are read as windows-1252.
    """
    marks = [(f"[{text}]", flag) for flag, text in mojibake.items()]
    if form:
        marks.append((rf"[\p{{{form}_QC=N}}\p{{{form}_QC=M}}]", NOT_NORMAL))
    if breaks:
        marks.append((r"[\r\x0b\x0c\x85\u2028\u2029]", BREAK))
    if controls:
        others = r"\ufeff\ufff9-\ufffb\u206a-\u206f\p{Noncharacter_Code_Point}"
        marks.append((rf"[\p{{Cc}}{others}--[\t\n\r\x0b\x0c\x85]]", CONTROL))
    elif western:
        marks.append((r"[\x80-\x84\x86-\x9f]", CONTROL))
    if invisible:
        marks.append((r"[\u00ad\u200b-\u200d\u2060\U000e0001\U000e0020-\U000e007f]", INVISIBLE))
    table = windows_1252() if western else np.empty(0, np.int32)
    return Characters(code_point_table(marks), combining_classes(), _beside(), table)


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
        if flags & (CONTROL | BREAK | INVISIBLE):
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
    newlines = ~((word ^ _NEWLINES) + _UP_TO_127) & HIGH_BITS  # exact, where subtracting borrows from the next byte
    deletes = ((word ^ _DELETES) - ONES) & ~(word ^ _DELETES) & HIGH_BITS
    return not (word & HIGH_BITS or below & ~newlines or deletes)


@kernel
def tidy(data: Bytes, offsets: Offsets, characters: Characters) -> tuple[Bytes, Offsets, Counts, Counts, Counts]:
    """Return the texts with newlines for all breaks, and without control and invisible characters.

    Also returns how many characters were read as windows-1252, how many control characters and how many invisible ones
    went. U+0085 is read as windows-1252 in texts that hold others that are, and is a break elsewhere. A control
    sequence of a terminal (ECMA-48: U+001B, `[`, its parameters and final byte; `]` up to a bell or string terminator;
    a bracket and a character set) goes as one control character. A character that U+0008 sets over itself, or over or
    under a `_`, as typewriters and manual pages write bold and underlined letters, stays once.
    """
    size = offsets[-1] - offsets[0]
    written = np.empty(size + size // 2, np.uint8)
    written_offsets = np.zeros(len(offsets), np.int64)
    read, controls, invisible = np.zeros((3, len(offsets) - 1), np.int32)
    to = 0
    for row in range(len(offsets) - 1):
        at, end = offsets[row], offsets[row + 1]
        western = len(characters.windows_1252) > 0 and _is_western(data, at, end, characters.windows_1252)
        before = 0
        while at < end:
            start = at
            code, at = decode(data, at, end)
            flags = characters.flags[code]
            meant = int(characters.windows_1252[code - 0x80]) if western and 0x80 <= code < 0xA0 else 0
            if meant:
                read[row] += 1
                to = write_code_point(written, to, meant)
                before = meant
            elif flags & CONTROL:
                controls[row] += 1
                if code == _ESCAPE:
                    at = _sequence_end(data, at, end)
                elif code == _BACKSPACE and before > _SPACE and at < end:
                    over, behind = decode(data, at, end)
                    if over in (before, _UNDERSCORE):
                        at = behind
                    elif before == _UNDERSCORE and over > _SPACE:
                        to -= 1
                        before = 0
            elif flags & INVISIBLE and not _says_something(
                characters.beside, before, code, decode(data, at, end)[0] if at < end else 0
            ):
                invisible[row] += 1
            elif flags & BREAK:
                if not (code == _RETURN and at < end and data[at] == _NEWLINE):
                    written[to] = _NEWLINE
                    to += 1
                before = _NEWLINE
            else:
                for place in range(start, at):
                    written[to] = data[place]
                    to += 1
                before = code
        written_offsets[row + 1] = to
    return written[:to].copy(), written_offsets, read, controls, invisible


@leaf
def _is_western(data: Bytes, at: int, end: int, table: npt.NDArray[np.int32]) -> bool:
    """Return whether a text holds C1 controls other than U+0085 that stand for characters of windows-1252."""
    while True:
        at = find_byte(data, at, end, 0xC2)
        if at + 1 >= end:
            return False
        second = data[at + 1]
        if 0x80 <= second < 0xA0 and second != _NEL and table[second - 0x80]:
            return True
        at += 1


@leaf
def _sequence_end(data: Bytes, at: int, end: int) -> int:
    """Return where the control sequence ends whose U+001B stands before a byte; the byte where there is none."""
    place = at + 1
    if place >= end:
        return at
    if 0x28 <= data[at] <= 0x2B and 0x30 <= data[place] <= 0x7E:
        return place + 1
    if data[at] == _CLOSE:
        last = min(end, place + _LONGEST_TITLE)
        while place < last and data[place] not in (_BELL, _ESCAPE):
            place += 1
        if place < last and data[place] == _BELL:
            return place + 1
        return place + 2 if place + 1 < last and data[place + 1] == _BACKSLASH else at
    if data[at] != _OPEN:
        return at
    while place < end and 0x20 <= data[place] <= 0x3F:
        place += 1
    return place + 1 if place < end and 0x40 <= data[place] <= 0x7E else at


@leaf
def _says_something(beside: Bytes, before: int, code: int, after: int) -> bool:
    left, right = beside[before], beside[after]
    if code == _ZERO_WIDTH_SPACE:
        return bool(left & right & _UNSPACED)
    if code == _NON_JOINER:
        parts = left & _JOINS and (right & _WORD or left & _MARK)
        return bool(parts or (right & _JOINS and left & _WORD))
    if code == _JOINER:
        return bool((left | right) & _JOINS or left & right & _PICTURE)
    return code >= _TAGS and (before == _BLACK_FLAG or before >= _TAGS)
