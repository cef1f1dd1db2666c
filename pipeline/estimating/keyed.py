"""A sample in which copies stay together, to predict what deduplication takes away.

Of documents drawn one by one at a rate p, a pair is drawn at p²: at 3 %, one duplicate in a thousand meets its copy,
and what is found must be multiplied by so much that nothing is known. Here the content decides. Of each record the
least hash of its shingles is taken (words of what is read, markup included), its key. Records of Jaccard similarity J
have the same key with probability J (Broder 1997), so that copies are in the sample together or not at all (Gibbons
2001, "Distinct sampling for highly-accurate answers to distinct values queries").

Keys of all records are looked at first, which costs little beside the stages, so it is known how many share each. What
is read is often mostly template, and thousands of pages then share a key that are no copies: groups of more than
MOST_MEMBERS are divided by the least hash of a second function, then a third, up to LEVELS. Groups are strata by the
logarithm of their size (Neyman 1938, "Contribution to the theory of sampling human populations", double sampling): a
few huge groups, such as stubs of one template, would otherwise be in or out by luck. Of each stratum about the same
share of groups is drawn, and at least LEAST_GROUPS; of a large group MOST_MEMBERS members. A member that has a copy
among those drawn stands for members of which all but one in the whole group have one (the coverage of a sample: Good
1953, Biometrika 40:237).

What is compared later is the text that extraction leaves, not what was read. Copies that share c shingles and have u of
their own each have a similarity J = c / (c + 2u), and the least shingle is a common one with probability
c / (c + u) = 2J / (1 + J), here called s. So g copies in a group that d functions have made stand for g / s^d in all,
of which one is kept (for two copies and one function that is Horvitz and Thompson's 1 / J pairs for each); J is
estimated by further functions, and pairs across groups count for nothing. Cost: what is looked at is read twice;
memory: 4 bytes for each record and level.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from prep.corpus.arrow.columns import string_buffers
from prep.corpus.arrow.documents import HTML, ID, TEXT
from prep.corpus.text.hashing import lower_table
from prep.corpus.text.words import word_table
from prep.stages.dedup.minhash.minhash_kernels import Shingling, hash_functions, signatures
from prep.stages.stage import Partition, SourceStage

BUCKETS = 16
"""Tasks of the sample: groups are dealt to them at random, which shows how far it can be trusted."""
FUNCTIONS = 64
"""Hash functions by which the similarity of two records is estimated."""
WORDS = 5
"""Words in a shingle."""
LEAST_GROUPS = 16
"""Groups that are drawn of each size, where there are so many."""
MOST_MEMBERS = 12
"""Members that are drawn of a group."""
LEVELS = 6
"""Functions that divide groups, at most."""
LEAST_CHANCE = 0.1
"""Copies that are in one group with less probability are taken to be there with this."""

Keys = npt.NDArray[np.uint32]
Numbers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Member:
    """A record that was drawn."""

    group: int
    levels: int
    """How many functions have made the group."""
    bucket: int
    weight: float
    """For how many records of the input it stands."""
    drawn: float
    """The share of its group that was drawn."""
    signature: Keys
    """Least values of its shingles (FUNCTIONS)."""

    @property
    def cell(self) -> int:
        """Its bucket; BUCKETS where all groups of its size were drawn, so that no other could have been."""
        return BUCKETS if abs(self.weight * self.drawn - 1) < 1e-9 else self.bucket

    def together(self, others: Sequence["Member"]) -> float:
        """Return the share of a cluster's documents that are in this group with these, the ones that are."""
        similar = float(np.mean([np.mean(self.signature == other.signature) for other in others]))
        return max(LEAST_CHANCE, (2 * similar / (1 + similar)) ** self.levels)


@dataclass(frozen=True)
class Looked:
    """How many records there are in what was looked at."""

    documents: int
    lost: Mapping[tuple[str, str], int]
    """Those that are no documents, by `rejected` or `failed` and the rule."""


@dataclass(frozen=True)
class Keyed:
    """Records of the input, drawn by their content."""

    schema: pa.Schema
    tasks: tuple[tuple[pa.RecordBatch, ...], ...]
    """By bucket."""
    members: Mapping[str, Member]
    """By the records' ids."""
    read: Looked
    """All that was looked at."""


@dataclass(frozen=True)
class Draw:
    """Which records are drawn, by their numbers."""

    chosen: npt.NDArray[np.bool_]
    """(records)"""
    groups: Numbers
    """The number of each record's group (records)."""
    levels: Numbers
    """How many functions have made it (records)."""
    weights: Floats
    """For how many records each stands that is drawn (records)."""
    drawn: Floats
    """The share of its group that was drawn (records)."""


def keyed_sample(
    source: SourceStage, tasks: Sequence[Partition], schema: pa.Schema, rate: float, batch_bytes: int, seed: int
) -> Keyed:
    """Look at stretches of the input and draw about so large a share of their documents."""
    shingling = Shingling(word_table("unicode"), lower_table(), WORDS, characters=False)
    functions = hash_functions(LEVELS + FUNCTIONS, seed)
    own, further = functions[:LEVELS], functions[LEVELS:]
    lost = Counter[tuple[str, str]]()
    keys = [
        signatures(*string_buffers(_content(batch)), shingling, own)[0]
        for batch in _documents(source, tasks, schema, batch_bytes, lost)
    ]
    found = draw(np.concatenate(keys) if keys else np.empty((0, LEVELS), np.uint32), rate, seed)
    dealt = np.random.default_rng(seed).integers(0, BUCKETS, len(found.groups))
    held: list[list[pa.RecordBatch]] = [[] for _ in range(BUCKETS)]
    members: dict[str, Member] = {}
    first = 0
    for batch in _documents(source, tasks, schema, batch_bytes, Counter()):
        numbers = np.flatnonzero(found.chosen[first : first + batch.num_rows])
        first, places = first + batch.num_rows, first + numbers
        some = batch.take(pa.array(numbers))
        signed = signatures(*string_buffers(_content(some)), shingling, further)[0]
        buckets = dealt[found.groups[places]]
        for row, identity in enumerate(some.column(ID.name).to_pylist()):
            at = places[row]
            group, levels = int(found.groups[at]), int(found.levels[at])
            weight, drawn = float(found.weights[at]), float(found.drawn[at])
            members[identity] = Member(group, levels, int(buckets[row]), weight, drawn, signed[row])
        for bucket in np.unique(buckets):
            held[bucket].append(some.filter(pa.array(buckets == bucket)))
    return Keyed(schema, tuple(map(tuple, held)), members, Looked(len(found.groups), lost))


def look(source: SourceStage, tasks: Sequence[Partition], schema: pa.Schema, batch_bytes: int) -> Looked:
    """Count the records of stretches of the input."""
    lost = Counter[tuple[str, str]]()
    documents = sum(batch.num_rows for batch in _documents(source, tasks, schema, batch_bytes, lost))
    return Looked(documents, lost)


def draw(keys: Keys, rate: float, seed: int) -> Draw:
    """Draw records by the groups of those with the same keys (records × LEVELS)."""
    random = np.random.default_rng(seed)
    groups, levels = group(keys)
    sizes = np.bincount(groups)
    strata = np.log2(np.maximum(1, sizes)).astype(np.int64)
    taken = np.zeros(len(sizes), np.bool_)
    scale = np.zeros(len(sizes))
    for stratum in np.unique(strata):
        inside = np.flatnonzero(strata == stratum)
        count = min(len(inside), max(LEAST_GROUPS, round(rate * len(inside))))
        drawn = random.choice(inside, count, replace=False)
        taken[drawn] = True
        scale[drawn] = sizes[inside].sum() / sizes[drawn].sum()
    order = random.permutation(len(keys))
    order = order[np.argsort(groups[order], kind="stable")]
    ranks = np.empty(len(keys), np.int64)
    ranks[order] = np.arange(len(keys)) - (np.cumsum(sizes) - sizes)[groups[order]]
    share = np.minimum(1.0, MOST_MEMBERS / sizes)
    chosen = taken[groups] & (ranks < MOST_MEMBERS)
    return Draw(chosen, groups, levels, (scale / share)[groups], share[groups])


def group(keys: Keys) -> tuple[Numbers, Numbers]:
    """Return the number of each record's group, and how many functions have made that (records)."""
    groups, levels = np.zeros(len(keys), np.int64), np.zeros(len(keys), np.int64)
    for level in range(keys.shape[1]):
        large = np.ones(len(keys), np.bool_) if level == 0 else np.bincount(groups)[groups] > MOST_MEMBERS
        levels[large] += 1
        split = (groups << np.int64(32)) | np.where(large, keys[:, level], 0).astype(np.int64)
        groups = np.unique(split, return_inverse=True)[1]
    return groups, levels


def has_content(schema: pa.Schema) -> bool:
    """Say whether records bring anything to choose them by."""
    return TEXT.name in schema.names or HTML.name in schema.names


def _documents(
    source: SourceStage, tasks: Sequence[Partition], schema: pa.Schema, batch_bytes: int, lost: Counter[tuple[str, str]]
) -> Iterator[pa.RecordBatch]:
    """Yield the records that are documents, and count those that are none."""
    for task in tasks:
        for batch, verdicts in source.read(task, schema, batch_bytes):
            if verdicts is not None:
                failed = np.zeros(batch.num_rows, np.bool_) if verdicts.failed is None else verdicts.failed.to_pylist()
                lost.update(
                    ("failed" if broken else "rejected", rule)
                    for rule, broken in zip(verdicts.rule.to_pylist(), failed, strict=True)
                    if rule is not None
                )
            documents = batch if verdicts is None else batch.filter(verdicts.rule.is_null())
            if documents.num_rows:
                yield documents


def _content(batch: pa.RecordBatch) -> pa.Array:
    names = [name for name in (HTML.name, TEXT.name) if name in batch.schema.names]
    return pc.coalesce(*(batch.column(name).cast(pa.large_binary()) for name in names))
