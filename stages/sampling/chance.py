"""Chance that never changes: a number for each document, from a hash of its id and a seed."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from prep.corpus.arrow.columns import string_buffers
from prep.stages.sampling.chance_kernels import hash_rows


def id_hashes(ids: pa.Array | pa.ChunkedArray, seed: int) -> npt.NDArray[np.uint64]:
    """Return a 64-bit hash of each id; different seeds give independent ones."""
    data, offsets = string_buffers(ids)
    return hash_rows(data, offsets, np.uint64(seed))


def chances(ids: pa.Array, seed: int) -> npt.NDArray[np.float64]:
    """Return a uniform number in [0, 1) for each id."""
    return (id_hashes(ids, seed) >> np.uint64(11)).astype(np.float64) * 2.0**-53
