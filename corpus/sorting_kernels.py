"""Sorting 64-bit keys: a radix sort by bytes, least significant first, that skips the bytes in which all keys agree.

Stable. Cost: one pass that counts and at most eight that move, O(keys) each, and memory for one copy. numpy's own sorts
take a second each to compile for every type of key inside a kernel; this one is compiled once.
"""

import numpy as np
import numpy.typing as npt

from prep.corpus.kernels import inner

Keys = npt.NDArray[np.uint64]
Order = npt.NDArray[np.int64]

_BYTES = 8
_VALUES = 256


@inner
def sorted_with_order(keys: Keys) -> tuple[Keys, Order]:
    """Return the keys (n) in rising order, and which key stands at each place; of equal keys the first comes first."""
    count = len(keys)
    counts = np.zeros((_BYTES, _VALUES), np.int64)
    for at in range(count):
        rest = keys[at]
        for byte in range(_BYTES):
            counts[byte, rest & np.uint64(255)] += 1
            rest >>= np.uint64(8)
    here, there = keys.copy(), np.empty(count, np.uint64)
    order, moved = np.arange(count), np.empty(count, np.int64)
    for byte in range(_BYTES):
        shift = np.uint64(8 * byte)
        starts = counts[byte]
        if count == 0 or starts[(here[0] >> shift) & np.uint64(255)] == count:
            continue
        total = 0
        for value in range(_VALUES):
            size = starts[value]
            starts[value] = total
            total += size
        for at in range(count):
            key = here[at]
            value = (key >> shift) & np.uint64(255)
            place = starts[value]
            starts[value] = place + 1
            there[place] = key
            moved[place] = order[at]
        here, there = there, here
        order, moved = moved, order
    return here, order
