"""What deduplication keeps of each document: its id, its length and the hashes by which it can match another.

Each hash is a column of its own, so that a task that compares one of them reads no other.
"""

from collections.abc import Callable, Mapping
from typing import ClassVar, Literal

import numpy as np
import pyarrow as pa

from prep.corpus.arrow.columns import Offsets, string_buffers
from prep.corpus.text.hashing import lower_table
from prep.corpus.text.words import Splitter, word_table
from prep.stages.dedup.minhash.minhash_kernels import Hashes, Shingling, band_hashes, hash_functions, signatures
from prep.stages.shared.matching.documents import CONTENT, ID, LENGTH, SKETCH
from prep.stages.shared.matching.exact_kernels import text_hashes
from prep.stages.shared.matching.sketch_kernels import SKETCH_WORDS
from prep.stages.stage import Tap

Normalisation = Literal["none", "case_and_space"]
Shingles = Literal["words", "characters"]

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
    """The hash of each band of each document's MinHash signature, its sketch, and the hash of its shingles."""

    name: ClassVar[str] = "minhash"
    version: ClassVar[int] = 3
    libraries: ClassVar[tuple[str, ...]] = ("regex",)
    columns: ClassVar[tuple[str, ...]] = ("id", "text")

    shingles: Shingles
    ngram: int
    bands: int
    rows: int
    splitter: Splitter
    seed: int

    def shingling(self) -> Shingling:
        """Return how documents are cut, as kernels take it."""
        return Shingling(word_table(self.splitter), lower_table(), self.ngram, self.shingles == "characters")

    def open(self) -> Callable[[pa.RecordBatch], pa.RecordBatch]:
        """Return the function from documents to `id`, `length`, a column for each band, SKETCH and CONTENT."""
        shingling = self.shingling()
        functions = hash_functions(self.bands * self.rows, self.seed)
        step = max(1, SIGNATURE_BYTES // (4 * len(functions)))

        def extract(batch: pa.RecordBatch) -> pa.RecordBatch:
            data, offsets = string_buffers(batch.column("text"))
            hashes = np.empty((self.bands, batch.num_rows), np.uint64)
            sketch = np.empty((batch.num_rows, SKETCH_WORDS), np.uint64)
            content = np.empty(batch.num_rows, np.uint64)
            for start in range(0, batch.num_rows, step):
                some = slice(start, start + step)
                signed, sketch[some], content[some] = signatures(
                    data, offsets[start : start + step + 1], shingling, functions
                )
                hashes[:, some] = band_hashes(signed, self.bands, self.rows)
            kind = pa.binary(8 * SKETCH_WORDS)
            sketches = pa.FixedSizeBinaryArray.from_buffers(kind, batch.num_rows, [None, pa.py_buffer(sketch)])
            bands = {band_column(band): column for band, column in enumerate(hashes)}
            return tap_table(batch, offsets, {**bands, SKETCH: sketches, CONTENT: content})

        return extract


def tap_table(batch: pa.RecordBatch, offsets: Offsets, hashes: Mapping[str, Hashes | pa.Array]) -> pa.RecordBatch:
    """Return the table of a batch: ids, lengths of the texts with these offsets, and the columns of hashes."""
    columns = {
        ID: batch.column("id").cast(pa.string()),
        LENGTH: pa.array(np.diff(offsets)),
        **{name: pa.array(column) for name, column in hashes.items()},
    }
    return pa.RecordBatch.from_pydict(columns)
