"""Quality: rules over the signals that documents carry; the text is not read, so a changed threshold costs seconds.

The stage reads the columns of its rules' signals, `language` and `source` from the Parquet parts and loses documents by
a bitmap, which the next pass applies. What each rule costs is added up on the way (`prep.stages.quality.account`).
"""

from collections.abc import Iterator
from functools import cached_property
from typing import ClassVar

from pydantic import Field

from prep.corpus.errors import ConfigurationError, Problem
from prep.corpus.files.storage import join, write_json
from prep.stages.quality.account import Account, write_costs
from prep.stages.quality.clean_lines import CleanLines
from prep.stages.quality.costs import FILE, read_costs
from prep.stages.quality.judge import columns, joined, judge
from prep.stages.quality.recipe import JudgesByRecipe, LanguageChange, Recipe, RuleChange, load_recipe
from prep.stages.quality.rules import signals_of
from prep.stages.quality.signals.measures import SIGNALS, measured
from prep.stages.quality.signals.signals import Signals
from prep.stages.stage import CheckContext, GlobalStage, NearThreshold, Phase, Tagging
from prep.stages.upstream import GlobalContext
from prep.stages.verdicts import PartVerdicts

JUDGE, COST = "judge", "cost"


class Quality(Tagging, GlobalStage, JudgesByRecipe):
    """Reject documents by rules over their signals: a published recipe, changed as you like.

    Recipes are `gopher`, `c4`, `fineweb`, `fineweb2` (thresholds per language), `dclm` and `dolma3`, and for what is
    no web page `books`, `papers`, `reference`, `code` and `forum`; your own is a file in the same format (`prep
    quality fit` writes one). Signals are measured by the stages `signals` and, for C4's and FineWeb's rules,
    `clean_lines`. The first rule that a document breaks is the one it is rejected by; what each rule costs, in all
    and alone, is in `prep quality report`.
    """

    example: ClassVar[str] = "- quality: {recipe: fineweb, rules: {short_doc: {min: 80}}}"
    name: ClassVar[str] = "quality"
    does: ClassVar[str] = "judging quality"
    columns: ClassVar[tuple[str, ...]] = ("id", SIGNALS)
    version: ClassVar[int] = 3
    drops: ClassVar[bool] = True
    reads_text: ClassVar[bool] = False

    rules: dict[str, RuleChange | None] = Field(default_factory=dict)
    """Rules to change or add, by name: `short_doc: {min: 60}`; null takes a rule out. `signal`, and `min` or `max`,
    make a new rule."""
    languages: dict[str, LanguageChange] = Field(default_factory=dict)
    """Thresholds of single languages: `fr: {rules: {short_doc: 40, long_doc: null}}`."""
    seed: int = Field(1, ge=0)
    """Decides which documents near a threshold are shown."""

    @cached_property
    def resolved(self) -> Recipe:
        """The recipe with its changes. Raises ConfigurationError or ValueError where it cannot work."""
        return load_recipe(self.recipe).changed(self.rules, self.languages)

    def problems(self, context: CheckContext) -> Iterator[Problem]:
        """Find a recipe that cannot work, signals that nobody measures, and signals measured for another recipe."""
        try:
            recipe = self.resolved
        except ConfigurationError as error:
            yield Problem(str(error), ("recipe",))
            return
        except ValueError as error:
            yield Problem(str(error), ("rules",))
            return
        carried = measured(context.schema)
        missing = [signal for signal in signals_of(list(recipe.rules.values())) if signal not in carried]
        if missing and carried:
            cleaned = all(signal.startswith("cleaned_") for signal in missing)
            yield Problem(
                f"recipe {self.recipe} looks at signals that no earlier stage measures: {', '.join(missing)}",
                ("recipe",),
                hint=f"put the stage '{'clean_lines' if cleaned else 'signals'}' before it",
            )
        yield from self._fit_problems(recipe, context)

    def _fit_problems(self, recipe: Recipe, context: CheckContext) -> Iterator[Problem]:
        for stage in context.upstream:
            if isinstance(stage, Signals) and recipe.counts_stop_words():
                counted = load_recipe(stage.recipe).stop_words
                if counted != recipe.stop_words:
                    yield Problem(
                        f"recipe {self.recipe} has other stop words than those that 'signals' counts",
                        ("recipe",),
                        hint=f"set 'signals: {{recipe: {self.recipe}}}'",
                    )
            if isinstance(stage, Signals) and recipe.splitter and recipe.splitter != stage.splitter:
                yield Problem(
                    f"the thresholds of recipe {self.recipe} were made for other words",
                    ("recipe",),
                    expected=f"'signals' with splitter: {recipe.splitter}",
                    seen=stage.splitter,
                )
            if isinstance(stage, Signals) and recipe.unspaced == "dictionary" != stage.unspaced:
                yield Problem(
                    f"the thresholds of recipe {self.recipe} were made for other words",
                    ("recipe",),
                    expected=f"'signals' with unspaced: {recipe.unspaced}",
                    seen=stage.unspaced,
                )
            if isinstance(stage, CleanLines):
                for option, value in recipe.clean_lines.items():
                    seen = getattr(stage, option, None)
                    if seen != value:
                        yield Problem(
                            f"the rules of recipe {self.recipe} were made for another cleaning",
                            ("recipe",),
                            expected=f"'clean_lines' with {option}: {str(value).lower()}",
                            seen=str(seen).lower(),
                            hint="set it there, or write a recipe that extends this one with 'clean_lines' changed",
                        )

    def identity(self) -> dict[str, object]:
        """Return the rules as they are applied, in their order."""
        rules = {name: rule.identity() for name, rule in self.resolved.rules.items()}
        return {"rules": rules, "order": " ".join(rules), "seed": self.seed}

    def near(self, output: str, rule: str) -> Iterator[NearThreshold]:
        """Yield the rule's samples: those that it rejects, then those that it lets pass."""
        for cost in read_costs(join(output, FILE)).rules if rule in self.resolved.rules else ():
            for rejected, samples in ((True, cost.rejected), (False, cost.passed)) if cost.name == rule else ():
                for each in samples:
                    yield NearThreshold(each.id, each.value, each.threshold, cost.bound, rejected)

    def phases(self, parts: int) -> tuple[Phase, ...]:
        """Return the phases: judge each part, then add up what rules cost."""
        return (Phase(JUDGE, parts), Phase(COST, 1))

    def is_light(self, phase: str) -> bool:
        """Return True: both phases read columns once."""
        return True

    def run(self, phase: str, task: int, context: GlobalContext) -> PartVerdicts | None:
        """Run one task; those of the phase `judge` return verdicts."""
        rules = list(self.resolved.rules.values())
        if phase == COST:
            parts = [_account(context, part) for part in range(len(context.upstream.parts))]
            write_costs(rules, self.seed, parts, context.output)
            return None
        account = Account(rules)
        found: list[PartVerdicts] = []
        start = 0
        before = context.upstream.dropped(task)
        for batch in context.upstream.rows(task, columns(rules, context.upstream.schema(task))):
            end = start + batch.num_rows
            judged = judge(rules, batch, None if before is None else before[start:end])
            account.add(judged)
            found.append(judged.verdicts(rules, start))
            start = end
        write_json(_account(context, task), account.stored())
        return joined(found)


def _account(context: GlobalContext, part: int) -> str:
    return join(context.scratch, f"{part:05d}.json")
