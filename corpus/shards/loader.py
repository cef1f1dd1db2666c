"""The rows of a folder of shards as batches for training, in the same order for any number of readers.

There is one endless sequence of rows: every epoch is a permutation of all rows, computed place by place from the seed
and the epoch's number (`prep.corpus.shards.permutation_kernels`); where packing made phases of a curriculum, their
order stays and each is permuted by itself. Batch k of the whole job is the next `batch_rows` rows of
the sequence, across an epoch's end where it must; rank r of R takes the r-th of R equal shares of every batch. So the
sequence depends neither on the number of ranks nor on processes that read ahead, and one number says where a job
stands: the rows that all ranks together have consumed. A job that goes on with another number of ranks, or another
size of batches, goes on in the same sequence. Going on takes the time of opening the files, whatever that number is.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from prep.corpus.errors import CorruptFileError, RunError
from prep.corpus.field_docs import with_field_docs
from prep.corpus.files.storage import join
from prep.corpus.shards.permutation_kernels import permuted
from prep.corpus.shards.row_kernels import IGNORED, mask_labels, write_boundaries, write_positions
from prep.corpus.shards.shards import MANIFEST, Pieces, ShardReader, check_shard

DTYPES = ("int64", "int32", "uint32", "uint16")
"""Of the ids in batches."""


@with_field_docs
@dataclass(frozen=True)
class LoaderSettings:
    """What to load."""

    batch_rows: int
    """Rows in a batch of the whole job, all ranks together."""
    seed: int | None = 0
    """Decides the order of the rows, within each phase of a curriculum; None takes them as they lie, which packing has
    shuffled once."""
    epochs: int | None = None
    """How often every row comes; None never ends. The last batch may be smaller, for some ranks without a row."""
    dtype: str = "int64"
    """Of the ids: int64 or int32, which torch looks up embeddings with, or uint32 or uint16, which takes a quarter of
    the memory of int64 on the way to a device. Refused where the vocabulary does not fit."""
    positions: bool = False
    """Whether to give `position_ids`."""
    labels: bool = False
    """Whether to give `labels`, each at its own id's place."""
    shifted: bool = False
    """Whether labels stand one place earlier, beside the id after which each is predicted, so that a trainer compares
    them with a model's output as they are; the last place of a row has none. nanoGPT, nanochat, torchtitan and litgpt
    expect this; transformers shifts labels itself."""
    boundaries: bool = False
    """Whether to give `cu_seqlens`."""
    prefetch: int = 2
    """Batches that a thread reads ahead; 0 reads each when it is asked for."""


@with_field_docs
@dataclass(frozen=True)
class Rank:
    """Which of several processes that train together this one is."""

    index: int = 0
    """The process's number, from 0: `RANK` where torchrun starts it."""
    count: int = 1
    """How many there are: `WORLD_SIZE`. Processes that hold parts of one model count as one, and have one index."""


@with_field_docs
class Batch(NamedTuple):
    """A rank's share of a batch, and what was asked for beside the ids."""

    consumed: int
    """Rows of the sequence that all ranks have consumed after this batch: the state of the loader."""
    input_ids: npt.NDArray[np.integer]
    """(rows, length) Token ids, of the dtype that was asked for."""
    position_ids: npt.NDArray[np.int32] | None
    """(rows, length) Counted from the beginning of each document's piece; padding counts like a piece."""
    labels: npt.NDArray[np.int64] | None
    """(rows, length) The ids, −100 where nothing is predicted: padding, the first id of a document that another one
    precedes, the first id of a row that continues a document, and what a loss mask leaves out. With `shifted`, one
    place earlier."""
    cu_seqlens: npt.NDArray[np.int32] | None
    """Where pieces begin in the rows laid end to end, then the end, repeated: of the same size for every batch."""
    max_seqlen: int
    """The largest length that a piece can have: that of a row."""


class Loader:
    """Iterates over a rank's batches, from where it stands; iterating again goes on.

    Opening reads this rank's share of the shards once, to compare their checksums (about a second for each 1.5 GB);
    `verify=False` leaves that to `prep verify`. Raises CorruptFileError where a shard does not hold what was written,
    RunError where the settings cannot work, the shards have no rows or were made with another tokenizer than
    `tokenizer_sha256`. A random order touches every shard in the first batches, so nothing would be gained by comparing
    each when it is first read.
    """

    def __init__(
        self,
        reader: ShardReader,
        settings: LoaderSettings,
        rank: Rank = Rank(),
        *,
        tokenizer_sha256: str | None = None,
        verify: bool = True,
    ) -> None:
        _check(reader, settings, rank, tokenizer_sha256)
        if verify:
            for shard in reader.manifest.shards[rank.index :: rank.count]:
                check_shard(reader.folder, shard)
        self.reader = reader
        self.settings = settings
        self.rank = rank
        phases = [phase.rows for phase in reader.manifest.phases if phase.rows] or [len(reader)]
        self._bounds = [0, *accumulate(phases)]
        self.consumed = 0
        """Rows of the sequence that all ranks have consumed."""

    def state_dict(self) -> dict[str, object]:
        """Return where the loader stands, JSON-ready: the rows consumed, and what they were rows of.

        `rows` counts those of all ranks that the trainer was given, not what was read ahead; `seed` and `shards` (a
        fingerprint) are compared when it is loaded. It is the same on all ranks.
        """
        return {"rows": self.consumed, "seed": self.settings.seed, "shards": self.reader.manifest.fingerprint}

    def load_state_dict(self, state: Mapping[str, object]) -> None:
        """Go on where a loader stood, whatever its ranks. Raises RunError for a state of other shards or seed."""
        own = self.state_dict()
        for key in ("shards", "seed"):
            if state.get(key) != own[key]:
                raise RunError(
                    f"{self.reader.folder}: the state to go on from is not of this sequence of rows: expected the "
                    f"{key} {own[key]}, seen {state.get(key)}; open the shards that it was saved with, or start anew"
                )
        rows = state.get("rows")
        if not isinstance(rows, int) or rows < 0:
            raise RunError(f"{self.reader.folder}: the state to go on from: expected rows of at least 0, seen {rows}")
        self.consumed = rows

    def __iter__(self) -> Iterator[Batch]:
        return self.stripe(0, 1)

    def stripe(self, first: int, stride: int) -> Iterator[Batch]:
        """Yield every `stride`-th batch from the `first` on: one of `stride` workers that read for one rank.

        `consumed` goes on by `stride` batches for each of them: a worker set to it continues with its next.
        """
        step = self.settings.batch_rows
        skip, advance = first * step, stride * step
        if not self.settings.prefetch:
            while self._goes_on(self.consumed + skip):
                batch = self.batch(self.consumed + skip)
                self.consumed = self._clip(self.consumed + advance)
                yield batch
            return
        with ThreadPoolExecutor(1) as pool:
            ahead: deque[Future[Batch]] = deque()
            asked = self.consumed + skip
            while True:
                while len(ahead) < self.settings.prefetch and self._goes_on(asked):
                    ahead.append(pool.submit(self.batch, asked))
                    asked += advance
                if not ahead:
                    return
                batch = ahead.popleft().result()
                self.consumed = self._clip(self.consumed + advance)
                yield batch

    def batch(self, consumed: int) -> Batch:
        """Return this rank's share of the batch that follows the first `consumed` rows of the sequence."""
        settings, manifest = self.settings, self.reader.manifest
        rows = self._rows(consumed)
        ids = self.reader.gather(rows, settings.dtype)
        positions = labels = boundaries = None
        if settings.positions or settings.labels or settings.boundaries:
            pieces = self.reader.pieces(rows)
            positions = position_ids(pieces, manifest.length) if settings.positions else None
            labels = masked_labels(pieces, ids, self.reader.loss_mask(rows)) if settings.labels else None
            if labels is not None and settings.shifted:
                labels[:, :-1], labels[:, -1] = labels[:, 1:].copy(), IGNORED
            most = settings.batch_rows // self.rank.count * (manifest.max_documents_per_row + 1) + 1
            boundaries = cu_seqlens(pieces, manifest.length, most) if settings.boundaries else None
        end = self._clip(consumed + settings.batch_rows)
        return Batch(end, ids, positions, labels, boundaries, manifest.length)

    def _goes_on(self, consumed: int) -> bool:
        return self._clip(consumed + 1) > consumed

    def _clip(self, consumed: int) -> int:
        """Return a place in the sequence, or its end where it has one before that."""
        epochs = self.settings.epochs
        return consumed if epochs is None else min(consumed, epochs * len(self.reader))

    def _rows(self, consumed: int) -> npt.NDArray[np.int64]:
        """Return the rows of this rank's share of a batch."""
        share = self.settings.batch_rows // self.rank.count
        first = consumed + self.rank.index * share
        count = max(0, self._clip(first + share) - first)
        if self.settings.seed is None:
            return np.arange(first, first + count) % len(self.reader)
        if len(self._bounds) == 2:
            return permuted(first, count, len(self.reader), self.settings.seed)
        parts = []
        while count:
            epoch, place = divmod(first, len(self.reader))
            phase = bisect_right(self._bounds, place) - 1
            start, end = self._bounds[phase : phase + 2]
            here = min(count, end - place)
            parts.append(start + permuted(epoch * (end - start) + place - start, here, end - start, self.settings.seed))
            first, count = first + here, count - here
        return np.concatenate([np.empty(0, np.int64), *parts])


def position_ids(pieces: Pieces, length: int) -> npt.NDArray[np.int32]:
    """Return places counted from the beginning of each piece (rows, length); padding counts like a piece."""
    out = np.empty((len(pieces.continued), length), np.int32)
    write_positions(pieces.offsets, pieces.lengths, out)
    return out


def masked_labels(
    pieces: Pieces, ids: npt.NDArray[np.integer], loss_mask: npt.NDArray[np.uint8] | None = None
) -> npt.NDArray[np.int64]:
    """Return the ids of rows (rows, length), `IGNORED` where nothing is predicted (see `Batch.labels`)."""
    labels = ids.astype(np.int64)
    mask_labels(pieces.offsets, pieces.lengths, pieces.continued, labels)
    if loss_mask is not None:
        labels[loss_mask == 0] = IGNORED
    return labels


def cu_seqlens(pieces: Pieces, length: int, size: int) -> npt.NDArray[np.int32]:
    """Return where pieces begin in rows laid end to end, then the end, repeated until there are `size` numbers."""
    out = np.empty(size, np.int32)
    write_boundaries(pieces.offsets, pieces.lengths, length, out)
    return out


def check_tokenizer(reader: ShardReader, sha256: str) -> None:
    """Raise CorruptFileError where the shards were not written with the tokenizer that has this hash."""
    seen = reader.manifest.tokenizer_sha256
    if seen != sha256:
        raise CorruptFileError(
            f"{join(reader.folder, MANIFEST)}: the shards were written with another tokenizer: expected the SHA-256 "
            f"{sha256[:12]}…, seen {seen[:12]}…; take the tokenizer of their run, or write the shards again"
        )


def _check(reader: ShardReader, settings: LoaderSettings, rank: Rank, tokenizer_sha256: str | None) -> None:
    if not len(reader):
        raise RunError(f"{reader.folder}: the shards hold no rows; give more documents, or shorter rows in pack")
    if not 0 <= rank.index < rank.count:
        raise RunError(f"expected a rank from 0 to {rank.count - 1}, seen {rank.index}")
    if settings.dtype not in DTYPES:
        raise RunError(f"dtype: expected one of {', '.join(DTYPES)}, seen {settings.dtype!r}")
    if reader.manifest.vocabulary - 1 > np.iinfo(settings.dtype).max:
        raise RunError(
            f"dtype: {settings.dtype} holds ids up to {np.iinfo(settings.dtype).max:,}, and the vocabulary of "
            f"{reader.folder} has {reader.manifest.vocabulary:,}; take int32 or int64"
        )
    if settings.shifted and not settings.labels:
        raise RunError("shifted: says where labels stand, and labels are not asked for; set labels too")
    if settings.batch_rows < 1 or settings.batch_rows % rank.count:
        raise RunError(f"batch_rows: expected a multiple of the {rank.count} ranks, seen {settings.batch_rows}")
    if tokenizer_sha256 is not None:
        check_tokenizer(reader, tokenizer_sha256)
