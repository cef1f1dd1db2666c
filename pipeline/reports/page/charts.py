"""Charts as SVG that takes its colours from the page, so that one picture serves light and dark.

matplotlib draws with stand-in colours, which are then replaced by the page's CSS variables. The same figures are the
same bytes: no date, no random identifiers.
"""

import io
import re
from collections.abc import Sequence
from pathlib import Path

from prep.pipeline.reports.page.markup import Markup

INK, KEPT, LOST = "#010101", "#020202", "#030303"
"""Stand-ins: text and axes, what is kept, what is lost."""
_VARIABLES = {INK: "var(--ink)", KEPT: "var(--kept)", LOST: "var(--lost)"}
_STYLE = Path(__file__).with_name("report.mplstyle")


def stacked_bars(labels: Sequence[str], kept: Sequence[int], lost: Sequence[int], label: str) -> Markup:
    """Return a horizontal bar for each label, the first at the top: what is kept, and after it what is lost."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(fname=_STYLE):
        figure = Figure(figsize=(8, 0.6 + 0.32 * len(labels)), layout="constrained")
        axes = figure.add_subplot()
        places = range(len(labels))
        axes.barh(places, kept, color=KEPT)
        axes.barh(places, lost, left=kept, color=LOST)
        axes.set_yticks(list(places), labels)
        axes.invert_yaxis()
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        return _svg(figure, label)


def histogram(edges: Sequence[float], counts: Sequence[int], label: str, *, logarithmic: bool = False) -> Markup:
    """Return bars of `counts` between `edges` (one more than counts)."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(fname=_STYLE):
        figure = Figure(figsize=(8, 2.4), layout="constrained")
        axes = figure.add_subplot()
        axes.stairs(counts, edges, fill=True, color=KEPT)
        if logarithmic:
            axes.set_xscale("log")
        axes.set_ylim(bottom=0)
        axes.set_ylabel("documents")
        axes.set_xlabel(label)
        return _svg(figure, label)


def intervals(labels: Sequence[str], centres: Sequence[float], widths: Sequence[float], label: str) -> Markup:
    """Return a point with its interval for each label, the first at the top, beside a line at zero."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(fname=_STYLE):
        figure = Figure(figsize=(8, 0.9 + 0.32 * len(labels)), layout="constrained")
        axes = figure.add_subplot()
        axes.axvline(0, color=INK, linewidth=0.8)
        axes.errorbar(centres, range(len(labels)), xerr=widths, fmt="o", color=KEPT, ecolor=KEPT, capsize=3)
        axes.set_yticks(range(len(labels)), labels)
        axes.set_ylim(len(labels) - 0.5, -0.5)
        axes.set_xlabel(label)
        return _svg(figure, label)


def _svg(figure: object, label: str) -> Markup:
    from matplotlib.figure import Figure

    assert isinstance(figure, Figure)
    written = io.StringIO()
    figure.savefig(written, format="svg", metadata={"Date": None})
    text = written.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'<svg [^>]*?viewBox="([^"]*)"[^>]*>', _opening(label), text, count=1)
    for colour, variable in _VARIABLES.items():
        text = text.replace(colour, variable)
    return Markup(text)


def _opening(label: str) -> str:
    quoted = label.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;").replace("\\", "\\\\")
    links = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    return rf'<svg {links} viewBox="\1" role="img" aria-label="{quoted}">'
