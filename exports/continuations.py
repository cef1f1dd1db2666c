"""An index of the pieces that continue documents, made out of core.

Each range of rows gives a file of its entries, sorted; the files are then merged into one. For that, document numbers
are cut into spans that hold at most `SPAN` entries, and one span after another is gathered from the files by bisection
and sorted. Cost: 32 bytes on disk for each row that continues a document, the memory of a span, O(n log n) time.
"""

from bisect import bisect_left
from collections.abc import Sequence

import numpy as np

from prep.corpus.files.storage import atomic_output, size
from prep.corpus.shards.shards import ShardReader
from prep.exports.document_kernels import DOCUMENT, START, Integers, continued_entries

SPAN = 1 << 21
"""Entries that are sorted in memory at once: 64 MiB, and as much again for the order."""


def write_entries(reader: ShardReader, first_row: int, end_row: int, path: str) -> None:
    """Write the sorted entries of a range of rows."""
    pieces = reader.pieces(np.arange(first_row, end_row))
    entries = continued_entries(*pieces, first_row)
    with atomic_output(path) as sink:
        sink.write(_in_order(entries).data)


def merge_entries(paths: Sequence[str], target: str, span: int = SPAN) -> None:
    """Merge files of sorted entries into one, of at most `span` entries in memory at once."""
    parts = [read_entries(path) for path in paths]
    step = max(1, span // max(1, len(parts)))
    sample = [part[::step, DOCUMENT] for part in parts]
    bounds = np.unique(np.concatenate([*sample, np.zeros(1, np.int64)]))
    at = [0] * len(parts)
    with atomic_output(target) as sink:
        for bound in [*bounds[1:].tolist(), np.iinfo(np.int64).max]:
            ends = [bisect_left(part[:, DOCUMENT], bound) for part in parts]
            slices = [part[start:end] for part, start, end in zip(parts, at, ends, strict=True)]
            sink.write(_in_order(np.concatenate([np.empty((0, 4), np.int64), *slices])).data)
            at = ends


def read_entries(path: str) -> Integers:
    """Map a file of entries into memory (entries, 4)."""
    if not size(path):
        return np.empty((0, 4), np.int64)
    return np.asarray(np.memmap(path, np.int64, "r").reshape(-1, 4))


def _in_order(entries: Integers) -> Integers:
    return np.ascontiguousarray(entries[np.lexsort((entries[:, START], entries[:, DOCUMENT]))])
