"""Evaluates boosted decision trees (Friedman 2001) that were exported to flat arrays.

All trees stand in one list of nodes. A node sends a row to its left child where the feature is at most the threshold,
else to the child after it; a leaf is its own left child. So every row takes as many steps in a tree as the tree is
deep, without a branch that the processor must guess, and the steps of many rows run side by side: a leaf's infinite
threshold holds a row where it is. Cost: about 1 ns per row, tree and level.
"""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from prep.corpus.kernels import kernel

Features = npt.NDArray[np.float32]

_ROWS: Final = 64
"""Rows that go through a tree side by side."""


class Trees(NamedTuple):
    """A sum of trees over rows of features."""

    root: npt.NDArray[np.uint32]
    """First node of each tree; one entry per tree."""
    depth: npt.NDArray[np.uint8]
    """Steps from a tree's root to its farthest leaf; one entry per tree."""
    feature: npt.NDArray[np.uint16]
    """Column that a node looks at; one entry per node, as in the following."""
    threshold: Features
    left: npt.NDArray[np.uint32]
    value: Features
    """What a leaf adds to the sum."""


@kernel
def probabilities(trees: Trees, features: Features) -> npt.NDArray[np.float64]:
    """Return the probability of each row (rows × features, float32): the logistic function of the trees' sum."""
    count, width = len(features), np.uint64(features.shape[1])
    values = features.reshape(features.size)
    total = np.zeros(count, np.float64)
    nodes = np.empty(_ROWS, np.uint64)  # unsigned, so that no index is checked for being negative
    for first in range(0, count, _ROWS):
        rows = min(_ROWS, count - first)
        for tree in range(len(trees.root)):
            nodes[:] = trees.root[tree]
            for _ in range(trees.depth[tree]):
                begin = np.uint64(first) * width
                for row in range(rows):
                    node = nodes[row]
                    right = values[begin + np.uint64(trees.feature[node])] > trees.threshold[node]
                    nodes[row] = np.uint64(trees.left[node]) + np.uint64(right)
                    begin += width
            for row in range(rows):
                total[first + row] += trees.value[nodes[row]]
    return 1 / (1 + np.exp(-total))
