"""`prep estimate`: the real stages over samples of the input, and what follows for all of it.

1. A sample of stretches is drawn (`sampling`), and the pipeline runs over a few of them, which compiles kernels and
   loads models, then over a part and over all of it (`measuring`). The last two tell what grows with the input from
   what does not (`costs`), and their tasks how far it can be trusted (`intervals`).
2. A sample in which copies stay together (`keyed`) runs up to the last stage that compares documents, whose losses grow
   faster than the input (`duplicates`, `growth`).
3. Documents are followed through the stages (`funnel`), and steps are costed (`prediction`, `memory`).

Nothing is written outside a temporary folder.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory

import numpy as np

from prep.corpus.errors import RunError
from prep.corpus.files.retrying import storage_access
from prep.corpus.files.storage import is_remote
from prep.corpus.kernel_cache import compiled_functions
from prep.pipeline.config import Configuration
from prep.pipeline.estimating.duplicates import Loss, losses
from prep.pipeline.estimating.funnel import flow_of, shares_of
from prep.pipeline.estimating.intervals import Design, design
from prep.pipeline.estimating.keyed import Looked, has_content, keyed_sample, look
from prep.pipeline.estimating.measuring import Measured, StepUse, measure
from prep.pipeline.estimating.memory import worker_memory
from prep.pipeline.estimating.prediction import Forecast
from prep.pipeline.estimating.sampled_source import HeldSource, SampledSource
from prep.pipeline.estimating.sampling import Sample, draw, thinned
from prep.pipeline.execution.clock import cpu_seconds
from prep.pipeline.execution.interrupts import INTERRUPTS
from prep.pipeline.integrity.inputs import survey
from prep.pipeline.plan import PassStep, make_plan
from prep.pipeline.steps import records
from prep.pipeline.steps.passes import PHASE, PassTask
from prep.stages.stage import FileRange, GlobalStage, InputFile, Partition, SourceStage

PILOT = 2_000_000
"""Bytes of the sample that says how large one can be, where no size is given."""
SECONDS = 40.0
"""CPU seconds for each of the two samples, where no size is given."""
PART = 4
"""The smaller sample has every so many-th stretch of the larger."""
COLD_TASKS = 4
"""Tasks of the first run, most of whose cost is that of starting."""
LOOK_SECONDS = 60.0
"""CPU seconds for looking at the content of the input."""
HASH_SECONDS = 3e-8
"""CPU seconds that hashing a byte of content takes, about."""
FULL_BATCHES = 2
"""Batches that the task reads by which memory is measured."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Copies:
    """What looking at the content of the input has shown."""

    documents: int
    """In the sample in which copies stay together; 0 where there was none."""
    share: float
    """Of the input, that was looked at."""
    read: Looked | None
    """How many records the input has; None where not all of it was looked at."""
    lost: Mapping[int, Loss]
    """What stages that compare documents lose, by their positions."""


_NOTHING = Copies(0, 0.0, None, {})


@dataclass(frozen=True)
class Found:
    """Everything that the answer is made of."""

    configuration: Configuration
    sample: Sample
    copies: Copies
    forecast: Forecast
    compiled: int
    files: tuple[InputFile, ...]


@dataclass(frozen=True)
class SampleSize:
    """How large the sample is to be."""

    bytes: int | None = None
    share: float | None = None
    """Of the input; with neither, as large as fits into about two minutes."""


@contextmanager
def found(configuration: Configuration, size: SampleSize, seed: int, say: Say) -> Iterator[Found]:
    """Run the samples, whose folders stand while the block runs. Raises RunError where a stage cannot work on them."""
    with (
        TemporaryDirectory(prefix="prep-estimate-") as folder,
        INTERRUPTS.calling(partial(rmtree, folder, ignore_errors=True)),
        storage_access(configuration.settings.storage),
    ):
        yield _Search(configuration, seed, folder, say).found(size)


class _Search:
    """One prediction."""

    def __init__(self, configuration: Configuration, seed: int, folder: str, say: Say) -> None:
        source = configuration.stages[0]
        assert isinstance(source, SourceStage)
        self._configuration = configuration
        self._source = source
        self._files = source.list_files()
        self._total = sum(file.size for file in self._files)
        self._seed = seed
        self._folder = folder
        self._say = say

    def found(self, size: SampleSize) -> Found:
        before = compiled_functions()
        cold, few = self._cold()
        compiled = compiled_functions() - before
        sample = draw(self._source, self._files, self._wanted(size), self._seed)
        self._say(f"running {len(sample.tasks)} tasks of {sample.bytes:,} bytes, {sample.share:.1%} of the input")
        part = thinned(sample, PART)
        copies = _NOTHING if sample.whole else self._copies(sample, part, self._reading(part))
        self._say("measuring")
        large = self._run("large", sample, 2)
        small = large if sample.whole else self._run("small", part, 1)
        own = _design(sample, self._seed)
        flow = flow_of(large, own, shares_of(copies.lost, copies.share, self._seed), copies.read)
        base, packed = self._worker(sample, large.steps[0])
        start = max(0.0, cold - small.cpu * few.bytes / max(1, part.bytes))
        plan, workers = make_plan(self._configuration, survey), self._configuration.settings.workers
        forecast = Forecast(small, large, plan, own, flow, workers, start, base, packed)
        return Found(self._configuration, sample, copies, forecast, compiled, self._files)

    def _reading(self, sample: Sample) -> Measured:
        """Run the stages before the first that needs all documents."""
        stages = self._configuration.stages
        end = next((at for at, each in enumerate(stages) if isinstance(each, GlobalStage)), len(stages))
        until = replace(self._configuration, stages=stages[:end])
        source = SampledSource.over(self._source, self._files, sample.tasks)
        return measure(until, source, f"{self._folder}/reading", 1, sample.share)

    def _cold(self) -> tuple[float, Sample]:
        """Run a little, which compiles kernels and loads models; return the CPU seconds that took, and what was run."""
        self._say("compiling kernels and loading models")
        sample = draw(self._source, self._files, min(PILOT, self._total), self._seed + 1, COLD_TASKS)
        few = thinned(sample, len(sample.tasks[0].ranges)) if sample.tasks else sample
        return self._timed("cold", few), few

    def _timed(self, name: str, sample: Sample) -> float:
        """Return the CPU seconds of a run over a sample, which may be too small for a stage."""
        begun = cpu_seconds()
        with suppress(RunError):
            self._run(name, sample, 0)
        return cpu_seconds() - begun

    def _wanted(self, size: SampleSize) -> int:
        """Return the bytes of the sample; where no size is given, as many as a short run shows there is time for."""
        if size.bytes is not None:
            return size.bytes
        if size.share is not None:
            return round(size.share * self._total)
        pilot = draw(self._source, self._files, min(PILOT, self._total), self._seed + 2, COLD_TASKS)
        return min(self._total, max(PILOT, round(SECONDS / self._timed("pilot", pilot) * pilot.bytes)))

    def _run(self, name: str, sample: Sample, run: int) -> Measured:
        folder = f"{self._folder}/{name}"
        source = SampledSource.over(self._source, self._files, sample.tasks)
        return measure(self._configuration, source, folder, run, sample.share)

    def _copies(self, sample: Sample, part: Sample, first: Measured) -> "Copies":
        """Look at the content of the input, and predict what stages that compare documents take away."""
        stages, schema = self._configuration.stages, self._source.output_schema(self._files)
        batch_bytes = self._configuration.settings.batch_bytes
        tasks, share = self._looked_at(sample, part, first)
        comparing = [at for at, each in enumerate(stages) if isinstance(each, GlobalStage) and each.compares]
        self._say(f"looking at {share:.0%} of the input")
        if not comparing or not has_content(schema):
            read = look(self._source, tasks, schema, batch_bytes) if share == 1 else None
            return Copies(0, share, read, {})
        keyed = keyed_sample(self._source, tasks, schema, min(1.0, sample.share / share), batch_bytes, self._seed)
        self._say(f"running {len(keyed.members):,} documents in which copies stay together")
        until = replace(self._configuration, stages=stages[: comparing[-1] + 1])
        measured = measure(until, HeldSource.of(schema, keyed.tasks), f"{self._folder}/keyed", 2, sample.share)
        read = keyed.read if share == 1 else None
        return Copies(len(keyed.members), share, read, losses(measured, keyed))

    def _looked_at(self, sample: Sample, part: Sample, first: Measured) -> tuple[tuple[Partition, ...], float]:
        """Return what is looked at: all of the input, or as much as LOOK_SECONDS allow, of waiting where it is far."""
        use = first.steps[0]
        far = any(is_remote(file.path) for file in self._files)
        once = use.phases[0].wall if far else use.by_stage.get(0, 0.0)
        reading = 2 * once + use.phases[0].amount * HASH_SECONDS
        share = LOOK_SECONDS / max(1e-9, reading / part.share)
        if share >= 1:
            return self._source.partitions(self._files), 1.0
        if share <= 2 * sample.share:
            return sample.tasks, sample.share
        longer = draw(self._source, self._files, round(share * self._total), self._seed + 3)
        return longer.tasks, longer.share

    def _worker(self, sample: Sample, use: StepUse) -> tuple[float, float]:
        """Return the memory of a process that reads full batches, and how much less what it writes takes on disk."""
        settings = self._configuration.settings
        wanted, ranges = FULL_BATCHES * settings.batch_bytes, list[FileRange]()
        content = use.phases[0].amount / max(1, sample.bytes)
        for each in (each for task in sample.tasks for each in task.ranges):
            if sum(item.size for item in ranges) * content < wanted:
                ranges.append(each)
        source = SampledSource.over(self._source, self._files, (Partition(tuple(ranges)),))
        changed = replace(self._configuration, stages=(source, *self._configuration.stages[1:]))
        step, folder = make_plan(changed, survey).steps[0], f"{self._folder}/worker"
        assert isinstance(step, PassStep)
        Path(folder, step.folder).mkdir(parents=True, exist_ok=True)
        memory = worker_memory(PassTask(step, folder, settings.batch_bytes, settings.storage))
        if not memory or sample.whole:
            return float(memory), 1.0
        record = records.read_task(f"{folder}/{step.folder}", PHASE, 0)
        left = sum(stamp.bytes for stamp in record.files.values()) / max(1, record.bytes)
        usual = float(use.disk.sum()) / max(1.0, use.phases[0].amount)
        return float(memory), min(1.0, left / usual) if usual else 1.0


def _design(sample: Sample, seed: int) -> Design:
    strata = np.array(sample.strata, np.int64)
    seen = np.array([task.size for task in sample.tasks], np.float64)
    share = 1.0 if sample.whole else sample.share
    return design(strata, seen, np.array(sample.sizes, np.float64), share, seed)
