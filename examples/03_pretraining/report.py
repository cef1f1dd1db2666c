"""The experiment's report: tables and two pictures out of curves and evaluations."""

import json
import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

Curve = Sequence[tuple[int, float]]
"""Steps done, and bits per byte on validation."""
Curves = Mapping[tuple[str, str], Curve]
"""By data ("headers", "few") and beginning ("nothing", "general")."""

TITLES = {"nothing": "from nothing", "general": "from the general model"}
COLOURS = {"before": "tab:gray", "without replay": "tab:red", "with replay": "tab:blue"}


def write_report(
    folder: Path,
    steps: Mapping[str, int],
    tokens: Mapping[str, int],
    ledger: Mapping[str, Any],
    curves: Curves,
    measured: Mapping[str, Mapping[str, Any]],
) -> None:
    """Write REPORT.md, figures.json, headers.svg and crawl.svg into a folder."""
    saved = {name: saving(curves[name, "nothing"], curves[name, "general"]) for name in ("headers", "few")}
    table = bits(measured)
    figures = {"steps": steps, "tokens": tokens, "saved": saved, "bits_per_byte": table}
    (folder / "figures.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    draw_headers(folder / "headers.svg", curves, tokens)
    draw_crawl(folder / "crawl.svg", table)
    lost = {rule: count for stage in ("exact", "minhash") for rule, count in ledger[stage]["rejected"].items()}
    lines = [
        "# What pretraining buys",
        "",
        f"The general model took {steps['general']:,} steps on a mixture of {tokens['general']:,} tokens.",
        "",
        "## A new domain: C++ headers",
        "",
        "| tokens of headers | | best bits per byte | at step | the general model is there at step | times fewer |",
        "|---|---|---|---|---|---|",
        *(
            f"| {tokens[name]:,} | {TITLES[start]} | {best(curve)[1]:.3f} | {best(curve)[0]} | "
            + (figures_of(saved[name]) if start == "nothing" else "| |")
            for (name, start), curve in curves.items()
        ),
        "",
        "![bits per byte by step](headers.svg)",
        "",
        "## A second crawl",
        "",
        f"Of {ledger['exact']['in']} pages {ledger['minhash']['kept']} were new: "
        + ", ".join(f"{count} {rule}" for rule, count in sorted(lost.items()))
        + f". {steps['crawl']} steps on them, bits per byte on validation:",
        "",
        "| | " + " | ".join(measured) + " |",
        "|---|" + "---|" * len(measured),
        *(f"| {name} | " + " | ".join(f"{row[title]:.3f}" for title in measured) + " |" for name, row in table.items()),
        "",
        "![bits per byte before and after](crawl.svg)",
    ]
    (folder / "REPORT.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def best(curve: Curve) -> tuple[int, float]:
    """Return the point of the fewest bits."""
    return min(curve, key=lambda point: point[1])


def saving(nothing: Curve, general: Curve) -> dict[str, float | None]:
    """Return at which step one curve is where the other is at its best, between measurements, and how many times fewer.

    None where it never gets there.
    """
    step, bits = best(nothing)
    for (before, above), (after, below) in pairwise([(0, math.inf), *general]):
        if below <= bits:
            reached = after if math.isinf(above) else before + (after - before) * (above - bits) / (above - below)
            return {"step": step, "reached": reached, "times": step / reached}
    return {"step": step, "reached": None, "times": None}


def figures_of(saved: Mapping[str, float | None]) -> str:
    """Return a saving as cells of a table."""
    return f"{saved['reached']:.0f} | {saved['times']:.1f} × |" if saved["reached"] else "never | |"


def bits(measured: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Return bits per byte by what was read, then by model."""
    rows: dict[str, dict[str, float]] = {}
    for model, found in measured.items():
        rows.setdefault("new crawl", {})[model] = found["new"]["all"]["bits_per_byte"]
        rows.setdefault("old, all", {})[model] = found["old"]["all"]["bits_per_byte"]
        for source, score in found["old"]["by_source"].items():
            rows.setdefault(f"old, {source}", {})[model] = score["bits_per_byte"]
    return rows


def draw_headers(path: Path, curves: Curves, tokens: Mapping[str, int]) -> None:
    """Draw the curves of both amounts of headers."""
    figure = Figure(figsize=(9, 3.8), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    for axes, name in zip(panels, ("headers", "few"), strict=True):
        for start, title in TITLES.items():
            axes.plot(*zip(*curves[name, start], strict=True), marker="o", markersize=3, label=title)
        axes.axhline(best(curves[name, "nothing"])[1], color="tab:gray", linestyle=":")
        axes.set(title=f"{tokens[name]:,} tokens of C++ headers", xlabel="step", xlim=(0, None))
        axes.grid(alpha=0.3)
    panels[0].set_ylabel("bits per byte of unseen headers")
    panels[0].legend(frameon=False)
    save(figure, path)


def draw_crawl(path: Path, table: Mapping[str, Mapping[str, float]]) -> None:
    """Draw a bar for each model on each validation."""
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    axes = figure.subplots()
    for number, (model, colour) in enumerate(COLOURS.items()):
        places = [place + 0.27 * number for place in range(len(table))]
        drawn = axes.bar(places, [row[model] for row in table.values()], 0.25, label=model, color=colour)
        axes.bar_label(drawn, fmt="%.2f", fontsize=8)
    axes.set_xticks([place + 0.27 for place in range(len(table))], list(table))
    axes.set_ylabel("bits per byte")
    axes.legend(frameon=False, ncols=3)
    save(figure, path)


def save(figure: Figure, path: Path) -> None:
    """Write a picture whose bytes follow from what is drawn, its words as words."""
    FigureCanvasSVG(figure)
    with rc_context({"svg.hashsalt": "prep", "svg.fonttype": "none"}):
        figure.savefig(path, format="svg", metadata={"Date": None})
