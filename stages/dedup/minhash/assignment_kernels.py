"""Assignment of documents to kept ones that they resemble, as numba kernels. See `assignment.py`."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from prep.corpus.arrow.columns import Offsets
from prep.corpus.kernels import inner, kernel, leaf
from prep.corpus.text.hashing import find_slot, table_size
from prep.stages.shared.matching.cluster_kernels import Numbers, Values
from prep.stages.shared.matching.sketch_kernels import Sketches, estimate, jaccard_of

Flags = npt.NDArray[np.bool_]

_NONE = -1
_ODD = np.uint64(1)


class Buckets(NamedTuple):
    """Which documents share a hash: the buckets of each document, and whose bucket each is."""

    bounds: Offsets
    """Where each document's buckets begin in `buckets` (documents + 1)."""
    buckets: Numbers
    total: int
    """Different buckets."""


class Evidence(NamedTuple):
    """What documents are compared by."""

    sketches: Sketches
    contents: Values
    """The same for exact copies."""
    sets: Values
    """The sets of shingles, one after the other; empty where the sketches decide."""
    bounds: Offsets
    """Where each document's set begins (documents + 1)."""


class Rules(NamedTuple):
    """When a document goes."""

    least: float
    """Similarity from which a document goes in favour of a kept one."""
    doubt: float
    """With sets: by how much an estimate may be below the least similarity for the sets to be compared."""
    by_text: bool
    local: bool
    """Whether only documents of the same bucket are compared, not all of a cluster."""
    most: int
    """Kept documents of a bucket, or of a cluster, that a document is compared with: the last ones in the order."""


class Standing(NamedTuple):
    """What is settled of documents before any is compared."""

    fixed: Flags
    """They stay, whatever they resemble."""
    replaced: Flags
    """They were lost to another before, and nothing is lost to them but exact copies."""


@kernel
def enter_pairs(
    lefts: Numbers, rights: Numbers, task: int, task_of: Numbers, bucket_of: Numbers, count: int
) -> tuple[Numbers, Numbers, int]:
    """Return pairs of a document and a bucket, and the buckets there are now, from pairs that a match task has found.

    Documents with the same left one are of one bucket. `task_of` and `bucket_of` hold the last task in which each
    document was a left one, and its bucket then; pairs of a task come one after the other.
    """
    places, buckets = np.empty(2 * len(lefts), np.int64), np.empty(2 * len(lefts), np.int64)
    found = 0
    for pair in range(len(lefts)):
        left = lefts[pair]
        if task_of[left] != task:
            task_of[left] = task
            bucket_of[left] = count
            places[found], buckets[found] = left, count
            count += 1
            found += 1
        places[found], buckets[found] = rights[pair], bucket_of[left]
        found += 1
    return places[:found].copy(), buckets[:found].copy(), count


@kernel
def make_buckets(documents: int, places: Numbers, buckets: Numbers, count: int) -> Buckets:
    """Return the buckets of each document, from pairs of a document and a bucket."""
    bounds = np.zeros(documents + 1, np.int64)
    for item in range(len(places)):
        bounds[places[item] + 1] += 1
    for place in range(documents):
        bounds[place + 1] += bounds[place]
    free = bounds[:-1].copy()
    sorted_buckets = np.empty(len(places), np.int64)
    for item in range(len(places)):
        sorted_buckets[free[places[item]]] = buckets[item]
        free[places[item]] += 1
    return Buckets(bounds, sorted_buckets, count)


class _Leaders(NamedTuple):
    """The documents kept so far, as lists that lead from the last one back, by bucket and by cluster."""

    last_of_bucket: Numbers
    """The last entry of `Buckets.buckets` by which a kept document is in the bucket."""
    before_in_bucket: Numbers
    """The entry before each entry."""
    owner: Numbers
    """The document of each entry."""
    last_of_cluster: Numbers
    before_in_cluster: Numbers
    compared: Numbers
    """The last document that each was compared with."""


@kernel
def assign(
    order: Numbers, clusters: Numbers, buckets: Buckets, evidence: Evidence, standing: Standing, rules: Rules
) -> tuple[Numbers, npt.NDArray[np.float64]]:
    """Return for each document the one kept in its place, itself if it stays, and how similar the two are.

    Goes over documents in their order. An exact copy goes where the first of its kind went. Any other goes in favour of
    the most similar of the documents kept so far in its buckets (and in its cluster, unless `local`) that is similar
    enough, and stays where there is none. `clusters` are numbered from 0.
    """
    documents = len(order)
    kept = np.arange(documents)
    similarity = np.ones(documents, np.float64)
    size = table_size(documents)
    keys, firsts = np.zeros(size, np.uint64), np.zeros(size, np.int64)
    leaders = _make_leaders(documents, buckets, clusters.max() + 1 if documents else 0)
    for document in order:
        key = max(evidence.contents[document], _ODD)
        slot = find_slot(keys, size, key)
        if keys[slot] == 0:
            keys[slot] = key
            firsts[slot] = document
        elif not standing.fixed[document] and not standing.replaced[document]:
            kept[document] = kept[firsts[slot]]
            similarity[document] = similarity[firsts[slot]]
            continue
        if standing.replaced[document]:
            continue
        if not standing.fixed[document]:
            best, most = _most_similar(document, clusters[document], buckets, leaders, evidence, rules)
            if best != _NONE:
                kept[document] = best
                similarity[document] = most
                continue
        _add_leader(document, clusters[document], buckets, leaders)
    return kept, similarity


@inner
def _make_leaders(documents: int, buckets: Buckets, clusters: int) -> _Leaders:
    entries = len(buckets.buckets)
    return _Leaders(
        np.full(buckets.total, _NONE),
        np.full(entries, _NONE),
        np.empty(entries, np.int64),
        np.full(clusters, _NONE),
        np.full(documents, _NONE),
        np.full(documents, _NONE),
    )


@inner
def _most_similar(
    document: int, cluster: int, buckets: Buckets, leaders: _Leaders, evidence: Evidence, rules: Rules
) -> tuple[int, float]:
    """Return the kept document that resembles one most, and how much; −1 where none does enough."""
    best, most = _NONE, rules.least
    for entry in range(buckets.bounds[document], buckets.bounds[document + 1]):
        other = leaders.last_of_bucket[buckets.buckets[entry]]
        for _ in range(rules.most):
            if other == _NONE:
                break
            best, most = _compare(document, leaders.owner[other], best, most, leaders, evidence, rules)
            other = leaders.before_in_bucket[other]
    leader = _NONE if rules.local else leaders.last_of_cluster[cluster]
    for _ in range(rules.most):
        if leader == _NONE:
            break
        best, most = _compare(document, leader, best, most, leaders, evidence, rules)
        leader = leaders.before_in_cluster[leader]
    return best, most


@leaf
def _compare(
    document: int, leader: int, best: int, most: float, leaders: _Leaders, evidence: Evidence, rules: Rules
) -> tuple[int, float]:
    """Return the more similar of a kept document and the best so far."""
    if leaders.compared[leader] == document:
        return best, most
    leaders.compared[leader] = document
    found = estimate(evidence.sketches[document], evidence.sketches[leader])
    if rules.by_text and found >= most - rules.doubt:
        one = evidence.sets[evidence.bounds[document] : evidence.bounds[document + 1]]
        found = jaccard_of(one, evidence.sets[evidence.bounds[leader] : evidence.bounds[leader + 1]])
    elif rules.by_text:
        return best, most
    if found > most or (found == most and best == _NONE):
        return leader, found
    return best, most


@leaf
def _add_leader(document: int, cluster: int, buckets: Buckets, leaders: _Leaders) -> None:
    for entry in range(buckets.bounds[document], buckets.bounds[document + 1]):
        leaders.owner[entry] = document
        leaders.before_in_bucket[entry] = leaders.last_of_bucket[buckets.buckets[entry]]
        leaders.last_of_bucket[buckets.buckets[entry]] = entry
    leaders.before_in_cluster[document] = leaders.last_of_cluster[cluster]
    leaders.last_of_cluster[cluster] = document
