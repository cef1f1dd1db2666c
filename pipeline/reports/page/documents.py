"""The parts of the page about documents: the funnel, what was kept, samples to read, what each rule rejected."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from prep.pipeline.cards.facts import CorpusFacts
from prep.pipeline.reports.page.charts import histogram, stacked_bars
from prep.pipeline.reports.page.markup import Child, Markup, element, section, share, table
from prep.pipeline.steps.ledger import Ledger

SAMPLES = 6
SAMPLE_CHARACTERS = 1500
SHOWN = 5
"""Documents named for each rule."""
MOST_ROWS = 15
MOST_RULES = 4
"""Rules named in the funnel; the others are added up."""
LOOKED_AT = 20_000
"""Documents whose lengths are counted and among which samples are drawn; of each rule, whose values are."""
_KEYS = ["stage", "rule"]


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
        noted = ", ".join(f"{rule} {count:,}" for rule, count in counts.tagged.items())
        why += f"{'; ' if why else ''}tagged: {noted}" if noted else ""
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
    losses = _losses(output)
    order = {name: place for place, name in enumerate(ledger.names)}
    found = sorted(losses.items(), key=lambda item: (order.get(item[0][0], len(order)), -item[1].documents, item[0]))
    return section("Rejected", *(_rule(stage, rule, loss) for (stage, rule), loss in found)) if found else None


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


@dataclass
class _Loss:
    """What one rule of a stage rejected; of values, details and documents only so many are held."""

    documents: int = 0
    values: list[npt.NDArray[np.float64]] = field(default_factory=list)
    details: Counter[str] = field(default_factory=Counter)
    shown: list[dict[str, object]] = field(default_factory=list)


def _losses(output: str) -> dict[tuple[str, str], _Loss]:
    """Read what was rejected once, batch by batch, and return it by stage and rule."""
    losses: dict[tuple[str, str], _Loss] = {}
    for path in sorted(Path(output, "rejected").glob("*.parquet")):
        for batch in pq.ParquetFile(path).iter_batches():
            found = pa.Table.from_batches([batch]).group_by(_KEYS, use_threads=False).aggregate([])
            for stage, rule in zip(*(found[name].to_pylist() for name in _KEYS), strict=True):
                rows = batch.filter(pc.and_(pc.equal(batch["stage"], stage), pc.equal(batch["rule"], rule)))
                _add_loss(losses.setdefault((stage, rule), _Loss()), rows)
    return losses


def _add_loss(loss: _Loss, rows: pa.RecordBatch) -> None:
    if loss.documents < LOOKED_AT:
        values = rows["value"].drop_null().to_numpy(zero_copy_only=False)
        loss.values.append(values[np.isfinite(values)])
        loss.details.update(rows["detail"].drop_null().to_pylist())
    loss.shown += rows.slice(0, max(0, SHOWN - len(loss.shown))).to_pylist()
    loss.documents += rows.num_rows


def _rule(stage: str, rule: str, loss: _Loss) -> Markup:
    values = np.concatenate([np.empty(0), *loss.values])
    thresholds = sorted(loss.details.items(), key=lambda item: (-item[1], item[0]))[:3]
    chart = None
    if len(values) > 1 and values.min() < values.max():
        edges = np.linspace(values.min(), values.max(), 31)
        counts = np.histogram(values, edges)[0]
        chart = histogram(edges.tolist(), counts.tolist(), f"value that {rule} looked at")
    rows = [
        (str(row["id"]), "" if row["value"] is None else f"{row['value']:.4g}", str(row["detail"] or ""))
        for row in loss.shown
    ]
    return element(
        "details",
        element("summary", element("b", f"{stage}: {rule}"), f" {loss.documents:,} documents"),
        element("p", "Recorded beside it: " + "; ".join(detail[:80] for detail, _ in thresholds))
        if thresholds
        else None,
        chart,
        table(("id", "value", "recorded beside it"), rows, words=3),
    )
