"""What predictions are made of, beside slow and obvious reference implementations."""

from collections.abc import Sequence
from itertools import combinations
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prep.pipeline.estimating.costs import NOISE, line, makespan
from prep.pipeline.estimating.growth import different, lost_of, share_lost
from prep.pipeline.estimating.intervals import design, interval
from prep.pipeline.estimating.keyed import LEVELS, MOST_MEMBERS, draw, group
from prep.pipeline.estimating.sampling import deal, strata_of, thinned
from prep.pipeline.estimating.sampling import draw as draw_sample
from prep.stages.stage import FileRange, InputFile, Partition, SourceStage

small = st.integers(0, 50)


class Whole(SourceStage):
    """A source whose files cannot be cut."""

    name = "whole"

    def partitions(self, files: Sequence[InputFile]) -> tuple[Partition, ...]:
        return tuple(Partition((FileRange(file, file.size),)) for file in files)


def files(*sizes: int, source: str = "") -> tuple[InputFile, ...]:
    return tuple(InputFile(f"{source}{number:05d}.html", size, source=source) for number, size in enumerate(sizes))


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 9), small), min_size=1, max_size=20))
def test_totals_are_the_ratio_estimators_of_the_strata(tasks: list[tuple[int, int, int]]) -> None:
    strata = np.array([stratum for stratum, _, _ in tasks])
    seen = np.array([size for _, size, _ in tasks], np.float64)
    gave = np.array([value for _, _, value in tasks], np.float64)
    sizes = np.array([100.0, 200.0, 300.0])
    expected = 0.0
    for stratum in range(3):
        own = [(size, value) for of, size, value in tasks if of == stratum]
        if own:
            expected += sizes[stratum] * sum(value for _, value in own) / sum(size for size, _ in own)
    assert design(strata, seen, sizes, 0.1, 0).totals(gave)[0] == pytest.approx(expected)


def test_the_rescaled_bootstrap_has_the_variance_of_a_stratified_mean() -> None:
    random = np.random.default_rng(0)
    strata = np.repeat([0, 1], [12, 30])
    gave = random.normal(10, 3, 42)
    own = design(strata, np.ones(42), np.array([100.0, 300.0]), 0.0, 1)
    expected = sum(size**2 * gave[strata == at].var(ddof=1) / (strata == at).sum() for at, size in ((0, 100), (1, 300)))
    assert own.totals(gave)[1:].var() == pytest.approx(expected, rel=0.2)
    assert own.freedom == 40


def test_nine_of_ten_intervals_and_more_hold_the_truth_in_clustered_populations() -> None:
    held = 0
    for seed in range(100):
        random = np.random.default_rng(seed)
        means = random.gamma(2, 5, 400)
        population = random.poisson(means).astype(np.float64)
        sizes = random.uniform(0.5, 1.5, 400)
        chosen = random.choice(400, 24, replace=False)
        own = design(np.zeros(24, np.int64), sizes[chosen], np.array([sizes.sum()]), 24 / 400, seed)
        found = own.range(own.totals(population[chosen]))
        held += found.low <= population.sum() <= found.high
    assert held >= 88


def test_nothing_is_left_to_chance_where_all_was_seen() -> None:
    found = interval(np.array([5.0, 3.0, 7.0]), 4, 1.0)
    assert found == (5.0, 5.0, 5.0)
    assert interval(np.array([1.0, -9.0, 11.0]), 4, 0.1).low == 0.0


@pytest.mark.parametrize(("freedom", "quantile"), [(1, 12.706), (2, 4.303), (5, 2.571), (23, 2.069), (100, 1.984)])
def test_intervals_are_as_wide_as_students_t_says(freedom: int, quantile: float) -> None:
    found = interval(np.array([100.0, 99.0, 101.0]), freedom, 0.0)
    assert (found.high - found.value, found.value - found.low) == pytest.approx((quantile, quantile), rel=0.001)


@settings(max_examples=50)
@given(st.lists(st.integers(1, 6), min_size=1, max_size=6))
def test_losses_of_a_thinned_sample_are_those_of_all_its_subsets(sizes: list[int]) -> None:
    expected = 0.0
    for size in sizes:
        for count in range(1, size + 1):
            for _ in combinations(range(size), count):
                expected += (count - 1) * 0.5**size
    assert lost_of([(size, 1) for size in sizes], 0.5) == pytest.approx(expected)
    assert lost_of([(size, 1) for size in sizes], 1.0) == sum(size - 1 for size in sizes)


def test_the_growth_of_duplicates_is_told_from_two_nested_samples() -> None:
    """Contents that turn up at rates of their own, each seen at a twentieth of the rate at first."""
    for shape in (0.5, 2.0, 20.0):
        random = np.random.default_rng(7)
        counts = random.poisson(random.gamma(shape, 3.0 / shape, 40_000))
        seen = random.binomial(counts, 0.2)
        sizes, clusters = np.unique(seen[seen > 1], return_counts=True)
        found = share_lost(float(seen.sum()), list(zip(sizes.tolist(), clusters.tolist(), strict=True)), 5.0)
        truth = 1 - (counts > 0).sum() / counts.sum()
        assert found == pytest.approx(truth, rel=0.1)
    assert share_lost(100, [], 20) == 0.0
    assert share_lost(100, [(2, 1)], 1.0) == pytest.approx(0.01, rel=0.01)


@given(st.floats(-0.9, 30), st.floats(1e-3, 1e3), st.floats(1, 100))
def test_the_share_of_different_documents_falls_as_a_corpus_grows(shape: float, scale: float, times: float) -> None:
    assert 0 < different(shape, scale, times) <= different(shape, scale, 1.0) * (1 + 1e-9) <= 1 + 1e-6


@given(st.integers(1, 50), st.floats(0, 10), st.floats(0, 5))
def test_costs_are_told_apart(tasks: int, each: float, slope: float) -> None:
    costs = [(amount, each * tasks + slope * amount) for amount in (10.0, 40.0)]
    found = line(tasks, *costs)
    assert found.at(tasks, 40.0) == pytest.approx(costs[1][1], rel=NOISE - 1, abs=1e-9)
    if each > 1e-3 and costs[1][1] > 1.1 * costs[0][1]:
        assert found == pytest.approx((each, slope), rel=1e-6)


def test_costs_that_fall_are_noise() -> None:
    assert line(4, (10, 8.0), (40, 4.0)) == (1.5, 0.0)
    assert line(4, (10, 0.5), (40, 4.0)) == (0.0, 0.1)
    assert line(1, (1, 2.0), (1, 2.0)) == (2.0, 0.0)


@given(st.integers(1, 40), st.integers(1, 12))
def test_tasks_take_as_long_as_those_of_the_busiest_worker(tasks: int, workers: int) -> None:
    busy = [0.0] * workers
    for _ in range(tasks):
        busy[busy.index(min(busy))] += 1
    assert makespan(tasks, tasks, workers) == pytest.approx(max(busy))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 8), max_size=60), st.floats(0.05, 1), st.integers(0, 3))
def test_drawn_records_stand_for_all_and_copies_stay_together(names: list[int], rate: float, seed: int) -> None:
    keys = np.array([[name + level for level in range(LEVELS)] for name in names], np.uint32).reshape(-1, LEVELS)
    found = draw(keys, rate, seed)
    assert found.weights[found.chosen].sum() == pytest.approx(len(names))
    for name in set(names):
        inside = np.array(names) == name
        assert len(set(found.groups[inside])) == 1
        assert found.chosen[inside].sum() in (0, min(MOST_MEMBERS, inside.sum()))


def test_large_groups_are_divided_by_further_functions() -> None:
    template = np.tile(np.array([7] * LEVELS, np.uint32), (40, 1))
    template[:, 1] = np.arange(40) // 2  # pairs that share the second least shingle too
    groups, levels = group(np.vstack([template, np.full((3, LEVELS), 9, np.uint32)]))
    assert np.bincount(groups[:40], minlength=groups.max() + 1).max() == 2
    assert set(levels[:40]) == {2}
    assert set(levels[40:]) == {1}


def test_samples_have_every_source_and_the_bytes_that_were_asked_for() -> None:
    found = (
        *files(*[2_000] * 3000, source="pages"),
        *files(*[90_000] * 60, source="books"),
        *files(500, source="note"),
    )
    total = sum(file.size for file in found)
    sample = draw_sample(Whole(), found, total // 20, 3)
    sources = {each.file.source for task in sample.tasks for each in task.ranges}
    assert sources == {"pages", "books", "note"}
    assert 0.03 < sample.share < 0.09
    assert sum(sample.sizes) == total
    assert sample == draw_sample(Whole(), found, total // 20, 3)
    assert sample != draw_sample(Whole(), found, total // 20, 4)
    nested = thinned(sample, 4)
    for part, whole in zip(nested.tasks, sample.tasks, strict=True):
        assert part.ranges
        assert set(part.ranges) <= set(whole.ranges)
    assert draw_sample(Whole(), found, total, 3).whole


def test_strata_part_small_files_from_large_ones() -> None:
    found = strata_of((*files(*[100] * 500), *files(*[60_000] * 10, source="")), 32_000)
    assert sorted({file.size for file in stratum.files} for stratum in found) == [{100}, {60_000}]


def test_units_are_dealt_once_each() -> None:
    units = [FileRange(file, file.size) for file in files(*range(1, 24))]
    hands = deal(units, 5, Random(1))
    assert sorted(each.size for hand in hands for each in hand.ranges) == list(range(1, 24))
    assert {len(hand.ranges) for hand in hands} == {4, 5}
