"""Punycode, the ASCII form of the labels of internationalised host names, as a numba kernel over UTF-8.

A label is mapped to lower case code point by code point and encoded by RFC 3492; nothing else of IDNA is done: no
normalisation, no check that the label is allowed. Cost: O(length²) for one label, and no label is longer than 63 bytes.
"""

import numpy as np
import numpy.typing as npt

from prep.corpus.arrow.columns import Bytes
from prep.corpus.kernels import leaf
from prep.corpus.text.utf8 import decode

CodePoints = npt.NDArray[np.int32]

LONGEST_LABEL = 63
"""Bytes of a label in the domain name system (RFC 1035, section 2.3.4)."""

_BASE, _LEAST, _MOST, _SKEW, _DAMP, _FIRST_BIAS, _FIRST_CODE = 36, 1, 26, 38, 700, 72, 128  # RFC 3492, section 5
_DASH = 0x2D
_BEYOND = 0x7FFFFFFF


@leaf
def encode_label(data: Bytes, start: int, end: int, lower: CodePoints, out: Bytes, at: int) -> int:
    """Write the label `data[start:end]`, which is not ASCII, as `xn--` and its Punycode; return where it ends in `out`.

    Returns `at` for a label that would be longer than LONGEST_LABEL. `out` needs that much space. Takes `lower_table`.
    """
    limit = at + LONGEST_LABEL
    characters = basic = 0
    to = at + 4
    reading = start
    while reading < end:
        code, reading = decode(data, reading, end)
        code = int(lower[code])
        characters += 1
        if code < _FIRST_CODE:
            if to >= limit:
                return at
            out[to] = code
            to += 1
            basic += 1
    if basic and basic < characters:
        if to >= limit:
            return at
        out[to] = _DASH
        to += 1
    if characters > LONGEST_LABEL:
        return at
    out[at], out[at + 1], out[at + 2], out[at + 3] = 0x78, 0x6E, _DASH, _DASH
    handled = basic
    code_now, delta, bias = _FIRST_CODE, 0, _FIRST_BIAS
    while handled < characters:
        next_code = _BEYOND
        reading = start
        while reading < end:
            code, reading = decode(data, reading, end)
            code = int(lower[code])
            if code_now <= code < next_code:
                next_code = code
        delta += (next_code - code_now) * (handled + 1)
        code_now = next_code
        reading = start
        while reading < end:
            code, reading = decode(data, reading, end)
            code = int(lower[code])
            delta += code < code_now
            if code == code_now:
                to = _write_number(delta, bias, out, to, limit)
                if to > limit:
                    return at
                bias = _adapt(delta, handled + 1, handled == basic)
                delta = 0
                handled += 1
        delta += 1
        code_now += 1
    return to


@leaf
def _write_number(number: int, bias: int, out: Bytes, to: int, limit: int) -> int:
    """Write a number of variable length; a place beyond `limit` says that there was no space."""
    threshold = 0
    place = _BASE
    while True:
        threshold = min(max(place - bias, _LEAST), _MOST)
        if to >= limit:
            return limit + 1
        if number < threshold:
            out[to] = _digit(number)
            return to + 1
        out[to] = _digit(threshold + (number - threshold) % (_BASE - threshold))
        to += 1
        number = (number - threshold) // (_BASE - threshold)
        place += _BASE


@leaf
def _digit(value: int) -> int:
    return value + (0x61 if value < 26 else 0x30 - 26)


@leaf
def _adapt(delta: int, points: int, first: bool) -> int:
    delta = delta // _DAMP if first else delta // 2
    delta += delta // points
    shift = 0
    while delta > (_BASE - _LEAST) * _MOST // 2:
        delta //= _BASE - _LEAST
        shift += _BASE
    return shift + (_BASE - _LEAST + 1) * delta // (delta + _SKEW)
