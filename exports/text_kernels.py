"""Kernels that turn token ids back into text."""

import numpy as np
import numpy.typing as npt

from prep.corpus.arrow.columns import Bytes, Offsets
from prep.corpus.kernels import kernel

Integers = npt.NDArray[np.int64]
Ids = npt.NDArray[np.unsignedinteger]


@kernel
def decode_documents(offsets: Integers, ids: Ids, data: Bytes, bounds: Offsets) -> tuple[Offsets, Bytes]:
    """Return the bytes of documents of token ids: where each begins and the last ends (documents + 1), and all bytes.

    Document i is `ids[offsets[i]:offsets[i + 1]]`; the bytes of token k are `data[bounds[k]:bounds[k + 1]]`.
    """
    begins = np.zeros(len(offsets), np.int64)
    total = 0
    for document in range(len(offsets) - 1):
        for place in range(offsets[document], offsets[document + 1]):
            total += bounds[ids[place] + 1] - bounds[ids[place]]
        begins[document + 1] = total
    out = np.empty(total, np.uint8)
    at = 0
    for place in range(offsets[0], offsets[-1]):
        for byte in range(bounds[ids[place]], bounds[ids[place] + 1]):
            out[at] = data[byte]
            at += 1
    return begins, out
