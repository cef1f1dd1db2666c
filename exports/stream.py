"""The documents of a folder of shards, whole again, as one stream of tokens that can be read from any place.

Documents come in the order in which they begin in the rows, which packing has shuffled, so rows are read in order; only
what continues elsewhere is looked up. Rows are taken in blocks; a table of the documents and tokens that begin in each
block finds any place of the stream. It is made in three phases, whose tasks are ranges of blocks:

    continued/00000.bin    entries of a range (`prep.exports.continuations`)
    continued.bin          those of all
    blocks/00000.bin       by block of a range: documents and tokens that begin there (int64, blocks × 2)
    lengths/00000.bin      tokens of each of these documents (int64)
"""

from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

import numpy as np

from prep.corpus.errors import CorruptFileError
from prep.corpus.files.storage import atomic_output, join
from prep.corpus.shards.shards import Ids, ShardReader
from prep.exports.continuations import merge_entries, read_entries, write_entries
from prep.exports.document_kernels import PLACE, RUN_LENGTH, Integers, begun_documents, copy_runs

STRETCH = 4 << 20
"""Tokens that are read at once."""


class Stretch(NamedTuple):
    """Tokens of the stream that follow one another."""

    ids: Ids
    ends: Integers
    """Where in the stream the documents end that end in the stretch."""


class WholeDocuments(NamedTuple):
    """Whole documents; document i is `ids[offsets[i]:offsets[i + 1]]`."""

    offsets: Integers
    ids: Ids


class RowBlocks:
    """How the rows of a folder are cut into blocks, and blocks into ranges.

    A block has at most `block_bytes` of ids, or one row; a range so many blocks.
    """

    def __init__(self, reader: ShardReader, block_bytes: int, range_blocks: int) -> None:
        row_bytes = reader.manifest.length * np.dtype(reader.manifest.dtype).itemsize
        self.rows = len(reader)
        self.block_rows = max(1, block_bytes // row_bytes)
        self.range_blocks = range_blocks
        self.blocks = -(-self.rows // self.block_rows)
        self.ranges = -(-self.blocks // range_blocks)

    def rows_of(self, block: int) -> tuple[int, int]:
        """Return the first row of a block and the end of its rows."""
        return block * self.block_rows, min(self.rows, (block + 1) * self.block_rows)

    def blocks_of(self, index: int) -> range:
        """Return the blocks of a range."""
        return range(index * self.range_blocks, min(self.blocks, (index + 1) * self.range_blocks))


class StreamIndex:
    """The files that a stream needs, and the tasks that make them."""

    def __init__(self, reader: ShardReader, folder: str, blocks: RowBlocks) -> None:
        self.reader = reader
        self.folder = folder
        self.blocks = blocks

    def collect(self, index: int) -> None:
        """Write the entries of a range."""
        blocks = self.blocks.blocks_of(index)
        first, end = self.blocks.rows_of(blocks[0])[0], self.blocks.rows_of(blocks[-1])[1]
        write_entries(self.reader, first, end, self._path("continued", index))

    def merge(self) -> None:
        """Merge the entries of all ranges."""
        merge_entries([self._path("continued", index) for index in range(self.blocks.ranges)], self.entries_path)

    def measure(self, index: int) -> None:
        """Write how many documents and tokens begin in each block of a range, and the documents' lengths."""
        entries = read_entries(self.entries_path)
        counts = []
        with atomic_output(self._path("lengths", index)) as sink:
            for block in self.blocks.blocks_of(index):
                runs, ends = runs_of(self.reader, self.blocks, block, entries)
                lengths = np.diff(_before(runs)[ends])
                sink.write(lengths.data)
                counts.append((len(lengths), int(lengths.sum())))
        with atomic_output(self._path("blocks", index)) as sink:
            sink.write(np.array(counts, np.int64).data)

    def counts(self) -> Integers:
        """Return the documents and tokens that begin in each block (blocks, 2)."""
        parts = [np.fromfile(self._path("blocks", index), np.int64) for index in range(self.blocks.ranges)]
        return np.concatenate([np.empty(0, np.int64), *parts]).reshape(-1, 2)

    def lengths(self) -> Iterator[Integers]:
        """Yield the tokens of all documents, in order, a range at a time."""
        for index in range(self.blocks.ranges):
            yield np.fromfile(self._path("lengths", index), np.int64)

    @property
    def entries_path(self) -> str:
        """Where the entries of all ranges lie."""
        return join(self.folder, "continued.bin")

    def _path(self, kind: str, index: int) -> str:
        return join(self.folder, kind, f"{index:05d}.bin")


class DocumentStream:
    """Reads the stream once its index stands.

    Raises CorruptFileError where the documents put together do not have the tokens that the manifest states.
    """

    def __init__(self, index: StreamIndex) -> None:
        self.reader = index.reader
        self.blocks = index.blocks
        self.index = index
        self.documents_before, self.tokens_before = (
            np.append(0, np.cumsum(column)) for column in index.counts().T.reshape(2, -1)
        )
        expected = self.reader.manifest.tokens
        if self.tokens != expected:
            raise CorruptFileError(
                f"{self.reader.folder}: expected {expected} tokens in documents put together from their pieces, seen "
                f"{self.tokens}; write the shards again"
            )

    @property
    def documents(self) -> int:
        """The number of documents."""
        return int(self.documents_before[-1])

    @property
    def tokens(self) -> int:
        """The number of tokens of all documents, separators included."""
        return int(self.tokens_before[-1])

    @cached_property
    def _entries(self) -> Integers:
        return read_entries(self.index.entries_path)

    def read(self, first: int, end: int, stretch: int = STRETCH) -> Iterator[Stretch]:
        """Yield the tokens from `first` to `end` in stretches of at most `stretch` tokens."""
        block = int(np.searchsorted(self.tokens_before, first, side="right")) - 1
        while first < end:
            runs, ends = runs_of(self.reader, self.blocks, block, self._entries)
            before = _before(runs) + self.tokens_before[block]
            stop = min(end, int(before[-1]))
            while first < stop:
                until = min(stop, first + stretch)
                yield Stretch(self._copy(runs, before, first, until), _between(before[ends[1:]], first, until))
                first = until
            block += 1

    def boundary(self, place: int) -> int:
        """Return the first place from `place` on at which a document begins, or the end of the stream."""
        if place <= 0 or place >= self.tokens:
            return max(0, min(place, self.tokens))
        block = int(np.searchsorted(self.tokens_before, place)) - 1
        runs, ends = runs_of(self.reader, self.blocks, block, self._entries)
        bounds = _before(runs)[ends] + self.tokens_before[block]
        return int(bounds[np.searchsorted(bounds, place)])

    def read_documents(self, block: int) -> WholeDocuments:
        """Return the documents that begin in a block."""
        runs, ends = runs_of(self.reader, self.blocks, block, self._entries)
        before = _before(runs)
        return WholeDocuments(before[ends], self._copy(runs, before, 0, int(before[-1])))

    def _copy(self, runs: Integers, before: Integers, first: int, end: int) -> Ids:
        """Copy the tokens from `first` to `end` of runs, given the tokens `before` each of them and of all."""
        start = int(np.searchsorted(before, first, side="right")) - 1
        wanted = runs[start : int(np.searchsorted(before, end))].copy()
        if len(wanted):
            skip = first - int(before[start])
            wanted[0, PLACE] += skip
            wanted[0, RUN_LENGTH] -= skip
            wanted[-1, RUN_LENGTH] -= int(before[start + len(wanted)]) - end
        out: Ids = np.empty(end - first, self.reader.manifest.dtype)
        copy_runs(self.reader.table, wanted, self.reader.manifest.length, out)
        return out


def runs_of(reader: ShardReader, blocks: RowBlocks, block: int, entries: Integers) -> tuple[Integers, Integers]:
    """Return the runs that the documents beginning in a block are made of, and the runs before each document."""
    first, end = blocks.rows_of(block)
    runs, ends = begun_documents(*reader.pieces(np.arange(first, end)), first, entries)
    return runs, ends


def _before(runs: Integers) -> Integers:
    """Return the tokens before each run, and of all (runs + 1)."""
    return np.append(0, np.cumsum(runs[:, RUN_LENGTH]))


def _between(ends: Integers, first: int, end: int) -> Integers:
    return ends[np.searchsorted(ends, first, side="right") : np.searchsorted(ends, end, side="right")]
