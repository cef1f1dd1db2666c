"""Takes documents out of the shards of a run that has ended, without reading its input or tokenizing anything again.

    OUTPUT/shards/…        the shards without the documents, as `prep.corpus.shards.removal` writes them
    OUTPUT/tokenizer/      as it was
    OUTPUT/removed.json    what was asked for, what was found and what went

A near-duplicate that deduplication kept in the place of what is removed stays: it is another document. `prep trace`
shows it.
"""

import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from prep.corpus.arrow.documents import read_rows, read_schema
from prep.corpus.errors import RunError
from prep.corpus.files.storage import write_json
from prep.corpus.shards.removal import Numbers, Removal, RemovedDocuments, remove_documents
from prep.corpus.shards.shards import ShardManifest, mapped_rows, open_shard, write_splits
from prep.pipeline.takedown.tracing import count_documents, document_parts, find_kept, read_splits, rows_of
from prep.stages.shared.targets import Targets

REPORT = "removed.json"


@dataclass(frozen=True)
class RemovalReport:
    """What was taken out of a run's shards."""

    documents: int
    """Published documents that the request names."""
    ids: tuple[str, ...]
    splits: dict[str, Removal]


def remove(run: str, targets: Targets, output: str) -> RemovalReport:
    """Write a run's shards to an output folder without the documents that targets name.

    Raises RunError where the run has no shards, or the output folder holds something.
    """
    splits = read_splits(run)
    if not splits:
        raise RunError(f"{run}: expected shards to take documents out of, seen none; has the run packed any?")
    if Path(output).exists() and any(Path(output).iterdir()):
        raise RunError(f"{output}: expected an empty folder, seen files in it; name another one")
    kept = list(find_kept(run, targets))
    numbers = np.array([each.number for each in kept], np.int64)
    total = count_documents(run)
    report = RemovalReport(len(kept), tuple(each.id for each in kept), {})
    for name, (folder, manifest) in splits.items():
        present = _present(folder, manifest, numbers, total)
        removed = _described(run, present, total, tuple(manifest.tokens_by))
        report.splits[name] = remove_documents(folder, f"{output}/shards/{name}", removed)
    write_splits(f"{output}/shards", tuple(splits))
    tokenizer = Path(run, "tokenizer")
    if tokenizer.is_dir():
        shutil.copytree(tokenizer, Path(output, "tokenizer"))
    write_json(f"{output}/{REPORT}", {"run": str(Path(run).absolute()), **asdict(report)})
    return report


def _present(folder: str, manifest: ShardManifest, numbers: Numbers, total: int) -> Numbers:
    """Return the numbers that documents, given by their places among the published, have in a split's rows, rising."""
    found = [np.empty(0, np.int64)]
    for shard in manifest.shards:
        for batch in open_shard(folder, shard, manifest):
            documents = mapped_rows(batch).documents
            found.append(np.unique(documents[np.isin(documents % total, numbers)]))
    return np.unique(np.concatenate(found))


def _described(run: str, numbers: Numbers, total: int, labels: tuple[str, ...]) -> RemovedDocuments:
    """Return documents, given by their numbers in the shards, with the sizes of their texts and their labels."""
    rows = np.unique(numbers % total)
    sizes: dict[int, int] = {}
    values: dict[str, dict[int, str]] = {label: {} for label in labels}
    first = 0
    for part in document_parts(run):
        names = [name for name in ("text", *labels) if name in read_schema(str(part)).names]
        end = first + rows_of(part)
        inside = rows[slice(*np.searchsorted(rows, (first, end)))] - first
        for found, batch in read_rows(str(part), inside, names):
            numbered = (found + first).tolist()
            sizes |= dict(zip(numbered, pc.binary_length(batch.column("text")).to_pylist(), strict=True))
            for label in labels:
                column = batch.column(label).cast(pa.string()).fill_null("unknown").to_pylist()
                values[label] |= dict(zip(numbered, column, strict=True))
        first = end
    places = (numbers % total).tolist()
    return RemovedDocuments(
        numbers,
        np.array([sizes[place] for place in places], np.int64),
        {label: [values[label][place] for place in places] for label in labels},
    )
