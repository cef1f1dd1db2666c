"""Whom a cluster keeps, by every policy; groups that are never compared."""

from datetime import UTC, datetime, timedelta, timezone
from itertools import permutations
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from prep.corpus.arrow.columns import string_buffers
from prep.corpus.arrow.documents import DATE, ID, SOURCE, TEXT
from prep.stages.dedup.exact import Exact
from prep.stages.dedup.minhash.minhash import MinHash
from prep.stages.shared.matching.date_kernels import NO_DATE, moments
from prep.stages.stage import CheckContext

from .driving import POEM, Part, article, deduplicate

SCHEMA = pa.schema([ID, TEXT, DATE, SOURCE, pa.field("quality", pa.float32()), pa.field("language", pa.string())])
PAGES: Part = [
    ("a", "fog", "2024-03-01", "web", 0.5, "en"),
    ("b", "Fog", "2024-03-01T00:00:00+02:00", "books", 0.9, "en"),
    ("c", "FOG", "2024", "wiki", None, "de"),
    ("d", "fog ", None, None, float("nan"), None),
    ("e", " fog", "soon", "web", 0.9, "de"),
]


@pytest.mark.parametrize(
    ("stage", "kept"),
    [
        (Exact(keep="earliest"), "c"),
        (Exact(keep="newest"), "a"),
        (Exact(keep="best", score="quality"), "b"),
        (Exact(keep="source", sources=("books", "wiki")), "b"),
        (Exact(keep="source", sources=("web",)), "a"),
        (Exact(keep="longest"), "d"),
    ],
)
def test_a_policy_keeps_its_document_in_any_order(stage: Exact, kept: str, tmp_path: Path) -> None:
    for number, pages in enumerate(list(permutations(PAGES))[::17]):
        result = deduplicate(stage, [pages[:2], pages[2:]], tmp_path / str(number), schema=SCHEMA)
        assert result.kept == {kept}
        assert set(result.rejected.values()) == {kept}


def test_documents_of_other_groups_are_not_compared(tmp_path: Path) -> None:
    result = deduplicate(Exact(within="language"), [PAGES[:3], PAGES[3:]], tmp_path, schema=SCHEMA)
    assert result.rejected == {"b": "a", "e": "c"}
    texts = [(name, POEM, None, None, None, language) for name, language in zip("abc", ("en", "de", "en"), strict=True)]
    assert deduplicate(MinHash(within="language"), [texts], tmp_path / "near", schema=SCHEMA).rejected == {"c": "a"}


@pytest.mark.parametrize(
    ("stage", "field"),
    [
        (Exact(keep="best"), ("score",)),
        (Exact(score="quality"), ("score",)),
        (Exact(keep="best", score="text"), ("score",)),
        (Exact(keep="best", score="missing"), ("keep",)),
        (Exact(keep="source"), ("sources",)),
        (Exact(within="missing"), ("within",)),
        (MinHash(clusters="transitive", verify_by="text"), ("verify_by",)),
    ],
)
def test_a_policy_that_cannot_work_is_a_problem(stage: Exact | MinHash, field: tuple[str, ...]) -> None:
    (problem,) = stage.problems(CheckContext(SCHEMA, 0, frozenset()))
    assert problem.field == field


def test_under_earliest_a_later_document_links_no_two(tmp_path: Path) -> None:
    left, right = article(1, 100), article(2, 100)
    pages: Part = [
        ("a", left, "2020", None, None, None),
        ("b", right, "2021", None, None, None),
        ("c", f"{left} {right}", "2022", None, None, None),
    ]
    for clusters, kept in (("verified", {"a", "b", "c"}), ("transitive", {"a", "b"})):
        stage = MinHash.model_validate({"bands": 30, "rows": 1, "keep": "earliest", "clusters": clusters})
        assert deduplicate(stage, [pages], tmp_path / clusters, schema=SCHEMA).kept == kept
    longest = MinHash(bands=30, rows=1, keep="longest", clusters="transitive")
    assert deduplicate(longest, [pages], tmp_path / "2", schema=SCHEMA).kept == {"c"}


def chain(links: int) -> Part:
    """Return documents of which each resembles the next, and the first and the last have nothing in common."""
    words = article(3, 20 * (links + 4)).split()
    return [(f"{link:02d}", " ".join(words[20 * link : 20 * link + 80])) for link in range(links)]


@pytest.mark.parametrize("by", ["signature", "text"])
def test_matches_that_are_not_similar_do_not_count(by: str, tmp_path: Path) -> None:
    loose = MinHash(bands=60, rows=1, keep="smallest_id", clusters="transitive")
    pages = chain(8)
    assert deduplicate(loose, [pages], tmp_path / "loose").kept == {"00"}
    verified = MinHash(bands=60, rows=1, keep="smallest_id", verify=0.9, verify_by=by)
    assert len(deduplicate(verified, [pages[::2], pages[1::2]], tmp_path / "strict").kept) == 8


def test_true_similarity_decides_to_the_last_shingle(tmp_path: Path) -> None:
    words = article(5, 24).split()
    pages: Part = [("a", " ".join(words)), ("b", " ".join(words[:20]))]  # 16 of 20 shingles
    for least, kept in ((0.8, {"a"}), (0.81, {"a", "b"})):
        stage = MinHash(bands=60, rows=1, verify=least, verify_by="text")
        assert deduplicate(stage, [pages], tmp_path / str(least)).kept == kept


def test_small_memory_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ranges are cut in two, and arrays are files."""
    pages: Part = [(f"{number:04d}", article(number % 60, 30) + " end" * (number // 60)) for number in range(240)]
    parts = [pages[start::3] for start in range(3)]
    whole = deduplicate(MinHash(), parts, tmp_path / "whole")
    assert 0 < len(whole.rejected) < 240
    monkeypatch.setattr("prep.stages.shared.matching.matching.ROW_BYTES", 1 << 20)
    monkeypatch.setattr("prep.stages.dedup.clusters.DOCUMENT_BYTES", 1 << 20)
    monkeypatch.setattr("prep.stages.dedup.clusters.STEP", 7)
    monkeypatch.setattr("prep.stages.dedup.minhash.assignment._STEP", 5)
    monkeypatch.setattr("prep.stages.dedup.minhash.assignment.MEMBER_BYTES", 1 << 22)
    assert deduplicate(MinHash(memory=16 << 20), parts, tmp_path / "small") == whole


MARKS = st.sampled_from(["", "Z", "+02:00", "-0530", "+14"])
TIMES = st.sampled_from(["", "T12:30", " 12:30:59", "T00:00:00.123456", "T23:59:59,5"])


@settings(max_examples=300, deadline=None)
@given(st.dates(), TIMES, MARKS)
def test_moments_are_those_of_datetime(day: "datetime", time: str, mark: str) -> None:
    text = day.isoformat() + time + (mark if time else "")
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    since = moment - datetime(1970, 1, 1, tzinfo=timezone(timedelta(0)))
    assert dates(text) == [since // timedelta(microseconds=1)]


def dates(*texts: str) -> list[int]:
    found: list[int] = moments(*string_buffers(pa.array(texts, pa.string()))).tolist()
    return found


def test_a_date_may_end_early_and_what_is_none_is_told() -> None:
    assert dates("2024", "2024-05", "2024-05-01") == [
        1704067200 * 10**6,
        dates("2024-05-01")[0],
        dates("2024-05-01T00:00Z")[0],
    ]
    wrong = [
        "",
        "soon",
        "2024-13",
        "2024-02-30",
        "2023-02-29",
        "2024-01-01T25:00",
        "20240101",
        "2024-1-1",
        "2024-01-01T",
    ]
    assert dates(*wrong) == [NO_DATE] * len(wrong)


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from("0123456789-:TZ+. ,"), max_size=30))
@example("2024-01-01T10:00:00.+")
def test_anything_may_stand_where_a_date_should(text: str) -> None:
    data, offsets = string_buffers(pa.array([text, "2024"], pa.string()))
    assert moments(data, offsets)[1] == 1704067200 * 10**6


def test_scores_fall_as_ranks_rise() -> None:
    scores = [float("inf"), 2.5, 1, 0.0, -0.0, -1, float("-inf"), None, float("nan")]
    ranks = MinHash(keep="best", score="quality").policy.ranks(pa.array(scores, pa.float64()))
    assert (np.diff(ranks.astype(object)) >= 0).all()
    assert len(set(ranks.tolist())) == 7
