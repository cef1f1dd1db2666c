"""How much of a document its repeated n-grams of words take, for n from 2 to 10, by the two definitions of the field.

Source: Rae et al. 2021 (Gopher), appendix A1.1, table A1: the share of characters in the most frequent 2- to 4-gram,
and in duplicate 5- to 10-grams. `duplicate_grams` follows datatrove, `repeated_grams` DCLM and Dolma 3.

An n-gram can only be repeated where the (n − 1)-grams at its first and its second word are. So n-grams grow word by
word, and only those that occur more than once go on to the next, smaller hash table. Pairs of words go through a
filter of one byte per slot first, which most that occur once do not pass. Keys are 64-bit hashes, taken as equal when
the text is. Cost: O(words × 9) at worst, where everything repeats, commonly about two look-ups per word; memory
40 bytes per word of the largest document.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from prep.corpus.arrow.columns import Bytes
from prep.corpus.kernels import inner, leaf
from prep.corpus.text.hashing import mix, table_size

Counts = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]
Numbers = npt.NDArray[np.int32]

SHORTEST, LONGEST = 2, 10
DUPLICATES_FROM = 5
"""Length from which all repeated n-grams count, and not only the most frequent one."""

DUPLICATE_GRAMS = (
    *(f"top_{n}_gram_characters" for n in range(SHORTEST, DUPLICATES_FROM)),
    *(f"duplicate_{n}_gram_characters" for n in range(DUPLICATES_FROM, LONGEST + 1)),
)
"""Counts of `duplicate_grams`."""
REPEATED_GRAMS = (
    *(f"dclm_top_{n}_gram_characters" for n in range(SHORTEST, DUPLICATES_FROM)),
    *(f"dolma_top_{n}_gram_characters" for n in range(SHORTEST, DUPLICATES_FROM)),
    *(f"repeated_{n}_gram_characters" for n in range(DUPLICATES_FROM, LONGEST + 1)),
)
"""Counts of `repeated_grams`."""
_TOPS = DUPLICATES_FROM - SHORTEST
_PAIR_SLOTS = 2  # slots of the filter, times the size of a hash table for as many keys


class GramSpace(NamedTuple):
    """Buffers for the n-grams of one document. A candidate is an n-gram at one place that may be repeated.

    `firsts[c]` is the first candidate with the same n-gram as candidate c, and `times` its occurrences.
    """

    grams: Keys
    positions: Numbers
    firsts: Numbers
    times: Numbers
    table: Numbers
    pairs: Bytes


@inner
def gram_space(words: int) -> GramSpace:
    """Return buffers for documents of up to so many words."""
    size = table_size(words)
    return GramSpace(
        np.empty(words, np.uint64),
        np.empty(words, np.int32),
        np.empty(words, np.int32),
        np.empty(words, np.int32),
        np.empty(size, np.int32),
        np.empty(_PAIR_SLOTS * size, np.uint8),
    )


@inner
def duplicate_grams(words: int, hashes: Keys, lengths: Counts, space: GramSpace, counts: Counts) -> None:
    """Write the counts named in DUPLICATE_GRAMS, as datatrove counts.

    `hashes` are the words' hashes, `lengths[w]` the code points of the words before word w. The most frequent n-gram
    (the first of several) counts with one space between words, times its occurrences, overlapping ones included; zero
    where there are fewer than n words. Duplicates are found from left to right: an n-gram met before counts without
    spaces, and the search goes on behind it.
    """
    candidates = _first_pairs(words, hashes, space)
    for n in range(SHORTEST, min(LONGEST, words) + 1):
        _tally(candidates, space)
        if n < DUPLICATES_FROM:
            top, times = _most_frequent(candidates, space)
            at = space.positions[top] if times > 1 else 0  # where none is repeated, the first is the most frequent
            counts[n - SHORTEST] = times * (lengths[at + n] - lengths[at] + n - 1)
        candidates = _keep_repeated(candidates, space)
        if n >= DUPLICATES_FROM:
            counts[n - SHORTEST] = _met_before(n, candidates, lengths, space)
        candidates = _grow(n, candidates, hashes, space)


@inner
def repeated_grams(words: int, hashes: Keys, lengths: Counts, space: GramSpace, counts: Counts) -> None:
    """Write the counts named in REPEATED_GRAMS, as DCLM and Dolma 3 count: zero where no n-gram is repeated.

    Of the most frequent n-grams, the longest counts: for DCLM its code points times its occurrences, overlapping ones
    included, for Dolma 3 those of the words that it covers. Of n-grams from 5 words on, all words count that any
    repeated one covers.
    """
    counts[:] = 0
    candidates = _first_pairs(words, hashes, space)
    for n in range(SHORTEST, min(LONGEST, words) + 1):
        _tally(candidates, space)
        if n < DUPLICATES_FROM:
            top, times = _longest_of_most_frequent(n, candidates, lengths, space)
            if times > 1:
                at = space.positions[top]
                counts[n - SHORTEST] = times * (lengths[at + n] - lengths[at])
                counts[n - SHORTEST + _TOPS] = _covered(n, candidates, top, lengths, space)
        candidates = _keep_repeated(candidates, space)
        if n >= DUPLICATES_FROM:
            counts[n - SHORTEST + _TOPS] = _covered(n, candidates, -1, lengths, space)
        candidates = _grow(n, candidates, hashes, space)


@leaf
def _first_pairs(words: int, hashes: Keys, space: GramSpace) -> int:
    """Make candidates of the pairs that may be repeated, and return how many there are."""
    if words < SHORTEST:
        return 0
    slots = _PAIR_SLOTS * table_size(words)
    mask = np.uint64(slots - 1)
    pairs = space.pairs
    for slot in range(slots):
        pairs[slot] = 0
    for at in range(words - 1):
        pair = mix(hashes[at], hashes[at + 1])
        space.grams[at] = pair
        pairs[pair & mask] = pairs[pair & mask] << np.uint8(1) | np.uint8(1)  # 0, then 1, then more
    candidates = 0
    for at in range(words - 1):
        pair = space.grams[at]
        space.grams[candidates] = pair
        space.positions[candidates] = at
        candidates += pairs[pair & mask] > 1  # without a branch, which nobody could predict
    return candidates


@leaf
def _tally(candidates: int, space: GramSpace) -> None:
    """Find for each candidate the first with the same n-gram, and count the n-gram's occurrences there."""
    size = table_size(candidates)
    mask = np.uint64(size - 1)
    grams, table = space.grams, space.table
    for slot in range(size):
        table[slot] = -1
    for candidate in range(candidates):
        gram = grams[candidate]
        place = gram & mask
        first = table[place]
        while first >= 0 and grams[first] != gram:
            place = (place + np.uint64(1)) & mask
            first = table[place]
        if first < 0:
            first = candidate
            table[place] = candidate
            space.times[candidate] = 0
        space.times[first] += 1
        space.firsts[candidate] = first


@leaf
def _most_frequent(candidates: int, space: GramSpace) -> tuple[int, int]:
    """Return the first candidate whose n-gram is the most frequent, and its occurrences: one where none is repeated."""
    top = 0
    most = 1
    for candidate in range(candidates):
        times = space.times[space.firsts[candidate]]
        if times > most:
            top, most = candidate, times
    return top, most


@leaf
def _longest_of_most_frequent(n: int, candidates: int, lengths: Counts, space: GramSpace) -> tuple[int, int]:
    """Return as `_most_frequent` the first candidate with the most code points of those that are most frequent."""
    top = 0
    most = 1
    longest = 0
    for candidate in range(candidates):
        times = space.times[space.firsts[candidate]]
        if times >= most and times > 1:
            at = space.positions[candidate]
            length = lengths[at + n] - lengths[at]
            if times > most or length > longest:
                top, most, longest = candidate, times, length
    return top, most


@leaf
def _keep_repeated(candidates: int, space: GramSpace) -> int:
    """Keep the candidates that occur more than once, and return how many there are.

    Candidates move up; `firsts` still name the places where the first ones stood, and `times` is not moved.
    """
    kept = 0
    for candidate in range(candidates):
        first = space.firsts[candidate]
        space.positions[kept] = space.positions[candidate]
        space.grams[kept] = space.grams[candidate]
        space.firsts[kept] = first
        kept += space.times[first] > 1
    return kept


@leaf
def _met_before(n: int, candidates: int, lengths: Counts, space: GramSpace) -> int:
    """Return the code points in n-grams met before, from left to right without overlap. Uses up `times`."""
    total = 0
    resume = 0
    for candidate in range(candidates):
        at = space.positions[candidate]
        if at >= resume:
            first = space.firsts[candidate]
            if space.times[first] == 0:
                total += lengths[at + n] - lengths[at]
                resume = at + n
            space.times[first] = 0
    return total


@leaf
def _covered(n: int, candidates: int, top: int, lengths: Counts, space: GramSpace) -> int:
    """Return the code points of the words in the n-grams of all candidates, or of those equal to candidate `top`."""
    total = 0
    covered = 0
    for candidate in range(candidates):
        if top < 0 or space.firsts[candidate] == space.firsts[top]:
            at = space.positions[candidate]
            total += lengths[at + n] - lengths[max(at, covered)]
            covered = at + n
    return total


@leaf
def _grow(n: int, candidates: int, hashes: Keys, space: GramSpace) -> int:
    """Add the next word to the n-grams behind whose first word another candidate stands; return how many there are."""
    kept = 0
    for candidate in range(candidates - 1):
        at = space.positions[candidate]
        if space.positions[candidate + 1] == at + 1:
            space.grams[kept] = mix(space.grams[candidate], hashes[at + n])
            space.positions[kept] = at
            kept += 1
    return kept
