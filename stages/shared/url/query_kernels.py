"""The parameters of a URL's query: read with escapes in one form, and ordered by name; numba kernels.

Cost: O(bytes), and O(parameters · log parameters) comparisons where they are sorted.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from prep.corpus.arrow.columns import Bytes
from prep.corpus.kernels import inner, kernel, leaf
from prep.stages.shared.url.escape_kernels import write_character
from prep.stages.shared.url.name_kernels import Names, is_name
from prep.stages.shared.url.parts_kernels import Parts

_AMPERSAND, _EQUALS, _SEMICOLON = 0x26, 0x3D, 0x3B


class Scratch(NamedTuple):
    """Buffers for the parameters of one URL: their bytes, where each begins and ends and its name ends, their order."""

    data: Bytes
    starts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    name_ends: npt.NDArray[np.int64]
    order: npt.NDArray[np.int64]


@kernel
def query_scratch(longest: int) -> Scratch:
    """Return buffers for reading the parameters for URLs of up to so many bytes."""
    places = np.empty((4, longest // 2 + 2), np.int64)
    return Scratch(np.empty(3 * longest + 1, np.uint8), places[0], places[1], places[2], places[3])


@leaf
def read_parameters(data: Bytes, parts: Parts, dropped: Names, scratch: Scratch) -> int:
    """Write the parameters that stay to the buffers, and return how many there are."""
    count = 0
    to = start = 0
    name_end = -1
    semicolon = 0
    reading = parts.query + 1
    while reading <= parts.fragment:
        if semicolon and (reading == parts.fragment or data[reading] in (_AMPERSAND, _SEMICOLON)):
            to = without_dropped(scratch.data, semicolon - 1, to, dropped)
            semicolon = 0
        if reading == parts.fragment or data[reading] == _AMPERSAND:
            name_end = to if name_end < 0 else name_end
            if to > start and not is_name(scratch.data, start, name_end, dropped):
                scratch.starts[count] = start
                scratch.ends[count] = to
                scratch.name_ends[count] = name_end
                scratch.order[count] = count
                count += 1
            start = to
            name_end = -1
            reading += 1
        else:
            if data[reading] == _EQUALS and name_end < 0:
                name_end = to
            if data[reading] == _SEMICOLON:
                name_end = to if name_end < 0 else name_end
                semicolon = to + 1
            reading, to = write_character(data, reading, parts.fragment, scratch.data, to)
    return count


@leaf
def without_dropped(data: Bytes, semicolon: int, end: int, dropped: Names) -> int:
    """Return where text ends that ends with `;name=value`: before the semicolon where the name is dropped."""
    name_end = semicolon + 1
    while name_end < end and data[name_end] != _EQUALS:
        name_end += 1
    return semicolon if is_name(data, semicolon + 1, name_end, dropped) else end


@inner
def sort_parameters(scratch: Scratch, count: int) -> None:
    """Sort the order of the parameters by their names, equal ones by number (heap sort: no worst case)."""
    order = scratch.order
    for root in range(count // 2 - 1, -1, -1):
        _sift(scratch, root, count)
    for size in range(count - 1, 0, -1):
        order[0], order[size] = order[size], order[0]
        _sift(scratch, 0, size)


@leaf
def _sift(scratch: Scratch, root: int, size: int) -> None:
    order = scratch.order
    while 2 * root + 1 < size:
        child = 2 * root + 1
        if child + 1 < size and _before(scratch, order[child], order[child + 1]):
            child += 1
        if not _before(scratch, order[root], order[child]):
            return
        order[root], order[child] = order[child], order[root]
        root = child


@leaf
def _before(scratch: Scratch, left: int, right: int) -> bool:
    at, other = scratch.starts[left], scratch.starts[right]
    end, other_end = scratch.name_ends[left], scratch.name_ends[right]
    while at < end and other < other_end and scratch.data[at] == scratch.data[other]:
        at += 1
        other += 1
    if at == end or other == other_end:
        return left < right if at == end and other == other_end else at == end
    return bool(scratch.data[at] < scratch.data[other])
