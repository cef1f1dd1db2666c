"""Which document of a cluster is kept: the first by a sequence of keys, each of which breaks the ties of those before.

A key is a number per document, and the least is kept. The first key of most policies is a rank, a column of numbers
made from the documents' own columns (`ranks`). Ids are compared eight bytes at a time, each step only among those that
are still tied, so that no id is held in memory. The last key is the document's number, for sources that use an id
twice.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from prep.corpus.arrow.columns import is_number, string_buffers
from prep.corpus.errors import Problem
from prep.stages.shared.matching.cluster_kernels import Numbers, Values, least
from prep.stages.shared.matching.date_kernels import NO_DATE, moments
from prep.stages.shared.matching.documents import Documents
from prep.stages.stage import CheckContext

Keep = Literal["longest", "smallest_id", "earliest", "newest", "best", "source"]
Key = Callable[[Numbers], Values]

_LAST = np.uint64(0xFFFFFFFFFFFFFFFF)
_SIGN = np.uint64(1 << 63)


class Policy(NamedTuple):
    """How to choose: the rule, and the column or the sources that it looks at."""

    keep: Keep
    score: str | None = None
    """The column of numbers of `best`."""
    sources: Sequence[str] = ()
    """The sources of `source`, the best first."""

    @property
    def column(self) -> str | None:
        """The documents' column that decides, None where it is one of the tap's."""
        return {"earliest": "date", "newest": "date", "best": self.score, "source": "source"}.get(self.keep)

    @property
    def by_time(self) -> bool:
        """Whether a document can only be lost to one that is before it, so that a later one never links two."""
        return self.keep == "earliest"

    def problems(self, context: CheckContext) -> Iterator[Problem]:
        """Find options that contradict each other, and columns that are not there."""
        for name, value, rule in (("score", self.score, "best"), ("sources", self.sources, "source")):
            if value and self.keep != rule:
                yield Problem(f"'{name}' has a meaning only with keep: {rule}", (name,), hint="take it out")
            if not value and self.keep == rule:
                yield Problem(f"keep: {rule} needs '{name}'", (name,), hint="add it")
        if self.column is None:
            return
        if self.column not in context.schema.names:
            expected, seen = "a column that a stage before makes", ", ".join(context.schema.names)
            yield Problem(f"keep: {self.keep} looks at the column '{self.column}'", ("keep",), expected, seen)
        elif self.keep == "best" and not is_number(context.schema.field(self.column).type):
            kind = str(context.schema.field(self.column).type)
            yield Problem(f"the column '{self.column}' is no score", ("score",), "numbers", kind)

    def ranks(self, column: pa.Array) -> Values:
        """Return the rank of each document (uint64) by its value in the policy's column; the least is kept.

        Documents without a value come last, as do dates that cannot be read and sources that are not listed.
        """
        if self.keep == "source":
            places = pc.index_in(column.cast(pa.string()), pa.array(self.sources, pa.string()))
            ranks: Values = places.fill_null(len(self.sources)).to_numpy().astype(np.uint64)
            return ranks
        if self.keep == "best":
            return _descending(column)
        found = moments(*string_buffers(column))
        rising = found.view(np.uint64) ^ _SIGN
        return np.where(found == NO_DATE, _LAST, rising if self.keep == "earliest" else ~rising)


def _descending(column: pa.Array) -> Values:
    """Return numbers that rise as scores fall; a float's bits rise with its size, and fall below zero."""
    scores = column.cast(pa.float64()).fill_null(np.nan).to_numpy(zero_copy_only=False) + 0.0  # no −0
    bits = scores.view(np.uint64)
    rising = np.where(bits & _SIGN, ~bits, bits | _SIGN)
    return np.where(np.isnan(scores), _LAST, ~rising)


def keys(policy: Policy, documents: Documents) -> Iterator[Key]:
    """Yield the keys of a policy: functions from document numbers, rising, to values (uint64).

    The documents of an index come first, its earlier crawls before its later ones.
    """
    if documents.crawls > 1:
        yield documents.crawl
    if policy.keep == "longest":
        yield lambda numbers: ~documents.lengths(numbers)
    elif policy.column is not None:
        yield documents.ranks
    word = 0
    while True:
        step = _IdWord(documents, word)
        yield step
        word += 1
        if 8 * word >= step.longest:
            break
    yield documents.id_lengths  # zeros at the end of an id look like its end
    yield lambda numbers: numbers.astype(np.uint64)


class _IdWord:
    """The key of eight bytes of the ids; knows how long those are that it was asked for."""

    def __init__(self, documents: Documents, word: int) -> None:
        self._documents = documents
        self._word = word
        self.longest = 0

    def __call__(self, numbers: Numbers) -> Values:
        """Return the bytes as numbers."""
        values, longest = self._documents.id_words(numbers, self._word)
        self.longest = max(self.longest, longest)
        return values


def elect(numbers: Numbers, clusters: Numbers, count: int, keys: Iterable[Key]) -> Numbers:
    """Return the number of the document kept in each of `count` clusters.

    `numbers` are the documents' numbers, rising and different; `clusters[i]` the cluster of `numbers[i]`.
    """
    for key in keys:
        values = key(numbers)
        tied = values == least(values, clusters, count)[clusters]
        numbers, clusters = numbers[tied], clusters[tied]
        if len(numbers) == count:
            break
    elected = np.empty(count, np.int64)
    elected[clusters] = numbers
    return elected


def order_within(numbers: Numbers, clusters: Numbers, keys: Iterable[Key]) -> Numbers:
    """Return the order of documents by cluster and, within each, by keys: places in `numbers` (int64).

    `numbers` are the documents' numbers, rising and different; `clusters[i]` the cluster of `numbers[i]`.
    """
    groups, sizes = np.unique(clusters, return_inverse=True, return_counts=True)[1:]
    positions = (np.cumsum(sizes) - sizes)[groups]  # of the first place that is left for those tied with it
    for key in keys:
        tied = np.flatnonzero(np.bincount(positions, minlength=len(positions))[positions] > 1)
        if not len(tied):
            break
        values = key(numbers[tied])
        order = np.lexsort((values, positions[tied]))
        own, ordered = positions[tied][order], values[order]
        new_group, new_value = _differs(own), _differs(own) | _differs(ordered)
        places = np.arange(len(order))
        first_of_group = np.maximum.accumulate(np.where(new_group, places, 0))
        first_of_equal = np.maximum.accumulate(np.where(new_value, places, 0))
        positions[tied[order]] += first_of_equal - first_of_group
    return np.argsort(positions, kind="stable")


def _differs(values: Numbers | Values) -> npt.NDArray[np.bool_]:
    """Return where a value differs from the one before it; the first does."""
    differs = np.ones(len(values), np.bool_)
    differs[1:] = values[1:] != values[:-1]
    return differs
