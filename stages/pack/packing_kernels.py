"""Cutting documents into pieces and packing the pieces into rows, as numba kernels.

A piece is a run of one document's tokens that lies in one row. Only the first piece of a row may continue a document
from another row; the others begin one. All packers keep to that: concatenation by nature; the others because what is
left over of a long document is its beginning, and every piece after it fills more than half a row.

- `best_fit`: best-fit decreasing. The numbers of free places in the rows are a set of integers, kept as a bitset with a
  summary, so that the smallest that suffices is found in a few steps whatever the number of rows: O(1) per piece for
  rows of up to 4,096 tokens, O(length / 4,096) beyond; sorting costs O(log pieces).
  Source: Ding et al. 2024, "Fewer Truncations Improve Language Modeling" (arXiv 2404.10830), who use a segment tree.
- `concatenate`: documents end to end, cut wherever a row is full. O(1) per piece.
"""

import numpy as np
import numpy.typing as npt

from prep.corpus.kernels import kernel, leaf
from prep.corpus.sorting_kernels import sorted_with_order
from prep.corpus.text.utf8 import trailing_zeros

Integers = npt.NDArray[np.int64]
Bits = npt.NDArray[np.uint64]

NOTHING = -1
_ONE = np.uint64(1)


@kernel
def cut_long(lengths: Integers, row: int, minimum: int) -> tuple[Integers, Integers, Integers]:
    """Cut documents longer than a row, and return each piece's document, its start in it and its length (pieces).

    The last pieces of a long document fill rows; the first takes what is left over. Where that is fewer tokens than
    `minimum`, at most half a row, it takes so many from the second piece.
    """
    count = 0
    for document in range(len(lengths)):
        count += (lengths[document] + row - 1) // row
    documents = np.empty(count, np.int64)
    starts = np.empty(count, np.int64)
    sizes = np.empty(count, np.int64)
    piece = 0
    for document in range(len(lengths)):
        start = 0
        while start < lengths[document]:
            left = lengths[document] - start
            size = left
            if left > row:
                size = max(left % row, minimum) if left % row else row
            documents[piece] = document
            starts[piece] = start
            sizes[piece] = size
            start += size
            piece += 1
    return documents, starts, sizes


@kernel
def best_fit(sizes: Integers, length: int) -> tuple[Integers, int]:
    """Put pieces into rows of `length` tokens, and return each piece's row (pieces) and the number of rows.

    They are placed from the longest to the shortest, the first of equals first, each into the row with the fewest free
    places that suffice, of equals the one used last.
    """
    rows = np.empty(len(sizes), np.int64)
    latest = np.empty(length + 1, np.int64)  # by free places: the row used last
    below = np.empty(len(sizes), np.int64)  # by row: the one used before it with as many free places
    free = np.zeros((length >> 6) + 1, np.uint64)
    summary = np.zeros((length >> 12) + 1, np.uint64)
    count = 0
    _, order = sorted_with_order((length - sizes).view(np.uint64))
    for piece in order:
        size = sizes[piece]
        places = _smallest(free, summary, size)
        if places == NOTHING:
            places = length
            row = count
            count += 1
        else:
            row = latest[places]
            latest[places] = below[row]
            if latest[places] == NOTHING:
                _remove(free, summary, places)
        rows[piece] = row
        places -= size
        if places:
            below[row] = latest[places] if _holds(free, places) else NOTHING
            latest[places] = row
            _add(free, summary, places)
    return rows, count


@kernel
def concatenate(lengths: Integers, row: int, minimum: int) -> tuple[Integers, Integers, Integers, Integers, int]:
    """Cut the documents, one after another, wherever a row is full.

    Returns each piece's document, its start in it, its length and its row (pieces), and the number of rows. A cut
    leaves no piece shorter than `minimum`, at most half a row: places stay free at the end of the row instead.
    """
    most = len(lengths)
    for document in range(len(lengths)):
        most += 2 * lengths[document] // row + 1
    documents = np.empty(most, np.int64)
    starts = np.empty(most, np.int64)
    sizes = np.empty(most, np.int64)
    rows = np.empty(most, np.int64)
    piece = 0
    count = 0
    free = 0
    for document in range(len(lengths)):
        start = 0
        while start < lengths[document]:
            if free == 0:
                free = row
                count += 1
            left = lengths[document] - start
            size = min(left, free)
            if size < left:
                size = min(size, left - minimum)
                free = size if size >= minimum else 0
            if free:
                documents[piece] = document
                starts[piece] = start
                sizes[piece] = size
                rows[piece] = count - 1
                start += size
                free -= size
                piece += 1
    return documents[:piece], starts[:piece], sizes[:piece], rows[:piece], count


@leaf
def _holds(bits: Bits, value: int) -> bool:
    return bool((bits[value >> 6] >> np.uint64(value & 63)) & _ONE)


@leaf
def _add(bits: Bits, summary: Bits, value: int) -> None:
    word = value >> 6
    bits[word] |= _ONE << np.uint64(value & 63)
    summary[word >> 6] |= _ONE << np.uint64(word & 63)


@leaf
def _remove(bits: Bits, summary: Bits, value: int) -> None:
    word = value >> 6
    bits[word] &= ~(_ONE << np.uint64(value & 63))
    if bits[word] == 0:
        summary[word >> 6] &= ~(_ONE << np.uint64(word & 63))


@leaf
def _smallest(bits: Bits, summary: Bits, least: int) -> int:
    """Return the smallest value of the set from `least` on, or NOTHING."""
    word = least >> 6
    found = bits[word] >> np.uint64(least & 63)
    if found:
        return least + trailing_zeros(found)
    word += 1
    group = word >> 6
    if group < len(summary):
        found = summary[group] >> np.uint64(word & 63) << np.uint64(word & 63)
        while found == 0 and group + 1 < len(summary):
            group += 1
            found = summary[group]
        if found:
            word = group * 64 + trailing_zeros(found)
            return word * 64 + trailing_zeros(bits[word])
    return NOTHING
