"""The mixture that costs least over the sets, as far as the laws know, and how sure that is.

What is minimised is the weighted mean over the sets of the logarithm of the loss, so that a per cent counts alike on
all. It is sought among random mixtures within the limits, then by moving shares from one source to another as long as
that helps, in ever smaller amounts. No source gets more than the largest share that was tried, since laws know nothing
beyond. Of boosted trees, which have no slopes, the mean of the hundred best is taken, as RegMix does.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from prep.pipeline.mixing.design import candidates, within
from prep.pipeline.mixing.law import Kind, Law, fit

Floats = npt.NDArray[np.float64]

CANDIDATES, BEST = 4000, 100
MOVES = (0.1, 0.05, 0.02, 0.01, 0.005, 0.002)


@dataclass(frozen=True)
class Objective:
    """What a mixture is to be good for."""

    weights: Floats
    """(sets) They sum to 1."""

    def value(self, laws: Sequence[Law], shares: Floats) -> Floats:
        """Return the weighted mean of the logarithms of the predicted losses (mixtures)."""
        return self.weights @ np.log([law.predict(shares) for law in laws])


@dataclass(frozen=True)
class Optimum:
    """The best mixture, and how sure it is."""

    shares: Floats
    low: Floats
    high: Floats
    """(sources) The 5th and 95th percentiles over designs drawn again."""
    gain: float
    """By how much it is predicted to cost less than the natural mixture, in per cent."""
    gain_low: float
    gain_high: float


def find_best(
    laws: Sequence[Law], objective: Objective, natural: Floats, limits: Floats, count: int = CANDIDATES
) -> Floats:
    """Return the shares (sources) that cost least within the limits."""
    offered = np.vstack([within(natural, limits), candidates(natural, limits, count, np.random.default_rng(0))])
    values = objective.value(laws, offered)
    if laws[0].kind == "boosted":
        return within(offered[np.argsort(values, kind="stable")[:BEST]].mean(0), limits)
    best, value = offered[values.argmin()], float(values.min())
    for amount in MOVES:
        while True:
            moved = _moves(best, amount, limits)
            if not len(moved):
                break
            costs = objective.value(laws, moved)
            if costs.min() >= value - 1e-12:
                break
            best, value = moved[costs.argmin()], float(costs.min())
    found: Floats = best
    return found


def _moves(shares: Floats, amount: float, limits: Floats) -> Floats:
    """Return the mixtures in which so much has gone from one source to another (mixtures, sources)."""
    found = []
    for giver in np.flatnonzero(shares >= amount):
        for taker in np.flatnonzero(shares + amount <= limits + 1e-12):
            if giver != taker:
                moved = shares.copy()
                moved[giver] -= amount
                moved[taker] += amount
                found.append(moved)
    return np.array(found).reshape(-1, len(shares))


def optimise(
    kind: Kind, shares: Floats, losses: Floats, objective: Objective, natural: Floats, limits: Floats, draws: int
) -> Optimum:
    """Return the best mixture by laws of the mixtures tried (mixtures, sources) and their losses (sets, mixtures).

    How sure it is: the mixtures are drawn again with repetition, and the log-linear law fitted anew (Efron 1979).
    """
    limits = np.minimum(limits, shares.max(0))
    start = within(natural, limits)
    laws = fit(kind, shares, losses)
    best = find_best(laws, objective, natural, limits)
    random, found, gains = np.random.default_rng(1), [best], [_gain(laws, objective, best, start)]
    for _ in range(draws):
        rows = random.integers(0, len(shares), len(shares))
        if len(np.unique(rows)) <= shares.shape[1]:
            continue
        again = fit("log_linear", shares[rows], losses[:, rows])
        found.append(find_best(again, objective, natural, limits, 300))
        gains.append(_gain(again, objective, best, start))
    low, high = np.percentile(np.array(found), [5, 95], axis=0)
    gain_low, gain_high = np.percentile(gains, [5, 95])
    return Optimum(best, low, high, gains[0], float(gain_low), float(gain_high))


def _gain(laws: Sequence[Law], objective: Objective, best: Floats, start: Floats) -> float:
    first, second = objective.value(laws, np.vstack([start, best]))
    return float(-100 * np.expm1(second - first))
