"""Taking documents out of packed rows, as a numba kernel. Cost: one copy of the ids that stay."""

import numpy as np
import numpy.typing as npt

from prep.corpus.kernels import kernel

Ids = npt.NDArray[np.unsignedinteger]


@kernel
def close_gaps(
    ids: Ids,
    offsets: npt.NDArray[np.int32],
    lengths: npt.NDArray[np.int32],
    stays: npt.NDArray[np.bool_],
    padding: int,
    out: Ids,
) -> None:
    """Write each row's pieces that stay to `out` (rows, length), end to end, and padding after them.

    Row i of `ids` (rows, length) holds the pieces from `offsets[i]` to `offsets[i + 1]`.
    """
    for row in range(len(ids)):
        reading, writing = 0, 0
        for piece in range(offsets[row], offsets[row + 1]):
            length = lengths[piece]
            if stays[piece]:
                for place in range(length):
                    out[row, writing + place] = ids[row, reading + place]
                writing += length
            reading += length
        out[row, writing:] = padding
