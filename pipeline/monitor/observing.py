"""What is known of a run at this moment, by what it has left in its output folder: the answer of `prep status`."""

from collections.abc import Iterator, Mapping
from time import time

from prep.corpus.errors import CorruptFileError
from prep.pipeline.monitor.amounts import LEAST_SECONDS, seconds_left
from prep.pipeline.monitor.answer import Answer
from prep.pipeline.monitor.failures import run_command
from prep.pipeline.monitor.meter import Meter, Reading
from prep.pipeline.monitor.slow_tasks import SlowTask
from prep.pipeline.monitor.state import (
    Failure,
    RunState,
    Standing,
    StepStanding,
    StepState,
    heartbeat_age,
    read_state,
    standing_of,
)
from prep.pipeline.results.run_warnings import read_warnings
from prep.pipeline.steps import records
from prep.stages.results import Counts


class StepAnswer(Answer):
    """A step of a run."""

    title: str
    does: str
    """What it does, for people."""
    standing: StepStanding
    seconds: float | None = None
    """How long it took; null where it has not ended, or stood already."""


class ProgressAnswer(Answer):
    """How far the step that runs is."""

    step: int
    """Its place among the steps, from 1."""
    phase: int
    """Its phase, from 1."""
    phases: int
    finished: int
    """Tasks of the phase that are done."""
    tasks: int
    share: float
    """How much of the phase is done, from 0 to 1."""
    documents: int
    """Documents that have gone into the phase; 0 for a phase that reads none."""
    bytes: int
    """Their size."""
    documents_per_second: float | None
    bytes_per_second: float | None
    seconds: float
    """How long the phase has run."""
    seconds_left: float | None
    """How long it will take still, about; null where that is not known yet."""
    note: str
    """What a long task says of itself, such as a training run of its loss."""
    slow: list[SlowTask]
    """Tasks that take many times as long as those that are done took."""


class StageAnswer(Answer):
    """What a stage did to documents: `entered` + `repeated` = `kept` + all rejected + all failed."""

    name: str
    entered: int
    kept: int
    rejected: Mapping[str, int]
    """By rule."""
    failed: Mapping[str, int]
    """By error."""
    repeated: int = 0
    """Copies made."""
    tagged: Mapping[str, int] = {}
    """Documents kept that a rule applies to which only notes what it would reject, by rule."""


class FailureAnswer(Answer):
    """Why a run failed."""

    step: str
    """What the step does; empty where the run failed outside its steps."""
    message: str
    hint: str
    """What to change, and how to go on."""


class StatusAnswer(Answer):
    """How a run stands. Times are seconds since 1970."""

    output: str
    standing: Standing
    pipeline: str
    """The configuration's file, as it was named."""
    host: str
    pid: int
    workers: int
    executor: str
    started: float
    ended: float | None
    heartbeat_seconds: float | None
    """How long ago the run last showed that it lives."""
    activity: str
    steps: list[StepAnswer]
    progress: ProgressAnswer | None
    """Of the step that runs, or ran when the run ended early."""
    run_seconds_left: float | None
    """How long the run will take still, by how long its steps took before; null where they never ran."""
    funnel: list[StageAnswer]
    """As far as the run is; of the step that runs, the tasks that are done."""
    warnings: int
    failure: FailureAnswer | None
    next: str
    """The command to type next."""


def observe(output: str) -> StatusAnswer | None:
    """Look at a run's output folder; None where no run has been there."""
    return Observer(output).look()


class Observer:
    """Looks at a run's output folder again and again; records of tasks that it has read it does not read once more."""

    def __init__(self, output: str) -> None:
        self._output = output
        self._meter: Meter | None = None
        self._measured: tuple[int | None, int | None, float | None] | None = None
        """Step, phase and its begin of what the meter measures."""

    def look(self) -> StatusAnswer | None:
        """Return how the run stands; None where no run has been there."""
        folder = f"{self._output}/steps"
        state = read_state(folder)
        if state is None:
            return None
        phase = (state.at, state.phase, state.phase_started)
        if phase != self._measured:
            self._meter, self._measured = _meter(folder, state), phase
        return _answer(self._output, state, self._meter)


def _answer(output: str, state: RunState, meter: Meter | None) -> StatusAnswer:
    folder = f"{output}/steps"
    standing = standing_of(folder, state)
    reading = None if meter is None else meter.read()
    progress = None if reading is None or standing == "done" else _progress(state, reading)
    return StatusAnswer(
        output=output,
        standing=standing,
        pipeline=state.pipeline,
        host=state.host,
        pid=state.pid,
        workers=state.workers,
        executor=state.executor,
        started=state.started,
        ended=state.ended,
        heartbeat_seconds=heartbeat_age(folder),
        activity=state.activity,
        steps=[_step(step, standing, at == state.at) for at, step in enumerate(state.steps)],
        progress=progress,
        run_seconds_left=_run_seconds_left(state, progress) if standing == "running" else None,
        funnel=list(_funnel(folder, state, meter)),
        warnings=len(read_warnings(output)),
        failure=_failure(state.failure) if standing == "failed" else None,
        next=_next(state, standing, output),
    )


def stage_answer(name: str, counts: Counts) -> StageAnswer:
    """Return what a stage did as commands print it."""
    rejected, failed = dict(counts.rejected), dict(counts.failed)
    return StageAnswer(
        name=name,
        entered=counts.entered,
        kept=counts.kept,
        rejected=rejected,
        failed=failed,
        repeated=counts.repeated,
        tagged=dict(counts.tagged),
    )


def _step(step: StepState, standing: Standing, current: bool) -> StepAnswer:
    own: StepStanding = "waiting" if step.standing == "running" and standing != "running" else step.standing
    if current and standing == "failed" and own != "done":
        own = "failed"
    return StepAnswer(title=step.title, does=step.does, standing=own, seconds=step.seconds)


def _meter(folder: str, state: RunState) -> Meter | None:
    if state.at is None or state.phase is None or not state.steps:
        return None
    step = state.steps[state.at]
    phase = step.phases[state.phase]
    return Meter(f"{folder}/{step.folder}", phase.name, phase.tasks)


def _progress(state: RunState, reading: Reading) -> ProgressAnswer:
    assert state.at is not None
    assert state.phase is not None
    begun = state.phase_started or state.started
    seconds = max(0.0, (state.ended or time()) - begun)
    known = seconds >= LEAST_SECONDS and reading.documents > 0
    return ProgressAnswer(
        step=state.at + 1,
        phase=state.phase + 1,
        phases=len(state.steps[state.at].phases),
        finished=reading.finished,
        tasks=reading.tasks,
        share=reading.share,
        documents=reading.documents,
        bytes=reading.bytes,
        documents_per_second=reading.documents / seconds if known else None,
        bytes_per_second=reading.bytes / seconds if known and reading.bytes else None,
        seconds=seconds,
        seconds_left=seconds_left(reading.share, seconds),
        note=reading.note,
        slow=list(reading.slow),
    )


def _run_seconds_left(state: RunState, progress: ProgressAnswer | None) -> float | None:
    if state.at is None or progress is None:
        return None
    later = [state.seconds_before.get(step.title) for step in state.steps[state.at + 1 :] if step.standing != "done"]
    own = state.seconds_before.get(state.steps[state.at].title)
    if own is None or any(each is None for each in later):
        return None
    done = (progress.phase - 1 + progress.share) / progress.phases
    return own * (1 - done) + sum(each for each in later if each is not None)


def _funnel(folder: str, state: RunState, meter: Meter | None) -> Iterator[StageAnswer]:
    names = [name for step in state.steps for name in step.stages]
    for at, step in enumerate(state.steps):
        counts: Mapping[int, Counts] = {}
        try:
            counts = records.read_manifest(f"{folder}/{step.folder}").counts
        except FileNotFoundError:
            if at == state.at and meter is not None:
                counts = meter.counts()
        except CorruptFileError:  # it is made again
            pass
        for position, each in sorted(counts.items()):
            yield stage_answer(names[position], each)


def _failure(failure: Failure | None) -> FailureAnswer | None:
    return None if failure is None else FailureAnswer(step=failure.step, message=failure.message, hint=failure.hint)


def _next(state: RunState, standing: Standing, output: str) -> str:
    if standing == "running":
        return f"prep status {output} --watch"
    if standing == "done":
        return f"prep report {output} --open"
    return run_command(state.pipeline, tuple(state.overrides))
