"""The part of the page about the model: its loss while it was trained, what was measured, and what it writes."""

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from prep.corpus.files.storage import read_json
from prep.pipeline.reports.page.charts import KEPT, LOST, MARK, Curve, curves
from prep.pipeline.reports.page.markup import Markup, element, section, table

WINDOW = 50
"""Steps that the smoothed curve averages over."""
POINTS = 600
"""Of a curve that are drawn."""
CHARACTERS = 2000
"""Of the sample."""


def model(output: str) -> Markup | None:
    """Return the model's curves, figures and sample; None where none was trained."""
    folder = Path(output, "model")
    if not (folder / "report.json").exists():
        return None
    report: dict[str, Any] = dict(read_json(str(folder / "report.json")))
    measured = report.get("validation") or {}
    named = {f"validation, {name}": value for name, value in measured.items()}
    numbers = [(name.replace("_", " "), number(each)) for name, each in {**report, **named}.items() if is_number(each)]
    text = folder / "sample.txt"
    sample = text.read_text(encoding="utf-8")[:CHARACTERS] if text.exists() else ""
    return section(
        "Model",
        _bits(folder / "steps.csv", report, measured),
        element("div", table(("measure", "value"), numbers), *_by_label(measured), kind="columns"),
        element("h3", "What it writes") if sample else None,
        element("pre", sample) if sample else None,
    )


def _bits(path: Path, report: Mapping[str, Any], measured: Mapping[str, Any]) -> Markup | None:
    """Return the chart of bits per byte by step: of training, of validation, and of what counting tokens predicts."""
    if not path.exists():
        return None
    with path.open(encoding="utf-8", newline="") as file:
        bits = np.array([float(row["bits_per_byte"]) for row in csv.DictReader(file)])
    if not len(bits):
        return None
    sums = np.concatenate([[0.0], np.cumsum(bits)])
    ends = np.arange(1, len(bits) + 1)
    starts = np.maximum(0, ends - WINDOW)
    smooth = (sums[ends] - sums[starts]) / (ends - starts)
    shown = np.unique(np.linspace(0, len(bits) - 1, POINTS).astype(int))
    steps = ends[shown].tolist()
    lines = [
        Curve("training, each step", steps, bits[shown].tolist(), LOST, faint=True),
        Curve(f"training, mean of {WINDOW} steps", steps, smooth[shown].tolist(), KEPT),
    ]
    evaluations = [(each["step"], each["bits_per_byte"]) for each in report.get("evaluations") or ()]
    if evaluations:
        places, values = zip(*evaluations, strict=True)
        lines.append(Curve(f"validation, {values[-1]:.3f} at the end", places, values, MARK, dots=True))
    levels = {
        f"{name} on validation, {measured[f'{name}_bits_per_byte']:.3f}": measured[f"{name}_bits_per_byte"]
        for name in ("unigram", "bigram")
        if is_number(measured.get(f"{name}_bits_per_byte"))
    }
    return element("figure", curves(lines, levels, "step", "bits per byte"))


def _by_label(measured: Mapping[str, Any]) -> Iterator[Markup]:
    """Yield bits per byte on the validation rows by source and by language."""
    for label in ("source", "language"):
        groups = measured.get(f"by_{label}")
        if isinstance(groups, Mapping) and groups:
            rows = [(name or "unknown", number(each["bits_per_byte"])) for name, each in sorted(groups.items())]
            yield table((label, "bits per byte, validation"), rows)


def is_number(value: object) -> bool:
    """Say whether a value of a report is a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def number(value: float) -> str:
    """Return a number of a report."""
    return f"{value:,}" if isinstance(value, int) else f"{value:,.3f}"
