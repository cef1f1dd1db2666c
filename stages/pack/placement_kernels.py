"""Drawing hashes for documents, and bringing their pieces and tokens into place, as numba kernels."""

import numpy as np

from prep.corpus.arrow.columns import Bytes, Offsets
from prep.corpus.kernels import kernel, leaf
from prep.corpus.shards.shards import Ids
from prep.corpus.shards.splits import Hashes
from prep.corpus.text.hashing import hash_bytes, mix
from prep.stages.pack.packing_kernels import Integers

NO_ID = -1


@kernel
def delimit(offsets: Offsets, ids: Ids, before: int, after: int, out: Ids) -> Integers:
    """Copy each document's ids with the ids `before` and `after` it, and return its tokens with them (documents).

    NO_ID stands for none. Document i is `ids[offsets[i]:offsets[i + 1]]`; `out` has a place for each id copied.
    """
    lengths = np.empty(len(offsets) - 1, np.int64)
    at = 0
    for document in range(len(lengths)):
        start = at
        if before != NO_ID:
            out[at] = before
            at += 1
        length = offsets[document + 1] - offsets[document]
        _copy(ids, offsets[document], length, out, at)
        at += length
        if after != NO_ID:
            out[at] = after
            at += 1
        lengths[document] = at - start
    return lengths


@kernel
def document_hashes(data: Bytes, offsets: Offsets, seed: np.uint64, purpose: np.uint64) -> Hashes:
    """Return a hash of each value `data[offsets[i]:offsets[i + 1]]`, the seed and what it is drawn for (values)."""
    hashes = np.empty(len(offsets) - 1, np.uint64)
    state = mix(seed, purpose)
    for document in range(len(hashes)):
        hashes[document] = hash_bytes(data, offsets[document], offsets[document + 1], state)
    return hashes


@kernel
def arrange(rows: Integers, starts: Integers, count: int) -> tuple[Offsets, Integers]:
    """Bring pieces into the order of their rows.

    Takes each piece's row and its start in its document (pieces), and the number of rows. Returns where the pieces of
    each row begin (rows + 1), and the pieces in order: in a row the one that continues a document comes first, the
    others in the documents' order.
    """
    offsets = np.zeros(count + 1, np.int64)
    for piece in range(len(rows)):
        offsets[rows[piece] + 1] += 1
    for row in range(count):
        offsets[row + 1] += offsets[row]
    following = offsets[:-1].copy()
    order = np.empty(len(rows), np.int64)
    for continued in (True, False):
        for piece in range(len(rows)):
            if (starts[piece] > 0) == continued:
                order[following[rows[piece]]] = piece
                following[rows[piece]] += 1
    return offsets, order


@kernel
def reorder(offsets: Offsets, order: Integers) -> tuple[Offsets, Integers]:
    """Return where the pieces of rows begin once the rows are in another order (rows + 1), and the pieces in order.

    Row i has the pieces from `offsets[i]` to `offsets[i + 1]`; `order` names the row that comes at each place.
    """
    moved = np.zeros(len(order) + 1, np.int64)
    for place in range(len(order)):
        moved[place + 1] = moved[place] + offsets[order[place] + 1] - offsets[order[place]]
    pieces = np.empty(moved[-1], np.int64)
    for place in range(len(order)):
        for index in range(moved[place + 1] - moved[place]):
            pieces[moved[place] + index] = offsets[order[place]] + index
    return moved, pieces


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
