"""Rows of a mixture: of each source's rows so many as its share, the same first ones for every mixture.

A corpus is packed once, its sources one after another, and mixtures take whole rows, of which hardly any place is free;
so a mixture costs no tokenizing. Which rows come first is decided by a hash of what is in them, so it does not change
where a source is added, and mixtures that take alike are alike.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from prep.corpus.shards.shards import MANIFEST, Rows, ShardReader, row_schema, rows_batch, write_manifest, write_shard
from prep.stages.sampling.chance_kernels import hash_rows

Integers = npt.NDArray[np.int64]


def rows_by_source(reader: ShardReader) -> dict[str, Integers]:
    """Return the numbers of each source's rows, in the order in which mixtures take them.

    The shards were packed with a phase for each source.
    """
    found: dict[str, Integers] = {}
    start = 0
    for phase in reader.manifest.phases:
        numbers = np.arange(start, start + phase.rows)
        start += phase.rows
        if not phase.rows:
            continue
        data = np.ascontiguousarray(reader.gather(numbers)).view(np.uint8).reshape(-1)
        offsets = np.arange(phase.rows + 1, dtype=np.int64) * (data.size // phase.rows)
        data.flags.writeable = offsets.flags.writeable = False
        (source,) = phase.groups
        found[source] = numbers[np.argsort(hash_rows(data, offsets, np.uint64(0)), kind="stable")]
    return found


def row_counts(shares: npt.NDArray[np.float64], rows: int) -> Integers:
    """Return how many rows of each source come nearest to the shares (sources); they sum to `rows`."""
    exact = shares / shares.sum() * rows
    counts: Integers = np.floor(exact).astype(np.int64)
    rest = np.argsort(-(exact - counts), kind="stable")[: rows - int(counts.sum())]
    counts[rest] += 1
    return counts


def write_mixture(reader: ShardReader, rows: Mapping[str, Integers], counts: Mapping[str, int], folder: str) -> str:
    """Write the rows of a mixture to a folder of its own, unless it is there, and return that of the split.

    A source of fewer rows than its count is repeated.
    """
    words = [reader.manifest.fingerprint, *(f"{source}={count}" for source, count in sorted(counts.items()) if count)]
    place = f"{folder}/{hashlib.sha256(' '.join(words).encode()).hexdigest()[:16]}/train"
    if Path(place, MANIFEST).exists():
        return place
    chosen = np.concatenate([np.resize(rows[source], count) for source, count in sorted(counts.items()) if count])
    pieces = reader.pieces(chosen)
    documents = _renumbered(pieces.documents)
    batch = Rows(reader.gather(chosen), pieces.offsets, pieces.lengths, documents, pieces.continued)
    manifest = reader.manifest
    schema = row_schema(manifest.length, manifest.dtype)
    shard = write_shard(place, "data-00000-of-00001.arrow", schema, [rows_batch(batch)])
    tokens = int(pieces.lengths.sum(dtype=np.int64))
    count = int(documents.max(initial=-1)) + 1
    written = replace(manifest, rows=len(chosen), tokens=tokens, documents=count, shards=(shard,), phases=())
    write_manifest(place, replace(written, tokens_by={}))
    return place


def _renumbered(documents: Integers) -> Integers:
    """Return documents (pieces) numbered as they come, so that their numbers depend on nothing outside the mixture."""
    _, first, places = np.unique(documents, return_index=True, return_inverse=True)
    ranks = np.empty(len(first), np.int64)
    ranks[np.argsort(first, kind="stable")] = np.arange(len(first))
    return ranks[places]
