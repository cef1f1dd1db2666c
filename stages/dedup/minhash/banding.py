"""Bands and rows: how likely two documents of a given similarity become candidates.

With b bands of r rows, documents of Jaccard similarity s agree in all rows of a band with probability s^r, and in any
band with probability 1 − (1 − s^r)^b: an S-curve (Leskovec et al., "Mining of Massive Datasets", section 3.4).
"""

from functools import cache
from typing import NamedTuple


class Banding(NamedTuple):
    """How a signature is cut: `bands` pieces of `rows` values."""

    bands: int
    rows: int

    @property
    def functions(self) -> int:
        """Hash functions in all."""
        return self.bands * self.rows

    def match_probability(self, similarity: float) -> float:
        """Return how likely two documents of a Jaccard similarity agree in a band."""
        return float(1 - (1 - similarity**self.rows) ** self.bands)

    def half_way(self) -> float:
        """Return the similarity at which one pair in two agrees in a band."""
        return float((1 - 0.5 ** (1 / self.bands)) ** (1 / self.rows))


@cache
def solve(threshold: float, hashes: int) -> Banding | None:
    """Return the banding of at most so many hash functions that separates best at a similarity; None without one.

    The best is that of datasketch: the least area of false positives below the threshold and false negatives above.
    """
    from datasketch import MinHashLSH  # takes half a second; only a threshold needs it

    try:
        index = MinHashLSH(threshold=threshold, num_perm=hashes)
    except ValueError:  # the best it finds is a single band
        return None
    return Banding(index.b, index.r)
