"""What the classifier sees of the elements around a block: their names, class words, sizes, and lists of like ones."""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from prep.corpus.kernels import inner, leaf
from prep.corpus.sorting_kernels import sorted_with_order
from prep.stages.extract.features.text_feature_kernels import (
    HEADINGS,
    LINK_WORDS,
    LONG_WORDS,
    SENTENCES,
    WORDS,
    Features,
    Totals,
    marks_of,
)
from prep.stages.extract.features.vocabulary_kernels import CLASS_GROUPS
from prep.stages.extract.html.block_kernels import Blocks, Runs
from prep.stages.extract.html.element_kernels import INSIDE_NAMES, inside
from prep.stages.extract.html.nesting_kernels import Elements, Integers

_OF_PART = (
    "words", "link_share", "words_per_block", "long_share", "sentences_per_word", "blocks", "share",
    "headings_per_block",
)  # fmt: skip
_PARTS = ("parent", "grandparent", "section", "region")

ANCESTOR_FEATURES: Final = (
    *(f"in_{name}" for name in INSIDE_NAMES),
    *(f"near_{group}" for group in CLASS_GROUPS),
    "element", "depth",
    *(f"{what}_of_{part}" for part in _PARTS for what in _OF_PART),
    "element_of_section", "height_of_section", "height_of_region",
    "like_siblings", "words_per_sibling", "link_share_of_siblings",
    *(f"{what}_of_longest_list" for what in
      ("entries", "words_per_entry", "link_share", "height", "share", "element", "words_in_entry", "place_in_entry",
       "blocks_in_entry")),
    *(f"{what}_of_outermost_list" for what in
      ("entries", "words_per_entry", "link_share", "height", "share", "element")),
)  # fmt: skip
"""Columns that `ancestor_features` fills.

`near_…`: how many elements up the group of class words occurs, `_NOWHERE` where it does not. A section is the
innermost element around the block with `_SECTION` words, a region that with a quarter of the page's words. A list is
made of elements of one parent with the same name and class, at least `_ENTRIES`.
"""

_INSIDE: Final = len(INSIDE_NAMES)
_GROUPS: Final = len(CLASS_GROUPS)
_PRE: Final = inside("pre")
_PART: Final = len(_OF_PART)
_NOWHERE: Final = 30
_SECTION: Final = 80
_REGION: Final = 0.25
_ENTRIES: Final = 3


class Lists(NamedTuple):
    """The elements of the same parent, name and class as each element that have text: one entry per element."""

    entries: Integers
    words: npt.NDArray[np.float64]
    link_words: npt.NDArray[np.float64]


class Spans(NamedTuple):
    """The blocks that begin inside of each element: one entry per element."""

    first: Integers
    last: Integers
    """One past the last."""


@inner
def spans(elements: Elements, blocks: Blocks) -> Spans:
    """Return which blocks begin inside of the elements."""
    return Spans(blocks.begun[elements.first], blocks.begun[elements.last])


@inner
def ancestor_features(
    elements: Elements, blocks: Blocks, runs: Runs, of: Spans, totals: Totals, features: Features
) -> None:
    """Fill the columns `ANCESTOR_FEATURES` (blocks × features)."""
    count = len(blocks.start)
    lists = _find_lists(elements, of, totals)
    all_words = max(1.0, totals[count, WORDS])
    around = np.empty(len(_PARTS), np.int32)
    for block in range(count):
        row = features[block]
        element = blocks.element[block]
        _fill_inside(elements, blocks, runs, block, row[:_INSIDE])
        column = _INSIDE
        first = element if elements.inside[element] & _PRE != 0 else runs.element[blocks.run[block]]
        _fill_distances(elements, first, row[column : column + _GROUPS])
        column += _GROUPS
        row[column], row[column + 1] = elements.kind[element], elements.depth[element]
        column += 2
        parent = max(0, elements.parent[element])
        grandparent = max(0, elements.parent[parent])
        section = _smallest(elements, of, totals, element, _SECTION)
        region = _smallest(elements, of, totals, section, _REGION * all_words)
        around[0], around[1], around[2], around[3] = parent, grandparent, section, region
        for part in around:
            _fill_part(totals, of.first[part], of.last[part], all_words, row[column : column + _PART])
            column += _PART
        row[column] = elements.kind[section]
        row[column + 1] = elements.depth[element] - elements.depth[section]
        row[column + 2] = elements.depth[element] - elements.depth[region]
        _fill_lists(elements, of, totals, lists, block, element, row[column + 3 :])


@inner
def _find_lists(elements: Elements, of: Spans, totals: Totals) -> Lists:
    count = len(elements.kind)
    keys = np.empty(count, np.uint64)
    for element in range(count):
        key = np.uint64(elements.shape[element]) | np.uint64(elements.parent[element] + 1) << np.uint64(32)
        keys[element] = key
    _, order = sorted_with_order(keys)
    lists = Lists(np.empty(count, np.int32), np.empty(count, np.float64), np.empty(count, np.float64))
    first = 0
    while first < count:
        last = first
        entries, words, linked = 0, 0.0, 0.0
        while last < count and keys[order[last]] == keys[order[first]]:
            begins, ends = of.first[order[last]], of.last[order[last]]
            entries += ends > begins
            words += totals[ends, WORDS] - totals[begins, WORDS]
            linked += totals[ends, LINK_WORDS] - totals[begins, LINK_WORDS]
            last += 1
        for place in range(first, last):
            lists.entries[order[place]] = entries
            lists.words[order[place]] = words
            lists.link_words[order[place]] = linked
        first = last
    return lists


@leaf
def _fill_inside(elements: Elements, blocks: Blocks, runs: Runs, block: int, row: Features) -> None:
    bits = elements.inside[blocks.element[block]]
    for run in range(blocks.run[block], blocks.run[block + 1]):
        bits |= marks_of(elements, blocks.element[block], runs.element[run])
    for place in range(_INSIDE):
        row[place] = (bits >> np.uint64(place)) & np.uint64(1)


@leaf
def _fill_distances(elements: Elements, element: int, row: Features) -> None:
    row[:] = _NOWHERE
    found = np.uint64(0)
    distance = 0
    while element > 0 and distance < _NOWHERE:
        new = elements.groups[element] & ~found
        found |= new
        group = 0
        while new != 0:
            if new & np.uint64(1) != 0:
                row[group] = distance
            new >>= np.uint64(1)
            group += 1
        element = elements.parent[element]
        distance += 1


@leaf
def _smallest(elements: Elements, of: Spans, totals: Totals, element: int, words: float) -> int:
    """Return the innermost element from here outwards that has so many words."""
    while element > 0 and totals[of.last[element], WORDS] - totals[of.first[element], WORDS] < words:
        element = elements.parent[element]
    return element


@leaf
def _fill_part(totals: Totals, first: int, last: int, all_words: float, row: Features) -> None:
    words = totals[last, WORDS] - totals[first, WORDS]
    blocks = max(1, last - first)
    row[0], row[1] = words, (totals[last, LINK_WORDS] - totals[first, LINK_WORDS]) / max(1, words)
    row[2], row[3] = words / blocks, (totals[last, LONG_WORDS] - totals[first, LONG_WORDS]) / max(1, words)
    row[4], row[5] = (totals[last, SENTENCES] - totals[first, SENTENCES]) / max(1, words), blocks
    row[6], row[7] = words / all_words, (totals[last, HEADINGS] - totals[first, HEADINGS]) / blocks


@leaf
def _fill_lists(
    elements: Elements, of: Spans, totals: Totals, lists: Lists, block: int, element: int, row: Features
) -> None:
    longest, outermost = 0, 0
    at = element
    while at > 0:
        if lists.entries[at] >= _ENTRIES:
            outermost = at
            if longest == 0 or lists.entries[at] > lists.entries[longest]:
                longest = at
        at = elements.parent[at]
    all_words = max(1.0, totals[len(totals) - 1, WORDS])
    row[0] = lists.entries[element]
    row[1] = lists.words[element] / max(1, lists.entries[element])
    row[2] = lists.link_words[element] / max(1, lists.words[element])
    _fill_list(elements, lists, longest, elements.depth[element], all_words, row[3:9])
    row[9:12] = 0
    if longest > 0:
        row[9] = totals[of.last[longest], WORDS] - totals[of.first[longest], WORDS]
        row[10] = block - of.first[longest]
        row[11] = of.last[longest] - of.first[longest]
    _fill_list(elements, lists, outermost, elements.depth[element], all_words, row[12:18])


@leaf
def _fill_list(elements: Elements, lists: Lists, entry: int, depth: int, all_words: float, row: Features) -> None:
    row[:] = 0
    if entry == 0:
        return
    row[0], row[1] = lists.entries[entry], lists.words[entry] / max(1, lists.entries[entry])
    row[2], row[3] = lists.link_words[entry] / max(1, lists.words[entry]), depth - elements.depth[entry]
    row[4], row[5] = lists.words[entry] / all_words, elements.kind[entry]
