"""Kernels that turn token ids back into text."""

import numpy as np
import numpy.typing as npt

from prep.corpus.arrow.columns import Bytes, Offsets
from prep.corpus.kernels import kernel, leaf

Integers = npt.NDArray[np.int64]
Ids = npt.NDArray[np.unsignedinteger]


@kernel
def decode_documents(offsets: Integers, ids: Ids, data: Bytes, bounds: Offsets) -> tuple[Offsets, Bytes]:
    """Return the bytes of documents of token ids: where each begins and the last ends (documents + 1), and all bytes.

    Document i is `ids[offsets[i]:offsets[i + 1]]`; the bytes of token k are `data[bounds[k]:bounds[k + 1]]`. Where a
    cropped document ends within a character, the character's bytes are left out.
    """
    begins = np.zeros(len(offsets), np.int64)
    total = 0
    for place in range(offsets[0], offsets[-1]):
        total += bounds[ids[place] + 1] - bounds[ids[place]]
    out = np.empty(total, np.uint8)
    at = 0
    for document in range(len(offsets) - 1):
        for place in range(offsets[document], offsets[document + 1]):
            for byte in range(bounds[ids[place]], bounds[ids[place] + 1]):
                out[at] = data[byte]
                at += 1
        at = last_whole(out, begins[document], at)
        begins[document + 1] = at
    return begins, out[:at].copy()


@leaf
def last_whole(data: Bytes, start: int, end: int) -> int:
    """Return where the last whole character of the UTF-8 text `data[start:end]` ends, which may be cut off."""
    at = end
    while at > start and end - at < 3 and data[at - 1] & 0xC0 == 0x80:
        at -= 1
    if at == start:
        return end
    lead = data[at - 1]
    size = 4 if lead >= 0xF0 else 3 if lead >= 0xE0 else 2 if lead >= 0xC0 else 1
    return at - 1 if size > end - at + 1 else end
