"""A run: the plan's steps in order, each only where its manifest does not stand already, and what they made published.

A run believes files, not records: what is missing, cut off or changed is named, made again by the task that wrote it,
and the steps that read it follow where it comes out differently. What a step reads is compared with its digest first,
once per run.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from time import time

from prep.corpus.errors import CorruptFileError, RunError, TaskError
from prep.corpus.files.compression import TRUNCATED
from prep.corpus.files.retrying import storage_access
from prep.corpus.files.storage import write_json
from prep.pipeline.cards.publish_cards import write_cards
from prep.pipeline.config import Configuration, LocalExecutor
from prep.pipeline.execution.alone import alone
from prep.pipeline.execution.dispatch import Dispatcher
from prep.pipeline.execution.interrupts import INTERRUPTS
from prep.pipeline.execution.tasks import Call, Doubling
from prep.pipeline.integrity.checking import Damage, forget_step, forget_tasks, manifest_damage, task_damage
from prep.pipeline.integrity.digesting import Digests, DigestTask, digests_by_tasks, digests_here
from prep.pipeline.integrity.inputs import Say, identify
from prep.pipeline.monitor.failures import failure_of
from prep.pipeline.monitor.naming import describe_step, step_state
from prep.pipeline.monitor.state import Recorder, begin_state, write_configuration
from prep.pipeline.plan import GlobalStep, PassStep, Plan, make_plan
from prep.pipeline.remote.storing import Storing, prepare, storing
from prep.pipeline.reports.progress import Progress
from prep.pipeline.results.ledger import Ledger, PassCounts, Truncation
from prep.pipeline.results.publish import publish, truncated_inputs
from prep.pipeline.results.run_warnings import find_warnings, write_warnings
from prep.pipeline.steps import phases, records
from prep.pipeline.steps.finishing import finish_global, finish_pass
from prep.pipeline.steps.partitions import without_plan
from prep.pipeline.steps.passes import PHASE, PassTask
from prep.pipeline.steps.small_phases import holds_little, is_light
from prep.stages.results import RunWarning
from prep.stages.stage import InputFile, Phase

MOST_REPAIRS = 3
"""A step whose files are damaged more often than that in one run is given up: the disk is not to be trusted."""


def steps_folder(configuration: Configuration) -> str:
    """Return the folder that holds the steps' folders."""
    return f"{configuration.settings.output}/steps"


def plan_for(configuration: Configuration, say: Say = lambda activity: None) -> Plan:
    """Identify the input files and plan the steps; `say` is told what takes time."""
    folder, threads = steps_folder(configuration), configuration.settings.workers

    def identified(files: Sequence[InputFile]) -> tuple[InputFile, ...]:
        say(f"looking at {len(files):,} input files")
        known = identify(files, folder, threads, say)
        say(f"planning the steps for {len(files):,} input files")
        return known

    say("listing the input")
    with storage_access(configuration.settings.storage):
        return make_plan(configuration, identified)


@dataclass(frozen=True)
class Result:
    """What a run did."""

    ledger: Ledger
    ran: tuple[str, ...]
    """Titles of the steps that ran; the others stood already."""
    warnings: tuple[RunWarning, ...] = ()


def run(configuration: Configuration, progress: Progress) -> Result:
    """Bring every step up to date, verify the ledger and publish the results, after each step that ran.

    Raises TaskError where a task fails, LedgerError where documents are not accounted for. What failed is written down
    for `prep status` and `prep report`.
    """
    settings, folder = configuration.settings, steps_folder(configuration)
    begun = begin_state(configuration.file, configuration.overrides, settings.workers, settings.executor.kind)
    prepare(configuration)
    with alone(folder), storing(configuration) as store, Recorder(folder, begun) as recorder:
        try:
            with INTERRUPTS.calling(partial(recorder.update, standing="interrupted", ended=time())):
                result = _run(configuration, progress, recorder, store)
        except Exception as error:
            failure = failure_of(error, recorder.state, configuration)
            recorder.update(standing="failed", ended=time(), failure=failure)
            raise
        recorder.update(standing="done", ended=time(), activity="done", at=None, phase=None)
    return result


def _run(configuration: Configuration, progress: Progress, recorder: Recorder, store: Storing) -> Result:
    folder, output = steps_folder(configuration), configuration.settings.output
    if configuration.text:
        write_configuration(output, configuration.text)
    plan = plan_for(configuration, partial(_say, recorder, progress))
    recorder.update(steps=list(map(step_state, plan.steps)))
    progress.begin(recorder.state)
    settings = configuration.settings
    try:
        with Dispatcher(settings.executor, lambda: recorder.state.workers, progress.say) as dispatcher:
            steps = _Steps(plan, configuration, dispatcher, progress, recorder, store)
            for step in plan.steps:
                ran = len(steps.ran)
                steps.bring_up(step)
                if len(steps.ran) > ran and step is not plan.steps[-1]:
                    _publish(configuration, plan.until(step), final=False)
                    store.send()
    except TaskError as error:
        before = _found(configuration, plan, truncated_inputs(plan, folder))
        raise TaskError(f"{error}\nwhat was found before:\n{_lines(before)}" if before else str(error)) from error
    recorder.update(activity="publishing the results")
    ledger, found = _publish(configuration, plan, final=True)
    opt_outs = ["" if stage.tag else stage.opt_outs for stage in configuration.stages]
    write_cards(output, configuration.settings.title, opt_outs, configuration.settings.card)
    for leftover in Path(folder).rglob(".*.tmp"):  # what killed runs were writing
        leftover.unlink(missing_ok=True)
    store.finish()
    return Result(ledger, tuple(dict.fromkeys(steps.ran)), tuple(found))


def _say(recorder: Recorder, progress: Progress, activity: str) -> None:
    recorder.update(activity=activity)
    progress.planning(activity)


def _publish(configuration: Configuration, plan: Plan, *, final: bool) -> tuple[Ledger, list[RunWarning]]:
    """Verify the ledger of the plan's steps, all of which are complete, and publish what they made.

    A strict run publishes its warnings as it goes, its results once it has ended without any.
    """
    folder, output = steps_folder(configuration), configuration.settings.output
    ledger = read_ledger(configuration, plan)
    ledger.verify()
    found = _found(configuration, plan, ledger.truncated)
    strict = configuration.settings.strict
    if found and strict and final:
        raise RunError(f"strict: {len(found)} warnings, nothing is published\n{_lines(found)}")
    if final or not strict:
        publish(plan, ledger, folder, output)
    return ledger, found


def _found(configuration: Configuration, plan: Plan, truncated: Sequence[Truncation]) -> list[RunWarning]:
    """Find the warnings of the steps that are complete, and write them."""
    found = list(find_warnings(configuration, plan, steps_folder(configuration), truncated))
    output = configuration.settings.output
    return write_warnings(output, found, configuration.file, configuration.remote or output)


def _lines(found: Sequence[RunWarning]) -> str:
    return "\n".join(f"  {item.name}: {item.message}; see: {item.command}" for item in found)


def read_ledger(configuration: Configuration, plan: Plan) -> Ledger:
    """Put the ledger together from the steps' manifests; stages behind the plan's last step are not in it."""
    folder = steps_folder(configuration)
    manifests = [records.read_manifest(f"{folder}/{step.folder}") for step in plan.steps]
    counts = {position: item for manifest in manifests for position, item in manifest.counts.items()}
    of = {at: each for manifest in manifests for at, each in manifest.groups.items()}
    tried = {at: each for manifest in manifests for at, each in manifest.tried.items()}
    names = [stage.name for at, stage in enumerate(configuration.stages) if at in counts]
    passes, before = [], -1
    for step, manifest in zip(plan.steps, manifests, strict=True):
        own = [step.position] if isinstance(step, GlobalStep) else [at for at, _ in (*_source(step), *step.stages)]
        last = max([before, *own])
        if isinstance(step, PassStep):
            passes.append(PassCounts(step.title, before, last, manifest.read, manifest.written))
        before = last
    places = range(len(names))
    found, groups = [counts[at] for at in places], [of.get(at, ()) for at in places]
    thresholds = [tried.get(at, ()) for at in places]
    truncated = truncated_inputs(plan, folder) if any(TRUNCATED in item.failed for item in found) else []
    return Ledger(names, found, truncated, passes, groups, thresholds)


class _Steps:
    """Brings steps up to date, one after another."""

    def __init__(
        self,
        plan: Plan,
        configuration: Configuration,
        dispatcher: Dispatcher,
        progress: Progress,
        recorder: Recorder,
        store: Storing,
    ) -> None:
        self._plan = plan
        self._dispatcher = dispatcher
        self._store = store
        self._recorder = recorder
        self._configuration = configuration
        self._progress = progress
        self._root = steps_folder(configuration)
        self._confirmed: set[str] = set()
        """Folders of steps whose files were compared with their digests in this run."""
        self._holds_little = False
        """Whether the step that runs works on few bytes, so that the driver of a cluster runs its light phases."""
        settings = configuration.settings
        self._digests: Digests = digests_here(settings.workers)
        if not isinstance(settings.executor, LocalExecutor):
            self._digests = digests_by_tasks(self._root, self._run_digests, otherwise=self._digests)
        self._repairs = dict.fromkeys((step.folder for step in plan.steps), 0)
        self.ran: list[str] = []

    def bring_up(self, step: PassStep | GlobalStep) -> None:
        """Run what is left of a step, or what has to be done again."""
        folder = f"{self._root}/{step.folder}"
        self._recorder.update(at=step.index, phase=None, activity=describe_step(step))
        INTERRUPTS.where = describe_step(step)
        if not Path(folder, records.MANIFEST).exists():
            self._run(step)
            return
        damages = manifest_damage(folder, thorough=False)
        if damages:
            self._repair(step, damages)
        else:
            self._progress.skip(step)
            self._recorder.update_step(step.index, standing="done")

    def _confirm(self, needed: Sequence[PassStep | GlobalStep]) -> None:
        """Compare the files of steps that are going to be read with their digests; repair what is damaged."""
        for step in needed:
            while step.folder not in self._confirmed:
                damages = manifest_damage(f"{self._root}/{step.folder}", thorough=True, digests=self._digests)
                if damages:
                    self._repair(step, damages)
                else:
                    self._confirmed.add(step.folder)

    def _run_digests(self, work: DigestTask, tasks: int) -> None:
        self._progress.say(f"comparing files with their digests, in {tasks:,} tasks")
        self._dispatcher.run(Call(work, work.label, tuple(range(tasks)), work.folder, work.label), work.done)

    def _repair(self, step: PassStep | GlobalStep, damages: Sequence[Damage]) -> None:
        """Make damaged files of a complete step again, and the steps after it where files come out differently."""
        self._repairs[step.folder] += 1
        if self._repairs[step.folder] > MOST_REPAIRS:
            raise RunError(f"{damages[0]}, again and again; check the disk that holds {self._root}")
        self._progress.damaged(step, damages)
        folder = f"{self._root}/{step.folder}"
        before = _files(folder)
        if isinstance(step, PassStep):
            forget_tasks(folder, PHASE, step.tasks, damages)
        else:
            forget_step(folder)
        self._run(step)
        if before and _files(folder) != before:
            for later in self._plan.steps[step.index + 1 :]:
                forget_step(f"{self._root}/{later.folder}")

    def _run(self, step: PassStep | GlobalStep) -> None:
        begun = time()
        self._recorder.update_step(step.index, standing="running")
        self._store.send()  # what is to be made again must not stand in the store
        self._work(step)
        self._recorder.update_step(step.index, standing="done", seconds=round(time() - begun, 3))
        self._progress.done(step, time() - begun)
        self.ran.append(step.title)

    def _work(self, step: PassStep | GlobalStep) -> None:
        folder = f"{self._root}/{step.folder}"
        self._confirm([found for found in self._plan.steps if found.folder in step.reads])
        self._look_at_tasks(step, folder)
        write_json(f"{folder}/{records.IDENTITY}", step.identity)
        settings = self._configuration.settings
        self._holds_little = not isinstance(settings.executor, LocalExecutor) and holds_little(step, self._root)
        if isinstance(step, PassStep):
            small = without_plan(step, folder)
            work = PassTask(small, self._root, settings.batch_bytes, settings.storage, self._store.copy)
            self._run_phase(work, step, Phase(PHASE, step.tasks))
            finish_pass(step, folder)
        else:
            phases.record_taps(step, self._root, self._digests)
            for phase in phases.phases(step):
                task = phases.PhaseTask(step, phase.name, self._root, settings.storage, self._store.copy)
                self._run_phase(task, step, phase)
            finish_global(step, self._root)

    def _look_at_tasks(self, step: PassStep | GlobalStep, folder: str) -> None:
        """Forget those tasks of an interrupted step whose files are not what they were."""
        damages = task_damage(folder, _phases(step), thorough=True, digests=self._digests)
        if damages:
            self._progress.damaged(step, damages)
            if isinstance(step, PassStep):
                forget_tasks(folder, PHASE, step.tasks, damages)
            else:
                forget_step(folder)

    def _run_phase(self, work: PassTask | phases.PhaseTask, step: PassStep | GlobalStep, phase: Phase) -> None:
        folder = f"{self._root}/{step.folder}"
        waiting = records.pending(folder, phase.name, phase.tasks)
        if not waiting:
            return
        label = step.title if phase.name == PHASE else f"{step.title} {phase.name}"
        settings = self._configuration.settings
        doubling = doubling_of(work) if settings.executor.duplicate_stragglers else None
        itself = isinstance(step, GlobalStep) and step.stage.stops_itself
        call = Call(work, label, waiting, folder, phase.name, settings.hang_seconds, doubling, itself)

        def done(task: int) -> bool:
            return Path(records.task_path(folder, phase.name, task)).exists()

        number = next(at for at, each in enumerate(_phases(step)) if each.name == phase.name)
        self._recorder.update(at=step.index, phase=number, phase_started=time())
        with self._progress.phase(step, number, folder, phase):
            self._dispatcher.run(call, done, small=self._holds_little and is_light(step, phase.name))


def doubling_of(work: PassTask | phases.PhaseTask) -> Doubling:
    """Return how tasks are run a second time beside themselves."""
    send = None if work.copy is None else work.copy.send_task
    if isinstance(work, PassTask):
        taps = tuple({plan.folder: None for plan in work.step.taps})
    else:
        taps = (work.step.tap.folder,) if work.phase == phases.TAP and work.step.tap is not None else ()
    return Doubling(
        lambda folder: replace(work, steps_folder=folder, copy=None), taps, isinstance(work, phases.PhaseTask), send
    )


def _phases(step: PassStep | GlobalStep) -> tuple[Phase, ...]:
    return (Phase(PHASE, step.tasks),) if isinstance(step, PassStep) else phases.phases(step)


def _source(step: PassStep) -> list[tuple[int, object]]:
    return [] if step.source is None else [step.source]


def _files(folder: str) -> dict[str, records.FileStamp]:
    """Return the files of a step by its manifest, none where that cannot be read."""
    try:
        return {name: stamp for name, stamp in records.read_manifest(folder).files.items() if not name.startswith("..")}
    except CorruptFileError:
        return {}
