"""Lists of links that are no text: tables of contents, and pages that are an index.

The contents of a page are an element with at least `_FEWEST` links to fragments (`#part`) and next to no other words.
Numbers beside the links do not count; lines that begin with `=` or `|` are declarations, whose names link to what is
said of them. The list's blocks are left out, and a label before it ("Contents"), unless it is more than half of what is
kept: then it is what the page is for. An index has at least `_FEWEST_OF_INDEX` short links and hardly other words, but
for headings, terms of a definition list, and single letters: a glossary says something of its terms, an index does not.
What else such a page says is left of it.
Cost: linear in the blocks' runs and in the elements.
"""

from typing import Final

import numpy as np

from prep.corpus.arrow.columns import Bytes
from prep.corpus.kernels import inner, kernel, leaf
from prep.stages.extract.choosing.navigation_kernels import INTO_PAGE, is_label, leads, link_around, sign_bytes
from prep.stages.extract.features.text_feature_kernels import HEADING_BITS
from prep.stages.extract.html.block_kernels import Blocks, Runs
from prep.stages.extract.html.element_kernels import inside
from prep.stages.extract.html.nesting_kernels import Elements, Integers
from prep.stages.extract.writing.spacing_kernels import Booleans

_FEWEST: Final = 4
"""Links that a list has at least."""
_SHARE: Final = 0.9
"""Share of a list's words that its links have at least."""
_MOST: Final = 0.5
"""Share of the kept words up to which a list is left out."""
_FEWEST_OF_INDEX: Final = 20
_SHARE_OF_INDEX: Final = 0.95
_SHORT: Final = 6
"""Words of an index's links, on average, at most; cards of articles that are links as a whole have more."""
_ENOUGH: Final = 8
"""Words of an index beside its entries from which they are a text."""
_LONGEST_TERM: Final = 3
_TERM: Final = inside("dt")
_FIXED: Final = inside("pre")
_EQUALS, _BAR = 61, 124
_IS_LETTER: Final = np.array([byte >= 0x80 or chr(byte).isalpha() for byte in range(256)])


@kernel
def without_index(elements: Elements, blocks: Blocks, runs: Runs, kept: Booleans) -> Booleans:
    """Return which blocks to keep: of an index only what is no entry, with its headings, and that if it says enough."""
    count = len(kept)
    links, linked, others, link = 0, 0, 0, 0
    says = np.zeros(count, np.bool_)
    for block in range(count):
        around_ = elements.inside[blocks.element[block]]
        if not kept[block] or around_ & HEADING_BITS != 0:
            continue
        in_links, beside = 0, 0
        for run in range(blocks.run[block], blocks.run[block + 1]):
            element = link_around(elements, runs.element[run])
            links += element > 0 and element != link
            link = element
            in_links += runs.words[run] if element > 0 else 0
            beside += runs.words[run] if element == 0 else 0
        is_letter = blocks.end[block] - blocks.start[block] == 1
        if is_letter or (in_links + beside <= _LONGEST_TERM and around_ & _TERM != 0):
            beside = 0
        linked += in_links
        others += beside
        says[block] = beside > in_links
    if links < _FEWEST_OF_INDEX or linked < _SHARE_OF_INDEX * (linked + others) or linked > _SHORT * links:
        return kept
    said = 0
    for block in range(count):
        said += _words_of(runs, blocks, block) if says[block] else 0
    if said < _ENOUGH:
        return np.zeros(count, np.bool_)
    for block in range(count - 2, -1, -1):
        if kept[block] and says[block + 1] and elements.inside[blocks.element[block]] & HEADING_BITS != 0:
            says[block] = True
    return says


@leaf
def _words_of(runs: Runs, blocks: Blocks, block: int) -> int:
    count = 0
    for run in range(blocks.run[block], blocks.run[block + 1]):
        count += runs.words[run]
    return count


@kernel
def contents_lists(
    page: Bytes, text: Bytes, elements: Elements, blocks: Blocks, runs: Runs, words: Integers, kept: Booleans
) -> Booleans:
    """Return which of the kept blocks belong to lists of the page's own parts."""
    count = len(kept)
    total = 0
    for block in range(count):
        total += words[block] if kept[block] else 0
    before = _running_totals(page, text, elements, blocks, runs)
    found = np.zeros(count, np.bool_)
    reached = 0
    for element in range(1, len(elements.kind)):
        first, last = blocks.begun[elements.first[element]], blocks.begun[elements.last[element]]
        if first < reached or last <= first:
            continue
        links, linked, others = before[last] - before[first]
        if links < _FEWEST or linked < _SHARE * (linked + others) or linked + others > _MOST * total:
            continue
        for block in range(first, last):
            is_entry = before[block + 1, 2] == before[block, 2]
            found[block] = kept[block] and (is_entry or is_label(text, blocks.start[block], blocks.end[block]))
        if first > 0 and kept[first - 1] and is_label(text, blocks.start[first - 1], blocks.end[first - 1]):
            found[first - 1] = True
        reached = last
    return found


@inner
def _running_totals(page: Bytes, text: Bytes, elements: Elements, blocks: Blocks, runs: Runs) -> Integers:
    """Return links to fragments, their words, and other words before each block and over all ((blocks + 1) × 3)."""
    totals = np.zeros((len(blocks.start) + 1, 3), np.int32)
    link, is_fragment = 0, False
    for block in range(len(blocks.start)):
        links, linked, others = 0, 0, 0
        for run in range(blocks.run[block], blocks.run[block + 1]):
            element = link_around(elements, runs.element[run])
            if element != link:
                link = element
                is_fragment = link > 0 and leads(page, elements.tag[link]) == INTO_PAGE
                links += is_fragment
            end = runs.start[run + 1] if run + 1 < blocks.run[block + 1] else blocks.end[block]
            if is_fragment and elements.inside[blocks.element[block]] & _FIXED == 0:
                linked += runs.words[run]
            elif _has_letter(text, runs.start[run], end) or (
                run == blocks.run[block] and text[runs.start[run]] in (_EQUALS, _BAR)
            ):
                others += max(1, runs.words[run])
        totals[block + 1, 0] = totals[block, 0] + links
        totals[block + 1, 1] = totals[block, 1] + linked
        totals[block + 1, 2] = totals[block, 2] + others
    return totals


@leaf
def _has_letter(text: Bytes, start: int, end: int) -> bool:
    at = start
    while at < end:
        length = sign_bytes(text, at, end)
        if length == 0 and _IS_LETTER[text[at]]:
            return True
        at += max(1, length)
    return False
