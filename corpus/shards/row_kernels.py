"""Kernels over packed rows: copying them out of mapped files, and what follows from the lengths of their pieces.

Rows of a batch are copied in any order, and pieces are laid end to end: row i of the batch holds the pieces from
`offsets[i]` to `offsets[i + 1]`. Rows are not checked against the number of rows; callers do.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from prep.corpus.arrow.addresses import Addresses, array_at
from prep.corpus.arrow.columns import Number
from prep.corpus.kernels import kernel, leaf

Integers = npt.NDArray[np.int64]
Lengths = npt.NDArray[np.int32]

IGNORED = -100
"""The label of places that are not predicted; torch's losses skip it."""


class Table(NamedTuple):
    """Where the columns of all record batches lie in memory; every array but the first has one entry per batch."""

    starts: Integers
    """(batches + 1) Rows before each batch, and of all."""
    ids: Addresses
    offsets: Addresses
    lengths: Addresses
    documents: Addresses
    continued: Addresses
    loss_mask: Addresses
    """Zeros where rows have no loss mask."""


@kernel
def are_rows(numbers: Integers, rows: int) -> bool:
    """Say whether all numbers are those of rows, from 0 on."""
    for number in numbers:
        if not 0 <= number < rows:
            return False
    return True


@leaf
def find_batch(starts: Integers, row: int) -> int:
    """Return the batch that holds a row."""
    low, high = 0, len(starts) - 1
    while high - low > 1:
        middle = (low + high) // 2
        if starts[middle] <= row:
            low = middle
        else:
            high = middle
    return low


@leaf
def element(start: np.uint64, index: int, bytes_each: int) -> np.uint64:
    """Return the address of an element of an array at `start`."""
    return start + np.uint64(index * bytes_each)


@kernel
def copy_ids(table: Table, rows: Integers, like: npt.NDArray[np.unsignedinteger], out: npt.NDArray[Number]) -> None:
    """Copy the ids of rows, stored in the dtype of `like`, to `out` (rows, length) of any dtype of integers."""
    length = out.shape[1]
    for index in range(len(rows)):
        batch = find_batch(table.starts, rows[index])
        at = (rows[index] - table.starts[batch]) * length
        source = array_at(element(table.ids[batch], at, like.itemsize), length, like)
        for place in range(length):
            out[index, place] = source[place]


@kernel
def copy_pieces(table: Table, rows: Integers) -> tuple[Lengths, Lengths, Integers, Integers]:
    """Return the pieces of rows: their offsets (rows + 1), lengths and documents (pieces), and `continued` (rows)."""
    offsets = np.zeros(len(rows) + 1, np.int32)
    continued = np.empty(len(rows), np.int64)
    for index in range(len(rows)):
        batch = find_batch(table.starts, rows[index])
        inside = rows[index] - table.starts[batch]
        bounds = array_at(element(table.offsets[batch], inside, 4), 2, offsets)
        offsets[index + 1] = offsets[index] + bounds[1] - bounds[0]
        continued[index] = array_at(element(table.continued[batch], inside, 8), 1, continued)[0]
    lengths = np.empty(offsets[-1], np.int32)
    documents = np.empty(offsets[-1], np.int64)
    for index in range(len(rows)):
        batch = find_batch(table.starts, rows[index])
        first = array_at(element(table.offsets[batch], rows[index] - table.starts[batch], 4), 1, offsets)[0]
        start, end = offsets[index], offsets[index + 1]
        lengths[start:end] = array_at(element(table.lengths[batch], first, 4), end - start, lengths)
        documents[start:end] = array_at(element(table.documents[batch], first, 8), end - start, documents)
    return offsets, lengths, documents, continued


@kernel
def write_positions(offsets: Lengths, lengths: Lengths, out: npt.NDArray[np.int32]) -> None:
    """Write places counted from the beginning of each piece to `out` (rows, length); padding counts like a piece."""
    for row in range(len(out)):
        place = 0
        for piece in range(offsets[row], offsets[row + 1]):
            for position in range(lengths[piece]):
                out[row, place + position] = position
            place += lengths[piece]
        for position in range(out.shape[1] - place):
            out[row, place + position] = position


@kernel
def mask_labels(offsets: Lengths, lengths: Lengths, continued: Integers, labels: Integers) -> None:
    """Write `IGNORED` over the ids in `labels` (rows, length) that are not predicted.

    These are padding, the first id of each piece after the first, whose predecessor belongs to another document, and
    the first id of a row where it continues a document, whose predecessor lies in another row.
    """
    for row in range(len(labels)):
        place = 0
        for piece in range(offsets[row], offsets[row + 1]):
            if place or continued[row]:
                labels[row, place] = IGNORED
            place += lengths[piece]
        labels[row, place:] = IGNORED


@kernel
def write_boundaries(offsets: Lengths, lengths: Lengths, length: int, out: Lengths) -> None:
    """Write where pieces begin in rows laid end to end, and where the last ends, to `out`.

    Padding counts like a piece. The remaining places of `out` repeat the end, as pieces without ids.
    """
    filled = 0
    for row in range(len(offsets) - 1):
        place = 0
        for piece in range(offsets[row], offsets[row + 1]):
            out[filled] = row * length + place
            filled += 1
            place += lengths[piece]
        if place < length:
            out[filled] = row * length + place
            filled += 1
    out[filled:] = (len(offsets) - 1) * length
