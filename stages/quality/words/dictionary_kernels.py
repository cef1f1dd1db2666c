"""Runs of characters of scripts without spaces: where they lie, and which of Unicode's words belong together.

Unicode's rules make a word of every ideograph, every hiragana, and every letter of Thai, Lao, Khmer and Burmese with
its marks. A byte per byte of text says what was found: INSIDE a run, and JOINED where a character goes on with the word
of the one before, as a dictionary has it. Cost: O(bytes).
"""

from functools import cache

import numpy as np

from prep.corpus.arrow.columns import Bytes, Offsets
from prep.corpus.kernels import kernel, leaf
from prep.corpus.text.utf8 import code_point_table, decode
from prep.corpus.text.words import Positions

JOINED, INSIDE = 1, 2

_LISTED, _FOLLOWS = 1, 2
_NEWLINE = 0x0A


@cache
def script_table() -> Bytes:
    """Return which code points dictionaries hold (uint8; read-only)."""
    scripts = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
    letters = rf"[[{scripts}]&&[\p{{L}}\p{{M}}]]"
    return code_point_table([(letters, _LISTED), (r"[\p{M}\u30FC\uFF70\u200C\u200D]", _FOLLOWS)])


@kernel
def find_runs(data: Bytes, offsets: Offsets, table: Bytes) -> tuple[Positions, Positions]:
    """Return where the runs of such characters begin and end, of all rows; takes `script_table`."""
    starts = np.empty(256, np.int64)
    ends = np.empty(256, np.int64)
    count = 0
    for row in range(len(offsets) - 1):
        at, end = offsets[row], offsets[row + 1]
        begin = -1
        while at < end:
            if data[at] < 0x80 and begin < 0:
                at += 1
                continue
            code, after = decode(data, at, end)
            flags = table[code]
            if begin >= 0 and not flags:
                ends[count] = at
                count += 1
                begin = -1
            elif begin < 0 and flags & _LISTED:
                if count == len(starts):
                    starts = np.concatenate((starts, np.empty(count, np.int64)))
                    ends = np.concatenate((ends, np.empty(count, np.int64)))
                begin = at
                starts[count] = at
            at = after
        if begin >= 0:
            ends[count] = end
            count += 1
    return starts[:count], ends[:count]


@kernel
def copy_runs(data: Bytes, starts: Positions, ends: Positions) -> Bytes:
    """Return the runs as one text, a newline behind each."""
    out = np.empty((ends - starts).sum() + len(starts), np.uint8)
    at = 0
    for run in range(len(starts)):
        for place in range(starts[run], ends[run]):
            out[at] = data[place]
            at += 1
        out[at] = _NEWLINE
        at += 1
    return out


@kernel
def mark_runs(data: Bytes, starts: Positions, ends: Positions) -> Bytes:
    """Return INSIDE for each byte of runs (uint8)."""
    joins = np.zeros(len(data), np.uint8)
    for run in range(len(starts)):
        for place in range(starts[run], ends[run]):
            joins[place] = INSIDE
    return joins


@kernel
def mark_words(data: Bytes, starts: Positions, ends: Positions, bounds: Positions) -> Bytes:
    """Return what a dictionary found of each byte: INSIDE, JOINED (uint8).

    `bounds` are the ends of words in the text of `copy_runs`, in units of UTF-16, rising.
    """
    joins = np.zeros(len(data), np.uint8)
    unit = bound = 0
    for run in range(len(starts)):
        at, end = starts[run], ends[run]
        new = True
        while at < end:
            while bound < len(bounds) and bounds[bound] < unit:
                bound += 1
            new |= bound < len(bounds) and bounds[bound] == unit
            code, after = decode(data, at, end)
            for place in range(at, after):
                joins[place] = INSIDE
            if not new:
                joins[at] |= JOINED
            new = False
            unit += 2 if code > 0xFFFF else 1
            at = after
        unit += 1
    return joins


@leaf
def join_words(joins: Bytes, words: int, starts: Positions, ends: Positions, kinds: Bytes) -> int:
    """Put Unicode's words together that are one in a dictionary, and return how many there are then."""
    if len(joins) == 0:
        return words
    kept = 0
    for word in range(words):
        begin = starts[word]
        if kept > 0 and joins[begin] & JOINED and ends[kept - 1] == begin:
            ends[kept - 1] = ends[word]
            kinds[kept - 1] = max(kinds[kept - 1], kinds[word])
        else:
            starts[kept], ends[kept], kinds[kept] = begin, ends[word], kinds[word]
            kept += 1
    return kept
