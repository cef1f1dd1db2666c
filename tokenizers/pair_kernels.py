"""Hash slots for pairs of tokens, as numba kernels: open addressing with linear probing, hashed by multiplication.

A table of pairs has `slots` (a power of two of them), each the number of a pair plus one or zero where it is free, and
the pairs' `keys`. Source: Knuth, "The Art of Computer Programming", volume 3, section 6.4.
"""

import numpy as np
import numpy.typing as npt

from prep.corpus.kernels import leaf

HALF = np.uint64(32)
_ONE = np.uint64(1)
_ODD = np.uint64(0x9E3779B97F4A7C15)


@leaf
def pair_key(left: int | np.int32, right: int | np.int32) -> np.uint64:
    """Return the key of a pair: the left token in the high half, the right one in the low half."""
    return (np.uint64(left) << HALF) | np.uint64(right)


@leaf
def pair_slot(slots: npt.NDArray[np.int32], keys: npt.NDArray[np.uint64], key: np.uint64) -> np.uint64:
    """Return the slot that holds a pair or, where no slot does, the free slot for it."""
    mask = np.uint64(len(slots) - 1)
    slot = key * _ODD
    slot = (slot ^ (slot >> HALF)) & mask
    while slots[slot] and keys[slots[slot] - 1] != key:
        slot = (slot + _ONE) & mask
    return slot
