"""Keeps lists that the text before them announces: "The following types are available:".

Where a list's entries are links the classifier takes it for a menu, and the sentence before it is left without its end.
A block announces a list if it is kept, is no heading, has at least `_FEWEST_WORDS` words (a label such as "Related
articles:" has fewer) and ends with a colon. The list is kept as a whole if it follows at once, has at most
`_MOST_BLOCKS` blocks and none of them is kept. Cost: linear in the blocks.
"""

from typing import Final

from prep.corpus.arrow.columns import Bytes
from prep.corpus.kernels import kernel, leaf
from prep.stages.extract.features.text_feature_kernels import HEADING_BITS
from prep.stages.extract.html.block_kernels import Blocks
from prep.stages.extract.html.element_kernels import number
from prep.stages.extract.html.nesting_kernels import Elements, Integers
from prep.stages.extract.writing.render_kernels import around
from prep.stages.extract.writing.spacing_kernels import Booleans

_FEWEST_WORDS: Final = 6
_MOST_BLOCKS: Final = 30
_UL, _OL = number("ul"), number("ol")
_COLON: Final = 58
_WIDE_COLON: Final = (0xEF, 0xBC, 0x9A)


@kernel
def announced_lists(text: Bytes, elements: Elements, blocks: Blocks, words: Integers, kept: Booleans) -> Booleans:
    """Return which blocks to keep: those that are kept, and lists that they announce."""
    found = kept.copy()
    for block in range(len(kept) - 1):
        following = block + 1
        if not kept[block] or kept[following] or words[block] < _FEWEST_WORDS:
            continue
        if not _ends_in_colon(text, blocks.end[block]) or elements.inside[blocks.element[block]] & HEADING_BITS != 0:
            continue
        element = around(elements, blocks.element[following], _UL, _OL)
        first, last = blocks.begun[elements.first[element]], blocks.begun[elements.last[element]]
        if element > 0 and first == following and last - first <= _MOST_BLOCKS and not kept[first:last].any():
            found[first:last] = True
    return found


@leaf
def _ends_in_colon(text: Bytes, end: int) -> bool:
    if text[end - 1] == _COLON:
        return True
    first, second, third = _WIDE_COLON
    return end >= 3 and text[end - 3] == first and text[end - 2] == second and text[end - 1] == third
