"""What all deduplication stages share: they match documents by hashes, and of each cluster one document stays.

A stage takes what it needs of each document in the pass before (`prep.stages.dedup.taps`), so the text is read once,
and loses documents by a bitmap, so it is not written again. Documents that an earlier stage has dropped take no part.
The phases, each of independent tasks:

    sort    per part             hashes in rising order, ranks       prep.stages.dedup.matching
    match   per hash and range   pairs                               prep.stages.dedup.matching
    cluster one                  clusters, and whom each keeps       prep.stages.dedup.clusters, keep
    drop    per part             bitmap, columns, rejected documents prep.stages.dedup.clusters

and with an index, whose documents are compared as if they were the first parts:

    remember per part            what the index keeps                prep.stages.dedup.index
    extend   one                 the index's next generation         prep.stages.dedup.index
"""

from collections.abc import Iterator
from functools import cached_property
from typing import ClassVar

import pyarrow as pa
from pydantic import ByteSize, Field

from prep.corpus.errors import Problem
from prep.stages.dedup import clusters, index, matching
from prep.stages.dedup.documents import Documents
from prep.stages.dedup.index import Crawl, Index
from prep.stages.dedup.keep import Keep, Policy
from prep.stages.dedup.matching import Matcher, Range
from prep.stages.stage import CheckContext, Counts, GlobalContext, GlobalStage, Phase

SORT, MATCH, CLUSTER, DROP = "sort", "match", "cluster", "drop"
REMEMBER, EXTEND = "remember", "extend"


class Deduplication(GlobalStage):
    """A stage that matches documents by hashes: where any hash of two documents agrees, they are the same to it."""

    version: ClassVar[int] = 2
    libraries: ClassVar[tuple[str, ...]] = ("regex",)
    columns: ClassVar[tuple[str, ...]] = ("id", "text")
    drops: ClassVar[bool] = True
    rule: ClassVar[str]
    """The rule under which duplicates are rejected."""

    keep: Keep
    score: str | None = None
    """With `keep: best`: the column of numbers that says how good a document is."""
    sources: tuple[str, ...] = ()
    """With `keep: source`: the sources, the best first."""
    within: str | None = None
    """A column, such as `language`: only documents with the same value in it are compared."""
    index: Index | None = None
    """An index of earlier crawls, `{folder: …, crawl: NAME}`: documents that match one of theirs are lost, whatever
    `keep` says, and the run's own documents are added to it."""
    memory: ByteSize = Field(ByteSize(2 << 30), ge=16 << 20)
    """What a task may take, such as `2GiB`; changes no result."""

    @property
    def policy(self) -> Policy:
        """Which document of a cluster is kept."""
        return Policy(self.keep, self.score, self.sources)

    def problems(self, context: CheckContext) -> Iterator[Problem]:
        """Find options that contradict each other, and columns that are not there."""
        yield from self.policy.problems(context)
        if self.within is not None and self.within not in context.schema.names:
            seen = ", ".join(context.schema.names)
            yield Problem(f"there is no column '{self.within}'", ("within",), "a column of the documents", seen)
        if self.index is not None:
            yield from index.problems(self.index, self.index_settings())

    def index_settings(self) -> dict[str, object]:
        """Return what all crawls of an index must have in common."""
        tap = self.tap()
        assert tap is not None
        return index.settings_of(self.name, tap, self.within)

    @cached_property
    def crawls(self) -> tuple[Crawl, ...]:
        """The crawls of the index that this one is compared with, as they were when first asked for."""
        return () if self.index is None else index.crawls_before(self.index)

    def identity(self) -> dict[str, object]:
        """Return the settings without the memory, which changes no result, and with the index as it is."""
        settings = self.model_dump(mode="json", exclude={"memory", "index"})
        if self.index is None:
            return settings
        return {**settings, "crawl": self.index.crawl, "after": " ".join(crawl.segment for crawl in self.crawls)}

    def adds(self) -> tuple[pa.Field, ...]:
        """Return the columns about clusters."""
        return clusters.cluster_columns(self.name)

    def hash_count(self) -> int:
        """Return how many hashes a document has; two match where any of them agrees."""
        raise NotImplementedError

    def hash_columns(self, index: int) -> tuple[str, ...]:
        """Return the columns of the tap's table that make up a hash."""
        raise NotImplementedError

    def least_similarity(self) -> float | None:
        """Return how similar the sketches of two documents must be for a match to count; None where hashes decide."""
        return None

    def guard(self) -> clusters.Guard | None:
        """Return what holds for clusters that are too large; None trusts all."""
        return None

    def phases(self, parts: int) -> tuple[Phase, ...]:
        """Return the phases."""
        tasks = self.hash_count() * matching.ranges(parts)
        phases = (Phase(SORT, parts), Phase(MATCH, tasks), Phase(CLUSTER, 1), Phase(DROP, parts))
        return phases if self.index is None else (*phases, Phase(REMEMBER, parts), Phase(EXTEND, 1))

    def run(self, phase: str, task: int, context: GlobalContext) -> Counts | None:
        """Run one task; those of the phase `drop` count documents."""
        known = () if self.index is None else index.known_parts(self.index, self.crawls)
        documents = Documents(context, known)
        if phase == SORT:
            hashes = [self.hash_columns(index) for index in range(self.hash_count())]
            matching.sort(hashes, self.policy, self.within, task, context)
        elif phase == MATCH:
            count = matching.ranges(len(context.upstream.parts))
            hash_, part = divmod(task, count)
            halves = len(self.hash_columns(hash_))
            matcher = Matcher(hash_, halves, self.policy, documents, self.memory)
            pairs = matcher.pairs(Range.of(part, count))
            least = self.least_similarity()
            verified = pairs if least is None else matching.verified(pairs, least, documents)
            matching.write_pairs(task, verified, context)
        elif phase == CLUSTER:
            clusters.cluster(self.policy, self.guard(), self.memory, documents, context)
        elif phase == DROP:
            return clusters.drop(self.name, self.rule, task, documents, context)
        elif phase == REMEMBER:
            index.remember(task, documents, context)
        elif self.index is not None:
            index.extend(self.index, self.crawls, self.index_settings(), context)
        return None
