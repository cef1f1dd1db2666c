"""Recipes fitted to a reference: what they keep of it, their stop words, and that the stages accept them."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import regex
from hypothesis import example, given, settings
from hypothesis import strategies as st

from prep.corpus.arrow.columns import string_buffers
from prep.corpus.errors import RunError
from prep.stages.quality.clean_lines import CleanLines
from prep.stages.quality.fitting import Texts, fit, stop_words
from prep.stages.quality.quality import Quality
from prep.stages.quality.recipe import load_recipe
from prep.stages.quality.signals.signals import Signals
from prep.stages.quality.words.frequency_kernels import count_occurrences
from prep.stages.quality.words.splitting import Words, WordSplitter, find_unspaced, tables, words_of
from prep.stages.stage import CheckContext

from .conftest import SPLITTERS, TEXTS, column, documents, verdicts


def reader(texts: list[str]) -> Texts:
    """Return a function that reads texts in two pieces."""

    def read() -> Iterator[pa.LargeStringArray]:
        yield pa.array(texts[: len(texts) // 2], pa.large_string())
        yield pa.array(texts[len(texts) // 2 :], pa.large_string())

    return read


@pytest.fixture(scope="module")
def pieces(test_data: Path) -> list[str]:
    """Pieces of books, of different lengths."""
    books = [path.read_text("utf-8", errors="replace") for path in sorted((test_data / "books").glob("*.txt"))]
    ends = [min(150_000, len(book) - 5_000) for book in books]
    return [
        book[at : at + 3_000 + at % 2_000]
        for book, end in zip(books, ends, strict=True)
        for at in range(20_000, end, 5_003)
    ]


@pytest.mark.parametrize("splitter", [*SPLITTERS, "spacy"])
@settings(max_examples=200, deadline=None)
@given(TEXTS)
@example([" ".join(f"a{number}" for number in range(3000)) + " a7 a2999"])
def test_occurrences_equal_those_of_the_reference_implementation(splitter: WordSplitter, texts: list[str]) -> None:
    data, offsets = string_buffers(column(texts))
    begins, ends, times = count_occurrences(
        data, offsets, tables(splitter), find_unspaced(data, offsets, Words(splitter, "spaces"))
    )
    found = [word for text in texts for word in words_of(text, splitter, "spaces") if regex.search(r"\p{L}", word)]
    counted = [bytes(data[begin:end]).decode() for begin, end in zip(begins, ends, strict=True)]
    assert list(zip(counted, times.tolist(), strict=True)) == list(Counter(found).items())


def test_stop_words_are_the_most_frequent_words(pieces: list[str]) -> None:
    found = stop_words(reader(pieces)(), Words("unicode"))
    assert {"the", "and", "of", "to", "a", "in"} <= set(found[:8])
    assert 8 <= len(found) <= 40
    assert all(regex.search(r"\p{L}", word) for word in found)


@pytest.mark.parametrize("recipe", ["gopher", "fineweb", "fineweb2", "dclm"])
@pytest.mark.parametrize("keep", [1.0, 0.9])
def test_the_recipe_keeps_the_share_that_was_asked_for(
    pieces: list[str], tmp_path: Path, recipe: str, keep: float
) -> None:
    base = load_recipe(recipe).changed({"curly_bracket": None} if recipe == "fineweb" else {})
    fitted = fit(reader(pieces), base, "en", keep, Words("spacy"))
    path = tmp_path / "en.yaml"
    path.write_text(fitted.as_yaml(recipe, ["books"], Words("spacy")))
    stage = Quality(recipe=str(path))
    before = [Signals(recipe=str(path)), *([CleanLines()] if recipe == "fineweb" else [])]
    schema = documents([], "en").schema
    for each in before:
        schema = each.output_schema(schema)
    assert list(stage.problems(CheckContext(schema, 0, frozenset(), tuple(before)))) == []
    rules = [rule for rule in stage.resolved.rules.values() if rule.name in base.rules]
    kept = np.mean([verdict is None for verdict in verdicts(before, rules, documents(pieces, "en"))])
    assert kept == pytest.approx(fitted.kept)
    assert keep <= kept < keep + 0.05


def test_the_same_reference_gives_the_same_recipe(pieces: list[str]) -> None:
    recipe = load_recipe("gopher")
    one = fit(reader(pieces), recipe, "en", 0.9, Words("unicode"))
    other = fit(lambda: iter([pa.array(pieces, pa.large_string())]), recipe, "en", 0.9, Words("unicode"))
    assert one == other


def test_counts_are_not_fitted_and_other_languages_stay(pieces: list[str], tmp_path: Path) -> None:
    fitted = fit(reader(pieces), load_recipe("fineweb2"), "eo", 0.95, Words("unicode"))
    assert "short_doc" not in fitted.thresholds
    assert "long_words" in fitted.thresholds
    (tmp_path / "eo.yaml").write_text(fitted.as_yaml("fineweb2", ["books"], Words("unicode")))
    recipe, base = load_recipe(str(tmp_path / "eo.yaml")), load_recipe("fineweb2")
    assert recipe.rules["long_words"].threshold_for("fr") == base.rules["long_words"].threshold_for("fr")
    assert recipe.rules["long_words"].threshold_for("eo") == fitted.thresholds["long_words"]
    assert recipe.stop_words["eo"] == fitted.stop_words
    assert recipe.splitter == "unicode"
    (problem,) = Quality(recipe=str(tmp_path / "eo.yaml")).problems(
        CheckContext(
            Signals().output_schema(documents([]).schema),
            0,
            frozenset(),
            (Signals(recipe=str(tmp_path / "eo.yaml"), splitter="whitespace"),),
        )
    )
    assert "were made for other words" in str(problem)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.text(st.sampled_from("ab .\n"), min_size=1), min_size=1, max_size=6), st.sampled_from([1.0, 0.5]))
def test_any_reference_is_kept_as_far_as_asked(texts: list[str], keep: float) -> None:
    recipe = load_recipe("gopher").changed(dict.fromkeys(("short_doc", "too_few_stop_words")))
    assert fit(reader(texts), recipe, "en", keep, Words("spacy")).kept >= keep


def test_what_cannot_be_fitted_is_said() -> None:
    with pytest.raises(RunError, match="the reference holds no document"):
        fit(reader([]), load_recipe("gopher"), "en", 0.9, Words("unicode"))
    with pytest.raises(RunError, match=r"'short_doc' alone rejects 100\.0%; lower --keep, or give a reference"):
        fit(reader(["One two three."]), load_recipe("gopher"), "en", 0.9, Words("unicode"))
