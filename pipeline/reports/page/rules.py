"""The part of the page about rules of `quality`: what each costs, documents near its threshold, and a slider."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from prep.pipeline.reports.page.markup import Markup, element, section, share
from prep.pipeline.reports.page.sliders import Kept, Slider, chart, control
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
    slider = _slider(rule, entered)
    return element(
        "details",
        element("summary", element("b", f"{_STAGE}: {rule.name}"), f" {counts}{threshold}"),
        element("p", rule.follows, kind="note") if rule.follows else None,
        chart(slider),
        control(slider) if rule.kept_at else None,
        _samples("Rejected by this rule alone, nearest first", rule.rejected, texts),
        _samples("Kept, nearest to the threshold first", rule.passed, texts),
        id=f"rule-{rule.name}",
    )


def _slider(rule: RuleCost, entered: int) -> Slider:
    kept = [Kept(each.threshold, each.documents, each.languages) for each in rule.kept_at]
    yaml = f"- {_STAGE}:\n    rules:\n      {rule.name}: {{{rule.bound}: @}}"
    return Slider(rule.name, rule.signal, rule.bound, rule.threshold, entered, kept, rule.seen, yaml)


def _samples(title: str, samples: tuple[Sample, ...], texts: Mapping[str, str]) -> Markup | None:
    if not samples:
        return None
    return element("div", element("h3", title), *(_sample(each, texts) for each in samples))


def _sample(sample: Sample, texts: Mapping[str, str]) -> Markup:
    about = (f"value {sample.value:.4g}, threshold {sample.threshold:g}", sample.language or "", sample.source or "")
    named = element("b", sample.id)
    return element("div", named, " ", " · ".join(filter(None, about)), excerpt(texts.get(sample.id)), kind="sample")
