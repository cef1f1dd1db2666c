"""Kernels that put documents together again from their pieces in rows.

Only the first piece of a row can continue a document (`prep.corpus.shards.shards`), so one entry per row that continues
one is all that has to be known of the rest of a document. Entries are sorted by document, then by start; a document is
followed from entry to entry by bisection: O(log entries) for each of its pieces.
"""

import numpy as np
import numpy.typing as npt

from prep.corpus.arrow.addresses import array_at
from prep.corpus.kernels import kernel, leaf
from prep.corpus.shards.row_kernels import Table, element, find_batch

Integers = npt.NDArray[np.int64]
Lengths = npt.NDArray[np.int32]
Ids = npt.NDArray[np.unsignedinteger]

DOCUMENT, START, ROW, LENGTH = 0, 1, 2, 3
"""Columns of entries (entries, 4): the document's number, its tokens before the piece, the row, the piece's tokens."""
PLACE, RUN_LENGTH = 1, 2
"""Columns of runs (runs, 3) after the row: where in the row the tokens begin, and how many."""

NOTHING = -1


@kernel
def continued_entries(
    offsets: Lengths, lengths: Lengths, documents: Integers, continued: Integers, first_row: int
) -> Integers:
    """Return the entries of the rows from `first_row` on whose first piece continues a document, in the rows' order."""
    entries = np.empty((len(continued), 4), np.int64)
    count = 0
    for index in range(len(continued)):
        piece = offsets[index]
        if continued[index] > 0 and offsets[index + 1] > piece and lengths[piece] > 0:
            entries[count, DOCUMENT] = documents[piece]
            entries[count, START] = continued[index]
            entries[count, ROW] = first_row + index
            entries[count, LENGTH] = lengths[piece]
            count += 1
    return entries[:count]


@kernel
def begun_documents(
    offsets: Lengths, lengths: Lengths, documents: Integers, continued: Integers, first_row: int, entries: Integers
) -> tuple[Integers, Integers]:
    """Return the documents that begin in the rows from `first_row` on, each followed to its end, in order.

    First the runs of tokens that they are made of (runs, 3), then the number of runs before each document and of all
    (documents + 1).
    """
    runs = np.empty((0, 3), np.int64)
    ends = np.zeros(1, np.int64)
    for filling in (False, True):
        count = 0
        number = 0
        for index in range(len(continued)):
            place = 0
            for piece in range(offsets[index], offsets[index + 1]):
                if piece > offsets[index] or continued[index] == 0:
                    row, at, size = first_row + index, place, int(lengths[piece])
                    start = size
                    while True:
                        if filling:
                            runs[count, 0], runs[count, PLACE], runs[count, RUN_LENGTH] = row, at, size
                        count += 1
                        entry = find_entry(entries, documents[piece], start)
                        if entry == NOTHING:
                            break
                        row, at, size = entries[entry, ROW], 0, entries[entry, LENGTH]
                        start += size
                    number += 1
                    if filling:
                        ends[number] = count
                place += lengths[piece]
        if not filling:
            runs = np.empty((count, 3), np.int64)
            ends = np.zeros(number + 1, np.int64)
    return runs, ends


@leaf
def find_entry(entries: Integers, document: int, start: int) -> int:
    """Return the first entry of a document that begins so many tokens into it, or NOTHING."""
    low, high = 0, len(entries)
    while low < high:
        middle = (low + high) // 2
        seen = entries[middle, DOCUMENT]
        if seen < document or (seen == document and entries[middle, START] < start):
            low = middle + 1
        else:
            high = middle
    if low < len(entries) and entries[low, DOCUMENT] == document and entries[low, START] == start:
        return low
    return NOTHING


@kernel
def copy_runs(table: Table, runs: Integers, row_length: int, out: Ids) -> None:
    """Copy runs of tokens (runs, 3), end to end, to `out`, of the dtype that the rows have."""
    to = 0
    for run in range(len(runs)):
        batch = find_batch(table.starts, runs[run, 0])
        size = runs[run, RUN_LENGTH]
        at = (runs[run, 0] - table.starts[batch]) * row_length + runs[run, PLACE]
        source = array_at(element(table.ids[batch], at, out.itemsize), size, out)
        target = out[to : to + size]
        for token in range(size):
            target[token] = source[token]
        to += size
