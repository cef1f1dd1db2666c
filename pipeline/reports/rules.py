"""What the rules of a run's `quality` stages cost, for people."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Literal

from rich.table import Table

from prep.corpus.errors import RunError
from prep.pipeline.config import Configuration
from prep.pipeline.integrity.checking import complete
from prep.pipeline.plan import GlobalStep
from prep.pipeline.reports.terminal import Terminal
from prep.pipeline.run import plan_for, steps_folder
from prep.stages.quality.costs import FILE, Amount, Costs, RuleCost, read_costs
from prep.stages.quality.quality import Quality

By = Literal["language", "source"]


def quality_costs(configuration: Configuration) -> Iterator[tuple[GlobalStep, Costs]]:
    """Yield the run's `quality` steps and what their rules cost.

    Raises RunError where there is none, or one has not run as it is configured now.
    """
    steps = [step for step in plan_for(configuration).steps if isinstance(step, GlobalStep)]
    judging = [step for step in steps if isinstance(step.stage, Quality)]
    if not judging:
        raise RunError("the pipeline has no stage 'quality'; its rules are what this is about")
    for step in judging:
        folder = f"{steps_folder(configuration)}/{step.folder}"
        if not complete(folder):
            raise RunError(f"{configuration.label(step.position)} has not run as it is configured now; run 'prep run'")
        yield step, read_costs(f"{folder}/output/{FILE}")


def print_costs(console: Terminal, title: str, costs: Costs) -> None:
    """Print for each rule what it rejects: in all, alone, and as the first rule."""
    console.print(f"{title}: {_amount(costs.entered)} in, {_amount(costs.kept)} kept")
    table = Table(box=None, pad_edge=False)
    for heading in ("rule", "threshold"):
        table.add_column(heading, no_wrap=True)
    for heading in ("rejects", "bytes", "alone", "bytes", "first"):
        table.add_column(heading, justify="right")
    for rule in costs.rules:
        if rule.all.documents:
            counts = (rule.all.documents, rule.all.bytes, rule.alone.documents, rule.alone.bytes, rule.first.documents)
            table.add_row(rule.name, _threshold(rule), *(f"{count:,}" for count in counts))
    console.print(table)
    idle = [rule.name for rule in costs.rules if not rule.all.documents]
    if idle:
        console.print(f"reject nothing: {', '.join(idle)}")
    for language, documents in _without_thresholds(costs).items():
        console.print(f"no thresholds of its own: language {language}, {documents:,} documents")


def print_costs_by(console: Terminal, by: By, costs: Costs) -> None:
    """Print what rules reject in each language or from each source: documents in all, and alone."""
    table = Table(box=None, pad_edge=False)
    for heading in (by, "documents in", "kept"):
        table.add_column(heading, justify="left" if heading == by else "right")
    table.add_column("rejected by (alone)", overflow="fold")
    entered: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for group in costs.groups:
        entered[str(getattr(group, by))][0] += group.entered.documents
        entered[str(getattr(group, by))][1] += group.kept.documents
    for name, (documents, kept) in sorted(entered.items(), key=lambda item: (-item[1][0], item[0])):
        shares = [(rule.name, *_share(rule, by, name)) for rule in costs.rules]
        shares = sorted((share for share in shares if share[1]), key=lambda share: (-share[1], share[0]))
        why = ", ".join(f"{rule} {everyone:,} ({alone:,})" for rule, everyone, alone in shares)
        table.add_row(name, f"{documents:,}", f"{kept:,}", why)
    console.print(table)


def _share(rule: RuleCost, by: By, name: str) -> tuple[int, int]:
    """Return how many documents a rule rejects of one language or source, in all and alone."""
    groups = [group for group in rule.groups if str(getattr(group, by)) == name]
    return sum(group.all.documents for group in groups), sum(group.alone.documents for group in groups)


def _without_thresholds(costs: Costs) -> Mapping[str, int]:
    """Return the documents in languages for which no rule has a threshold, where rules have thresholds by language."""
    known = {language for rule in costs.rules for language in rule.languages}
    found: dict[str, int] = defaultdict(int)
    for group in costs.groups if known else ():
        if group.language is None or not {group.language, group.language.partition("-")[0]} & known:
            found[str(group.language)] += group.entered.documents
    return found


def _threshold(rule: RuleCost) -> str:
    own = f", {len(rule.languages)} languages' own" if rule.languages else ""
    return f"{rule.bound} {'-' if rule.threshold is None else f'{rule.threshold:g}'}{own}"


def _amount(amount: Amount) -> str:
    return f"{amount.documents:,} documents ({amount.bytes / 1e6:,.1f} MB)"
