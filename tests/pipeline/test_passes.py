"""Inside a pass: verdicts, broken documents, batches."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prep.corpus.errors import RunError
from prep.pipeline.execution.isolation import isolate
from prep.stages.verdicts import Outcome, Verdicts

from .conftest import Hapax, Shout


def documents(texts: list[str]) -> pa.RecordBatch:
    return pa.record_batch({"id": [str(row) for row in range(len(texts))], "text": pa.array(texts, pa.large_string())})


@given(st.lists(st.sampled_from(["a", "b", "BREAK", ""]), min_size=1, max_size=20))
def test_documents_that_break_a_stage_fail_alone(texts: list[str]) -> None:
    batch, verdicts = isolate(Shout().open(), documents(texts))
    assert batch.column("text").to_pylist() == texts
    rules = [None] * len(texts) if verdicts is None else verdicts.rule.to_pylist()
    assert rules == ["ValueError" if text == "BREAK" else None for text in texts]
    if verdicts is not None and verdicts.failed is not None:
        assert verdicts.failed.fill_null(False).to_pylist() == [text == "BREAK" for text in texts]
    if any(text != "BREAK" for text in texts):
        loud = [text.upper() + "!" for text in texts if text != "BREAK"]
        assert [
            shout for shout, text in zip(batch.column("loud").to_pylist(), texts, strict=True) if text != "BREAK"
        ] == loud


def test_verdicts_of_halves_are_kept() -> None:
    def fragile(batch: pa.RecordBatch) -> Outcome:
        texts = batch.column("text").to_pylist()
        if "BREAK" in texts:
            raise ValueError("broken")
        lengths = np.array([len(text) for text in texts])
        return Outcome(batch, Verdicts.from_codes(np.where(lengths > 3, 0, -1), ("long",), lengths.astype(float)))

    _, verdicts = isolate(fragile, documents(["ab", "abcd", "BREAK", "abcde"]))
    assert verdicts is not None
    assert verdicts.rule.to_pylist() == [None, "long", "ValueError", "long"]
    assert verdicts.value is not None
    assert verdicts.value.to_pylist() == [None, 4.0, None, 5.0]
    assert verdicts.detail is not None
    assert verdicts.detail.to_pylist()[2] == "broken"


def test_findings_of_halves_are_kept() -> None:
    _, verdicts = isolate(Hapax().open(), documents(["a b", "BREAK", "c c d", "e"]))
    assert verdicts is not None
    assert verdicts.findings is not None
    assert verdicts.findings.to_pydict() == {"id": ["0", "0", "2", "3"], "word": ["a", "b", "d", "e"]}


def test_errors_of_the_run_are_not_blamed_on_documents() -> None:
    def refuses(batch: pa.RecordBatch) -> Outcome:
        raise RunError("no model")

    with pytest.raises(RunError, match="no model"):
        isolate(refuses, documents(["a", "b"]))
