"""Kernels that write the samples of MDS shards, whose layout is described in `prep.exports.formats.mosaicml`."""

import numpy as np
import numpy.typing as npt

from prep.corpus.kernels import kernel

Bytes = npt.NDArray[np.uint8]
Integers = npt.NDArray[np.int64]
Lengths = npt.NDArray[np.int32]


@kernel
def lengths_sizes(offsets: Lengths) -> Integers:
    """Return the bytes that the encoded lengths of each row's pieces take (rows).

    A byte holds the number of dimensions and the width of their sizes, then the number of pieces in 1, 2 or 4 bytes.
    """
    sizes = np.empty(len(offsets) - 1, np.int64)
    for row in range(len(sizes)):
        pieces = offsets[row + 1] - offsets[row]
        width = 1 if pieces < 1 << 8 else 2 if pieces < 1 << 16 else 4
        sizes[row] = 1 + width + 4 * pieces
    return sizes


@kernel
def write_samples(ids: Bytes, offsets: Lengths, lengths: Bytes, continued: Bytes, sizes: Integers, out: Bytes) -> None:
    """Write a sample for each row, one after another.

    `ids` (rows, bytes), `lengths` (pieces, 4) and `continued` (rows, 8) are bytes; `sizes` those of `lengths_sizes`.
    """
    at = 0
    for row in range(len(ids)):
        for byte in range(4):
            out[at + byte] = (sizes[row] >> (8 * byte)) & 255
        at += 4
        out[at : at + 8] = continued[row]
        at += 8
        pieces = offsets[row + 1] - offsets[row]
        width = sizes[row] - 1 - 4 * pieces
        out[at] = (1 << 2) | (0 if width == 1 else 1 if width == 2 else 2)
        for byte in range(width):
            out[at + 1 + byte] = (pieces >> (8 * byte)) & 255
        at += 1 + width
        for piece in range(offsets[row], offsets[row + 1]):
            out[at : at + 4] = lengths[piece]
            at += 4
        out[at : at + ids.shape[1]] = ids[row]
        at += ids.shape[1]
