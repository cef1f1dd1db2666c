"""The stage that measures perplexity: references by language, limits, what is refused."""

from pathlib import Path

import orjson
import pyarrow as pa

from prep.stages.perplexity.ngram_model import NgramModel
from prep.stages.perplexity.perplexity import Perplexity
from prep.stages.stage import CheckContext

ENGLISH = ["the cat sat on the mat", "the dog sat on the log", "a cat and a dog"]
GERMAN = ["die katze sass auf der matte", "der hund sass auf dem baum"]


def references(folder: Path, *languages: str) -> dict[str, object]:
    found: dict[str, object] = {}
    for language in languages:
        path = folder / f"{language.replace('*', 'all')}.jsonl"
        path.write_bytes(b"\n".join(orjson.dumps({"text": text}) for text in (GERMAN if language == "de" else ENGLISH)))
        found[language] = {"paths": str(path)}
    return found


def batch(*rows: tuple[str | None, str | None]) -> pa.RecordBatch:
    texts, languages = zip(*rows, strict=True)
    return pa.record_batch({"text": pa.array(texts, pa.large_string()), "language": pa.array(languages, pa.string())})


def context(*columns: str) -> CheckContext:
    return CheckContext(pa.schema([(name, pa.string()) for name in columns]), 0, frozenset())


def expected(reference: list[str], text: str) -> float:
    model = NgramModel([pa.array(reference, pa.large_string())], 3, 1 << 20, "unicode")
    return float(model.perplexities(pa.array([text], pa.large_string()))[0])


def test_each_language_has_its_own_reference(tmp_path: Path) -> None:
    stage = Perplexity.model_validate({"references": references(tmp_path, "en", "de")})
    text = "the katze sat"
    documents = batch((text, "en"), (text, "de"), (text, "fr"), (text, None), ("...", "en"), (None, "de"))
    scored, verdicts = stage.open()(documents)
    assert scored.schema == stage.output_schema(documents.schema)
    values = scored.column("perplexity").to_pylist()
    assert values[:2] == [pa.scalar(expected(own, text), pa.float32()).as_py() for own in (ENGLISH, GERMAN)]
    assert values[2:] == [None] * 4
    assert verdicts is not None
    assert verdicts.rule.null_count == 6


def test_a_star_is_for_all_other_languages(tmp_path: Path) -> None:
    stage = Perplexity.model_validate({"references": references(tmp_path, "de", "*")})
    scored, _ = stage.open()(batch(("the cat", "fr"), ("the cat", None), ("the cat", "de")))
    values = scored.column("perplexity").to_pylist()
    assert values[0] == values[1] != values[2]
    alone = Perplexity.model_validate({"references": references(tmp_path, "*")})
    texts = batch(("the cat", None)).select(["text"])
    assert alone.open()(texts).batch.column("perplexity").to_pylist() == values[:1]
    assert list(alone.problems(context("text"))) == []


def test_limits_by_language(tmp_path: Path) -> None:
    settings = {"references": references(tmp_path, "en", "de"), "min_perplexity": {"en": 3}, "max_perplexity": 8}
    stage = Perplexity.model_validate(settings)
    documents = batch((ENGLISH[0], "en"), ("the dog on a mat", "en"), ("zzz", "en"), (GERMAN[0], "de"), ("zzz", "fr"))
    scored, verdicts = stage.open()(documents)
    assert verdicts is not None
    assert verdicts.rule.to_pylist() == ["low_perplexity", None, "high_perplexity", None, None]
    assert verdicts.value is not None
    value = verdicts.value[0].as_py()
    assert pa.scalar(value, pa.float32()).as_py() == scored.column("perplexity")[0].as_py() < 3


def test_what_cannot_work_is_found_before(tmp_path: Path) -> None:
    stage = Perplexity.model_validate({"references": references(tmp_path, "en"), "max_perplexity": {"de": 5}})
    assert [str(problem) for problem in stage.problems(context("text"))] == [
        "references are by language, but documents have none; put the stage 'language' before it, or give one "
        "reference, '*'",
        "no reference for 'de'; expected en",
    ]
    (tmp_path / "en.jsonl").unlink()
    found = list(
        Perplexity.model_validate({"references": {"en": {"paths": f"{tmp_path}/en.jsonl"}}}).problems(
            context("text", "language")
        )
    )
    assert [problem.field for problem in found] == [("references", "en", "paths")]


def test_the_place_of_a_reference_does_not_decide_the_result(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    one, two = (
        Perplexity.model_validate({"references": references(folder, "en")}) for folder in (tmp_path, tmp_path / "b")
    )
    assert one.identity() == two.identity()
    assert one.files().keys() == two.files().keys() == {"references.en.0"}
