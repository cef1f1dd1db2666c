"""Permutations of any number of rows that are computed, not stored: the row at any place of any epoch in constant time.

A Feistel network (Luby & Rackoff 1988) of eight rounds permutes the numbers of an even number of bits: each round adds
a keyed hash of one half to the other half. Numbers that are no rows are sent through again until one comes out that is
(cycle walking, Black & Rogaway 2002, section 3): a permutation of the rows, because every step can be undone. The
numbers are at most four times as many as the rows, or 256, so a place costs four networks on average, about 100 ns.
An array of 50 million rows would take 400 MB and seconds, for each epoch in each process.
"""

import numpy as np
import numpy.typing as npt

from prep.corpus.kernels import kernel, leaf
from prep.corpus.text.hashing import mix

ROUNDS = 8
SMALLEST_HALF = 4
"""Bits of a half, at least: fewer leave too few different permutations."""

Keys = npt.NDArray[np.uint64]


@kernel
def permuted(first: int, count: int, rows: int, seed: int) -> npt.NDArray[np.int64]:
    """Return the rows at `count` places from `first` on, in an endless sequence of permutations of all rows.

    Place p is in epoch p // rows; every epoch of every seed has a permutation of its own. `rows` is at least one.
    """
    out = np.empty(count, np.int64)
    half = half_bits(rows)
    keys = np.empty(ROUNDS, np.uint64)
    epoch = -1
    for index in range(count):
        place = first + index
        if place // rows != epoch:
            epoch = place // rows
            draw_keys(seed, epoch, keys)
        number = np.uint64(place % rows)
        while True:
            number = network(number, half, keys)
            if number < np.uint64(rows):
                break
        out[index] = np.int64(number)
    return out


@leaf
def half_bits(rows: int) -> np.uint64:
    """Return the bits of half a number, so that there are at least as many numbers as rows."""
    half = SMALLEST_HALF
    while (1 << (2 * half)) < rows:
        half += 1
    return np.uint64(half)


@leaf
def draw_keys(seed: int, epoch: int, keys: Keys) -> None:
    """Fill in the keys of the rounds."""
    state = mix(np.uint64(seed), np.uint64(epoch))
    for index in range(len(keys)):
        state = mix(state, np.uint64(index))
        keys[index] = state


@leaf
def network(number: np.uint64, half: np.uint64, keys: Keys) -> np.uint64:
    """Return where the network sends a number of two halves of so many bits."""
    mask = (np.uint64(1) << half) - np.uint64(1)
    left, right = number >> half, number & mask
    for key in keys:
        left, right = right, left ^ (mix(key, right) & mask)
    return (left << half) | right
