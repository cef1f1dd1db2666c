"""nanoGPT: `train.bin` and `val.bin`, token ids of 16 bits and nothing else, and `meta.pkl` with the vocabulary's size.

nanoGPT reads windows at random places. Source: karpathy/nanoGPT, train.py and data/openwebtext/prepare.py.
"""

import pickle
from collections.abc import Sequence
from typing import ClassVar

from prep.corpus.files.storage import join, write_bytes
from prep.exports import token_file
from prep.exports.format import Format, Split, delimited, refuse_32_bits, sequence_length, too_short

NAMES = {"validation": "val"}


class NanoGPT(Format):
    """One file for each split, the documents with their separators end to end."""

    name: ClassVar[str] = "nanogpt"
    reader: ClassVar[str] = "nanoGPT"

    def problem(self, splits: Sequence[Split]) -> str | None:
        """Return what is wrong with a large vocabulary, and with splits without a window."""
        return refuse_32_bits(splits, "nanoGPT") or too_short(splits, sequence_length(self.settings, splits) + 1)

    def tasks(self, split: Split) -> int:
        """Return one task for each 256 MiB."""
        return len(token_file.ranges(split))

    def write(self, split: Split, task: int, output: str) -> None:
        """Write a range of the tokens."""
        token_file.write_range(split, task, _path(output, split))

    def finish(self, splits: Sequence[Split], output: str) -> None:
        """Name the files, and write the vocabulary's size."""
        for split in splits:
            token_file.publish(split, _path(output, split))
        vocabulary = max(split.reader.manifest.vocabulary for split in splits)
        write_bytes(join(output, "meta.pkl"), pickle.dumps({"vocab_size": vocabulary}, protocol=4))

    def note(self, splits: Sequence[Split], output: str) -> str:
        """Return where to put the files."""
        return (
            f"Put {output} under nanoGPT's data/ and train on it by its name: python train.py --dataset=NAME\n"
            f"  --block_size={sequence_length(self.settings, splits)}. meta.pkl holds the vocabulary's size;\n"
            "sample.py needs the tokenizer in place of the characters that it looks for there.\n"
            f"Documents are end to end, {delimited(splits)}; nanoGPT reads windows at random places, across documents."
        )


def _path(output: str, split: Split) -> str:
    return join(output, f"{NAMES.get(split.name, split.name)}.bin")
