"""What decides the marks of quotations (`<q>`): depth, the language around them, visible text. Cost: linear."""

from typing import Final

import numpy as np
import numpy.typing as npt

from prep.corpus.arrow.columns import Bytes
from prep.corpus.kernels import kernel
from prep.stages.extract.html.attribute_kernels import attribute_range, tag_end
from prep.stages.extract.html.element_kernels import UNSEEN_BIT, name_hash, number
from prep.stages.extract.html.markup_kernels import Stretches
from prep.stages.extract.html.nesting_kernels import Elements, Integers

Positions = npt.NDArray[np.int64]

_Q: Final = number("q")
_LANG, _XML_LANG = name_hash(b"lang"), name_hash(b"xml:lang")
_SPACE: Final = 32


@kernel
def quotation_levels(page: Bytes, elements: Elements) -> tuple[Integers, Integers, Integers, Integers]:
    """Return per element how many quotations it stands in, where the language around it is named, and its content.

    The second and third are the range of the language in the page, (0, 0) where none is declared. An element's own
    `lang` is that of its content, not of the marks around it. The last is where the start tags of quotations end.
    """
    count = len(elements.kind)
    levels = np.zeros(count, np.int32)
    starts, ends = np.zeros(count, np.int32), np.zeros(count, np.int32)
    contents = np.zeros(count, np.int32)
    inner_starts, inner_ends = np.zeros(count, np.int32), np.zeros(count, np.int32)
    for element in range(1, count):
        parent = elements.parent[element]
        levels[element] = levels[parent] + (elements.kind[parent] == _Q)
        starts[element], ends[element] = inner_starts[parent], inner_ends[parent]
        start, end = attribute_range(page, elements.tag[element], _LANG)
        if start < 0:
            start, end = attribute_range(page, elements.tag[element], _XML_LANG)
        if start < 0:
            start, end = starts[element], ends[element]
        inner_starts[element], inner_ends[element] = start, end
        if elements.kind[element] == _Q:
            contents[element] = tag_end(page, elements.tag[element])
    return levels, starts, ends, contents


@kernel
def visible_text(
    page: Bytes, elements: Elements, stretches: Stretches
) -> tuple[Positions, Positions, Integers, Integers]:
    """Return where the visible text of each stretch begins and ends, and the stretches that have some.

    The third is the first such stretch from each on, the last is one past the last such stretch before each; both have
    an entry for the end.
    """
    count = len(stretches.start)
    starts, ends = stretches.start.copy(), stretches.end.copy()
    following, preceding = np.empty(count + 1, np.int32), np.zeros(count + 1, np.int32)
    following[count] = count
    for stretch in range(count):
        if elements.inside[stretches.element[stretch]] & UNSEEN_BIT != 0:
            ends[stretch] = starts[stretch]
        while starts[stretch] < ends[stretch] and page[starts[stretch]] <= _SPACE:
            starts[stretch] += 1
        while starts[stretch] < ends[stretch] and page[ends[stretch] - 1] <= _SPACE:
            ends[stretch] -= 1
        preceding[stretch + 1] = stretch + 1 if starts[stretch] < ends[stretch] else preceding[stretch]
    for stretch in range(count - 1, -1, -1):
        following[stretch] = stretch if starts[stretch] < ends[stretch] else following[stretch + 1]
    return starts, ends, following, preceding
