"""New shards without some documents, from the stored tokens: nothing is tokenized or packed again.

The pieces of the documents are taken out of their rows and the gaps closed; a row of which nothing is left goes, the
others keep their order and so their phase. The documents that stay keep their numbers, unless the corpus that these
count is written without the others too (`Renumbering`). Cost: one pass over the shards, a shard at a time; memory for a
batch of rows.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from prep.corpus.files.storage import join, open_input
from prep.corpus.shards.labels import write_labels
from prep.corpus.shards.removal_kernels import close_gaps
from prep.corpus.shards.shards import (
    PhaseFacts,
    Rows,
    ShardFile,
    ShardManifest,
    check_shard,
    mapped_rows,
    open_shard,
    read_manifest,
    row_schema,
    rows_batch,
    write_manifest,
    write_shard,
)

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Renumbering:
    """New numbers for the documents that stay, as if the corpus had never held the others.

    A document's number is its place in the corpus, plus the size of the corpus for each time that it came before.
    """

    total: int
    """Documents in the corpus before."""
    gone: Numbers
    """Places of those that go, rising, whether packed or not."""

    def __call__(self, numbers: Numbers) -> Numbers:
        """Return the new numbers of documents that stay."""
        places = numbers % self.total
        closed = places - np.searchsorted(self.gone, places)
        return np.asarray(closed + numbers // self.total * (self.total - len(self.gone)), np.int64)


@dataclass(frozen=True)
class RemovedDocuments:
    """The documents that go."""

    numbers: Numbers
    """Their numbers, rising (documents)."""
    text_bytes: Numbers
    """UTF-8 bytes of their texts (documents)."""
    labels: Mapping[str, list[str]] = field(default_factory=dict)
    """Their values in the columns by which the manifest counts tokens (documents)."""
    renumber: Renumbering | None = None
    """What gives the others new numbers; None keeps the old."""


@dataclass(frozen=True)
class Removal:
    """What was taken out of a split."""

    documents: int
    tokens: int
    rows_changed: int
    rows_removed: int


@dataclass
class _Tally:
    """What is seen of the documents that go, and of the rows that stay."""

    tokens: Counter[int] = field(default_factory=Counter)
    """Of each document that goes, by its place."""
    pieces: Counter[int] = field(default_factory=Counter)
    changed: int = 0
    emptied: int = 0
    most: int = 0
    phase_rows: list[int] = field(default_factory=list)
    phase_lost: list[Counter[int]] = field(default_factory=list)
    """By phase: tokens of each document that goes, by its place."""


def remove_documents(folder: str, output: str, removed: RemovedDocuments) -> Removal:
    """Write a folder of shards to another without some documents, and return what was taken out.

    Raises CorruptFileError where a shard is not what its manifest says.
    """
    manifest = read_manifest(folder)
    bounds = np.cumsum([phase.rows for phase in manifest.phases], dtype=np.int64)
    tally = _Tally(phase_rows=[0] * len(bounds), phase_lost=[Counter() for _ in bounds])
    schema = row_schema(manifest.length, manifest.dtype, manifest.loss_mask)
    files: list[ShardFile] = []
    first = 0
    for shard in manifest.shards:
        check_shard(folder, shard)
        batches = _without(folder, shard, manifest, removed, tally, bounds, first)
        files.append(write_shard(output, shard.name, schema, batches))
        first += shard.rows
    fresh = _manifest(manifest, tuple(files), removed, tally)
    write_manifest(output, replace(fresh, labels=_labels(folder, output, manifest, removed)))
    return Removal(len(tally.tokens), sum(tally.tokens.values()), tally.changed, tally.emptied)


def _without(
    folder: str,
    shard: ShardFile,
    manifest: ShardManifest,
    removed: RemovedDocuments,
    tally: _Tally,
    bounds: Numbers,
    first: int,
) -> Iterator[pa.RecordBatch]:
    """Yield a shard's rows without the documents; its first row is row `first` of the split."""
    for batch in open_shard(folder, shard, manifest):
        rows = mapped_rows(batch)
        stays = ~np.isin(rows.documents, removed.numbers)
        phases = np.searchsorted(bounds, first + np.arange(batch.num_rows), side="right")
        _count(rows, stays, phases, removed, tally)
        left = np.diff(np.append(0, np.cumsum(stays))[rows.offsets])
        kept = (left > 0) | (np.diff(rows.offsets) == 0)
        tally.changed += int(np.count_nonzero(kept & (left != np.diff(rows.offsets))))
        tally.emptied += int(np.count_nonzero(~kept))
        tally.most = max(tally.most, int(left.max(initial=0)))
        for phase in range(len(bounds)):
            tally.phase_rows[phase] += int(np.count_nonzero(kept & (phases == phase)))
        first += batch.num_rows
        if stays.all() and removed.renumber is None:
            yield batch
            continue
        closed = rows if stays.all() else _closed(rows, stays, kept, left, manifest.padding_id)
        numbers = closed.documents if removed.renumber is None else removed.renumber(closed.documents)
        yield rows_batch(closed._replace(documents=numbers))


def _closed(rows: Rows, stays: npt.NDArray[np.bool_], kept: npt.NDArray[np.bool_], left: Numbers, padding: int) -> Rows:
    ids = np.empty(rows.ids.shape, rows.ids.dtype)
    close_gaps(rows.ids, rows.offsets, rows.lengths, stays, padding, ids)
    mask = None
    if rows.loss_mask is not None:
        mask = np.empty(rows.ids.shape, np.uint8)
        close_gaps(rows.loss_mask, rows.offsets, rows.lengths, stays, 0, mask)
    filled = np.diff(rows.offsets) > 0
    opening = np.zeros(len(ids), np.bool_)
    opening[filled] = stays[rows.offsets[:-1][filled]]
    return Rows(
        ids=ids[kept],
        offsets=np.append(0, np.cumsum(left[kept])).astype(np.int32),
        lengths=rows.lengths[stays],
        documents=rows.documents[stays],
        continued=np.where(opening, rows.continued, 0)[kept],
        loss_mask=None if mask is None else mask[kept],
    )


def _count(rows: Rows, stays: npt.NDArray[np.bool_], phases: Numbers, removed: RemovedDocuments, tally: _Tally) -> None:
    gone = np.flatnonzero(~stays)
    places = np.searchsorted(removed.numbers, rows.documents[gone])
    phase_of = phases[np.searchsorted(rows.offsets, gone, side="right") - 1]
    for place, length, phase in zip(places.tolist(), rows.lengths[gone].tolist(), phase_of.tolist(), strict=True):
        tally.tokens[place] += length
        tally.pieces[place] += 1
        if phase < len(tally.phase_lost):
            tally.phase_lost[phase][place] += length


def _manifest(
    manifest: ShardManifest, files: tuple[ShardFile, ...], removed: RemovedDocuments, tally: _Tally
) -> ShardManifest:
    by = {label: _left(counts, removed.labels[label], tally.tokens) for label, counts in manifest.tokens_by.items()}
    phases = (
        PhaseFacts(rows, phase.tokens - sum(lost.values()), _groups_left(phase, removed, lost))
        for phase, rows, lost in zip(manifest.phases, tally.phase_rows, tally.phase_lost, strict=True)
    )
    return replace(
        manifest,
        rows=sum(file.rows for file in files),
        documents=manifest.documents - len(tally.tokens),
        cut_documents=manifest.cut_documents - sum(pieces > 1 for pieces in tally.pieces.values()),
        max_documents_per_row=tally.most,
        tokens=manifest.tokens - sum(tally.tokens.values()),
        text_bytes=manifest.text_bytes - sum(int(removed.text_bytes[place]) for place in tally.tokens),
        shards=files,
        tokens_by=by,
        phases=tuple(phases),
    )


def _left(counts: Mapping[str, int], values: Sequence[str], lost: Mapping[int, int]) -> dict[str, int]:
    """Return tokens by a label's value without those of documents that go, whose values are given."""
    left = dict(counts)
    for place, tokens in lost.items():
        left[values[place]] -= tokens
    return {value: tokens for value, tokens in left.items() if tokens}


def _groups_left(phase: PhaseFacts, removed: RemovedDocuments, lost: Mapping[int, int]) -> dict[str, int]:
    """Return what is left of a mixture's groups: by the label whose values they are, none where it is no label.

    Groups by a score cannot be found from the rows; where no document of the phase goes they stay as they are.
    """
    if not lost:
        return dict(phase.groups)
    for values in removed.labels.values():
        if all(values[place] in phase.groups for place in lost):
            return _left(phase.groups, values, lost)
    return {}


def _labels(folder: str, output: str, manifest: ShardManifest, removed: RemovedDocuments) -> ShardFile | None:
    if manifest.labels is None:
        return None
    check_shard(folder, manifest.labels)
    with open_input(join(folder, manifest.labels.name)) as source:
        table = pq.read_table(source)
    table = table.filter(pa.array(~np.isin(table.column("document").to_numpy(), removed.numbers)))
    if removed.renumber is not None:
        place = table.column_names.index("document")
        numbers = removed.renumber(table.column("document").to_numpy())
        table = table.set_column(place, table.field(place), pa.array(numbers))
    return write_labels(output, table)
