"""Upsampling curves: repeats that rise with the percentile, and token shares that come out as asked."""

from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from prep.corpus.errors import RunError
from prep.corpus.shards.shards import ShardReader
from prep.stages.pack.curve import Borders, Ranked, UpsamplingCurve, find_borders
from prep.stages.pack.mixture import Mixture
from prep.stages.pack.pack import Pack
from prep.stages.stage import CheckContext
from prep.stages.upstream import GlobalContext, Upstream

from ..contract import run_task
from .test_pack import tokenizer  # noqa: F401

CURVE = UpsamplingCurve(score="score", buckets=10, discard=0.4, power=1)


@settings(deadline=None)
@given(
    tokens=st.lists(st.integers(0, 1000), min_size=2, max_size=20),
    discard=st.floats(0, 0.9),
    power=st.floats(0, 5),
    most=st.floats(0.5, 8),
    part=st.floats(0.01, 1),
)
def test_repeats_rise_and_come_to_the_budget(
    tokens: list[int], discard: float, power: float, most: float, part: float
) -> None:
    curve = UpsamplingCurve(score="s", buckets=len(tokens), discard=discard, power=power)
    counts = np.array([*tokens[:-1], tokens[-1] + 1], np.float64)
    there = counts[curve.weights(counts.astype(np.int64)) > 0].sum()
    budget = int(part * most * there)
    if budget:
        repeats = curve.repeats(counts.astype(np.int64), budget, most, "g")
        assert (repeats * counts).sum() == pytest.approx(budget, rel=1e-9)
        assert repeats.max() <= most + 1e-12
        filled = repeats[counts > 0]
        assert (np.diff(filled) >= -1e-12).all()
        ends = np.cumsum(counts) / counts.sum()
        assert (repeats[ends <= discard] == 0).all()


def test_the_curve_is_the_power_law_where_nothing_is_cut_off() -> None:
    repeats = UpsamplingCurve(score="s", buckets=4, discard=0.5, power=1).repeats([100] * 4, 200, 9, "g")
    assert repeats == pytest.approx([0, 0, 0.5, 1.5])
    repeats = UpsamplingCurve(score="s", buckets=2, discard=0, power=0).repeats([100, 100], 300, 9, "g")
    assert repeats == pytest.approx([1.5, 1.5])
    repeats = UpsamplingCurve(score="s", buckets=4, discard=0.5, power=1).repeats([100] * 4, 380, 2, "g")
    assert repeats == pytest.approx([0, 0, 1.8, 2.0])


def test_a_budget_that_is_too_large_is_named() -> None:
    with pytest.raises(RunError, match=r"expected 601 tokens of 'law', seen 600: it has 500, the curve leaves out 40%"):
        UpsamplingCurve(score="s", buckets=5, discard=0.4).repeats([100] * 5, 601, 2, "law")


@settings(deadline=None)
@given(
    documents=st.lists(st.tuples(st.integers(0, 4), st.integers(1, 30)), min_size=1, max_size=40),
    buckets=st.integers(2, 8),
)
def test_buckets_are_cut_by_tokens_in_the_order_of_the_scores(documents: list[tuple[int, int]], buckets: int) -> None:
    scores = np.array([np.nan if score == 4 else score for score, _ in documents], np.float64)
    tokens = np.array([count for _, count in documents], np.int64)
    hashes = np.arange(len(documents), dtype=np.uint64) * np.uint64(1 << 40)
    ranked = Ranked("g", scores, tokens, hashes)
    curve = UpsamplingCurve(score="s", buckets=buckets)
    half = len(documents) // 2
    parts = [Ranked("g", scores[rows], tokens[rows], hashes[rows]) for rows in (slice(half), slice(half, None))]
    borders = find_borders(curve, parts)["g"]
    found = borders.buckets(scores, hashes)
    whole_borders = find_borders(curve, [ranked])["g"]
    one = [whole_borders.buckets(scores[row : row + 1], hashes[row : row + 1])[0] for row in range(len(scores))]
    assert found.tolist() == one
    by_score = sorted(zip(np.where(np.isnan(scores), -1, scores).tolist(), found.tolist(), strict=True))
    pairs = pairwise(by_score)
    assert all(earlier[1] <= later[1] for earlier, later in pairs if earlier[0] < later[0])
    whole, largest = tokens.sum(), tokens.max()
    sums = np.bincount(found, tokens, buckets)
    assert (np.abs(np.cumsum(sums) - whole * np.arange(1, buckets + 1) / buckets) < largest + 1e-9).all()


def test_of_many_documents_the_borders_come_from_some() -> None:
    chance = np.random.default_rng(2)
    scores = chance.random(5000)
    hashes = chance.integers(0, 1 << 63, 5000).astype(np.uint64)
    ranked = Ranked("g", scores, np.ones(5000, np.int64), hashes)
    borders = find_borders(UpsamplingCurve(score="s", buckets=10), [ranked], sample=1000)["g"]
    assert np.abs(borders.scores - np.arange(1, 10) / 10).max() < 0.05
    assert isinstance(borders, Borders)


TOPICS = ("law", "sea")
DOCUMENTS = 400
PHASES = [{"shares": {"law": 3, "sea": 1}, "tokens": 6000}, {"shares": {"law": 1, "sea": 1}, "tokens": 3000}]


def write_parts(folder: Path) -> GlobalContext:
    """Write documents with topics and scores in two parts."""
    chance = np.random.default_rng(5)
    table = pa.table(
        {
            "id": [str(row) for row in range(DOCUMENTS)],
            "text": pa.array(["x" * int(n) for n in chance.integers(5, 60, DOCUMENTS)], pa.large_string()),
            "source": ["web"] * DOCUMENTS,
            "topic": [TOPICS[row % 2] for row in range(DOCUMENTS)],
            "score": pa.array([None if row % 50 == 0 else float(row % 97) for row in range(DOCUMENTS)], pa.float64()),
        }
    )
    (folder / "parts").mkdir(parents=True)
    for number, rows in enumerate((table.slice(0, 150), table.slice(150))):
        pq.write_table(rows, folder / "parts" / f"{number}.parquet")
    paths = tuple(str(folder / "parts" / f"{number}.parquet") for number in range(2))
    return GlobalContext(Upstream(paths), str(folder / "shards"), str(folder / "scratch"), {"tokenizer": "anywhere"})


@pytest.mark.usefixtures("tokenizer")
def test_token_shares_come_out_as_asked(tmp_path: Path) -> None:
    context = write_parts(tmp_path)
    mixture = {"by": "topic", "curve": CURVE.model_dump(), "phases": PHASES, "max_epochs": 4}
    stage = Pack.model_validate({"length": 64, "validation": 0, "mixture": mixture})
    lost: Counter[str] = Counter()
    for phase in stage.phases(2):
        for task in range(phase.tasks):
            counts = run_task(stage, phase.name, task, context)
            if counts is not None:
                lost.update(counts.rejected)
                assert counts.entered + counts.repeated == counts.kept + sum(counts.rejected.values())
    reader = ShardReader(str(tmp_path / "shards" / "train"))
    groups = [dict(phase.groups) for phase in reader.manifest.phases]
    assert groups == [{"law": 4500, "sea": 1500}, {"law": 1500, "sea": 1500}]
    assert set(lost) == {"below_curve", "over_budget"}
    times: Counter[int] = Counter()
    for row in range(len(reader)):
        starts = [reader.continued(row), *[0] * (len(reader.lengths(row)) - 1)]
        times.update(
            n % DOCUMENTS for n, start in zip(reader.documents(row).tolist(), starts, strict=True) if not start
        )
    law = [row for row in range(0, DOCUMENTS, 2) if row % 50]
    best = sorted(law, key=lambda row: row % 97)
    worst_half, top = best[: len(best) // 3], best[-10:]
    assert sum(times[row] for row in worst_half) == 0
    assert all(times[row] == 0 for row in range(0, DOCUMENTS, 50))
    assert min(times[row] for row in top) >= 2
    assert max(times.values()) <= 4
    table = pq.read_table(tmp_path / "shards" / "rejected")
    assert set(table.column("detail").to_pylist()) == {"law", "sea"}


def test_groups_are_made_of_several_columns() -> None:
    mixture = Mixture.model_validate(
        {"by": ["topic", "grade"], "buckets": {"low": 0, "high": 3}, "phases": [{"shares": {"law/high": 1}}]}
    )
    documents = pa.record_batch({"topic": ["law", None, "sea"], "grade": [4, 1, None]})
    assert mixture.groups_of(documents).to_pylist() == ["law/high", "unknown/low", "sea/unknown"]


@pytest.mark.parametrize(
    ("mixture", "message"),
    [
        ({"by": ["topic", "score"]}, "one column of numbers is divided into groups by buckets"),
        ({"by": ["topic", "nothing"]}, "no stage before makes this column; expected one of id, text, topic, score"),
        (
            {"curve": {"score": "topic"}, "by": "topic"},
            "this column cannot be ranked by; expected numbers",
        ),
        ({"curve": {"score": "x"}, "by": "topic"}, "no stage before makes this column"),
    ],
)
def test_columns_that_do_not_fit_are_found_before(mixture: dict[str, object], message: str) -> None:
    stage = Pack.model_validate({"mixture": {"phases": [{"shares": {"a": 1}, "tokens": 9}], **mixture}})
    schema = pa.schema({"id": pa.string(), "text": pa.large_string(), "topic": pa.string(), "score": pa.float64()})
    problems = [str(problem) for problem in stage.problems(CheckContext(schema, 0, frozenset()))]
    assert any(message in problem for problem in problems), problems


def test_a_curve_needs_a_budget() -> None:
    with pytest.raises(ValidationError, match="expected 'tokens' in every phase"):
        Mixture.model_validate({"curve": {"score": "s"}, "phases": [{"shares": {"a": 1}}]})
