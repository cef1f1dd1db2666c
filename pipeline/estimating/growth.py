"""How much a larger corpus repeats of itself, from how much a part of it does and a part of that part.

Of N documents D are different. As the sample grows, N grows with it and D more slowly. That each content turns up at a
rate of its own, and these rates are distributed as a gamma distribution, gives (Fisher, Corbet & Williams 1943, "The
relation between the number of species and the number of individuals", J. Animal Ecology 12:42; with a shape below 0:
Engen 1974, Biometrika 61:263)

    D(t) / (N t) = (1 − (1 + g t)^−a) / (a g t)

at t times the sample. Large a: everything is repeated equally often, and the share lost grows with t; a near 0: a few
contents fill much of the corpus; a towards −1: new contents go on turning up by a power of t (Heaps). The two nested
samples t = 1/2 and t = 1 fix a and g. Losses of the half are those expected where each document is kept with
probability 1/2, from the sizes of the clusters found. How far this reaches is limited: beyond log N times the sample
nothing general can be said (Orlitsky, Suresh & Wu 2016, "Optimal prediction of the number of unseen species", PNAS
113:13283), so a sample in which copies stay together (`prep.pipeline.estimating.keyed`) is preferred where it can be
had.
"""

from collections.abc import Sequence
from math import expm1, log1p

LEAST_SHAPE, MOST_SHAPE = -0.95, 64.0
HALVINGS = 80
LARGEST = 1e9


Clusters = Sequence[tuple[float, float]]
"""Sizes of clusters, and how many there are of each."""


def lost_of(clusters: Clusters, rate: float) -> float:
    """Return how many documents of clusters are lost, on average, where each document is there at a rate.

    Of each cluster that is there at all, one document is kept.
    """
    return sum((count * (size * rate - (1 - pow(1 - rate, size))) for size, count in clusters), start=0.0)


def different(shape: float, scale: float, times: float) -> float:
    """Return the share of the documents that are different, D(t) / (N t)."""
    grown = scale * times
    if abs(shape) < 1e-9:
        return log1p(grown) / grown
    return -expm1(-shape * log1p(grown)) / (shape * grown)


def share_lost(documents: float, clusters: Clusters, times: float) -> float:
    """Predict the share of the documents that is lost in `times` as many, from the clusters of a sample."""
    lost, half = lost_of(clusters, 1.0), lost_of(clusters, 0.5)
    if documents <= 0 or lost <= 0:
        return 0.0
    whole, thinned = 1 - lost / documents, 1 - half / (documents / 2)
    low, high = LEAST_SHAPE, MOST_SHAPE
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if different(middle, _scale(middle, whole), 0.5) < thinned:
            low = middle
        else:
            high = middle
    return 1 - different(low, _scale(low, whole), times)


def _scale(shape: float, share: float) -> float:
    """Return g for which so large a share of the sample is different."""
    low, high = 1e-12, LARGEST
    for _ in range(HALVINGS):
        middle = (low * high) ** 0.5
        if different(shape, middle, 1.0) > share:
            low = middle
        else:
            high = middle
    return low
