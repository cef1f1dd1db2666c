"""What `prep mix fit --json` prints and `fit.json` holds; no figure depends on the clock."""

from typing import Literal

from prep.pipeline.monitor.answer import Answer
from prep.pipeline.proxies.answer import CostAnswer, LineAnswer


class MixtureAnswer(Answer):
    """A mixture and what it costs."""

    name: str
    shares: dict[str, float]
    losses: dict[str, float]
    """Bits per byte by set, of the proxy with the first seed."""
    predicted: dict[str, float]
    """By the laws; of a mixture of the design, by those of the others."""


class LawAnswer(Answer):
    """How well a set's law predicts."""

    set: str
    weight: float
    """Of the set, all of which sum to 1."""
    error: float
    """Root mean square of what is mispredicted of a mixture left out, in bits per byte."""
    spread: float
    """Standard deviation of the mixtures' bits per byte: what there was to predict."""


class ShareAnswer(Answer):
    """A source's share of the chosen mixture."""

    source: str
    natural: float
    share: float
    low: float
    high: float
    """The 5th and 95th percentiles over designs drawn again."""
    limit: float
    """The largest share that its tokens and `max_epochs` allow."""
    tokens: int
    """That the source has, after what is held out was taken out."""


class FitAnswer(Answer):
    """A mixture fitted to what proxies cost."""

    kind: Literal["log_linear", "boosted"]
    shares: list[ShareAnswer]
    gain: float
    """By how much the chosen mixture is predicted to cost less than the natural one, in per cent."""
    gain_low: float
    gain_high: float
    laws: list[LawAnswer]
    design: list[MixtureAnswer]
    reused: int
    """Mixtures of the design that an earlier fit had tried."""
    checks: list[MixtureAnswer]
    """Mixtures outside the design."""
    rank_correlation: float | None
    """Spearman's, between what the checks were predicted to cost over all sets and what they cost; null below three."""
    lines: list[LineAnswer]
    """The chosen mixture, the uniform one and the best of the design, against the natural one, over all seeds."""
    verdict: list[str]
    cost: CostAnswer
    fragment: str
    """The YAML below `pack` that mixes so."""
