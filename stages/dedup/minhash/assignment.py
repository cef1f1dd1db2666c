"""Which documents go, each in favour of a kept one that it resembles itself.

The pairs of the match phase say which documents share a band. Their connected components are far too coarse: by
transitivity, pages of one template link thousands that have little in common. Inside each component, documents are
taken in the order of the keep policy. The first stays. Each later one is compared with those kept so far that share a
band with it, and with the last of those kept in its component, which finds similar documents that no band has in
common; it goes in favour of the most similar one if they are as similar as the setting asks, and stays otherwise, so
that later ones can go in its favour (the leader algorithm, Hartigan 1975, "Clustering Algorithms", chapter 3). Exact
copies of a document go wherever it goes. So no document is lost to one that it does not resemble, two kept documents
that were compared do not resemble each other, and the order of the policy alone decides.

Under `earliest`, only documents that share a band are compared: what joins two components later changes nothing. In an
index, what was kept stays, and nothing but exact copies goes in favour of what was lost.

Cost: O(documents · log documents) to order, and per document at most MOST comparisons per band and for its component;
usually a few. Components are taken some at a time, so that what is held of documents stays within the memory of the
setting, unless a single component takes more. Disk, where they do not fit at once: 24 bytes per pair.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from prep.corpus.files.storage import atomic_output, expand, join, read_arrow
from prep.stages.dedup.minhash.assignment_kernels import (
    Buckets,
    Evidence,
    Rules,
    Standing,
    assign,
    enter_pairs,
    make_buckets,
)
from prep.stages.dedup.minhash.similarity import CANDIDATES, Selection, sets_of
from prep.stages.shared.matching.cluster_kernels import Numbers
from prep.stages.shared.matching.documents import Documents
from prep.stages.shared.matching.keep import Policy, keys, order_within
from prep.stages.shared.matching.matching import PAIRS, read_pairs
from prep.stages.upstream import GlobalContext

MOST = 64
"""Kept documents of a band, or of a component, that a document is compared with."""
DOUBT = 0.1
"""Where texts are compared, estimates may be this much below: five deviations."""
MEMBER_BYTES = 800
"""Memory per document of a component: sketch, buckets, keys."""
TEXT_BYTES = 10_000
"""Memory per document whose set of shingles is compared."""
_STEP = 1 << 20
_SCHEMA = pa.schema({"task": pa.int64(), "left": pa.int64(), "right": pa.int64()})


class Verification(NamedTuple):
    """How similar a document must be to the one kept in its place, and by what."""

    least: float
    by_text: bool


class Assigned(NamedTuple):
    """Some documents, the ones kept in their places, and their similarity."""

    numbers: Numbers
    kept: Numbers
    similarity: npt.NDArray[np.float64]


class Components(NamedTuple):
    """The connected components of all pairs."""

    parents: Numbers
    """The root of each document's component."""
    sizes: Numbers
    """How many documents a component has, at its root."""
    local: Numbers
    """Space for a number per document."""


def assignments(
    components: Components,
    policy: Policy,
    verification: Verification,
    memory: int,
    documents: Documents,
    context: GlobalContext,
) -> Iterator[Assigned]:
    """Yield what becomes of the documents in components of two or more."""
    most = max(2, memory // (TEXT_BYTES if verification.by_text else MEMBER_BYTES))
    firsts = _chunks(components.sizes, most)
    chunks = len(firsts)
    if chunks > 1:
        _split_pairs(components.parents, firsts, context)
    for chunk in range(chunks):
        numbers = _members(components, firsts, chunk)
        components.local[numbers] = np.arange(len(numbers))
        buckets = _buckets(_pairs(chunk, chunks, context), len(numbers), components.local)
        evidence = _evidence(numbers, verification.by_text, documents, context)
        order = order_within(numbers, components.parents[numbers], keys(policy, documents))
        clusters = np.unique(components.parents[numbers], return_inverse=True)[1].astype(np.int64)
        replaced = documents.replaced(numbers)
        fixed = (numbers < documents.offsets[documents.new_parts.start]) & ~replaced
        rules = Rules(verification.least, DOUBT, verification.by_text, policy.by_time, MOST)
        kept, similarity = assign(order, clusters, buckets, evidence, Standing(fixed, replaced), rules)
        yield Assigned(numbers, numbers[kept], similarity)


def _chunks(sizes: Numbers, most: int) -> Numbers:
    """Return the first root of each chunk of components, which have about so many documents together."""
    firsts, inside, last = [], 0, -1
    for start in range(0, len(sizes), _STEP):
        some = sizes[start : start + _STEP]
        before = np.cumsum(np.where(some > 1, some, 0)) - np.where(some > 1, some, 0) + inside
        numbers = np.where(some > 1, before // most, -1)
        for chunk in np.unique(numbers[numbers > last]).tolist():
            firsts.append(start + int(np.flatnonzero(numbers == chunk)[0]))
            last = chunk
        inside += int(some[some > 1].sum())
    return np.array(firsts, np.int64)


def _members(components: Components, firsts: Numbers, chunk: int) -> Numbers:
    """Return the documents of a chunk of components, rising."""
    found = [np.empty(0, np.int64)]
    for start in range(0, len(components.parents), _STEP):
        roots = components.parents[start : start + _STEP]
        inside = (components.sizes[roots] > 1) & (np.searchsorted(firsts, roots, side="right") - 1 == chunk)
        found.append(np.flatnonzero(inside) + start)
    return np.concatenate(found)


def _split_pairs(parents: Numbers, firsts: Numbers, context: GlobalContext) -> None:
    """Write the pairs of each chunk to a file of its own."""
    with ExitStack() as stack:
        writers = []
        for chunk in range(len(firsts)):
            sink = stack.enter_context(atomic_output(_chunk_path(context, chunk)))
            writers.append(stack.enter_context(pa.ipc.new_file(sink, _SCHEMA)))
        for task, left, right in _all_pairs(context):
            chunk_of = np.searchsorted(firsts, parents[left], side="right") - 1
            for chunk in np.unique(chunk_of).tolist():
                mine = chunk_of == chunk
                tasks = np.full(int(mine.sum()), task)
                writers[chunk].write_batch(pa.record_batch([tasks, left[mine], right[mine]], _SCHEMA))


def _pairs(chunk: int, chunks: int, context: GlobalContext) -> Iterator[tuple[int, Numbers, Numbers]]:
    """Yield the pairs of a chunk, those of a match task together, with its number."""
    if chunks == 1:
        yield from _all_pairs(context)
        return
    for batch in read_arrow(_chunk_path(context, chunk)).to_batches():
        task, left, right = (column.to_numpy() for column in batch.columns)
        yield int(task[0]), left, right


def _all_pairs(context: GlobalContext) -> Iterator[tuple[int, Numbers, Numbers]]:
    for task, path in enumerate(expand(join(context.scratch, PAIRS))):
        for left, right in read_pairs(read_arrow(path)):
            if len(left):
                yield task, left, right


def _chunk_path(context: GlobalContext, chunk: int) -> str:
    return join(context.scratch, "chunks", f"{chunk:05d}.arrow")


def _buckets(pairs: Iterable[tuple[int, Numbers, Numbers]], members: int, local: Numbers) -> Buckets:
    """Return the buckets of the members of a chunk, of which `local` says the places."""
    task_of, bucket_of = np.full(members, -1), np.empty(members, np.int64)
    places, buckets, count = [np.empty(0, np.int64)], [np.empty(0, np.int64)], 0
    for task, left, right in pairs:
        found, of, count = enter_pairs(local[left], local[right], task, task_of, bucket_of, count)
        places.append(found)
        buckets.append(of)
    return make_buckets(members, np.concatenate(places), np.concatenate(buckets), count)


def _evidence(numbers: Numbers, by_text: bool, documents: Documents, context: GlobalContext) -> Evidence:
    sets, bounds = np.empty(0, np.uint64), np.zeros(1, np.int64)
    if by_text:
        sets, bounds = sets_of(Selection(CANDIDATES, context).take(*documents.places(numbers)))
    return Evidence(documents.sketches(numbers), documents.contents(numbers), sets, bounds)
