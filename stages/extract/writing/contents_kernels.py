"""Lists of links that are no text: tables of contents, and pages that are an index.

The contents of a page are an element with at least `_FEWEST` links to fragments (`#part`) and next to no other words.
Numbers beside the links do not count; lines that begin with `=` or `|` are declarations, whose names link to what is
said of them. The list's blocks are left out, and a label before it ("Contents"), unless it is more than half of what is
kept: then it is what the page is for. An index has at least `_FEWEST_OF_INDEX` short links and hardly other words, but
for headings, terms of a definition list, and single words: a glossary says something of its terms, an index does not.
Cost: linear in the blocks' runs and in the elements.
"""

from typing import Final

import numpy as np

from prep.corpus.arrow.columns import Bytes
from prep.corpus.kernels import inner, kernel, leaf
from prep.stages.extract.features.text_feature_kernels import HEADING_BITS
from prep.stages.extract.html.attribute_kernels import attribute_range
from prep.stages.extract.html.block_kernels import Blocks, Runs
from prep.stages.extract.html.element_kernels import inside, name_hash, number
from prep.stages.extract.html.nesting_kernels import Elements, Integers
from prep.stages.extract.writing.navigation_kernels import is_label, sign_bytes
from prep.stages.extract.writing.render_kernels import around
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
_LONGEST_TERM: Final = 3
_TERM: Final = inside("dt th")
_A: Final = number("a")
_HREF: Final = name_hash(b"href")
_FIXED: Final = inside("pre")
_HASH, _EQUALS, _BAR = 35, 61, 124
_IS_LETTER: Final = np.array([byte >= 0x80 or chr(byte).isalpha() for byte in range(256)])


@kernel
def is_index(elements: Elements, blocks: Blocks, runs: Runs, kept: Booleans) -> bool:
    """Return whether what is kept of a page is nothing but short links and the words that order them."""
    links, linked, others, link = 0, 0, 0, 0
    for block in range(len(kept)):
        around_ = elements.inside[blocks.element[block]]
        if not kept[block] or around_ & HEADING_BITS != 0:
            continue
        size = 0
        for run in range(blocks.run[block], blocks.run[block + 1]):
            size += runs.words[run]
        orders = size <= 1 or (size <= _LONGEST_TERM and around_ & _TERM != 0)
        for run in range(blocks.run[block], blocks.run[block + 1]):
            element = around(elements, runs.element[run], _A, _A)
            links += element > 0 and element != link
            link = element
            linked += runs.words[run] if element > 0 else 0
            others += runs.words[run] if element == 0 and not orders else 0
    return links >= _FEWEST_OF_INDEX and linked >= _SHARE_OF_INDEX * (linked + others) and linked <= _SHORT * links


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
            element = around(elements, runs.element[run], _A, _A)
            if element != link:
                link = element
                is_fragment = link > 0 and _leads_into_page(page, elements.tag[link])
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
def _leads_into_page(page: Bytes, tag: int) -> bool:
    start, end = attribute_range(page, tag, _HREF)
    return bool(end > start + 1 and page[start] == _HASH)


@leaf
def _has_letter(text: Bytes, start: int, end: int) -> bool:
    at = start
    while at < end:
        length = sign_bytes(text, at, end)
        if length == 0 and _IS_LETTER[text[at]]:
            return True
        at += max(1, length)
    return False
