"""The part of the page about thresholds of row stages, such as the probability of a language: a slider for each.

Documents that a threshold rejects are shown under "Rejected"; of those that the run keeps in the end, the nearest to
the threshold are shown here.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from prep.pipeline.reports.page.markup import Markup, element, folded, section, share
from prep.pipeline.reports.page.sliders import Kept, Slider, chart, control
from prep.pipeline.reports.page.texts import excerpt, texts_in
from prep.pipeline.results.funnel import StageGroups
from prep.stages.results import Threshold, ThresholdCounts

SHOWN = 5
"""Documents nearest to each threshold."""
LOOKED_AT = 1_000_000
"""Documents of the run among which they are looked for."""


def thresholds(output: str, stages: Sequence[StageGroups]) -> Markup | None:
    """Return a card for each threshold of a stage that looked at documents; None where there is none."""
    cards = [
        _card(output, stage, counts)
        for stage in stages
        for counts in stage.thresholds
        if any(map(any, counts.kept.values()))
    ]
    hint = "Open a threshold to see the values of all documents, and what the stage would keep with another."
    return section("Thresholds", element("p", hint), *cards) if cards else None


def _card(output: str, stage: StageGroups, counts: ThresholdCounts) -> Markup:
    threshold, entered = counts.threshold, sum(group.entered for group in stage.groups)
    lost = sum(group.lost.get(threshold.rule, 0) for group in stage.groups)
    slider = _slider(stage.name, entered, counts)
    near = list(_nearest(output, threshold))
    return folded(
        f"{stage.name}: {threshold.rule}",
        chart(slider),
        control(slider),
        element("h3", "Kept in the end, nearest to the threshold first") if near else None,
        *near,
        note=f"rejects {lost:,} ({share(lost, entered)}) · {threshold.column} {threshold.bound} {threshold.value:g}",
    )


def _slider(stage: str, entered: int, counts: ThresholdCounts) -> Slider:
    threshold = counts.threshold
    by_value = [{name: numbers[at] for name, numbers in counts.kept.items()} for at in range(len(threshold.tried))]
    kept = [Kept(value, sum(some.values()), some) for value, some in zip(threshold.tried, by_value, strict=True)]
    yaml = f"- {stage}:\n    {threshold.option}: @"
    return Slider(threshold.rule, threshold.column, threshold.bound, threshold.value, entered, kept, counts.seen, yaml)


def _nearest(output: str, threshold: Threshold) -> Iterator[Markup]:
    """Yield the documents of the run that are nearest to a threshold."""
    ids, values, paths, left = [], [], [], LOOKED_AT
    for path in sorted(Path(output, "documents").glob("*.parquet")):
        if left <= 0 or threshold.column not in pq.read_schema(path).names:
            break
        paths.append(path)
        table = pq.read_table(path, columns=["id", threshold.column]).drop_null()
        ids.append(table.column("id").cast(pa.string()).combine_chunks())
        values.append(table.column(threshold.column).cast(pa.float64()).to_numpy())
        left -= table.num_rows
    found = np.concatenate([np.empty(0), *values])
    names = pa.concat_arrays([pa.array([], pa.string()), *ids])
    order = np.argsort(np.abs(found - threshold.value), kind="stable")[:SHOWN]
    shown = [(str(names[int(row)]), float(found[row])) for row in order]
    texts = texts_in(paths, [name for name, _ in shown])
    for name, value in shown:
        yield element("div", element("b", name), f" value {value:.4g}", excerpt(texts.get(name)), kind="sample")
