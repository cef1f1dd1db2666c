"""OLMo-core: `train-00000.npy` …, by name numpy's, in truth token ids and nothing else.

Beside each, `.csv.gz` has a line `start,end` for each document in it; one that goes on in the next file has a line in
both. The fixed-length reader takes sequences of T tokens from each file and drops what does not fill one, so files are
whole sequences. Source: OLMo-core, data/numpy_dataset.py and data/utils.py.
"""

import gzip
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from prep.corpus.files.storage import atomic_output, join
from prep.exports.document_kernels import Integers
from prep.exports.format import Format, Split, TokenRange, cut_stream, left_over, sequence_length

FILE_BYTES = 256 << 20


class OlmoCore(Format):
    """Files of whole sequences, with the documents' bounds beside them."""

    name: ClassVar[str] = "olmo-core"
    reader: ClassVar[str] = "OLMo-core"

    def tasks(self, split: Split) -> int:
        """Return one task for each file."""
        return len(self._ranges(split))

    def write(self, split: Split, task: int, output: str) -> None:
        """Write a file and its documents' bounds."""
        part = self._ranges(split)[task]
        path = join(output, f"{split.name}-{task:05d}")
        start = 0
        with (
            atomic_output(f"{path}.npy") as sink,
            atomic_output(f"{path}.csv.gz") as packed,
            gzip.GzipFile("", "wb", fileobj=packed, mtime=0) as lines,
        ):
            for stretch in split.stream.read(part.first, part.end):
                sink.write(stretch.ids.data)
                ends = stretch.ends - part.first
                lines.write(_lines(start, ends))
                start = int(ends[-1]) if len(ends) else start
            if start < part.end - part.first:
                lines.write(_lines(start, np.array([part.end - part.first])))

    def note(self, splits: Sequence[Split], output: str) -> str:
        """Return how OLMo-core is told of the files."""
        manifest, length = splits[0].reader.manifest, sequence_length(self.settings, splits)
        return (
            f'NumpyFSLDatasetConfig(paths=["{join(output, splits[0].name)}-*.npy"], expand_glob=True,\n'
            f"  sequence_length={length}, dtype=NumpyDatasetDType.{manifest.dtype}, tokenizer=TokenizerConfig(\n"
            f"  vocab_size={manifest.vocabulary}, eos_token_id={manifest.separator_id}, "
            f"pad_token_id={manifest.padding_id}))\n"
            "The .csv.gz files tell the documents' bounds to the packing datasets. "
            f"{left_over(splits, length)}"
        )

    def _ranges(self, split: Split) -> list[TokenRange]:
        length = sequence_length(self.settings, [split])
        return cut_stream(split, self.settings.file_bytes or FILE_BYTES, length)


def _lines(start: int, ends: Integers) -> bytes:
    starts = [start, *ends[:-1].tolist()] if len(ends) else []
    return "".join(f"{first},{end}\n" for first, end in zip(starts, ends.tolist(), strict=True)).encode()
