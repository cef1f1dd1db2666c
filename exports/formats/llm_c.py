"""llm.c and modded-nanogpt: `PREFIX_train_000000.bin` …, each a header of 256 int32 and token ids.

The header: 20240520, version 1, the number of tokens (below 2^31), zeros; ids have 16 bits. llm.c marks ids of 32 bits
with 20240801 and version 7. Readers find documents by the separator *before* each and leave out what a file holds
before its first one, so files are whole documents; where packing has put the separator after documents, it is moved to
the front of each. Source: karpathy/llm.c, dev/data/data_common.py; KellerJordan/modded-nanogpt, train_gpt.py.
"""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from prep.corpus.errors import RunError
from prep.corpus.files.storage import atomic_output, join
from prep.exports.format import Format, Split, TokenRange, cut_stream, whole_documents
from prep.exports.formats.nanogpt import NAMES

FILE_BYTES = 200_000_000
"""A hundred million tokens of 16 bits, as published sets have."""
HEADERS = {"uint16": (20240520, 1), "uint32": (20240801, 7)}
MOST_TOKENS = (1 << 31) - 1
PREFIX = "prep"


class LlmC(Format):
    """Files of about a hundred million tokens and whole documents, read one after another."""

    name: ClassVar[str] = "llm.c"
    reader: ClassVar[str] = "llm.c, modded-nanogpt"
    version: ClassVar[int] = 2

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
        """Write a file; none for a range in which no document begins.

        Raises RunError where a document makes a file larger than its header can say.
        """
        part, manifest = whole_documents(split, self._ranges(split)[task]), split.reader.manifest
        if part.first == part.end:
            return
        if part.end - part.first > MOST_TOKENS:
            raise RunError(f"llm.c: a file holds at most {MOST_TOKENS} tokens, seen a document that makes it larger")
        header = np.zeros(256, "<i4")
        header[:3] = (*HEADERS[manifest.dtype], part.end - part.first)
        first, end = part.first, part.end
        with atomic_output(join(output, f"{PREFIX}_{NAMES.get(split.name, split.name)}_{task:06d}.bin")) as sink:
            sink.write(header.data)
            if manifest.separator == "after":
                sink.write(np.array([manifest.separator_id], manifest.dtype).data)
                end -= 1
            for stretch in split.stream.read(first, end):
                sink.write(stretch.ids.data)

    def note(self, splits: Sequence[Split], output: str) -> str:
        """Return the patterns of the files."""
        manifest = splits[0].reader.manifest
        patterns = (f'"{output}/{PREFIX}_{NAMES.get(split.name, split.name)}_*.bin"' for split in splits)
        begin = manifest.separator_id if manifest.begin_id is None else manifest.begin_id
        after = "" if manifest.begin_id is None else f", id {manifest.separator_id} after it"
        return (
            f"Point the trainer at the patterns {' and '.join(patterns)}\n"
            "  (llm.c: -i and -j; modded-nanogpt: train_files and val_files).\n"
            f"Files are whole documents, id {begin} before each, which is modded-nanogpt's BOS id{after}; llm.c reads\n"
            "  across documents.\n"
            f"The vocabulary has {manifest.vocabulary} ids."
        )

    def _ranges(self, split: Split) -> list[TokenRange]:
        return cut_stream(split, self.settings.file_bytes or FILE_BYTES)
