"""What grows with the input and what does not: costs of two nested samples, continued to the whole.

A phase of n tasks that does an amount x of work costs a · n + b · x. Two samples of the same tasks, one nested in the
other, give both. What lies in the way of tasks of equal size is that a phase ends with its last task: n tasks on w
workers take as long as the ⌈n / w⌉ of one worker. Cost: none.
"""

from math import ceil
from typing import NamedTuple

NOISE = 1.08
"""What costs no more than so many times as much is taken to cost the same: a machine's speed varies by that much."""


class Line(NamedTuple):
    """A cost: so much for each task, and so much for each unit of work."""

    each: float
    slope: float

    def at(self, tasks: float, amount: float) -> float:
        """Return what so many tasks cost that do so much work."""
        return self.each * tasks + self.slope * amount


def line(tasks: int, small: tuple[float, float], large: tuple[float, float]) -> Line:
    """Return the line through two measurements of (amount, cost), of so many tasks each.

    Neither part is below 0: where a larger sample costs no more than a smaller one, none of the cost is taken to grow.
    """
    (first, low), (second, high) = small, large
    if second <= first or tasks == 0:
        return Line(high / max(1, tasks), 0.0)
    slope = (high - NOISE * low) / (second - first)
    if slope <= 0:
        return Line((low + high) / 2 / tasks, 0.0)
    slope = (high - low) / (second - first)
    each = (high - slope * second) / tasks
    return Line(each, slope) if each > 0 else Line(0.0, high / second)


def makespan(cost: float, tasks: int, workers: int) -> float:
    """Return how long tasks of equal cost take together."""
    return cost / tasks * ceil(tasks / workers) if tasks else 0.0
