"""Searching for many byte strings at once: the automaton of Aho and Corasick, as numba kernels.

The patterns form a tree; each state knows the next state for every byte, so that a text costs one table look-up per
byte, whatever the number of patterns. Bytes that no pattern holds share one column of the table.
Memory: 4 bytes × states × different bytes; a state for each byte of the patterns, shared beginnings counted once:
10,000 words of letters take about 8 MB. Source: Aho and Corasick 1975, "Efficient string matching", CACM 18 (6).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from prep.corpus.arrow.columns import Bytes, Offsets
from prep.corpus.kernels import kernel, leaf

States = npt.NDArray[np.int32]

ROOT = 0
"""The state in which a search begins."""


class Automaton(NamedTuple):
    """A compiled set of patterns; see `automaton`."""

    columns: npt.NDArray[np.uint16]
    """Column of each byte in `steps` (uint16, 256); zero for bytes that no pattern holds."""
    steps: States
    """The state after a state and a byte's column (int32, states × columns)."""
    found: States
    """The number of the longest pattern that ends in each state, −1 where none does (int32, states)."""
    lengths: npt.NDArray[np.int64]
    """Bytes of each pattern (int64, patterns)."""


def automaton(patterns: Sequence[bytes]) -> Automaton:
    """Compile patterns, numbered by their order; equal ones count as the first. Raises ValueError for an empty one."""
    if not all(patterns):
        raise ValueError("an empty pattern is everywhere")
    data = np.frombuffer(b"".join(patterns), np.uint8)
    lengths = np.array([len(pattern) for pattern in patterns], np.int64)
    present = np.unique(data)
    columns = np.zeros(256, np.uint16)
    columns[present] = np.arange(1, len(present) + 1)
    offsets = np.concatenate(([0], np.cumsum(lengths)))
    steps, found = _compile(data, offsets, columns, len(present) + 1)
    return Automaton(columns, steps, found, lengths)


@kernel
def _compile(data: Bytes, offsets: Offsets, columns: npt.NDArray[np.uint16], width: int) -> tuple[States, States]:
    steps = np.zeros((len(data) + 1, width), np.int32)
    found = np.full(len(data) + 1, -1, np.int32)
    states = 1
    for pattern in range(len(offsets) - 1):
        state = ROOT
        for at in range(offsets[pattern], offsets[pattern + 1]):
            column = columns[data[at]]
            if steps[state, column] == ROOT:
                steps[state, column] = states
                states += 1
            state = steps[state, column]
        if found[state] < 0:
            found[state] = pattern
    # Breadth first, each state learns from the state of its longest proper suffix, which is nearer to the root.
    suffixes = np.zeros(states, np.int32)
    queue = np.zeros(states, np.int32)
    known = 1
    for index in range(states):
        state = queue[index]
        for column in range(width):
            child = steps[state, column]
            beside = ROOT if state == ROOT else steps[suffixes[state], column]
            if child == ROOT:
                steps[state, column] = beside
            else:
                suffixes[child] = beside
                if found[child] < 0:
                    found[child] = found[beside]
                queue[known] = child
                known += 1
    return steps[:states].copy(), found[:states].copy()


@leaf
def step(automaton: Automaton, state: int, byte: int) -> int:
    """Return the state after one more byte of the text."""
    return int(automaton.steps[state, automaton.columns[byte]])
