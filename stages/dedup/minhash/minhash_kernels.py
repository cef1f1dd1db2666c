"""MinHash signatures and band hashes of whole columns, as numba kernels (Broder 1997; Leskovec et al., chapter 3).

A shingle is a run of `ngram` words or of `ngram` characters.

- Words are in lower case (`prep.corpus.text.hashing.lower_table`, code point by code point); those without a letter or
  digit are left out. A shingle's 64-bit hash is made of its words' hashes in order, so that words keep their borders. A
  document of fewer words is one shingle of all it has, such marks included: it equals another only where every word
  does, and documents without any word are equal.
- Characters are code points of the text as `prep.stages.shared.matching.exact_kernels.fold_text` folds it: in lower
  case, every run of white space one blank, none at the ends. A document of fewer characters is one shingle of all it
  has.

Text is not brought to a normal form of Unicode: composed and decomposed letters differ.

Hash function i maps a 32-bit key x to `(a_i · x + b_i) mod 2^64`, of which the upper 32 bits count; a_i and b_i are
64-bit numbers. This is multiply-shift, and it is strongly universal: two different keys have two independent, uniform
values, because 64 bits are at least key + value − 1 bits (Dietzfelbinger 1996; Thorup 2015, "High Speed Hashing for
Integers and Strings", section 3). No step needs more than 64 bits. The functions take turns with the upper and the
lower half of the shingle's hash as key: a band of two or more rows agrees by chance on different shingles only where
all 64 bits do.

The least value of a function over two documents' shingles is the same with the probability of their Jaccard
similarity. Cost: O(words · functions), one function at a time over a block of shingles in the first-level cache, which
the compiler turns into vectors: 112 functions cost about 8 ns per shingle (AVX-512; 24 ns with AVX2). Memory: 33 bytes
per byte of the longest document at most.
"""

import hashlib
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from prep.corpus.arrow.columns import Bytes, Offsets, longest_row
from prep.corpus.kernels import inner, kernel, leaf
from prep.corpus.sorting_kernels import sorted_with_order
from prep.corpus.text.hashing import hash_bytes, hash_lower, mix
from prep.corpus.text.words import SYMBOLS, Positions, split_words
from prep.stages.shared.matching.exact_kernels import fold_text
from prep.stages.shared.matching.sketch_kernels import (
    BINS,
    SKETCH_WORDS,
    Sketches,
    add_to_bins,
    clear_bins,
    write_sketch,
)

Hashes = npt.NDArray[np.uint64]
Keys = npt.NDArray[np.uint32]
CodePoints = npt.NDArray[np.int32]

_BLOCK = 1024
"""Shingles at a time: their keys take 8 KiB."""
_LANES = 32
"""Blocks are filled up to a multiple of this, so that vector loops have no rest."""
_HALF = np.uint64(32)
_GREATEST = np.uint64(0xFFFFFFFFFFFFFFFF)
_SPREAD = np.uint64(0xD6E8FEB86659FD93)
_SEED = np.uint64(0)
_WHOLE = np.uint64(0x5BD1E995)  # begins the hash of a document that is one shingle


def hash_functions(count: int, seed: int) -> Hashes:
    """Return the numbers a and b of so many functions (uint64, count × 2), drawn by SHAKE-256 from the seed.

    The first functions of a seed are the same whatever the count.
    """
    drawn = hashlib.shake_256(f"prep minhash {seed}".encode()).digest(16 * count)
    return np.frombuffer(drawn, "<u8").astype(np.uint64).reshape(count, 2)


class Shingling(NamedTuple):
    """How documents are cut into shingles: tables of `word_table` and `lower_table`, and the length of a shingle."""

    splitter: Bytes
    lower: CodePoints
    ngram: int
    characters: bool


class _Buffers(NamedTuple):
    """Buffers for the words or characters of one document."""

    starts: Positions
    ends: Positions
    kinds: Bytes
    folded: Bytes
    hashes: Hashes


@kernel
def signatures(data: Bytes, offsets: Offsets, shingling: Shingling, functions: Hashes) -> tuple[Keys, Sketches, Hashes]:
    """Return the least values of each document's shingles (uint32, documents × functions), its sketch and its content.

    The sketch (uint64, documents × SKETCH_WORDS) is that of `prep.stages.shared.matching.sketch_kernels`; the content
    (uint64) a sum over all shingles, which is the same for documents with the same shingles, each as often.
    """
    rows = len(offsets) - 1
    found = np.empty((rows, len(functions)), np.uint32)
    sketches = np.empty((rows, SKETCH_WORDS), np.uint64)
    contents = np.zeros(rows, np.uint64)
    bins = np.empty(BINS, np.uint64)
    minima = np.empty(len(functions), np.uint64)
    shingles = np.empty(_BLOCK, np.uint64)
    keys = np.empty((2, _BLOCK), np.uint32)
    buffers = _make_buffers(max(1, longest_row(offsets)), shingling.characters)
    for row in range(rows):
        elements, run = _elements(data, offsets[row], offsets[row + 1], shingling, buffers)
        minima[:] = _GREATEST
        clear_bins(bins)
        for first in range(0, elements - run + 1, _BLOCK):
            count = min(_BLOCK, elements - run + 1 - first)
            _make_shingles(buffers.hashes[first:], run, shingles[:count])
            _add_shingles(shingles[:count], functions, keys, minima)
            add_to_bins(shingles[:count], bins)
            contents[row] += _content(shingles[:count])
        write_sketch(bins, sketches[row])
        for function in range(len(functions)):
            found[row, function] = np.uint32(minima[function] >> _HALF)
    return found, sketches, contents


@kernel
def shingle_sets(data: Bytes, offsets: Offsets, shingling: Shingling) -> tuple[Hashes, Offsets]:
    """Return the hashes of each document's shingles, rising and without repetition, and where they end (rows + 1)."""
    rows = len(offsets) - 1
    bounds = np.zeros(rows + 1, np.int64)
    found = np.empty(offsets[-1] - offsets[0] + rows, np.uint64)
    buffers = _make_buffers(max(1, longest_row(offsets)), shingling.characters)
    length = 0
    for row in range(rows):
        elements, run = _elements(data, offsets[row], offsets[row + 1], shingling, buffers)
        shingles = np.empty(elements - run + 1, np.uint64)
        _make_shingles(buffers.hashes, run, shingles)
        shingles, _ = sorted_with_order(shingles)
        for at in range(len(shingles)):
            if at == 0 or shingles[at] != shingles[at - 1]:
                found[length] = shingles[at]
                length += 1
        bounds[row + 1] = length
    return found[:length].copy(), bounds


@kernel
def band_hashes(signature: Keys, bands: int, rows: int) -> Hashes:
    """Return the hash of each band of each document (uint64, bands × documents).

    Band k is made of the least values `k · rows` to `(k + 1) · rows`. Two documents agree in a band where all of these
    do; values of different bands are not to be compared.
    """
    documents = len(signature)
    hashes = np.empty((bands, documents), np.uint64)
    for document in range(documents):
        for band in range(bands):
            state = _SEED
            for row in range(band * rows, (band + 1) * rows):
                state = mix(state, np.uint64(signature[document, row]))
            hashes[band, document] = state
    return hashes


@inner
def _make_buffers(bytes_: int, characters: bool) -> _Buffers:
    words = 1 if characters else bytes_
    positions = np.empty((2, words), np.int64)
    folded = np.empty(2 * bytes_ if characters else 0, np.uint8)
    return _Buffers(positions[0], positions[1], np.empty(words, np.uint8), folded, np.empty(bytes_, np.uint64))


@inner
def _elements(data: Bytes, start: int, end: int, shingling: Shingling, buffers: _Buffers) -> tuple[int, int]:
    """Write the hashes of what shingles are made of; return how many there are, and how many make a shingle."""
    if shingling.characters:
        length = fold_text(data, start, end, shingling.splitter, shingling.lower, buffers.folded)
        windows = _hash_characters(buffers.folded[:length], shingling.ngram, buffers.hashes)
        if windows == 0:
            buffers.hashes[0] = hash_bytes(buffers.folded, 0, length, _WHOLE)
        return max(1, windows), 1
    words = split_words(data, start, end, shingling.splitter, buffers.starts, buffers.ends, buffers.kinds)
    elements = _hash_words(data, buffers.starts[:words], buffers.ends, buffers.kinds, shingling.lower, buffers.hashes)
    if elements < shingling.ngram:
        buffers.hashes[0] = _hash_all(data, buffers.starts[:words], buffers.ends, shingling.lower)
        return 1, 1
    return elements, shingling.ngram


@inner
def _hash_characters(text: Bytes, ngram: int, hashes: Hashes) -> int:
    """Hash every run of `ngram` code points, and return how many there are."""
    end = 0
    for _ in range(ngram):
        if end >= len(text):
            return 0
        end = _next(text, end)
    start = 0
    count = 0
    while True:
        hashes[count] = hash_bytes(text, start, end, _SEED)
        count += 1
        if end >= len(text):
            return count
        start = _next(text, start)
        end = _next(text, end)


@leaf
def _next(text: Bytes, at: int) -> int:
    """Return where the next code point begins."""
    at += 1
    while at < len(text) and text[at] & 0xC0 == 0x80:
        at += 1
    return at


@inner
def _hash_words(
    data: Bytes, starts: Positions, ends: Positions, kinds: Bytes, lower: CodePoints, hashes: Hashes
) -> int:
    """Give each word with a letter or digit its hash, one after the other, and return how many there are."""
    count = 0
    for word in range(len(starts)):
        hashes[count] = hash_lower(data, starts[word], ends[word], lower, _SEED)
        count += kinds[word] != SYMBOLS  # without a branch, which nobody could predict
    return count


@inner
def _hash_all(data: Bytes, starts: Positions, ends: Positions, lower: CodePoints) -> np.uint64:
    """Return the hash of the sequence of all words."""
    state = _WHOLE
    for word in range(len(starts)):
        state = mix(state, hash_lower(data, starts[word], ends[word], lower, _SEED))
    return state


@leaf
def _make_shingles(hashes: Hashes, ngram: int, shingles: Hashes) -> None:
    """Hash the runs of `ngram` words that begin at the first words."""
    for at in range(len(shingles)):
        shingles[at] = hashes[at]
    for later in range(1, ngram):
        for at in range(len(shingles)):
            shingles[at] = mix(shingles[at], hashes[at + later])


@leaf
def _content(shingles: Hashes) -> np.uint64:
    """Return the sum of all shingles, each spread over all bits once more."""
    total = np.uint64(0)
    for at in range(len(shingles)):
        total += (shingles[at] ^ (shingles[at] >> _HALF)) * _SPREAD
    return total


@leaf
def _add_shingles(shingles: Hashes, functions: Hashes, keys: Keys, minima: Hashes) -> None:
    """Lower each function's least value to that of any of the shingles. Uses `keys` (2 × _BLOCK)."""
    count = (len(shingles) + _LANES - 1) // _LANES * _LANES
    for at in range(count):
        shingle = shingles[min(at, len(shingles) - 1)]
        keys[0, at] = np.uint32(shingle >> _HALF)
        keys[1, at] = np.uint32(shingle)
    for function in range(len(functions)):
        a = functions[function, 0]
        b = functions[function, 1]
        half = function & 1
        least = minima[function]
        for at in range(count):
            least = min(least, a * np.uint64(keys[half, at]) + b)
        minima[function] = least
