"""The answer of `prep estimate`: figures with their intervals, what will not fit, and what takes the longest."""

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from prep.corpus.shards.shards import MANIFEST, read_manifest
from prep.pipeline.config import LocalExecutor, RayExecutor, SlurmExecutor
from prep.pipeline.estimating.answers import EstimateAnswer, Figure, SampleAnswer, StageEstimate, StepEstimate
from prep.pipeline.estimating.estimating import Found
from prep.pipeline.estimating.prediction import StepNeed
from prep.pipeline.monitor.naming import describe_step
from prep.pipeline.plan import GlobalStep
from prep.pipeline.readiness import existing_folder
from prep.stages.stage import GlobalStage

Floats = npt.NDArray[np.float64]

HOUR = 3600.0
GB = 1e9
SHARDS = "shards"
"""The artefact whose files say how many tokens they hold."""


def answer_of(found: Found, pipeline: str, seed: int, seconds: float) -> EstimateAnswer:
    """Return the answer from what was found; it must be called while the sample's folders stand."""
    return _Answering(found).answer(pipeline, seed, seconds)


class _Answering:
    def __init__(self, found: Found) -> None:
        self._found = found
        self._forecast = found.forecast
        self._needs = tuple(found.forecast.needs())

    def answer(self, pipeline: str, seed: int, seconds: float) -> EstimateAnswer:
        found, forecast, settings = self._found, self._forecast, self._found.configuration.settings
        flow, last = forecast.flow, len(found.configuration.stages) - 1
        steps = [self._step(need) for need in self._needs]
        cpu = sum((need.cpu for need in self._needs), start=np.zeros(1)) + forecast.start * forecast.workers
        wall = sum((need.wall for need in self._needs), start=np.zeros(1))
        disk, peak = self._disk()
        per_worker, memory = self._memory()
        tokens = self._tokens()
        sample = found.sample
        return EstimateAnswer(
            pipeline=pipeline,
            workers=forecast.workers,
            executor=settings.executor.kind,
            sample=SampleAnswer(
                bytes=sample.bytes,
                input_bytes=sample.total,
                files=len(found.files),
                tasks=len(sample.tasks),
                strata=len(sample.sizes),
                share=sample.share,
                seed=seed,
                exact=sample.whole,
                keyed_documents=found.copies.documents,
                looked_at=found.copies.share,
                seconds=seconds,
            ),
            documents_read=self._figure(flow.kept[0]),
            documents=self._figure(flow.kept[last]),
            text_bytes=self._figure(flow.last_text),
            tokens=None if tokens is None else self._figure(tokens),
            cpu_hours=self._figure(cpu / HOUR),
            wall_hours=self._figure(wall / HOUR),
            start_cpu_seconds=forecast.start,
            compiled_kernels=found.compiled,
            memory_bytes=memory,
            memory_per_worker_bytes=per_worker,
            steps_bytes=self._figure(disk),
            peak_disk_bytes=self._figure(peak),
            output_bytes=self._figure(self._output()),
            stages=list(self._stages()),
            steps=steps,
            bottleneck=self._bottleneck(),
            problems=list(self._problems(peak, per_worker, memory)),
            remarks=[*dict.fromkeys((*sample.remarks, *forecast.large.remarks, *self._remarks()))],
        )

    def _figure(self, draws: Floats) -> Figure:
        value, low, high = self._forecast.design.range(draws)
        return Figure(value=value, low=low, high=high)

    def _stages(self) -> Iterator[StageEstimate]:
        flow, cpu = self._forecast.flow, self._cpu_by_stage()
        for position, stage in enumerate(self._found.configuration.stages):
            rules = flow.rules.get(position, {})
            yield StageEstimate(
                name=stage.name,
                entered=self._figure(flow.entered[position]),
                kept=self._figure(flow.kept[position]),
                rejected=self._rules(rules, "rejected"),
                failed=self._rules(rules, "failed"),
                tagged=self._rules(rules, "tagged"),
                cpu_hours=self._figure(cpu.get(position, np.zeros(1)) / HOUR),
                duplicates=position in self._found.copies.lost,
            )

    def _rules(self, rules: Mapping[tuple[str, str], Floats], kind: str) -> dict[str, Figure]:
        return {name: self._figure(draws) for (of, name), draws in sorted(rules.items()) if of == kind and draws[0]}

    def _cpu_by_stage(self) -> dict[int, Floats]:
        """Return CPU seconds by the stages' positions; what a pass writes is its last stage's."""
        owners = {
            step.tap.folder: step.position
            for step in self._forecast.large.plan.steps
            if isinstance(step, GlobalStep) and step.tap is not None
        }
        found: dict[int, Floats] = {}
        last = 0
        for need, use in zip(self._needs, self._forecast.large.steps, strict=True):
            if isinstance(need.step, GlobalStep):
                last = need.step.position
                found[last] = found.get(last, 0) + need.cpu
                continue
            positions = [*([0] if need.step.source else []), *(position for position, _ in need.step.stages)]
            last = max([last, *positions])
            whole = max(1e-9, float(use.phases[0].cpu.sum()))
            shares = {owners[key] if isinstance(key, str) else key: each / whole for key, each in use.by_stage.items()}
            shares[last] = shares.get(last, 0.0) + max(0.0, 1 - sum(shares.values()))
            for position, share in shares.items():
                found[position] = found.get(position, 0) + need.cpu * share
        return found

    def _step(self, need: StepNeed) -> StepEstimate:
        longest = max(need.phases, key=lambda phase: phase.wall[0])
        return StepEstimate(
            title=need.step.title,
            does=describe_step(need.step),
            cpu_hours=self._figure(need.cpu / HOUR),
            fixed_cpu_seconds=sum(phase.fixed for phase in need.phases),
            wall_hours=self._figure(need.wall / HOUR),
            longest_phase=longest.name,
            tasks=longest.tasks,
            memory_bytes=max(phase.memory for phase in need.phases),
            disk_bytes=self._figure(need.disk),
            scratch_bytes=self._figure(need.scratch),
        )

    def _disk(self) -> tuple[Floats, Floats]:
        """Return the bytes of the folder of steps in the end, and at most."""
        stands = np.zeros(1)
        peak = np.zeros(1)
        for need in self._needs:
            stands = stands + need.disk
            peak = np.maximum(peak, stands + need.scratch)
        return stands, peak

    def _output(self) -> Floats:
        """Return the bytes of the results: the last pass, and what Global stages make."""
        made = set(self._forecast.plan.artefacts().values()) | {self._forecast.plan.documents.folder}
        return sum((need.disk for need in self._needs if need.step.folder in made), start=np.zeros(1))

    def _tokens(self) -> Floats | None:
        """Return the tokens of the shards; None where the pipeline makes none."""
        large = self._forecast.large
        folder = large.plan.artefacts().get(SHARDS)
        if folder is None:
            return None
        at = next(index for index, step in enumerate(large.plan.steps) if step.folder == folder)
        splits = sorted(Path(large.folder, folder, "output").glob(f"*/{MANIFEST}"))
        made = [read_manifest(str(path.parent)) for path in splits]
        step = large.plan.steps[at]
        assert isinstance(step, GlobalStep)
        tokens = sum(each.tokens for each in made)
        if step.stage != self._found.configuration.stages[step.position]:  # so many tokens as its settings say
            return np.full(len(self._forecast.flow.last_text), tokens / max(1e-9, self._found.sample.share))
        text = large.steps[at].text_bytes.sum()
        return self._forecast.flow.text[at] * (tokens / text if text else 0.0)

    def _memory(self) -> tuple[float, float]:
        """Return the memory of one process, and of all together, at most."""
        each = [
            (phase.memory, min(self._forecast.workers, phase.tasks)) for need in self._needs for phase in need.phases
        ]
        return max(memory for memory, _ in each), max(memory * count for memory, count in each)

    def _bottleneck(self) -> str:
        need = max(self._needs, key=lambda each: each.wall[0])
        longest = max(need.phases, key=lambda phase: phase.wall[0])
        whole = sum(each.wall[0] for each in self._needs)
        share = need.wall[0] / whole if whole else 0.0
        said = f"{need.step.title} takes {share:.0%} of the time"
        if longest.tasks == 1 or longest.tasks < self._forecast.workers:
            tasks = "a single task" if longest.tasks == 1 else f"{longest.tasks} tasks"
            return f"{said}, most of it in {tasks} ({longest.name}), which more workers do not speed up"
        return f"{said}; more workers speed it up, up to {longest.tasks:,}"

    def _problems(self, peak: Floats, per_worker: float, memory: float) -> Iterator[str]:
        """Yield what will not fit on the disk, or into memory."""
        settings = self._found.configuration.settings
        executor = settings.executor
        figure = self._figure(peak)
        free = shutil.disk_usage(existing_folder(settings.output)).free
        if figure.high > free:
            sure = "needs" if figure.value > free else "may need"
            yield (
                f"disk: the run {sure} {figure.value / GB:,.1f} GB ({figure.low / GB:,.1f} to {figure.high / GB:,.1f}) "
                f"where {settings.output} lies, and {free / GB:,.1f} GB are free"
            )
        if isinstance(executor, LocalExecutor):
            there = _machine_memory()
            if there and memory > there:
                fits = max(1, int(there // max(1.0, per_worker)))
                yield (
                    f"memory: {self._forecast.workers} workers take {memory / GB:,.1f} GB, and this machine has "
                    f"{there / GB:,.1f} GB; {fits} workers fit"
                )
        elif isinstance(executor, SlurmExecutor | RayExecutor):
            asked = executor.memory_gb_per_cpu * executor.cpus_per_task * GB
            if per_worker > asked:
                each = per_worker / GB / executor.cpus_per_task
                yield (
                    f"memory: a task takes {per_worker / GB:,.1f} GB, and asks {executor.kind} for "
                    f"{asked / GB:,.1f} GB; raise executor.memory_gb_per_cpu to {each:,.1f} or more"
                )

    def _remarks(self) -> Iterator[str]:
        found = self._found
        for before, after in self._smaller():
            yield f"{before.name}: run on the sample with {after}, for which it holds enough"
        comparing = [stage for stage in found.configuration.stages if isinstance(stage, GlobalStage) and stage.compares]
        if comparing and not found.copies.lost and not found.sample.whole:
            yield "duplicates are predicted by their share in the sample: records bring no content to find copies by"
        if found.copies.lost and found.copies.share < 1:
            seen = f"{found.copies.share:.0%} of the input"
            yield f"copies were looked for in {seen}; what the rest holds is predicted by how their number grows"

    def _smaller(self) -> Iterator[tuple[GlobalStage, str]]:
        """Yield the stages that ran with less than they are set to, and with what."""
        measured = self._forecast.large.configuration
        if measured is None:
            return
        for before, after in zip(self._found.configuration.stages, measured.stages, strict=True):
            if isinstance(before, GlobalStage) and isinstance(after, GlobalStage):
                usual = before.abridged(2, self._found.sample.share)
                if usual != after:
                    changed = (
                        name for name in type(before).model_fields if getattr(usual, name) != getattr(after, name)
                    )
                    yield before, ", ".join(f"{name} {getattr(after, name)}" for name in changed)


def _machine_memory() -> int:
    """Return the memory of this machine, 0 where the system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("MemTotal:")), 0)
