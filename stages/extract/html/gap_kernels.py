"""What stands between two stretches of text: how tags, and elements that follow each other, set them apart.

A gap is `NO_BREAK`, a number of `LINE_BREAK`s, `LINE_START` or at least `BLOCK_BREAK`, and `SEAM` or `APART` beside it.
"""

from typing import Final

import numpy as np

from prep.corpus.kernels import leaf
from prep.stages.extract.html.element_kernels import HAS_SEAM, IS_APART, IS_BLOCK, IS_STRUCK, inside, number

NO_BREAK, LINE_BREAK, LINE_START, BLOCK_BREAK = 0, 1, 100, 1000
"""What stands between two stretches of text; line breaks add up. Preformatted text has a start of a line where other
text has a break between blocks."""
SEAM, APART = 1 << 20, 1 << 21
"""Added to a gap: two inline elements of a kind meet in it; something that is no text stands in it."""

_CODE: Final = inside("pre code")
_BR, _TD, _TH, _PRE_NAME, _CODE_NAME = (number(name) for name in ("br", "td", "th", "pre", "code"))


@leaf
def widened(gap: int, kind: int, preformatted: bool) -> int:
    """Return what stands between two stretches after a tag, start or end, of this kind of element."""
    breaks = gap % SEAM
    if kind == _BR:
        return gap + LINE_BREAK if breaks % LINE_START < LINE_START - 1 else gap
    if IS_APART[kind]:
        return gap | APART
    if not IS_BLOCK[kind]:
        return gap
    if not preformatted:
        return max(breaks, BLOCK_BREAK)
    if kind in (_TD, _TH):
        return gap | APART
    return gap + LINE_START if breaks == 0 else gap


@leaf
def at_seam(gap: int, ended: int, kind: int, parent: int, around: np.uint64) -> int:
    """Return what stands between two stretches where an element follows another without text between them."""
    if around & _CODE == 0:
        if HAS_SEAM[ended] and HAS_SEAM[kind]:
            return gap | SEAM
        return gap | APART if IS_STRUCK[ended] and not IS_BLOCK[kind] else gap
    return at_line(gap) if ended == _CODE_NAME and kind == _CODE_NAME and parent == _PRE_NAME else gap


@leaf
def at_line(gap: int) -> int:
    """Return what stands between two stretches of preformatted text where a line begins."""
    return gap + LINE_START if gap % SEAM == 0 else gap
