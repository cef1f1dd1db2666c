"""An upsampling curve: how often the documents of a group come, by their percentile in a score.

The documents of a group are ranked by a score and cut into buckets of equal tokens, worst first. What lies below the
percentile `discard` is left out; above it the number of repeats rises with the percentile x as
C · ((x − discard) / (1 − discard))^power, at most `max_epochs`, and C is chosen so that the group comes to its token
budget exactly. (Dolma 3, Allen Institute for AI 2025, upsamples by such a curve, truncated and monotone, per topic; the
power law and the way in which C is found, by bisection, are ours.)

Percentiles are weighted by tokens. The borders of the buckets are taken from at most SAMPLE documents of each group,
those with the smallest hashes: all of them, or a random million, of which a border is then off by a tenth of a
percentile. The buckets' tokens, and with them the budgets, are counted exactly in any case. Equal scores are ordered by
a hash; documents without a score come first, as the worst.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import Field

from prep.corpus.errors import RunError
from prep.corpus.shards.splits import Hashes
from prep.stages.pack.packing_kernels import Integers
from prep.stages.settings import Settings

SAMPLE = 1 << 20
BUCKET = "\x1f"
"""Stands between a group's name and its bucket's number in the names of streams."""
_STEPS = 200
_ODD = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9))
_SHIFT = np.uint64(31)

Scores = npt.NDArray[np.float64]


class UpsamplingCurve(Settings):
    """More of the best, less of the worst: repeats by percentile of a score, within each group."""

    score: str = Field(min_length=1)
    """The column of numbers by which the documents of a group are ranked; the highest is the best."""
    buckets: int = Field(20, ge=2, le=100)
    """Into how many buckets of equal tokens a group is cut; all documents of a bucket come equally often."""
    discard: float = Field(0.4, ge=0, lt=1)
    """The share of a group's tokens, those with the lowest scores, that is left out."""
    power: float = Field(1.0, ge=0, le=20)
    """How fast repeats rise from there on: 0, not at all; 1, evenly; 2, with the square."""

    def weights(self, tokens: Sequence[int] | Integers) -> Scores:
        """Return what the repeats of each bucket are proportional to, given the buckets' tokens, worst first."""
        ends = np.cumsum(np.asarray(tokens, np.float64))
        ends /= max(ends[-1], 1.0)
        above = np.maximum(0.0, (np.concatenate(([0.0], ends)) - self.discard) / (1 - self.discard))
        areas = np.diff(above ** (self.power + 1)) / (self.power + 1)
        widths = np.diff(np.concatenate(([0.0], ends))) / (1 - self.discard)
        mean: Scores = np.divide(areas, widths, out=np.zeros(len(areas)), where=widths > 0)
        return mean

    def repeats(self, tokens: Sequence[int] | Integers, budget: int, most: float, group: str) -> Scores:
        """Return how often each bucket comes so that all together come to a budget of tokens.

        `most` is the largest number of repeats. Raises RunError where that is too little for the budget.
        """
        counts, weights = np.asarray(tokens, np.float64), self.weights(tokens)
        limit = most * counts[weights > 0].sum()
        if budget > limit:
            raise RunError(
                f"pack.mixture.curve: expected {budget:,} tokens of {group!r}, seen {int(limit):,}: it has "
                f"{int(counts.sum()):,}, the curve leaves out {self.discard:.0%} of them, and max_epochs is {most:g}; "
                "lower tokens or the share, raise max_epochs, or lower discard"
            )
        low, high = 0.0, max(most, 1.0) / weights[weights > 0].min()
        for _ in range(_STEPS):
            middle = (low + high) / 2
            if (np.minimum(most, middle * weights) * counts).sum() < budget:
                low = middle
            else:
                high = middle
        repeats: Scores = np.minimum(most, high * weights)
        return repeats


class Borders(NamedTuple):
    """The last documents of all buckets of a group but the best, by score and hash."""

    scores: Scores
    hashes: Hashes

    def buckets(self, scores: Scores, hashes: Hashes) -> Integers:
        """Return the bucket of each document, 0 for the worst."""
        ranked, ties = _ranked(scores), _ties(hashes)
        bucket = np.zeros(len(scores), np.int64)
        for score, tie in zip(self.scores, self.hashes, strict=True):
            bucket += (ranked > score) | ((ranked == score) & (ties > tie))
        return bucket


class Ranked(NamedTuple):
    """Documents of a group that may be taken; every array has one entry per document."""

    group: str
    scores: Scores
    """NaN where a document has none."""
    tokens: Integers
    hashes: Hashes


def find_borders(curve: UpsamplingCurve, documents: Iterable[Ranked], sample: int = SAMPLE) -> dict[str, Borders]:
    """Return the buckets' borders by group."""
    held: dict[str, Ranked] = {}
    for found in documents:
        before = held.get(found.group)
        pairs = zip(found[1:], before[1:] if before else ((), (), ()), strict=True)
        scores, tokens, hashes = (np.concatenate([new, np.asarray(old, new.dtype)]) for new, old in pairs)
        if len(hashes) > sample:
            least = np.argpartition(hashes, sample)[:sample]
            scores, tokens, hashes = scores[least], tokens[least], hashes[least]
        held[found.group] = Ranked(found.group, scores, tokens, hashes)
    return {group: _borders(curve.buckets, each) for group, each in held.items()}


def _borders(buckets: int, documents: Ranked) -> Borders:
    ranked, ties = _ranked(documents.scores), _ties(documents.hashes)
    order = np.lexsort((ties, ranked))
    ends = np.cumsum(documents.tokens[order])
    wanted = ends[-1] * np.arange(1, buckets) / buckets
    last = order[np.searchsorted(ends, wanted)]
    return Borders(ranked[last], ties[last])


def _ranked(scores: Scores) -> Scores:
    return np.where(np.isnan(scores), -np.inf, scores)


def _ties(hashes: Hashes) -> Hashes:
    """Return other hashes of documents: the order in which these come is not that in which they are taken."""
    mixed = (hashes ^ (hashes >> _SHIFT)) * _ODD[0]
    mixed = (mixed ^ (mixed >> _SHIFT)) * _ODD[1]
    return np.asarray(mixed ^ (mixed >> _SHIFT), np.uint64)


def stream_name(group: str, bucket: int) -> str:
    """Return the name of a bucket's stream."""
    return f"{group}{BUCKET}{bucket}"


def group_of(stream: str) -> str:
    """Return the group of a stream."""
    return stream.partition(BUCKET)[0]


class CurveReport(NamedTuple):
    """What a curve makes of a group: every list has an entry per bucket, worst first."""

    tokens: list[int]
    repeats: list[float]


def curve_reports(
    curve: UpsamplingCurve, streams: Mapping[str, int], budgets: Mapping[str, int], most: float
) -> dict[str, CurveReport]:
    """Return the repeats of the buckets of each group, given the streams' tokens and the groups' budgets.

    Raises RunError where a budget cannot be met.
    """
    found = {}
    for group, budget in budgets.items():
        tokens = [streams.get(stream_name(group, bucket), 0) for bucket in range(curve.buckets)]
        found[group] = CurveReport(tokens, curve.repeats(tokens, budget, most, group).tolist())
    return found
