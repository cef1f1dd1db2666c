r"""Megatron-LM and Megatron Core: `train.bin` with the documents' tokens end to end, `train.idx` with their lengths.

The index: the magic `MMIDIDX\0\0`, version 1 (u64), a code for the dtype (u8), the number of sequences and of
document bounds (u64 each); then the sequences' lengths (i32), their byte offsets (i64) and the document bounds (i64),
from 0 to the number of sequences. Here every document is one sequence. Source: megatron/core/datasets/
indexed_dataset.py.
"""

from collections.abc import Iterator, Sequence
from itertools import accumulate
from struct import pack
from typing import ClassVar

import numpy as np

from prep.corpus.errors import RunError
from prep.corpus.files.storage import atomic_output, join
from prep.exports import token_file
from prep.exports.document_kernels import Integers
from prep.exports.format import Format, Split, delimited

CODES = {"uint16": 8, "uint32": 4}
"""Of the dtypes; ids of 32 bits are stored as int32, which Megatron has a code for."""
LONGEST = (1 << 31) - 1
STEP = 1 << 20


class Megatron(Format):
    """One `.bin` and one `.idx` for each split; Megatron shuffles the documents and cuts sequences itself."""

    name: ClassVar[str] = "megatron"
    reader: ClassVar[str] = "Megatron-LM, Megatron Core, NeMo"

    def tasks(self, split: Split) -> int:
        """Return one task for each 256 MiB."""
        return len(token_file.ranges(split))

    def write(self, split: Split, task: int, output: str) -> None:
        """Write a range of the tokens."""
        token_file.write_range(split, task, _path(output, split, "bin"))

    def finish(self, splits: Sequence[Split], output: str) -> None:
        """Name the `.bin` files and write their indexes. Raises RunError for a document too long for an int32."""
        for split in splits:
            token_file.publish(split, _path(output, split, "bin"))
            _write_index(split, _path(output, split, "idx"))

    def note(self, splits: Sequence[Split], output: str) -> str:
        """Return the arguments."""
        manifest = splits[0].reader.manifest
        paths = {split.name: join(output, split.name) for split in splits}
        arguments = "\n".join(
            f"  {flag} {paths[name]}"
            for name, flag in zip(("train", "validation", "test"), _FLAGS, strict=True)
            if name in paths
        )
        return (
            f"Give Megatron the paths without .bin:\n{arguments or '  --data-path ' + next(iter(paths.values()))}\n"
            f"  --seq-length {manifest.length} --tokenizer-type HuggingFaceTokenizer --tokenizer-model TOKENIZER\n"
            f"Each sequence of the index is a document, {delimited(splits)}. --vocab-size is {manifest.vocabulary}\n"
            "  before padding. Megatron cuts its samples anywhere in the documents; --reset-position-ids and\n"
            "  --reset-attention-mask keep documents apart that end with the end-of-document token."
        )


_FLAGS = ("--train-data-path", "--valid-data-path", "--test-data-path")


def _write_index(split: Split, path: str) -> None:
    documents = split.stream.documents
    with atomic_output(path) as sink:
        code = CODES[split.reader.manifest.dtype]
        sink.write(b"MMIDIDX\x00\x00" + pack("<QBQQ", 1, code, documents, documents + 1))
        for lengths in split.index.lengths():
            if len(lengths) and lengths.max() > LONGEST:
                raise RunError(f"Megatron stores lengths in 31 bits; a document of {split.name} has {lengths.max()}")
            sink.write(lengths.astype("<i4").data)
        for offsets in _offsets(split):
            sink.write((offsets * split.token_bytes).astype("<i8").data)
        for first in range(0, documents + 1, STEP):
            sink.write(np.arange(first, min(documents + 1, first + STEP), dtype="<i8").data)


def _offsets(split: Split) -> Iterator[Integers]:
    """Yield the tokens before each document, a range at a time."""
    ranges, again = split.index.lengths(), split.index.lengths()
    starts = accumulate((int(lengths.sum()) for lengths in ranges), initial=0)
    for start, lengths in zip(starts, again, strict=False):
        yield start + np.cumsum(lengths) - lengths


def _path(output: str, split: Split, ending: str) -> str:
    return join(output, f"{split.name}.{ending}")
