"""Pictures of what tokenizers do with text, as SVG files."""

import io
from collections.abc import Mapping, Sequence

from prep.corpus.files.storage import write_bytes

WIDTH, HEIGHT = 9.0, 4.5
"""Inches."""


def draw_bars(path: str, title: str, groups: Sequence[str], values: Mapping[str, Sequence[float]]) -> None:
    """Write a bar for each group and each name in `values`, whose sequences follow the groups: bytes per token."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(max(WIDTH, 0.12 * len(groups) * (len(values) + 1)), HEIGHT), layout="constrained")
    axes = figure.subplots()
    width = 0.8 / max(len(values), 1)
    for number, (name, heights) in enumerate(values.items()):
        axes.bar([place + number * width for place in range(len(groups))], heights, width, label=name)
    axes.set_xticks([place + 0.4 - width / 2 for place in range(len(groups))], groups, rotation=90)
    axes.set(title=title, ylabel="bytes per token")
    axes.legend(frameon=False)
    _save(figure, path)


def draw_curves(path: str, title: str, curves: Mapping[str, Sequence[tuple[int, float]]]) -> None:
    """Write a curve of bytes per token against the vocabulary for each name."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
    axes = figure.subplots()
    for name, points in curves.items():
        axes.plot(*zip(*points, strict=True), marker="o", label=name)
    sizes = sorted({size for points in curves.values() for size, _ in points})
    axes.set_xscale("log")
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.minorticks_off()
    axes.set(title=title, xlabel="vocabulary", ylabel="bytes per token")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    _save(figure, path)


def _save(figure: object, path: str) -> None:
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    assert isinstance(figure, Figure)
    picture = io.BytesIO()
    with rc_context({"svg.hashsalt": "prep"}):
        figure.savefig(picture, format="svg", metadata={"Date": None})
    write_bytes(path, picture.getvalue())
