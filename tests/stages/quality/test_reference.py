"""References that cannot carry a fit are refused, with what is wrong; documents in other languages are left out."""

from collections.abc import Sequence

import pyarrow as pa
import pytest

from prep.corpus.errors import RunError
from prep.stages.quality.quality import Quality
from prep.stages.quality.reference import FEWEST_DOCUMENTS, check_reference, own_texts
from prep.stages.quality.signals.signals import Signals
from prep.stages.quality.words.splitting import Words

DANISH = [f"Havnen blev lukket i efteråret nummer {number}, og bådene lå i åen. " * 25 for number in range(120)]
GERMAN = [f"Der Hafen wurde im Herbst {number} geschlossen, die Boote lagen im Fluss. " * 25 for number in range(120)]


def batch(texts: list[str], languages: Sequence[str | None] | None = None, column: str = "language") -> pa.RecordBatch:
    columns: dict[str, pa.Array] = {"text": pa.array(texts, pa.large_string())}
    if languages is not None:
        columns[column] = pa.array(languages, pa.string())
    return pa.record_batch(columns)


def by_words(texts: pa.LargeStringArray) -> list[str | None]:
    return ["da" if "Havnen" in text else "de" for text in texts.to_pylist()]


def check(batches: list[pa.RecordBatch], language: str = "da") -> None:
    check_reference(batches, language, Words("unicode"), by_words)


def test_a_reference_of_one_language_is_taken() -> None:
    check([batch(DANISH[:60]), batch(DANISH[60:])])
    check([batch(DANISH)], "dan_Latn")


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (DANISH[:10], r"too small: 10 documents of .* words in all"),
        ([text[:20] for text in DANISH], r"too small: 120 documents of "),
        ([], r"too small: 0 documents"),
        (DANISH[:60] + DANISH[:60], r"repeats itself: 60 of its 120 documents are copies"),
        (DANISH[:60] + GERMAN[:60], r"not in 'da' alone: 50% of its documents are, the others are 60 × de"),
        (GERMAN, r"not in 'da' alone: 0% of its documents"),
    ],
)
def test_a_reference_that_carries_no_fit_is_refused(texts: list[str], message: str) -> None:
    with pytest.raises(RunError, match=message):
        check([batch(texts)])


def test_documents_that_are_half_in_another_language_are_refused() -> None:
    mixed = [f"{own}\n{own}\n{other}" for own, other in zip(DANISH, GERMAN, strict=True)]
    with pytest.raises(RunError, match=r"3\d% of their text stands in lines of other languages \(3\d% de\)"):
        check([batch(mixed, ["da"] * 120)])
    check([batch([f"{own}\n{own}\nKort sagt: Hafen" for own in DANISH])])


@pytest.mark.parametrize("column", ["language", "declared_language"])
def test_documents_in_other_languages_are_left_out_by_their_column(column: str) -> None:
    both = batch(DANISH + GERMAN, ["dan"] * 120 + ["de"] * 120, column)
    check([both])
    (texts,) = own_texts([both], "da")
    assert texts.to_pylist() == DANISH
    with pytest.raises(RunError, match=r"no document in 'fr'; 120 × dan, 120 × de are in other languages"):
        check([both], "fr")
    few = batch(DANISH + GERMAN, ["da"] * 50 + ["de"] * 190, column)
    with pytest.raises(RunError, match=f"too small: 50 documents.* where a fit takes {FEWEST_DOCUMENTS}"):
        check([few])


def test_documents_that_say_nothing_are_identified() -> None:
    with pytest.raises(RunError, match=r"not in 'da' alone"):
        check([batch(DANISH + GERMAN, ["da"] * 120 + [None] * 120)])


def test_the_recipe_of_quality_is_implied_for_signals() -> None:
    quality = Quality(recipe="fineweb2")
    assert Signals().implied_by([quality]) == Signals(recipe="fineweb2")
    assert Signals(recipe="dclm").implied_by([quality]) == Signals(recipe="dclm")
    assert Signals(short_line=9).implied_by([quality]) == Signals(recipe="fineweb2", short_line=9)
    assert Signals().implied_by([]) == Signals()
    assert Signals().implied_by([Quality(recipe="no/such.yaml")]) == Signals()
