"""128-bit hashes of a column's strings as they are, byte by byte: texts, ids, labels (see `exact_kernels`)."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from prep.corpus.arrow.columns import string_buffers
from prep.corpus.text.hashing import lower_table
from prep.corpus.text.words import word_table
from prep.stages.shared.matching.exact_kernels import text_hashes


def hash_texts(texts: pa.Array) -> npt.NDArray[np.uint64]:
    """Return two independent 64-bit hashes of each string (2 × rows); null has those of the empty string."""
    hashes: npt.NDArray[np.uint64] = text_hashes(*string_buffers(texts), False, word_table("whitespace"), lower_table())
    return hashes
