"""What became of a document: at which stage it was kept or lost, what stands for it, and where its tokens lie.

Everything is read from what a run has published. A document that stays is a row of `documents/`; its number among the
packed documents is its place there, so its tokens are the pieces of that number in the shards' rows (a mixture that
repeats documents adds a multiple of their count for each time). A lost document that names another, as duplicates do,
is followed to that one. Cost: one pass over ids and URLs, and one over the
columns `documents` and `lengths` of the shards.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from prep.corpus.shards.shards import MANIFEST, ShardManifest, mapped_rows, open_shard, read_manifest
from prep.pipeline.monitor.answer import Answer
from prep.pipeline.results.ledger import read_ledger
from prep.stages.shared.targets import Targets

CLUSTER = "_cluster"
CLUSTER_SIZE = "_cluster_size"


class Place(NamedTuple):
    """Where a piece of a document lies."""

    split: str
    shard: str
    row: int
    """Counted from the shard's first."""
    start: int
    """First token of the piece in the row."""
    tokens: int


@dataclass(frozen=True)
class Loss:
    """Why a document was lost."""

    stage: str
    rule: str
    failed: bool
    value: float | None
    detail: str | None
    """What else the stage recorded; of a duplicate, the id of the document that is kept in its place."""


@dataclass(frozen=True)
class Trace:
    """What became of a document."""

    id: str
    url: str | None
    passed: tuple[str, ...]
    """The stages that kept it, in order."""
    loss: Loss | None = None
    clusters: Mapping[str, int] = field(default_factory=dict)
    """How many documents it stands for, itself included, by deduplication stage."""
    number: int | None = None
    """Its place among the published documents."""
    places: tuple[Place, ...] = ()
    stand_in: "Trace | None" = None
    """What became of the document that was kept in the place of a lost one."""


class TraceAnswer(Answer):
    """What became of the documents that were asked for."""

    documents: list[Trace]
    removed: dict[str, str]
    """What was removed on request: what it was asked for by, and the entry of a list that names it."""


class Kept(NamedTuple):
    """A published document."""

    number: int
    id: str
    url: str | None
    clusters: Mapping[str, int]
    kind: int
    """Place in `KINDS` of the kind of entry that names it."""


def trace(output: str, targets: Targets) -> Iterator[Trace]:
    """Yield what became of the documents that targets name: those that stay, then those that were lost.

    Raises RunError where no run has ended in the output folder.
    """
    yield from _trace(output, targets, frozenset())


def _trace(output: str, targets: Targets, known: frozenset[str]) -> Iterator[Trace]:
    """Yield the traces of the documents that targets name; what stands for those that are known is not looked for."""
    stages = tuple(read_ledger(output).names)
    kept = list(find_kept(output, targets))
    places = find_places(output, [each.number for each in kept])
    for each in kept:
        where = tuple(places.get(each.number, ()))
        yield Trace(each.id, each.url, stages, clusters=each.clusters, number=each.number, places=where)
    lost = list(_find_lost(output, targets))
    known |= {each_id for each_id, _, _ in lost}
    named = frozenset(loss.detail for *_, loss in lost if loss.detail) - known
    stand_ins = {each.id: each for each in _trace(output, Targets(ids=named), known)} if named else {}
    for each_id, url, loss in lost:
        passed = stages[: stages.index(loss.stage)] if loss.stage in stages else ()
        yield Trace(each_id, url, passed, loss, stand_in=stand_ins.get(loss.detail or ""))


def find_kept(output: str, targets: Targets) -> Iterator[Kept]:
    """Yield the published documents that targets name, in order."""
    first = 0
    for part in document_parts(output):
        file = pq.ParquetFile(part)
        sizes = [name for name in file.schema_arrow.names if name.endswith(CLUSTER_SIZE)]
        columns = [name for name in ("id", "url", *sizes) if name in file.schema_arrow.names]
        for group in range(file.num_row_groups):
            for batch in file.read_row_group(group, columns).to_batches():
                kinds = targets.match(batch).kind
                rows = np.flatnonzero(kinds >= 0)
                for row, found in zip(rows.tolist(), batch.take(pa.array(rows)).to_pylist(), strict=True):
                    clusters = {name.removesuffix(CLUSTER_SIZE): found[name] for name in sizes if found[name]}
                    yield Kept(first + row, found["id"], found.get("url"), clusters, int(kinds[row]))
                first += batch.num_rows


def document_parts(output: str) -> list[Path]:
    """Return the Parquet files of the published documents, in order."""
    return sorted(Path(output, "documents").glob("*.parquet"))


def count_documents(output: str) -> int:
    """Return how many documents were published."""
    return sum(map(rows_of, document_parts(output)))


def rows_of(part: Path) -> int:
    """Return how many documents a Parquet file holds."""
    return int(pq.ParquetFile(part).metadata.num_rows)


def _find_lost(output: str, targets: Targets) -> Iterator[tuple[str, str | None, Loss]]:
    for path in sorted(Path(output, "rejected").glob("*.parquet")):
        for batch in pq.ParquetFile(path).iter_batches():
            rows = np.flatnonzero(targets.match(batch).kind >= 0)
            for row in batch.take(pa.array(rows)).to_pylist():
                loss = Loss(row["stage"], row["rule"], bool(row["failed"]), row["value"], row["detail"])
                yield row["id"], row.get("url"), loss


def read_splits(output: str) -> dict[str, tuple[str, ShardManifest]]:
    """Return the folder and the manifest of each split that a run has published."""
    folders = sorted(path.parent for path in Path(output, "shards").glob(f"*/{MANIFEST}"))
    return {folder.name: (str(folder), read_manifest(str(folder))) for folder in folders}


def find_places(output: str, numbers: Sequence[int]) -> dict[int, list[Place]]:
    """Return where the pieces of documents lie, by number."""
    found: dict[int, list[Place]] = {}
    total = count_documents(output)
    wanted = np.unique(np.array(numbers, np.int64))
    for split, (folder, manifest) in read_splits(output).items() if len(wanted) else ():
        for shard in manifest.shards:
            first = 0
            for batch in open_shard(folder, shard, manifest):
                rows = mapped_rows(batch)
                pieces = np.flatnonzero(np.isin(rows.documents % total, wanted))
                for piece, (row, start) in zip(pieces, _starts(rows.offsets, rows.lengths, pieces), strict=True):
                    number = int(rows.documents[piece] % total)
                    place = Place(split, shard.name, first + row, start, int(rows.lengths[piece]))
                    found.setdefault(number, []).append(place)
                first += batch.num_rows
    return found


def _starts(
    offsets: npt.NDArray[np.int32], lengths: npt.NDArray[np.int32], pieces: npt.NDArray[np.int64]
) -> list[tuple[int, int]]:
    """Return the row of each piece and the first of its tokens there."""
    before = np.append(0, np.cumsum(lengths, dtype=np.int64))
    rows = np.searchsorted(offsets, pieces, side="right") - 1
    starts = before[pieces] - before[offsets[rows]]
    return list(zip(rows.tolist(), starts.tolist(), strict=True))
