"""How much of which documents goes into the training rows: token budgets by source, language or quality.

The documents of a group are an endless stream: all of them in the order of their hashes, a hash of the id and the seed,
then all of them again, epoch after epoch. Each phase of a mixture takes the next tokens of each group's stream, as many
as its share of the phase's budget. Of the document in which a budget ends, only so many tokens are taken, separators
included, and the next phase continues with the following document. So budgets are met to the token (with a beginning
and an ending id for each document, to two tokens), no document comes twice before all have come once, and later phases
see what earlier ones have not.

What a phase takes is an interval of each stream, given by the hashes of two documents. They are found without sorting:
the tokens of each group are added up by the upper 16 bits of the hashes, then only the documents of one such bin are
sorted. Memory: half a megabyte per group, and one 65,536th of the documents.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, model_validator

from prep.corpus.arrow.columns import is_number
from prep.corpus.errors import RunError
from prep.corpus.shards.splits import Hashes
from prep.stages.pack.curve import CurveReport, UpsamplingCurve, curve_reports, group_of, stream_name
from prep.stages.pack.packing_kernels import Integers
from prep.stages.settings import Settings

UNKNOWN = "unknown"
"""Stands for a label that is null."""
BETWEEN = "/"
"""Stands between the values of several columns in a group's name."""
BINS = 1 << 16
_BIN_SHIFT = np.uint64(48)

Share = Annotated[float, Field(gt=0)]


class MixturePhase(Settings):
    """One phase of training."""

    shares: Annotated[dict[str, Share], Field(min_length=1)]
    """Weight of each group in the phase's tokens, in any unit. A group that is not named is left out."""
    tokens: int | None = Field(default=None, ge=1)
    """Tokens of the phase. Left out: as many as there are with these shares before a group has come `max_epochs`
    times."""


class Mixture(Settings):
    """Which documents are trained on, how often and in which order."""

    phases: Annotated[tuple[MixturePhase, ...], Field(min_length=1)]
    """What is trained on first, what next: a curriculum. Rows are shuffled within a phase."""
    by: str | Annotated[tuple[str, ...], Field(min_length=1)] = "source"
    """The column whose values are the groups; or several, such as `[topic, edu_score]`, whose values make a group's
    name together: `law/high`."""
    buckets: dict[str, float] | None = None
    """For the column of numbers among `by`, such as a score: the groups' names and the least value of each, rising.
    What is less than the first belongs to the first."""
    curve: UpsamplingCurve | None = None
    """How often documents come by their percentile in a score, within each group: the best most often. Every phase
    then names its `tokens`, and `max_epochs` is what a document comes at most."""
    max_epochs: float = Field(default=1, gt=0)
    """How often the documents of a group may come, at most, over all phases."""

    @model_validator(mode="after")
    def _rising(self) -> "Mixture":
        least = list(self.buckets.values()) if self.buckets is not None else [0.0]
        if not least or least != sorted(set(least)):
            raise ValueError(f"buckets: expected rising values, seen {least}")
        if self.curve is not None and any(phase.tokens is None for phase in self.phases):
            raise ValueError("curve: expected 'tokens' in every phase, which the repeats are chosen to come to")
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns by whose values documents are grouped."""
        return (self.by,) if isinstance(self.by, str) else self.by

    def of_share(self, share: float) -> "Mixture":
        """Return the mixture with so large a share of the tokens that its phases name."""
        phases = (
            phase if phase.tokens is None else phase.model_copy(update={"tokens": max(1, round(phase.tokens * share))})
            for phase in self.phases
        )
        return self.model_copy(update={"phases": tuple(phases)})

    def groups_of(self, documents: pa.RecordBatch) -> pa.Array:
        """Return the group of each document, null where a single column has no value."""
        columns = [documents.column(name) for name in self.columns]
        parts = [self.groups(column) if is_number(column.type) else column.cast(pa.string()) for column in columns]
        if len(parts) == 1:
            return parts[0]
        return pc.binary_join_element_wise(*(part.fill_null(UNKNOWN) for part in parts), BETWEEN)

    def groups(self, column: pa.Array) -> pa.Array:
        """Return the bucket of each number, null where there is none; of other columns the value."""
        if self.buckets is None:
            return column.cast(pa.string())
        names = pa.array(list(self.buckets), pa.string())
        values = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
        places = np.searchsorted(list(self.buckets.values()), values, side="right") - 1
        return names.take(pa.array(np.maximum(places, 0), mask=np.isnan(values)))


@dataclass(frozen=True)
class StreamPlace:
    """A document in a group's stream."""

    epoch: int
    hash: int


@dataclass(frozen=True)
class Interval:
    """What a phase takes of a group's stream: what follows `after` up to and with `last`, of which only `tokens`."""

    after: StreamPlace
    last: StreamPlace
    tokens: int


BEGINNING = StreamPlace(-1, (1 << 64) - 1)

Intervals = Mapping[str, Interval]
"""What is taken of each group."""

EVERYTHING: Intervals = {"": Interval(BEGINNING, StreamPlace(0, BEGINNING.hash), 1 << 62)}
"""The phase of documents that no mixture divides into groups: each of them once."""


class Candidates(NamedTuple):
    """Documents that there are to choose from; every array has one entry per document."""

    codes: npt.NDArray[np.int32]
    """Each one's group, a place in `groups`."""
    groups: tuple[str, ...]
    tokens: Integers
    hashes: Hashes


Choice = Callable[[], Iterable[Candidates]]
"""Yields the documents there are, part by part; may be asked again."""


def epochs(phase: Intervals) -> range:
    """Return the epochs of the groups' streams that a phase takes documents from."""
    first = min(interval.after.epoch for interval in phase.values())
    return range(max(first, 0), max(interval.last.epoch for interval in phase.values()) + 1)


def taken(phase: Intervals, epoch: int, candidates: Candidates) -> Integers:
    """Return how many tokens of each document a phase takes in an epoch of the streams (documents)."""
    tokens = np.zeros(len(candidates.tokens), np.int64)
    hashes = candidates.hashes
    for group, interval in phase.items():
        after, last = interval.after, interval.last
        if group not in candidates.groups or not after.epoch <= epoch <= last.epoch:
            continue
        here = candidates.codes == candidates.groups.index(group)
        if epoch == after.epoch:
            here &= hashes > np.uint64(after.hash)
        if epoch == last.epoch:
            here &= hashes <= np.uint64(last.hash)
        tokens[here] = candidates.tokens[here]
        if epoch == last.epoch:
            ending = here & (hashes == np.uint64(last.hash))
            tokens[ending] = np.minimum(tokens[ending], interval.tokens)
    return tokens


class _Stream:
    """A group's documents, epoch after epoch, and how far they have been taken."""

    def __init__(
        self, mixture: Mixture, group: str, histogram: Integers, choice: Choice, least: int, limited: bool = True
    ) -> None:
        self._least = least
        self._limited = limited
        self._mixture = mixture
        self._group = group
        self._ends = np.cumsum(histogram)
        self._choice = choice
        self._total = int(self._ends[-1])
        self._taken = 0
        self._after = BEGINNING

    @property
    def left(self) -> int:
        """Tokens that may still be taken."""
        return max(0, int(self._mixture.max_epochs * self._total) - self._taken)

    def take(self, budget: int, phase: int) -> Interval:
        """Take the next tokens. Raises RunError where there are not so many."""
        if self._limited and budget > self.left:
            raise RunError(
                f"pack.mixture.phases[{phase}]: expected {budget:,} tokens of {self._group!r}, seen {self.left:,}: its "
                f"documents have {self._total:,}, earlier phases took {self._taken:,}, and max_epochs is "
                f"{self._mixture.max_epochs:g}; lower tokens or the share, or raise max_epochs"
            )
        epoch, before = divmod(self._taken + budget - 1, self._total)
        number = int(np.searchsorted(self._ends, before, side="right"))
        tokens, hashes = self._bin(number)
        ends = np.cumsum(tokens) + (int(self._ends[number - 1]) if number else 0)
        document = int(np.searchsorted(ends, before, side="right"))
        wanted = max(self._least, before + 1 - int(ends[document] - tokens[document]))
        interval = Interval(self._after, StreamPlace(epoch, int(hashes[document])), wanted)
        self._after = interval.last
        self._taken = epoch * self._total + int(ends[document])
        return interval

    def _bin(self, number: int) -> tuple[Integers, Hashes]:
        """Return the tokens and hashes of the documents whose hashes begin with these 16 bits, in the hashes' order."""
        found = [np.empty(0, np.int64)], [np.empty(0, np.uint64)]
        for candidates in self._choice():
            if self._group not in candidates.groups:
                continue
            here = candidates.codes == candidates.groups.index(self._group)
            here &= candidates.hashes >> _BIN_SHIFT == np.uint64(number)
            found[0].append(candidates.tokens[here])
            found[1].append(candidates.hashes[here])
        tokens, hashes = np.concatenate(found[0]), np.concatenate(found[1])
        order = np.argsort(hashes, kind="stable")
        return tokens[order], hashes[order]


def take_phases(mixture: Mixture, choice: Choice, least: int = 1) -> list[Intervals]:
    """Return what each phase takes, at least so many tokens of a document.

    Raises RunError where a group has no documents, or too few for the budget.
    """
    histograms = _histograms(choice)
    there = {group_of(name) for name, bins in histograms.items() if bins.any()}
    for index, phase in enumerate(mixture.phases):
        for group in phase.shares:
            if group not in there:
                raise RunError(
                    f"pack.mixture.phases[{index}].shares: no document for training has {group!r} in "
                    f"{BETWEEN.join(mixture.columns)}; expected some of: {', '.join(sorted(there)) or 'none'}"
                )
    limited = mixture.curve is None
    streams = {name: _Stream(mixture, name, bins, choice, least, limited) for name, bins in histograms.items()}
    if mixture.curve is not None:
        tokens = {name: int(bins.sum()) for name, bins in histograms.items()}
        curved = bucket_budgets(mixture, repeats_of(mixture, tokens))
        return [
            {name: streams[name].take(budget, index) for name, budget in budgets.items() if budget}
            for index, budgets in enumerate(curved)
        ]
    phases: list[Intervals] = []
    for index, phase in enumerate(mixture.phases):
        budgets = share_out(phase, {group: streams[group].left for group in phase.shares})
        phases.append({group: streams[group].take(budget, index) for group, budget in budgets.items() if budget})
    return phases


def repeats_of(mixture: Mixture, streams: Mapping[str, int]) -> dict[str, CurveReport]:
    """Return how often the buckets of each group come over all phases, given the tokens of the buckets' streams.

    Raises RunError where a group has too few for its budgets.
    """
    assert mixture.curve is not None
    budgets: dict[str, int] = {}
    for phase in mixture.phases:
        for group, tokens in share_out(phase, {}).items():
            budgets[group] = budgets.get(group, 0) + tokens
    return curve_reports(mixture.curve, streams, budgets, mixture.max_epochs)


def bucket_budgets(mixture: Mixture, repeats: Mapping[str, CurveReport]) -> list[dict[str, int]]:
    """Return the tokens of each bucket's stream in each phase; those of a group come to its share to the token."""
    phases: list[dict[str, int]] = []
    for phase in mixture.phases:
        budgets: dict[str, int] = {}
        for group, tokens in share_out(phase, {}).items():
            amounts = np.array(repeats[group].tokens) * np.array(repeats[group].repeats)
            ends = np.rint(np.cumsum(amounts) / max(amounts.sum(), 1e-9) * tokens).astype(np.int64)
            taken_ = np.diff(np.concatenate(([0], ends)))
            budgets |= {stream_name(group, bucket): int(count) for bucket, count in enumerate(taken_)}
        phases.append(budgets)
    return phases


def share_out(phase: MixturePhase, left: Mapping[str, int]) -> dict[str, int]:
    """Return the tokens of each group, which differ by less than one from its share of the phase's."""
    weights = sum(phase.shares.values())
    total = phase.tokens
    if total is None:
        total = int(min(left[group] * weights / share for group, share in phase.shares.items()))
    ends = np.cumsum([share / weights for share in phase.shares.values()]) * total
    bounds = [0, *np.rint(ends).astype(np.int64).tolist()]
    bounds[-1] = total
    return {group: bounds[index + 1] - bounds[index] for index, group in enumerate(phase.shares)}


def _histograms(choice: Choice) -> dict[str, Integers]:
    """Return the tokens of each group by the upper bits of the documents' hashes."""
    bins: dict[str, Integers] = {}
    for candidates in choice():
        places = (candidates.hashes >> _BIN_SHIFT).astype(np.int64)
        for code in np.unique(candidates.codes):
            here = candidates.codes == code
            histogram = bins.setdefault(candidates.groups[code], np.zeros(BINS, np.int64))
            np.add.at(histogram, places[here], candidates.tokens[here])
    return bins
