"""How far totals that are predicted from a sample can be trusted: the bootstrap of clusters within strata.

What the tasks of a stratum gave is y, the bytes that they read x. The stratum's total is predicted by the ratio
estimator X · Σy / Σx, X being all of its bytes (Cochran 1977, chapter 6), and the input's total is the sum over strata.
To see what other samples would have given, tasks are drawn again with replacement within each stratum, one fewer than
there are, and weighted by n / (n − 1) · (how often each was drawn): the rescaled bootstrap (Rao & Wu 1988, "Resampling
inference with complex survey data", JASA 83:231), whose variance is unbiased for totals however few tasks a stratum
has, and holds for ratios and products as well. Tasks are random groups of clusters, so likeness within a cluster is
accounted for. The interval is Student's t at the degrees of freedom of the groups, narrowed by the share of the input
that was seen (the finite population correction): nothing is left to chance where all of it was.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.stats import t

Floats = npt.NDArray[np.float64]

LEVEL = 0.95
"""The probability with which an interval is to hold the true figure."""
REPLICATES = 400


class Range(NamedTuple):
    """A prediction and its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Design:
    """How tasks stand for the input, and draws of them."""

    strata: npt.NDArray[np.int64]
    """The stratum of each task (tasks)."""
    bytes: Floats
    """What each task read (tasks)."""
    sizes: Floats
    """All bytes of each stratum (strata)."""
    weights: Floats
    """How often each task counts, first once each, then by draw (1 + REPLICATES, tasks)."""
    share: float
    """How much of the input was seen."""

    @property
    def freedom(self) -> int:
        """Degrees of freedom: tasks without those that only carry a stratum's mean."""
        return max(1, len(self.strata) - len(np.unique(self.strata)))

    def totals(self, values: Floats) -> Floats:
        """Predict the input's total of what each task gave (tasks), by draw (1 + REPLICATES)."""
        if self.share >= 1:
            return np.full(len(self.weights), values.sum())
        found = np.zeros(len(self.weights))
        for stratum, size in enumerate(self.sizes):
            inside = self.strata == stratum
            seen = self.weights[:, inside] @ self.bytes[inside]
            gave = self.weights[:, inside] @ values[inside]
            found += size * np.divide(gave, seen, out=np.zeros_like(seen), where=seen > 0)
        return found

    def range(self, draws: Floats) -> Range:
        """Return the interval of a figure given by draw (1 + REPLICATES), the first of which is the prediction."""
        return interval(draws, self.freedom, self.share)


def interval(draws: Floats, freedom: int, share: float) -> Range:
    """Return a figure, which comes first, and the interval that its other draws give; no figure here is below 0."""
    value = float(draws[0])
    spread = float(np.sqrt(np.mean((draws[1:] - value) ** 2))) if len(draws) > 1 else 0.0
    half = float(t.ppf((1 + LEVEL) / 2, freedom)) * spread * np.sqrt(max(0.0, 1 - share))
    return Range(value, max(0.0, value - half), value + half)


def design(strata: npt.NDArray[np.int64], seen: Floats, sizes: Floats, share: float, seed: int) -> Design:
    """Return a design with its draws. A stratum of one task cannot show how much it varies: it counts once always."""
    random = np.random.default_rng(seed)
    weights = np.ones((1 + REPLICATES, len(strata)))
    for stratum in np.unique(strata):
        inside = np.flatnonzero(strata == stratum)
        if len(inside) > 1:
            weights[1:, inside] = resampled(len(inside), random)
    return Design(strata, seen, sizes, weights, share)


def resampled(count: int, random: np.random.Generator) -> Floats:
    """Return how often each of so many tasks of a stratum, two or more, counts (REPLICATES, tasks)."""
    return random.multinomial(count - 1, np.full(count, 1 / count), REPLICATES) * count / (count - 1)
