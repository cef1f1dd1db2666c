"""Cutting documents into pieces, packing pieces into rows, and copying tokens, as numba kernels.

A piece is a run of one document's tokens that lies in one row. Only the first piece of a row may continue a document
begun elsewhere; the others begin one. Both packers keep to that: concatenation by nature; best fit because what is
left over of a long document is its beginning, and every piece after it fills more than half a row.

- `best_fit`: best-fit decreasing, a window of documents at a time. The numbers of free places in the rows are a set of
  integers, kept as a bitset with a summary, so that the smallest that suffices is found in a few steps whatever the
  number of rows: O(1) per piece for rows of up to 4,096 tokens, O(length / 4,096) beyond; sorting costs O(log window).
  Source: Ding et al. 2024, "Fewer Truncations Improve Language Modeling" (arXiv 2404.10830), who use a segment tree.
- `concatenate`: documents end to end, cut wherever a row is full. O(1) per piece.
"""

import numpy as np
import numpy.typing as npt

from prep.corpus.columns import Bytes, Offsets, kernel, leaf
from prep.corpus.hashing import hash_bytes, mix
from prep.corpus.shards import Ids
from prep.corpus.utf8 import trailing_zeros

Integers = npt.NDArray[np.int64]
Lots = npt.NDArray[np.uint64]
Bits = npt.NDArray[np.uint64]

NOTHING = -1
_ONE = np.uint64(1)
_VALIDATION = np.uint64(0x7061636B)
"""Sets the draw of the validation documents apart from other hashes of ids with the same seed."""


@kernel
def append_separator(offsets: Offsets, ids: Ids, separator: int, ended: Ids) -> Integers:
    """Copy each document's ids and a separator after them, and return the documents' tokens with it (documents).

    Document i is `ids[offsets[i]:offsets[i + 1]]`; `ended` has a place for each id and each separator.
    """
    lengths = np.empty(len(offsets) - 1, np.int64)
    at = 0
    for document in range(len(lengths)):
        length = offsets[document + 1] - offsets[document]
        _copy(ids, offsets[document], length, ended, at)
        ended[at + length] = separator
        lengths[document] = length + 1
        at += length + 1
    return lengths


@kernel
def draw_lots(data: Bytes, offsets: Offsets, seed: np.uint64) -> Lots:
    """Return a hash of each document's id `data[offsets[i]:offsets[i + 1]]` and the seed (documents)."""
    lots = np.empty(len(offsets) - 1, np.uint64)
    state = mix(seed, _VALIDATION)
    for document in range(len(lots)):
        lots[document] = hash_bytes(data, offsets[document], offsets[document + 1], state)
    return lots


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
def best_fit(sizes: Integers, windows: Offsets, length: int) -> tuple[Integers, int]:
    """Put pieces into rows of `length` tokens, and return each piece's row (pieces) and the number of rows.

    Window i is the pieces from `windows[i]` to `windows[i + 1]`. They are placed from the longest to the shortest, the
    first of equals first, each into the row with the fewest free places that suffice, of equals the one used last; a
    row that earlier windows have left free places in counts like any other.
    """
    rows = np.empty(len(sizes), np.int64)
    latest = np.empty(length + 1, np.int64)  # by free places: the row used last
    below = np.empty(len(sizes), np.int64)  # by row: the one used before it with as many free places
    free = np.zeros((length >> 6) + 1, np.uint64)
    summary = np.zeros((length >> 12) + 1, np.uint64)
    count = 0
    for window in range(len(windows) - 1):
        start, end = windows[window], windows[window + 1]
        for index in np.argsort(-sizes[start:end], kind="mergesort"):
            size = sizes[start + index]
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
            rows[start + index] = row
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


@kernel
def arrange(rows: Integers, starts: Integers, places: Integers) -> tuple[Offsets, Integers]:
    """Bring pieces into the order in which they are written.

    Takes each piece's row and its start in its document (pieces), and each row's place (rows). Returns where the pieces
    of each place begin (rows + 1), and the pieces in order: in a row the one that continues a document comes first, the
    others in the documents' order.
    """
    offsets = np.zeros(len(places) + 1, np.int64)
    for piece in range(len(rows)):
        offsets[places[rows[piece]] + 1] += 1
    for place in range(len(places)):
        offsets[place + 1] += offsets[place]
    following = offsets[:-1].copy()
    order = np.empty(len(rows), np.int64)
    for continued in (True, False):
        for piece in range(len(rows)):
            if (starts[piece] > 0) == continued:
                place = places[rows[piece]]
                order[following[place]] = piece
                following[place] += 1
    return offsets, order


@kernel
def lay_out(offsets: Offsets, lengths: Integers, row: int) -> Integers:
    """Return where each piece begins (pieces) in the ids of rows of `row` tokens laid end to end.

    Row i holds the pieces from `offsets[i]` to `offsets[i + 1]`, counted from `offsets[0]`.
    """
    targets = np.empty(len(lengths), np.int64)
    for index in range(len(offsets) - 1):
        target = index * row
        for piece in range(offsets[index] - offsets[0], offsets[index + 1] - offsets[0]):
            targets[piece] = target
            target += lengths[piece]
    return targets


@kernel
def copy_pieces(tokens: Ids, sources: Integers, lengths: Integers, targets: Integers, ids: Ids) -> None:
    """Copy each piece's `lengths[k]` tokens from `sources[k]` in `tokens` to `targets[k]` in `ids`."""
    for piece in range(len(sources)):
        _copy(tokens, sources[piece], lengths[piece], ids, targets[piece])


@leaf
def _copy(tokens: Ids, source: int, length: int, ids: Ids, target: int) -> None:
    """Copy a run of tokens. Through slices, whose bounds let the compiler copy many at once."""
    run = tokens[source : source + length]
    place = ids[target : target + length]
    for token in range(length):
        place[token] = run[token]


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
