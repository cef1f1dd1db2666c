"""Recipes: those that are shipped, and how files and pipelines change them."""

from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from prep.corpus.errors import ConfigurationError
from prep.stages.quality.recipe import LanguageChange, RuleChange, load_recipe, shipped
from prep.stages.quality.rules import Rule, first_broken
from prep.stages.quality.signals.measures import BY_NAME


def write(folder: Path, text: str, name: str = "own.yaml") -> str:
    (folder / name).write_text(text)
    return str(folder / name)


def test_these_are_shipped_and_say_where_each_rule_comes_from() -> None:
    names = [
        "books",
        "c4",
        "code",
        "dclm",
        "dolma3",
        "fineweb",
        "fineweb2",
        "fineweb2_dictionary",
        "forum",
        "gopher",
        "papers",
        "reference",
    ]
    assert sorted(shipped()) == names
    for name in shipped():
        recipe = load_recipe(name)
        assert all(rule.follows and rule.signal in BY_NAME for rule in recipe.rules.values())


def test_published_thresholds() -> None:
    fineweb = {name: rule.threshold for name, rule in load_recipe("fineweb").rules.items()}
    assert fineweb == {
        "empty": 1,
        **{"dup_para_frac": 0.3, "dup_para_char_frac": 0.2, "dup_line_frac": 0.3, "dup_line_char_frac": 0.2},
        **{"top_2_gram": 0.2, "top_3_gram": 0.18, "top_4_gram": 0.16},
        **{"dup_5_gram": 0.15, "dup_6_gram": 0.14, "dup_7_gram": 0.13},
        **{"dup_8_gram": 0.12, "dup_9_gram": 0.11, "dup_10_gram": 0.1},
        **{"short_doc": 50, "long_doc": 100_000, "short_words": 3, "long_words": 10},
        **{"too_many_hashes": 0.1, "too_many_ellipses": 0.1, "too_many_bullets": 0.9, "too_many_end_ellipses": 0.3},
        **{"too_few_alphabetic_words": 0.8, "too_few_stop_words": 2},
        **{"lorem_ipsum": 0, "curly_bracket": 0, "too_few_sentences": 5},
        **{"no_lines": 1, "line_punct_ratio": 0.12, "short_line_ratio": 0.67, "char_dup_ratio": 0.01},
        "list_ratio": 0.3,
    }
    dolma = load_recipe("dolma3")
    assert set(load_recipe("dclm").rules) < set(dolma.rules)
    assert (dolma.rules["top_2_gram"].signal, dolma.rules["top_2_gram"].threshold) == ("dolma_top_2_gram", 0.2)


def test_thresholds_are_those_of_the_language_then_everyones() -> None:
    fineweb2 = load_recipe("fineweb2")
    rule = fineweb2.rules["long_words"]
    found = [rule.threshold_for(language) for language in ("fr", "de", "zh-Hant", "zh", "en", None)]
    assert found == [11, 15, 5, 5, None, None]
    assert fineweb2.rules["short_doc"].threshold_for("en") == 50
    assert "le" in fineweb2.stop_words["fr"]
    assert "" not in fineweb2.stop_words


def test_a_file_extends_changes_and_takes_out(tmp_path: Path) -> None:
    own = """
        extends: [gopher]
        stop_words: [og, i]
        rules:
          short_doc: {min: 60}
          long_doc: null
          long_texts: {signal: bytes, max: 1000, follows: me}
        languages:
          da: {stop_words: [at], rules: {short_doc: 40, long_texts: null}}
    """
    recipe = load_recipe(write(tmp_path, own))
    gopher = load_recipe("gopher")
    assert [*recipe.rules] == [name for name in gopher.rules if name != "long_doc"] + ["long_texts"]
    short = recipe.rules["short_doc"]
    assert (short.signal, short.bound, short.threshold, dict(short.languages)) == ("plain_words", "min", 60, {"da": 40})
    assert short.follows == gopher.rules["short_doc"].follows
    assert recipe.rules["long_texts"] == Rule("long_texts", "bytes", "max", 1000, {"da": None}, "me")
    assert recipe.stop_words == {"": ("og", "i"), "da": ("at",)}


def test_a_pipeline_changes_a_recipe_in_the_same_words() -> None:
    changes = {"long_words": None, "short_words": RuleChange(min=2), "few": RuleChange(signal="bytes", min=9)}
    recipe = load_recipe("gopher").changed(changes, {"fr": LanguageChange(rules={"short_words": 4})})
    assert "long_words" not in recipe.rules
    assert recipe.rules["short_words"].threshold_for("de") == 2
    assert recipe.rules["short_words"].threshold_for("fr") == 4
    assert recipe.rules["few"].threshold == 9


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rules: {a: {signal: byte, min: 1}}", "rules.a.signal: Value error, a signal: bytes, characters"),
        ("rules: {a: {signal: bytes}}", "the recipe has no rule 'a'; a new one needs a signal, and min or max"),
        ("rules: {a: {signal: bytes, min: 1, max: 2}}", "one of 'min' and 'max'"),
        ("rules: {a: null}", "rule 'a' is to be taken out, but there is none; there are"),
        ("languages: {fr: {rules: {a: 1}}}", "language 'fr' names an unknown rule 'a'; there are"),
        ("rule: {}", "rule: Extra inputs are not permitted"),
        ("extends: [nosuch]", "recipe nosuch: neither a file nor a recipe that is shipped; there are books, c4, code"),
        ("a: [", "cannot be read"),
    ],
)
def test_what_is_no_recipe_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_recipe(write(tmp_path, text))
    assert message in str(caught.value)


def test_a_recipe_that_extends_itself_is_refused(tmp_path: Path) -> None:
    write(tmp_path, f"extends: [{tmp_path}/b.yaml]", "a.yaml")
    write(tmp_path, f"extends: [{tmp_path}/a.yaml]", "b.yaml")
    with pytest.raises(ConfigurationError, match=r"extends itself: .*a\.yaml → .*b\.yaml → .*a\.yaml"):
        load_recipe(str(tmp_path / "a.yaml"))


def test_a_threshold_is_a_number() -> None:
    with pytest.raises(ValidationError):
        RuleChange(min="many")


def test_no_rule_rejects_what_is_not_defined_or_off() -> None:
    nan = np.nan
    rule = Rule("r", "bytes", "min", 5)
    assert rule.broken(np.array([4, 5, nan, 4]), np.array([5, 5, 5, nan])).tolist() == [True, False, False, False]
    rule = Rule("r", "bytes", "max", 5)
    assert rule.broken(np.array([5, 6, nan, 6]), np.array([5, 5, 5, nan])).tolist() == [False, True, False, False]


def test_the_first_broken_rule_is_named() -> None:
    broken = np.array([[False, True, False], [True, True, False]])
    assert first_broken(broken).tolist() == [1, 0, -1]
    assert first_broken(np.zeros((0, 2), np.bool_)).tolist() == [-1, -1]
