"""litdata and litgpt: `index.json` and chunks for litdata's TokensLoader, in a folder for each split.

A chunk: the number of items N (u32), where they begin and the last ends (u32, N + 1, from the file's beginning), the
tokens. The loader takes blocks of T + 1 tokens from the tokens of each chunk and drops what does not fill one, so
chunks are whole blocks, each an item. Source: litdata, streaming/writer.py and item_loader.py.
"""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import orjson

from prep.corpus.files.storage import atomic_output, join, write_bytes
from prep.exports.format import Format, Split, TokenRange, cut_stream, delimited, left_over, sequence_length, too_short

FILE_BYTES = 64 << 20
LARGEST = 1 << 32
"""Offsets have 32 bits."""
DTYPES = {"uint16": 5, "uint32": 6}
"""Numbers of litdata's own list."""


class LitData(Format):
    """Chunks of whole blocks of one token more than a sequence."""

    name: ClassVar[str] = "litdata"
    reader: ClassVar[str] = "litgpt, litdata"

    def problem(self, splits: Sequence[Split]) -> str | None:
        """Return what is wrong with splits without a block, and chunks that offsets of 32 bits cannot reach."""
        short = too_short(splits, self._block(splits))
        if short is not None:
            return short
        limit = self.settings.file_bytes or FILE_BYTES
        return None if limit < LARGEST // 2 else f"a chunk has at most 2 GiB, seen {limit} bytes; lower file_bytes"

    def tasks(self, split: Split) -> int:
        """Return one task for each chunk."""
        return len(self._ranges(split))

    def write(self, split: Split, task: int, output: str) -> None:
        """Write a chunk."""
        part = self._ranges(split)[task]
        with atomic_output(join(output, split.name, _name(task))) as sink:
            sink.write(self._head(split, part).data)
            for stretch in split.stream.read(part.first, part.end):
                sink.write(stretch.ids.data)

    def finish(self, splits: Sequence[Split], output: str) -> None:
        """Write the indexes."""
        for split in splits:
            chunks = []
            for number, part in enumerate(self._ranges(split)):
                head, tokens = self._head(split, part), part.end - part.first
                chunks.append(
                    {
                        "chunk_bytes": head.nbytes + tokens * split.token_bytes,
                        "chunk_size": int(head[0]),
                        "dim": tokens,
                        "filename": _name(number),
                    }
                )
            config = {
                "chunk_bytes": self.settings.file_bytes or FILE_BYTES,
                "chunk_size": None,
                "compression": None,
                "data_format": [f"no_header_numpy:{DTYPES[split.reader.manifest.dtype]}"],
                "data_spec": '[1, {"type": null, "context": null, "node_data": null, "children_spec": []}]',
                "encryption": None,
                "item_loader": "TokensLoader",
            }
            index = {"chunks": chunks, "config": config, "updated_at": "0"}
            write_bytes(join(output, split.name, "index.json"), orjson.dumps(index))

    def note(self, splits: Sequence[Split], output: str) -> str:
        """Return how litdata and litgpt open the folders."""
        block = self._block(splits)
        return (
            f'StreamingDataset("{join(output, splits[0].name)}", item_loader=TokensLoader(block_size={block}))\n'
            f"litgpt: --data LitData --data.data_path {output} --data.split_names "
            f"'{orjson.dumps([split.name for split in splits]).decode()}' --train.max_seq_length {block - 1}\n"
            f"Documents are end to end, {delimited(splits)}; blocks begin and end anywhere in them.\n"
            f"{left_over(splits, block)}"
        )

    def _block(self, splits: Sequence[Split]) -> int:
        return sequence_length(self.settings, splits) + 1

    def _ranges(self, split: Split) -> list[TokenRange]:
        return cut_stream(split, self.settings.file_bytes or FILE_BYTES, self._block([split]))

    def _head(self, split: Split, part: TokenRange) -> np.ndarray[tuple[int], np.dtype[np.uint32]]:
        bounds = np.append(np.arange(part.first, part.end, self._block([split])), part.end) - part.first
        head = np.empty(len(bounds) + 1, "<u4")
        head[0] = len(bounds) - 1
        head[1:] = bounds * split.token_bytes + head.nbytes
        return head


def _name(number: int) -> str:
    return f"chunk-0-{number}.bin"
