"""One task of a Global stage's phase."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from prep.pipeline.plan import GlobalStep
from prep.pipeline.steps import records
from prep.pipeline.steps.passes import run_tap, tap_path
from prep.stages.stage import Counts, GlobalContext, Phase, Upstream

TAP = "tap"


@dataclass(frozen=True)
class PhaseTask:
    """Everything a worker needs to run any task of a phase."""

    notes: ClassVar[bool] = False
    step: GlobalStep
    phase: str
    steps_folder: str

    def run(self, task: int) -> None:
        """Run one task and write its record."""
        folder = f"{self.steps_folder}/{self.step.folder}"
        counts: Mapping[int, Counts] = {}
        if self.phase == TAP:
            assert self.step.tap is not None
            run_tap(self.step.tap, self.steps_folder, part_path(self.step, self.steps_folder, task), task)
        else:
            result = self.step.stage.run(self.phase, task, context(self.step, self.steps_folder))
            counts = {} if result is None else {self.step.position: result}
        records.write_task(folder, self.phase, task, counts, [])


def record_taps(step: GlobalStep, steps_folder: str) -> None:
    """Write the records of the tap's tasks whose tables the pass before has made on its way."""
    if step.tap is None:
        return
    folder = f"{steps_folder}/{step.folder}"
    for task in records.pending(folder, TAP, step.parts):
        if Path(tap_path(steps_folder, step.tap, task)).exists():
            records.write_task(folder, TAP, task, {}, [])


def phases(step: GlobalStep) -> tuple[Phase, ...]:
    """Return a step's phases, beginning with its tap where it has one."""
    return (*((Phase(TAP, step.parts),) if step.tap else ()), *step.phases)


def context(step: GlobalStep, steps_folder: str) -> GlobalContext:
    """Return where the step's tasks read and write."""
    folder = f"{steps_folder}/{step.folder}"
    tasks = range(step.parts)
    taps = () if step.tap is None else tuple(tap_path(steps_folder, step.tap, task) for task in tasks)
    drops = tuple(
        tuple(f"{steps_folder}/{drop}/output/drops/{task:05d}.arrow" for drop in step.drops) for task in tasks
    )
    return GlobalContext(
        upstream=Upstream(tuple(part_path(step, steps_folder, task) for task in tasks), taps, drops),
        output=f"{folder}/output",
        scratch=f"{folder}/scratch",
        artefacts={name: f"{steps_folder}/{made}/output" for name, made in step.artefacts.items()},
    )


def part_path(step: GlobalStep, steps_folder: str, task: int) -> str:
    """Return the Parquet part that a task of the step belongs to."""
    return f"{steps_folder}/{step.previous}/parts/{task:05d}.parquet"
