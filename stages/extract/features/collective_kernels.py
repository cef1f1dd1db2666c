"""What the second stage of the classifier sees: the first stage's probabilities over the whole page.

A block alone may be anything; what stands around it decides. For each block these columns say how probable content is
right before and after it, in the elements around it, in its list, under its heading, in blocks of the same template
wherever they stand on the page, and how far it is from the page's core: the blocks that are content almost surely.
Means are weighted by words plus one and leave the block itself out. Source of the idea: stacked sequential learning
(Cohen and Carvalho 2005). Cost: one pass and two sorts; about 0.1 ms for a page of 300 blocks.
"""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from prep.corpus.kernels import inner, kernel, leaf
from prep.corpus.sorting_kernels import sorted_with_order
from prep.stages.extract.features.ancestor_kernels import Spans, spans
from prep.stages.extract.features.text_feature_kernels import HEADING_BITS, Features
from prep.stages.extract.html.block_kernels import Blocks
from prep.stages.extract.html.nesting_kernels import Elements, Integers

Reals = npt.NDArray[np.float64]

_REACHES: Final = (1, 2, 4, 8, 16)
_STEPS: Final = (1, 2, 3, 4)
_AROUND: Final = ("parent", "grandparent", "next_ancestor", "section", "region", "branch")

COLLECTIVE_FEATURES: Final = (
    "probability", "above_threshold", "words_more_probable",
    "page_probability", "page_content_words", "page_expected_f1", "page_doubt", "page_core_share",
    *(f"probability_{side}_{reach}" for reach in _REACHES for side in ("before", "after")),
    *(f"probability_at_{step:+}" for near in _STEPS for step in (-near, near)),
    "highest_before", "highest_after",
    "core_blocks_away_before", "core_words_away_before", "core_blocks_away_after", "core_words_away_after",
    "core_share_before", "core_share_after", "doubtful_since_core", "doubtful_to_core",
    *(f"{what}_of_{part}" for part in _AROUND for what in ("probability", "content_words", "content_share")),
    "height_of_branch", "height_of_core",
    "probability_of_list", "content_words_of_list", "members_of_list",
    "probability_of_template", "content_words_of_template", "blocks_of_template",
    "probability_of_path", "blocks_of_path",
    "probability_under_heading", "words_under_heading", "probability_of_heading",
)  # fmt: skip
"""Columns that `collective_features` fills.

The branch is the outermost element around the block that does not hold most of the page's core; a template is a name
and class of an element and its parent's, a path the names of all elements around a block.
"""

_CORE: Final = 0.8
"""Probability from which a block of `_CORE_WORDS` belongs to the core."""
_CORE_WORDS: Final = 10
_MOST: Final = 0.7
"""Share of the core's words that an element must hold to hold most of it."""
_SECTION: Final = 80
_REGION: Final = 0.25
_FAR_BLOCKS, _FAR_WORDS = 999, 9999


class _Sums(NamedTuple):
    """Totals over the blocks before each block, and over all (blocks + 1 entries)."""

    words: Reals
    mass: Reals
    """Of the weights: words plus one."""
    content: Reals
    """Of the weights times probabilities."""
    core: Reals
    """Of the words in the core."""


@kernel
def collective_features(
    elements: Elements, blocks: Blocks, words: Integers, probability: Reals, features: Features
) -> None:
    """Fill the columns `COLLECTIVE_FEATURES` (blocks × features)."""
    count = len(words)
    of = spans(elements, blocks)
    sums = _running_sums(words, probability)
    expected_f1 = _fill_order(words, probability, features)
    distances = _core_distances(words, probability, sums.words)
    lists = _mean_of_groups(_list_keys(elements, blocks), words, probability)
    templates = _mean_of_groups(_template_keys(elements, blocks), words, probability)
    paths = _mean_of_groups(_path_keys(elements, blocks), words, probability)
    headings = _headings(elements, blocks)
    next_heading = _next(headings)
    last_heading = -1
    doubt = np.sum(probability * (1 - probability) * (words + 1.0)) / max(1.0, sums.mass[count])
    for block in range(count):
        row = features[block]
        row[0], row[1] = probability[block], probability[block] - expected_f1 / 2
        row[3], row[4], row[5] = sums.content[count] / sums.mass[count], sums.content[count], expected_f1
        row[6], row[7] = doubt, sums.core[count] / max(1.0, sums.words[count])
        column = _fill_near(sums, probability, block, row, 8)
        row[column : column + 4] = distances[block, :4]
        row[column + 4] = sums.core[block] / max(1.0, sums.core[count])
        row[column + 5] = (sums.core[count] - sums.core[block + 1]) / max(1.0, sums.core[count])
        row[column + 6 : column + 8] = distances[block, 4:]
        column = _fill_around(elements, blocks, of, sums, block, row, column + 8)
        row[column : column + 3] = lists[block]
        row[column + 3 : column + 6] = templates[block]
        row[column + 6], row[column + 7] = paths[block, 0], paths[block, 2]
        first = block if headings[block] else last_heading
        row[column + 8] = _mean_of_others(sums, first + 1, next_heading[block], block)
        row[column + 9] = sums.words[next_heading[block]] - sums.words[first + 1]
        row[column + 10] = probability[last_heading] if last_heading >= 0 else -1
        if headings[block]:
            last_heading = block


@inner
def _running_sums(words: Integers, probability: Reals) -> _Sums:
    count = len(words)
    sums = _Sums(np.zeros(count + 1), np.zeros(count + 1), np.zeros(count + 1), np.zeros(count + 1))
    for block in range(count):
        weight = words[block] + 1.0
        sums.words[block + 1] = sums.words[block] + words[block]
        sums.mass[block + 1] = sums.mass[block] + weight
        sums.content[block + 1] = sums.content[block] + probability[block] * weight
        sums.core[block + 1] = sums.core[block] + (words[block] if _is_core(words, probability, block) else 0)
    return sums


@leaf
def _is_core(words: Integers, probability: Reals, block: int) -> bool:
    return bool(probability[block] >= _CORE and words[block] >= _CORE_WORDS)


@leaf
def _mean(sums: _Sums, first: int, last: int) -> float:
    """Return the mean probability of some blocks, −1 where there are none."""
    return (sums.content[last] - sums.content[first]) / (sums.mass[last] - sums.mass[first]) if last > first else -1.0


@leaf
def _mean_of_others(sums: _Sums, first: int, last: int, block: int) -> float:
    """Return the mean probability of some blocks without one that may be among them, −1 where there are none."""
    mass, content = sums.mass[last] - sums.mass[first], sums.content[last] - sums.content[first]
    if first <= block < last:
        mass -= sums.mass[block + 1] - sums.mass[block]
        content -= sums.content[block + 1] - sums.content[block]
    return content / mass if mass > 0.5 else -1.0


@leaf
def _fill_near(sums: _Sums, probability: Reals, block: int, row: Features, column: int) -> int:
    """Fill what stands right before and after a block; return the next column."""
    count = len(probability)
    for reach in _REACHES:
        row[column] = _mean(sums, max(0, block - reach), block)
        row[column + 1] = _mean(sums, block + 1, min(count, block + 1 + reach))
        column += 2
    for near in _STEPS:
        row[column] = probability[block - near] if block >= near else -1
        row[column + 1] = probability[block + near] if block + near < count else -1
        column += 2
    row[column] = _highest(probability, max(0, block - 5), block)
    row[column + 1] = _highest(probability, block + 1, min(count, block + 6))
    return column + 2


@inner
def _fill_order(words: Integers, probability: Reals, features: Features) -> float:
    """Fill the share of words in blocks that are more probable; return the highest expected F1 of any cut."""
    _, order = sorted_with_order(~probability.view(np.uint64))  # floats that are not negative rise with their bits
    expected, total = 0.0, 0.0
    for block in range(len(words)):
        expected += probability[block] * words[block]
        total += words[block]
    taken, hit, best = 0.0, 0.0, 0.0
    for block in order:
        features[block, 2] = taken / max(1.0, total)
        taken += words[block]
        hit += probability[block] * words[block]
        best = max(best, 2 * hit / max(1e-9, taken + expected))
    return best


@leaf
def _highest(probability: Reals, first: int, last: int) -> float:
    highest = -1.0
    for block in range(first, last):
        highest = max(highest, probability[block])
    return highest


@inner
def _core_distances(words: Integers, probability: Reals, sums: Reals) -> Reals:
    """Return for each block how far the core is before and after it, and the doubtful blocks between (blocks × 6)."""
    count = len(words)
    found = np.empty((count, 6))
    before, doubtful = -1, 0
    for block in range(count):
        found[block, 0] = block - before if before >= 0 else _FAR_BLOCKS
        found[block, 1] = sums[block] - sums[before + 1] if before >= 0 else _FAR_WORDS
        found[block, 4] = doubtful if before >= 0 else _FAR_BLOCKS
        if _is_core(words, probability, block):
            before, doubtful = block, 0
        elif probability[block] < 0.5:
            doubtful += 1
    after, doubtful = -1, 0
    for block in range(count - 1, -1, -1):
        found[block, 2] = after - block if after >= 0 else _FAR_BLOCKS
        found[block, 3] = sums[after] - sums[block + 1] if after >= 0 else _FAR_WORDS
        found[block, 5] = doubtful if after >= 0 else _FAR_BLOCKS
        if _is_core(words, probability, block):
            after, doubtful = block, 0
        elif probability[block] < 0.5:
            doubtful += 1
    return found


@leaf
def _fill_around(
    elements: Elements, blocks: Blocks, of: Spans, sums: _Sums, block: int, row: Features, column: int
) -> int:
    """Fill what the elements around a block hold; return the next column."""
    count = len(sums.words) - 1
    element = blocks.element[block]
    parent = max(0, elements.parent[element])
    grandparent = max(0, elements.parent[parent])
    section = _holder(elements, of, sums.words, element, _SECTION)
    branch, holder, height = element, element, 0
    while holder > 0 and sums.core[of.last[holder]] - sums.core[of.first[holder]] < _MOST * sums.core[count]:
        branch = holder
        holder = elements.parent[holder]
        height += 1
    for place in range(len(_AROUND)):
        if place == 0:
            part = parent
        elif place == 1:
            part = grandparent
        elif place == 2:
            part = max(0, elements.parent[grandparent])
        elif place == 3:
            part = section
        elif place == 4:
            part = _holder(elements, of, sums.words, section, _REGION * sums.words[count])
        else:
            part = branch
        first, last = of.first[part], of.last[part]
        content = sums.content[last] - sums.content[first]
        row[column] = _mean_of_others(sums, first, last, block)
        row[column + 1] = content
        row[column + 2] = content / max(1e-6, sums.content[count])
        column += 3
    row[column], row[column + 1] = elements.depth[element] - elements.depth[branch], height
    return column + 2


@leaf
def _holder(elements: Elements, of: Spans, sums: Reals, element: int, words: float) -> int:
    """Return the innermost element from here outwards that has so many words."""
    while element > 0 and sums[of.last[element]] - sums[of.first[element]] < words:
        element = elements.parent[element]
    return element


@inner
def _list_keys(elements: Elements, blocks: Blocks) -> npt.NDArray[np.uint64]:
    keys = np.empty(len(blocks.element), np.uint64)
    for block in range(len(keys)):
        element = blocks.element[block]
        keys[block] = np.uint64(elements.shape[element]) | np.uint64(elements.parent[element] + 1) << np.uint64(32)
    return keys


@inner
def _template_keys(elements: Elements, blocks: Blocks) -> npt.NDArray[np.uint64]:
    keys = np.empty(len(blocks.element), np.uint64)
    for block in range(len(keys)):
        element = blocks.element[block]
        around = max(0, elements.parent[element])
        keys[block] = np.uint64(elements.shape[element]) | np.uint64(elements.shape[around]) << np.uint64(32)
    return keys


@inner
def _path_keys(elements: Elements, blocks: Blocks) -> npt.NDArray[np.uint64]:
    paths = np.zeros(len(elements.kind), np.uint64)
    for element in range(1, len(elements.kind)):
        paths[element] = paths[elements.parent[element]] * np.uint64(1099511628211) + np.uint64(elements.kind[element])
    return paths[blocks.element]


@inner
def _mean_of_groups(keys: npt.NDArray[np.uint64], words: Integers, probability: Reals) -> Reals:
    """Return the mean over the other blocks with a block's key, the group's content words and its size (blocks × 3)."""
    count = len(keys)
    found = np.empty((count, 3))
    _, order = sorted_with_order(keys)
    first = 0
    while first < count:
        last = first
        mass, hits = 0.0, 0.0
        while last < count and keys[order[last]] == keys[order[first]]:
            mass += words[order[last]] + 1.0
            hits += probability[order[last]] * (words[order[last]] + 1.0)
            last += 1
        for place in range(first, last):
            block = order[place]
            rest = mass - words[block] - 1.0
            own = probability[block] * (words[block] + 1.0)
            found[block, 0] = (hits - own) / rest if rest > 0.5 else -1
            found[block, 1] = hits
            found[block, 2] = last - first
        first = last
    return found


@inner
def _headings(elements: Elements, blocks: Blocks) -> npt.NDArray[np.bool_]:
    found = np.empty(len(blocks.element), np.bool_)
    for block in range(len(found)):
        found[block] = elements.inside[blocks.element[block]] & HEADING_BITS != 0
    return found


@inner
def _next(marked: npt.NDArray[np.bool_]) -> Integers:
    """Return the first marked block after each block; the number of blocks where there is none."""
    found = np.empty(len(marked), np.int32)
    following = len(marked)
    for block in range(len(marked) - 1, -1, -1):
        found[block] = following
        if marked[block]:
            following = block
    return found
