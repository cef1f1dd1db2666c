"""The classifier kernels against fastText itself: the published model, and models of every kind trained here."""

from collections.abc import Callable, Mapping
from pathlib import Path

import fasttext
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from prep.corpus.arrow.documents import TEXT
from prep.corpus.errors import ConfigurationError
from prep.stages.language.model import find_model
from prep.stages.shared.fasttext.classifier import TextClassifier
from prep.stages.shared.fasttext.file_format import LABEL, read_classifier

Probabilities = Callable[[str], dict[str, float]]

VERSES = {
    "sea": ["the waves roll and the sail is full", "a ship goes down in the storm", "salt wind and the long grey sea"],
    "field": ["the corn stands high in the field", "a plough turns the brown earth", "rain falls on the green barley"],
    "town": ["lamps are lit along the street", "the market bell rings at noon", "carts rattle over wet stones"],
}


@pytest.fixture(scope="module")
def published() -> TextClassifier:
    return TextClassifier(read_classifier(find_model("")))


@pytest.fixture(scope="module")
def library() -> Probabilities:
    return probabilities_of(find_model(""))


def probabilities_of(path: str) -> Probabilities:
    model = fasttext.FastText._FastText(path)

    def probabilities(text: str) -> dict[str, float]:
        found = model.f.predict(text.replace("\n", " ") + "\n", -1, 0.0, "strict")
        return {label.removeprefix(LABEL): probability for probability, label in found}

    return probabilities


def ours(classifier: TextClassifier, texts: list[str]) -> npt.NDArray[np.float32]:
    return classifier.probabilities(pa.array(["é", *texts, "x"], TEXT.type).slice(1, len(texts)))


def assert_same(classifier: TextClassifier, library: Probabilities, texts: list[str], tolerance: float = 2e-5) -> None:
    for text, row in zip(texts, ours(classifier, texts), strict=True):
        theirs = library(text)
        for label, probability in zip(classifier.labels, row, strict=True):
            # The library leaves out labels below 1e-5.
            assert probability == pytest.approx(theirs.get(label, 0.0), abs=max(tolerance, 2e-5))


WORDS = st.sampled_from(["the", "der", "и", "的", "ก็", "__label__en", "__label__", "\0", "\x0b", "é" * 40, "<", ">"])


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.text(), st.lists(WORDS).map(" ".join), st.text(st.characters(codec="utf-8", categories=["Lo"]))))
@example("")
@example("\n")
@example("a")
@example("a" * 100_000)
def test_the_published_model_on_any_text(published: TextClassifier, library: Probabilities, text: str) -> None:
    assume("</s>" not in text)  # ends a text for the library
    assert_same(published, library, [text])


def test_a_text_does_not_depend_on_those_before_it(published: TextClassifier) -> None:
    texts = [line for lines in VERSES.values() for line in lines] * 3
    whole = ours(published, texts)
    fresh = TextClassifier(read_classifier(find_model("")))
    backwards = ours(fresh, texts[::-1])[::-1]
    assert np.array_equal(whole, backwards)
    assert np.array_equal(whole[:9], whole[9:18])


@pytest.mark.parametrize("loss", ["softmax", "hs", "ns", "ova"])
@pytest.mark.parametrize(
    "options", [{}, {"minn": 2, "maxn": 4}, {"wordNgrams": 3}, {"wordNgrams": 2, "minn": 3, "maxn": 3}]
)
def test_models_of_every_kind(tmp_path: Path, loss: str, options: dict[str, object]) -> None:
    path = train(tmp_path, {"loss": loss, "bucket": 1000, **options})
    texts = [line for lines in VERSES.values() for line in lines]
    texts += ["unseen words only", "", "sea sea sea", "the bell of the barley ship\nand more"]
    # The library looks logistic functions up in a table of 512 steps.
    assert_same(
        TextClassifier(read_classifier(path)), probabilities_of(path), texts, 0.01 if loss in {"ns", "ova"} else 2e-5
    )


@pytest.mark.parametrize("options", [{"qout": False}, {"qnorm": True}, {"cutoff": 300, "qnorm": True}])
def test_quantised_models(tmp_path: Path, options: dict[str, object]) -> None:
    path = train(tmp_path, {"bucket": 600, "wordNgrams": 2, "minn": 2, "maxn": 3}, quantised=options)
    texts = [line for lines in VERSES.values() for line in lines]
    assert_same(TextClassifier(read_classifier(path)), probabilities_of(path), texts)


def train(folder: Path, options: Mapping[str, object], quantised: Mapping[str, object] | None = None) -> str:
    examples = folder / "examples.txt"
    lines = [f"{LABEL}{label} {line}" for label, lines in VERSES.items() for line in lines] * 100
    examples.write_text("\n".join(lines) + "\n", encoding="utf-8")
    model = fasttext.train_supervised(str(examples), epoch=5, dim=11, thread=1, verbose=0, **options)
    if quantised is not None:
        model.quantize(str(examples), retrain=False, dsub=2, **quantised)
    path = str(folder / "model.bin")
    model.save_model(path)
    return path


def test_other_files_are_refused(tmp_path: Path) -> None:
    vectors = tmp_path / "vectors"
    (tmp_path / "text.txt").write_text("some words to learn\n" * 50)
    fasttext.train_unsupervised(str(tmp_path / "text.txt"), dim=4, minCount=1, thread=1, verbose=0).save_model(
        str(vectors)
    )
    with pytest.raises(ConfigurationError, match="it holds word vectors, not a classifier"):
        read_classifier(str(vectors))
    whole = Path(find_model("")).read_bytes()
    for content, seen in ((b"", ""), (b"PK" * 99, "expected the numbers"), (whole[:-999], "it breaks off")):
        (tmp_path / "other").write_bytes(content)
        with pytest.raises(ConfigurationError, match=f"is no fastText classifier of format 12: .*{seen}"):
            read_classifier(str(tmp_path / "other"))


def test_labels_of_real_pages(published: TextClassifier, library: Probabilities, test_data: Path) -> None:
    books = [path.read_text("utf-8", errors="replace")[:50_000] for path in sorted((test_data / "books").glob("*.txt"))]
    best = [published.labels[label] for label in ours(published, books).argmax(axis=1)]
    theirs = [max(scores, key=scores.__getitem__) for scores in map(library, books)]
    assert best == theirs
