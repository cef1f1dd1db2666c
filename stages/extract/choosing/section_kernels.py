"""Keeps sections with their headings, and the title that the text begins with, on pages that are read for reference.

The classifier judges each block alone; in a section of a manual it may keep the paragraphs and lose the signature above
them. A section is an element of at most `_LONGEST` words that begins with a heading; where half of its words are kept,
what stands before the last of them is too, but for blocks that are hardly content. So is what stands between the first
and the last kept block of an element of at least `_LARGE` words of which `_MOST` are kept: on pages far longer than
those that the classifier has seen, the cut falls into the text. A heading is kept where the block after it is, and the
page's title where it stands directly before the first kept block, or near it with the words of `<title>`. The name of
the site, which leads to another page, is kept where the classifier says so alone.

Articles and shops describe themselves to search engines and social networks (Open Graph, JSON-LD), and their titles and
lists are set apart from the text for reasons, as are names and dates in forums; reference documentation seldom does,
and only pages that do not are looked at. Cost: linear in the elements and blocks, but for sections in each other.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from prep.corpus.arrow.columns import Bytes
from prep.corpus.kernels import inner, kernel, leaf
from prep.stages.extract.choosing.navigation_kernels import ELSEWHERE, leads, link_around
from prep.stages.extract.features.text_feature_kernels import HEADING_BITS
from prep.stages.extract.features.vocabulary_kernels import CLASS_GROUPS
from prep.stages.extract.html.block_kernels import Blocks, Runs
from prep.stages.extract.html.element_kernels import inside, number
from prep.stages.extract.html.markup_kernels import Facts
from prep.stages.extract.html.nesting_kernels import Elements, Integers
from prep.stages.extract.writing.spacing_kernels import Booleans

Reals = npt.NDArray[np.float64]

_LONGEST: Final = 400
"""Words of a section."""
_LARGE: Final = 1000
_MOST: Final = 0.8
_LEAST: Final = 0.1
"""Probability of a block from which it is kept with its section."""
_NEAR: Final = 15
"""Words, without those of links, that may stand between the title and the text."""
_LONGEST_TITLE: Final = 40
_LONGEST_READ: Final = 1000
"""Bytes of a title that are read."""
_LEVELS: Final = 3
"""Headings of this level or a higher one may be titles."""
_META, _TITLE, _SCRIPT = number("meta"), number("title"), number("script")
_H1, _H6 = number("h1"), number("h6")
_LINK: Final = inside("a")
_FORUM: Final = np.uint64(1 << list(CLASS_GROUPS).index("forum"))
_FORUM_SHARE: Final = 0.3
"""Share of a page's words in elements of a forum from which it is one."""
_TITLED: Final = np.uint64(1 << list(CLASS_GROUPS).index("title"))
_NO_HEADING: Final = 9
_WORD: Final = 0xFFFFFFFF
_IS_PART: Final = np.array([byte >= 0x80 or chr(byte).isalnum() for byte in range(256)])
_CARDS: Final = (np.frombuffer(b"og:", np.uint8), np.frombuffer(b"twitter:", np.uint8))


@kernel
def is_for_reference(page: Bytes, facts: Facts, elements: Elements, blocks: Blocks, words: Integers) -> bool:
    """Return whether a page neither describes itself to others nor is, by its classes, a forum."""
    if _describes_itself(page, facts):
        return False
    in_forum = np.zeros(len(elements.kind), np.bool_)
    for element in range(1, len(elements.kind)):
        in_forum[element] = in_forum[elements.parent[element]] or elements.groups[element] & _FORUM != 0
    total, of_forum = 0, 0
    for block in range(len(words)):
        total += words[block]
        of_forum += words[block] if in_forum[blocks.element[block]] else 0
    return of_forum <= _FORUM_SHARE * total


@inner
def _describes_itself(page: Bytes, facts: Facts) -> bool:
    """Return whether a page has Open Graph's meta elements, those of Twitter, or JSON-LD."""
    for fact in range(len(facts.kind)):
        if facts.kind[fact] == _SCRIPT:
            return True
        if facts.kind[fact] != _META:
            continue
        for card in _CARDS:
            for at in range(facts.start[fact], facts.middle[fact] - len(card)):
                place = 0
                while place < len(card) and page[at + place] == card[place]:
                    place += 1
                if place == len(card):
                    return True
    return False


@kernel
def site_names(page: Bytes, elements: Elements, blocks: Blocks, runs: Runs) -> Booleans:
    """Return which headings stand in links to other pages alone, as a site's name does at the top of each page."""
    found = np.zeros(len(blocks.start), np.bool_)
    for block in range(len(found)):
        found[block] = _is_heading(elements, blocks, block)
        for run in range(blocks.run[block], blocks.run[block + 1]):
            link = link_around(elements, runs.element[run])
            if runs.words[run] > 0 and (link == 0 or leads(page, elements.tag[link]) != ELSEWHERE):
                found[block] = False
    return found


@kernel
def keep_sections(elements: Elements, blocks: Blocks, words: Integers, probability: Reals, kept: Booleans) -> Booleans:
    """Return which blocks to keep, with those that stand in a section, or in a large part, most of which is."""
    count = len(kept)
    all_before, kept_before = np.zeros(count + 1, np.int64), np.zeros(count + 1, np.int64)
    text_before = np.zeros(count + 1, np.int64)  # kept blocks that are no headings
    for block in range(count):
        is_text = kept[block] and not _is_heading(elements, blocks, block)
        all_before[block + 1] = all_before[block] + words[block]
        kept_before[block + 1] = kept_before[block] + (words[block] if kept[block] else 0)
        text_before[block + 1] = text_before[block] + is_text
    whole = kept.copy()
    for element in range(len(elements.kind)):
        first, last = blocks.begun[elements.first[element]], blocks.begun[elements.last[element]]
        if element == 0:
            first, last = 0, count
        size, of_it = all_before[last] - all_before[first], kept_before[last] - kept_before[first]
        if of_it == 0 or text_before[last] == text_before[first]:
            continue
        is_section = size <= _LONGEST and 2 * of_it >= size and _is_heading(elements, blocks, first)
        if not is_section and not (size >= _LARGE and of_it >= _MOST * size):
            continue
        while not is_section and not kept[first]:
            first += 1
        while not kept[last - 1]:
            last -= 1
        for block in range(first, last):
            whole[block] |= probability[block] >= _LEAST
    return whole


@kernel
def keep_headings(
    page: Bytes,
    facts: Facts,
    text: Bytes,
    elements: Elements,
    blocks: Blocks,
    runs: Runs,
    words: Integers,
    kept: Booleans,
    left_out: Booleans,
) -> Booleans:
    """Return which blocks to keep, with the title and the headings of what is kept; never those of `left_out`."""
    whole = kept.copy()
    order = np.flatnonzero(kept)
    if len(order) == 0:
        return whole
    for block in range(order[-1] - 1, order[0], -1):
        if _is_heading(elements, blocks, block) and whole[block + 1] and not left_out[block]:
            whole[block] = True
    first, block, between = order[0], order[0] - 1, 0
    level_of_first = _level(elements, blocks, first) if _is_heading(elements, blocks, first) else _NO_HEADING
    title = _title_words(page, facts)
    while block >= 0 and between <= _NEAR:
        level = _level(elements, blocks, block)
        is_next = block == first - 1 and level < level_of_first and _is_heading(elements, blocks, block)
        if (
            not left_out[block]
            and words[block] <= _LONGEST_TITLE
            and level <= min(level_of_first, _LEVELS)
            and (is_next or (_agrees(text, blocks, block, title) and not _are_equal(text, blocks, block, first)))
        ):
            whole[block] = True
            first, level_of_first = block, level
        else:
            between += _words_beside_links(elements, blocks, runs, block)
        block -= 1
    return whole


@leaf
def _is_heading(elements: Elements, blocks: Blocks, block: int) -> bool:
    return bool(elements.inside[blocks.element[block]] & HEADING_BITS != 0)


@leaf
def _level(elements: Elements, blocks: Blocks, block: int) -> int:
    """Return the level of the heading that a block stands in, 1 for what a class calls a title; else `_NO_HEADING`."""
    element = blocks.element[block]
    if not _is_heading(elements, blocks, block):
        return 1 if elements.groups[element] & _TITLED != 0 else _NO_HEADING
    while not _H1 <= elements.kind[element] <= _H6:
        element = elements.parent[element]
    return int(elements.kind[element]) - _H1 + 1


@leaf
def _words_beside_links(elements: Elements, blocks: Blocks, runs: Runs, block: int) -> int:
    count = 0
    for run in range(blocks.run[block], blocks.run[block + 1]):
        if elements.inside[runs.element[run]] & _LINK == 0:
            count += runs.words[run]
    return count


@inner
def _title_words(page: Bytes, facts: Facts) -> npt.NDArray[np.int64]:
    """Return the hashes of the words of the page's `<title>`."""
    for fact in range(len(facts.kind)):
        if facts.kind[fact] == _TITLE:
            start = facts.middle[fact]
            return _word_hashes(page, start, min(facts.end[fact], start + _LONGEST_READ))
    return np.empty(0, np.int64)


@inner
def _agrees(text: Bytes, blocks: Blocks, block: int, title: npt.NDArray[np.int64]) -> bool:
    """Return whether at least half of a block's words are words of the title."""
    if len(title) == 0 or blocks.end[block] - blocks.start[block] > _LONGEST_READ:
        return False
    hashes = _word_hashes(text, blocks.start[block], blocks.end[block])
    shared = 0
    for hash_ in hashes:
        shared += bool(np.any(title == hash_))
    return len(hashes) > 0 and 2 * shared >= len(hashes)


@leaf
def _are_equal(text: Bytes, blocks: Blocks, one: int, other: int) -> bool:
    length = blocks.end[one] - blocks.start[one]
    if length != blocks.end[other] - blocks.start[other]:
        return False
    for place in range(length):
        if text[blocks.start[one] + place] != text[blocks.start[other] + place]:
            return False
    return True


@inner
def _word_hashes(text: Bytes, start: int, end: int) -> npt.NDArray[np.int64]:
    found = np.empty((end - start) // 2 + 1, np.int64)
    count, state = 0, 0
    for at in range(start, end + 1):
        byte = int(text[at]) if at < end else 0
        if _IS_PART[byte]:
            state = (state * 31 + (byte | 32 if 65 <= byte <= 90 else byte)) & _WORD
        elif state != 0:
            found[count] = state
            count += 1
            state = 0
    return found[:count]
