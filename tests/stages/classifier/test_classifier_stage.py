"""The stage that scores documents with a trained classifier, against fastText itself."""

from pathlib import Path

import fasttext
import pyarrow as pa
import pytest

from prep.stages.classifier.classifier import ClassifierStage
from prep.stages.shared.fasttext.file_format import LABEL
from prep.stages.stage import CheckContext

SEA = ["the waves roll and the sail is full", "a ship goes down in the storm"]
TOWN = ["lamps are lit along the street", "the market bell rings at noon"]
CONTEXT = CheckContext(pa.schema({"text": pa.large_string()}), 0, frozenset())


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("classifier")
    lines = [f"{LABEL}{label} {text}" for label, texts in (("sea", SEA), ("town", TOWN)) for text in texts] * 50
    (folder / "lines.txt").write_text("\n".join(lines) + "\n")
    trained = fasttext.train_supervised(
        str(folder / "lines.txt"), dim=8, epoch=5, minCount=1, thread=1, wordNgrams=2, bucket=500, verbose=0
    )
    trained.save_model(str(folder / "model.bin"))
    return str(folder)


def batch(texts: list[str | None]) -> pa.RecordBatch:
    return pa.record_batch({"text": pa.array(texts, pa.large_string())})


def test_scores_are_the_library_s(model: str) -> None:
    stage = ClassifierStage(model=model, label="sea", column="sea")
    scored, verdicts = stage.open()(batch([*SEA, *TOWN]))
    assert verdicts is None
    assert scored.schema == stage.output_schema(batch([]).schema)
    library = fasttext.FastText._FastText(f"{model}/model.bin").f
    for text, score in zip([*SEA, *TOWN], scored.column("sea").to_pylist(), strict=True):
        theirs = {label: share for share, label in library.predict(text + "\n", 2, 0.0, "strict")}
        assert score == pytest.approx(theirs[f"{LABEL}sea"], abs=2e-5)


def test_documents_below_the_score_are_rejected(model: str) -> None:
    stage = ClassifierStage(model=f"{model}/model.bin", label="sea", min_score=0.5)
    scored, verdicts = stage.open()(batch([SEA[0], TOWN[0], TOWN[1]]))
    assert verdicts is not None
    assert verdicts.rule.to_pylist() == [None, "classifier_score", "classifier_score"]
    assert verdicts.value is not None
    assert verdicts.value.to_pylist()[1:] == scored.column("classifier_score").to_pylist()[1:]


def test_what_cannot_work_is_found_before(model: str, tmp_path: Path) -> None:
    (problem,) = ClassifierStage(model=model).problems(CONTEXT)
    assert "does not know the label 'positive'; expected one of sea, town" in str(problem)
    (problem,) = ClassifierStage(model=str(tmp_path / "none")).problems(CONTEXT)
    assert "train one: prep classifier train" in str(problem)
    (tmp_path / "other.bin").write_bytes(b"something else")
    (problem,) = ClassifierStage(model=str(tmp_path / "other.bin")).problems(CONTEXT)
    assert "is no fastText classifier" in str(problem)
    assert list(ClassifierStage(model=model, label="town").problems(CONTEXT)) == []
    assert ClassifierStage(model=model).identity() == ClassifierStage(model=f"{model}/model.bin").identity()
