"""Reading UTF-8 bytes in kernels: one code point, or eight bytes at once.

Text in Arrow string columns is valid UTF-8. On other bytes the code points are arbitrary, but nothing outside the
text is read and every step goes forward.
"""

from collections.abc import Callable, Iterable
from typing import cast

import numpy as np
import regex
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from prep.corpus.arrow.columns import Bytes
from prep.corpus.kernels import leaf

CODE_POINTS = 0x110000
ONES = np.uint64(0x0101010101010101)
"""One in each byte: times a byte, that byte eight times."""
HIGH_BITS = np.uint64(0x80) * ONES
"""A byte's highest bit is set where it is not ASCII."""

_REPLACEMENT = 0xFFFD
_SPACES = np.uint64(0x20) * ONES
_LEADS_OF_TWO = np.uint64(0xC2) * ONES  # first byte of U+0085
_LEADS_OF_THREE = np.uint64(0xE2) * ONES  # first byte of U+2028 and U+2029


def every_code_point() -> str:
    """Return every code point in the planes that hold characters, without surrogates and private use."""
    ranges = np.r_[0:0xD800, 0xF900:0x40000, 0xE0000:0xE0200].astype("<u4")
    text: str = ranges.tobytes().decode("utf-32-le")
    return text


def code_point_table(marks: Iterable[tuple[str, int]]) -> Bytes:
    """Return one byte per code point: the flags of all patterns (of the regex library, V1) that match it, combined."""
    text = every_code_point()
    flags = np.zeros(len(text), np.uint8)
    for pattern, flag in marks:
        for run in regex.finditer(f"(?V1){pattern}+", text):
            flags[run.start() : run.end()] |= flag
    table = np.zeros(CODE_POINTS, np.uint8)
    table[np.frombuffer(text.encode("utf-32-le"), np.uint32)] = flags
    table.flags.writeable = False
    return table


def _load64(_typing, _data, _at):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        pointer = builder.bitcast(builder.gep(array.data, [arguments[1]]), ir.IntType(64).as_pointer())
        return builder.load(pointer, align=1)

    return types.uint64(_data, types.int64), generate


def _trailing_zeros(_typing, _word):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    def generate(_context, builder, _signature, arguments):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.uint64), generate


load64 = cast("Callable[[Bytes, int], np.uint64]", intrinsic(_load64))
"""Return the eight bytes from `data[at]` on as a little-endian number. They must lie within the array: not checked."""

trailing_zeros = cast("Callable[[np.uint64], int]", intrinsic(_trailing_zeros))
"""Return how many zeros a number ends with; 64 for zero."""


@leaf
def decode(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """Return the code point that begins at a byte, and where the next begins. Never reads at or beyond `end`."""
    lead = int(data[at])
    if lead < 0x80:
        return lead, at + 1
    if lead < 0xE0:
        if at + 2 > end:
            return _REPLACEMENT, end
        return ((lead & 0x1F) << 6) | (data[at + 1] & 0x3F), at + 2
    if lead < 0xF0:
        if at + 3 > end:
            return _REPLACEMENT, end
        return ((lead & 0x0F) << 12) | ((data[at + 1] & 0x3F) << 6) | (data[at + 2] & 0x3F), at + 3
    if at + 4 > end:
        return _REPLACEMENT, end
    high = ((lead & 0x07) << 18) | ((data[at + 1] & 0x3F) << 12)
    return min(high | ((data[at + 2] & 0x3F) << 6) | (data[at + 3] & 0x3F), CODE_POINTS - 1), at + 4


@leaf
def encode(code: int) -> tuple[int, int]:
    """Return how many bytes a code point takes, and these bytes as a little-endian number."""
    if code < 0x80:
        return 1, code
    last = 0x80 | (code & 0x3F)
    if code < 0x800:
        return 2, 0xC0 | (code >> 6) | (last << 8)
    middle = 0x80 | ((code >> 6) & 0x3F)
    if code < 0x10000:
        return 3, 0xE0 | (code >> 12) | (middle << 8) | (last << 16)
    return 4, 0xF0 | (code >> 18) | ((0x80 | ((code >> 12) & 0x3F)) << 8) | (middle << 16) | (last << 24)


@leaf
def write_code_point(text: Bytes, at: int, code: int) -> int:
    """Write a code point and return where it ends."""
    if code < 0x80:
        text[at] = code
        return at + 1
    size, word = encode(code)
    for place in range(size):
        text[at + place] = (word >> (8 * place)) & 0xFF
    return at + size


@leaf
def load_up_to(data: Bytes, at: int, end: int) -> np.uint64:
    """Return up to eight bytes from `at` as a little-endian number, zeros beyond `end`."""
    if at + 8 <= len(data):
        word = load64(data, at)
        if at + 8 > end:
            word &= (np.uint64(1) << np.uint64(8 * (end - at))) - np.uint64(1)
        return word
    word = np.uint64(0)
    for index in range(end - at if end - at < 8 else 8):
        word |= np.uint64(data[at + index]) << np.uint64(8 * index)
    return word


@leaf
def code_points(data: Bytes, start: int, end: int) -> int:
    """Return how many code points the text `data[start:end]` has."""
    continuing = 0
    at = start
    while at < end:
        word = load_up_to(data, at, end)
        bytes_continuing = (word >> np.uint64(7)) & ~(word >> np.uint64(6)) & ONES
        continuing += int((bytes_continuing * ONES) >> np.uint64(56))
        at += 8
    return end - start - continuing


@leaf
def find_byte(data: Bytes, at: int, end: int, byte: int) -> int:
    """Return where the byte stands first in `data[at:end]`; `end` where it does not."""
    pattern = np.uint64(byte) * ONES
    while at + 8 <= end:
        word = load64(data, at) ^ pattern
        zeros = (word - ONES) & ~word & HIGH_BITS
        if zeros:
            return at + (trailing_zeros(zeros) >> 3)
        at += 8
    while at < end and data[at] != byte:
        at += 1
    return at


@leaf
def find_line_end(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """Return where the line that begins at `at` ends, and where the next one begins, as `str.splitlines` sees lines.

    Both are `end` for the last line.
    """
    while at < end:
        if at + 8 <= end:
            word = load64(data, at)
            controls = (word - _SPACES) & ~word
            two = word ^ _LEADS_OF_TWO
            three = word ^ _LEADS_OF_THREE
            candidates = (controls | ((two - ONES) & ~two) | ((three - ONES) & ~three)) & HIGH_BITS
            if not candidates:
                at += 8
                continue
            at += trailing_zeros(candidates) >> 3
        byte = data[at]
        if byte == 0x0D and at + 1 < end and data[at + 1] == 0x0A:
            return at, at + 2
        if 0x0A <= byte <= 0x0D or 0x1C <= byte <= 0x1E:
            return at, at + 1
        if byte == 0xC2 and at + 1 < end and data[at + 1] == 0x85:
            return at, at + 2
        if byte == 0xE2 and at + 2 < end and data[at + 1] == 0x80 and (data[at + 2] == 0xA8 or data[at + 2] == 0xA9):
            return at, at + 3
        at += 1
    return end, end
