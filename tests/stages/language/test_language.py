"""Language identification: real sentences, verdicts, codes, and where the model is found."""

import shutil
from pathlib import Path

import fasttext
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prep.corpus.arrow.documents import TEXT
from prep.corpus.errors import ConfigurationError
from prep.stages.language import model as language_model
from prep.stages.language.codes import language_codes
from prep.stages.language.language import Language
from prep.stages.language.model import SHA256, VARIABLE, find_model
from prep.stages.shared.fasttext.file_format import read_classifier
from prep.stages.stage import CheckContext
from prep.stages.verdicts import Outcome

SENTENCES = {
    "en": "The ship had been at sea for three weeks when the wind finally turned.",
    "de": "Das Schiff war schon drei Wochen auf See, als der Wind sich endlich drehte.",
    "ru": "Корабль был в море уже три недели, когда ветер наконец переменился.",
    "ja": "風がようやく変わったとき、船はもう三週間も海に出ていた。",
}
CONTEXT = CheckContext(pa.schema([TEXT]), 1, frozenset())


def run(stage: Language, texts: list[str | None]) -> Outcome:
    return stage.open()(pa.record_batch({"text": pa.array(texts, TEXT.type)}))


def test_tags_every_document() -> None:
    batch, verdicts = run(Language(), list(SENTENCES.values()))
    assert batch.column("language").to_pylist() == list(SENTENCES)
    assert verdicts is not None
    assert verdicts.rule.null_count == 4
    assert all(0.65 <= score <= 1 for score in batch.column("language_score").to_pylist())
    assert batch.schema.equals(Language().output_schema(pa.schema([TEXT])))


def test_lines_are_read_as_one_text() -> None:
    lines = "The ship\nhad been\nat sea\r\nfor three weeks\n"
    batch, _ = run(Language(), [lines, lines.replace("\n", " ")])
    assert len(set(batch.column("language_score").to_pylist())) == 1


def test_other_languages_and_low_scores_are_rejected() -> None:
    batch, verdicts = run(Language(keep=("en", "ja"), threshold=0.2), [*SENTENCES.values(), "", None, "qw zx 12"])
    assert verdicts is not None
    rules = verdicts.rule.to_pylist()
    assert rules[:4] == [None, "language", "language", None]
    assert rules[4:6] == ["language_score", "language_score"], "no text has no language that one could be sure of"
    assert verdicts.detail is not None
    assert verdicts.detail.to_pylist()[:3] == ["en", "de", "ru"]
    high = run(Language(threshold=1.0), [SENTENCES["en"]]).verdicts
    assert high is not None
    assert high.rule.to_pylist() == ["language_score"]
    assert high.value is not None
    assert high.value.to_pylist() == [pytest.approx(batch.column("language_score")[0].as_py())]


def test_thresholds_by_language() -> None:
    verdicts = run(Language(threshold={"de": 1.0}), list(SENTENCES.values())).verdicts
    assert verdicts is not None
    assert verdicts.rule.to_pylist() == [None, "language_score", None, None]


def test_a_row_does_not_depend_on_its_batch() -> None:
    texts: list[str | None] = [*SENTENCES.values(), ""]
    whole, _ = run(Language(), texts)
    single = [run(Language(), [text]).batch for text in texts]
    assert pa.Table.from_batches([whole]).equals(pa.Table.from_batches(single).combine_chunks())


@pytest.mark.parametrize(
    ("stage", "place", "hint"),
    [
        (Language(keep=("en", "engl")), ("keep", 1), ""),
        (Language(keep=("pt-BR",)), ("keep", 0), "did you mean 'pt'?"),
        (Language(threshold={"deutsch": 0.3}), ("threshold", "deutsch"), ""),
        (Language(threshold={"zzzz": 0.3}), ("threshold", "zzzz"), "its codes are af, am, an,"),
        (Language(model="no/such.ftz"), ("model",), ""),
    ],
)
def test_unknown_codes_and_models_are_problems(stage: Language, place: tuple[object, ...], hint: str) -> None:
    (problem,) = stage.problems(CONTEXT)
    assert problem.field == place
    assert problem.hint.startswith(hint)


def test_a_file_that_is_no_model_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"not a model")
    (problem,) = Language(model=str(tmp_path / "model.bin")).problems(CONTEXT)
    assert "is no fastText classifier" in problem.message


def test_the_model_counts_by_content_not_by_place(tmp_path: Path) -> None:
    copy = shutil.copy(find_model(""), tmp_path / "copy.ftz")
    assert Language(model=str(copy)).identity() == Language().identity()
    assert Language(model=str(copy)).files() == {"model": str(copy)}


def test_where_the_model_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    carried = find_model("", {})
    cache = tmp_path / "cache" / language_model.FILE
    monkeypatch.setattr(language_model, "_cached", lambda: cache)
    assert find_model("", {}) != str(cache)
    cache.parent.mkdir()
    cache.write_bytes(b"cut off")
    assert find_model("", {}) != str(cache), "a damaged file in the cache is passed over"
    shutil.copy(carried, cache)
    assert find_model("", {}) == str(cache)
    other = shutil.copy(carried, tmp_path / "other.ftz")
    assert find_model("", {VARIABLE: str(other)}) == str(other)
    assert find_model(carried, {VARIABLE: str(other)}) == carried
    with pytest.raises(ConfigurationError, match=rf"{VARIABLE}: no file 'nowhere'; pip install"):
        find_model("", {VARIABLE: "nowhere"})


def test_a_download_is_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache, origin = tmp_path / "cache.ftz", tmp_path / "origin.ftz"
    model = Path(find_model("", {})).read_bytes()
    monkeypatch.setattr(language_model, "_cached", lambda: cache)
    monkeypatch.setattr(language_model, "CARRIERS", {})
    monkeypatch.setattr(language_model, "URL", str(origin))
    with pytest.raises(ConfigurationError, match=r"cannot be fetched \(FileNotFoundError\); pip install"):
        find_model("", {})
    origin.write_bytes(model[:-1])
    with pytest.raises(ConfigurationError, match=rf"expected SHA-256 {SHA256}, seen "):
        find_model("", {})
    assert not cache.exists()
    origin.write_bytes(model)
    assert find_model("", {}) == str(cache)
    assert cache.read_bytes() == model


def test_real_sentences_in_their_languages(test_data: Path) -> None:
    table = pq.read_table(test_data / "language" / "sentences.parquet")
    text = next(name for name in table.column_names if name != "language")
    batch, _ = run(Language(), table.column(text).to_pylist())
    found, expected = batch.column("language").to_pylist(), table.column("language").to_pylist()
    right = sum(mine == label for mine, label in zip(found, expected, strict=True))
    assert right / len(found) > 0.75, "single sentences in 75 languages, some of which the model does not know"


def test_labels_of_other_models_become_codes(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text(
        "\n".join(f"__label__{label} {text}" for label, text in zip(LABELS, SENTENCES.values(), strict=True)) + "\n"
    )
    options = {"epoch": 200, "lr": 1.0, "minn": 2, "maxn": 3, "dim": 8, "bucket": 5000, "thread": 1, "verbose": 0}
    path = str(tmp_path / "model.bin")
    fasttext.train_supervised(str(tmp_path / "text.txt"), **options).save_model(path)
    batch, verdicts = run(Language(model=path, keep=("en", "deu-Latf")), list(SENTENCES.values()))
    assert batch.column("language").to_pylist() == ["en", "de-Latn", "de-Latf", "ja"]
    assert verdicts is not None
    assert [rule is None for rule in verdicts.rule.to_pylist()] == [True, False, True, False]
    problems = list(Language(model=path, keep=("en", "de-Cyrl")).problems(CONTEXT))
    assert [problem.field for problem in problems] == [("keep", 1)]


LABELS = ("eng_Latn", "deu_Latn", "deu_Latf", "jpn_Jpan")


@pytest.mark.parametrize(
    ("labels", "codes"),
    [
        (("en", "als", "sh", "nah", "zh"), ("en", "gsw", "sh", "nah", "zh")),
        (("eng", "als", "hbs", "ckb"), ("en", "gsw", "hbs", "ckb")),
        (("als_Latn", "arb_Arab", "cmn_Hani"), ("als", "arb", "cmn")),
        (("srp_Cyrl", "srp_Latn", "zho_Hans", "zho_Hant"), ("sr-Cyrl", "sr-Latn", "zh-Hans", "zh-Hant")),
        (("und_Zzzz", "not a code", "x1y"), ("und", "not a code", "x1y")),
    ],
)
def test_codes(labels: tuple[str, ...], codes: tuple[str, ...]) -> None:
    assert language_codes(labels) == codes


def test_codes_of_the_published_model_are_all_different() -> None:
    labels = read_classifier(find_model("")).labels
    assert len(set(language_codes(labels))) == len(labels) == 176
