"""Short names in lower-case ASCII, such as schemes and parameters, found in any case of letters: numba kernels."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from prep.corpus.arrow.columns import Bytes, Offsets
from prep.corpus.kernels import leaf
from prep.stages.shared.url.parts_kernels import lower_byte


class Names(NamedTuple):
    """Names in lower-case ASCII: `data[offsets[i]:offsets[i + 1]]`; `prefix[i]` where names may go on behind it."""

    data: Bytes
    offsets: Offsets
    prefix: npt.NDArray[np.bool_]


def names(patterns: Sequence[str]) -> Names:
    """Build the table of some names; one that ends in `*` stands for all that begin so."""
    plain = [pattern.removesuffix("*").lower().encode() for pattern in patterns]
    offsets = np.concatenate(([0], np.cumsum([len(name) for name in plain], dtype=np.int64)))
    prefix = np.array([pattern.endswith("*") for pattern in patterns], np.bool_)
    return Names(np.frombuffer(b"".join(plain), np.uint8), offsets, prefix)


@leaf
def is_name(data: Bytes, start: int, end: int, names: Names) -> bool:
    """Return whether `data[start:end]` is one of the names, in any case of ASCII letters."""
    return find_name(data, start, end, names) >= 0


@leaf
def find_name(data: Bytes, start: int, end: int, names: Names) -> int:
    """Return the number of the first name that `data[start:end]` is, in any case of ASCII letters; −1 where none is."""
    for name in range(len(names.prefix)):
        first, last = names.offsets[name], names.offsets[name + 1]
        length = last - first
        if length == end - start or (names.prefix[name] and length < end - start):
            place = 0
            while place < length and lower_byte(data[start + place]) == names.data[first + place]:
                place += 1
            if place == length:
                return name
    return -1


@leaf
def is_text(data: Bytes, start: int, end: int, text: Bytes) -> bool:
    """Return whether `data[start:end]` is a text in lower-case ASCII, in any case of ASCII letters."""
    return end - start == len(text) and begins_with(data, start, end, text)


@leaf
def begins_with(data: Bytes, start: int, end: int, text: Bytes) -> bool:
    """Return whether `data[start:end]` begins with a text in lower-case ASCII, in any case of ASCII letters."""
    place = 0
    while place < len(text) and start + place < end and lower_byte(data[start + place]) == text[place]:
        place += 1
    return place == len(text)
