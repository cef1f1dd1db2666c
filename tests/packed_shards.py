"""Shards as packing writes them, in miniature: documents of random ids, long ones cut, rows padded and shuffled."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from prep.corpus.shards.hugging_face import write_splits
from prep.corpus.shards.shards import (
    Rows,
    ShardManifest,
    row_schema,
    rows_batch,
    token_dtype,
    write_manifest,
    write_shard,
)

SEPARATOR = 0
PADDING = 1

Tokens = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Piece:
    document: int
    start: int
    ids: Tokens


def random_documents(count: int, vocabulary: int = 500, seed: int = 0, longest: int = 150) -> list[Tokens]:
    """Return documents of up to `longest` ids, a separator at the end of each; many are short, one is empty."""
    random = np.random.default_rng(seed)
    sizes = np.minimum(random.lognormal(2.5, 1.2, count).astype(int), longest - 1)
    sizes[: min(2, count)] = [longest - 1, 0][:count]
    return [np.append(random.integers(2, vocabulary, size), SEPARATOR) for size in sizes]


def pack(documents: dict[int, Tokens], length: int) -> list[list[Piece]]:
    """Put documents into rows, each piece into the first row with room; what a long one leaves over comes first."""
    rows: list[list[Piece]] = []
    room: list[int] = []
    for number, ids in documents.items():
        over = len(ids) % length
        starts = ([0] if over else []) + list(range(over, len(ids), length))
        for start, end in zip(starts, [*starts[1:], len(ids)], strict=True):
            piece = Piece(number, start, ids[start:end])
            found = next((row for row, free in enumerate(room) if start == 0 and free >= len(piece.ids)), None)
            if found is None:
                found = len(rows)
                rows.append([])
                room.append(length)
            rows[found].append(piece)
            room[found] -= len(piece.ids)
    return rows


def write_split(
    folder: Path,
    documents: dict[int, Tokens],
    *,
    length: int,
    vocabulary: int = 500,
    shards: int = 3,
    batch_rows: int = 7,
    seed: int = 0,
    tokenizer_sha256: str = "0" * 64,
) -> ShardManifest:
    """Write one folder of shards that holds the documents."""
    packed = pack(documents, length)
    packed = [packed[row] for row in np.random.default_rng(seed).permutation(len(packed))]
    dtype = token_dtype(vocabulary)
    bounds = [len(packed) * shard // shards for shard in range(shards + 1)]
    files = []
    for shard, (first, end) in enumerate(pairwise(bounds)):
        starts = range(first, end, batch_rows)
        batches = [rows_batch(rows_of(packed[start : min(start + batch_rows, end)], length, dtype)) for start in starts]
        files.append(write_shard(str(folder), f"data-{shard:05d}.arrow", row_schema(length, dtype), batches))
    cut = sum(len(ids) > length for ids in documents.values())
    manifest = ShardManifest(
        length=length,
        dtype=dtype,
        vocabulary=vocabulary,
        separator_id=SEPARATOR,
        padding_id=PADDING,
        tokenizer_sha256=tokenizer_sha256,
        strategy="best_fit",
        seed=seed,
        rows=len(packed),
        documents=len(documents),
        cut_documents=cut,
        max_documents_per_row=max(map(len, packed), default=0),
        tokens=sum(map(len, documents.values())),
        text_bytes=7 * sum(map(len, documents.values())),
        shards=tuple(files),
    )
    write_manifest(str(folder), manifest)
    return manifest


def rows_of(packed: list[list[Piece]], length: int, dtype: str) -> Rows:
    ids = np.full((len(packed), length), PADDING, dtype)
    for row, pieces in enumerate(packed):
        joined = np.concatenate([piece.ids for piece in pieces])
        ids[row, : len(joined)] = joined
    pieces = [piece for row in packed for piece in row]
    return Rows(
        ids,
        np.cumsum([0, *map(len, packed)], dtype=np.int32),
        np.array([len(piece.ids) for piece in pieces], np.int32),
        np.array([piece.document for piece in pieces], np.int64),
        np.array([row[0].start for row in packed], np.int64),
    )


def write_packed(folder: Path, documents: list[Tokens], *, length: int = 32, **options: int | str) -> None:
    """Write a folder of both splits, every tenth document for validation."""
    numbered = dict(enumerate(documents))
    for split in ("train", "validation"):
        chosen = {number: ids for number, ids in numbered.items() if (number % 10 == 3) == (split == "validation")}
        write_split(folder / split, chosen, length=length, **options)  # type: ignore[arg-type]
    write_splits(str(folder), ["train", "validation"])
