"""OLMo-core: `train-00000.npy` …, named like numpy's files, but token ids and nothing else.

Beside each, `.csv.gz` has a line `start,end` for each document in it. Readers that pack documents find them by these
lines, or by the separator after each: what follows the last separator of a file they leave out, so files are whole
documents, and a separator before documents is moved behind them. The fixed-length reader takes sequences of T tokens
from each file and drops what does not fill one, fewer than T tokens per file. Source: OLMo-core, data/numpy_dataset.py
and data/utils.py.
"""

import gzip
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from prep.corpus.files.storage import atomic_output, join
from prep.exports.document_kernels import Integers
from prep.exports.format import Format, Split, TokenRange, cut_stream, sequence_length, too_short, whole_documents

FILE_BYTES = 256 << 20


class OlmoCore(Format):
    """Files of whole documents, with their bounds beside them."""

    name: ClassVar[str] = "olmo-core"
    reader: ClassVar[str] = "OLMo-core"
    version: ClassVar[int] = 2

    def problem(self, splits: Sequence[Split]) -> str | None:
        """Return what is wrong with splits without a sequence."""
        return too_short(splits, sequence_length(self.settings, splits))

    def tasks(self, split: Split) -> int:
        """Return one task for each file."""
        return len(self._ranges(split))

    def write(self, split: Split, task: int, output: str) -> None:
        """Write a file and its documents' bounds; none for a range in which no document begins."""
        part, manifest = whole_documents(split, self._ranges(split)[task]), split.reader.manifest
        if part.first == part.end:
            return
        path = join(output, f"{split.name}-{task:05d}")
        start = 0
        skipped = 1 if manifest.separator == "before" else 0
        with (
            atomic_output(f"{path}.npy") as sink,
            atomic_output(f"{path}.csv.gz") as packed,
            gzip.GzipFile("", "wb", fileobj=packed, mtime=0) as lines,
        ):
            for stretch in split.stream.read(part.first, part.end):
                sink.write(stretch.ids[skipped:].data)
                ends = stretch.ends - part.first
                lines.write(_lines(start, ends))
                start = int(ends[-1]) if len(ends) else start
                skipped = 0
            if manifest.separator == "before":
                sink.write(np.array([manifest.separator_id], manifest.dtype).data)

    def note(self, splits: Sequence[Split], output: str) -> str:
        """Return the configuration that makes OLMo-core read the files."""
        manifest, length = splits[0].reader.manifest, sequence_length(self.settings, splits)
        begin = "" if manifest.begin_id is None else f", bos_token_id={manifest.begin_id}"
        return (
            f'NumpyFSLDatasetConfig(paths=["{join(output, splits[0].name)}-*.npy"], expand_glob=True,\n'
            f"  sequence_length={length}, dtype=NumpyDatasetDType.{manifest.dtype}, tokenizer=TokenizerConfig(\n"
            f"  vocab_size={manifest.vocabulary}, eos_token_id={manifest.separator_id}, "
            f"pad_token_id={manifest.padding_id}{begin}))\n"
            f"Files are whole documents, id {manifest.separator_id} after each: datasets that pack documents find all\n"
            "  of them, by this id or in the .csv.gz files. The fixed-length dataset drops what does not fill a\n"
            f"  sequence at the end of each file, fewer than {length} tokens."
        )

    def _ranges(self, split: Split) -> list[TokenRange]:
        return cut_stream(split, self.settings.file_bytes or FILE_BYTES)


def _lines(start: int, ends: Integers) -> bytes:
    starts = [start, *ends[:-1].tolist()] if len(ends) else []
    return "".join(f"{first},{end}\n" for first, end in zip(starts, ends.tolist(), strict=True)).encode()
