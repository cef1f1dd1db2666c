"""What a deduplication warns of: sources and languages that lose much, and removals that are in doubt.

Whole sources have been lost to one template, with counts that looked as expected. The warnings name the share, the
clusters that took it, and how their documents begin.
"""

from collections.abc import Iterator, Mapping
from typing import cast

import pyarrow.parquet as pq

from prep.corpus.files.storage import exists, join, read_json
from prep.stages.dedup.losses import LOSSES
from prep.stages.results import Results, RunWarning

DOUBTFUL = 0.05
"""Share of the removed documents looked at that resemble the one kept less than the threshold, above which to warn."""
COMMAND = "prep dedup audit {output}"
_EXCERPT = 60


def losses_in(results: Results, stage: str, alarm: float) -> Iterator[RunWarning]:
    """Yield a warning for each source and language that loses more than a share of its documents."""
    path = join(results.output, "audit", LOSSES)
    if not exists(path):
        return
    for row in pq.read_table(path).to_pylist():
        if row["share"] <= alarm or row["documents"] < results.thresholds.least_documents:
            continue
        took = ", ".join(f"{cluster['documents']:,} for {cluster['kept']}" for cluster in row["clusters"])
        message = (
            f"{stage} removed {row['share']:.0%} of the {row['documents']:,} documents of {row['label']} "
            f"{row['value'] or 'unknown'}, most of them in favour of: {took}{_beginning(results, row['clusters'])}"
        )
        yield RunWarning("duplicates_share", message, COMMAND)


def _beginning(results: Results, clusters: list[Mapping[str, object]]) -> str:
    """Return how the first of some clusters begins, where the audit shows it."""
    path = join(results.output, "audit", "clusters.parquet")
    if not clusters or not exists(path):
        return ""
    shown = pq.read_table(path, columns=["kept", "removed_text"]).to_pylist()
    texts = [row["removed_text"] for row in shown if row["kept"] == clusters[0]["kept"] and row["removed_text"]]
    return f" ({' '.join(texts[0].split())[:_EXCERPT]!r})" if texts else ""


def doubtful(results: Results, stage: str) -> Iterator[RunWarning]:
    """Yield a warning where many of the removed documents looked at do not resemble those kept."""
    path = join(results.output, "audit", "summary.json")
    if not exists(path):
        return
    summary = read_json(path)
    share = cast("float", summary.get("false positives", 0.0))
    if share > DOUBTFUL:
        message = (
            f"{stage}: {share:.0%} of the {summary['pairs looked at']:,} removed documents looked at resemble the one "
            f"kept less than {summary['threshold']}; the largest cluster has {summary['largest cluster']:,} documents"
        )
        yield RunWarning("doubtful_duplicates", message, COMMAND)
