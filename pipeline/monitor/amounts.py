"""Rates, durations and sizes as people read them."""

from collections.abc import Sequence

from prep.pipeline.monitor.meter import Reading
from prep.pipeline.monitor.slow_tasks import SlowTask

LEAST_SECONDS = 2.0
"""Before that nothing is said of rates and the time left."""


def duration(seconds: float) -> str:
    """Return a duration in at most two units: `3 min 20 s`, `2 h 5 min`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole < 600 else f"{whole // 60} min"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def rates(reading: Reading, seconds: float) -> str:
    """Return how many documents and bytes a phase takes in a second; empty where it reads none, or has just begun."""
    if seconds < LEAST_SECONDS or not reading.documents:
        return ""
    each = f"{_figure(reading.documents / seconds)} documents/s"
    return f"{each}, {_figure(reading.bytes / seconds / 1e6)} MB/s" if reading.bytes else each


def seconds_left(share: float, seconds: float) -> float | None:
    """Return how long a phase will take still; None where that is not known yet."""
    if seconds < LEAST_SECONDS or share <= 0.01:
        return None
    return seconds * (1 - share) / share


def progress_line(reading: Reading, seconds: float) -> str:
    """Return how far a phase is in one line."""
    left = seconds_left(reading.share, seconds)
    parts = [
        f"{reading.finished:,} of {reading.tasks:,} {'task' if reading.tasks == 1 else 'tasks'}",
        reading.note or (f"{reading.documents:,} documents" if reading.documents else ""),
        rates(reading, seconds),
        "" if left is None else f"about {duration(left)} left",
        slow_line(reading.slow),
    ]
    return ", ".join(part for part in parts if part)


def slow_line(slow: Sequence[SlowTask]) -> str:
    """Name the slowest of the tasks that take many times as long as most; empty where none does."""
    if not slow:
        return ""
    first, more = slow[0], f", {len(slow) - 1} more" if len(slow) > 1 else ""
    return (
        f"slow: task {first.task} on {first.host} ({duration(first.seconds)}, median "
        f"{duration(first.median_seconds)}){more}"
    )


def _figure(number: float) -> str:
    if number >= 10:
        return f"{number:,.0f}"
    return f"{number:.1f}" if number >= 1 else f"{number:.2g}"
