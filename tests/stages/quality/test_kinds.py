"""Recipes for what is no web page keep what Gopher's thresholds take for bad."""

import json
import sysconfig
from pathlib import Path

import numpy as np
import pytest

from prep.stages.quality.recipe import load_recipe
from prep.stages.quality.signals.signals import Signals

from .conftest import documents, judged

PLACES = (
    "northern southern eastern western coastal inland urban rural first second third fourth older younger larger "
    "smaller paired pooled trimmed weighted"
).split()


def kept(recipe: str, texts: list[str]) -> float:
    rules = list(load_recipe(recipe).rules.values())
    return float(np.mean(judged([Signals(recipe=recipe)], rules, documents(texts)).first < 0))


@pytest.mark.parametrize("recipe", ["books", "papers", "reference", "code", "forum"])
def test_the_recipes_say_what_they_keep(recipe: str) -> None:
    loaded = load_recipe(recipe)
    assert loaded.splitter == "unicode"
    assert 20 < len(loaded.rules) <= len(load_recipe("gopher").rules)


def test_source_code_is_kept_by_the_recipe_for_code() -> None:
    library = Path(sysconfig.get_paths()["stdlib"])
    texts = [path.read_text("utf-8", errors="replace") for path in sorted(library.glob("*.py"))]
    texts = [text for text in texts if 1_000 < len(text) < 60_000]
    assert len(texts) > 50
    assert kept("code", texts) > 0.9
    assert kept("gopher", texts) < 0.3


def test_articles_with_formulas_and_tables_are_kept_by_the_recipe_for_papers() -> None:
    sentences = [
        f"We fit model {number} to the {noun} of the {place} sample and compare its deviance with that of the others."
        for number, (noun, place) in enumerate(
            zip("weights heights ages scores times".split() * 4, PLACES, strict=True)
        )
    ]
    formulas = [f"β {n} = ( X ⊤ X ) − 1 X ⊤ y + λ {n} ‖ w ‖ 2 2 , σ 2 = 0.{n} ( {n} )" for n in range(20)]
    tables = [f"{n} 0.{n}31 1.{n}7 2.{n}4 − 0.0{n} < 0.001 ∗ ∗" for n in range(20)]
    article = "\n".join(line for lines in zip(sentences, formulas, tables, strict=True) for line in lines)
    assert kept("papers", [article]) == 1
    assert kept("gopher", [article]) == 0


def test_books_are_kept_whole_and_in_pieces(test_data: Path) -> None:
    books = [path.read_text("utf-8", errors="replace") for path in sorted((test_data / "books").glob("*.txt"))]
    assert kept("books", [*books, *(book[5_000:25_000] for book in books)]) > 0.95


@pytest.mark.parametrize("kind", ["forum", "documentation"])
def test_labelled_pages_of_the_kind_are_kept(test_data: Path, kind: str) -> None:
    rows = map(json.loads, (test_data / "web" / "gold.jsonl").read_text().split("\n")[:-1])
    texts = [row["text"] for row in rows if row["page_type"] == kind and len(row["text"]) > 300]
    assert kept("reference" if kind == "documentation" else kind, texts) > 0.9
