"""Lines without boilerplate, as numba kernels: a line goes where it holds one of some phrases, in any case.

The phrases are searched for together (`prep.corpus.text.aho_corasick`), in texts mapped to lower case code point by
code point.
Cost: O(bytes), about 3 ns per byte, whatever the number of phrases.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from prep.corpus.arrow.columns import Bytes, Offsets
from prep.corpus.kernels import kernel, leaf
from prep.corpus.text.aho_corasick import ROOT, Automaton, automaton, step
from prep.corpus.text.hashing import lower_table
from prep.corpus.text.utf8 import code_points, decode, encode, find_byte

_NEWLINE = 0x0A


def compile_phrases(phrases: Sequence[str]) -> Automaton:
    """Build the automaton of some phrases, in the lower case that `drop_lines` compares."""
    lower = lower_table()
    return automaton(["".join(chr(lower[ord(character)]) for character in phrase).encode() for phrase in phrases])


@kernel
def drop_lines(
    data: Bytes, offsets: Offsets, phrases: Automaton, lower: npt.NDArray[np.int32], longest: int
) -> tuple[Bytes, Offsets, npt.NDArray[np.int32]]:
    """Return the texts without the lines that hold a phrase, and how many lines went from each.

    Takes `lower_table`. Lines of more than `longest` code points stay. Lines end with newlines; those that stay keep
    one between them.
    """
    written = np.empty(offsets[-1] - offsets[0], np.uint8)
    written_offsets = np.zeros(len(offsets), np.int64)
    counts = np.zeros(len(offsets) - 1, np.int32)
    to = 0
    for row in range(len(offsets) - 1):
        at, end = offsets[row], offsets[row + 1]
        first = True
        while at <= end:
            line_end = find_byte(data, at, end, _NEWLINE)
            if _holds(data, at, line_end, phrases, lower) and code_points(data, at, line_end) <= longest:
                counts[row] += 1
            else:
                if not first:
                    written[to] = _NEWLINE
                    to += 1
                first = False
                for place in range(at, line_end):
                    written[to] = data[place]
                    to += 1
            at = line_end + 1
        written_offsets[row + 1] = to
    return written[:to].copy(), written_offsets, counts


@leaf
def _holds(data: Bytes, at: int, end: int, phrases: Automaton, lower: npt.NDArray[np.int32]) -> bool:
    state = ROOT
    while at < end:
        code, at = decode(data, at, end)
        size, encoded = encode(int(lower[code]))
        for place in range(size):
            state = step(phrases, state, (encoded >> (8 * place)) & 0xFF)
            if phrases.found[state] >= 0:
                return True
    return False
