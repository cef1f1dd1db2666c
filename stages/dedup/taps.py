"""What deduplication keeps of each document: its id, its length and the hashes by which it can match another.

Each hash is a column of its own, so that a task that compares one of them reads no other.
"""

from collections.abc import Callable, Mapping
from typing import ClassVar, Literal

import numpy as np
import pyarrow as pa

from prep.corpus.columns import Bytes, Offsets, string_buffers
from prep.corpus.hashing import lower_table
from prep.corpus.words import Splitter, word_table
from prep.stages.dedup.exact_kernels import text_hashes
from prep.stages.dedup.minhash_kernels import Hashes, band_hashes, hash_functions, signatures
from prep.stages.stage import Tap

Normalisation = Literal["none", "case_and_space"]

ID = "id"
LENGTH = "length"
"""Bytes of UTF-8."""
TEXT_HASH = ("text_hash_0", "text_hash_1")
"""The two halves of the 128-bit hash."""
SIGNATURE_BYTES = 32 << 20
"""Signatures held at a time: a batch of very short documents has more of them than text."""


def band_column(band: int) -> str:
    """Return the name of a band's column."""
    return f"band_{band:03d}"


class ExactTap(Tap):
    """The 128-bit hash of each document's normalised text."""

    name: ClassVar[str] = "exact"
    libraries: ClassVar[tuple[str, ...]] = ("regex",)
    columns: ClassVar[tuple[str, ...]] = ("id", "text")

    normalise: Normalisation

    def open(self) -> Callable[[pa.RecordBatch], pa.RecordBatch]:
        """Return the function from documents to `id`, `length` and the columns of TEXT_HASH."""
        spaces, lower = word_table("whitespace"), lower_table()
        fold = self.normalise == "case_and_space"

        def extract(batch: pa.RecordBatch) -> pa.RecordBatch:
            data, offsets = string_buffers(batch.column("text"))
            hashes = text_hashes(data, offsets, fold, spaces, lower)
            return tap_table(batch, offsets, dict(zip(TEXT_HASH, hashes, strict=True)))

        return extract


class MinHashTap(Tap):
    """The hash of each band of each document's MinHash signature."""

    name: ClassVar[str] = "minhash"
    libraries: ClassVar[tuple[str, ...]] = ("regex",)
    columns: ClassVar[tuple[str, ...]] = ("id", "text")

    ngram: int
    bands: int
    rows: int
    splitter: Splitter
    seed: int

    def open(self) -> Callable[[pa.RecordBatch], pa.RecordBatch]:
        """Return the function from documents to `id`, `length` and a column for each band."""
        splitter, lower = word_table(self.splitter), lower_table()
        functions = hash_functions(self.bands * self.rows, self.seed)
        step = max(1, SIGNATURE_BYTES // (4 * len(functions)))

        def hashes_of(data: Bytes, offsets: Offsets) -> Hashes:
            return band_hashes(signatures(data, offsets, splitter, lower, self.ngram, functions), self.bands, self.rows)

        def extract(batch: pa.RecordBatch) -> pa.RecordBatch:
            data, offsets = string_buffers(batch.column("text"))
            starts = range(0, max(1, batch.num_rows), step)
            pieces = [hashes_of(data, offsets[start : start + step + 1]) for start in starts]
            hashes = pieces[0] if len(pieces) == 1 else np.concatenate(pieces, axis=1)
            return tap_table(batch, offsets, {band_column(band): column for band, column in enumerate(hashes)})

        return extract


def tap_table(batch: pa.RecordBatch, offsets: Offsets, hashes: Mapping[str, Hashes | pa.Array]) -> pa.RecordBatch:
    """Return the table of a batch: ids, lengths of the texts with these offsets, and the columns of hashes."""
    columns = {
        ID: batch.column("id").cast(pa.string()),
        LENGTH: pa.array(np.diff(offsets)),
        **{name: pa.array(column) for name, column in hashes.items()},
    }
    return pa.RecordBatch.from_pydict(columns)
