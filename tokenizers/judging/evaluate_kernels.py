"""Kernels that judge an encoding against its text."""

import numpy as np
import numpy.typing as npt

from prep.corpus.arrow.columns import Bytes, Offsets, longest_row
from prep.corpus.kernels import kernel
from prep.corpus.text.words import SYMBOLS, split_words


@kernel
def count_words(data: Bytes, offsets: Offsets, table: Bytes) -> npt.NDArray[np.int64]:
    """Return how many words with a letter or a digit each text has (rows). `table` is a splitter's."""
    longest = longest_row(offsets)
    starts, ends, kinds = np.empty(longest, np.int64), np.empty(longest, np.int64), np.empty(longest, np.uint8)
    counts = np.zeros(len(offsets) - 1, np.int64)
    for row in range(len(counts)):
        words = split_words(data, offsets[row], offsets[row + 1], table, starts, ends, kinds)
        for word in range(words):
            counts[row] += kinds[word] != SYMBOLS
    return counts


@kernel
def come_back(
    data: Bytes,
    offsets: Offsets,
    ids: npt.NDArray[np.unsignedinteger],
    id_offsets: Offsets,
    token_bytes: Bytes,
    token_offsets: Offsets,
) -> npt.NDArray[np.bool_]:
    """Return whether the bytes of each text's tokens, one after the other, are the text (rows).

    Token i stands for `token_bytes[token_offsets[i]:token_offsets[i + 1]]`.
    """
    same = np.zeros(len(offsets) - 1, np.bool_)
    for row in range(len(same)):
        at, end = offsets[row], offsets[row + 1]
        equal = True
        for place in range(id_offsets[row], id_offsets[row + 1]):
            token = np.int64(ids[place])
            for index in range(token_offsets[token], token_offsets[token + 1]):
                equal = equal and at < end and data[at] == token_bytes[index]
                at += 1
            if not equal:
                break
        same[row] = equal and at == end
    return same
