"""Evaluates boosted decision trees (Friedman 2001) that were exported to flat arrays.

All trees stand in one list of nodes. A node sends a row to its left child where the feature is at most the threshold,
else to the child after it; a leaf is its own left child. So every row takes as many steps in a tree as the tree is
deep, without a branch that the processor must guess: a leaf's infinite threshold holds a row where it is.

A node is packed into 64 bits: column (16), left child counted from the tree's root (16), threshold (32). Thresholds
and features are compared as integers that are in the same order as the floats: a step is two loads. Eight rows walk
side by side and their nodes stay in registers, so that none waits for the memory of another. Cost: about 0.6 ns per
row, tree and level.
"""

from dataclasses import dataclass, fields
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from prep.corpus.kernels import kernel, leaf

Features = npt.NDArray[np.float32]

_ROWS: Final = 8
"""Rows that go through a tree side by side."""
_COLUMN: Final = np.uint64(48)
_LEFT: Final = np.uint64(32)
_LEFT_MASK: Final = np.uint64(0xFFFF)
_SIGN: Final = np.uint32(31)
_POSITIVE: Final = np.uint32(0x80000000)


class PackedTrees(NamedTuple):
    """Trees as the kernel walks them."""

    root: npt.NDArray[np.uint32]
    depth: npt.NDArray[np.uint8]
    node: npt.NDArray[np.uint64]
    value: Features


@dataclass(frozen=True, eq=False)
class Trees:
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

    def arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """Return the arrays by name, in the order in which `Trees` takes them."""
        return {name: getattr(self, name) for name in ARRAYS}

    @cached_property
    def packed(self) -> PackedTrees:
        """Return the trees as the kernel walks them. Raises ValueError where a tree has more than 65,536 nodes."""
        roots = self.root.astype(np.int64)
        left = self.left - np.repeat(roots, np.diff(roots, append=len(self.left)))
        if (left < 0).any() or (left > _LEFT_MASK).any():
            raise ValueError("a node's left child lies outside its tree, or more than 65,535 nodes from the root")
        bits = (self.threshold + np.float32(0)).view(np.uint32)  # +0, since −0 would be less
        threshold = np.where(bits >> _SIGN, ~bits, bits | _POSITIVE).astype(np.uint64)
        node = self.feature.astype(np.uint64) << _COLUMN | left.astype(np.uint64) << _LEFT | threshold
        return PackedTrees(self.root, self.depth, node, self.value)


ARRAYS: Final = tuple(field.name for field in fields(Trees))
"""Names of the arrays of `Trees`."""


def probabilities(trees: Trees, features: Features) -> npt.NDArray[np.float64]:
    """Return the probability of each row (rows × features, float32, none NaN): the logistic function of the sum."""
    return _probabilities(trees.packed, features)


@kernel
def _probabilities(trees: PackedTrees, features: Features) -> npt.NDArray[np.float64]:
    count, width = features.shape
    bits = features.reshape(features.size).view(np.uint32)
    total = np.zeros(count + _ROWS, np.float64)
    ordered = np.zeros(_ROWS * width, np.uint32)
    for first in range(0, count, _ROWS):
        rows = bits[first * width : (first + _ROWS) * width]
        for at in range(len(rows)):
            ordered[at] = _ordered(rows[at])
        _add_sums(trees, ordered, np.uint64(width), total[first : first + _ROWS])
    return 1 / (1 + np.exp(-total[:count]))


@leaf
def _add_sums(
    trees: PackedTrees, values: npt.NDArray[np.uint32], width: np.uint64, total: npt.NDArray[np.float64]
) -> None:
    """Add the trees' sums over eight rows; the rows are written out, since an array of nodes would be memory."""
    r1, r2, r3, r4 = width, np.uint64(2) * width, np.uint64(3) * width, np.uint64(4) * width
    r5, r6, r7 = np.uint64(5) * width, np.uint64(6) * width, np.uint64(7) * width
    for tree in range(len(trees.root)):
        root = np.uint64(trees.root[tree])
        n0 = n1 = n2 = n3 = n4 = n5 = n6 = n7 = root
        for _ in range(trees.depth[tree]):
            n0 = root + _child(trees.node[n0], values, np.uint64(0))
            n1 = root + _child(trees.node[n1], values, r1)
            n2 = root + _child(trees.node[n2], values, r2)
            n3 = root + _child(trees.node[n3], values, r3)
            n4 = root + _child(trees.node[n4], values, r4)
            n5 = root + _child(trees.node[n5], values, r5)
            n6 = root + _child(trees.node[n6], values, r6)
            n7 = root + _child(trees.node[n7], values, r7)
        for row, node in enumerate((n0, n1, n2, n3, n4, n5, n6, n7)):
            total[row] += trees.value[node]


@leaf
def _child(node: np.uint64, values: npt.NDArray[np.uint32], row: np.uint64) -> np.uint64:
    """Return a node's child for a row, counted from the tree's root; `row` is where its values begin."""
    right = values[row + (node >> _COLUMN)] > np.uint32(node)
    return (node >> _LEFT & _LEFT_MASK) + np.uint64(right)


@leaf
def _ordered(bits: np.uint32) -> np.uint32:
    """Return a float32's bits as an integer that is in the order of the floats."""
    negative = np.uint32(-np.int32(bits >> _SIGN))  # all bits where it is
    return bits ^ (negative | _POSITIVE)
