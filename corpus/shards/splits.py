"""Which documents are for training, for validation and for the test.

A hash of a column's value and the seed decides for each document, so the choice depends neither on the order of the
documents nor on the others; documents with the same value are never in two splits.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]
"""A random value for each document, from a hash of a column and a seed."""

TRAIN, VALIDATION, TEST = SPLITS = ("train", "validation", "test")


class SplitRule(NamedTuple):
    """Which hashes are for which split."""

    validation: float
    """Share of all hashes, the lowest ones."""
    test: float
    """Share of all hashes, those that follow."""
    lowest: int
    highest: int
    """Of the hashes drawn. The lowest is for validation, the highest for training, so that neither is left empty."""

    @property
    def splits(self) -> tuple[str, ...]:
        """Return the splits there are; without a share there is no test."""
        return SPLITS if self.test else SPLITS[:2]

    def chosen(self, hashes: Hashes, split: str) -> npt.NDArray[np.bool_]:
        """Return which documents are for a split (documents)."""
        if not self.validation + self.test:
            return np.full(len(hashes), split == TRAIN)
        shares = hashes.astype(np.float64) * 2.0**-64
        drawn = np.searchsorted([self.validation, self.validation + self.test], shares, side="right")
        places = np.array([1, 2, 0])[drawn]
        if self.validation:
            places[hashes == self.lowest] = 1
        places[hashes == self.highest] = 0
        chosen: npt.NDArray[np.bool_] = places == SPLITS.index(split)
        return chosen


def make_split_rule(validation: float, test: float, hashes: Iterable[Hashes]) -> SplitRule:
    """Return the draw for documents with these hashes, given part by part."""
    lowest, highest = (1 << 64) - 1, 0
    for some in hashes:
        if len(some):
            lowest, highest = min(lowest, int(some.min())), max(highest, int(some.max()))
    return SplitRule(validation, test, lowest, highest)
