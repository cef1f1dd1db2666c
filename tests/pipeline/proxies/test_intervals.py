"""Intervals over seeds against textbook tests, and sentences against tables made by hand."""

import numpy as np
import pytest
from scipy.stats import ttest_ind, ttest_rel

from prep.pipeline.proxies.answer import DifferenceAnswer, Kind, LineAnswer
from prep.pipeline.proxies.intervals import differences, seeds_needed
from prep.pipeline.proxies.verdict import verdicts

VALUES = np.random.default_rng(4).normal(size=(2, 5)) + np.array([[0.0], [1.0]])


@pytest.mark.parametrize(("paired", "test"), [(True, ttest_rel), (False, ttest_ind)])
def test_two_corpora_are_compared_by_the_t_test(paired: bool, test: object) -> None:
    (found,) = differences(VALUES, paired, 0.9, 1)
    low, high = test(VALUES[1], VALUES[0]).confidence_interval(0.9)  # type: ignore[operator]
    assert found.half_width is not None
    assert (found.mean - found.half_width, found.mean + found.half_width) == pytest.approx((low, high))


def test_more_comparisons_widen_intervals_and_more_corpora_share_their_noise() -> None:
    one, many = (differences(VALUES, True, 0.95, count)[0].half_width for count in (1, 10))
    assert one is not None
    assert many is not None
    assert many > 1.5 * one
    three = np.vstack([VALUES, VALUES[::-1].mean(0)])
    assert len(differences(three, True, 0.95, 2)) == 2


def test_one_seed_says_nothing_of_the_noise() -> None:
    (found,) = differences(VALUES[:, :1], True, 0.95, 1)
    assert found.half_width is None
    assert not found.clear
    assert seeds_needed(VALUES[:, :1], True, 0.95, 1, 0.01) is None


def test_seeds_needed_are_enough_and_not_too_many() -> None:
    needed = seeds_needed(VALUES, True, 0.95, 1, 0.8)
    assert needed is not None
    assert 2 < needed < 100
    half = differences(VALUES, True, 0.95, 1)[0].half_width
    assert half is not None
    assert (half <= 0.8) == (needed <= 5)


def test_equal_corpora_with_other_seeds_are_level_nine_times_in_ten_at_least() -> None:
    random, level = np.random.default_rng(7), 0
    for _ in range(300):
        lines = random.normal(size=(6, 2, 4))
        level += not any(differences(line, True, 0.95, 6)[0].clear for line in lines)
    assert level / 300 > 0.9


def line(name: str, *found: tuple[float, float | None], kind: Kind = "set") -> LineAnswer:
    between = [
        DifferenceAnswer(
            corpus=f"c{place}",
            difference=change,
            half_width=half,
            verdict="level" if half is None or abs(change) <= half else "better" if change < 0 else "worse",
        )
        for place, (change, half) in enumerate(found)
    ]
    return LineAnswer(
        kind=kind,
        name=name,
        size="nano",
        values={},
        differences=between,
        seeds_for_one_percent=3,
    )


def test_a_verdict_names_what_is_better_worse_and_level() -> None:
    lines = [
        line("books", (-0.8, 0.3), (0.1, 0.3)),
        line("web", (2.5, 1.0), (0.2, 0.9)),
        line("docs", (0.1, 0.4), (0.0, 0.4)),
    ]
    assert verdicts(lines, ["a", "b", "c"], "nano", 5) == [
        "b is better than a on books by 0.80 % ± 0.3, and worse than a on web by 2.5 % ± 1; level elsewhere",
        "no difference between c and a beyond the noise of 5 seeds: differences of less than 0.3 to 0.9 % would not be "
        "seen",
    ]
    (sentence,) = verdicts([line("books", (0.1, 2.08)), line("web", (0.2, 2.11))], ["a", "b"], "nano", 5)
    assert sentence.endswith("differences of less than 2.1 % would not be seen")


def test_there_is_no_verdict_from_one_seed() -> None:
    (sentence,) = verdicts([line("books", (-9.0, None))], ["a", "b"], "nano", 1)
    assert sentence.startswith("no verdict on b against a")
