"""From what samples took to what the whole input would take: time, memory and disk of each step."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from prep.pipeline.estimating.costs import Line, line, makespan
from prep.pipeline.estimating.funnel import Flow
from prep.pipeline.estimating.intervals import Design
from prep.pipeline.estimating.measuring import Measured, PhaseUse, StepUse
from prep.pipeline.plan import GlobalStep, PassStep, Plan
from prep.pipeline.steps import phases
from prep.pipeline.steps.passes import PHASE
from prep.stages.stage import Phase

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PhaseNeed:
    """What a phase would take of the whole input."""

    name: str
    tasks: int
    cpu: Floats
    """CPU seconds, by draw."""
    fixed: float
    """CPU seconds, of these, that do not grow with the input."""
    wall: Floats
    """Seconds, by draw."""
    memory: float
    """Bytes of a process."""


@dataclass(frozen=True)
class StepNeed:
    """What a step would take of the whole input."""

    step: PassStep | GlobalStep
    phases: tuple[PhaseNeed, ...]
    disk: Floats
    scratch: Floats

    @property
    def cpu(self) -> Floats:
        """CPU seconds, by draw."""
        return sum((phase.cpu for phase in self.phases), start=np.zeros_like(self.disk))

    @property
    def wall(self) -> Floats:
        """Seconds, by draw."""
        return sum((phase.wall for phase in self.phases), start=np.zeros_like(self.disk))


@dataclass(frozen=True)
class Forecast:
    """Two measurements of the same tasks, and what is known of the whole."""

    small: Measured
    large: Measured
    plan: Plan
    """Of the whole input."""
    design: Design
    flow: Flow
    workers: int
    start: float
    """CPU seconds that a process takes to start, kernels and models included."""
    base: float
    """Bytes of memory of a process that runs a pass with full batches."""
    packed: float
    """What full batches take on disk, as a multiple of what the sample's tasks take for the same documents."""

    def needs(self) -> Iterator[StepNeed]:
        """Yield what each step would take."""
        for index, step in enumerate(self.plan.steps):
            small, large = self.small.steps[index], self.large.steps[index]
            if isinstance(step, PassStep):
                yield self._pass(index, step, small, large)
            else:
                yield self._global(index, step, small, large)

    def _pass(self, index: int, step: PassStep, small: StepUse, large: StepUse) -> StepNeed:
        before, use = small.phases[0], large.phases[0]
        cost = line(use.tasks, (before.amount, before.cpu.sum()), (use.amount, use.cpu.sum()))
        if index == 0:
            growing, disk = self.design.totals(np.maximum(0, use.cpu - cost.each)), self.design.totals(large.disk)
        else:
            times = self._times(index, large)
            growing, disk = cost.slope * use.amount * times, large.disk.sum() * times
        fixed = cost.each * step.tasks
        cpu = growing + fixed
        wall = cpu / max(1, step.tasks) * -(-step.tasks // self.workers) if step.tasks else np.zeros_like(cpu)
        need = PhaseNeed(PHASE, step.tasks, cpu, fixed, wall + self.start, self.base)
        return StepNeed(step, (need,), disk * self.packed, np.zeros_like(disk))

    def _global(self, index: int, step: GlobalStep, small: StepUse, large: StepUse) -> StepNeed:
        text = self.flow.text[index]
        known = {use.phase: use for use in small.phases}
        tasks = {phase.name: phase.tasks for phase in phases.phases(step)}
        needs = tuple(self._phase(step, Phase(use.phase, tasks[use.phase]), known, use, text) for use in large.phases)
        times = self._times(index, large)
        parts = len(large.disk)
        sizes = (small.text_bytes.sum(), small.disk.sum()), (large.text_bytes.sum(), large.disk.sum())
        kept = line(parts, *sizes) if step.stage.grows else Line(sizes[1][1] / max(1, parts), 0.0)
        return StepNeed(step, needs, kept.each * parts + kept.slope * text, large.scratch * times)

    def _phase(
        self, step: GlobalStep, phase: Phase, known: Mapping[str, PhaseUse], use: PhaseUse, text: Floats
    ) -> PhaseNeed:
        before = known.get(use.phase, use)
        cost: Line = line(use.tasks, (before.amount, before.cpu.sum()), (use.amount, use.cpu.sum()))
        amounts = np.array([step.stage.amount(phase.name, float(each)) for each in text])
        fixed = cost.each * phase.tasks
        cpu = fixed + cost.slope * amounts
        alone = min(1.0, use.wall / max(1e-9, use.cpu.sum())) if phase.tasks == 1 else 1.0
        wall = np.array([makespan(each, phase.tasks, self.workers) for each in cpu * alone])
        each = (amounts[0] / max(1, phase.tasks)) / max(1e-9, use.amount / max(1, use.tasks))
        memory = self.base + max(0, use.memory - use.before) * max(1.0, each)
        return PhaseNeed(phase.name, phase.tasks, cpu, fixed, wall, memory)

    def _times(self, index: int, large: StepUse) -> Floats:
        """Return how many times the sample's text comes into a step."""
        seen = large.text_bytes.sum()
        return self.flow.text[index] / seen if seen else np.zeros_like(self.flow.text[index])
