"""The part of the page about what a run cost: CPU time, rate and memory by stage, and where most of the time went."""

from collections.abc import Sequence
from typing import NamedTuple

from prep.pipeline.monitor.amounts import duration
from prep.pipeline.monitor.state import StepState, read_state
from prep.pipeline.reports.page.markup import Child, Markup, bar, element, in_bytes, section, share, table
from prep.pipeline.results.funnel import StageGroups
from prep.pipeline.steps.effort import WRITING, Effort, read_step_effort

_LEAST = 0.01
"""CPU seconds from which on a rate says something."""


class _Cost(NamedTuple):
    """What a stage cost."""

    step: str
    stage: str
    seconds: float
    """Of CPU time."""
    bytes: int
    """That came into it; 0 where that is not known."""
    wall: float | None
    """Of the step, by the clock."""
    peak: int
    """The most memory of a process of the step."""


def effort(output: str, groups: Sequence[StageGroups]) -> Markup | None:
    """Return what each stage cost; None where the folders of steps are not there any more."""
    state = read_state(f"{output}/steps")
    if state is None:
        return None
    names = [name for step in state.steps for name in step.stages]
    sizes = {at: each.bytes for at, each in enumerate(groups)}
    costs: list[_Cost] = []
    for step in state.steps:
        spent = read_step_effort(f"{output}/steps/{step.folder}")
        if spent is not None:
            costs += _of_step(step, spent, names, sizes, state.seconds_before.get(step.title))
    if not costs:
        return None
    whole, most = sum(cost.seconds for cost in costs), max(costs, key=lambda cost: cost.seconds)
    rows: list[tuple[Child, ...]] = []
    for at, cost in enumerate(costs):
        new = at == 0 or costs[at - 1].step != cost.step
        rows.append(
            (
                cost.stage,
                f"{cost.seconds:,.1f}",
                share(cost.seconds, whole),
                bar(cost.seconds, most.seconds),
                f"{in_bytes(cost.bytes / cost.seconds)}/s" if cost.bytes and cost.seconds >= _LEAST else "",
                in_bytes(cost.peak) if new else "",
                duration(cost.wall) if new and cost.wall is not None else "",
                cost.step if new else "",
            )
        )
    bottleneck = (
        f"Most of the CPU time went into {most.stage} ({most.step}): {share(most.seconds, whole)} of {whole:,.1f} s."
    )
    memory = max(costs, key=lambda cost: cost.peak)
    note = "Memory and clock are those of a step as a whole. "
    note += f"The most memory that one process held was {in_bytes(memory.peak)}, while {memory.step}. "
    note += f"{state.workers:,} {'worker' if state.workers == 1 else 'workers'} on {state.executor}; rates are bytes "
    note += "into a stage for a second of CPU time. A first run compiles kernels, which counts for the stage that "
    note += "calls them first."
    headings = ("stage", "CPU seconds", "share", "", "rate", "peak memory", "by the clock", "step")
    return section(
        "Time and memory",
        element("p", element("b", "Bottleneck: "), bottleneck),
        table(headings, rows, remarks=1),
        element("p", note, kind="note"),
    )


def _of_step(
    step: StepState, effort: Effort, names: Sequence[str], sizes: dict[int, int], before: float | None
) -> list[_Cost]:
    wall = before if step.seconds is None else step.seconds
    return [
        _Cost(
            step.does,
            "writing and preparing" if at == WRITING else names[at],
            seconds,
            sizes.get(at, 0),
            wall,
            effort.peak_bytes,
        )
        for at, seconds in sorted(effort.cpu_seconds.items(), key=lambda item: (item[0] == WRITING, item[0]))
    ]
