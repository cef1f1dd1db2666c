"""A prediction on a terminal."""

from collections.abc import Callable

from rich.table import Table

from prep.pipeline.estimating.answers import EstimateAnswer, Figure
from prep.pipeline.monitor.amounts import duration
from prep.pipeline.reports.terminal import Terminal

HOUR = 3600


def print_estimate(console: Terminal, answer: EstimateAnswer) -> None:
    """Print a prediction."""
    sample = answer.sample
    if sample.exact:
        console.print(
            f"All of the input was run ({sample.input_bytes:,} bytes): these figures are exact, but for time."
        )
    else:
        console.print(
            f"Predicted from {sample.share:.1%} of {sample.input_bytes:,} bytes in {sample.files:,} files; "
            f"in brackets, the interval of {answer.interval}.",
            soft_wrap=True,
        )
    console.print()
    _print_stages(console, answer)
    console.print()
    rows = [
        ("documents kept", count(answer.documents)),
        ("text", size(answer.text_bytes)),
        *([("tokens", count(answer.tokens))] if answer.tokens is not None else []),
        ("CPU time", hours(answer.cpu_hours)),
        (f"time with {answer.workers} worker{'s' * (answer.workers > 1)}", hours(answer.wall_hours)),
        ("memory", f"{_size(answer.memory_bytes)}, {_size(answer.memory_per_worker_bytes)} per worker"),
        ("disk, steps", size(answer.steps_bytes)),
        ("disk, at most", size(answer.peak_disk_bytes)),
        ("disk, results", size(answer.output_bytes)),
    ]
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for row in rows:
        table.add_row(*row)
    console.print(table)
    console.print(f"\nbottleneck: {answer.bottleneck}", soft_wrap=True)
    for remark in answer.remarks:
        console.print(f"note: {remark}", soft_wrap=True)
    for problem in answer.problems:
        console.print(f"will not fit: {problem}", soft_wrap=True)


def _print_stages(console: Terminal, answer: EstimateAnswer) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("stage", no_wrap=True)
    table.add_column("lost", overflow="fold")
    table.add_column("kept", justify="right", no_wrap=True)
    table.add_column("CPU", justify="right", no_wrap=True)
    for stage in answer.stages:
        table.add_row(stage.name, "", count(stage.kept), duration(stage.cpu_hours.value * HOUR))
        lost = [(f"{name}", each) for group in (stage.rejected, stage.failed) for name, each in group.items()]
        for name, each in sorted(lost, key=lambda item: -item[1].value):
            table.add_row("", name, count(each), "")
    console.print(table)


def count(figure: Figure) -> str:
    """Return a number with its interval."""
    return _with(figure, lambda value: f"{value:,.0f}")


def size(figure: Figure) -> str:
    """Return a number of bytes with its interval."""
    return _with(figure, _size)


def hours(figure: Figure) -> str:
    """Return a duration with its interval."""
    return _with(figure, lambda value: duration(value * HOUR))


def _with(figure: Figure, shown: Callable[[float], str]) -> str:
    if figure.low == figure.high:
        return shown(figure.value)
    return f"{shown(figure.value)} ({shown(figure.low)} – {shown(figure.high)})"


def _size(value: float) -> str:
    for power, unit in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB")):
        if value >= power:
            return f"{value / power:,.1f} {unit}"
    return f"{value / 1e3:,.1f} kB"
