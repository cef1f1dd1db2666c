"""Training a fastText classifier (Joulin et al. 2016, "Bag of Tricks for Efficient Text Classification"), and its test.

fastText trains in one thread from a fixed seed, over texts in the order of their hashes: the same texts and settings
give the same bytes. What it has learnt is judged by our own kernels, on texts that it has not seen.
"""

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import Field, StringConstraints

from prep.corpus.files.storage import join, sha256, write_bytes, write_json
from prep.stages.classifier.examples import Examples, Split, split
from prep.stages.shared.fasttext.classifier import TextClassifier
from prep.stages.shared.fasttext.file_format import LABEL, read_classifier
from prep.stages.stage import Settings

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
    epochs: int = Field(5, ge=1)
    """How often each text is read."""
    learning_rate: float = Field(0.1, gt=0)
    """At the beginning; it falls to zero."""
    word_ngrams: int = Field(2, ge=1, le=10)
    """Words of the longest sequence that counts."""
    character_ngrams: tuple[int, int] = (0, 0)
    """Characters of the shortest and the longest piece of a word that counts; zeros: none."""
    buckets: int = Field(1 << 18, ge=1)
    """Vectors shared by all sequences and pieces, by their hash."""
    min_count: int = Field(5, ge=1)
    """Words that come less often have no vector."""
    seed: int = Field(1, ge=0)
    """Decides the first vectors."""


def train(settings: ClassifierSettings) -> dict[str, object]:
    """Train a classifier, test it on the texts held out, write model and card, and return the card.

    Raises ConfigurationError where a label has too few texts.
    """
    data = split(settings.examples, settings.held_out)
    model = join(settings.output, MODEL)
    with tempfile.TemporaryDirectory() as folder:
        lines = Path(folder, "train.txt")
        _write_lines(lines, data)
        digest = sha256(str(lines))
        write_bytes(model, _trained(lines, settings))
    trained = read_classifier(model)
    classifier = TextClassifier(trained)
    scores = np.nan_to_num(classifier.probabilities(data.held_out))
    order = [classifier.labels.index(label) for label in data.labels]
    card: dict[str, object] = {
        "model": {"file": MODEL, "sha256": sha256(model), "words": len(trained.words)},
        "settings": settings.model_dump(mode="json", exclude={"output"}),
        "training_lines_sha256": digest,
        "training_texts": _counts(data.labels, data.train_labels),
        "held_out_texts": _counts(data.labels, data.held_out_labels),
        **evaluate(data.labels, data.held_out_labels, scores[:, order]),
    }
    write_json(join(settings.output, CARD), card)
    return card


def _write_lines(path: Path, data: Split) -> None:
    with path.open("w", encoding="utf-8") as lines:
        for label, text in zip(data.train_labels.tolist(), data.train, strict=True):
            words = _NOT_TEXT.sub("", text.as_py()).replace("\n", " ")
            lines.write(f"{LABEL}{data.labels[label]} {words}\n")


def _trained(lines: Path, settings: ClassifierSettings) -> bytes:
    import fasttext

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

    Precision and recall where the best label counts, and where scores from a threshold on count; and how many texts of
    the label and of others have a score in each twentieth between 0 and 1.
    """
    best = scores.argmax(axis=1)
    report = {}
    for index, label in enumerate(labels):
        own, score = truth == index, scores[:, index]
        report[label] = {
            **_precision_recall(own, best == index),
            "at_threshold": {str(least): _precision_recall(own, score >= least) for least in THRESHOLDS},
            "scores": {"own": _histogram(score[own]), "others": _histogram(score[~own])},
        }
    return {"accuracy": _ratio((best == truth).sum(), len(truth)), "labels": report}


def _precision_recall(own: npt.NDArray[np.bool_], found: npt.NDArray[np.bool_]) -> dict[str, float | None]:
    right = (own & found).sum()
    return {"precision": _ratio(right, found.sum()), "recall": _ratio(right, own.sum())}


def _ratio(part: np.integer, whole: np.integer | int) -> float | None:
    return round(int(part) / int(whole), 6) if whole else None


def _histogram(scores: Scores) -> list[int]:
    bins = np.minimum(scores * BINS, BINS - 1).astype(np.int64)
    return [int(count) for count in np.bincount(bins, minlength=BINS)]
