"""The command `prep recipes`: the recipes of quality rules that are shipped, and what each looks at."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from prep.pipeline.commands.answering import print_json
from prep.pipeline.commands.pipelines import Json
from prep.pipeline.monitor.answer import Answer
from prep.pipeline.reports.terminal import Terminal, indented

if TYPE_CHECKING:
    from prep.stages.quality.recipe import Recipe

_SHOWN_LANGUAGES = 8
_NARROW = 72
"""Columns of a terminal that the tables need: in fewer, names would be broken over lines."""


def recipes(
    recipe: Annotated[str, typer.Argument(help="A recipe to show in full: its name, or its file.")] = "",
    language: Annotated[str, typer.Option(help="Show the thresholds for a language, by any of its codes.")] = "",
    json: Json = False,
) -> None:
    """List the recipes for the stage `quality`; or show the rules, signals and thresholds of one."""
    from prep.stages.quality.recipe import load_recipe, shipped, source_of

    _refuse_unknown(language)
    console = Terminal()
    if json:
        print_json(_answer(recipe, language))
        return
    if recipe:
        _print_rules(console, load_recipe(recipe), language)
        return
    loaded = {name: load_recipe(name) for name in shipped()}
    rows = [
        (name, str(len(each.rules)), _some(sorted(each.languages())), source_of(name).partition(". ")[0])
        for name, each in loaded.items()
    ]
    _print_rows(console, ("recipe", "rules", "languages with thresholds of their own", "source"), rows)
    console.print("prep recipes NAME shows a recipe's rules, signals and thresholds")


def _refuse_unknown(language: str) -> None:
    from prep.corpus.errors import ConfigurationError
    from prep.stages.shared.language_names import expected_language
    from prep.stages.shared.languages import is_known

    if language and not is_known(language):
        raise ConfigurationError([f"--language {language}: no language; {expected_language(language)}"])


class RuleAnswer(Answer):
    """A rule of a recipe."""

    rule: str
    signal: str
    bound: str
    threshold: float | None
    """For the language that was asked for, or for all; null where the rule is off."""


class RecipeAnswer(Answer):
    """A recipe of quality rules."""

    recipe: str
    rules: list[RuleAnswer]
    languages: list[str]
    """Languages with thresholds of their own."""


class RecipesAnswer(Answer):
    """Recipes of quality rules: the one that was asked for, or all that are shipped."""

    recipes: list[RecipeAnswer]


def _answer(recipe: str, language: str) -> RecipesAnswer:
    from prep.stages.quality.recipe import load_recipe, shipped

    found = []
    for name in [recipe] if recipe else shipped():
        loaded = load_recipe(name)
        rules = [
            RuleAnswer(
                rule=rule.name, signal=rule.signal, bound=rule.bound, threshold=rule.threshold_for(language or None)
            )
            for rule in loaded.rules.values()
        ]
        found.append(RecipeAnswer(recipe=name, rules=rules, languages=sorted(loaded.languages())))
    return RecipesAnswer(recipes=found)


def _print_rules(console: Terminal, recipe: "Recipe", language: str) -> None:
    """Print a recipe's rules in their order, with the thresholds for a language or for all."""
    rows = []
    for rule in recipe.rules.values():
        threshold = rule.threshold_for(language or None)
        shown = "off" if threshold is None else f"{threshold:g}"
        others = "" if language else _some(sorted(rule.languages))
        rows.append((rule.name, rule.signal, rule.bound, shown, others))
    _print_rows(console, ("rule", "signal", "bound", "threshold", "languages with others"), rows)
    words = recipe.stop_words_for(language)
    if words:
        console.print(f"stop words: {' '.join(words)}")


def _print_rows(console: Terminal, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table; on a narrow terminal each row as a paragraph, with a line for each cell that holds something."""
    if console.width < _NARROW:
        for name, *cells in rows:
            console.print(name, soft_wrap=True)
            for heading, cell in zip(headings[1:], cells, strict=True):
                if cell:
                    console.print(indented(f"{heading}: {cell}", 2))
        return
    table = Table(box=None, pad_edge=False)
    for heading in headings:
        numeric = heading in ("rules", "threshold")
        table.add_column(heading, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    console.print(table)


def _some(names: list[str]) -> str:
    more = len(names) - _SHOWN_LANGUAGES
    return " ".join(names[:_SHOWN_LANGUAGES]) + (f" and {more} more" if more > 0 else "")
