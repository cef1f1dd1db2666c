"""Splitting UTF-8 text into words, as numba kernels over bytes.

A splitter is a table: one byte of flags for every code point, made by `word_table`. `split_words` reads the table and
writes where each word begins and ends.

- `unicode`: the default word boundaries of Unicode (UAX #29, "Unicode Text Segmentation", section 4.1). A word is a
  segment between two boundaries, without the white space at its ends, unless nothing is left. A run of punctuation is
  therefore one word per mark. UAX #29 has no dictionary: every ideograph, every hiragana and every letter of
  Thai, Lao, Khmer and Burmese with its marks is a word; katakana are not split.
- `whitespace`: what stands between white space, as `str.split()`.

White space is what `str.isspace` says. Cost: one pass, O(bytes); about 2 ns per byte on ASCII text.
"""

from functools import cache
from typing import Literal

import numpy as np
import numpy.typing as npt

from prep.corpus.arrow.columns import Bytes
from prep.corpus.kernels import kernel, leaf
from prep.corpus.text.utf8 import HIGH_BITS, ONES, code_point_table, decode, load64, trailing_zeros

Splitter = Literal["unicode", "whitespace"]
Positions = npt.NDArray[np.int64]

SYMBOLS, DIGITS, LETTERS = 0, 1, 2
"""Kinds of word: neither digit nor letter; a digit (Unicode N) but no letter; a letter (Unicode L)."""

SPACE = 0x80
"""The flag for white space, in every table."""
WHITE_SPACE = r"[\s\x1c-\x1f]"
"""What `str.isspace` says, as a pattern of the regex library."""

# The other bits of a table's byte: two flags, and the class below.
_LETTER = 0x40
_NUMBER = 0x20
_CLASS = 0x1F

# Word_Break classes, as patterns of the regex library. Extended_Pictographic is a property of its own, which overlaps
# with the classes Other and ALetter only. The last three join each other in any order; the ASCII path relies on that.
_CLASSES = (
    *(rf"\p{{Word_Break={name}}}" for name in ("Other", "CR", "LF", "Newline", "Extend", "ZWJ", "Format")),
    *(rf"\p{{Word_Break={name}}}" for name in ("Regional_Indicator", "Katakana", "Hebrew_Letter")),
    *(rf"\p{{Word_Break={name}}}" for name in ("Single_Quote", "Double_Quote", "MidNumLet", "MidLetter", "MidNum")),
    r"\p{Word_Break=WSegSpace}",
    r"[\p{Extended_Pictographic}--\p{Word_Break=ALetter}]",
    r"[\p{Extended_Pictographic}&&\p{Word_Break=ALetter}]",
    r"[\p{Word_Break=ALetter}--\p{Extended_Pictographic}]",
    r"\p{Word_Break=Numeric}",
    r"\p{Word_Break=ExtendNumLet}",
)
_OTHER, _CR, _LF, _NEWLINE, _EXTEND, _ZWJ, _FORMAT, _REGIONAL, _KATAKANA, _HEBREW = range(10)
_SINGLE_QUOTE, _DOUBLE_QUOTE, _MID_NUM_LET, _MID_LETTER, _MID_NUM, _BLANK, _PICTURE = range(10, 17)
_PICTURE_LETTER, _ALETTER, _NUMERIC, _CONNECTOR = range(17, 21)
_BRIDGE = 21  # between two letters or two numbers: what follows was looked at and joins


def _joins() -> npt.NDArray[np.uint32]:
    """Return, per class on the left, the set of classes on the right that rules WB5 to WB13b join to it."""
    letters = (_ALETTER, _PICTURE_LETTER, _HEBREW)
    joined = {
        **dict.fromkeys(letters, (*letters, _NUMERIC, _CONNECTOR)),
        _NUMERIC: (*letters, _NUMERIC, _CONNECTOR),
        _KATAKANA: (_KATAKANA, _CONNECTOR),
        _CONNECTOR: (*letters, _NUMERIC, _KATAKANA, _CONNECTOR),
        _BRIDGE: (*letters, _NUMERIC),
    }
    table = np.zeros(32, np.uint32)
    for left, rights in joined.items():
        for right in rights:
            table[left] |= np.uint32(1 << right)
    return table


_JOINS = _joins()


@cache
def word_table(splitter: Splitter) -> Bytes:
    """Return the table that makes `split_words` follow a splitter (uint8, one per code point; read-only)."""
    kinds = [(r"\p{L}", _LETTER), (r"\p{N}", _NUMBER), (WHITE_SPACE, SPACE)]
    if splitter == "unicode":
        return code_point_table([*zip(_CLASSES[1:], range(1, len(_CLASSES)), strict=True), *kinds])
    table = code_point_table(kinds).copy()
    table |= np.where(table & SPACE, np.uint8(_NEWLINE), np.uint8(_CONNECTOR))
    table.flags.writeable = False
    return table


_CASE_BITS = np.uint64(0x20) * ONES
_BELOW_A = np.uint64(0x80 - ord("a")) * ONES
_BELOW_Z = np.uint64(0x7F - ord("z")) * ONES
_BELOW_0 = np.uint64(0x80 - ord("0")) * ONES
_BELOW_9 = np.uint64(0x7F - ord("9")) * ONES


@kernel
def split_words(
    data: Bytes, start: int, end: int, table: Bytes, starts: Positions, ends: Positions, kinds: Bytes
) -> int:
    """Find the words of the UTF-8 text `data[start:end]` and return how many there are.

    Word k is `data[starts[k]:ends[k]]` and of kind `kinds[k]` (SYMBOLS, DIGITS or LETTERS). The output arrays need
    one entry per word, so at most `end - start`.
    """
    count = 0
    at = start
    while at < end:
        begin = at
        byte = data[at]
        simple = byte < 128
        if simple:
            seen = table[byte]
            kind = seen & _CLASS
            at += 1
            if kind >= _ALETTER:
                at, seen, simple = _ascii_word(data, at, end, table)
                seen |= table[byte]
            elif at < end and data[at] >= 128:
                simple = False
            elif seen & SPACE:
                continue
        last = at
        if not simple:
            at, seen = _segment(data, begin, end, table)
            last = at
            if seen & SPACE:
                begin, last = trim(data, begin, at, table)
                if begin == last:
                    continue
        starts[count] = begin
        ends[count] = last
        kinds[count] = LETTERS if seen & _LETTER else DIGITS if seen & _NUMBER else SYMBOLS
        count += 1
    return count


def words(text: str, splitter: Splitter) -> list[str]:
    """Return the words of a text: for checks and tests, not for hot paths."""
    data = np.frombuffer(text.encode(), np.uint8)
    starts, ends = np.empty((2, len(data)), np.int64)
    count = split_words(data, 0, len(data), word_table(splitter), starts, ends, np.empty(len(data), np.uint8))
    return [bytes(data[begin:end]).decode() for begin, end in zip(starts[:count], ends[:count], strict=True)]


@leaf
def _ascii_word(data: Bytes, at: int, end: int, table: Bytes) -> tuple[int, np.uint8, bool]:
    """Follow a word of ASCII letters, digits and underscores from its second byte on.

    Returns where it ends, the flags seen, and whether it is ASCII up to and including the byte that ends it.
    """
    seen = np.uint8(0)
    while True:
        while at + 8 <= end:
            word = load64(data, at)
            low = word & ~HIGH_BITS  # eight bytes at once: a sum sets a byte's high bit where the byte is above a bound
            letters = ((low | _CASE_BITS) + _BELOW_A) & ~((low | _CASE_BITS) + _BELOW_Z)
            digits = (low + _BELOW_0) & ~(low + _BELOW_9)
            stops = (~(letters | digits) | word) & HIGH_BITS
            inside = (stops - np.uint64(1)) & ~stops & HIGH_BITS
            if letters & inside:
                seen |= np.uint8(_LETTER)
            if digits & inside:
                seen |= np.uint8(_NUMBER)
            if stops:
                at += trailing_zeros(stops) >> 3
                break
            at += 8
        while at < end and data[at] < 128 and (table[data[at]] & _CLASS) >= _ALETTER:
            seen |= table[data[at]]
            at += 1
        if at >= end:
            return at, seen, True
        if data[at] >= 128:
            return at, seen, False
        middle = table[data[at]] & _CLASS
        if middle < _SINGLE_QUOTE or middle > _MID_NUM or at + 1 >= end:
            return at, seen, True
        if data[at + 1] >= 128:
            return at, seen, False
        left = table[data[at - 1]] & _CLASS
        if left != table[data[at + 1]] & _CLASS or not _bridges(left, middle):
            return at, seen, True
        at += 1


@leaf
def _bridges(left: int, middle: int) -> bool:
    """Return whether a mark can stand between two letters, or two numbers, without a boundary (WB6, WB11)."""
    if left == _NUMERIC:
        return middle in (_MID_NUM, _MID_NUM_LET, _SINGLE_QUOTE)
    if left in (_ALETTER, _PICTURE_LETTER, _HEBREW):
        return middle in (_MID_LETTER, _MID_NUM_LET, _SINGLE_QUOTE)
    return False


@leaf
def _segment(data: Bytes, at: int, end: int, table: Bytes) -> tuple[int, np.uint8]:
    """Return where the segment that begins at `at` ends by UAX #29, and the flags of its code points."""
    code, at = decode(data, at, end)
    seen = table[code]
    left = seen & _CLASS  # of the last code point that is not ignorable
    previous = left  # of the last code point
    flags_in_pair = 1
    if left in (_CR, _LF, _NEWLINE):
        crlf = left == _CR and at < end and table[data[at]] & _CLASS == _LF
        return at + 1 if crlf else at, seen
    while at < end:
        code, after = decode(data, at, end)
        flags = table[code]
        right = flags & _CLASS
        if right in (_EXTEND, _FORMAT, _ZWJ):  # WB4
            pass
        elif previous == _ZWJ and right in (_PICTURE, _PICTURE_LETTER):  # WB3c
            left = right
        elif right == _BLANK:  # WB3d
            if previous != _BLANK:
                break
        elif right == _REGIONAL:  # WB15, WB16
            if left != _REGIONAL or flags_in_pair == 2:
                break
            flags_in_pair = 2
        elif (_JOINS[left] >> right) & 1:
            left = right
        elif left == _HEBREW and right == _SINGLE_QUOTE:  # WB7a
            left = _BRIDGE if _is_letter(_next_class(data, after, end, table)) else right
        elif left == _HEBREW and right == _DOUBLE_QUOTE:  # WB7b, WB7c
            if _next_class(data, after, end, table) != _HEBREW:
                break
            left = _BRIDGE
        elif _bridges(left, right):  # WB6, WB7, WB11, WB12
            following = _next_class(data, after, end, table)
            if following != _NUMERIC if left == _NUMERIC else not _is_letter(following):
                break
            left = _BRIDGE
        else:
            break
        seen |= flags
        previous = right
        at = after
    return at, seen


@leaf
def _is_letter(kind: int) -> bool:
    return kind in (_ALETTER, _PICTURE_LETTER, _HEBREW)


@leaf
def _next_class(data: Bytes, at: int, end: int, table: Bytes) -> int:
    """Return the class of the next code point that is not ignorable; Other at the end of the text."""
    while at < end:
        code, at = decode(data, at, end)
        kind = table[code] & _CLASS
        if kind not in (_EXTEND, _FORMAT, _ZWJ):
            return int(kind)
    return _OTHER


@leaf
def trim(data: Bytes, begin: int, end: int, table: Bytes) -> tuple[int, int]:
    """Return where the text `data[begin:end]` begins and ends without the white space at its ends (`str.strip`).

    Takes any table that flags white space with SPACE. Both are `end` or less, and equal, where all is white space.
    """
    while begin < end:
        code, after = decode(data, begin, end)
        if not table[code] & SPACE:
            break
        begin = after
    while begin < end:
        at = end - 1
        while at > begin and data[at] & 0xC0 == 0x80:
            at -= 1
        code, _ = decode(data, at, end)
        if not table[code] & SPACE:
            break
        end = at
    return begin, end
