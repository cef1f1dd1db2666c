"""Which mixtures are tried: the natural one, the uniform one, and draws around the natural one that fill the space.

Shares come from Dirichlet distributions whose mean lies between the natural and the uniform proportions and whose
concentration differs from draw to draw, so that there are mixtures near and far (RegMix, Liu et al. 2024, arXiv
2407.01492; Olmix, Chen et al. 2026). Draws that break a limit are discarded; of many, those are taken one by one that
lie furthest from all taken before (Kennard & Stone 1969, Technometrics 11.1), so few runs see much of the space.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

CANDIDATES = 2000
LEAST, MOST = 1.0, 30.0
"""Concentrations, from mixtures that are nearly one source to such as are nearly natural."""

Shares = Mapping[str, float]


def uniform(limits: Floats) -> Floats:
    """Return equal shares, as far as the limits (sources) let them be."""
    return within(np.full(len(limits), 1 / len(limits)), limits)


def within(shares: Floats, limits: Floats) -> Floats:
    """Return shares (sources) that sum to 1 and respect the limits; what is over goes to the others in proportion."""
    found: Floats = shares / shares.sum()
    for _ in range(len(limits)):
        over = found > limits + 1e-12
        if not over.any():
            break
        found = np.where(over, limits, found)
        free = found < limits - 1e-12
        found[free] += (1 - found.sum()) * found[free] / max(found[free].sum(), 1e-12)
    return found


def candidates(natural: Floats, limits: Floats, count: int, random: np.random.Generator) -> Floats:
    """Return random mixtures within the limits: (at most count, sources)."""
    flat = np.sqrt(natural)
    centre = 0.5 * flat / flat.sum() + 0.5 / len(natural)
    strengths = np.exp(random.uniform(np.log(LEAST), np.log(MOST), count))
    drawn = np.array([random.dirichlet(strength * centre) for strength in strengths])
    kept: Floats = drawn[(drawn <= limits).all(1)]
    if len(kept) < count // 20:  # limits leave little: the others are moved to within them
        kept = np.array([within(row, limits) for row in drawn])
    return kept


def spread(taken: Floats, offered: Floats, count: int) -> Floats:
    """Return those `count` of the mixtures offered that lie furthest from those taken and from each other."""
    chosen: list[Floats] = []
    distances = np.linalg.norm(offered[:, None] - taken[None], axis=2).min(1)
    for _ in range(count):
        best = int(distances.argmax())
        chosen.append(offered[best])
        distances = np.minimum(distances, np.linalg.norm(offered - offered[best], axis=1))
    return np.array(chosen).reshape(count, taken.shape[1])


def design(natural: Floats, limits: Floats, earlier: Floats, count: int, least_new: int, seed: int) -> Floats:
    """Return the mixtures to try, those of an earlier design first: at least `count`, at least `least_new` of them new.

    All arrays are of shares by source, (sources) or (mixtures, sources).
    """
    random = np.random.default_rng(seed)
    basic = np.array([within(natural, limits), uniform(limits)])
    known = _distinct(np.vstack([earlier.reshape(-1, len(natural)), basic]))
    missing = max(count - len(known), least_new - (len(known) - len(earlier)))
    if missing <= 0:
        return known
    return np.vstack([known, spread(known, candidates(natural, limits, CANDIDATES, random), missing)])


def unseen(design_: Floats, natural: Floats, limits: Floats, count: int, seed: int) -> Floats:
    """Return mixtures drawn like the design's, but not among them (count, sources)."""
    random = np.random.default_rng((seed, 1))
    offered = candidates(natural, limits, CANDIDATES, random)
    distances = np.linalg.norm(offered[:, None] - design_[None], axis=2).min(1)
    return offered[np.flatnonzero(distances > 0.02)[:count]]


def earlier_mixtures(mixtures: Sequence[Shares], sources: Sequence[str]) -> Floats:
    """Return the mixtures of an earlier design of whose sources all are there still (mixtures, sources)."""
    kept = [
        [mixture.get(source, 0.0) for source in sources]
        for mixture in mixtures
        if all(source in sources or not share for source, share in mixture.items())
    ]
    return np.array(kept, np.float64).reshape(-1, len(sources))


def _distinct(mixtures: Floats) -> Floats:
    kept: list[int] = []
    for at, row in enumerate(mixtures):
        if all(np.abs(row - mixtures[other]).max() > 1e-6 for other in kept):
            kept.append(at)
    return mixtures[kept]
