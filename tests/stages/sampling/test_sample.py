"""Thinning and repeating by score, language and source."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from prep.stages.sampling.chance import chances
from prep.stages.sampling.sample import Sample
from prep.stages.stage import CheckContext

BUCKETS = [
    {"name": "books", "source": "books", "weight": 2.5},
    {"name": "poor", "below": 0.2, "language": ["en", "de"], "weight": 0.25},
    {"name": "poor_elsewhere", "below": 0.2, "weight": 0},
    {"at_least": 0.8, "weight": 2},
]


def documents(rows: Sequence[tuple[str, float | None, str | None, str | None]]) -> pa.RecordBatch:
    names = ("id", "classifier_score", "language", "source")
    kinds = (pa.string(), pa.float32(), pa.string(), pa.string())
    columns = zip(*rows, strict=True) if rows else [[]] * 4
    return pa.record_batch([pa.array(list(column), kind) for column, kind in zip(columns, kinds, strict=True)], names)


def copies(stage: Sample, batch: pa.RecordBatch) -> tuple[list[int], list[str | None]]:
    same, verdicts = stage.open()(batch)
    assert same is batch
    assert verdicts is not None
    assert verdicts.copies is not None
    kept = verdicts.rule.is_null().to_pylist()
    return [int(n) if keep else 0 for n, keep in zip(verdicts.copies, kept, strict=True)], verdicts.rule.to_pylist()


def test_the_first_bucket_decides() -> None:
    stage = Sample.model_validate({"buckets": BUCKETS})
    rows = [
        ("a", 0.1, "en", "books"),
        ("b", 0.1, "fr", "web"),
        ("c", 0.9, "fr", None),
        ("d", 0.5, None, "web"),
        ("e", None, "en", "web"),
        ("f", 0.2, "en", "web"),
    ]
    counts, rules = copies(stage, documents(rows))
    assert counts[0] in (2, 3)
    assert counts[1:] == [0, 2, 1, 1, 1]
    assert rules == [None, "poor_elsewhere", None, None, None, None]


def test_shares_come_out_as_asked_and_do_not_depend_on_the_batch() -> None:
    rows = [(f"document {n}", 0.1, "en", "books" if n % 2 else "web") for n in range(8000)]
    stage = Sample.model_validate({"buckets": BUCKETS})
    counts, rules = copies(stage, documents(rows))
    books, web = np.array(counts[1::2]), np.array(counts[::2])
    assert set(books) == {2, 3}
    assert set(web) == {0, 1}
    assert books.mean() == pytest.approx(2.5, abs=0.03)
    assert web.mean() == pytest.approx(0.25, abs=0.03)
    assert set(rules) == {None, "poor"}
    halves = [copies(stage, documents(rows).slice(start, 4000))[0] for start in (0, 4000)]
    assert counts == halves[0] + halves[1]
    other = copies(stage.model_copy(update={"seed": 2}), documents(rows))[0]
    assert other != counts


@given(st.lists(st.text()), st.integers(0, 2**63))
def test_chances(ids: list[str], seed: int) -> None:
    drawn = chances(pa.array(["x", *ids], pa.string()).slice(1), seed)
    assert ((drawn >= 0) & (drawn < 1)).all()
    alone = [chances(pa.array([name]), seed)[0] for name in ids]
    assert drawn.tolist() == alone


def test_scores_are_optional() -> None:
    stage = Sample.model_validate({"buckets": [{"weight": 0.5}]})
    batch = documents([(str(n), None, None, None) for n in range(400)]).select(["id"])
    counts, rules = copies(stage, batch)
    assert 150 < sum(counts) < 250
    assert set(rules) == {None, "thinned"}
    assert list(stage.problems(CheckContext(batch.schema, 0, frozenset()))) == []


def test_what_cannot_work_is_found_before() -> None:
    stage = Sample.model_validate({"buckets": [*BUCKETS, {"at_least": 0.5, "below": 0.5, "weight": 1}]})
    context = CheckContext(pa.schema({"id": pa.string(), "classifier_score": pa.string()}), 0, frozenset())
    found = [str(problem) for problem in stage.problems(context)]
    assert sum("no earlier stage makes a column 'source'" in problem for problem in found) == 1
    assert sum("no earlier stage makes a column 'language'" in problem for problem in found) == 1
    assert sum("no score is in this bucket" in problem for problem in found) == 1
    assert sum("is no score; expected numbers, seen string" in problem for problem in found) == 1
    with pytest.raises(ValidationError):
        Sample.model_validate({"buckets": [{"weight": -1}]})
