"""The pieces of a sample of texts, each counted, in bounded memory.

Merging byte pairs needs the different pieces alone, which grow far more slowly than the text. Where they outgrow their
bound all the same, the rarest are forgotten, as in lossy counting (Manku & Motwani 2002): first those that occurred
once, then more, until half of the bytes are free. What was forgotten is told.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from prep.corpus.arrow.columns import Bytes, Offsets, string_buffers
from prep.tokenizers.encoding.automaton import compile_pattern
from prep.tokenizers.encoding.cutting_kernels import Cutter, cut
from prep.tokenizers.piece_kernels import Counts, copy_pieces, count_pieces, new_table

_FIRST_ROOM = 1 << 12
_FIRST_BYTES = 1 << 16
_ONE = np.ones(1, np.int64)


class CountedPieces(NamedTuple):
    """Different pieces of text with their counts: piece i is `data[offsets[i]:offsets[i + 1]]`."""

    data: Bytes
    offsets: Offsets
    counts: Counts


class PieceCounter:
    """Cuts texts into pieces and counts them."""

    def __init__(self, pattern: str, most_bytes: int) -> None:
        """Cut by a pattern (`prep.tokenizers.encoding.pattern`) and hold pieces of about `most_bytes` bytes in all."""
        self._cutter: Cutter = compile_pattern(pattern)
        self._most_bytes = most_bytes
        self._table = new_table(_FIRST_ROOM, _FIRST_BYTES)
        self.forgotten = 0
        """Occurrences of pieces that there was no room for."""

    def add(self, texts: pa.Array) -> None:
        """Count the pieces of a string column."""
        data, offsets = string_buffers(texts)
        bounds = cut(data, offsets, self._cutter)
        done = 0
        while (done := count_pieces(self._table, data, bounds, _ONE, done)) < len(bounds) - 1:
            self._make_room(int(bounds[done + 1] - bounds[done]))

    def pieces(self) -> CountedPieces:
        """Return the pieces counted so far, in the order in which they were first seen."""
        size = int(self._table.size[0])
        offsets = self._table.offsets[: size + 1]
        return CountedPieces(self._table.data[: offsets[-1]], offsets, self._table.counts[:size])

    def _make_room(self, wanted: int) -> None:
        _, offsets, counts = self.pieces()
        full = offsets[-1] + wanted > self._most_bytes
        least = self._bar() if full else 0
        self.forgotten += int(counts[counts < least].sum())
        kept = int(np.diff(offsets)[counts >= least].sum())
        room = len(self._table.counts) * (1 if full or len(counts) < len(self._table.counts) else 2)
        grown = new_table(room, max(kept + wanted, min(2 * (kept + wanted), self._most_bytes)))
        copy_pieces(self._table, least, grown)
        self._table = grown

    def _bar(self) -> int:
        """Return the count below which pieces are forgotten, so that half of the bytes become free."""
        _, offsets, counts = self.pieces()
        if not len(counts):
            return 0
        order = np.argsort(counts, kind="stable")
        freed = np.cumsum(np.diff(offsets)[order])
        return int(counts[order[np.searchsorted(freed, freed[-1] // 2)]]) + 1


def count(texts: Iterable[pa.Array], pattern: str, most_bytes: int) -> tuple[CountedPieces, int]:
    """Return the pieces of all texts, and how many occurrences were forgotten."""
    counter = PieceCounter(pattern, most_bytes)
    for column in texts:
        counter.add(column)
    return counter.pieces(), counter.forgotten
