"""Hashes of pieces by host, as a numba kernel."""

import numpy as np

from prep.corpus.arrow.columns import Offsets
from prep.corpus.kernels import kernel
from prep.corpus.text.hashing import mix
from prep.stages.shared.matching.exact_kernels import Hashes


@kernel
def by_host(bounds: Offsets, hashes: Hashes, hosts: Hashes) -> Hashes:
    """Return the hashes of pieces (2 × pieces) mixed with those of the host of the document they are of."""
    mixed = np.empty_like(hashes)
    for row in range(len(bounds) - 1):
        for piece in range(bounds[row], bounds[row + 1]):
            mixed[0, piece] = mix(hashes[0, piece], hosts[0, row])
            mixed[1, piece] = mix(hashes[1, piece], hosts[1, row])
    return mixed
