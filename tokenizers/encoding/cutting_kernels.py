"""Cuts UTF-8 text into pretokens with the automata of `prep.tokenizers.encoding.pattern_automaton`.

Pretokens are the matches of a pattern, and what lies between two matches: `Split` with the behaviour "isolated" in
`tokenizers`.

Cost: one table look-up per character, 2 to 3 ns per byte; ASCII letters that keep a state go eight at a time. Positions
are unsigned, which spares each look-up the test for an index below zero.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from prep.corpus.arrow.columns import Bytes, Offsets
from prep.corpus.kernels import kernel, leaf
from prep.corpus.text.utf8 import HIGH_BITS, ONES, decode, load64, trailing_zeros

Position = np.uint64

_ONE, _EIGHT, _ASCII = np.uint64(1), np.uint64(8), np.uint64(128)
_CASE_BITS = np.uint64(0x20) * ONES
_BELOW_A = np.uint64(0x80 - ord("a")) * ONES
_BELOW_Z = np.uint64(0x7F - ord("z")) * ONES


class Cutter(NamedTuple):
    """An automaton as the kernels run it.

    An entry is `next << 2 | letters << 1 | match`: `next` is where the next state's row begins, zero at the end;
    `letters` says that every ASCII letter leads the next state to itself; `match` that a match ends before the
    character. A row's first 128 columns are ASCII characters, then come the symbols, and the end of the text last.
    """

    table: npt.NDArray[np.uint32]
    symbols: npt.NDArray[np.uint8]
    """The symbol of each code point."""
    first: np.uint64
    """The entry that leads to the state to begin in."""
    end: np.uint64
    """The column that stands for the end of the text."""


@leaf
def pretoken_end(data: Bytes, at: Position, stop: Position, cutter: Cutter) -> Position:
    """Return where the match that begins at `at` ends or, where there is none, where the next one begins."""
    end = _match_end(data, at, stop, cutter)
    if end == at:
        while True:
            end = np.uint64(decode(data, np.int64(end), np.int64(stop))[1])  # type: ignore[arg-type]
            if end >= stop or _match_end(data, end, stop, cutter) > end:
                break
    return end


@leaf
def _match_end(data: Bytes, at: Position, stop: Position, cutter: Cutter) -> Position:
    """Return where the preferred match that begins at `at` ends; `at` where there is none."""
    last = at
    entry = cutter.first
    while True:
        if entry & np.uint64(2):
            at = _skip_letters(data, at, stop)
        row = entry >> np.uint64(2)
        following = at
        if at < stop:
            byte = np.uint64(data[at])
            if byte < _ASCII:
                following = at + _ONE
                entry = np.uint64(cutter.table[row + byte])
            else:
                code, behind = decode(data, np.int64(at), np.int64(stop))  # type: ignore[arg-type]
                following = np.uint64(behind)
                entry = np.uint64(cutter.table[row + _ASCII + np.uint64(cutter.symbols[np.uint64(code)])])
        else:
            entry = np.uint64(cutter.table[row + cutter.end])
        if entry & _ONE:
            last = at
        if entry < np.uint64(4):
            return last
        at = following


@leaf
def _skip_letters(data: Bytes, at: Position, stop: Position) -> Position:
    """Return the position of the first byte from `at` on that is no ASCII letter, or one less than 8 before `stop`."""
    while at + _EIGHT <= stop:
        word = load64(data, at)  # type: ignore[arg-type]
        low = (word & ~HIGH_BITS) | _CASE_BITS
        others = (~((low + _BELOW_A) & ~(low + _BELOW_Z)) | word) & HIGH_BITS
        if others:
            return at + np.uint64(trailing_zeros(others) >> 3)
        at += _EIGHT
    return at


@kernel
def cut(data: Bytes, offsets: Offsets, cutter: Cutter) -> Offsets:
    """Return where the pretokens of the rows begin in `data`, and where the last one ends.

    Rows follow each other in `data`: row i is `data[offsets[i]:offsets[i + 1]]`.
    """
    bounds = np.empty(offsets[-1] - offsets[0] + 1, np.int64)
    count = 0
    for row in range(len(offsets) - 1):
        at, stop = np.uint64(offsets[row]), np.uint64(offsets[row + 1])
        while at < stop:
            bounds[count] = at
            count += 1
            at = pretoken_end(data, at, stop, cutter)
    bounds[count] = offsets[-1]
    return bounds[: count + 1].copy()
