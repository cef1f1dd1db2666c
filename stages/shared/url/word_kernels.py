"""The words of URLs, as numba kernels over UTF-8 bytes.

How a URL is cut into words: its escapes (`%C3%A9`) are decoded, once. Letters, their marks and digits (Unicode L, M
and N) belong to words and are mapped to lower case where that is a single code point; everything else, bytes that are
no UTF-8 among it, separates them. The whole URL is cut, from its scheme to its fragment.

Substrings are sought in the letters and digits alone, as if nothing stood between the words. Cost: O(bytes).
"""

from functools import cache

from prep.corpus.arrow.columns import Bytes
from prep.corpus.kernels import leaf
from prep.corpus.text.utf8 import code_point_table, write_code_point
from prep.stages.shared.url.escape_kernels import hex_value
from prep.stages.shared.url.punycode_kernels import CodePoints

SEPARATOR = 0x00
"""Stands between the words of what `fold` writes."""
_PERCENT = 0x25


@cache
def letter_table() -> Bytes:
    """Return 1 for each code point that belongs to words (uint8; read-only)."""
    return code_point_table([(r"[\p{L}\p{M}\p{N}]", 1)])


@leaf
def fold_capacity(length: int) -> int:
    """Return how many bytes `fold` may write for a text of so many."""
    return 2 * length + 4


@leaf
def fold(data: Bytes, start: int, end: int, letters: Bytes, lower: CodePoints, out: Bytes) -> int:
    """Write the words of `data[start:end]` to `out`, a SEPARATOR between them; return where they end.

    Takes `letter_table` and `lower_table`.
    """
    to = 0
    pending = False
    at = start
    while at < end:
        code, at = _read(data, at, end)
        if code < 0 or not letters[code]:
            pending = to > 0
            continue
        if pending:
            out[to] = SEPARATOR
            to += 1
            pending = False
        to = write_code_point(out, to, int(lower[code]))
    return to


@leaf
def _read(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """Return the code point whose first byte stands at `at`, escaped or not, and where the next begins.

    −1 where the bytes from there on are no UTF-8; one byte is then left behind.
    """
    lead, after = _byte(data, at, end)
    if lead < 0x80:
        return lead, after
    extra = 1 if 0xC2 <= lead < 0xE0 else 2 if 0xE0 <= lead < 0xF0 else 3 if 0xF0 <= lead < 0xF5 else 0
    code = lead & (0x3F >> extra)
    reading = after
    for _ in range(extra):
        if reading >= end:
            return -1, after
        byte, reading = _byte(data, reading, end)
        if byte & 0xC0 != 0x80:
            return -1, after
        code = (code << 6) | (byte & 0x3F)
    least = 0x10000 if extra == 3 else 0x800
    wrong = extra == 0 or (extra > 1 and code < least) or 0xD800 <= code < 0xE000 or code > 0x10FFFF
    return (-1, after) if wrong else (code, reading)


@leaf
def _byte(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """Return the byte at `at`, decoded where an escape stands there, and where the next begins."""
    byte = int(data[at])
    if byte == _PERCENT and at + 2 < end:
        high, low = hex_value(data[at + 1]), hex_value(data[at + 2])
        if high >= 0 and low >= 0:
            return 16 * high + low, at + 3
    return byte, at + 1
