"""Which blocks are readers' comments, by the classes of the elements around them.

A part of a page is a section of comments if its class, id or role says so and it is not most of the page, as it is
where posts are called comments. In forums, and on pages of questions and answers, replies are the content: no block of
theirs counts. Cost: linear in the elements.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from prep.corpus.kernels import kernel
from prep.stages.extract.features.vocabulary_kernels import CLASS_GROUPS
from prep.stages.extract.html.block_kernels import Blocks
from prep.stages.extract.html.element_kernels import inside
from prep.stages.extract.html.nesting_kernels import Elements, Integers

_COMMENT: Final = np.uint64(1 << list(CLASS_GROUPS).index("comment"))
_FORUM: Final = np.uint64(1 << list(CLASS_GROUPS).index("forum"))
_FORM: Final = inside("form button label")
_MOST: Final = 0.8
"""Share of a page's words up to which a part of it is a section of comments."""
_FORUM_SHARE: Final = 0.4
"""Share of a page's words in elements of a forum from which it is one."""
_FEWEST_WORDS: Final = 3

Booleans = npt.NDArray[np.bool_]


@kernel
def comment_blocks(elements: Elements, blocks: Blocks, words: Integers) -> Booleans:
    """Return which blocks stand in a section of comments."""
    count = len(blocks.start)
    before = np.zeros(count + 1, np.int64)
    for block in range(count):
        before[block + 1] = before[block] + words[block]
    in_comments, in_forum = np.zeros(len(elements.kind), np.bool_), np.zeros(len(elements.kind), np.bool_)
    for element in range(1, len(elements.kind)):
        parent = elements.parent[element]
        groups = elements.groups[element]
        size = before[blocks.begun[elements.last[element]]] - before[blocks.begun[elements.first[element]]]
        in_comments[element] = in_comments[parent] or (groups & _COMMENT != 0 and size <= _MOST * before[count])
        in_forum[element] = in_forum[parent] or groups & _FORUM != 0
    found = np.zeros(count, np.bool_)
    of_forum, of_comments = 0, 0
    for block in range(count):
        element = blocks.element[block]
        found[block] = in_comments[element]
        of_forum += words[block] if in_forum[element] else 0
        of_comments += words[block] if in_comments[element] else 0
    if of_forum > _FORUM_SHARE * before[count] or of_comments > _MOST * before[count]:
        found[:] = False
    return found


@kernel
def comments_alone(elements: Elements, blocks: Blocks, words: Integers, comments: Booleans) -> Booleans:
    """Return which blocks to keep where only comments are: those that say something, without the form for new ones."""
    kept = comments.copy()
    for block in range(len(kept)):
        kept[block] &= words[block] >= _FEWEST_WORDS and elements.inside[blocks.element[block]] & _FORM == 0
    return kept
