"""What a pipeline would do, and what no longer serves it: the answers of `prep check` and `prep clean`."""

from prep.pipeline import contract, plan
from prep.pipeline.config import Configuration
from prep.pipeline.integrity.inputs import survey
from prep.pipeline.monitor.answer import Answer
from prep.pipeline.monitor.naming import describe_step
from prep.pipeline.readiness import readiness_remarks
from prep.pipeline.steps.phases import phases


class PlannedPhase(Answer):
    """A set of tasks of a step."""

    name: str
    tasks: int


class PlannedStep(Answer):
    """A step that a run would take."""

    title: str
    does: str
    """What it does, for people."""
    stages: list[str]
    """Of a pass: the stages between reading and writing; of another step: its stage."""
    phases: list[PlannedPhase]
    """Empty for a pass."""
    tasks: int
    remarks: list[str]
    """What its stage says of itself."""


class CheckAnswer(Answer):
    """A pipeline that can work."""

    pipeline: str
    stages: int
    steps: list[PlannedStep]
    remarks: list[str]
    """What may keep a run from working, such as little space on the disk."""


class FolderAnswer(Answer):
    """A folder of a step that nothing needs."""

    folder: str
    bytes: int


class CleanAnswer(Answer):
    """Folders that no step needs."""

    folders: list[FolderAnswer]
    removed: bool
    """False where they were only named."""


def check_answer(configuration: Configuration, pipeline: str) -> CheckAnswer:
    """Return the plan of a checked configuration."""
    steps = plan.make_plan(configuration, survey).steps
    planned = [_planned(step, configuration) for step in steps]
    remarks = list(readiness_remarks(configuration))
    return CheckAnswer(pipeline=pipeline, stages=len(configuration.stages), steps=planned, remarks=remarks)


def _planned(step: plan.PassStep | plan.GlobalStep, configuration: Configuration) -> PlannedStep:
    if isinstance(step, plan.GlobalStep):
        position, stages = step.position, [step.stage.name]
        parts = [PlannedPhase(name=phase.name, tasks=phase.tasks) for phase in phases(step)]
        tasks = sum(phase.tasks for phase in parts)
    else:
        position, stages = 0 if step.source else -1, [stage.name for _, stage in step.stages]
        parts, tasks = [], step.tasks
    remarks = [] if position < 0 else list(contract.remarks(configuration, position))
    return PlannedStep(
        title=step.title, does=describe_step(step), stages=stages, phases=parts, tasks=tasks, remarks=remarks
    )
