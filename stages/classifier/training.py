"""Training a fastText classifier (Joulin et al. 2016, "Bag of Tricks for Efficient Text Classification"), and its test.

fastText trains in one thread from a fixed seed, over texts in the order of their hashes: the same texts and settings
give the same bytes. How often it reads the texts, and how fast it learns, follow their number unless they are given:
with its own settings it learns nothing from a few thousand texts. What it has learnt is judged by our own kernels, on
texts that it has not seen; a model that gives all of them one label is refused.
"""

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import Field, StringConstraints

from prep.corpus.errors import RunError
from prep.corpus.files.storage import join, sha256, write_bytes, write_json
from prep.stages.classifier.examples import Examples, Split, split
from prep.stages.settings import Settings
from prep.stages.shared.fasttext.classifier import TextClassifier
from prep.stages.shared.fasttext.file_format import LABEL, read_classifier

MODEL, CARD = "model.bin", "card.json"
BINS = 20
"""Bins of the score distribution, from 0 to 1."""
THRESHOLDS = tuple(round(0.1 * step, 1) for step in range(1, 10))

_NOT_TEXT = re.compile(rf"(?<!\S)(?:{LABEL}\S*|</s>)")
"""Words that fastText takes for labels or for the end of the text."""

Label = Annotated[str, StringConstraints(pattern=r"^[\w-]+$")]
Scores = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]


class ClassifierSettings(Settings):
    """What `prep classifier train` reads from its YAML file."""

    output: str = Field(min_length=1)
    """Folder for the model and its card."""
    examples: dict[Label, Examples] = Field(min_length=2)
    """Texts by label, such as `positive` and `negative`."""
    held_out: float = Field(0.1, gt=0, lt=1)
    """Share of the texts to test on."""
    dim: int = Field(64, ge=1, le=1024)
    """Dimensions of a word's vector."""
    epochs: int | None = Field(None, ge=1)
    """How often each text is read; left out, so often that 50,000 texts are read in all, 5 to 100 times."""
    learning_rate: float | None = Field(None, gt=0)
    """At the beginning; it falls to zero. Left out, 0.5 with fewer than 10,000 texts, else 0.1."""
    word_ngrams: int = Field(2, ge=1, le=10)
    """Words of the longest sequence that counts."""
    character_ngrams: tuple[int, int] = (0, 0)
    """Characters of the shortest and the longest piece of a word that counts; zeros: none."""
    buckets: int = Field(1 << 18, ge=1)
    """Vectors shared by all sequences and pieces, by their hash."""
    min_count: int | None = Field(None, ge=1)
    """Words that come less often have no vector; left out, 1 with fewer than 10,000 texts, else 5."""
    seed: int = Field(1, ge=0)
    """Decides the first vectors."""


READ_IN_ALL, FEWEST_EPOCHS, MOST_EPOCHS, FEW_TEXTS = 50_000, 5, 100, 10_000


def scheduled(settings: ClassifierSettings, texts: int) -> ClassifierSettings:
    """Return the settings with what was left out chosen for a number of texts to train on."""
    few = texts < FEW_TEXTS
    chosen = {
        "epochs": min(max(-(-READ_IN_ALL // max(texts, 1)), FEWEST_EPOCHS), MOST_EPOCHS),
        "learning_rate": 0.5 if few else 0.1,
        "min_count": 1 if few else 5,
    }
    return settings.model_copy(
        update={name: value for name, value in chosen.items() if getattr(settings, name) is None}
    )


def train(settings: ClassifierSettings) -> dict[str, object]:
    """Train a classifier, test it on the texts held out, write model and card, and return the card.

    Raises ConfigurationError where a label has too few texts, and RunError where the model gives one label to all.
    """
    data = split(settings.examples, settings.held_out)
    settings = scheduled(settings, len(data.train))
    model = join(settings.output, MODEL)
    with tempfile.TemporaryDirectory() as folder:
        lines = Path(folder, "train.txt")
        _write_lines(lines, data)
        digest = sha256(str(lines))
        content = _trained(lines, settings)
        trained = read_classifier(str(lines.with_name(MODEL)))
    classifier = TextClassifier(trained)
    order = [classifier.labels.index(label) for label in data.labels]
    scores = np.nan_to_num(classifier.probabilities(data.held_out))[:, order]
    _refuse_constant(data, scores, settings)
    write_bytes(model, content)
    card: dict[str, object] = {
        "model": {"file": MODEL, "sha256": sha256(model), "words": len(trained.words)},
        "settings": settings.model_dump(mode="json", exclude={"output"}),
        "training_lines_sha256": digest,
        "training_texts": _counts(data.labels, data.train_labels),
        "held_out_texts": _counts(data.labels, data.held_out_labels),
        **evaluate(data.labels, data.held_out_labels, scores),
    }
    write_json(join(settings.output, CARD), card)
    return card


def _refuse_constant(data: Split, scores: Scores, settings: ClassifierSettings) -> None:
    found = np.unique(scores.argmax(axis=1))
    if len(found) == 1 and len(np.unique(data.held_out_labels)) > 1:
        raise RunError(
            f"the model gives each of {len(scores):,} texts held out the label '{data.labels[found[0]]}': it has "
            f"learnt nothing from {len(data.train):,} texts read {settings.epochs} times at rate "
            f"{settings.learning_rate}; give more texts, or more epochs, or labels that texts tell apart"
        )


def _write_lines(path: Path, data: Split) -> None:
    with path.open("w", encoding="utf-8") as lines:
        for label, text in zip(data.train_labels.tolist(), data.train, strict=True):
            words = _NOT_TEXT.sub("", text.as_py()).replace("\n", " ")
            lines.write(f"{LABEL}{data.labels[label]} {words}\n")


def _trained(lines: Path, settings: ClassifierSettings) -> bytes:
    try:
        import fasttext
    except ImportError as error:
        raise RunError(
            "training a classifier needs the package fasttext-wheel, which has wheels for Python 3.11 and 3.12 alone; "
            "hint: train with one of these; a model that is trained is applied by every Python"
        ) from error
    shortest, longest = settings.character_ngrams
    model = fasttext.train_supervised(
        str(lines),
        dim=settings.dim,
        epoch=settings.epochs,
        lr=settings.learning_rate,
        wordNgrams=settings.word_ngrams,
        minn=shortest,
        maxn=longest,
        bucket=settings.buckets,
        minCount=settings.min_count,
        seed=settings.seed,
        thread=1,
        verbose=0,
    )
    path = lines.with_name(MODEL)
    model.save_model(str(path))
    return path.read_bytes()


def _counts(labels: tuple[str, ...], of_text: Labels) -> dict[str, int]:
    return {label: int((of_text == index).sum()) for index, label in enumerate(labels)}


def evaluate(labels: tuple[str, ...], truth: Labels, scores: Scores) -> Mapping[str, object]:
    """Return how well scores (texts, labels) tell the labels: accuracy, and for each label what follows.

    Beside the accuracy, that of always giving the most frequent label. For each label, precision and recall where the
    best label counts, and where scores from a threshold on count; the area under the ROC curve; how many texts of the
    label and of others have a score in each twentieth between 0 and 1; and the calibration error: the mean distance
    between a twentieth's mean score and the share of texts in it that have the label, weighted by its texts.
    """
    best = scores.argmax(axis=1)
    report = {}
    for index, label in enumerate(labels):
        own, score = truth == index, scores[:, index]
        report[label] = {
            **_precision_recall(own, best == index),
            "auc": area_under_curve(own, score),
            "calibration_error": _calibration_error(own, score),
            "at_threshold": {str(least): _precision_recall(own, score >= least) for least in THRESHOLDS},
            "scores": {"own": _histogram(score[own]), "others": _histogram(score[~own])},
        }
    majority = np.bincount(truth, minlength=len(labels)).max() if len(truth) else np.int64(0)
    return {
        "accuracy": _ratio((best == truth).sum(), len(truth)),
        "majority_baseline": _ratio(majority, len(truth)),
        "labels": report,
    }


def area_under_curve(own: npt.NDArray[np.bool_], score: Scores) -> float | None:
    """Return how often a text of the label has a higher score than another; equal scores count half."""
    positive, negative = int(own.sum()), int((~own).sum())
    if not positive or not negative:
        return None
    _, place, times = np.unique(score, return_inverse=True, return_counts=True)
    ranks = np.cumsum(times) - (times - 1) / 2
    above = ranks[place][own].sum() - positive * (positive + 1) / 2
    return round(float(above / (positive * negative)), 6)


def _calibration_error(own: npt.NDArray[np.bool_], score: Scores) -> float | None:
    bins = np.minimum(score * BINS, BINS - 1).astype(np.int64)
    distances = np.abs(np.bincount(bins, score, BINS) - np.bincount(bins, own, BINS))
    return round(float(distances.sum() / len(score)), 6) if len(score) else None


def _precision_recall(own: npt.NDArray[np.bool_], found: npt.NDArray[np.bool_]) -> dict[str, float | None]:
    right = (own & found).sum()
    return {"precision": _ratio(right, found.sum()), "recall": _ratio(right, own.sum())}


def _ratio(part: np.integer, whole: np.integer | int) -> float | None:
    return round(int(part) / int(whole), 6) if whole else None


def _histogram(scores: Scores) -> list[int]:
    bins = np.minimum(scores * BINS, BINS - 1).astype(np.int64)
    return [int(count) for count in np.bincount(bins, minlength=BINS)]
