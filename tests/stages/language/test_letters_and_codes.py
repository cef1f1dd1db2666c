"""Letters in any case, codes that mean the same, scripts, mixed texts, and models that are none."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from prep.corpus.arrow.columns import string_array, string_buffers
from prep.corpus.arrow.documents import TEXT
from prep.corpus.errors import ConfigurationError
from prep.corpus.text.hashing import lower_table
from prep.stages.language.engines import NAMES, library_engine
from prep.stages.language.language import Language
from prep.stages.language.model import find_model, read_model
from prep.stages.language.script_kernels import SCRIPTS, find_scripts, fold_capitals, script_table
from prep.stages.language.serbo_croatian import standard
from prep.stages.quality.recipe import load_recipe
from prep.stages.shared.languages import related_codes
from prep.stages.stage import CheckContext
from prep.stages.verdicts import Outcome

CONTEXT = CheckContext(pa.schema([TEXT]), 1, frozenset())
ENGLISH = "The harbour was closed for repairs in the autumn, and the boats had to lie in the river until the spring."
HINDI = "बंदरगाह पतझड़ में मरम्मत के लिए बंद था और नावों को वसंत तक नदी में रहना पड़ा।"


def run(stage: Language, texts: list[str | None]) -> Outcome:
    return stage.open()(pa.record_batch({"text": pa.array(texts, TEXT.type)}))


def languages(texts: list[str]) -> list[str]:
    found: list[str] = run(Language(threshold=0), list(texts)).batch.column("language").to_pylist()
    return found


@pytest.mark.parametrize("fold", [str, str.lower, str.upper, str.title])
def test_capitals_change_no_language(fold: "type[str]") -> None:
    texts = [ENGLISH, "Der Hafen wurde im Herbst für Reparaturen geschlossen, die Boote lagen im Fluss.",
             "Гавань закрыли осенью на ремонт, и лодки стояли в реке до весны.",
             "Le port a été fermé pour travaux en automne, et les bateaux sont restés sur la rivière."]  # fmt: skip
    assert languages([fold(text) for text in texts]) == ["en", "de", "ru", "fr"]


def test_the_case_in_capitals_is_english(test_data: Path) -> None:
    rows = (test_data / "cases" / "text" / "capitals.jsonl").read_text().rstrip("\n").split("\n")
    assert languages([json.loads(row)["text"] for row in rows]) == ["en"] * len(rows)


def test_sentences_in_capitals_are_identified_like_others(test_data: Path) -> None:
    table = (
        pq.read_table(test_data / "language" / "sentences.parquet").slice(0, 15_000).take(list(range(0, 15_000, 25)))
    )
    name = next(each for each in table.column_names if each != "language")
    texts, right = table.column(name).to_pylist(), table.column("language").to_pylist()

    def accuracy(texts: list[str]) -> float:
        return float(np.mean([mine == label for mine, label in zip(languages(texts), right, strict=True)]))

    assert accuracy([text.upper() for text in texts]) > accuracy(texts) - 0.02


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(st.sampled_from("aBÉßЖжÑ中İ ꙁȺ1.😀")), max_size=4))
def test_folding_is_that_of_the_slow_reference_implementation(texts: list[str]) -> None:
    lower = lower_table()

    def slow(text: str) -> str:
        folded = "".join(chr(lower[ord(one)]) for one in text)
        capitals = sum(one != two for one, two in zip(text, folded, strict=True))
        return folded if capitals > 0.15 * len(regex.findall(r"\p{L}", text)) else text

    column = pa.array(texts, pa.large_string())
    folded = string_array(*fold_capitals(*string_buffers(column), script_table(), lower, 0.15))
    assert folded.to_pylist() == [slow(text) for text in texts]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(st.sampled_from("abжあア中한ก1 .")), max_size=4))
def test_scripts_are_those_of_the_slow_reference_implementation(texts: list[str]) -> None:
    def slow(text: str) -> tuple[str, float, int]:
        counts = {
            name: len(regex.findall(rf"[\p{{Script={name}}}&&\p{{L}}]", text, flags=regex.V1)) for name in SCRIPTS[1:-2]
        }
        total = sum(counts.values())
        kana = counts["Hira"] + counts["Kana"]
        counts |= {"Jpan": 0, "Kore": 0}
        if kana and kana >= 0.02 * (kana + counts["Hani"]):
            counts |= {"Jpan": kana + counts["Hani"], "Hani": 0, "Hira": 0, "Kana": 0}
        elif counts["Hang"] > counts["Hani"]:
            counts |= {"Kore": counts["Hang"] + counts["Hani"], "Hani": 0, "Hang": 0}
        best = max(SCRIPTS[1:], key=lambda name: counts[name])
        return (best, counts[best] / total, total) if total else ("Zyyy", np.nan, 0)

    found, shares, letters = find_scripts(*string_buffers(pa.array(texts, pa.large_string())), script_table())
    seen = list(zip([SCRIPTS[number] for number in found], shares.tolist(), letters.tolist(), strict=True))
    assert repr(seen) == repr([slow(text) for text in texts])


def test_script_is_a_column() -> None:
    texts = [ENGLISH, HINDI, "これは日本語です", "漢字", "한국어 문장", "Привет", "12", None]
    found = run(Language(threshold=0), texts).batch.column("script").to_pylist()
    assert found == ["Latn", "Deva", "Jpan", "Hani", "Kore", "Cyrl", None, None]


@pytest.mark.parametrize(
    ("code", "same", "other"),
    [
        ("arb_Arab", "ar", "arz"),
        ("cmn", "zh", "yue"),
        ("zho_Hani", "zh", "wuu"),
        ("pes", "fa", "prs"),
        ("nob", "no", "nn"),
        ("hbs", "sr", "sl"),
        ("hr", "hbs", "sr"),
        ("eng_Latn", "en", "sco"),
        ("zsm", "ms", "id"),
        ("ekk", "et", "fi"),
    ],
)
def test_codes_of_one_language_are_related(code: str, same: str, other: str) -> None:
    assert same in related_codes(code)
    assert other not in related_codes(code)


@pytest.mark.parametrize("code", ["fr", "fra", "fra_Latn", "fr-Latn", "fre"])
def test_thresholds_of_recipes_apply_to_every_code_of_a_language(code: str) -> None:
    rule = load_recipe("fineweb2").rules["line_punct_ratio"]
    assert rule.threshold_for(code) == rule.languages["fr"] == 0.1


def test_serbo_croatian_is_told_apart_by_script_and_words() -> None:
    assert standard("Дечак је дошао", "Cyrl") == "sr"
    assert standard("Tko je došao ovaj tjedan u kazalište, pitao se redatelj.", "Latn") == "hr"
    assert standard("Šta je ko rekao i gde je posle dve nedelje.", "Latn") == "sr"
    assert standard("Kahva se pije polahko, lahko je to.", "Latn") == "bs"
    assert standard("Dan je bio dug.", "Latn") is None


def test_codes_that_users_write_are_kept() -> None:
    rules = run(Language(keep=("eng",), threshold={"eng": 0.2}), [ENGLISH, HINDI]).verdicts
    assert rules is not None
    assert rules.rule.to_pylist() == [None, "language"]
    assert not list(Language(keep=("arb", "cmn", "nob", "pes", "srp")).problems(CONTEXT))


def test_mixed_texts_show_the_share_of_their_language() -> None:
    mixed = "\n".join([HINDI, ENGLISH, ENGLISH, HINDI, HINDI, HINDI])
    outcome = run(Language(threshold=0, min_share=0.9), [HINDI, mixed, f"{ENGLISH}\nShort\nनया", "", None])
    shares = outcome.batch.column("language_share").to_pylist()
    assert shares[0] == 1
    assert 0.3 < shares[1] < 0.8
    assert 0.9 < shares[2] < 1
    assert shares[3:] == [None, None]
    assert outcome.verdicts is not None
    assert outcome.verdicts.rule.to_pylist()[:3] == [None, "language_share", None]
    assert outcome.batch.column("script_share").to_pylist()[0] == 1
    assert outcome.batch.schema.equals(Language(min_share=0.9).output_schema(pa.schema([TEXT])))


def damaged(tmp_path: Path, change: "object") -> str:
    path = tmp_path / "model.ftz"
    data = bytearray(Path(find_model("")).read_bytes())
    assert callable(change)
    path.write_bytes(change(data))
    return str(path)


def overwrite(at: int, count: int) -> object:
    def change(data: bytearray) -> bytes:
        data[at : at + count] = b"\xff" * count
        return bytes(data)

    return change


@pytest.mark.parametrize(
    "change",
    [
        overwrite(500_000, 50),
        overwrite(100, 50),
        overwrite(930_000, 50),
        overwrite(12, 4),
        lambda data: bytes(data[:-1]),
        lambda data: bytes(data[: len(data) // 2]),
        lambda data: bytes(data) + b"more",
    ],
)
def test_damaged_models_are_refused_by_name(tmp_path: Path, change: object) -> None:
    path = damaged(tmp_path, change)
    with pytest.raises(ConfigurationError, match=r"model\.ftz"):
        read_model(path)
    (problem,) = Language(model=path).problems(CONTEXT)
    assert problem.field == ("model",)


def test_a_model_of_another_kind_is_refused_by_name(tmp_path: Path) -> None:
    import fasttext

    (tmp_path / "text.txt").write_text("__label__good a fine text\n__label__bad buy now\n" * 5)
    path = str(tmp_path / "judge.bin")
    fasttext.train_supervised(str(tmp_path / "text.txt"), dim=4, bucket=100, thread=1, verbose=0).save_model(path)
    with pytest.raises(ConfigurationError, match=r"judge\.bin' is a fastText model of another kind: its labels \("):
        read_model(path)


@pytest.mark.parametrize("name", NAMES)
def test_engines_by_name_give_the_same_columns(name: str) -> None:
    try:
        library_engine(name)
    except ConfigurationError as error:
        (problem,) = Language(model=name).problems(CONTEXT)
        assert "pip install" in problem.message
        pytest.skip(str(error))
    batch, verdicts = run(
        Language(model=name, keep=("en", "hi"), threshold=0.3), [ENGLISH, ENGLISH.upper(), HINDI, "", None]
    )
    assert batch.column("language").to_pylist() == ["en", "en", "hi", None, None]
    assert batch.schema.equals(Language().output_schema(pa.schema([TEXT])))
    assert verdicts is not None
    assert verdicts.rule.to_pylist() == [None, None, None, "language_score", "language_score"]
