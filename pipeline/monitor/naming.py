"""What steps are called where people wait for them: by what they do."""

from prep.pipeline.monitor.state import PhaseState, StepState
from prep.pipeline.plan import GlobalStep, PassStep
from prep.pipeline.steps.passes import PHASE
from prep.pipeline.steps.phases import phases
from prep.stages.stage import Stage

MOST_NAMED = 3
"""Stages of a pass that are named; of more, the first two and the number of the others."""


def stages_of_step(step: PassStep | GlobalStep) -> tuple[Stage, ...]:
    """Return the stages that a step runs, in order."""
    if isinstance(step, GlobalStep):
        return (step.stage,)
    source = () if step.source is None else (step.source[1],)
    return (*source, *(stage for _, stage in step.stages))


def describe_step(step: PassStep | GlobalStep) -> str:
    """Return what a step does: `reading, extracting text, identifying languages`."""
    does = [stage.does or stage.name for stage in stages_of_step(step)]
    if not does:
        return "writing the documents that are left"
    if len(does) > MOST_NAMED:
        return f"{', '.join(does[: MOST_NAMED - 1])} and {len(does) - MOST_NAMED + 1} more"
    return ", ".join(does)


def step_state(step: PassStep | GlobalStep) -> StepState:
    """Return a step as the state of a run holds it, before it runs."""
    tasks = [PhaseState(PHASE, step.tasks)] if isinstance(step, PassStep) else _phases(step)
    return StepState(step.title, describe_step(step), step.folder, [each.name for each in stages_of_step(step)], tasks)


def _phases(step: GlobalStep) -> list[PhaseState]:
    return [PhaseState(phase.name, phase.tasks) for phase in phases(step)]
