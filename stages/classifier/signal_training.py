"""Training a classifier over stored signals, and its judgement by documents that it has not seen.

Logistic regression with an L2 penalty is fitted by Newton's method (Hastie et al. 2009, section 4.4.1) over features
brought to one scale; counts, whose values spread over orders of magnitude, by their logarithm. Trees are LightGBM's,
few and small. What the card says of either comes from folds: each document is judged by a model trained on the other
folds. A model whose area under the ROC curve is within two standard errors of chance is refused (Hanley and McNeil
1982). Cost: seconds for thousands of documents; the text is not read.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from prep.corpus.errors import ConfigurationError, RunError
from prep.corpus.files.storage import join, sha256, write_json
from prep.stages.classifier.signal_examples import Flags, LabelledSignals, SignalClassifierSettings, labelled_signals
from prep.stages.classifier.signal_model import (
    FILE,
    LogisticModel,
    Scale,
    SignalModel,
    TreeModel,
    Values,
    Weight,
    tree_features,
)
from prep.stages.classifier.training import CARD, area_under_curve, evaluate
from prep.stages.shared.trees.lightgbm_trees import export

if TYPE_CHECKING:
    from types import ModuleType

LABELS = ("negative", "positive")
DIGITS = 9
"""Significant digits of a weight: more differ between processors."""
TREES, LEAVES, RATE = 100, 8, 0.05
_STEPS = 50
_SKEWED = 20.0
"""A feature whose largest value is more than so many times its median is seen by its logarithm."""


def train_on_signals(settings: SignalClassifierSettings) -> dict[str, object]:
    """Train a classifier, judge it in folds, write model and card, and return the card.

    Raises ConfigurationError for documents or labels that cannot be used, and RunError where the signals do not tell
    the labels apart.
    """
    data = labelled_signals(settings)
    fold = folds(data.positive, data.groups, settings.folds)
    scores = np.empty(len(data.positive))
    areas: list[float] = []
    for number in range(settings.folds):
        out = fold == number
        scores[out] = fitted(settings, data, ~out).probabilities(data.values[:, out])
        areas.append(area_under_curve(data.positive[out], scores[out].astype(np.float32)) or 0.0)
    area = area_under_curve(data.positive, scores.astype(np.float32)) or 0.0
    error = standard_error(area, int(data.positive.sum()), int((~data.positive).sum()))
    if area - 2 * error <= 0.5:
        raise RunError(
            f"the signals do not tell these labels apart: the area under the ROC curve is {area:.3f} ± {2 * error:.3f} "
            f"on documents held out, where chance gives 0.5; give more labels, or other ones; no model is written"
        )
    model = SignalModel(data.features, ", ".join(settings.positive), fitted(settings, data, np.full(len(fold), True)))
    path = join(settings.output, FILE)
    write_json(path, model.as_json())
    both = np.stack([1 - scores, scores], axis=1).astype(np.float32)
    counts = {"negative": int((~data.positive).sum()), "positive": int(data.positive.sum())}
    card: dict[str, object] = {
        "model": {"file": FILE, "sha256": sha256(path), "kind": settings.kind, "features": len(data.features)},
        "settings": settings.model_dump(mode="json", exclude={"output"}),
        "training_texts": counts,
        "held_out_texts": counts,
        "documents_without_label": data.without_label,
        "documents_of_other_labels": data.other_label,
        "labels_without_document": data.unused_labels,
        "auc": area,
        "auc_standard_error": round(error, 6),
        "auc_of_folds": areas,
        **evaluate(LABELS, data.positive.astype(np.int64), both),
        "importance": importance(model, data),
    }
    write_json(join(settings.output, CARD), card)
    return card


def folds(positive: Flags, groups: npt.NDArray[np.uint64], count: int) -> npt.NDArray[np.int64]:
    """Return the fold of each document: groups in the order of their hashes, dealt out by what most of them are.

    Raises ConfigurationError where a fold lacks one of the labels.
    """
    names, group = np.unique(groups, return_inverse=True)
    mostly = np.bincount(group, positive, len(names)) * 2 > np.bincount(group, minlength=len(names))
    of_group = np.empty(len(names), np.int64)
    for side in (True, False):
        rows = np.flatnonzero(mostly == side)
        of_group[rows] = np.arange(len(rows)) % count
    found: npt.NDArray[np.int64] = of_group[group]
    for number in range(count):
        inside = positive[found == number]
        if not inside.any() or inside.all():
            message = f"fold {number + 1} of {count} holds documents of one label alone"
            raise ConfigurationError([f"{message}; set fewer folds, or another fold_by"])
    return found


def standard_error(area: float, positive: int, negative: int) -> float:
    """Return the standard error of an area under the ROC curve (Hanley and McNeil 1982)."""
    first, second = area / (2 - area), 2 * area**2 / (1 + area)
    variance = area * (1 - area) + (positive - 1) * (first - area**2) + (negative - 1) * (second - area**2)
    return float(np.sqrt(max(variance, 0.0) / (positive * negative)))


def fitted(settings: SignalClassifierSettings, data: LabelledSignals, rows: Flags) -> LogisticModel | TreeModel:
    """Train a model on some of the documents."""
    values, positive = data.values[:, rows], data.positive[rows]
    if settings.kind == "trees":
        return _trees(values, positive, settings.seed)
    return logistic(data.features, values, positive, settings.l2)


def logistic(features: tuple[str, ...], values: Values, positive: Flags, l2: float) -> LogisticModel:
    """Fit a logistic regression to values (features × documents), with the penalty `l2` / 2 · Σ weight²."""
    scales = [_scale(name, row) for name, row in zip(features, values, strict=True)]
    seen = np.vstack([np.ones(values.shape[1]), *(w.standard(row) for w, row in zip(scales, values, strict=True))])
    penalty = np.full(len(seen), l2)
    penalty[0] = 1e-9
    weights = np.zeros(len(seen))
    for _ in range(_STEPS):
        probability = 1 / (1 + np.exp(-np.clip(weights @ seen, -30, 30)))
        gradient = seen @ (probability - positive) + penalty * weights
        curvature = (seen * (probability * (1 - probability))) @ seen.T + np.diag(penalty)
        step = np.linalg.solve(curvature, gradient)
        weights -= step
        if np.abs(step).max() < 1e-10:
            break
    rounded = [float(f"{weight:.{DIGITS}g}") for weight in weights]
    named = zip(scales, rounded[1:], strict=True)
    return LogisticModel(rounded[0], tuple(Weight(w.feature, w.scale, w.mean, w.deviation, x) for w, x in named))


def _scale(name: str, values: Values) -> Weight:
    """Return how a feature is brought to mean 0 and deviation 1."""
    known = values[~np.isnan(values)]
    median = np.median(known) if len(known) else 0.0
    scale: Scale = "log" if len(known) and known.min() >= 0 and known.max() > _SKEWED * max(median, 1.0) else "plain"
    scaled = np.log1p(known) if scale == "log" else known
    mean, deviation = (float(scaled.mean()), float(scaled.std())) if len(known) else (0.0, 1.0)
    constant = deviation <= 1e-12 * max(1.0, abs(mean))
    numbers = [float(f"{number:.{DIGITS}g}") for number in (mean, 1.0 if constant else deviation)]
    return Weight(name, scale, numbers[0], numbers[1], 0.0)


def _trees(values: Values, positive: Flags, seed: int) -> TreeModel:
    library = _lightgbm()
    options = {
        "objective": "binary",
        "num_leaves": LEAVES,
        "learning_rate": RATE,
        "min_data_in_leaf": max(5, len(positive) // 50),
        "feature_fraction": 0.5,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "verbosity": -1,
    }
    data = library.Dataset(tree_features(values), positive.astype(np.int64), free_raw_data=True)
    return TreeModel(export(library.train(options, data, TREES)))


def _lightgbm() -> "ModuleType":
    try:
        import lightgbm
    except ImportError as error:
        raise RunError(
            "training trees needs the package lightgbm: pip install 'corpus-prep[trees]'; or set kind: logistic; "
            "a model that is trained is applied without it"
        ) from error
    module: ModuleType = lightgbm
    return module


def importance(model: SignalModel, data: LabelledSignals) -> list[Mapping[str, object]]:
    """Return what each feature does, the strongest first.

    Of a logistic model its weight, for a document one standard deviation above the mean; of trees, how much the area
    under the ROC curve of the training documents falls where the feature's values are dealt out anew.
    """
    if isinstance(model.model, LogisticModel):
        ordered = sorted(model.model.weights, key=lambda weight: (-abs(weight.weight), weight.feature))
        return [vars(weight) for weight in ordered]
    chance = np.random.default_rng(0)
    whole = area_under_curve(data.positive, model.model.probabilities(data.values).astype(np.float32)) or 0.0
    found = []
    for row, name in enumerate(data.features):
        values = data.values.copy()
        values[row] = chance.permutation(values[row])
        left = area_under_curve(data.positive, model.model.probabilities(values).astype(np.float32)) or 0.0
        found.append({"feature": name, "auc_lost": round(whole - left, 6)})
    return sorted(found, key=lambda item: (-float(str(item["auc_lost"])), str(item["feature"])))
