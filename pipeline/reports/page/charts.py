"""Charts as SVG that takes its colours from the page, so that one picture serves light and dark.

matplotlib draws with stand-in colours, which are then replaced by the page's CSS variables. The same figures are the
same bytes: no date, no random identifiers.
"""

import hashlib
import io
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from prep.pipeline.reports.page.markup import Markup

INK, KEPT, LOST, MARK, QUIET = "#010101", "#020202", "#030303", "#040404", "#050505"
"""Stand-ins: text and axes, what is kept, what is lost, thresholds, what is in the background."""
_VARIABLES = {INK: "var(--ink)", KEPT: "var(--kept)", LOST: "var(--lost)", MARK: "var(--mark)", QUIET: "var(--quiet)"}
WIDTH = 5.4
"""Inches, so that letters can be read on a telephone, where a figure is drawn 360 pixels wide."""
_STYLE = Path(__file__).with_name("report.mplstyle")


def stacked_bars(labels: Sequence[str], kept: Sequence[int], lost: Sequence[int], label: str) -> Markup:
    """Return a horizontal bar for each label, the first at the top: what is kept, and after it what is lost."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(fname=_STYLE):
        figure = Figure(figsize=(WIDTH, 0.6 + 0.3 * len(labels)), layout="constrained")
        axes = figure.add_subplot()
        places = range(len(labels))
        axes.barh(places, kept, color=KEPT)
        axes.barh(places, lost, left=kept, color=LOST)
        axes.set_yticks(list(places), labels)
        axes.invert_yaxis()
        axes.xaxis.set_major_formatter(lambda value, _: shortened(value))
        return _svg(figure, label)


def bars(labels: Sequence[str], values: Sequence[float], label: str) -> Markup:
    """Return a vertical bar for each label, with its value above it."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(fname=_STYLE):
        figure = Figure(figsize=(WIDTH, 2.2), layout="constrained")
        axes = figure.add_subplot()
        drawn = axes.bar(range(len(labels)), values, color=KEPT)
        axes.bar_label(drawn, [shortened(value) for value in values], fontsize=9)
        axes.set_xticks(range(len(labels)), labels)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.set_xlabel(label)
        return _svg(figure, label)


def histogram(
    edges: Sequence[float],
    counts: Sequence[int],
    label: str,
    *,
    logarithmic: bool = False,
    threshold: float | None = None,
    rejected: Callable[[float], bool] = lambda _: False,
) -> Markup:
    """Return bars of `counts` between `edges` (one more than counts), those in another colour that are rejected.

    A bin is rejected where its middle is. The threshold is a line.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(fname=_STYLE):
        figure = Figure(figsize=(WIDTH, 2.2), layout="constrained")
        axes = figure.add_subplot()
        lost = [rejected((left + right) / 2) for left, right in pairwise(edges)]
        for colour, shown in ((KEPT, False), (LOST, True)):
            axes.stairs(
                [n if gone == shown else 0 for n, gone in zip(counts, lost, strict=True)],
                edges,
                fill=True,
                color=colour,
            )
        if threshold is not None:
            axes.axvline(threshold, color=MARK, linewidth=1.5)
        if logarithmic:
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter(lambda value, _: shortened(value))
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_formatter(lambda value, _: shortened(value))
        axes.set_ylabel("documents")
        axes.set_xlabel(label)
        return _svg(figure, label)


def intervals(labels: Sequence[str], centres: Sequence[float], widths: Sequence[float], label: str) -> Markup:
    """Return a point with its interval for each label, the first at the top, beside a line at zero."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(fname=_STYLE):
        figure = Figure(figsize=(WIDTH, 0.9 + 0.32 * len(labels)), layout="constrained")
        axes = figure.add_subplot()
        axes.axvline(0, color=INK, linewidth=0.8)
        axes.errorbar(centres, range(len(labels)), xerr=widths, fmt="o", color=KEPT, ecolor=KEPT, capsize=3)
        axes.set_yticks(range(len(labels)), labels)
        axes.set_ylim(len(labels) - 0.5, -0.5)
        axes.set_xlabel(label)
        return _svg(figure, label)


class Curve(NamedTuple):
    """A line of a chart."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    colour: str
    dots: bool = False
    faint: bool = False


def curves(lines: Sequence[Curve], levels: Mapping[str, float], x: str, y: str) -> Markup:
    """Return lines in one chart, and horizontal lines at levels."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(fname=_STYLE):
        figure = Figure(figsize=(WIDTH, 3.2), layout="constrained")
        axes = figure.add_subplot()
        for line in lines:
            width = 0.6 if line.faint else 1.6
            axes.plot(
                line.x,
                line.y,
                color=line.colour,
                alpha=0.8 if line.faint else 1,
                linewidth=width,
                marker="o" if line.dots else None,
                markersize=3.5,
                label=line.name,
            )
        for (name, level), style in zip(levels.items(), ("--", ":", "-."), strict=False):
            axes.axhline(level, color=QUIET, linestyle=style, linewidth=1, label=name)
        axes.set(xlabel=x, ylabel=y)
        axes.set_ylim(bottom=0)
        axes.legend(frameon=False, fontsize=9)
        return _svg(figure, f"{y} by {x}")


def shortened(value: float) -> str:
    """Return a number for an axis in three digits, such as `12.5k`; below ten thousand in four."""
    if abs(value) < 9_999.5:
        return f"{value:,.4g}"
    for unit, name in ((1e3, "k"), (1e6, "M"), (1e9, "G")):
        if abs(value) < 999.5 * unit:
            return f"{value / unit:.3g}{name}"
    return f"{value / 1e12:,.3g}T"


def _svg(figure: object, label: str) -> Markup:
    from matplotlib.figure import Figure

    assert isinstance(figure, Figure)
    written = io.StringIO()
    figure.savefig(written, format="svg", metadata={"Date": None})
    text = written.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'<svg [^>]*?viewBox="([^"]*)"[^>]*>', _opening(label), text, count=1)
    text = _unique(text)
    for colour, variable in _VARIABLES.items():
        text = text.replace(colour, variable)
    return Markup(text)


def _unique(text: str) -> str:
    """Return a chart whose identifiers no other chart on the page has: they lead to its own glyphs and clippings."""
    names = set(re.findall(r'\bid="([^"]+)"', text))
    prefix = f"c{hashlib.sha256(text.encode()).hexdigest()[:8]}-"
    whole = re.compile(r'(\bid="|url\(#|href="#)([^")]+)')
    return whole.sub(lambda found: found[1] + (prefix + found[2] if found[2] in names else found[2]), text)


def _opening(label: str) -> str:
    quoted = label.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;").replace("\\", "\\\\")
    links = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    return rf'<svg {links} viewBox="\1" role="img" aria-label="{quoted}">'
