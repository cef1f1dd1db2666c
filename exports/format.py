"""The contract between the exporter and the formats.

A format writes the files of a folder of shards in independent tasks, so many for each split, and finishes when all are
done. It depends on the shards and the settings alone. There are two kinds: those that keep rows read them from
`split.reader`, those made of documents `split.stream`. Files are written atomically, or as a `SharedFile`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from prep.corpus.files.storage import join
from prep.corpus.shards.shards import LARGEST_16_BIT_VOCABULARY, ShardReader
from prep.exports.stream import DocumentStream, RowBlocks, StreamIndex

BLOCK_BYTES = 4 << 20
RANGE_BLOCKS = 64


@dataclass(frozen=True)
class ExportSettings:
    """What decides an export beside the shards."""

    length: int | None = None
    """Tokens in a sequence of the trainer; None takes the length of the rows."""
    file_bytes: int | None = None
    """Size of a file, about; None takes what is usual for the format."""
    tokenizer: str | None = None
    """Folder of the tokenizer that made the shards, for formats that need it."""


@dataclass(frozen=True)
class Split:
    """A folder of shards to export: its name among the splits, its path, and where work files lie."""

    name: str
    folder: str
    work: str

    @cached_property
    def reader(self) -> ShardReader:
        """The rows."""
        return ShardReader(self.folder)

    @cached_property
    def index(self) -> StreamIndex:
        """What the stream of documents is made from."""
        return StreamIndex(self.reader, join(self.work, self.name), RowBlocks(self.reader, BLOCK_BYTES, RANGE_BLOCKS))

    @cached_property
    def stream(self) -> DocumentStream:
        """The documents; only once their index stands."""
        return DocumentStream(self.index)

    @property
    def token_bytes(self) -> int:
        """Bytes of a token id."""
        return np.dtype(self.reader.manifest.dtype).itemsize


class Format:
    """A format to export to; its name is what `--to` takes."""

    name: ClassVar[str]
    reader: ClassVar[str]
    """Who reads it."""
    version: ClassVar[int] = 1
    """Raised when the files change for the same shards and settings."""
    documents: ClassVar[bool] = True
    """Whether it reads `split.stream`."""
    masks: ClassVar[bool] = False
    """Whether its reader is given which tokens of conversations are to be learnt."""

    def __init__(self, settings: ExportSettings) -> None:
        self.settings = settings

    def problem(self, splits: Sequence[Split]) -> str | None:
        """Return why these shards cannot be exported, or None; every split has documents."""
        return None

    def tasks(self, split: Split) -> int:
        """Return the number of tasks that write a split."""
        raise NotImplementedError

    def write(self, split: Split, task: int, output: str) -> None:
        """Run one task."""
        raise NotImplementedError

    def finish(self, splits: Sequence[Split], output: str) -> None:
        """Write what needs all tasks to be done."""

    def note(self, splits: Sequence[Split], output: str) -> str:
        """Return how to point the trainer at the files."""
        raise NotImplementedError


@dataclass(frozen=True)
class TokenRange:
    """The tokens of a stream that one task writes."""

    first: int
    end: int


def cut_stream(split: Split, file_bytes: int, multiple: int = 1) -> list[TokenRange]:
    """Cut a split's stream into ranges of about `file_bytes`, each but the last a multiple of so many tokens."""
    tokens = split.reader.manifest.tokens
    step = max(1, file_bytes // split.token_bytes // multiple) * multiple
    return [TokenRange(first, min(tokens, first + step)) for first in range(0, tokens, step)]


def whole_documents(split: Split, part: TokenRange) -> TokenRange:
    """Return the range moved to borders of documents: that of the documents that begin in it.

    The ranges of a stream so moved follow one another; one in which no document begins is empty.
    """
    return TokenRange(split.stream.boundary(part.first), split.stream.boundary(part.end))


def too_short(splits: Sequence[Split], block: int) -> str | None:
    """Return the problem of a split that does not fill a block of a reader that drops what does not."""
    for split in splits:
        tokens = split.reader.manifest.tokens
        if tokens < block:
            return (
                f"the split {split.name} has {tokens} tokens and the reader takes blocks of {block}, so it would find "
                "nothing; set a smaller --length, or give more documents"
            )
    return None


def refuse_32_bits(splits: Sequence[Split], reader: str) -> str | None:
    """Return the problem of shards with more token ids than fit into 16 bits, for a reader of nothing else."""
    vocabulary = max(split.reader.manifest.vocabulary for split in splits)
    if all(split.token_bytes == 2 for split in splits):
        return None
    return (
        f"{reader} reads token ids of 16 bits; expected a vocabulary of at most {LARGEST_16_BIT_VOCABULARY:,}, "
        f"seen {vocabulary}; train a smaller tokenizer, or choose another format"
    )


def delimited(splits: Sequence[Split]) -> str:
    """Return in words which ids stand between documents."""
    manifest = splits[0].reader.manifest
    if manifest.begin_id is not None:
        return f"with id {manifest.begin_id} before and id {manifest.separator_id} after each"
    return f"with id {manifest.separator_id} {manifest.separator} each"


def sequence_length(settings: ExportSettings, splits: Sequence[Split]) -> int:
    """Return the tokens in a sequence of the trainer."""
    return splits[0].reader.manifest.length if settings.length is None else settings.length


def left_over(splits: Sequence[Split], block: int) -> str:
    """Return, as a sentence, how many tokens at the streams' ends do not fill a block."""
    counts = (f"{split.reader.manifest.tokens % block} of {split.name}" for split in splits)
    return f"The reader drops the last tokens that do not fill a block of {block}: {', '.join(counts)}."
