"""The part of the page about what was kept: sources, languages, domains, lengths, and texts to read."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from prep.pipeline.cards.facts import CorpusFacts
from prep.pipeline.reports.page.charts import histogram
from prep.pipeline.reports.page.markup import Child, Markup, bar, element, section, share, table

SAMPLES = 6
SAMPLE_CHARACTERS = 1500
MOST_ROWS = 15
LOOKED_AT = 20_000
"""Documents whose lengths are counted and among which samples are drawn."""


def corpus(facts: CorpusFacts, output: str) -> Markup:
    """Return what was kept: by source, language, licence and domain, by length, and samples to read."""
    looked_at = list(_sampled(output, facts.schema))
    tables = [_counts(name, counts) for name, counts in (*facts.counts.items(), ("domain", facts.domains)) if counts]
    return section(
        "Documents",
        element("div", *tables, kind="columns"),
        _lengths(looked_at),
        element("h3", "Texts to read"),
        *map(_sample, _drawn(looked_at)),
    )


def _counts(name: str, counts: Mapping[str, int]) -> Markup:
    most = max(counts.values())
    whole = sum(counts.values())
    rows: list[tuple[Child, ...]] = [
        (value, f"{count:,}", share(count, whole), bar(count, most))
        for value, count in islice(counts.items(), MOST_ROWS)
    ]
    others = list(counts.values())[MOST_ROWS:]
    if others:
        rows.append((f"{len(others):,} others", f"{sum(others):,}", share(sum(others), whole), None))
    return table((name, "documents", "share", ""), rows)


def _sampled(output: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Yield documents from the beginning of every part, about LOOKED_AT in all."""
    names = [name for name in ("id", "url", "source", "language", "text") if name in schema.names]
    parts = sorted(Path(output, "documents").glob("*.parquet"))
    for part in parts:
        batches = pq.ParquetFile(part).iter_batches(LOOKED_AT // len(parts) + 1, columns=names)
        yield from islice(batches, 1)


def _lengths(batches: Sequence[pa.RecordBatch]) -> Markup | None:
    lengths = np.concatenate([np.empty(0), *(pc.utf8_length(batch.column("text")).to_numpy() for batch in batches)])
    lengths = lengths[lengths > 0]
    if not len(lengths):
        return None
    edges = np.geomspace(lengths.min(), max(lengths.max(), lengths.min() + 1), 41)
    counts = np.histogram(lengths, edges)[0]
    chart = histogram(edges.tolist(), counts.tolist(), "characters in a document", logarithmic=True)
    return element(
        "figure", chart, element("figcaption", f"of {len(lengths):,} documents; median {np.median(lengths):,.0f}")
    )


def _drawn(batches: Sequence[pa.RecordBatch]) -> list[Mapping[str, str | None]]:
    """Return some documents, the same whatever the order of the files."""
    ids = [
        (each, place, row) for place, batch in enumerate(batches) for row, each in enumerate(batch["id"].to_pylist())
    ]
    chosen = sorted(ids, key=lambda item: hashlib.sha256(f"report {item[0]}".encode()).digest())[:SAMPLES]
    return [batches[place].slice(row, 1).to_pylist()[0] for _, place, row in chosen]


def _sample(document: Mapping[str, str | None]) -> Markup:
    text = document["text"] or ""
    about = " · ".join(filter(None, (document.get(name) for name in ("source", "language", "url"))))
    return element(
        "details",
        element("summary", element("b", document["id"] or ""), " ", about),
        element("pre", text[:SAMPLE_CHARACTERS] + (" …" if len(text) > SAMPLE_CHARACTERS else "")),
        open_="" if len(text) < SAMPLE_CHARACTERS else None,
    )
