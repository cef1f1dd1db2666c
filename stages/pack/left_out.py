"""What a mixture makes of a part's documents, for the ledger: how often each comes, and which are left out."""

import numpy as np
import pyarrow as pa

from prep.corpus.arrow.documents import REJECTED, write_table
from prep.corpus.files.storage import join
from prep.corpus.shards.splits import TRAIN
from prep.stages.pack.mixture import epochs, taken
from prep.stages.pack.plan import PlanTask, candidates, read_phases, read_split_rule
from prep.stages.pack.tokens import read_part
from prep.stages.stage import Counts, GlobalContext

NOT_IN_MIXTURE = "not_in_mixture"
"""Rule: no phase names the document's group."""
OVER_BUDGET = "over_budget"
"""Rule: the budgets of the document's group were spent before its turn came."""


def record_left_out(part: int, name: str, context: GlobalContext, plan: PlanTask) -> Counts:
    """Write which of a part's documents no phase takes, and count them and the copies of those that come again."""
    documents = read_part(context.scratch, part, plan.dtype)
    there = candidates(documents, read_split_rule(context.scratch), TRAIN, plan.packing)
    phases = read_phases(context.scratch)
    times = np.zeros(len(there.tokens), np.int64)
    for phase in phases:
        for epoch in epochs(phase):
            times += taken(phase, epoch, there) > 0
    lost = (times == 0) & (there.tokens > 0)
    named = np.isin(there.codes, [code for code, group in enumerate(there.groups) if any(group in p for p in phases)])
    batches = context.upstream.documents(part, ["id"])
    ids = pa.chunked_array([batch.column("id").cast(pa.string()) for batch in batches], pa.string())
    rejected = {
        "id": ids.filter(pa.array(lost)),
        "stage": [name] * int(lost.sum()),
        "rule": np.where(named[lost], OVER_BUDGET, NOT_IN_MIXTURE),
        "value": pa.nulls(int(lost.sum()), pa.float64()),
        "failed": np.zeros(int(lost.sum()), np.bool_),
        "detail": pa.array(there.groups, pa.string()).take(pa.array(there.codes[lost])),
    }
    write_table(join(context.output, "rejected", f"{part:05d}.parquet"), pa.table(rejected, REJECTED))
    counts = {NOT_IN_MIXTURE: int((lost & ~named).sum()), OVER_BUDGET: int((lost & named).sum())}
    repeated = int(np.maximum(times - 1, 0).sum())
    return Counts(
        entered=len(times),
        kept=len(times) + repeated - int(lost.sum()),
        rejected={rule: count for rule, count in counts.items() if count},
        repeated=repeated,
    )
