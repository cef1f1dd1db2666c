"""What becomes of a part's documents, for the ledger: how often each comes, and which are left out by which rule."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from prep.corpus.shards.splits import TRAIN
from prep.stages.pack.curve import Borders, group_of
from prep.stages.pack.mixture import Intervals, epochs, taken
from prep.stages.pack.plan import PlanTask, candidates, read_borders, read_phases, read_split_rule
from prep.stages.pack.tokens import PartDocuments, read_part
from prep.stages.upstream import GlobalContext
from prep.stages.verdicts import PartVerdicts, Verdicts

NOT_IN_MIXTURE = "not_in_mixture"
"""Rule: no phase names the document's group."""
BELOW_CURVE = "below_curve"
"""Rule: the mixture's curve leaves out the bucket of the document's score."""
OVER_BUDGET = "over_budget"
"""Rule: the budgets of the document's group were spent before its turn came."""
LONG_DOCUMENT = "long_document"
"""Rule: the document does not fit into a row."""


def left_out(part: int, context: GlobalContext, plan: PlanTask) -> PartVerdicts:
    """Return which of a part's documents are in no row, and how often those come that come again."""
    documents = read_part(context.scratch, part, plan.dtype)
    count = len(documents.tokens)
    rule, detail = documents.lost.rule, documents.lost.detail
    times = np.ones(count, np.int64)
    value = pa.nulls(count, pa.float64())
    if plan.packing.drop:
        long = pa.array(documents.tokens > plan.packing.length)
        rule = pc.if_else(long, pa.scalar(LONG_DOCUMENT), rule)
        value = pc.if_else(long, pa.array(documents.tokens.astype(np.float64)), value)
    if plan.mixture is not None:
        times, outside, groups = _mixed(documents, context, plan)
        rule = pc.coalesce(rule, outside)
        detail = pc.coalesce(detail, groups)
    rows = np.flatnonzero(rule.is_valid().to_numpy(zero_copy_only=False) | (times > 1))
    verdicts = Verdicts(
        rule.take(pa.array(rows)),
        failed=documents.lost.failed.take(pa.array(rows)),
        value=value.take(pa.array(rows)),
        detail=detail.take(pa.array(rows)),
        copies=np.maximum(times[rows], 1),
    )
    return PartVerdicts(count, rows, verdicts)


def _mixed(
    documents: PartDocuments, context: GlobalContext, plan: PlanTask
) -> tuple[npt.NDArray[np.int64], pa.Array, pa.Array]:
    """Return how often a mixture takes each document, the rule by which it leaves it out, and its group."""
    borders = read_borders(context.scratch)
    there = candidates(documents, read_split_rule(context.scratch), TRAIN, plan.packing, borders)
    phases = read_phases(context.scratch)
    times = np.zeros(len(there.tokens), np.int64)
    for phase in phases:
        for epoch in epochs(phase):
            times += taken(phase, epoch, there) > 0
    lost = (times == 0) & (there.tokens > 0)
    why = pa.array([_why(stream, phases, borders) for stream in there.groups], pa.string())
    rule = pc.if_else(pa.array(lost), why.take(pa.array(there.codes)), pa.scalar(None, pa.string()))
    return times, rule, pa.array([group_of(stream) for stream in there.groups], pa.string()).take(pa.array(there.codes))


def _why(stream: str, phases: Sequence[Intervals], borders: Mapping[str, Borders]) -> str:
    """Return why a document of a stream is not taken."""
    if any(stream in phase for phase in phases):
        return OVER_BUDGET
    return BELOW_CURVE if group_of(stream) in borders else NOT_IN_MIXTURE
