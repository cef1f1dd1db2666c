"""Leaves out text that a page has twice: a layout for wide windows and one for phones, a summary and its tab.

A copy is a run of blocks that are equal, one by one, to a run of kept blocks before it in another part of the page. It
counts from `_FEWEST_WORDS` words and a share of `_SHARE` of what is kept: shorter repetitions, such as the features of
each package in a price list, are the page's own. So are refrains, whose copies are neighbours of what they repeat,
quotations, table cells and program code. Cost: linear in the kept text, and `_MOST_PLACES` comparisons for each block.
"""

from typing import Final

import numpy as np

from prep.corpus.arrow.columns import Bytes
from prep.corpus.kernels import inner, kernel, leaf
from prep.stages.extract.html.block_kernels import Blocks, Positions
from prep.stages.extract.html.element_kernels import inside
from prep.stages.extract.html.nesting_kernels import Elements, Integers
from prep.stages.extract.writing.spacing_kernels import Booleans

_FEWEST_WORDS: Final = 20
_SHARE: Final = 0.1
_MOST_PLACES: Final = 8
"""Earlier blocks of the same text that a block is compared with, the latest first."""
_FIXED: Final = inside("pre td th blockquote")
_WORD: Final = 0xFFFFFFFF


@kernel
def drop_copies(text: Bytes, elements: Elements, blocks: Blocks, words: Integers, kept: Booleans) -> Booleans:
    """Return which of the kept blocks are left when copies are dropped."""
    order = np.flatnonzero(kept)
    count = len(order)
    size = 1
    while size < 2 * count:
        size *= 2
    latest, earlier = np.full(size, -1, np.int64), np.full(count, -1, np.int64)  # places in `order`, by hash
    total = 0
    for block in order:
        total += words[block]
    least = max(_FEWEST_WORDS, _SHARE * total)
    left = kept.copy()
    place = 0
    while place < count:
        slot = _hash(text, blocks, order[place]) & (size - 1)
        longest, its_words = 0, 0
        candidate, tried = latest[slot], 0
        while candidate >= 0 and tried < _MOST_PLACES:
            length, found = _run(text, elements, blocks, words, order, candidate, place)
            if found > its_words:
                longest, its_words = length, found
            candidate = earlier[candidate]
            tried += 1
        if its_words >= least:
            left[order[place : place + longest]] = False
            place += longest
            continue
        earlier[place] = latest[slot]
        latest[slot] = place
        place += 1
    return left


@inner
def _run(
    text: Bytes,
    elements: Elements,
    blocks: Blocks,
    words: Integers,
    order: Positions,
    first: int,
    second: int,
) -> tuple[int, int]:
    """Return how many blocks from one place on are equal to those from a later place on, and their words."""
    length, found = 0, 0
    one, other = blocks.element[order[first]], blocks.element[order[second]]
    if one == other or elements.parent[one] == elements.parent[other]:
        return 0, 0
    while first + length < second and second + length < len(order):
        one, other = order[first + length], order[second + length]
        if elements.inside[blocks.element[other]] & _FIXED != 0 or not _equal(text, blocks, one, other):
            break
        found += words[other]
        length += 1
    return length, found


@leaf
def _equal(text: Bytes, blocks: Blocks, one: int, other: int) -> bool:
    start, length = blocks.start[one], blocks.end[one] - blocks.start[one]
    if length != blocks.end[other] - blocks.start[other]:
        return False
    for at in range(length):
        if text[start + at] != text[blocks.start[other] + at]:
            return False
    return True


@leaf
def _hash(text: Bytes, blocks: Blocks, block: int) -> int:
    state = 0
    for at in range(blocks.start[block], blocks.end[block]):
        state = (state * 31 + text[at]) & _WORD
    return int(state ^ (state >> 15))
