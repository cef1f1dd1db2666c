"""What all deduplication stages share: they match documents by hashes, and of each cluster one document stays.

A stage takes what it needs of each document in the pass before (`prep.stages.dedup.taps`), so the text is read once,
and loses documents by a bitmap, so it is not written again. Documents that an earlier stage has dropped take no part.
The phases, each of independent tasks:

    sort    per group of parts   hashes in rising order, ranks       prep.stages.shared.matching.sorted_hashes
    match   per hash and range   pairs                               prep.stages.shared.matching.matching
    cluster one                  who is kept in whose place          prep.stages.dedup.clusters, minhash.assignment
    count   per part             what went, by source and language   prep.stages.dedup.losses, kept
    add_up  one                  the same of all parts               prep.stages.dedup.losses, kept
    drop    per part             bitmap, columns, rejected documents prep.stages.dedup.clusters

between match and cluster, where texts are compared (`verify` only where clusters are transitive):

    choose  one                  the documents in pairs              prep.stages.dedup.minhash.similarity
    shingle per part             their sets of shingles              prep.stages.dedup.minhash.similarity
    verify  per hash and range   the pairs that are similar          prep.stages.dedup.minhash.similarity

for the audit, unless it is switched off:

    sample  one                  pairs and clusters to look at       prep.stages.dedup.audit
    quote   per part             their sets of shingles, texts       prep.stages.dedup.minhash.similarity
    audit   one                  what people read                    prep.stages.dedup.audit

and with an index, whose documents are compared as if they were the first parts:

    remember per part            what the index keeps                prep.stages.dedup.index
    extend   one                 the index's next generation         prep.stages.dedup.index
"""

from collections.abc import Iterator
from functools import cached_property
from typing import Annotated, ClassVar, Literal

import pyarrow as pa
from pydantic import ByteSize, Field

from prep.corpus.errors import Problem
from prep.corpus.text.hashing import lower_table
from prep.corpus.text.words import word_table
from prep.stages.dedup import alarms, audit, clusters, index, losses
from prep.stages.dedup.audit import Judge
from prep.stages.dedup.index import Crawl, Index
from prep.stages.dedup.minhash import similarity
from prep.stages.dedup.minhash.assignment import Verification
from prep.stages.dedup.minhash.minhash_kernels import Shingling
from prep.stages.dedup.minhash.similarity import Selection
from prep.stages.results import Results, RunWarning
from prep.stages.settings import Size
from prep.stages.shared.matching import matching, sorted_hashes
from prep.stages.shared.matching.documents import Documents
from prep.stages.shared.matching.keep import Keep, Policy
from prep.stages.shared.matching.matching import Matcher
from prep.stages.stage import CheckContext, GlobalStage, Phase, Tagging
from prep.stages.upstream import GlobalContext
from prep.stages.verdicts import PartVerdicts

ID_BYTES = 64
"""What an id, a length and a verdict take, for the prediction of disk use."""
PAIR_BYTES = 16
INPUT_BYTES = 3000
"""What a document takes of compressed input, for the prediction of disk use."""
SORT, MATCH, CLUSTER, DROP = "sort", "match", "cluster", "drop"
COUNT, ADD_UP = "count", "add_up"
CHOOSE, SHINGLE, VERIFY = "choose", "shingle", "verify"
SAMPLE, QUOTE, AUDIT = "sample", "quote", "audit"
REMEMBER, EXTEND = "remember", "extend"


class Deduplication(Tagging, GlobalStage):
    """A stage that matches documents by hashes: where any hash of two documents agrees, they are the same to it."""

    version: ClassVar[int] = 5
    libraries: ClassVar[tuple[str, ...]] = ("regex",)
    columns: ClassVar[tuple[str, ...]] = ("id", "text")
    drops: ClassVar[bool] = True
    compares: ClassVar[bool] = True
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
    audit: Annotated[int, Field(ge=0)] | Literal["all"] = 1000
    """Pairs of a removed document and the one kept that are looked at again, with their texts: a sample of so many, or
    `all`; 0 makes no audit."""
    origins: bool = False
    """Whether to add how many sources and hosts a cluster has (`…_cluster_sources`, `…_cluster_hosts`, 0 where they are
    unknown): what stands in many places is often worth more, and can be repeated by `sample`."""
    alarm: float = Field(0.5, ge=0, le=1)
    """A source or language that loses a larger share of its documents is a warning. Changes no result."""
    memory: Size = Field(2 << 30, ge=16 << 20)
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

    def remarks(self, context: CheckContext) -> Iterator[str]:
        """Say what disk the stage will take: the tap's table, the sorted hashes, pairs and verdicts."""
        halves = sum(len(self.hash_columns(number)) for number in range(self.hash_count()))
        each = self.sketch_bytes() + ID_BYTES + halves * 16 + self.hash_count() * (8 + PAIR_BYTES // 2)
        documents = max(1, context.input_bytes // INPUT_BYTES)
        if self.index is not None:
            names = ", ".join(crawl.name for crawl in self.crawls) or "no crawl yet"
            yield f"index {self.index.folder}: compared with {names}; adds {self.index.crawl}"
        yield (
            f"{each:,} bytes of disk per document, half of it until the stage is done; if a document takes "
            f"{INPUT_BYTES:,} bytes of input, about {documents:,} documents and {_human(documents * each)}; "
            f"memory up to {_human(self.memory)} per task"
        )

    def sketch_bytes(self) -> int:
        """Return the bytes of a document's sketch."""
        return 0

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
        settings = self.model_dump(mode="json", exclude={"memory", "index", "alarm"})
        if self.index is None:
            return settings
        return {**settings, "crawl": self.index.crawl, "after": " ".join(crawl.segment for crawl in self.crawls)}

    def adds(self) -> tuple[pa.Field, ...]:
        """Return the columns about clusters."""
        return clusters.cluster_columns(self.name, self.origins)

    def hash_count(self) -> int:
        """Return how many hashes a document has; two match where any of them agrees."""
        raise NotImplementedError

    def hash_columns(self, index: int) -> tuple[str, ...]:
        """Return the columns of the tap's table that make up a hash."""
        raise NotImplementedError

    def least_similarity(self) -> float | None:
        """Return how similar the sketches of two documents must be for a match to count; None where hashes decide."""
        return None

    def reads_texts(self) -> bool:
        """Return whether matches are verified by the texts instead of the sketches."""
        return False

    def verification(self) -> Verification | None:
        """Return how similar a document must be to the one kept in its place; None trusts the pairs."""
        return None

    def verifies_pairs(self) -> bool:
        """Return whether pairs below the least similarity are left out before clusters are made of them."""
        return self.verification() is None and self.least_similarity() is not None

    def shingling(self) -> Shingling:
        """Return how texts are cut to find their true similarity."""
        return Shingling(word_table("unicode"), lower_table(), 5, characters=False)

    def judge(self) -> Judge:
        """Return what the audit judges pairs by."""
        return Judge(None, lambda _: 1.0)

    def abridged(self, run: int, share: float) -> "Deduplication":
        """Return the stage without its index, which a sample must not add to."""
        return self if self.index is None else self.model_copy(update={"index": None})

    def phases(self, parts: int) -> tuple[Phase, ...]:
        """Return the phases."""
        tasks = self.hash_count() * sorted_hashes.ranges(parts)
        found = [Phase(SORT, sorted_hashes.groups(parts)), Phase(MATCH, tasks)]
        if self.reads_texts():
            found += [Phase(CHOOSE, 1), Phase(SHINGLE, parts)]
            found += [Phase(VERIFY, tasks)] if self.verifies_pairs() else []
        found += [Phase(CLUSTER, 1), Phase(COUNT, parts), Phase(ADD_UP, 1), Phase(DROP, parts)]
        if self.audit:
            found += [Phase(SAMPLE, 1), Phase(QUOTE, parts), Phase(AUDIT, 1)]
        if self.index is not None:
            found += [Phase(REMEMBER, parts), Phase(EXTEND, 1)]
        return tuple(found)

    def is_light(self, phase: str) -> bool:
        """Return whether no index of earlier documents is read, which may be of any size."""
        return self.index is None

    def run(self, phase: str, task: int, context: GlobalContext) -> PartVerdicts | None:
        """Run one task; those of the phase `drop` return verdicts."""
        known = () if self.index is None else index.known_parts(self.index, self.crawls)
        documents = Documents(context, known)
        if phase == DROP:
            origins = losses.origins(context) if self.origins else None
            return clusters.drop(self.name, self.rule, task, origins, documents, context)
        if phase == SORT and task == 0 and self.index is not None:
            index.confirm(self.index, self.crawls)
        if phase == SORT:
            sorted_hashes.sort(self._hashes(), self.policy, self.within, task, self.memory, context)
        elif phase == MATCH:
            self._match(task, documents, context)
        elif phase == CLUSTER:
            pairs = similarity.VERIFIED if self.verifies_pairs() and self.reads_texts() else matching.PAIRS
            clusters.cluster(self.policy, self.verification(), self.memory, pairs, documents, context)
        elif phase == COUNT:
            losses.count(task, self.origins, documents, context)
        elif phase == ADD_UP:
            losses.add_up(self.origins, documents, context)
        elif phase in (CHOOSE, SHINGLE, VERIFY):
            self._verify(phase, task, documents, context)
        elif phase in (SAMPLE, QUOTE, AUDIT):
            self._audit(phase, task, documents, context)
        elif phase == REMEMBER:
            index.remember(task, self._hashes(), self.within, documents, context)
        elif self.index is not None:
            index.extend(self.index, self.crawls, self.index_settings(), context)
        return None

    def warnings(self, results: Results) -> Iterator[RunWarning]:
        """Name sources and languages that lose much, with the clusters that took it, and removals in doubt."""
        if self.tag is None:
            yield from alarms.losses_in(results, self.name, self.alarm)
        yield from alarms.doubtful(results, self.name)

    def _hashes(self) -> list[tuple[str, ...]]:
        return [self.hash_columns(number) for number in range(self.hash_count())]

    def _elects(self) -> bool:
        """Say whether it matters which document of a run the others are paired with: they go to it, or resemble it."""
        return self.verifies_pairs() or (self.policy.by_time and self.verification() is None)

    def _match(self, task: int, documents: Documents, context: GlobalContext) -> None:
        index, number = divmod(task, sorted_hashes.ranges(len(context.upstream.parts)))
        policy = self.policy if self._elects() else None
        pairs = Matcher(index, policy, documents, self.memory).pairs(number, context)
        least = self.least_similarity()
        if least is not None and self.verifies_pairs() and not self.reads_texts():
            pairs = matching.verified(pairs, least, documents)
        matching.write_pairs(matching.pairs_path(context, task), pairs)

    def _verify(self, phase: str, task: int, documents: Documents, context: GlobalContext) -> None:
        if phase == CHOOSE:
            tasks = self.hash_count() * sorted_hashes.ranges(len(context.upstream.parts))
            similarity.choose_candidates(tasks, documents, context)
        elif phase == SHINGLE:
            Selection(similarity.CANDIDATES, context).read_texts(task, self.shingling())
        else:
            similarity.verify(task, self.least_similarity() or 0, documents, context)

    def _audit(self, phase: str, task: int, documents: Documents, context: GlobalContext) -> None:
        if phase == SAMPLE:
            audit.sample(None if self.audit == "all" else self.audit, documents, context)
        elif phase == QUOTE:
            Selection(audit.AUDIT, context).read_texts(task, self.shingling())
        else:
            audit.write(self.judge(), documents, context)


def _human(bytes_: int) -> str:
    return ByteSize(bytes_).human_readable()
