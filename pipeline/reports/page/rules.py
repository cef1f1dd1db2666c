"""The part of the page about rules: what each costs, documents near its threshold, and a slider for other thresholds.

The slider shows at once what the stage would keep in all and by language, from counts that the stage has stored, and
writes the lines of YAML for it. Without JavaScript the counts stand in a table.
"""

import json
from collections.abc import Iterator
from pathlib import Path

from prep.pipeline.reports.page.markup import Markup, element, section, share, table
from prep.stages.quality.costs import Costs, RuleCost, Sample, read_costs

_COSTS = "costs.json"


def rules(output: str) -> Markup | None:
    """Return what the rules of all `quality` stages cost; None where there was none."""
    folders = sorted(path.parent for path in Path(output, "audit").glob(f"*/{_COSTS}"))
    cards = [card for folder in folders for card in _stage(read_costs(folder / _COSTS))]
    return section("Rules of quality", *cards) if cards else None


def _stage(costs: Costs) -> Iterator[Markup]:
    entered, kept = costs.entered.documents, costs.kept.documents
    yield element(
        "p", f"{kept:,} of {entered:,} documents kept ({share(kept, entered)}). Open a rule to try thresholds."
    )
    order = sorted(costs.rules, key=lambda rule: -rule.all.documents)
    yield from (_card(rule, entered) for rule in order if rule.all.documents or rule.passed)


def _card(rule: RuleCost, entered: int) -> Markup:
    counts = f" rejects {rule.all.documents:,} ({share(rule.all.documents, entered)}), {rule.alone.documents:,} alone"
    threshold = "" if rule.threshold is None else f" · {rule.signal} {rule.bound} {rule.threshold:g}"
    return element(
        "details",
        element("summary", element("b", rule.name), counts, threshold),
        element("p", rule.follows, kind="note") if rule.follows else None,
        _slider(rule, entered) if rule.kept_at else None,
        _samples("Rejected by this rule alone, nearest first", rule.rejected),
        _samples("Kept, nearest to the threshold first", rule.passed),
        id=f"rule-{rule.name}",
    )


def _slider(rule: RuleCost, entered: int) -> Markup:
    data = {
        "rule": rule.name,
        "bound": rule.bound,
        "entered": entered,
        "kept": [[each.threshold, each.documents, each.languages] for each in rule.kept_at],
    }
    now = next((place for place, each in enumerate(rule.kept_at) if each.threshold == rule.threshold), 0)
    rows = [(f"{each.threshold:g}", f"{each.documents:,}", share(each.documents, entered)) for each in rule.kept_at]
    return element(
        "div",
        element(
            "input",
            type="range",
            min="0",
            max=str(len(rule.kept_at) - 1),
            value=str(now),
            aria_label=f"threshold of {rule.name}",
        ),
        element("p", element("b", kind="kept"), element("span", kind="languages note")),
        element("pre", kind="yaml"),
        element("noscript", table((rule.bound, "kept", "share"), rows, words=0)),
        kind="slider",
        data_rule=json.dumps(data),
    )


def _samples(title: str, samples: tuple[Sample, ...]) -> Markup | None:
    if not samples:
        return None
    rows = [
        (each.id, each.language or "", each.source or "", f"{each.value:.4g}", f"{each.threshold:g}")
        for each in samples
    ]
    headings = ("id", "language", "source", "value", "threshold")
    return element("div", element("h3", title), table(headings, rows, words=3))
