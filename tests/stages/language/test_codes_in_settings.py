"""Settings by language apply to every code of the language, in every stage; codes of no language are refused."""

from pathlib import Path

import pyarrow as pa
import pytest

from prep.stages.perplexity.perplexity import Perplexity
from prep.stages.quality.recipe import LanguageChange, load_recipe
from prep.stages.sampling.sample import Sample
from prep.stages.shared.languages import canonical_code
from prep.stages.stage import CheckContext

CONTEXT = CheckContext(pa.schema({"id": pa.string(), "text": pa.string(), "language": pa.string()}), 0, frozenset())


@pytest.mark.parametrize(
    ("setting", "code"),
    [
        *[("zh", "cmn_Hani"), ("cmn", "zh"), ("ar", "arb"), ("nob", "no"), ("fa", "pes")],
        *[
            ("iw", "he"),
            ("he", "iw"),
            ("in", "ind_Latn"),
            ("ji", "yid"),
            ("mo", "ro"),
            ("mol", "ron_Latn"),
            ("jw", "jv"),
        ],
        *[("sh", "srp_Cyrl"), ("scc", "sr"), ("tl", "fil"), ("fil", "tgl_Latn"), ("chi", "zh-Hant"), ("ger", "DE")],
        *[("eng_Latn", "en"), ("en-Latn", "eng"), ("srp_Cyrl", "sr-Cyrl")],
    ],
)
def test_changed_thresholds_apply_to_every_code(setting: str, code: str) -> None:
    change = LanguageChange(rules={"short_doc": 7}, stop_words=("abc",))
    recipe = load_recipe("fineweb2").changed({}, {setting: change})
    assert recipe.rules["short_doc"].threshold_for(code) == 7
    assert recipe.stop_words_for(code) == ("abc",)


def test_a_script_that_is_usual_may_be_said() -> None:
    for setting, code in (("cmn_Hani", "zh"), ("kor_Hang", "ko"), ("jpn_Jpan", "ja"), ("arb_Arab", "ar")):
        recipe = load_recipe("gopher").changed({}, {setting: LanguageChange(rules={"short_doc": 7})})
        assert recipe.rules["short_doc"].threshold_for(code) == 7


@pytest.mark.parametrize(
    ("setting", "code"),
    [("sr-Cyrl", "sr-Latn"), ("sr-Cyrl", "sr"), ("zh", "yue"), ("ar", "ary"), ("hr", "sr"), ("nn", "nb")],
)
def test_a_change_applies_to_no_other_language(setting: str, code: str) -> None:
    recipe = load_recipe("gopher").changed({}, {setting: LanguageChange(rules={"short_doc": 7})})
    assert recipe.rules["short_doc"].threshold_for(code) == 50


def test_a_language_that_there_is_not_is_refused_with_its_code() -> None:
    with pytest.raises(ValueError, match="'xq' is no language"):
        load_recipe("gopher").changed({}, {"xq": LanguageChange(rules={"short_doc": 7})})
    for code in ("EN", "Zh", "sr-cyrl", "srp_CYRL"):
        with pytest.raises(ValueError, match=f"'{code}' is no language"):
            load_recipe("gopher").changed({}, {code: LanguageChange(rules={"short_doc": 7})})
    sample = Sample.model_validate({"buckets": [{"language": ["de", "germna"], "weight": 0}]})
    assert "'germna' is no language; expected a code of ISO 639" in str(next(iter(sample.problems(CONTEXT))))


def test_samples_by_language_take_every_code() -> None:
    sample = Sample.model_validate({"buckets": [{"language": "zh", "weight": 0}, {"language": ["no"], "weight": 2}]})
    codes = ["zh", "cmn", "cmn_Hani", "yue", "nb", "no", None, "de"]
    batch = pa.record_batch({"id": [str(n) for n in range(8)], "language": codes})
    verdicts = sample.open()(batch).verdicts
    assert verdicts is not None
    assert verdicts.rule.to_pylist() == ["thinned"] * 3 + [None] * 5
    assert verdicts.copies is not None
    assert verdicts.copies.tolist() == [1, 1, 1, 1, 2, 2, 1, 1]


def test_references_are_for_every_code(tmp_path: Path) -> None:
    for name in ("zh", "rest"):
        (tmp_path / f"{name}.txt").write_text("the sea is wide and the land is green\n" * 3)
    paths = {"zh": {"paths": str(tmp_path / "zh.txt")}, "*": {"paths": str(tmp_path / "rest.txt")}}
    stage = Perplexity.model_validate({"references": paths, "max_perplexity": {"zh": 0.001}})
    texts = ["the sea is wide"] * 4
    batch = pa.record_batch({"text": pa.array(texts, pa.large_string()), "language": ["cmn", "zh", "de", None]})
    verdicts = stage.open()(batch).verdicts
    assert verdicts is not None
    assert verdicts.rule.to_pylist() == ["high_perplexity", "high_perplexity", None, None]
    wrong = Perplexity.model_validate({"references": {"chinese": paths["zh"]}})
    assert "'chinese' is no language" in " ".join(str(problem) for problem in wrong.problems(CONTEXT))


def test_one_code_stands_for_a_language() -> None:
    assert [canonical_code(code) for code in ("cmn", "zho_Hani", "srp-Cyrl", "en")] == [
        "zh",
        "zh-Hani",
        "sr-Cyrl",
        "en",
    ]
