"""What a mixture makes of a part's documents, for the ledger: how often each comes, and which are left out."""

import numpy as np
import pyarrow as pa

from prep.corpus.shards.splits import TRAIN
from prep.stages.pack.mixture import epochs, taken
from prep.stages.pack.plan import PlanTask, candidates, read_phases, read_split_rule
from prep.stages.pack.tokens import read_part
from prep.stages.stage import PartVerdicts, Verdicts
from prep.stages.upstream import GlobalContext

NOT_IN_MIXTURE = "not_in_mixture"
"""Rule: no phase names the document's group."""
OVER_BUDGET = "over_budget"
"""Rule: the budgets of the document's group were spent before its turn came."""


def left_out(part: int, context: GlobalContext, plan: PlanTask) -> PartVerdicts:
    """Return which of a part's documents no phase takes, and how often those come that come again."""
    documents = read_part(context.scratch, part, plan.dtype)
    there = candidates(documents, read_split_rule(context.scratch), TRAIN, plan.packing)
    phases = read_phases(context.scratch)
    times = np.zeros(len(there.tokens), np.int64)
    for phase in phases:
        for epoch in epochs(phase):
            times += taken(phase, epoch, there) > 0
    lost = (times == 0) & (there.tokens > 0)
    named = np.isin(there.codes, [code for code, group in enumerate(there.groups) if any(group in p for p in phases)])
    rows = np.flatnonzero(lost | (times > 1))
    rule = pa.array(np.where(named[rows], OVER_BUDGET, NOT_IN_MIXTURE), pa.string(), mask=~lost[rows])
    groups = pa.array(there.groups, pa.string()).take(pa.array(there.codes[rows]))
    return PartVerdicts(len(times), rows, Verdicts(rule, detail=groups, copies=np.maximum(times[rows], 1)))
