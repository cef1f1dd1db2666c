"""The part of the page about rules: what each costs, documents near its threshold, and a slider for other thresholds.

The slider shows at once what the stage would keep in all and by language, from counts that the stage has stored, and
writes the lines of YAML for it. Without JavaScript the counts stand in a table.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from prep.pipeline.reports.page.charts import histogram
from prep.pipeline.reports.page.markup import Markup, element, section, share, table
from prep.pipeline.reports.page.texts import excerpt, texts_before
from prep.stages.quality.costs import Costs, RuleCost, Sample, read_costs

_COSTS = "costs.json"
_STAGE = "quality"


def read_all_costs(output: str) -> dict[int, Costs]:
    """Return what the rules of each `quality` stage cost, by the places of their steps."""
    paths = sorted(Path(output, "audit").glob(f"*/{_COSTS}"))
    return {int(path.parent.name.partition("-")[0]): read_costs(path) for path in paths}


def cards(costs: Mapping[int, Costs]) -> set[tuple[str, str]]:
    """Return the stages and rules that have a card here."""
    return {(_STAGE, rule.name) for each in costs.values() for rule in each.rules}


def rules(output: str, costs: Mapping[int, Costs]) -> Markup | None:
    """Return what the rules of all `quality` stages cost; None where there was none."""
    parts = [part for step, each in costs.items() for part in _stage(output, step, each)]
    return section("Rules of quality", *parts) if parts else None


def _stage(output: str, step: int, costs: Costs) -> Iterator[Markup]:
    entered, kept = costs.entered.documents, costs.kept.documents
    counts = f"{kept:,} of {entered:,} documents kept ({share(kept, entered)})."
    hint = "Open a rule to see its values and documents on both sides of its threshold, and to try other thresholds."
    yield element("p", f"{counts} {hint}")
    order = sorted(costs.rules, key=lambda rule: (-rule.all.documents, rule.name))
    shown = [rule for rule in order if rule.all.documents or rule.passed]
    texts = texts_before(output, step, [each.id for rule in shown for each in (*rule.rejected, *rule.passed)])
    yield from (_card(rule, costs, texts) for rule in shown)


def _card(rule: RuleCost, costs: Costs, texts: Mapping[str, str]) -> Markup:
    entered = costs.entered.documents
    counts = f"rejects {rule.all.documents:,} ({share(rule.all.documents, entered)}), {rule.alone.documents:,} alone"
    threshold = "" if rule.threshold is None else f" · {rule.signal} {rule.bound} {rule.threshold:g}"
    return element(
        "details",
        element("summary", element("b", f"{_STAGE}: {rule.name}"), f" {counts}{threshold}"),
        element("p", rule.follows, kind="note") if rule.follows else None,
        _histogram(rule),
        _slider(rule, entered) if rule.kept_at else None,
        _samples("Rejected by this rule alone, nearest first", rule.rejected, texts),
        _samples("Kept, nearest to the threshold first", rule.passed, texts),
        id=f"rule-{rule.name}",
    )


def _histogram(rule: RuleCost) -> Markup | None:
    """Return the documents by the rule's signal; what lies beyond the last edges is in the outermost bars."""
    edges, counts = [each.threshold for each in rule.kept_at], list(rule.seen)
    threshold, least = rule.threshold, rule.bound == "min"
    if threshold is None or len(edges) < 2 or len(counts) != len(edges) + 1:
        return None
    counts[1] += counts[0]
    counts[-2] += counts[-1]
    chart = histogram(
        edges,
        counts[1:-1],
        f"{rule.signal} (the outermost bars hold all beyond)",
        threshold=threshold,
        rejected=lambda value: value < threshold if least else value > threshold,
    )
    return element("figure", chart, element("figcaption", "all documents that came in, by what the rule looks at"))


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


def _samples(title: str, samples: tuple[Sample, ...], texts: Mapping[str, str]) -> Markup | None:
    if not samples:
        return None
    return element("div", element("h3", title), *(_sample(each, texts) for each in samples))


def _sample(sample: Sample, texts: Mapping[str, str]) -> Markup:
    about = (f"value {sample.value:.4g}, threshold {sample.threshold:g}", sample.language or "", sample.source or "")
    named = element("b", sample.id)
    return element("div", named, " ", " · ".join(filter(None, about)), excerpt(texts.get(sample.id)), kind="sample")
