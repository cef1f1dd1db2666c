"""What the classifier sees of the page as a whole, the same for all its blocks: what kind of page it may be."""

from typing import Final

import numpy as np

from prep.corpus.kernels import inner
from prep.stages.extract.features.ancestor_kernels import Spans
from prep.stages.extract.features.text_feature_kernels import (
    CURRENCY,
    HEADINGS,
    LINK_BLOCKS,
    LINK_WORDS,
    LONG_BLOCKS,
    LONG_WORDS,
    SENTENCES,
    WORDS,
    Features,
    Sizes,
    Totals,
)
from prep.stages.extract.html.block_kernels import Blocks
from prep.stages.extract.html.element_kernels import HIDDEN_BIT, inside, number
from prep.stages.extract.html.nesting_kernels import Elements

_COUNTED = ("article", "main", "table", "form")
_SHARED = ("p", "li", "table", "pre", "noscript", "hidden")

PAGE_FEATURES: Final = (
    "page_words", "page_blocks", "page_elements", "page_link_share", "page_long_blocks", "page_long_words",
    "page_long_share", "page_sentences_per_word", "page_currency", "page_currency_per_word", "page_headings",
    "page_words_per_block", "page_link_blocks_share", "page_largest_block",
    *(f"page_{name}_elements" for name in _COUNTED),
    "page_largest_article_share", "page_largest_main_share",
    *(f"page_{name}_share" for name in _SHARED),
)  # fmt: skip
"""Columns that `page_features` fills."""

_KINDS: Final = np.array([number(name) for name in _COUNTED], np.int64)
_BITS: Final = np.array([inside(name) for name in _SHARED[:-1]] + [HIDDEN_BIT], np.uint64)
_ARTICLE, _MAIN = number("article"), number("main")


@inner
def page_features(
    elements: Elements, blocks: Blocks, of: Spans, sizes: Sizes, totals: Totals, features: Features
) -> None:
    """Fill the columns `PAGE_FEATURES` (blocks × features)."""
    count = len(blocks.start)
    if count == 0:
        return
    row = features[0]
    row[:] = 0
    all_words = max(1.0, totals[count, WORDS])
    total = totals[count]
    row[0], row[1], row[2] = total[WORDS], count, len(elements.kind)
    row[3] = total[LINK_WORDS] / all_words
    row[4], row[5], row[6] = total[LONG_BLOCKS], total[LONG_WORDS], total[LONG_WORDS] / all_words
    row[7] = total[SENTENCES] / all_words
    row[8], row[9] = total[CURRENCY], total[CURRENCY] / all_words
    row[10], row[11] = total[HEADINGS], total[WORDS] / count
    row[12] = total[LINK_BLOCKS] / count
    row[13] = sizes.words.max()
    for element in range(len(elements.kind)):
        kind = elements.kind[element]
        for place in range(len(_KINDS)):
            row[14 + place] += kind == _KINDS[place]
        if kind in (_ARTICLE, _MAIN):
            words = totals[of.last[element], WORDS] - totals[of.first[element], WORDS]
            column = 18 if kind == _ARTICLE else 19
            row[column] = max(row[column], words / all_words)
    for block in range(count):
        bits = elements.inside[blocks.element[block]]
        for place in range(len(_BITS)):
            if bits & _BITS[place] != 0:
                row[20 + place] += sizes.words[block] / all_words
    for block in range(1, count):
        features[block] = row
