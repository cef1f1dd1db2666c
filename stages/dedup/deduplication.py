"""What all deduplication stages share: they match documents by hashes, and of each cluster one document stays.

A stage takes what it needs of each document in the pass before (`prep.stages.dedup.taps`), so the text is read once,
and loses documents by a bitmap, so it is not written again. Documents that an earlier stage has dropped take no part.
See `prep.stages.dedup.clusters` for how documents are matched, and `prep.stages.dedup.keep` for which of them stays.
"""

from typing import ClassVar

from prep.stages.dedup import clusters
from prep.stages.dedup.keep import Keep
from prep.stages.stage import Counts, GlobalContext, GlobalStage, Phase


class Deduplication(GlobalStage):
    """A stage that matches documents by hashes: where any hash of two documents agrees, they are the same to it."""

    libraries: ClassVar[tuple[str, ...]] = ("regex",)
    columns: ClassVar[tuple[str, ...]] = ("id", "text")
    drops: ClassVar[bool] = True
    rule: ClassVar[str]
    """The rule under which duplicates are rejected."""

    keep: Keep

    def hash_count(self) -> int:
        """Return how many hashes a document has; two match where any of them agrees."""
        raise NotImplementedError

    def hash_columns(self, index: int) -> tuple[str, ...]:
        """Return the columns of the tap's table that make up a hash."""
        raise NotImplementedError

    def phases(self, parts: int) -> tuple[Phase, ...]:
        """Return the phases match, cluster and drop."""
        return clusters.phases(self.hash_count(), parts)

    def run(self, phase: str, task: int, context: GlobalContext) -> Counts | None:
        """Run one task; those of the phase `drop` count documents."""
        if phase == clusters.MATCH:
            index, bucket = divmod(task, clusters.buckets(len(context.upstream.parts)))
            clusters.match(self.hash_columns(index), task, bucket, context)
            return None
        if phase == clusters.CLUSTER:
            clusters.cluster(self.keep, context)
            return None
        return clusters.drop(self.name, self.rule, task, context)
