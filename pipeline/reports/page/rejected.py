"""The part of the page about what each rule rejected: how much, the values that it looked at, its threshold, texts."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from prep.pipeline.reports.page.charts import histogram
from prep.pipeline.reports.page.markup import Markup, element, folded, section
from prep.pipeline.reports.page.texts import excerpt, kept_texts, several, texts_before, texts_from_source
from prep.pipeline.results.ledger import Ledger

SHOWN = 5
"""Documents named for each rule."""
LOOKED_AT = 20_000
"""Documents of each rule whose values are counted."""
MOST_DETAILS = 8
"""Different details that are listed for a rule; of more, such as the documents that duplicates went for, none."""
TASKS = 4
"""Stretches of input that are read again for texts."""
_KEYS = ["stage", "rule"]


def rejected(output: str, ledger: Ledger, elsewhere: Collection[tuple[str, str]] = ()) -> Markup | None:
    """Return what rules rejected, by stage and rule, without those that have a card elsewhere."""
    losses = {key: loss for key, loss in _losses(output).items() if key not in elsewhere}
    order = {name: place for place, name in enumerate(ledger.names)}
    found = sorted(losses.items(), key=lambda item: (order.get(item[0][0], len(order)), -item[1].documents, item[0]))
    texts = _texts(output, list(losses.values()))
    return section("Rejected", *(_rule(stage, rule, loss, texts) for (stage, rule), loss in found)) if found else None


@dataclass
class _Loss:
    """What one rule of a stage rejected; of values, details and documents only so many are held."""

    step: int = 0
    """The step that did, by its place."""
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
                step, task = map(int, path.stem.split("-"))
                _add_loss(losses.setdefault((stage, rule), _Loss(step)), rows, task)
    return losses


def _texts(output: str, losses: Collection[_Loss]) -> dict[str, str]:
    """Return the texts of the documents that are shown, as far as they can be had."""
    by_step: dict[int, list[str]] = {}
    for loss in losses:
        by_step.setdefault(loss.step, []).extend(str(row["id"]) for row in loss.shown)
    ids = [each for shown in by_step.values() for each in shown]
    before = [texts_before(output, step, shown) for step, shown in by_step.items()]
    known = several([kept_texts(output, ids), *before])
    missing: dict[int, list[str]] = {}
    for row in (row for loss in losses for row in loss.shown if loss.step == 0 and row["id"] not in known):
        missing.setdefault(int(str(row["task"])), []).append(str(row["id"]))
    most_first = sorted(missing.items(), key=lambda item: (-len(item[1]), item[0]))
    return several([known, texts_from_source(output, dict(most_first[:TASKS]))])


def _add_loss(loss: _Loss, rows: pa.RecordBatch, task: int) -> None:
    if loss.documents < LOOKED_AT:
        values = rows["value"].drop_null().to_numpy(zero_copy_only=False)
        loss.values.append(values[np.isfinite(values)])
        loss.details.update(rows["detail"].drop_null().to_pylist())
    rest = rows.slice(0, max(0, SHOWN - len(loss.shown))).to_pylist()
    loss.shown += [{**row, "task": task} for row in rest]
    loss.documents += rows.num_rows


def _rule(stage: str, rule: str, loss: _Loss, texts: Mapping[str, str]) -> Markup:
    values = np.concatenate([np.empty(0), *loss.values])
    recorded = sorted(loss.details.items(), key=lambda item: (-item[1], item[0]))[:MOST_DETAILS]
    recorded = recorded if len(loss.details) <= MOST_DETAILS else []
    chart = None
    if len(values) > 1 and values.min() < values.max():
        edges = np.linspace(values.min(), values.max(), 31)
        counts = np.histogram(values, edges)[0]
        chart = histogram(edges.tolist(), counts.tolist(), f"value that {rule} looked at", rejected=lambda _: True)
    return folded(
        f"{stage}: {rule}",
        element("p", "Recorded: " + "; ".join(f"{detail[:80]} ({count:,})" for detail, count in recorded))
        if recorded
        else None,
        chart,
        *(_document(row, texts) for row in loss.shown),
        element("p", _NOT_KEPT, kind="note") if any(str(row["id"]) not in texts for row in loss.shown) else None,
        note=f"{loss.documents:,} {'document' if loss.documents == 1 else 'documents'}",
    )


def _document(row: Mapping[str, object], texts: Mapping[str, str]) -> Markup:
    value = "" if row["value"] is None else f"value {row['value']:.4g}"
    about = " · ".join(filter(None, (value, str(row["detail"] or ""), str(row["url"] or ""))))
    text = texts.get(str(row["id"]))
    shown = None if text is None else excerpt(text)
    return element("div", element("b", str(row["id"])), " ", about, shown, kind="sample")


_NOT_KEPT = "Texts that are not shown are not kept, or were never there; prep inspect RUN --id ID looks for them."
