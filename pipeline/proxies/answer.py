"""What `prep compare --json` prints and `comparison.json` holds; no figure depends on the clock."""

from typing import Literal

from prep.pipeline.monitor.answer import Answer

Kind = Literal["all", "set", "language", "task", "answers"]


class CorpusAnswer(Answer):
    """A corpus that is compared."""

    name: str
    output: str
    """The run's folder."""
    tokens: int
    """That its rows hold, after what is held out was taken out."""
    epochs: float
    """How often a proxy sees each of them."""
    held_out: int
    """Documents that were held out."""
    overlapping: int
    """Documents of which nothing was left once what overlaps with the held-out text was cut out."""


class SetAnswer(Answer):
    """Held-out text, or a task."""

    name: str
    kind: Literal["text", "task"]
    documents: int
    """Documents that passages come from, or items of a task."""
    bytes: int
    """Of the passages, or of the right answers."""


class DifferenceAnswer(Answer):
    """How a corpus differs from the first on a line."""

    corpus: str
    difference: float
    """Of bits per byte, in per cent, negative where the corpus is better; of a task's accuracy, in points, positive
    where it is better."""
    half_width: float | None
    """Of the interval, in the same unit; null with a single seed."""
    verdict: Literal["better", "worse", "level"]
    """`level`: the interval holds zero, or there is none."""


class LineAnswer(Answer):
    """A measure: on all sets, a set, a language, a task's accuracy, or its right answers."""

    kind: Kind
    name: str
    size: str
    """Of the proxies."""
    values: dict[str, list[float]]
    """By corpus, by seed: bits per byte (`all`: their geometric mean over the sets), or for `task` the share right."""
    differences: list[DifferenceAnswer]
    seeds_for_one_percent: int | None
    """Seeds by which a difference of one per cent (of a task: one point) could be told from noise, at most 1,001."""


class CostAnswer(Answer):
    """What the comparison takes."""

    proxies: int
    """That differ; equal corpora share them."""
    tokens: int
    """That each learns from."""
    steps: int
    parameters: dict[str, int]
    """By size."""
    operations: float
    """Floating point operations of all trainings, about: 6 · parameters · tokens."""


class CompareAnswer(Answer):
    """The comparison of corpora by what models learn from them."""

    corpora: list[CorpusAnswer]
    """The first is the one that the others are compared with."""
    sets: list[SetAnswer]
    too_small: dict[str, int]
    """Sets that were left out, with their bytes."""
    seeds: list[int]
    paired: bool
    confidence: float
    """Of all intervals of a size together."""
    comparisons: int
    """Differences that the confidence holds for together."""
    tokenizer_sha256: str
    vocabulary: int
    lines: list[LineAnswer]
    cost: CostAnswer
    verdict: list[str]
    """A sentence for each corpus after the first, by the last of the sizes."""
