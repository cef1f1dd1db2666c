"""datatrove and nanotron: `00000.ds` … with token ids and nothing else, in a folder for each split.

Beside each, `.ds.index` lists where documents end in it (u64); the file's own end is the last entry. Readers take
blocks of T + 1 tokens from each file and drop what does not fill one, so files are whole blocks. `.ds.metadata`: the
tokenizer and the bytes of an id, the number of tokens, and that in words. Source: datatrove, utils/dataset.py and
pipeline/tokens/tokenizer.py.
"""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from prep.corpus.files.storage import atomic_output, join, write_bytes
from prep.exports.format import Format, Split, TokenRange, cut_stream, delimited, left_over, sequence_length, too_short

FILE_BYTES = 256 << 20


class Datatrove(Format):
    """Files of whole blocks of one token more than a sequence."""

    name: ClassVar[str] = "datatrove"
    reader: ClassVar[str] = "nanotron, datatrove"

    def problem(self, splits: Sequence[Split]) -> str | None:
        """Return what is wrong with splits without a block."""
        return too_short(splits, self._block(splits))

    def tasks(self, split: Split) -> int:
        """Return one task for each file."""
        return len(self._ranges(split))

    def write(self, split: Split, task: int, output: str) -> None:
        """Write a file, its index and its metadata."""
        part, manifest = self._ranges(split)[task], split.reader.manifest
        path = join(output, split.name, f"{task:05d}.ds")
        with atomic_output(path) as sink, atomic_output(f"{path}.index") as index:
            last = part.first
            for stretch in split.stream.read(part.first, part.end):
                sink.write(stretch.ids.data)
                index.write((stretch.ends - part.first).astype("<u8").data)
                last = int(stretch.ends[-1]) if len(stretch.ends) else last
            if last < part.end:
                index.write(np.array([part.end - part.first], "<u8").data)
        tokens = part.end - part.first
        tokenizer = self.settings.tokenizer or f"sha256:{manifest.tokenizer_sha256}"
        write_bytes(f"{path}.metadata", f"{tokenizer}|{split.token_bytes}\n{tokens}\n{_in_words(tokens)}".encode())

    def note(self, splits: Sequence[Split], output: str) -> str:
        """Return the settings of nanotron, and of the reader itself."""
        manifest, block = splits[0].reader.manifest, self._block(splits)
        return (
            "nanotron, in the configuration's data.dataset:\n"
            f"  dataset_folder: {join(output, splits[0].name)}\n  vocab_size: {manifest.vocabulary}\n"
            f"  token_size_in_bytes: {splits[0].token_bytes}\nwith sequence_length: {block - 1}. By hand:\n"
            f'  DatatroveFolderDataset("{join(output, splits[0].name)}", seq_len={block - 1}, '
            f'filename_pattern="*.ds", token_size={splits[0].token_bytes})\n'
            f"Documents are end to end, {delimited(splits)}. With return_positions the reader counts positions\n"
            "  from the documents' ends in the index, and from 0 where a document goes on in another file or window.\n"
            f"{left_over(splits, block)}"
        )

    def _block(self, splits: Sequence[Split]) -> int:
        return sequence_length(self.settings, splits) + 1

    def _ranges(self, split: Split) -> list[TokenRange]:
        return cut_stream(split, self.settings.file_bytes or FILE_BYTES, self._block([split]))


def _in_words(tokens: int) -> str:
    """Return a number as datatrove writes it for people."""
    for size, unit in ((10**12, "T"), (10**9, "B"), (10**6, "M"), (10**3, "K")):
        if tokens >= size:
            return f"{tokens / size:.2f} {unit}T"
    return f"{tokens} T"
