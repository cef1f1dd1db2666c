"""Sketches of documents, from which the similarity of two documents is estimated, as numba kernels.

A sketch is made by one permutation hashing (Li, Owen and Zhang 2012, "One Permutation Hashing"): the upper nine bits of
a shingle's hash choose one of 512 bins, and of each bin the least hash is kept, as a number from 1 to 15 (b-bit minwise
hashing, Li and König 2010); 0 is a bin without a shingle. Of the bins that either of two documents fills, the share
with the same least hash estimates their Jaccard similarity without bias. Two different least hashes are the same number
with probability 1/15, for which the estimate is corrected. The deviation is at most √(s(1 − s)/512), about 0.02 at 0.8,
and less for documents of few shingles, which rarely share a bin. Against the least values of the signature's functions
a sketch costs one comparison per shingle, not one for each function.

Sixteen bins make a word of 64 bits, and a comparison looks at all of them together. Cost: about 40 ns per pair.
"""

import numpy as np
import numpy.typing as npt

from prep.corpus.arrow.columns import Bytes, Offsets
from prep.corpus.kernels import kernel, leaf
from prep.corpus.text.hashing import hash_bytes, mix

Hashes = npt.NDArray[np.uint64]
Keys = npt.NDArray[np.uint32]
Sketches = npt.NDArray[np.uint64]

BINS = 512
SKETCH_WORDS = BINS // 16
"""Words of a sketch (uint64)."""
_BIN = np.uint64(55)
_EMPTY = np.uint64(0xFFFFFFFFFFFFFFFF)
_VALUES = np.uint64(15)
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
_HALF = np.uint64(32)
_ONE, _TWO, _FOUR, _EIGHT = np.uint64(1), np.uint64(2), np.uint64(4), np.uint64(8)
_NIBBLES = np.uint64(0x1111111111111111)
_BYTES = np.uint64(0x0101010101010101)
_PAIRS = np.uint64(0x00FF00FF00FF00FF)
_SUM, _TOP = np.uint64(0x0001000100010001), np.uint64(48)
_SEED = np.uint64(0)


@leaf
def clear_bins(bins: Hashes) -> None:
    """Make all bins empty (uint64, BINS)."""
    bins[:] = _EMPTY


@leaf
def add_to_bins(shingles: Hashes, bins: Hashes) -> None:
    """Lower the least hash of each shingle's bin to it."""
    for at in range(len(shingles)):
        place = shingles[at] >> _BIN
        bins[place] = min(bins[place], shingles[at])


@leaf
def write_sketch(bins: Hashes, sketch: Sketches) -> None:
    """Write what is kept of bins (uint64, SKETCH_WORDS)."""
    for word in range(SKETCH_WORDS):
        packed = np.uint64(0)
        for place in range(16 * word, 16 * word + 16):
            packed <<= _FOUR
            if bins[place] != _EMPTY:
                packed |= (((bins[place] * _SPREAD) >> _HALF) * _VALUES >> _HALF) + _ONE
        sketch[word] = packed


@kernel
def estimates(left: Sketches, right: Sketches) -> npt.NDArray[np.float64]:
    """Return the estimated Jaccard similarity of each pair of sketches (float64, pairs), zero or more."""
    found = np.empty(len(left), np.float64)
    for pair in range(len(left)):
        found[pair] = estimate(left[pair], right[pair])
    return found


@leaf
def estimate(left: Sketches, right: Sketches) -> float:
    """Return the estimated Jaccard similarity of two sketches, zero or more; 1 for two without a shingle."""
    equal, both, either = np.uint64(0), np.uint64(0), np.uint64(0)
    for word in range(SKETCH_WORDS):
        one, other = _filled(left[word]), _filled(right[word])
        shared = one & other
        same = shared & ~_filled(left[word] ^ right[word])
        equal += _by_byte(same)
        both += _by_byte(shared)
        either += _by_byte(one | other)
    same_count, shared_count, count = _total(equal), _total(both), _total(either)
    if count == 0:
        return 1.0
    return max(0.0, (15 * same_count - shared_count) / (14 * count))


@leaf
def _filled(word: np.uint64) -> np.uint64:
    """Return a one in each group of four bits in which any bit is set."""
    word |= word >> _ONE
    return (word | word >> _TWO) & _NIBBLES


@leaf
def _by_byte(ones: np.uint64) -> np.uint64:
    """Return in each byte how many of its two groups hold a one."""
    return (ones & _BYTES) + ((ones >> _FOUR) & _BYTES)


@leaf
def _total(counts: np.uint64) -> int:
    """Return the sum of eight bytes."""
    return int((((counts & _PAIRS) + ((counts >> _EIGHT) & _PAIRS)) * _SUM) >> _TOP)


@kernel
def jaccard(left: Hashes, left_bounds: Offsets, right: Hashes, right_bounds: Offsets) -> npt.NDArray[np.float64]:
    """Return the Jaccard similarity of each pair of sets (float64, pairs); 1 for two empty ones.

    Set i is `left[left_bounds[i]:left_bounds[i + 1]]`, rising and without repetition.
    """
    found = np.empty(len(left_bounds) - 1, np.float64)
    for pair in range(len(found)):
        one = left[left_bounds[pair] : left_bounds[pair + 1]]
        found[pair] = jaccard_of(one, right[right_bounds[pair] : right_bounds[pair + 1]])
    return found


@leaf
def jaccard_of(left: Hashes, right: Hashes) -> float:
    """Return the Jaccard similarity of two sets, each rising and without repetition; 1 for two empty ones."""
    one, other, shared = 0, 0, 0
    while one < len(left) and other < len(right):
        shared += left[one] == right[other]
        step = left[one] <= right[other]
        other += left[one] >= right[other]
        one += step
    together = len(left) + len(right) - shared
    return shared / together if together else 1.0


@kernel
def mix_in(hashes: Hashes, groups: Hashes) -> Hashes:
    """Return hashes that differ where either the hash or the group does."""
    mixed = np.empty(len(hashes), np.uint64)
    for row in range(len(hashes)):
        mixed[row] = mix(hashes[row], groups[row])
    return mixed


@kernel
def string_hashes(data: Bytes, offsets: Offsets) -> Hashes:
    """Return the 64-bit hash of each string."""
    hashes = np.empty(len(offsets) - 1, np.uint64)
    for row in range(len(hashes)):
        hashes[row] = hash_bytes(data, offsets[row], offsets[row + 1], _SEED)
    return hashes
