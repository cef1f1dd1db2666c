"""Differences between corpora and their intervals over seeds.

What is compared is the logarithm of bits per byte, so that differences are relative; accuracies are compared as they
are. With shared seeds the design is a randomised block one (Fisher 1935, The Design of Experiments, chapter 4): a seed
is a block, its effect is taken out, and the noise is what is left:

    r = y[corpus, seed] - mean[corpus] - mean[seed] + mean      s² = Σ r² / ((C - 1)(n - 1))

With two corpora this is the paired t-test (Student 1908). Without shared seeds s² is pooled within the corpora, with
C(n - 1) degrees of freedom. The difference of two means has the standard error s √(2/n), and its interval is that times
the quantile of Student's t at 1 - α / 2m: α is what all m differences of a comparison together may err in
(Bonferroni), so that of two corpora that are alike no set is called better in more than a share α of all comparisons.
On seeds as the source of noise in comparisons: Bouthillier et al. 2021 (arXiv 2103.03098), Madaan et al. 2024 (arXiv
2406.10229).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import t

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

MOST_SEEDS = 1000
"""The most that are looked for."""


@dataclass(frozen=True)
class Difference:
    """How a corpus differs from the first, in the unit of what was compared."""

    mean: float
    half_width: float | None
    """Of the interval around it; None with a single seed."""

    @property
    def clear(self) -> bool:
        """Say whether the interval leaves out zero."""
        return self.half_width is not None and abs(self.mean) > self.half_width


def noise(values: Floats, paired: bool) -> tuple[float, int]:
    """Return the standard deviation that seeds cause, and its degrees of freedom, of values (corpora, seeds)."""
    corpora, seeds = values.shape
    residuals = values - values.mean(1, keepdims=True)
    freedom = corpora * (seeds - 1)
    if paired:
        residuals = residuals - values.mean(0, keepdims=True) + values.mean()
        freedom = (corpora - 1) * (seeds - 1)
    return (float(np.sqrt((residuals**2).sum() / freedom)), freedom) if freedom else (float("nan"), 0)


def differences(values: Floats, paired: bool, confidence: float, comparisons: int) -> list[Difference]:
    """Return how each corpus after the first differs from it, of values (corpora, seeds), at least two corpora.

    `comparisons` is the number of differences that the confidence is to hold for together.
    """
    deviation, freedom = noise(values, paired)
    half = float(_half_width(deviation, freedom, values.shape[1], confidence, comparisons)) if freedom else None
    means = values.mean(1)
    return [Difference(float(mean - means[0]), half) for mean in means[1:]]


def seeds_needed(values: Floats, paired: bool, confidence: float, comparisons: int, wanted: float) -> int | None:
    """Return how many seeds would make the half-width as small as `wanted`: `MOST_SEEDS` and one where they are more.

    None where the noise is unknown.
    """
    corpora = values.shape[0]
    deviation, freedom = noise(values, paired)
    if not freedom:
        return None
    seeds = np.arange(2, MOST_SEEDS + 1)
    free = (corpora - 1 if paired else corpora) * (seeds - 1)
    enough = seeds[_half_width(deviation, free, seeds, confidence, comparisons) <= wanted]
    return int(enough[0]) if len(enough) else MOST_SEEDS + 1


def _half_width(
    deviation: float, freedom: int | Integers, seeds: int | Integers, confidence: float, comparisons: int
) -> Floats:
    quantile: Floats = t.ppf(1 - (1 - confidence) / (2 * comparisons), freedom)
    return quantile * deviation * np.sqrt(2 / np.asarray(seeds))
