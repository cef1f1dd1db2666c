"""The loss curve: bits per byte by step, of the training batches, the validation rows and what counting predicts.

One unit for all, so that they can be compared. The SVG holds no date and no random identifiers: the same curve is
the same file.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from prep.corpus.files.storage import atomic_output
from prep.trainer.running.checkpoint import History

WINDOW = 50
"""Steps that the smoothed curve averages over."""


def draw_loss(path: str, history: History, baselines: Mapping[str, float]) -> None:
    """Draw the curve as SVG; `baselines` are bits per byte on the validation rows, by name."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.hashsalt": "prep", "font.size": 10}):
        figure = Figure(figsize=(8, 4.5), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.add_subplot()
        steps = np.arange(1, len(history.bits_per_byte) + 1)
        curve = np.array(history.bits_per_byte)
        axes.plot(steps, curve, color="tab:blue", alpha=0.25, linewidth=0.8, label="training, each step")
        axes.plot(steps, smoothed(curve), color="tab:blue", label=f"training, mean of {WINDOW} steps")
        if history.evaluations:
            places, _, bits, _ = zip(*history.evaluations, strict=True)
            axes.plot(
                places, bits, color="tab:red", marker="o", markersize=4, label=f"validation, {bits[-1]:.3f} at the end"
            )
        for (name, baseline), style in zip(baselines.items(), ("--", ":"), strict=False):
            axes.axhline(baseline, color="tab:gray", linestyle=style, label=f"{name} on validation, {baseline:.3f}")
        axes.set(xlabel="step", ylabel="bits per byte", xlim=(0, max(len(curve), 1)), ylim=(0, None))
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
        with atomic_output(path) as sink:
            figure.savefig(sink, format="svg", metadata={"Date": None})


def smoothed(curve: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return for each step the mean of up to `WINDOW` steps that end there (steps,)."""
    sums = np.concatenate(([0.0], np.cumsum(curve)))
    ends = np.arange(1, len(curve) + 1)
    starts = np.maximum(ends - WINDOW, 0)
    means: npt.NDArray[np.float64] = (sums[ends] - sums[starts]) / (ends - starts)
    return means
