"""Other thresholds of row stages: what is counted for each is what a run with it keeps."""

from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from prep.pipeline.reports.page.page import report_page
from prep.pipeline.results.funnel import read_funnel
from prep.pipeline.steps.trials import add_counts, count
from prep.stages.results import Threshold, ThresholdCounts, tried_around
from prep.stages.verdicts import Outcome, Verdicts

from .test_run import run_it

Row = tuple[str | None, float | None, float | None, bool, bool]
"""Language, score and length, whether another rule loses it, and whether a missing score does."""

numbers = st.none() | st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.7, 1.0])
rows = st.lists(st.tuples(st.sampled_from(["da", "sv", None]), numbers, numbers, st.booleans(), st.booleans()))
SCORE = Threshold("low_score", "score", "min", 0.5, "min_score", tried_around(0.5, [0.0, 0.3, 0.4, 0.9]))
LENGTH = Threshold("long", "length", "max", 0.7, "max_length", tried_around(0.7, [0.1, 0.5, 0.6, 1.0]))


def rule_of(row: Row, least: float, most: float) -> str | None:
    """Return the rule that a stage with these thresholds would lose a document by."""
    _, score, length, lost, needs_score = row
    if lost:
        return "other"
    if (needs_score and score is None) or (score is not None and score < least):
        return "low_score"
    return "long" if length is not None and length > most else None


def judged(given_rows: list[Row], least: float, most: float) -> Outcome:
    languages, scores, lengths = ([row[at] for row in given_rows] for at in range(3))
    columns = {
        "language": pa.array(languages, pa.string()),
        "score": pa.array(scores, pa.float32()),
        "length": pa.array(lengths, pa.float64()),
    }
    rules = pa.array([rule_of(row, least, most) for row in given_rows], pa.string())
    return Outcome(pa.record_batch(columns), Verdicts(rules))


@given(rows, rows)
def test_counts_are_what_the_stage_keeps_with_each_value(first: list[Row], second: list[Row]) -> None:
    batches = [judged(some, SCORE.value, LENGTH.value) for some in (first, second)]
    score, length = add_counts(each for batch in batches for each in count((SCORE, LENGTH), batch))
    for counts, column in ((score, 1), (length, 2)):
        threshold = counts.threshold
        for place, value in enumerate(threshold.tried):
            least, most = (value, LENGTH.value) if threshold is SCORE else (SCORE.value, value)
            kept = [row for row in first + second if rule_of(as_float32(row), least, most) is None]
            by_language = {name: sum((row[0] or "") == name for row in kept) for name in ("da", "sv", "")}
            assert {name: counts.kept.get(name, [0] * 9)[place] for name in by_language} == by_language
        numbered = [as_float32(row)[1:3] for row in first + second]
        known = [number for both in numbered if (number := both[column - 1]) is not None]
        assert list(counts.seen) == np.histogram(known, [-np.inf, *threshold.tried, np.inf])[0].tolist()


def as_float32(row: Row) -> Row:
    language, score, *rest = row
    return (language, None if score is None else float(np.float32(score)), *rest)  # type: ignore[return-value]


def test_a_report_shows_what_other_perplexities_keep(tmp_path: Path) -> None:
    reference = "the ferry left the quay at dawn and the keeper closed the gate\n\n" * 40
    (tmp_path / "reference.txt").write_text(reference)
    words = "the ferry left quay at dawn keeper closed gate tar frost ledger".split()
    random = np.random.default_rng(0)
    texts = [" ".join(random.choice(words[: 4 + at % 9], 30)) for at in range(40)]
    documents = (orjson.dumps({"id": f"d{at}", "text": text}) for at, text in enumerate(texts))
    (tmp_path / "in.jsonl").write_bytes(b"\n".join(documents))

    def run_with(name: str, most: float) -> list[ThresholdCounts]:
        perplexity = {"references": {"*": {"paths": str(tmp_path / "reference.txt")}}, "max_perplexity": most}
        stages = [{"read": {"paths": str(tmp_path / "in.jsonl")}}, {"perplexity": perplexity}]
        settings = {"output": str(tmp_path / name), "workers": 1, "stages": stages}
        (tmp_path / "pipeline.yaml").write_text(yaml.safe_dump(settings))
        run_it(tmp_path / "pipeline.yaml")
        return list(read_funnel(str(tmp_path / name))[1].thresholds)

    (counts,) = run_with("run", 30.0)
    assert counts.threshold.option == "max_perplexity"
    for value, kept in list(zip(counts.threshold.tried, counts.kept[""], strict=True))[1:5:2]:
        (other,) = run_with(f"at-{value}", value)
        assert other.kept[""][other.threshold.tried.index(value)] == kept
    page = report_page(str(tmp_path / "run"))
    card = page[page.index("perplexity: high_perplexity") :]
    assert "- perplexity:\\n    max_perplexity: @" in card.replace("&quot;", '"')
    assert "Kept in the end, nearest to the threshold first" in card


@pytest.mark.parametrize("values", [[0.1, 0.65, 0.65], []])
def test_the_own_value_is_among_those_tried(values: list[float]) -> None:
    assert tried_around(0.65, values) == tuple(sorted({0.65, *values}))
