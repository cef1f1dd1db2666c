"""Recipes: rules and stop words as YAML files, shipped with the package or written by the user.

    source: where the rules come from
    extends: [gopher]                      # recipes whose rules come first, in this order
    clean_lines: {terminal_punctuation: true}    # how the text was cleaned that the rules were made for
    splitter: unicode                      # whose words the thresholds were made for
    unspaced: dictionary                   # and what a word is in scripts without spaces
    stop_words: [the, be, to]
    rules:
      short_doc: {signal: plain_words, min: 50, follows: datatrove 0.10}
      long_doc: null                       # takes out a rule of a recipe that this one extends
    languages:
      fr:
        stop_words: [de, la]
        rules: {short_doc: 40, long_doc: null}    # thresholds of their own; null: the rule is off

A rule that is named again changes only in what is said. A pipeline changes a recipe in the same words.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import yaml
from pydantic import AfterValidator, Field, ValidationError, model_validator

from prep.corpus.closeness import meant, nearest
from prep.corpus.errors import ConfigurationError
from prep.stages.quality.rules import Rule
from prep.stages.quality.signals.measures import BY_NAME
from prep.stages.quality.words.splitting import Unspaced, WordSplitter
from prep.stages.settings import Settings
from prep.stages.shared.language_names import expected_language
from prep.stages.shared.languages import canonical_code, is_known, related_codes
from prep.stages.stage import Stage

FOLDER = Path(__file__).parent / "recipes"
"""The recipes that are shipped."""


Value = TypeVar("Value")


def _known(signal: str) -> str:
    if signal not in BY_NAME:
        raise ValueError(f"a signal: {', '.join(BY_NAME)}")
    return signal


class RuleChange(Settings):
    """A rule, or what is to change in one."""

    signal: Annotated[str, AfterValidator(_known)] | None = None
    """What the rule looks at."""
    min: float | None = None
    """Documents below are rejected; null: only in languages that have a threshold of their own."""
    max: float | None = None
    """Documents above are rejected; null likewise."""
    follows: str | None = None
    """Which definition of the field it follows."""

    @model_validator(mode="after")
    def _one_bound(self) -> "RuleChange":
        if {"min", "max"} <= self.model_fields_set:
            raise ValueError("one of 'min' and 'max'")
        return self

    @property
    def bound(self) -> Literal["min", "max"] | None:
        """Which bound is given, be it null; None: neither."""
        return "min" if "min" in self.model_fields_set else "max" if "max" in self.model_fields_set else None


class LanguageChange(Settings):
    """What is particular to one language."""

    stop_words: tuple[str, ...] | None = None
    """The language's own stop words."""
    rules: dict[str, float | None] = Field(default_factory=dict)
    """Thresholds by rule; null switches the rule off for the language."""


class RecipeFile(Settings):
    """What a recipe's file holds."""

    source: str = ""
    """Where the rules come from."""
    extends: tuple[str, ...] = ()
    """Recipes whose rules come first."""
    clean_lines: dict[str, bool | int | None] = Field(default_factory=dict)
    """Options of the stage `clean_lines` that the rules were made for."""
    splitter: WordSplitter | None = None
    """The splitter whose words the thresholds were made for; left out: that of their authors, spaCy's."""
    unspaced: Unspaced | None = None
    """What a word was where scripts have no spaces; left out: letters."""
    stop_words: tuple[str, ...] | None = None
    """Stop words of languages that have none of their own."""
    rules: dict[str, RuleChange | None] = Field(default_factory=dict)
    languages: dict[str, LanguageChange] = Field(default_factory=dict)


def _without_language(by_code: Mapping[str, Value], language: str) -> dict[str, Value]:
    """Return settings by language without those under a code that means the same, which would come first."""
    own = canonical_code(language)
    return {code: value for code, value in by_code.items() if not code or canonical_code(code) != own}


class JudgesByRecipe(Stage):
    """A stage that judges by a recipe, so that stages before it know what to measure."""

    recipe: str
    """The name of a shipped recipe, or the path of a recipe's file."""


def implied(later: Sequence[Stage], own: str | None = None) -> dict[str, object]:
    """Return what a recipe asks of stages that measure: recipe, splitter, unspaced.

    The recipe is their own, where they have one, or that of the next stage that judges by one. Nothing is asked where
    there is none, or it cannot be read, which the stage that names it reports.
    """
    recipes = [own] if own else [stage.recipe for stage in later if isinstance(stage, JudgesByRecipe)]
    try:
        recipe = load_recipe(recipes[0]) if recipes else None
    except ConfigurationError:
        recipe = None
    if recipe is None:
        return {}
    asked = {"recipe": recipes[0], "splitter": recipe.splitter, "unspaced": recipe.unspaced}
    return {name: value for name, value in asked.items() if value is not None}


@dataclass(frozen=True)
class Recipe:
    """Rules in their order, and the stop words that they count."""

    rules: Mapping[str, Rule] = field(default_factory=dict)
    stop_words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By language; under "" those of all others."""
    clean_lines: Mapping[str, bool | int | None] = field(default_factory=dict)
    splitter: WordSplitter | None = None
    """The splitter that 'signals' must use, if any."""
    unspaced: Unspaced | None = None
    """What a word must be to 'signals' in scripts without spaces, if that is said."""

    def changed(
        self, rules: Mapping[str, RuleChange | None], languages: Mapping[str, LanguageChange] | None = None
    ) -> "Recipe":
        """Return the recipe with rules changed, added and taken out. Raises ValueError where a rule lacks a part."""
        changed = dict(self.rules)
        for name, change in rules.items():
            if change is None:
                if changed.pop(name, None) is None:
                    raise ValueError(f"rule '{name}' is to be taken out, but there is none; {meant(name, changed)}")
            else:
                changed[name] = _changed(name, changed, change)
        words = dict(self.stop_words)
        for language, own in (languages or {}).items():
            if not is_known(language):
                raise ValueError(f"'{language}' is no language; {expected_language(language)}")
            if own.stop_words is not None:
                words = {**_without_language(words, language), language: own.stop_words}
            for name, threshold in own.rules.items():
                if name not in changed:
                    raise ValueError(f"language '{language}' names an unknown rule '{name}'; {meant(name, changed)}")
                old = changed[name]
                others = _without_language(old.languages, language)
                changed[name] = replace(old, languages={**others, language: threshold})
        return replace(self, rules=changed, stop_words=words)

    def stop_words_for(self, language: str) -> tuple[str, ...]:
        """Return the stop words of a language, or those of all others."""
        codes = (*related_codes(language), "") if language else ("",)
        return next((self.stop_words[code] for code in codes if code in self.stop_words), ())

    def counts_stop_words(self) -> bool:
        """Say whether a rule looks at the number of stop words."""
        return any(BY_NAME[rule.signal].part in ("stop_words", "spaced_stop_words") for rule in self.rules.values())

    def languages(self) -> frozenset[str]:
        """Return the languages that have thresholds of their own."""
        return frozenset(language for rule in self.rules.values() for language in rule.languages)


def shipped() -> Iterator[str]:
    """Yield the names of the recipes that are shipped."""
    yield from sorted(path.stem for path in FOLDER.glob("*.yaml"))


def load_recipe(name: str) -> Recipe:
    """Return a recipe: a shipped one by its name, or a file by its path.

    Raises ConfigurationError, with the file, where there is none, or it is not a recipe.
    """
    return _load(name, ())


def source_of(name: str) -> str:
    """Return what a shipped recipe says of where its rules come from."""
    file = RecipeFile.model_validate(yaml.safe_load((FOLDER / f"{name}.yaml").read_text("utf-8")))
    return " ".join(file.source.split())


@cache
def _load(name: str, above: tuple[str, ...]) -> Recipe:
    if name in above:
        raise ConfigurationError([f"recipe {name} extends itself: {' → '.join((*above, name))}"])
    path = FOLDER / f"{name}.yaml" if name in shipped() else Path(name)
    try:
        file = RecipeFile.model_validate(yaml.safe_load(path.read_text("utf-8")) or {})
    except FileNotFoundError as error:
        raise ConfigurationError(
            [f"recipe {name}: neither a file nor a recipe that is shipped; {meant(name, shipped())}"]
        ) from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationError([f"recipe {path}: cannot be read: {error}"]) from error
    except ValidationError as error:
        raise ConfigurationError(_complaints(path, error)) from error
    recipe = _joined([_load(each, (*above, name)) for each in file.extends])
    words = {**recipe.stop_words, **({} if file.stop_words is None else {"": file.stop_words})}
    cleaning = {**recipe.clean_lines, **file.clean_lines}
    recipe = replace(
        recipe,
        stop_words=words,
        clean_lines=cleaning,
        splitter=file.splitter or recipe.splitter,
        unspaced=file.unspaced or recipe.unspaced,
    )
    try:
        return recipe.changed(file.rules, file.languages)
    except ValueError as error:
        raise ConfigurationError([f"recipe {path}: {error}"]) from error


def _joined(recipes: Sequence[Recipe]) -> Recipe:
    rules = {name: rule for recipe in recipes for name, rule in recipe.rules.items()}
    words = {language: list_ for recipe in recipes for language, list_ in recipe.stop_words.items()}
    cleaning = {option: value for recipe in recipes for option, value in recipe.clean_lines.items()}
    splitters = [recipe.splitter for recipe in recipes if recipe.splitter]
    unspaced = [recipe.unspaced for recipe in recipes if recipe.unspaced]
    return Recipe(
        rules,
        words,
        cleaning,
        splitters[-1] if splitters else None,
        unspaced[-1] if unspaced else None,
    )


def _changed(name: str, rules: Mapping[str, Rule], change: RuleChange) -> Rule:
    """Return a rule with what is said changed in it. Raises ValueError where a new one lacks a signal."""
    rule = rules.get(name)
    signal = change.signal or (rule.signal if rule else None)
    bound = change.bound or (rule.bound if rule else None)
    if signal is None or bound is None:
        near = nearest(name, rules)
        hint = f"; did you mean '{near}'?" if near else ""
        raise ValueError(f"the recipe has no rule '{name}'{hint}; a new one needs a signal, and min or max")
    given = change.min if change.bound == "min" else change.max
    return Rule(
        name,
        signal,
        bound,
        rule.threshold if change.bound is None and rule else given,
        rule.languages if rule else {},
        change.follows if change.follows is not None else rule.follows if rule else "",
    )


def _complaints(path: Path, error: ValidationError) -> list[str]:
    return [
        f"recipe {path}: {'.'.join(map(str, details['loc']))}: {details['msg']}, seen {details['input']!r}"
        for details in error.errors()
    ]
