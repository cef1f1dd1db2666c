"""Which document of a cluster is kept: the first by a sequence of keys, each of which breaks the ties of those before.

A key is a number per document, and the least is kept. Ids are compared eight bytes at a time, each step only among
those that are still tied, so that no id is held in memory. The last key is the document's number, for sources that
use an id twice.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Literal

import numpy as np

from prep.stages.dedup.cluster_kernels import Numbers, Values, least
from prep.stages.dedup.documents import Documents

Keep = Literal["longest", "smallest_id"]
Key = Callable[[Numbers], Values]


def keys(keep: Keep, documents: Documents) -> Iterator[Key]:
    """Yield the keys of a policy: functions from document numbers, rising, to values (uint64)."""
    if keep == "longest":
        yield lambda numbers: ~documents.lengths(numbers)
    for word in range((documents.longest_id() + 7) // 8):
        yield partial(documents.id_words, word=word)
    yield documents.id_lengths  # zeros at the end of an id look like its end
    yield lambda numbers: numbers.astype(np.uint64)


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
