"""64-bit hashes of byte ranges, of words in lower case and of sequences of words, as numba kernels.

Eight bytes at a time are mixed in by a multiplication with the golden ratio; the finaliser is that of MurmurHash3
(Appleby, fmix64). About 1 ns per byte on English words. Made for tables and signatures, not against an adversary.
"""

from functools import cache

import numpy as np
import numpy.typing as npt

from prep.corpus.arrow.columns import Bytes
from prep.corpus.kernels import kernel, leaf
from prep.corpus.text.utf8 import CODE_POINTS, HIGH_BITS, ONES, decode, encode, every_code_point, load_up_to

_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xFF51AFD7ED558CCD)
_SECOND = np.uint64(0xC4CEB9FE1A85EC53)
_HALF = np.uint64(32)
_ODD_SHIFT = np.uint64(33)
_BELOW_A = np.uint64(0x80 - ord("A")) * ONES
_BELOW_Z = np.uint64(0x7F - ord("Z")) * ONES
_TO_LOWER = np.uint64(2)


@cache
def lower_table() -> npt.NDArray[np.int32]:
    """Return the lower case of each code point (int32; read-only), itself where that is not one code point."""
    table = np.arange(CODE_POINTS, dtype=np.int32)
    for character in every_code_point():
        lower = character.lower()
        if lower != character and len(lower) == 1:
            table[ord(character)] = ord(lower)
    table.flags.writeable = False
    return table


@leaf
def hash_bytes(data: Bytes, start: int, end: int, seed: np.uint64) -> np.uint64:
    """Return a 64-bit hash of `data[start:end]`."""
    state = seed
    at = start
    while at < end:
        state = _absorb(state, load_up_to(data, at, end))
        at += 8
    return _finish(state, np.uint64(end - start))


@leaf
def hash_word(data: Bytes, start: int, end: int, seed: np.uint64) -> tuple[np.uint64, bool]:
    """Return `hash_bytes`, and whether `data[start:end]` is ASCII."""
    state = seed
    seen = np.uint64(0)
    at = start
    while at < end:
        word = load_up_to(data, at, end)
        seen |= word
        state = _absorb(state, word)
        at += 8
    return _finish(state, np.uint64(end - start)), seen & HIGH_BITS == 0


@leaf
def hash_lower(data: Bytes, start: int, end: int, lower: npt.NDArray[np.int32], seed: np.uint64) -> np.uint64:
    """Return `hash_bytes` of the text `data[start:end]` with each code point mapped by `lower` (see `lower_table`)."""
    state = seed
    seen = np.uint64(0)
    at = start
    while at < end:
        word = load_up_to(data, at, end)
        seen |= word
        upper = (word + _BELOW_A) & ~(word + _BELOW_Z) & HIGH_BITS
        state = _absorb(state, word | (upper >> _TO_LOWER))
        at += 8
    if seen & HIGH_BITS:
        state = _hash_lower_unicode(data, start, end, lower, seed)
    else:
        state = _finish(state, np.uint64(end - start))
    return state


@leaf
def _hash_lower_unicode(data: Bytes, at: int, end: int, lower: npt.NDArray[np.int32], seed: np.uint64) -> np.uint64:
    state = seed
    word = np.uint64(0)
    length = 0
    while at < end:
        code, at = decode(data, at, end)
        size, encoded = encode(int(lower[code]))
        for place in range(size):
            byte = np.uint64((encoded >> (8 * place)) & 0xFF)
            word |= byte << np.uint64(8 * (length & 7))
            length += 1
            if length & 7 == 0:
                state = _absorb(state, word)
                word = np.uint64(0)
    if length & 7:
        state = _absorb(state, word)
    return _finish(state, np.uint64(length))


@leaf
def mix(left: np.uint64, right: np.uint64) -> np.uint64:
    """Return the hash of a sequence from the hash of all but its last element, and that of its last element.

    The hash of an n-gram is `mix(mix(h1, h2), h3)` and so on. Elements keep their borders: "ab", "c" and "a", "bc"
    differ, and so do "a", "b" and "b", "a".
    """
    state = (left ^ (left >> _HALF)) * _FIRST + right
    return _finish(state, _STEP)


@leaf
def _absorb(state: np.uint64, word: np.uint64) -> np.uint64:
    state = (state ^ word) * _STEP
    return state ^ (state >> _HALF)


@leaf
def _finish(state: np.uint64, length: np.uint64) -> np.uint64:
    state = (state ^ length) * _FIRST
    state = (state ^ (state >> _ODD_SHIFT)) * _SECOND
    return state ^ (state >> _ODD_SHIFT)


@leaf
def find_slot(keys: npt.NDArray[np.uint64], size: int, key: np.uint64) -> np.uint64:
    """Return where a key stands, or would stand, in an open-addressing hash table with linear probing.

    `keys[:size]` holds the keys and zeros in free slots; `size` is a power of two above the number of keys, and the
    key is not zero. The caller enters a new key itself: `keys[slot] = key`.
    """
    mask = np.uint64(size - 1)
    slot = key & mask
    while (keys[slot] != 0) & (keys[slot] != key):  # one branch, well predicted
        slot = (slot + np.uint64(1)) & mask
    return slot


@kernel
def table_size(elements: int) -> int:
    """Return the size of a hash table for up to so many elements: a power of two, at most half full."""
    size = 16
    while size < 2 * elements:
        size *= 2
    return size
