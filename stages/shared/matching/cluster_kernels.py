"""Union-find and forests over document numbers, and the least value per cluster, as numba kernels.

Union-find with path halving (Tarjan and van Leeuwen 1984); the smallest number of a set is its root, so that the sets
and their roots do not depend on the order of the pairs. Cost: O(pairs · log documents) at worst, nearly linear in
practice; eight bytes per document.
"""

import numpy as np
import numpy.typing as npt

from prep.corpus.arrow.columns import Bytes, Offsets
from prep.corpus.kernels import kernel, leaf

Numbers = npt.NDArray[np.int64]
Values = npt.NDArray[np.uint64]

_GREATEST = np.uint64(0xFFFFFFFFFFFFFFFF)
_BYTE = np.uint64(8)


@kernel
def unite(parents: Numbers, left: Numbers, right: Numbers) -> None:
    """Join the sets of `left[i]` and `right[i]`. Begin with `parents[i] = i`."""
    for pair in range(len(left)):
        first = _root(parents, left[pair])
        second = _root(parents, right[pair])
        if first < second:
            parents[second] = first
        else:
            parents[first] = second


@kernel
def adopt(parents: Numbers, left: Numbers, right: Numbers) -> None:
    """Give `right[i]` the parent `left[i]` unless it has one. Begin with `parents[i] = i`; pairs may form no circle."""
    for pair in range(len(left)):
        if parents[right[pair]] == right[pair]:
            parents[right[pair]] = left[pair]


@kernel
def point_to_roots(parents: Numbers) -> None:
    """Make every document's parent the root of its set."""
    for number in range(len(parents)):
        parents[number] = _root(parents, number)


@kernel
def count_members(parents: Numbers, sizes: Numbers) -> int:
    """Count the documents of each set at its root, where all parents are roots; return how many sets have two."""
    sizes[:] = 0
    for number in range(len(parents)):
        sizes[parents[number]] += 1
    several = 0
    for number in range(len(parents)):
        several += sizes[number] > 1
    return several


@kernel
def lower(least: Values, roots: Numbers, values: Values) -> None:
    """Lower `least[roots[i]]` to `values[i]`."""
    for item in range(len(values)):
        least[roots[item]] = min(least[roots[item]], values[item])


@kernel
def least(values: Values, clusters: Numbers, count: int) -> Values:
    """Return the least value in each of `count` clusters (uint64), where `clusters[i]` is that of `values[i]`."""
    found = np.full(count, _GREATEST)
    for item in range(len(values)):
        found[clusters[item]] = min(found[clusters[item]], values[item])
    return found


@kernel
def id_words(data: Bytes, offsets: Offsets, at: int) -> Values:
    """Return the eight bytes of each id from its byte `at` on, as big-endian numbers (uint64), zeros beyond its end."""
    rows = len(offsets) - 1
    found = np.zeros(rows, np.uint64)
    for row in range(rows):
        start = offsets[row] + at
        for position in range(start, start + 8):
            byte = data[position] if position < offsets[row + 1] else np.uint8(0)
            found[row] = (found[row] << _BYTE) | np.uint64(byte)
    return found


@leaf
def _root(parents: Numbers, number: int) -> int:
    while parents[number] != number:
        parents[number] = parents[parents[number]]
        number = parents[number]
    return number
