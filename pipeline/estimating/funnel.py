"""What becomes of the documents of the whole input, stage by stage: shares seen in a sample, chained.

Figures are arrays of draws (see `prep.pipeline.estimating.intervals`), the first of which is the prediction. Stages
that compare documents lose the share that `prep.pipeline.estimating.duplicates` found; all others the share that they
lost in the sample, of whatever comes to them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from prep.pipeline.estimating.duplicates import Loss
from prep.pipeline.estimating.growth import share_lost
from prep.pipeline.estimating.intervals import REPLICATES, Design, resampled
from prep.pipeline.estimating.keyed import Looked
from prep.pipeline.estimating.measuring import Measured, Rule
from prep.pipeline.plan import PassStep

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Shares:
    """What share a stage that compares documents loses of them, and of their text, by draw."""

    documents: Floats
    text: Floats
    rules: Mapping[Rule, float]
    """How much of the loss each rule has."""


@dataclass
class Flow:
    """Documents at each stage, and text before each step, by draw."""

    entered: dict[int, Floats] = field(default_factory=dict)
    kept: dict[int, Floats] = field(default_factory=dict)
    rules: dict[int, dict[Rule, Floats]] = field(default_factory=dict)
    text: list[Floats] = field(default_factory=list)
    """Bytes of text of the documents that come into each step; of a first pass, of those that it writes."""
    last_text: Floats = field(default_factory=lambda: np.zeros(1 + REPLICATES))
    """Bytes of text of the documents that are kept."""


def shares_of(losses: Mapping[int, Loss], read: float, seed: int) -> Mapping[int, Shares]:
    """Return the losses by draws of the buckets; where not all of the input was read, continued to all of it."""
    random = np.random.default_rng(seed)
    found: dict[int, Shares] = {}
    for position, loss in losses.items():
        buckets = len(loss.entered) - 1
        weights = np.ones((1 + REPLICATES, buckets + 1))
        weights[1:, :buckets] = resampled(buckets, random)
        documents, text = _ratio(weights, loss.lost, loss.entered), _ratio(weights, loss.bytes_lost, loss.bytes_entered)
        if read < 1 and documents[0] > 0:
            grown = share_lost(float(loss.entered.sum()), loss.sizes, 1 / read) / documents[0]
            documents, text = documents * grown, text * grown
        whole = sum(loss.rules.values())
        rules: dict[Rule, float] = {("rejected", name): count / whole for name, count in loss.rules.items()}
        found[position] = Shares(np.clip(documents, 0, 1), np.clip(text, 0, 1), rules)
    return found


def flow_of(measured: Measured, design: Design, shares: Mapping[int, Shares], read: Looked | None) -> Flow:
    """Follow the documents of the whole input through the stages; `read` counts its records, where that is known."""
    flow = Flow()
    coming = design.totals(measured.entered[0]) if 0 in measured.entered else np.zeros(1 + REPLICATES)
    for position in sorted(measured.entered):
        if position == 0 and read is not None:
            coming = _counted(flow, read)
            continue
        came = design.totals(measured.entered[position])
        rules = {rule: design.totals(values) for rule, values in measured.rules.get(position, {}).items()}
        flow.entered[position] = coming
        if position in shares:
            lost = coming * shares[position].documents
            flow.kept[position] = coming - lost
            flow.rules[position] = {rule: lost * share for rule, share in shares[position].rules.items()}
        elif design.share >= 1:
            flow.kept[position], flow.rules[position] = design.totals(measured.kept[position]), rules
        else:
            flow.kept[position] = coming * _over(design.totals(measured.kept[position]), came)
            flow.rules[position] = {rule: coming * _over(values, came) for rule, values in rules.items()}
        coming = flow.kept[position]
    _follow_text(flow, measured, design, shares)
    return flow


def _counted(flow: Flow, read: Looked) -> Floats:
    """Put down the records of the whole input, and return how many of them are documents."""
    always = np.ones(1 + REPLICATES)
    flow.kept[0] = always * read.documents
    flow.entered[0] = always * (read.documents + sum(read.lost.values()))
    flow.rules[0] = {rule: always * count for rule, count in read.lost.items()}
    return flow.kept[0]


def _follow_text(flow: Flow, measured: Measured, design: Design, shares: Mapping[int, Shares]) -> None:
    """Follow the bytes of text through the steps."""
    text = design.totals(measured.steps[0].text_bytes)
    before = text
    for index, (step, use) in enumerate(zip(measured.plan.steps, measured.steps, strict=True)):
        seen = design.totals(use.text_bytes)
        previous = measured.plan.steps[index - 1] if index else None
        compared = previous is not None and not isinstance(previous, PassStep) and previous.position in shares
        if compared and previous is not None and not isinstance(previous, PassStep):
            text = text * (1 - shares[previous.position].text)
            if isinstance(step, PassStep):
                text = text * _after_pass(flow, step)
        elif index:
            text = text * _over(seen, before)
        flow.text.append(text)
        before = seen
    last = measured.plan.steps[-1]
    if not isinstance(last, PassStep) and last.position in shares:
        text = text * (1 - shares[last.position].text)
    flow.last_text = text


def _after_pass(flow: Flow, step: PassStep) -> Floats:
    """Return the share of documents that a pass keeps, which stands for the share of text."""
    kept = np.ones(1 + REPLICATES)
    for position, _ in step.stages:
        kept = kept * _over(flow.kept[position], flow.entered[position])
    return kept


def _ratio(weights: Floats, lost: Floats, entered: Floats) -> Floats:
    return _over(weights @ lost, weights @ entered)


def _over(part: Floats, whole: Floats) -> Floats:
    """Divide; what is made of nothing is nothing."""
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
