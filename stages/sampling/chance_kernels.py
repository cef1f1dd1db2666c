"""A hash of each row of a column under a seed, as a numba kernel."""

import numpy as np
import numpy.typing as npt

from prep.corpus.arrow.columns import Bytes, Offsets
from prep.corpus.kernels import kernel
from prep.corpus.text.hashing import hash_bytes, mix


@kernel
def hash_rows(data: Bytes, offsets: Offsets, seed: np.uint64) -> npt.NDArray[np.uint64]:
    """Return a hash of each row's bytes and the seed (uint64, rows)."""
    hashes = np.empty(len(offsets) - 1, np.uint64)
    first = mix(seed, np.uint64(0x73616D706C65))
    for row in range(len(hashes)):
        hashes[row] = hash_bytes(data, offsets[row], offsets[row + 1], first)
    return hashes
