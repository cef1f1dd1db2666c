"""Which blocks of a page to keep, given how probable it is that each is content.

The blocks are taken in the order of their probability, and the cut is where the expected word F1 of what is kept is
highest: with p the probability and w the words of a block, keeping a set S gives about
`2 Σ_S p w / (Σ_S w + Σ p w)`, the ratio of expectations (Lewis 1995; Ye et al. 2012, "Optimizing F-measure"). A page of
clear content gets a threshold near one half of that F1, a page of doubtful content a lower one. Cost: one sort.
"""

import numpy as np
import numpy.typing as npt

from prep.corpus.kernels import kernel
from prep.corpus.sorting_kernels import sorted_with_order
from prep.stages.extract.html.nesting_kernels import Integers


@kernel
def keep_blocks(probability: npt.NDArray[np.float64], words: Integers) -> npt.NDArray[np.bool_]:
    """Return which blocks to keep."""
    kept = np.zeros(len(words), np.bool_)
    _, order = sorted_with_order(~probability.view(np.uint64))  # floats that are not negative rise with their bits
    expected = 0.0
    for block in range(len(words)):
        expected += probability[block] * words[block]
    best, count = 0.0, 0
    taken, hit = 0.0, 0.0
    for place in range(len(words)):
        block = order[place]
        taken += words[block]
        hit += probability[block] * words[block]
        score = 2 * hit / max(1e-9, taken + expected)
        if score > best:
            best, count = score, place + 1
    kept[order[:count]] = True
    return kept
