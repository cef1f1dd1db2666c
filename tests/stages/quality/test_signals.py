"""The stage that measures: its column, stop words by language, and what it refuses."""

from pathlib import Path

import pyarrow as pa
import pytest
from pydantic import ValidationError

from prep.corpus.arrow.documents import TEXT
from prep.stages.quality.signals.measures import MEASURES, measured
from prep.stages.quality.signals.signals import Signals
from prep.stages.stage import CheckContext

from .conftest import documents, run

CONTEXT = CheckContext(pa.schema([TEXT]), 0, frozenset())


def signals(stage: Signals, batch: pa.RecordBatch) -> list[dict[str, float | None]]:
    rows: list[dict[str, float | None]] = run([stage], batch).column("signals").to_pylist()
    return rows


def test_each_signal_is_a_field() -> None:
    batch = run([Signals()], documents(["One two.", ""]))
    assert measured(batch.schema) == {measure.name for measure in MEASURES}
    first, empty = batch.column("signals").to_pylist()
    assert (first["words"], first["plain_words"], first["mean_word_length"]) == (3, 2, 3.0)
    assert (empty["words"], empty["mean_word_length"], empty["bytes"]) == (0, None, 0)


def test_stop_words_are_those_of_the_language() -> None:
    texts = ["le chat et the dog", "le chat et the dog"]
    stage = Signals(recipe="fineweb2")
    assert [row["stop_words"] for row in signals(stage, documents(texts, "fr"))] == [2, 2]
    assert [row["stop_words"] for row in signals(stage, documents(texts, "en"))] == [None, None]
    assert [row["stop_words"] for row in signals(stage, documents(texts))] == [None, None]
    assert [row["stop_words"] for row in signals(Signals(), documents(texts, "fr"))] == [1, 1]
    mixed = documents(texts).append_column("language", pa.array(["fr-Latn", None]))
    assert [row["stop_words"] for row in signals(stage, mixed)] == [2, None]


def test_stop_words_are_compared_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("stop_words: [und, été, der]")
    texts = ["und der", "Und der", "une été und", "ete und"]
    found = signals(Signals(recipe=str(tmp_path / "own.yaml")), documents(texts))
    assert [row["stop_words"] for row in found] == [2, 1, 2, 1]
    assert [row["dclm_stop_words"] for row in found] == [2, 2, 2, 1]


def test_null_text_counts_as_empty_and_small_offsets_work() -> None:
    batch = pa.record_batch({"text": pa.array([None, "One two three."], pa.string())})
    assert [row["words"] for row in signals(Signals(), batch)] == [0, 4]
    assert signals(Signals(), batch.slice(0, 0)) == []


def test_stop_words_that_the_splitter_never_gives_are_problems(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("""stop_words: [the, in fact, "d'"]""")
    seen = [problem.seen for problem in Signals(recipe=str(tmp_path / "own.yaml")).problems(CONTEXT)]
    assert seen == ["'in' and 'fact'", "'d' and \"'\""]
    (problem,) = Signals(recipe="nosuch").problems(CONTEXT)
    assert "neither a file nor a recipe that is shipped" in problem.message


@pytest.mark.parametrize("name", ["gopher", "c4", "fineweb", "fineweb2", "dclm", "dolma3"])
def test_shipped_recipes_have_stop_words_that_are_words(name: str) -> None:
    assert list(Signals(recipe=name).problems(CONTEXT)) == []


def test_the_stop_words_decide_and_not_the_recipes_name() -> None:
    assert Signals(recipe="gopher").identity() == Signals(recipe="fineweb").identity()
    assert Signals(recipe="gopher").identity() != Signals(recipe="fineweb2").identity()


def test_bounds_are_checked() -> None:
    with pytest.raises(ValidationError, match="unicode"):
        Signals(splitter="words")
    with pytest.raises(ValidationError, match="greater than or equal to 1"):
        Signals(short_line=0)
