"""Deduplication from end to end for benchmarks: a stage of this project over texts, and datatrove's four steps."""

import importlib
import struct
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from texts import BATCH_BYTES

from prep.corpus.arrow.documents import ID, TEXT, write_table
from prep.stages.dedup.deduplication import Deduplication
from prep.stages.upstream import GlobalContext, Upstream

SCHEMA = pa.schema([ID, TEXT])


class Run(NamedTuple):
    """What a deduplication did."""

    seconds: float
    """CPU seconds."""
    kept: dict[str, str]
    """The document kept in the place of each document removed, by id."""
    clusters: set[frozenset[str]]
    output: Path


def ours(stage: Deduplication, ids: Sequence[str], texts: Sequence[str], folder: Path) -> Run:
    """Run the tap and all phases over one part; the time is without reading and writing the documents themselves."""
    folder.mkdir(parents=True, exist_ok=True)
    table = pa.table({"id": pa.array(ids), "text": pa.array(texts, pa.large_string())}, SCHEMA)
    write_table(str(folder / "part.parquet"), table)
    sizes = np.cumsum(pc.binary_length(table.column("text")).to_numpy())
    cuts = np.searchsorted(sizes, np.arange(BATCH_BYTES, sizes[-1] + BATCH_BYTES, BATCH_BYTES)) + 1
    starts = [0, *np.unique(np.minimum(cuts, len(texts))).tolist()]
    batches = [
        table.slice(start, end - start).combine_chunks().to_batches()[0]
        for start, end in zip(starts, [*starts[1:], len(texts)], strict=True)
        if end > start
    ]
    start_time = time.process_time()
    tap = stage.tap()
    assert tap is not None
    extract = tap.open()
    with pa.ipc.new_file(folder / "tap.arrow", extract(batches[0].slice(0, 0)).schema) as writer:
        for batch in batches:
            writer.write_batch(extract(batch))
    upstream = Upstream((str(folder / "part.parquet"),), (str(folder / "tap.arrow"),), ((),))
    context = GlobalContext(upstream, str(folder / "output"), str(folder / "scratch"))
    verdicts = [stage.run(phase.name, task, context) for phase in stage.phases(1) for task in range(phase.tasks)]
    seconds = time.process_time() - start_time
    (found,) = (item for item in verdicts if item is not None)
    assert found.verdicts.detail is not None
    kept = dict(zip((ids[row] for row in found.rows.tolist()), found.verdicts.detail.to_pylist(), strict=True))
    return Run(seconds, kept, _groups(kept), folder / "output")


def _groups(kept: dict[str, str]) -> set[frozenset[str]]:
    groups: dict[str, set[str]] = {}
    for one, other in kept.items():
        groups.setdefault(other, {other}).add(one)
    return {frozenset(group) for group in groups.values()}


def components(pairs: set[tuple[str, str]]) -> set[frozenset[str]]:
    """Return the connected components of pairs."""
    root: dict[str, str] = {}

    def find(name: str) -> str:
        while root.setdefault(name, name) != name:
            name = root[name]
        return name

    for one, other in sorted(pairs):
        root[find(one)] = find(other)
    groups: dict[str, set[str]] = {}
    for name in list(root):
        groups.setdefault(find(name), set()).add(name)
    return {frozenset(group) for group in groups.values() if len(group) > 1}


def datatrove(ngram: int, bands: int, rows: int, ids: Sequence[str], texts: Sequence[str], folder: Path) -> Run:
    """Run datatrove's four steps: signatures, buckets, clusters, filter; loading its word splitter is not counted."""
    from datatrove.data import Document
    from datatrove.pipeline.dedup import (
        MinhashDedupBuckets,
        MinhashDedupCluster,
        MinhashDedupFilter,
        MinhashDedupSignature,
    )
    from datatrove.pipeline.dedup.minhash import HashConfig, MinhashConfig

    config = MinhashConfig(ngram, bands, rows, hash_config=HashConfig(precision=64, hash_fc="sha1"))
    places = [str(folder / name) for name in ("signatures", "buckets", "removed")]
    sign = MinhashDedupSignature(places[0], config)
    sign.get_shingles("This loads the words' tokenizer of the peer.")

    def documents() -> list[Document]:
        return [Document(text, name) for name, text in zip(ids, texts, strict=True)]

    inputs = [documents(), documents()]
    start = time.process_time()
    sign.run(inputs[0])
    for bucket in range(bands):
        MinhashDedupBuckets(places[0], places[1], config=config).run(None, bucket, bands)
    MinhashDedupCluster(places[1], places[2], config).run(None, 0, 1)
    left = {document.id for document in MinhashDedupFilter(places[2]).run(inputs[1])}
    seconds = time.process_time() - start
    pairs = set()
    for path in Path(places[1]).glob("*.dups"):
        for _, one, _, other in struct.iter_unpack("<4I", path.read_bytes()):
            pairs.add((ids[one], ids[other]))
    return Run(seconds, dict.fromkeys(set(ids) - left, ""), components(pairs), folder)


def rensa(shingles: Callable[[str], list[str]], bands: int, rows: int, texts: Sequence[str]) -> tuple[float, int]:
    """Return the CPU seconds and the documents removed by rensa: shingles by Python, its signatures and its index."""
    from rensa import RMinHash, RMinHashLSH

    start = time.process_time()
    index, removed = RMinHashLSH(0.8, bands * rows, bands), 0
    for number, text in enumerate(texts):
        signature = RMinHash(bands * rows, 42)
        signature.update(shingles(text))
        if index.query(signature):
            removed += 1
        else:
            index.insert(number, signature)
    return time.process_time() - start, removed


def gaoya(ngram: int, bands: int, rows: int, texts: Sequence[str]) -> tuple[float, int]:
    """Return the CPU seconds and the documents removed by gaoya, which splits words itself."""
    index = importlib.import_module("gaoya.minhash").MinHashStringIndex(
        hash_size=32,
        jaccard_threshold=0.8,
        num_bands=bands,
        band_size=rows,
        num_hashes=bands * rows,
        analyzer="word",
        lowercase=True,
        ngram_range=(ngram, ngram),
    )
    start, removed = time.process_time(), 0
    for number, text in enumerate(texts):
        if index.query(text):
            removed += 1
        else:
            index.insert_document(number, text)
    return time.process_time() - start, removed
