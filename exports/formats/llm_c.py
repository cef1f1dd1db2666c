"""llm.c and modded-nanogpt: `PREFIX_train_000000.bin` …, each a header of 256 int32 and token ids.

The header: 20240520, version 1, the number of tokens (below 2^31), zeros; ids have 16 bits. llm.c marks ids of 32 bits
with 20240801 and version 7. The separator stands *before* each document: where packing has put it after them, the
stream is ours with its last separator moved to the front. Source: karpathy/llm.c, dev/data/data_common.py.
"""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from prep.corpus.files.storage import atomic_output, join
from prep.exports.format import Format, Split, TokenRange, cut_stream
from prep.exports.formats.nanogpt import NAMES

FILE_BYTES = 200_000_000
"""A hundred million tokens of 16 bits, as published sets have."""
HEADERS = {"uint16": (20240520, 1), "uint32": (20240801, 7)}
MOST_TOKENS = (1 << 31) - 1
PREFIX = "prep"


class LlmC(Format):
    """Files of a hundred million tokens, read one after another."""

    name: ClassVar[str] = "llm.c"
    reader: ClassVar[str] = "llm.c, modded-nanogpt"

    def problem(self, splits: Sequence[Split]) -> str | None:
        """Return what is wrong with files too large for the header."""
        most = max((part.end - part.first for split in splits for part in self._ranges(split)), default=0)
        return (
            None if most <= MOST_TOKENS else f"a file holds at most {MOST_TOKENS} tokens, seen {most}; lower file_bytes"
        )

    def tasks(self, split: Split) -> int:
        """Return one task for each file."""
        return len(self._ranges(split))

    def write(self, split: Split, task: int, output: str) -> None:
        """Write a file."""
        part, manifest = self._ranges(split)[task], split.reader.manifest
        header = np.zeros(256, "<i4")
        header[:3] = (*HEADERS[manifest.dtype], part.end - part.first)
        first, end = part.first, part.end
        with atomic_output(join(output, f"{PREFIX}_{NAMES.get(split.name, split.name)}_{task:06d}.bin")) as sink:
            sink.write(header.data)
            if manifest.separator == "after":
                if not first:
                    sink.write(np.array([manifest.separator_id], manifest.dtype).data)
                first, end = max(0, first - 1), end - 1
            for stretch in split.stream.read(first, end):
                sink.write(stretch.ids.data)

    def note(self, splits: Sequence[Split], output: str) -> str:
        """Return the patterns of the files."""
        manifest = splits[0].reader.manifest
        return (
            f'Point the trainer at the patterns "{output}/{PREFIX}_train_*.bin" and "{output}/{PREFIX}_val_*.bin"\n'
            "  (llm.c: -i and -j; modded-nanogpt: train_files and val_files).\n"
            f"The separator, id {manifest.separator_id}, stands before each document: modded-nanogpt's BOS id.\n"
            f"The vocabulary has {manifest.vocabulary} ids."
        )

    def _ranges(self, split: Split) -> list[TokenRange]:
        return cut_stream(split, self.settings.file_bytes or FILE_BYTES)
