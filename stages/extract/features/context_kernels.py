"""What the classifier sees of a block's place among the blocks of its page: position, neighbours, headings, copies."""

from typing import Final

import numpy as np

from prep.corpus.kernels import inner, leaf
from prep.corpus.sorting_kernels import sorted_with_order
from prep.stages.extract.features.text_feature_kernels import (
    HEADING_BITS,
    LINK_WORDS,
    LONG_WORDS,
    SENTENCES,
    WORDS,
    Features,
    Hashes,
    Sizes,
    Totals,
)
from prep.stages.extract.html.block_kernels import Blocks
from prep.stages.extract.html.element_kernels import inside
from prep.stages.extract.html.nesting_kernels import Elements, Integers

_WINDOWS: Final = (1, 3, 8, 20)
_NEIGHBOURS: Final = (-3, -2, -1, 1, 2, 3)

CONTEXT_FEATURES: Final = (
    "place", "place_in_words", "blocks_before", "words_before", "blocks_after", "words_after", "blocks_since_h1",
    "words_since_h1", "copies", "copies_before", "blocks_since_long", "words_since_long", "blocks_to_long",
    "words_to_long", "blocks_since_heading", "words_since_heading", "words_of_heading", "level_of_heading",
    *(f"{what}_within_{reach}" for reach in _WINDOWS
      for what in ("words_per_block", "link_share", "long_share", "sentences_per_word")),
    *(f"{what}_at_{step:+}" for step in _NEIGHBOURS for what in ("words", "link_share", "element", "same_parent")),
)  # fmt: skip
"""Columns that `context_features` fills."""

_MAIN_HEADING: Final = inside("h1")
_FAR_BLOCKS, _FAR_WORDS = 999, 9999
_LONG: Final = 20
"""Words of a block that counts as long here, less than a third of them in links."""


@inner
def context_features(elements: Elements, blocks: Blocks, sizes: Sizes, totals: Totals, features: Features) -> None:
    """Fill the columns `CONTEXT_FEATURES` (blocks × features)."""
    count = len(blocks.start)
    copies, copies_before = _count_copies(sizes.hash)
    next_long = _next_long(sizes)
    main, heading, long_before = -1, -1, -1
    level = 0
    for block in range(count):
        row = features[block]
        before, after, all_words = totals[block, WORDS], totals[block + 1, WORDS], totals[count, WORDS]
        bits = elements.inside[blocks.element[block]]
        if main < 0 and bits & _MAIN_HEADING != 0:
            main = block
        row[0], row[1] = block / count, before / max(1, all_words)
        row[2], row[3], row[4], row[5] = block, before, count - block, all_words - after
        row[6] = block - main if main >= 0 else -_FAR_BLOCKS
        row[7] = before - totals[main, WORDS] if main >= 0 else -_FAR_WORDS
        row[8], row[9] = copies[block], copies_before[block]
        row[10] = block - long_before if long_before >= 0 else _FAR_BLOCKS
        row[11] = before - totals[long_before + 1, WORDS] if long_before >= 0 else _FAR_WORDS
        row[12] = next_long[block] - block if next_long[block] >= 0 else _FAR_BLOCKS
        row[13] = totals[next_long[block], WORDS] - after if next_long[block] >= 0 else _FAR_WORDS
        row[14] = block - heading if heading >= 0 else _FAR_BLOCKS
        row[15] = before - totals[heading, WORDS] if heading >= 0 else _FAR_WORDS
        row[16] = sizes.words[heading] if heading >= 0 else 0
        row[17] = level
        column = 18
        for reach in _WINDOWS:
            _fill_window(totals, max(0, block - reach), min(count, block + reach + 1), row[column : column + 4])
            column += 4
        for step in _NEIGHBOURS:
            _fill_neighbour(elements, blocks, sizes, block, block + step, row[column : column + 4])
            column += 4
        if bits & HEADING_BITS != 0:
            heading = block
            level = _level(bits)
        if _is_long(sizes, block):
            long_before = block


@leaf
def _fill_window(totals: Totals, first: int, last: int, row: Features) -> None:
    words = totals[last, WORDS] - totals[first, WORDS]
    row[0] = words / (last - first)
    row[1] = (totals[last, LINK_WORDS] - totals[first, LINK_WORDS]) / max(1, words)
    row[2] = (totals[last, LONG_WORDS] - totals[first, LONG_WORDS]) / max(1, words)
    row[3] = (totals[last, SENTENCES] - totals[first, SENTENCES]) / max(1, words)


@leaf
def _fill_neighbour(elements: Elements, blocks: Blocks, sizes: Sizes, block: int, other: int, row: Features) -> None:
    if other < 0 or other >= len(blocks.start):
        row[:] = -1
        return
    mine, its = blocks.element[block], blocks.element[other]
    row[0] = sizes.words[other]
    row[1] = sizes.link_words[other] / max(1, sizes.words[other])
    row[2] = elements.kind[its]
    row[3] = elements.parent[mine] == elements.parent[its]


@leaf
def _is_long(sizes: Sizes, block: int) -> bool:
    return bool(sizes.words[block] >= _LONG and sizes.link_words[block] * 3 < sizes.words[block])


@leaf
def _level(bits: np.uint64) -> int:
    """Return the level of the innermost kind of heading."""
    level = 0
    for step in range(6):
        if bits & (_MAIN_HEADING << np.uint64(step)) != 0:
            level = step + 1
    return level


@inner
def _next_long(sizes: Sizes) -> Integers:
    """Return the first long block after each block, −1 for none."""
    count = len(sizes.words)
    found = np.empty(count, np.int32)
    following = -1
    for block in range(count - 1, -1, -1):
        found[block] = following
        if _is_long(sizes, block):
            following = block
    return found


@inner
def _count_copies(hashes: Hashes) -> tuple[Integers, Integers]:
    """Return how often each block's text stands on the page, and how often before the block."""
    count = len(hashes)
    copies, before = np.empty(count, np.int32), np.empty(count, np.int32)
    _, order = sorted_with_order(hashes)
    first = 0
    while first < count:
        last = first
        while last < count and hashes[order[last]] == hashes[order[first]]:
            before[order[last]] = last - first
            last += 1
        for place in range(first, last):
            copies[order[place]] = last - first
        first = last
    return copies, before
