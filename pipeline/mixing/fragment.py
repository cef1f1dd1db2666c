"""The chosen mixture as the YAML that `pack` reads."""

from collections.abc import Sequence

import yaml

from prep.pipeline.mixing.optimum import Optimum
from prep.pipeline.mixing.settings import MixSettings

LEAST_SHARE = 0.0005
"""A source of less is left out."""


def mixture_fragment(sources: Sequence[str], best: Optimum, settings: MixSettings, verdict: str) -> str:
    """Return what goes below `pack:` in a pipeline; comments say how sure the shares are."""
    rows = list(zip(sources, best.shares.tolist(), best.low.tolist(), best.high.tolist(), strict=True))
    phase: dict[str, object] = {"shares": {name: round(share, 4) for name, share, *_ in rows if share >= LEAST_SHARE}}
    if settings.target_tokens is not None:
        phase["tokens"] = settings.target_tokens
    mixture = {"by": "source", "max_epochs": settings.max_epochs, "phases": [phase]}
    ranges = ", ".join(f"{name} {low:.0%} to {high:.0%}" for name, _, low, high in rows)
    comments = [
        f"predicted to cost {best.gain:.2f} % less than the natural mixture "
        f"({best.gain_low:.2f} to {best.gain_high:.2f})",
        f"shares over designs drawn again, 5th to 95th percentile: {ranges}",
        f"measured: {verdict}",
    ]
    text = yaml.safe_dump({"mixture": mixture}, sort_keys=False, allow_unicode=True)
    return "".join(f"# {' '.join(comment.split())}\n" for comment in comments) + text
