"""MosaicML Streaming (MDS), which LLM Foundry and Composer read: rows as they were packed.

A shard: the number of samples N (u32), where they begin and the last ends (u32, N + 1, from the file's beginning), the
columns as JSON, the samples. A sample: the size of each column that has not one size for all (u32), then the columns by
name. Here these are `continued` (int64), `lengths` (ndarray:int32: a byte with the number of dimensions and the width
of their sizes, the sizes, the values) and `tokens` (ndarray of one size, the row). `index.json` lists the shards.
Source: mosaicml-streaming, base/format/mds/writer.py and encodings.py.
"""

from collections.abc import Iterator, Sequence
from typing import ClassVar

import numpy as np
import orjson

from prep.corpus.files.storage import atomic_output, join, size, write_bytes
from prep.corpus.shards.shards import Pieces
from prep.exports.document_kernels import Integers
from prep.exports.format import Format, Split, delimited
from prep.exports.sample_kernels import lengths_sizes, write_samples

FILE_BYTES = 64 << 20
LARGEST = 1 << 31
"""Offsets have 32 bits; a row's lengths take as many bytes again as its ids, at most twice."""
BATCH_BYTES = 16 << 20


class MosaicML(Format):
    """A folder for each split, its shards of the same number of rows."""

    name: ClassVar[str] = "mds"
    reader: ClassVar[str] = "MosaicML Streaming, LLM Foundry, Composer"
    documents: ClassVar[bool] = False

    def problem(self, splits: Sequence[Split]) -> str | None:
        """Return what is wrong with shards that offsets of 32 bits cannot reach."""
        limit = self._file_bytes
        return None if limit <= LARGEST // 4 else f"a shard has at most {LARGEST // 4} bytes, seen {limit}"

    def tasks(self, split: Split) -> int:
        """Return one task for each shard."""
        return -(-len(split.reader) // self._file_rows(split))

    def write(self, split: Split, task: int, output: str) -> None:
        """Write a shard."""
        first = task * self._file_rows(split)
        end = min(len(split.reader), first + self._file_rows(split))
        config = orjson.dumps(self._config(split), option=orjson.OPT_SORT_KEYS)
        sizes = np.concatenate(
            [sample_sizes(pieces, self._row_bytes(split)) for _, pieces in _batches(split, first, end)]
        )
        head = np.empty(len(sizes) + 2, "<u4")
        head[0] = len(sizes)
        head[1:] = np.append(0, np.cumsum(sizes)) + head.nbytes + len(config)
        with atomic_output(join(output, split.name, _name(task))) as sink:
            sink.write(head.data)
            sink.write(config)
            for rows, pieces in _batches(split, first, end):
                sink.write(self._samples(split, rows, pieces))

    def finish(self, splits: Sequence[Split], output: str) -> None:
        """Write the indexes."""
        for split in splits:
            shards = []
            for task in range(self.tasks(split)):
                rows = min(self._file_rows(split), len(split.reader) - task * self._file_rows(split))
                data = {"basename": _name(task), "bytes": size(join(output, split.name, _name(task))), "hashes": {}}
                shards.append({**self._config(split), "raw_data": data, "samples": rows, "zip_data": None})
            index = {"shards": shards, "version": 2}
            write_bytes(join(output, split.name, "index.json"), orjson.dumps(index, option=orjson.OPT_SORT_KEYS))

    def note(self, splits: Sequence[Split], output: str) -> str:
        """Return how Streaming and LLM Foundry open the folders."""
        manifest = splits[0].reader.manifest
        return (
            f'StreamingDataset(local="{join(output, splits[0].name)}", shuffle=True, batch_size=…): sample["tokens"]\n'
            f"LLM Foundry, in train_loader.dataset: local: {output}, split: {splits[0].name}, "
            f"max_seq_len: {manifest.length}\n"
            f'sample["lengths"] are the tokens of each piece of a document, {delimited(splits)} document;\n'
            f'  sample["continued"] is how many tokens of the first piece\'s document are in other rows before it.\n'
            f"  After the pieces comes padding, id {manifest.padding_id}."
        )

    @property
    def _file_bytes(self) -> int:
        return self.settings.file_bytes or FILE_BYTES

    def _row_bytes(self, split: Split) -> int:
        return split.reader.manifest.length * split.token_bytes

    def _file_rows(self, split: Split) -> int:
        return max(1, self._file_bytes // self._row_bytes(split))

    def _config(self, split: Split) -> dict[str, object]:
        manifest = split.reader.manifest
        return {
            "column_encodings": ["int64", "ndarray:int32", f"ndarray:{manifest.dtype}:{manifest.length}"],
            "column_names": ["continued", "lengths", "tokens"],
            "column_sizes": [8, None, self._row_bytes(split)],
            "compression": None,
            "format": "mds",
            "hashes": [],
            "size_limit": self._file_bytes,
            "version": 2,
        }

    def _samples(self, split: Split, rows: Integers, pieces: Pieces) -> bytes:
        row_bytes = self._row_bytes(split)
        ids = split.reader.gather(rows).view(np.uint8)
        lengths = pieces.lengths.view(np.uint8).reshape(-1, 4)
        continued = pieces.continued.view(np.uint8).reshape(-1, 8)
        out = np.empty(int(sample_sizes(pieces, row_bytes).sum()), np.uint8)
        write_samples(ids, pieces.offsets, lengths, continued, lengths_sizes(pieces.offsets), out)
        return out.tobytes()


def sample_sizes(pieces: Pieces, row_bytes: int) -> Integers:
    """Return the bytes of each row's sample: the size of its lengths, `continued`, the lengths, the tokens."""
    sizes: Integers = lengths_sizes(pieces.offsets) + (4 + 8 + row_bytes)
    return sizes


def _batches(split: Split, first: int, end: int) -> Iterator[tuple[Integers, Pieces]]:
    step = max(1, BATCH_BYTES // (split.reader.manifest.length * split.token_bytes))
    for start in range(first, end, step):
        rows = np.arange(start, min(end, start + step))
        yield rows, split.reader.pieces(rows)


def _name(task: int) -> str:
    return f"shard.{task:05d}.mds"
