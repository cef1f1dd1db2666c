"""Verified assignment: each document goes to one it resembles; kernels against slow reference implementations."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prep.stages.dedup.minhash.assignment_kernels import (
    Evidence,
    Rules,
    Standing,
    assign,
    enter_pairs,
    make_buckets,
)
from prep.stages.dedup.minhash.minhash import MinHash
from prep.stages.shared.matching.keep import order_within
from prep.stages.shared.matching.sketch_kernels import SKETCH_WORDS

from .driving import Part, article, deduplicate

SETS = st.lists(st.frozensets(st.integers(0, 12), min_size=1, max_size=6), min_size=1, max_size=14)


def jaccard(one: frozenset[int], other: frozenset[int]) -> float:
    return len(one & other) / len(one | other)


def slow_assign(
    sets: list[frozenset[int]], buckets: list[list[int]], order: list[int], least: float, local: bool
) -> list[int]:
    """Go over documents in order; compare each with all that were kept and may be compared."""
    kept = list(range(len(sets)))
    leaders: list[int] = []
    for at, document in enumerate(order):
        copies = [other for other in order[:at] if sets[other] == sets[document]]
        if copies:
            kept[document] = kept[copies[0]]
            continue
        near = [other for other in leaders if not local or set(buckets[other]) & set(buckets[document])]
        best = max((jaccard(sets[document], sets[other]) for other in near), default=0.0)
        if best >= least:
            kept[document] = next(other for other in reversed(near) if jaccard(sets[document], sets[other]) == best)
        else:
            leaders.append(document)
    return kept


@settings(max_examples=150, deadline=None)
@given(SETS, st.sampled_from([0.3, 0.5, 0.75]), st.booleans(), st.data())
def test_assignment_is_that_of_the_reference(
    sets: list[frozenset[int]], least: float, local: bool, data: st.DataObject
) -> None:
    """Documents share a bucket where they share a member, as if each member were a band."""
    order = data.draw(st.permutations(range(len(sets))))
    buckets = [sorted(members) for members in sets]
    places = np.array([document for document, own in enumerate(buckets) for _ in own], np.int64)
    numbers = np.array([bucket for own in buckets for bucket in own], np.int64)
    bounds = np.cumsum([0, *map(len, sets)]).astype(np.int64)
    contents = np.array([1 + hash(members) % 2**60 for members in sets], np.uint64)
    evidence = Evidence(np.zeros((len(sets), SKETCH_WORDS), np.uint64), contents, numbers.astype(np.uint64), bounds)
    none = np.zeros(len(sets), np.bool_)
    found, similarity = assign(
        np.array(order, np.int64),
        np.zeros(len(sets), np.int64),
        make_buckets(len(sets), places, numbers, 13),
        evidence,
        Standing(none, none),
        Rules(least, 1.0, True, local, 1000),
    )
    expected = slow_assign(sets, buckets, list(order), least, local)
    kept = found.tolist()
    assert [kept[document] == document for document in order] == [expected[document] == document for document in order]
    for document, other in enumerate(kept):
        assert kept[other] == other
        assert jaccard(sets[document], sets[other]) == jaccard(sets[document], sets[expected[document]])
        assert similarity[document] == (1.0 if document == other else jaccard(sets[document], sets[other]))


def test_pairs_of_a_task_with_one_left_document_are_a_bucket() -> None:
    task_of, bucket_of = np.full(5, -1), np.zeros(5, np.int64)
    first = enter_pairs(np.array([0, 0, 3]), np.array([1, 2, 4]), 7, task_of, bucket_of, 0)
    assert (first[0].tolist(), first[1].tolist(), first[2]) == ([0, 1, 2, 3, 4], [0, 0, 0, 1, 1], 2)
    later = enter_pairs(np.array([0]), np.array([3]), 7, task_of, bucket_of, first[2])
    assert (later[0].tolist(), later[1].tolist(), later[2]) == ([3], [0], 2)
    other = enter_pairs(np.array([0]), np.array([3]), 8, task_of, bucket_of, later[2])
    assert (other[0].tolist(), other[1].tolist(), other[2]) == ([0, 3], [2, 2], 3)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(0, 2)), max_size=20))
def test_order_within_is_a_sort_by_all_keys(rows: list[tuple[int, int, int]]) -> None:
    numbers = np.arange(10, 10 + len(rows))
    clusters = np.array([row[0] for row in rows], np.int64)
    columns = [np.array([row[at] for row in rows], np.uint64) for at in (1, 2)]
    keys = [lambda some, column=column: column[some - 10] for column in columns]
    found = order_within(numbers, clusters, [*keys, lambda some: some.astype(np.uint64)])
    assert found.tolist() == sorted(range(len(rows)), key=lambda row: (*rows[row], row))


def edited(seed: int, copies: int, changes: int) -> list[str]:
    """Return a text and copies of it, each with some words of its own instead of the text's."""
    words = article(seed, 200).split()
    texts = [" ".join(words)]
    for copy in range(copies):
        rng = np.random.default_rng((seed, copy))
        changed = list(words)
        for place in rng.integers(0, len(words), changes).tolist():
            changed[place] = f"own{copy}x{place}"
        texts.append(" ".join(changed))
    return texts


def shingles(text: str) -> frozenset[int]:
    words = text.split()
    return frozenset(hash(tuple(words[at : at + 5])) for at in range(len(words) - 4))


@pytest.mark.parametrize("by", ["signature", "text"])
def test_what_goes_resembles_what_stays_and_what_stays_does_not_resemble(by: str, tmp_path: Path) -> None:
    """Pages of templates that link each other by transitivity, with exact copies of some."""
    texts = [text for seed in range(6) for changes in (1, 3, 8) for text in edited(seed, 5, changes)]
    texts += texts[::4] + texts[:10]
    ids = [f"{number:03d}" for number in range(len(texts))]
    parts: list[Part] = [[(ids[row], texts[row]) for row in range(start, len(texts), 3)] for start in range(3)]
    stage = MinHash.model_validate({"verify_by": by, "bands": 40, "rows": 4, "keep": "smallest_id", "audit": 0})
    result = deduplicate(stage, parts, tmp_path)
    sets = dict(zip(ids, map(shingles, texts), strict=True))
    below = {"signature": 0.72, "text": 0.8}[by]
    assert set(result.rejected.values()) <= result.kept
    assert all(jaccard(sets[one], sets[other]) >= below for one, other in result.rejected.items())
    left = [jaccard(sets[one], sets[other]) for one, other in combinations(sorted(result.kept), 2)]
    assert max(left) < {"signature": 0.88, "text": 0.8}[by]


def test_a_chain_is_cut_where_documents_no_longer_resemble_the_one_kept(tmp_path: Path) -> None:
    """Transitive clusters keep one of the chain; each document of it resembles the next only."""
    words = article(1, 400).split()
    pages = [(f"{step:02d}", " ".join(words[8 * step : 8 * step + 200])) for step in range(20)]
    settings_ = {"bands": 60, "rows": 2, "keep": "smallest_id", "audit": 0}
    chained = deduplicate(MinHash.model_validate({**settings_, "clusters": "transitive"}), [pages], tmp_path / "chain")
    assert chained.kept == {"00"}
    cut = deduplicate(MinHash.model_validate({**settings_, "verify_by": "text"}), [pages], tmp_path / "cut")
    assert sorted(cut.kept) == [f"{step:02d}" for step in range(0, 20, 3)]  # 0.85 after two steps, 0.78 after three


def test_copies_fall_together_beyond_the_documents_that_are_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prep.stages.dedup.minhash.assignment.MOST", 1)
    texts = [text for seed in range(3) for text in edited(seed, 12, 30)]
    pages = [(f"{number:03d}", text) for number, text in enumerate([*texts, *texts])]
    result = deduplicate(MinHash(bands=60, rows=1, keep="smallest_id"), [pages[::2], pages[1::2]], tmp_path)
    assert len(result.kept) == len(texts)
    assert all(int(kept) % len(texts) == int(one) % len(texts) for one, kept in result.rejected.items())


def test_rejected_documents_say_how_similar_they_are(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    pages = [("a", article(1)), ("b", article(1)), ("c", article(1) + " one end more"), ("d", article(2))]
    deduplicate(MinHash(), [pages], tmp_path)
    rows = pq.read_table(tmp_path / "output/rejected/00000.parquet").to_pylist()
    values = {row["id"]: row["value"] for row in rows}
    assert set(values) == {"a", "b"}  # the longest stays
    assert all(0.9 < value < 1 for value in values.values())
