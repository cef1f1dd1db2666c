"""The parts of the page about documents: the funnel, what was kept, samples to read, what each rule rejected."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from prep.pipeline.cards.facts import CorpusFacts
from prep.pipeline.reports.page.charts import histogram, stacked_bars
from prep.pipeline.reports.page.markup import Child, Markup, element, section, share, table
from prep.pipeline.steps.ledger import Ledger

SAMPLES = 6
SAMPLE_CHARACTERS = 1500
MOST_ROWS = 15
MOST_RULES = 4
"""Rules named in the funnel; the others are added up."""
LOOKED_AT = 20_000
"""Documents whose lengths are counted and among which samples are drawn."""


def funnel(ledger: Ledger) -> Markup:
    """Return documents in, kept and lost by stage, as a chart and as a table."""
    kept = [counts.kept for counts in ledger.counts]
    lost = [sum(counts.rejected.values()) + sum(counts.failed.values()) for counts in ledger.counts]
    rows = []
    for name, counts, gone in zip(ledger.names, ledger.counts, lost, strict=True):
        losses = sorted({**counts.rejected, **counts.failed}.items(), key=lambda item: (-item[1], item[0]))
        others = sum(count for _, count in losses[MOST_RULES:])
        why = ", ".join(f"{rule} {count:,}" for rule, count in losses[:MOST_RULES])
        why += f", {len(losses) - MOST_RULES} more {others:,}" if others else ""
        rows.append((name, why, f"{counts.entered:,}", f"{counts.kept:,}", f"{gone:,}", share(gone, counts.entered)))
    return section(
        "Funnel",
        stacked_bars(ledger.names, kept, lost, "documents kept and lost by stage"),
        element("p", element("i", kind="key key-kept"), "kept", element("i", kind="key key-lost"), "lost", kind="note"),
        table(("stage", "lost, by rule or error", "in", "kept", "lost", "share lost"), rows, words=2),
    )


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


def rejected(output: str, ledger: Ledger) -> Markup | None:
    """Return what rules rejected, with the values that they looked at."""
    cards = [card for name in dict.fromkeys(ledger.names) for card in _rules_of(output, name)]
    return section("Rejected", *cards) if cards else None


def _counts(name: str, counts: Mapping[str, int]) -> Markup:
    most = max(counts.values())
    whole = sum(counts.values())
    rows: list[tuple[Child, ...]] = [
        (value, f"{count:,}", share(count, whole), _bar(count, most))
        for value, count in islice(counts.items(), MOST_ROWS)
    ]
    others = list(counts.values())[MOST_ROWS:]
    if others:
        rows.append((f"{len(others):,} others", f"{sum(others):,}", share(sum(others), whole), None))
    return table((name, "documents", "share", ""), rows)


def _bar(count: int, most: int) -> Markup:
    return element("span", element("span", kind="bar", style=f"width: {100 * count / most:.1f}%"), kind="bar-place")


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


def _rules_of(output: str, stage: str) -> Iterator[Markup]:
    paths = sorted(Path(output, "rejected").glob("*.parquet"))
    tables = [pq.read_table(path, filters=[("stage", "=", stage)]) for path in paths]
    lost = pa.concat_tables(tables) if tables else None
    if lost is None or not lost.num_rows:
        return
    for item in sorted(pc.value_counts(lost["rule"]).to_pylist(), key=lambda item: (-item["counts"], item["values"])):
        yield _rule(stage, item["values"], lost.filter(pc.equal(lost["rule"], item["values"])))


def _rule(stage: str, rule: str, lost: pa.Table) -> Markup:
    values = lost["value"].drop_null().to_numpy()
    values = values[np.isfinite(values)]
    thresholds = pc.value_counts(lost["detail"].drop_null()).to_pylist()
    shown = sorted(thresholds, key=lambda item: (-item["counts"], item["values"]))[:3]
    chart = None
    if len(values) > 1 and values.min() < values.max():
        edges = np.linspace(values.min(), values.max(), 31)
        counts = np.histogram(values, edges)[0]
        chart = histogram(edges.tolist(), counts.tolist(), f"value that {rule} looked at")
    rows = [
        (row["id"], "" if row["value"] is None else f"{row['value']:.4g}", row["detail"] or "")
        for row in lost.slice(0, 5).to_pylist()
    ]
    return element(
        "details",
        element("summary", element("b", f"{stage}: {rule}"), f" {lost.num_rows:,} documents"),
        element("p", "Recorded beside it: " + "; ".join(item["values"][:80] for item in shown)) if shown else None,
        chart,
        table(("id", "value", "recorded beside it"), rows, words=3),
    )
