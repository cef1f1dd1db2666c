"""Reading a folder of shards again, all of it, to find what is not as it was written.

Every shard is compared with its checksum, and what it holds with the manifest: ids within the vocabulary, pieces within
their rows, padding after them, the numbers of rows and tokens. Cost: one pass over the files, about a second for each
1.5 GB and worker.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from prep.corpus.errors import CorruptFileError, PrepError
from prep.corpus.files.storage import exists, join, read_json
from prep.corpus.shards.shards import (
    MANIFEST,
    Rows,
    ShardFile,
    ShardManifest,
    check_shard,
    mapped_rows,
    open_shard,
    read_manifest,
    state_fingerprint,
)

Kind = Literal[
    "manifest",
    "foreign manifest",
    "missing shard",
    "extra shard",
    "damaged shard",
    "content",
    "missing labels",
    "damaged labels",
    "tokenizer",
]


class Fault(NamedTuple):
    """What is wrong, and where."""

    kind: Kind
    message: str


@dataclass(frozen=True)
class Contents:
    """What a shard was found to hold."""

    rows: int = 0
    tokens: int = 0
    most_documents: int = 0
    """Pieces in a row, at most."""


def verify_shards(folder: str, tokenizer_sha256: str | None = None, workers: int = 1) -> Iterator[Fault]:
    """Yield what is wrong with a folder of shards; nothing where all is as it was written.

    `tokenizer_sha256` is the hash of the tokenizer that is to be used with them, where it is known.
    """
    try:
        manifest = read_manifest(folder)
    except PrepError as error:
        yield Fault("manifest", str(error))
        return
    path = join(folder, MANIFEST)
    if tokenizer_sha256 is not None and manifest.tokenizer_sha256 != tokenizer_sha256:
        yield Fault(
            "tokenizer",
            f"{path}: the tokenizer is not the one that made the shards: expected {manifest.tokenizer_sha256[:12]}…, "
            f"seen {tokenizer_sha256[:12]}…",
        )
    foreign = _foreign(folder, manifest)
    if foreign is not None:
        yield Fault("foreign manifest", foreign)
        return
    known = {shard.name for shard in manifest.shards}
    for extra in sorted({item.name for item in Path(folder).glob("*.arrow")} - known):
        yield Fault("extra shard", f"{join(folder, extra)}: {MANIFEST} does not list it")
    if manifest.labels is not None:
        yield from _verify_labels(folder, manifest.labels)
    with ThreadPoolExecutor(workers) as pool:
        found = list(pool.map(lambda shard: _verify_shard(folder, shard, manifest), manifest.shards))
    yield from (item for item in found if isinstance(item, Fault))
    if not any(isinstance(item, Fault) for item in found):
        yield from _compare(path, manifest, [item for item in found if isinstance(item, Contents)])


def _foreign(folder: str, manifest: ShardManifest) -> str | None:
    """Say why a manifest does not belong to the folder, or return None."""
    path, state = join(folder, MANIFEST), join(folder, "state.json")
    try:
        seen = read_json(state).get("_fingerprint")
    except (OSError, CorruptFileError) as error:
        return f"{state}: cannot be read ({error}); write the shards again"
    expected = state_fingerprint(manifest)
    if seen == expected:
        return None
    return (
        f"{path} is of another run than {state}, which was written with it: expected the fingerprint {seen}, "
        f"seen {expected}; put back the folder's own manifest, or write the shards again"
    )


def _verify_labels(folder: str, labels: ShardFile) -> Iterator[Fault]:
    path = join(folder, labels.name)
    if not exists(path):
        yield Fault("missing labels", f"{path}: expected the labels of {labels.rows} documents, seen no file")
        return
    try:
        check_shard(folder, labels)
    except CorruptFileError as error:
        yield Fault("damaged labels", str(error))


def _verify_shard(folder: str, shard: ShardFile, manifest: ShardManifest) -> Contents | Fault:
    path = join(folder, shard.name)
    if not exists(path):
        return Fault("missing shard", f"{path}: expected a shard of {shard.rows} rows, seen no file")
    try:
        check_shard(folder, shard)
        total = Contents()
        for batch in open_shard(folder, shard, manifest):
            rows = mapped_rows(batch)
            wrong = _wrong(rows, manifest)
            if wrong is not None:
                return Fault("content", f"{path}: rows {total.rows} to {total.rows + batch.num_rows - 1}: {wrong}")
            most = int(np.diff(rows.offsets).max(initial=0))
            total = Contents(
                total.rows + batch.num_rows, total.tokens + int(rows.lengths.sum()), max(total.most_documents, most)
            )
        return total
    except CorruptFileError as error:
        return Fault("damaged shard", str(error))


def _wrong(rows: Rows, manifest: ShardManifest) -> str | None:
    """Say what is wrong with rows, or return None."""
    largest = int(rows.ids.max(initial=0))
    if largest >= manifest.vocabulary:
        return f"expected ids below {manifest.vocabulary}, seen {largest}"
    before = np.append(0, np.cumsum(rows.lengths, dtype=np.int64))
    used = np.diff(before[rows.offsets])
    if len(rows.lengths) and (rows.lengths.min() < 0 or used.max() > manifest.length):
        return f"expected pieces of at most {manifest.length} tokens in all, seen {used.max()}"
    padding = rows.ids[np.arange(manifest.length) >= used[:, None]]
    if (padding != manifest.padding_id).any():
        return f"expected the padding {manifest.padding_id} after the pieces, seen other ids"
    if len(rows.documents) != len(rows.lengths):
        return "expected a document for each piece"
    if rows.loss_mask is not None:
        beyond = rows.loss_mask[np.arange(manifest.length) >= used[:, None]]
        if rows.loss_mask.max(initial=0) > 1 or beyond.any():
            return "expected a loss mask of 0 and 1, and 0 for padding"
    return None


def _compare(path: str, manifest: ShardManifest, contents: list[Contents]) -> Iterator[Fault]:
    totals = {
        "rows": (manifest.rows, sum(item.rows for item in contents)),
        "tokens": (manifest.tokens, sum(item.tokens for item in contents)),
        "max_documents_per_row": (
            manifest.max_documents_per_row,
            max((item.most_documents for item in contents), default=0),
        ),
    }
    for name, (expected, seen) in totals.items():
        if expected != seen:
            yield Fault("content", f"{path}: expected {name} {expected}, seen {seen} in the shards")
