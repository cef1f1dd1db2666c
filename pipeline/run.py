"""A run: the plan's steps in order, each only where its manifest does not stand already; then the results published."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from prep.corpus.errors import RunError
from prep.corpus.files.storage import remove_tree, write_json
from prep.pipeline.cards.publish_cards import write_cards
from prep.pipeline.config import Configuration
from prep.pipeline.execution.dispatch import run_tasks
from prep.pipeline.execution.tasks import Call, Task
from prep.pipeline.plan import GlobalStep, PassStep, Plan, make_plan
from prep.pipeline.reports.progress import Progress
from prep.pipeline.steps import phases, records
from prep.pipeline.steps.inputs import identify
from prep.pipeline.steps.ledger import Ledger, add
from prep.pipeline.steps.passes import PHASE, PassTask
from prep.pipeline.steps.publish import publish, truncated_records
from prep.stages.stage import Counts

LOCK = ".lock"


def steps_folder(configuration: Configuration) -> str:
    """Return the folder that holds the steps' folders."""
    return f"{configuration.settings.output}/steps"


def plan_for(configuration: Configuration) -> Plan:
    """Identify the input files and plan the steps."""
    folder, threads = steps_folder(configuration), configuration.settings.workers
    return make_plan(configuration, lambda files: identify(files, folder, threads))


@dataclass(frozen=True)
class Result:
    """What a run did."""

    ledger: Ledger
    ran: tuple[str, ...]
    """Titles of the steps that ran; the others stood already."""


def run(configuration: Configuration, progress: Progress) -> Result:
    """Bring every step up to date, verify the ledger and publish the results.

    Raises TaskError where a task fails, LedgerError where documents are not accounted for.
    """
    folder = steps_folder(configuration)
    with _alone(folder):
        plan = plan_for(configuration)
        ran = []
        for step in plan.steps:
            if records.complete(f"{folder}/{step.folder}"):
                progress.skip(step)
                continue
            _run_step(step, configuration, progress)
            ran.append(step.title)
        ledger = read_ledger(configuration, plan)
        ledger.verify()
        publish(plan, ledger, folder, configuration.settings.output)
        settings = configuration.settings
        write_cards(settings.output, settings.title, [stage.opt_outs for stage in configuration.stages])
        for leftover in Path(folder).rglob(".*.tmp"):  # what killed runs were writing
            leftover.unlink(missing_ok=True)
    return Result(ledger, tuple(ran))


@contextmanager
def _alone(folder: str) -> Iterator[None]:
    """Hold the folder of steps against a second run; the system lets go of it however this process ends."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    with Path(folder, LOCK).open("w") as lock:
        try:
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # unlike flock, never held by a child
        except (BlockingIOError, PermissionError) as error:
            raise RunError(f"{folder}: another run is at work here; wait for it, or set another output") from error
        yield


def read_ledger(configuration: Configuration, plan: Plan) -> Ledger:
    """Put the ledger together from the steps' manifests, a stage that loses nothing passing on what it got."""
    folder = steps_folder(configuration)
    counts: dict[int, Counts] = {}
    for step in plan.steps:
        counts.update(records.read_manifest(f"{folder}/{step.folder}").counts)
    in_order: list[Counts] = []
    for position in range(len(configuration.stages)):
        entered = in_order[-1].kept if in_order else 0
        in_order.append(counts.get(position, Counts(entered, entered)))
    names = [stage.name for stage in configuration.stages]
    return Ledger(names, in_order, truncated_records(plan, folder))


def _run_step(step: PassStep | GlobalStep, configuration: Configuration, progress: Progress) -> None:
    folder = f"{steps_folder(configuration)}/{step.folder}"
    write_json(f"{folder}/{records.IDENTITY}", step.identity)
    if isinstance(step, PassStep):
        work = PassTask(step, steps_folder(configuration), configuration.settings.batch_bytes)
        _run_phase(work, step, PHASE, step.tasks, configuration, progress)
        _finish_pass(step, folder)
        return
    phases.record_taps(step, steps_folder(configuration))
    for phase in phases.phases(step):
        task = phases.PhaseTask(step, phase.name, steps_folder(configuration))
        _run_phase(task, step, phase.name, phase.tasks, configuration, progress)
    _finish_global(step, folder)


def _run_phase(
    work: Task, step: PassStep | GlobalStep, phase: str, tasks: int, configuration: Configuration, progress: Progress
) -> None:
    folder = f"{steps_folder(configuration)}/{step.folder}"
    waiting = records.pending(folder, phase, tasks)
    if not waiting:
        return
    label = step.title if phase == PHASE else f"{step.title} {phase}"
    settings = configuration.settings
    call = Call(work, label, waiting, folder, phase, settings.hang_seconds)

    def done(task: int) -> bool:
        return Path(records.task_path(folder, phase, task)).exists()

    with progress.phase(step, label, folder, phase, tasks):
        run_tasks(call, done, settings.executor, settings.workers)


def _finish_pass(step: PassStep, folder: str) -> None:
    tasks = [records.read_task(folder, PHASE, task) for task in range(step.tasks)]
    positions = sorted({position for task in tasks for position in task.counts})
    counts = {position: add(task.counts[position] for task in tasks) for position in positions}
    files = {name: stamp for task in tasks for name, stamp in task.files.items()}
    records.write_manifest(folder, records.Record(counts, files))


def _finish_global(step: GlobalStep, folder: str) -> None:
    tasks = [records.read_task(folder, phase.name, task) for phase in step.phases for task in range(phase.tasks)]
    counted = [task.counts[step.position] for task in tasks if step.position in task.counts]
    counts = {step.position: add(counted)} if counted else {}
    remove_tree(f"{folder}/scratch")
    records.write_manifest(folder, records.Record(counts, records.stamp_folder(folder, "output")))
