"""A threshold on the page: documents by what it looks at, and a slider that shows at once what other values keep.

The counts are those that the stage or the engine has stored; nothing is estimated. The slider also writes the lines of
YAML that set its value. Without JavaScript the counts stand in a table.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from prep.pipeline.reports.page.charts import histogram
from prep.pipeline.reports.page.markup import Markup, element, share, table

_LOGARITHMIC = 1000
"""From this ratio of the largest value tried to the smallest on, the axis is logarithmic."""


class Kept(NamedTuple):
    """What a stage would keep with one value of a threshold."""

    value: float
    documents: int
    languages: Mapping[str, int]


class Slider(NamedTuple):
    """A threshold and what other values of it would keep."""

    rule: str
    number: str
    """What the rule looks at."""
    bound: Literal["min", "max"]
    value: float | None
    """None where it is not the same for all documents."""
    entered: int
    kept: Sequence[Kept]
    """By value, rising."""
    seen: Sequence[int]
    """Documents below the first value, from each value to the next, and from the last."""
    yaml: str
    """The lines of a pipeline that set it, `@` for its value."""


def chart(slider: Slider) -> Markup | None:
    """Return the documents by what the rule looks at; what lies beyond the last edges is in the outermost bars."""
    edges, counts, value = [each.value for each in slider.kept], list(slider.seen), slider.value
    if value is None or len(edges) < 2 or len(counts) != len(edges) + 1:
        return None
    counts[1] += counts[0]
    counts[-2] += counts[-1]
    drawn = histogram(
        edges,
        counts[1:-1],
        f"{slider.number} (the outermost bars hold all beyond)",
        logarithmic=edges[0] > 0 and edges[-1] / edges[0] >= _LOGARITHMIC,
        threshold=value,
        rejected=lambda middle: middle < value if slider.bound == "min" else middle > value,
    )
    return element("figure", drawn, element("figcaption", "all documents that came in, by what the rule looks at"))


def control(slider: Slider) -> Markup:
    """Return the slider, with all that it shows."""
    data = {"bound": slider.bound, "entered": slider.entered, "kept": slider.kept, "yaml": slider.yaml}
    now = next((place for place, each in enumerate(slider.kept) if each.value == slider.value), 0)
    rows = [(f"{each.value:g}", f"{each.documents:,}", share(each.documents, slider.entered)) for each in slider.kept]
    return element(
        "div",
        element(
            "input",
            type="range",
            min="0",
            max=str(len(slider.kept) - 1),
            value=str(now),
            aria_label=f"threshold of {slider.rule}",
        ),
        element("p", element("b", kind="kept"), element("span", kind="languages note")),
        element("pre", kind="yaml"),
        element("noscript", table((slider.bound, "kept", "share"), rows, words=0)),
        kind="slider",
        data_rule=json.dumps(data),
    )
