"""Languages written by their names, or in capitals, where a code is expected."""

from dataclasses import replace

import pyarrow as pa
import pytest
from pydantic import ValidationError

from prep.stages.language.language import Language
from prep.stages.quality.recipe import LanguageChange, load_recipe
from prep.stages.read.crawl.options import CommonCrawl
from prep.stages.sampling.sample import Sample
from prep.stages.shared.language_names import language_hint
from prep.stages.stage import CheckContext
from prep.stages.tokenizer.tokenizer import TrainTokenizer


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("English", "en"),
        ("german", "de"),
        ("Deutsch", "de"),
        ("français", "fr"),
        ("русский", "ru"),
        ("中文", "zh"),
        ("Norwegian Bokmål", "nb"),
        ("Portugese", "pt"),
        (" Danish ", "da"),
        ("EN", "en"),
    ],
)
def test_the_code_is_named(given: str, code: str) -> None:
    assert language_hint(given) == f"did you mean {code!r}?"


@pytest.mark.parametrize("given", ["", "qwx", "nothing at all", "7"])
def test_what_is_no_name_gets_no_hint(given: str) -> None:
    assert language_hint(given) == ""


def test_where_a_model_has_codes_of_its_own_one_of_these_is_named() -> None:
    assert language_hint("Chinese", ["cmn_Hani", "eng_Latn"]) == "did you mean 'cmn_Hani'?"
    assert language_hint("Danish", ["cmn_Hani", "eng_Latn"]) == ""


def test_options_that_take_languages_name_the_code() -> None:
    with pytest.raises(ValidationError, match=r"'Danish' is none; did you mean 'da'\?"):
        CommonCrawl(crawl="CC-MAIN-2026-40", languages=("Danish",))
    with pytest.raises(ValueError, match=r"'Deutsch' is no language; did you mean 'de'\?"):
        load_recipe("gopher").changed({}, {"Deutsch": LanguageChange(rules={"short_doc": 40})})
    sample = Sample.model_validate({"buckets": [{"language": ["de", "Czech"], "weight": 0}]})
    (problem, *_) = sample.problems(CheckContext(pa.schema([]), 0, frozenset()))
    assert problem.hint == "did you mean 'cs'?"
    identified = CheckContext(pa.schema({"text": pa.large_string(), "language": pa.string()}), 1 << 30, frozenset())
    weights = TrainTokenizer.model_validate({"language_weights": {"Danish": 2, "de": 1}})
    assert list(weights.problems(identified)) == []  # languages of the input may be called anything
    (problem,) = weights.problems(replace(identified, upstream=(Language(),)))
    assert str(problem) == "'Danish' is no language; did you mean 'da'?"
