"""How a run stands, for people: what `prep status` prints, and the first lines of `prep report` of one that failed."""

from collections.abc import Iterator
from time import sleep, time

from rich.console import Group
from rich.live import Live
from rich.text import Text

from prep.pipeline.monitor.amounts import duration, progress_line
from prep.pipeline.monitor.meter import Reading
from prep.pipeline.monitor.observing import Observer, ProgressAnswer, StatusAnswer
from prep.pipeline.reports.report import funnel_table
from prep.pipeline.reports.terminal import Terminal

MARKS = {"done": "✓", "running": "▶", "failed": "✗", "waiting": "·"}
WATCH_SECONDS = 1.0
PLAIN_WATCH_SECONDS = 30.0


def print_standing(console: Terminal, answer: StatusAnswer, *, steps: bool = True, funnel: bool = True) -> None:
    """Print how a run stands, with what its stages did to documents where it has not ended well."""
    for line in standing_lines(answer, steps=steps):
        console.print(line, soft_wrap=True)
    if funnel and answer.standing != "done" and answer.funnel:
        console.print(funnel_table([(each.name, each) for each in answer.funnel]))
    print_end(console, answer)


def print_failure(console: Terminal, answer: StatusAnswer) -> None:
    """Print where a run failed, what to change and what to type, below the error itself."""
    assert answer.failure is not None
    done = sum(step.standing == "done" for step in answer.steps)
    if answer.failure.step:
        console.print(f"failed while {answer.failure.step}; {done} of {len(answer.steps)} steps are done")
    console.print(f"  {answer.failure.hint}")
    console.print(f"  look at what there is: prep report {answer.output}")


def print_end(console: Terminal, answer: StatusAnswer) -> None:
    """Print the warnings there are, and the command to type next."""
    if answer.warnings:
        console.print(f"warnings: {answer.warnings}; see: prep report {answer.output}", soft_wrap=True)
    console.print(f"next: {answer.next}", soft_wrap=True)


def watch(console: Terminal, output: str, answer: StatusAnswer) -> StatusAnswer:
    """Print how a run stands again and again until it ends; return the last answer."""
    if not console.is_terminal:
        return _watch_plain(console, Observer(output), answer)
    observer = Observer(output)
    with Live(console=console, auto_refresh=False, transient=True) as live:
        while answer.standing == "running":
            lines = [Text(line) for line in standing_lines(answer)]
            table = funnel_table([(each.name, each) for each in answer.funnel])
            live.update(Group(*lines, *([table] if answer.funnel else [])), refresh=True)
            sleep(WATCH_SECONDS)
            answer = observer.look() or answer
    return answer


def _watch_plain(console: Terminal, observer: Observer, answer: StatusAnswer) -> StatusAnswer:
    said, at = "", 0.0
    while answer.standing == "running":
        line = answer.activity if answer.progress is None else f"{answer.activity}, {_progress(answer.progress)}"
        if line.partition(":")[0] != said or time() - at >= PLAIN_WATCH_SECONDS:
            console.print(line, soft_wrap=True)
            said, at = line.partition(":")[0], time()
        sleep(WATCH_SECONDS)
        answer = observer.look() or answer
    return answer


def standing_lines(answer: StatusAnswer, *, steps: bool = True) -> Iterator[str]:
    """Yield how a run stands: in all, by step, and why it failed."""
    yield _headline(answer)
    for number, step in enumerate(answer.steps if steps else (), start=1):
        took = "" if step.seconds is None else f", {duration(step.seconds)}"
        more = ""
        progress = answer.progress
        if progress is not None and progress.step == number and step.standing != "done":
            more = f": {_progress(progress)}"
        yield f"  {MARKS[step.standing]} {number} {step.does}{took}{more}"
    if answer.failure is not None:
        where = f" while {answer.failure.step}" if answer.failure.step else ""
        yield f"failed{where}: {answer.failure.message}"
        yield f"  {answer.failure.hint}"


def _headline(answer: StatusAnswer) -> str:
    where = f"{answer.output}: "
    done = sum(step.standing == "done" for step in answer.steps)
    of = f"{done} of {len(answer.steps)} steps done" if answer.steps else answer.activity
    if answer.standing == "running":
        beat = "" if answer.heartbeat_seconds is None else f", heartbeat {duration(answer.heartbeat_seconds)} ago"
        left = "" if answer.run_seconds_left is None else f", about {duration(answer.run_seconds_left)} left"
        workers = f"{answer.workers} worker{'' if answer.workers == 1 else 's'}"
        since = duration(time() - answer.started)
        return f"{where}running for {since} (process {answer.pid} on {answer.host}{beat}), {workers}, {of}{left}"
    if answer.standing == "interrupted":
        return f"{where}interrupted, {of}; it had begun {_ago(answer.started)} on {answer.host}"
    took = "" if answer.ended is None else f" after {duration(answer.ended - answer.started)}"
    return f"{where}{answer.standing}{took}, {_ago(answer.ended or answer.started)}, {of}"


def _progress(progress: ProgressAnswer) -> str:
    phase = f"{progress.phase} of {progress.phases}, " if progress.phases > 1 else ""
    amounts = (progress.finished, progress.tasks, progress.documents, progress.bytes, progress.share, progress.note)
    slow = tuple(progress.slow)
    return f"{phase}{progress.share:.0%}, {progress_line(Reading(*amounts, slow), progress.seconds)}"


def _ago(moment: float) -> str:
    return f"{duration(time() - moment)} ago"
