"""What a held-out set costs, by the shares of the sources: fitted on the mixtures that were tried.

Log-linear in powers of the shares:

    loss(w) = c + exp(a + t · w^p)    w: shares, which sum to 1

With p = 1 it is the law of Ye et al. 2024 (Data Mixing Laws, arXiv 2403.16952). Of a source that is unlike the others
the first documents teach by far the most, which a smaller p says (losses are a power of a source's share in BiMix, Ge
et al. 2024, arXiv 2405.14908): code's loss beside three sources of prose was predicted with half of the error.

For a given c and p the logarithm is linear in w^p, and t is found by least squares, held back a little (ridge). c and p
are those of a grid with the smallest error where each mixture is predicted from the others, which needs no refit: with
the hat matrix H the error of leaving out i is r[i] / (1 - H[i, i]) (Allen 1974, PRESS). Boosted trees (RegMix, arXiv
2407.01492) are taken instead where LightGBM is there and they err clearly less, mixture by mixture left out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Predict = Callable[[Floats], Floats]
"""From shares (mixtures, sources) to losses (mixtures)."""

OFFSETS = np.array([0, 0.2, 0.4, 0.6, 0.7, 0.8, 0.85, 0.9, 0.94, 0.97])
"""Parts of the lowest loss that are tried as c."""
POWERS = (1.0, 0.75, 0.5, 0.35, 0.25)
"""What is tried as p."""
RIDGE = 1e-4
CLEARLY = 0.8
"""Trees are taken where their error is less than this part of the law's."""
_TREES = {
    "objective": "l2",
    "num_leaves": 4,
    "min_data_in_leaf": 2,
    "min_data_in_bin": 1,
    "learning_rate": 0.05,
    "verbose": -1,
    "deterministic": True,
    "num_threads": 1,
    "seed": 0,
}
_ROUNDS = 200

Kind = Literal["log_linear", "boosted"]


@dataclass(frozen=True)
class Law:
    """How the loss on a set follows from the shares."""

    kind: Kind
    predict: Predict
    left_out: Floats
    """(mixtures) What each is predicted to cost by the others."""

    def error(self, losses: Floats) -> float:
        """Return the root mean square error of predictions of mixtures left out."""
        return float(np.sqrt(np.mean((self.left_out - losses) ** 2)))


def fit_law(shares: Floats, losses: Floats) -> Law:
    """Fit a law to mixtures (mixtures, sources) and what each cost (mixtures), at least one more than sources."""
    tried = (_fitted(shares, losses, part * losses.min(), power) for power in POWERS for part in OFFSETS)
    return min(tried, key=lambda law: law.error(losses))


def _fitted(shares: Floats, losses: Floats, offset: float, power: float) -> Law:
    def terms(mixtures: Floats) -> Floats:
        return np.hstack([mixtures**power, np.ones((len(mixtures), 1))])

    logarithms, known = np.log(losses - offset), terms(shares)
    centre = logarithms.mean()  # the ridge draws to it, not to nothing
    inverse = np.linalg.inv(known.T @ known + RIDGE * len(losses) * np.eye(known.shape[1]))
    slopes = inverse @ known.T @ (logarithms - centre)
    leverage = np.einsum("ij,jk,ik->i", known, inverse, known)
    residuals = (logarithms - centre - known @ slopes) / np.maximum(1 - leverage, 1e-6)
    left_out = offset + np.exp(logarithms - residuals)
    return Law("log_linear", lambda wanted: offset + np.exp(centre + terms(wanted) @ slopes), left_out)


def fit_trees(shares: Floats, losses: Floats) -> Law | None:
    """Fit boosted trees to the same; None without LightGBM, and where there are too few mixtures to split."""
    if find_spec("lightgbm") is None or len(losses) < 12:
        return None
    import lightgbm

    def fit(rows: npt.NDArray[np.int64]) -> Predict:
        data = lightgbm.Dataset(shares[rows], np.log(losses[rows]), params={"verbose": -1})
        model = lightgbm.train(_TREES, data, _ROUNDS)
        return lambda wanted: np.exp(model.predict(wanted))

    every = np.arange(len(losses))
    left_out = np.array([fit(np.delete(every, at))(shares[at : at + 1])[0] for at in every])
    return Law("boosted", fit(every), left_out)


def choose_kind(shares: Floats, losses: Floats) -> Kind:
    """Return what predicts mixtures left out better over all sets, given losses (sets, mixtures)."""
    trees = [fit_trees(shares, each) for each in losses]
    if any(law is None for law in trees):
        return "log_linear"
    laws = [fit_law(shares, each).error(each) / each.mean() for each in losses]
    boosted = [law.error(each) / each.mean() for law, each in zip(trees, losses, strict=True) if law is not None]
    return "boosted" if np.mean(boosted) < CLEARLY * np.mean(laws) else "log_linear"


def fit(kind: Kind, shares: Floats, losses: Floats) -> list[Law]:
    """Fit a law of a kind for each set, given losses (sets, mixtures)."""
    laws = [fit_trees(shares, each) if kind == "boosted" else fit_law(shares, each) for each in losses]
    return [law for law in laws if law is not None]
