"""Runs the real steps of a pipeline over a sample, in this process, and measures what each task takes and leaves.

Each task is run by the same code as in `prep run`; around it the CPU seconds of the process, the wall clock, the peak
of resident memory and the bytes on disk are read. One task runs at a time, so that its figures are its own. Of a stage
for whose work the sample holds too little (a vocabulary of which it has not enough different words), a smaller form is
run instead, and noted.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from prep.corpus.arrow.documents import TEXT
from prep.corpus.errors import RunError
from prep.corpus.files.storage import remove_tree
from prep.pipeline.config import Configuration
from prep.pipeline.execution.clock import StageClock, cpu_seconds
from prep.pipeline.integrity.cleaning import size_of
from prep.pipeline.integrity.digesting import digests_here
from prep.pipeline.integrity.inputs import survey
from prep.pipeline.plan import GlobalStep, PassStep, Plan, make_plan
from prep.pipeline.steps import phases, records
from prep.pipeline.steps.effort import forget_peak, peak_bytes
from prep.pipeline.steps.finishing import finish_global, finish_pass
from prep.pipeline.steps.passes import PHASE, PassTask
from prep.stages.results import Counts
from prep.stages.stage import GlobalStage, Phase, SourceStage, Stage
from prep.stages.upstream import Upstream

Floats = npt.NDArray[np.float64]
Rule = tuple[str, str]
"""`rejected`, `failed` or `tagged`, and the name."""


@dataclass(frozen=True)
class PhaseUse:
    """What a phase of a step took."""

    phase: str
    tasks: int
    cpu: Floats
    """CPU seconds (tasks)."""
    wall: float
    """Seconds by the clock, all tasks one after another."""
    memory: int
    """Bytes of resident memory, at most."""
    before: int
    """Bytes of resident memory when it began."""
    amount: float
    """How much work it was, as the stage counts it."""


@dataclass(frozen=True)
class StepUse:
    """What a step took and left."""

    title: str
    phases: tuple[PhaseUse, ...]
    by_stage: Mapping[int | str, float]
    """CPU seconds of a pass by the stages' positions and the taps' folders."""
    disk: Floats
    """Bytes that stay on disk, by the sample's task (tasks); what a step writes as a whole is spread evenly."""
    scratch: int
    """Bytes that are removed when the step is done."""
    text_bytes: Floats
    """Bytes of text in the documents that come in, by the sample's task; of a pass, in those that go out."""


@dataclass(frozen=True)
class Measured:
    """A run over a sample."""

    plan: Plan
    folder: str
    """Of the steps' folders."""
    steps: tuple[StepUse, ...]
    entered: Mapping[int, Floats]
    """Documents that came into each stage, by its position and by the sample's task."""
    kept: Mapping[int, Floats]
    rules: Mapping[int, Mapping[Rule, Floats]]
    remarks: tuple[str, ...] = ()
    configuration: Configuration | None = field(default=None, repr=False)

    @property
    def cpu(self) -> float:
        """CPU seconds of all tasks."""
        return sum(float(phase.cpu.sum()) for step in self.steps for phase in step.phases)


def measure(configuration: Configuration, source: SourceStage, folder: str, run: int, share: float) -> Measured:
    """Run a pipeline on another source. Raises RunError where a stage cannot work on the sample."""
    stages = [each.abridged(run, share) if isinstance(each, GlobalStage) else each for each in configuration.stages[1:]]
    remarks: list[str] = []
    for before, after in zip(configuration.stages[1:], stages, strict=True):
        if getattr(before, "index", None) is not None and getattr(after, "index", None) is None:
            remarks.append(f"{before.name}: the index is left out, so what earlier crawls hold too is not counted")
    settings = configuration.settings.model_copy(update={"output": folder, "workers": 1})
    changed = replace(configuration, settings=settings, stages=(source, *stages))
    return _Run(changed, f"{folder}/steps", remarks).measured()


class _Run:
    """Goes through the steps; a stage that cannot work is made smaller, and the plan is made again from there."""

    def __init__(self, configuration: Configuration, folder: str, remarks: list[str]) -> None:
        self._configuration = configuration
        self._folder = folder
        self._remarks = remarks
        self._plan = make_plan(configuration, survey)

    def measured(self) -> Measured:
        used: list[StepUse] = []
        while len(used) < len(self._plan.steps):
            step = self._plan.steps[len(used)]
            Path(self._folder, step.folder).mkdir(parents=True, exist_ok=True)
            if isinstance(step, PassStep):
                used.append(self._pass(step))
                continue
            try:
                used.append(self._global(step))
            except RunError as error:
                self._make_smaller(step, error)
        entered, kept, rules = self._counts()
        remarks = tuple(self._remarks)
        return Measured(self._plan, self._folder, tuple(used), entered, kept, rules, remarks, self._configuration)

    def _make_smaller(self, step: GlobalStep, error: RunError) -> None:
        smaller = step.stage.smaller()
        if smaller is None:
            raise RunError(f"{step.title}, on the sample: {error}; take a larger --sample") from error
        stages: list[Stage] = list(self._configuration.stages)
        stages[step.position] = smaller
        self._configuration = replace(self._configuration, stages=tuple(stages))
        remove_tree(f"{self._folder}/{step.folder}")
        self._plan = make_plan(self._configuration, survey)

    def _pass(self, step: PassStep) -> StepUse:
        folder, clock = f"{self._folder}/{step.folder}", StageClock[int | str]()
        settings = self._configuration.settings
        work = PassTask(step, self._folder, settings.batch_bytes, settings.storage, clock=clock)
        use = self._phase(work.run, Phase(PHASE, step.tasks))
        finish_pass(step, folder)
        made = [records.read_task(folder, PHASE, task) for task in range(step.tasks)]
        disk = np.array([sum(stamp.bytes for stamp in record.files.values()) for record in made], np.float64)
        texts = _texts(Upstream(tuple(f"{folder}/parts/{task:05d}.parquet" for task in range(step.tasks))))
        amount = float(sum(record.bytes for record in made))
        return StepUse(step.title, (replace(use, amount=amount),), clock.seconds, disk, 0, texts)

    def _global(self, step: GlobalStep) -> StepUse:
        folder = f"{self._folder}/{step.folder}"
        phases.record_taps(step, self._folder, digests_here(1))
        texts = _texts(phases.context(step, self._folder).upstream)
        used = []
        for phase in phases.phases(step):
            work = phases.PhaseTask(step, phase.name, self._folder, self._configuration.settings.storage)
            waiting = records.pending(folder, phase.name, phase.tasks)
            if waiting:
                amount = step.stage.amount(phase.name, float(texts.sum()))
                used.append(replace(self._phase(work.run, phase), amount=amount))
        scratch = size_of(Path(folder, "scratch")) if Path(folder, "scratch").exists() else 0
        finish_global(step, self._folder)
        disk = np.full(step.parts, size_of(Path(folder)) / max(1, step.parts))
        return StepUse(step.title, tuple(used), {}, disk, scratch, texts)

    def _phase(self, work: Callable[[int], None], phase: Phase) -> PhaseUse:
        cpu = np.zeros(phase.tasks)
        before, begun = resident_bytes(), monotonic()
        memory = before
        for task in range(phase.tasks):
            forget_peak()
            started = cpu_seconds()
            work(task)
            cpu[task] = cpu_seconds() - started
            memory = max(memory, peak_bytes())
        return PhaseUse(phase.name, phase.tasks, cpu, monotonic() - begun, memory, before, 0.0)

    def _counts(self) -> tuple[dict[int, Floats], dict[int, Floats], dict[int, dict[Rule, Floats]]]:
        """Return what came into, and stayed in, each stage, and what its rules took, by the sample's task."""
        first = self._plan.steps[0]
        assert isinstance(first, PassStep)
        tasks = first.tasks
        entered: dict[int, Floats] = {}
        kept: dict[int, Floats] = {}
        rules: dict[int, dict[Rule, Floats]] = {}
        for step in self._plan.steps:
            for task, counts in self._task_counts(step):
                for position, each in counts.items():
                    entered.setdefault(position, np.zeros(tasks))[task] += each.entered
                    kept.setdefault(position, np.zeros(tasks))[task] += each.kept
                    own = rules.setdefault(position, {})
                    for rule, count in _rules(each):
                        own.setdefault(rule, np.zeros(tasks))[task] += count
        return entered, kept, rules

    def _task_counts(self, step: PassStep | GlobalStep) -> Iterator[tuple[int, Mapping[int, Counts]]]:
        folder = f"{self._folder}/{step.folder}"
        steps = (Phase(PHASE, step.tasks),) if isinstance(step, PassStep) else phases.phases(step)
        found = False
        for phase in steps:
            for task in range(phase.tasks):
                counts = records.read_task(folder, phase.name, task).counts
                found = found or bool(counts)
                yield task, counts
        if not found:  # a stage without verdicts: its manifest says how many there were in all
            for position, each in records.read_manifest(folder).counts.items():
                parts = step.tasks if isinstance(step, PassStep) else step.parts
                for task in range(parts):
                    yield task, {position: Counts(each.entered / parts, each.kept / parts)}  # type: ignore[arg-type]


def _rules(counts: Counts) -> Iterator[tuple[Rule, int]]:
    for kind in ("rejected", "failed", "tagged"):
        for name, count in getattr(counts, kind).items():
            yield (kind, name), count


def _texts(upstream: Upstream) -> Floats:
    """Return the bytes of text of the documents in each part."""
    found = np.zeros(len(upstream.parts))
    for part in range(len(upstream.parts)):
        if TEXT.name in upstream.schema(part).names:
            columns = [batch.column(TEXT.name) for batch in upstream.documents(part, [TEXT.name])]
            found[part] = sum(pc.sum(pc.binary_length(column)).as_py() or 0 for column in columns)
    return found


def resident_bytes() -> int:
    """Return the resident memory of this process; 0 where the system reports none."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) << 10
    return 0
