"""Counts the pretokens of a sample of texts in bounded memory.

Merging byte pairs needs only the distinct pretokens, which grow far more slowly than the text. Where they exceed the
memory limit, the rarest are dropped, as in lossy counting (Manku & Motwani 2002): first those that occurred once, then
those that occurred more often, until half of the bytes are free. The number of dropped occurrences is reported.

Stretches of the texts may be counted apart, by several processes, and their counts put together. That gives what
counting all texts one after another gives, and is not done where pretokens would have to be dropped.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from prep.corpus.arrow.columns import Bytes, Offsets, string_buffers
from prep.corpus.files.storage import read_arrow, write_batches
from prep.tokenizers.encoding.cutting_kernels import Cutter, cut
from prep.tokenizers.encoding.pattern_automaton import compile_pattern
from prep.tokenizers.string_table_kernels import Counts, copy_strings, count_strings, new_table

_FIRST_STRINGS = 1 << 12
_FIRST_BYTES = 1 << 16
_ONE = np.ones(1, np.int64)

STRETCH_BYTES, MOST_STRETCHES = 25_000_000, 64
"""Text in which a task counts pretokens, and the most tasks that do."""

COUNTED = pa.schema([pa.field("pretoken", pa.large_binary()), pa.field("count", pa.int64())])
"""One row for each distinct pretoken of a stretch of the texts, in the order in which they were first seen."""


class CountedPretokens(NamedTuple):
    """Distinct pretokens with their counts: pretoken i is `data[offsets[i]:offsets[i + 1]]`."""

    data: Bytes
    offsets: Offsets
    counts: Counts


class PretokenTable:
    """Counts pretokens."""

    def __init__(self, most_bytes: int) -> None:
        """Keep distinct pretokens of about `most_bytes`."""
        self._most_bytes = most_bytes
        self._table = new_table(_FIRST_STRINGS, _FIRST_BYTES)
        self.dropped = 0
        """Occurrences of pretokens that were dropped to stay within the memory limit."""

    def count(self, data: Bytes, bounds: Offsets, weights: Counts) -> None:
        """Count each pretoken `data[bounds[i]:bounds[i + 1]]` `weights[i]` times; a single weight holds for all."""
        done = 0
        while (done := count_strings(self._table, data, bounds, weights, done)) < len(bounds) - 1:
            self._make_space(int(bounds[done + 1] - bounds[done]))

    def pretokens(self) -> CountedPretokens:
        """Return the pretokens counted so far, in the order in which they were first seen."""
        size = int(self._table.size[0])
        offsets = self._table.offsets[: size + 1]
        return CountedPretokens(self._table.data[: offsets[-1]], offsets, self._table.counts[:size])

    def _make_space(self, wanted: int) -> None:
        _, offsets, counts = self.pretokens()
        full = offsets[-1] + wanted > self._most_bytes
        least = self._threshold() if full else 0
        self.dropped += int(counts[counts < least].sum())
        kept = int(np.diff(offsets)[counts >= least].sum())
        capacity = len(self._table.counts) * (1 if full or len(counts) < len(self._table.counts) else 2)
        grown = new_table(capacity, max(kept + wanted, min(2 * (kept + wanted), self._most_bytes)))
        copy_strings(self._table, least, grown)
        self._table = grown

    def _threshold(self) -> int:
        """Return the count below which pretokens are dropped, so that half of the bytes become free."""
        _, offsets, counts = self.pretokens()
        if not len(counts):
            return 0
        order = np.argsort(counts, kind="stable")
        freed = np.cumsum(np.diff(offsets)[order])
        return int(counts[order[np.searchsorted(freed, freed[-1] // 2)]]) + 1


class PretokenCounter(PretokenTable):
    """Cuts texts into pretokens and counts them."""

    def __init__(self, pattern: str, most_bytes: int) -> None:
        """Cut by a pattern (see `prep.tokenizers.encoding.pattern`); keep distinct pretokens of about `most_bytes`."""
        super().__init__(most_bytes)
        self._cutter: Cutter = compile_pattern(pattern)

    def add(self, texts: pa.Array) -> None:
        """Count the pretokens of a string column."""
        data, offsets = string_buffers(texts)
        self.count(data, cut(data, offsets, self._cutter), _ONE)


def count(texts: Iterable[pa.Array], pattern: str, most_bytes: int) -> tuple[CountedPretokens, int]:
    """Return the pretokens of all texts, and how many occurrences were dropped."""
    counter = PretokenCounter(pattern, most_bytes)
    for column in texts:
        counter.add(column)
    return counter.pretokens(), counter.dropped


def stretches(sample_bytes: int) -> int:
    """Return in how many stretches a sample of so many bytes is counted."""
    return min(-(-sample_bytes // STRETCH_BYTES), MOST_STRETCHES)


def write_pretokens(path: str, pretokens: CountedPretokens) -> None:
    """Write the pretokens of a stretch of the texts as a file of COUNTED."""
    data, offsets, counts = pretokens
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(data)]
    strings = pa.Array.from_buffers(pa.large_binary(), len(counts), buffers)
    write_batches(path, COUNTED, [pa.RecordBatch.from_arrays([strings, pa.array(counts)], schema=COUNTED)])


def read_pretokens(paths: Sequence[str], most_bytes: int) -> CountedPretokens | None:
    """Return the pretokens of all stretches together, given in the order of the texts.

    None where there is no file, where one is missing, or where pretokens would have to be dropped.
    """
    if not paths or not all(Path(path).exists() for path in paths):
        return None
    table = PretokenTable(most_bytes)
    for path in paths:
        for batch in read_arrow(path).to_batches():
            table.count(*string_buffers(batch.column("pretoken")), batch.column("count").to_numpy().copy())
    return None if table.dropped else table.pretokens()
