"""One task of a Global stage's phase."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from prep.corpus.files.retrying import StorageAccess, storage_access
from prep.corpus.files.storage import noting_outputs
from prep.pipeline.integrity.digesting import Digests
from prep.pipeline.plan import GlobalStep
from prep.pipeline.remote.working_copy import WorkingCopy
from prep.pipeline.steps import records
from prep.pipeline.steps.accounting import Account
from prep.pipeline.steps.effort import Stopwatch, write_task_effort
from prep.pipeline.steps.passes import PHASE, run_tap, tap_path
from prep.pipeline.steps.settling import run_task
from prep.stages.stage import Phase
from prep.stages.upstream import GlobalContext, PerPart, Upstream

TAP = "tap"


@dataclass(frozen=True)
class PhaseTask:
    """Everything a worker needs to run any task of a phase."""

    notes: ClassVar[bool] = False
    step: GlobalStep
    phase: str
    steps_folder: str
    storage: StorageAccess
    copy: WorkingCopy | None = None
    """What sends the output to its store."""

    def run(self, task: int) -> None:
        """Run one task and write its record."""
        folder = f"{self.steps_folder}/{self.step.folder}"
        account: Account | None = None
        watch = Stopwatch()
        with watch.running(self.step.position), noting_outputs() as written, storage_access(self.storage):
            if self.phase == TAP:
                assert self.step.tap is not None
                run_tap(self.step.tap, self.steps_folder, part_path(self.step, self.steps_folder, task), task)
            else:
                work = context(self.step, self.steps_folder)
                account = run_task(self.step.stage, self.phase, task, work, self.step.position, self.step.rejected_text)
        write_task_effort(folder, self.phase, task, watch.effort())
        names = [os.path.relpath(path, folder) for path in written if Path(path).exists()]
        own = [name for name in dict.fromkeys(names) if self.phase == TAP or not name.startswith("..")]
        files = records.stamp(folder, own)
        counts = {} if account is None else account.counts()
        groups = {} if account is None else account.groups()
        records.write_task(folder, self.phase, task, records.Record(counts, files, groups))
        if self.copy is not None:
            with storage_access(self.storage):
                sent = [f"{folder}/{name}" for name in own]
                self.copy.send_task(sent, records.task_path(folder, self.phase, task))


def record_taps(step: GlobalStep, steps_folder: str, digests: Digests) -> None:
    """Write the records of the tap's tasks whose tables the pass before has made on its way, as it recorded them."""
    if step.tap is None:
        return
    folder, before = f"{steps_folder}/{step.folder}", f"{steps_folder}/{step.previous}"
    made = {}
    for task in records.pending(folder, TAP, step.parts):
        name = f"../{step.tap.folder}/{task:05d}.arrow"
        stamp = records.read_task(before, PHASE, task).files.get(name)
        path = Path(folder, name)
        if stamp is not None and path.exists() and path.stat().st_size == stamp.bytes:
            made[task] = (name, stamp)
    paths = [f"{folder}/{name}" for name, _ in made.values()]
    for (task, (name, stamp)), digest in zip(made.items(), digests(paths), strict=True):
        if digest == stamp.sha256:
            records.write_task(folder, TAP, task, records.Record(files={name: stamp}))


def phases(step: GlobalStep) -> tuple[Phase, ...]:
    """Return a step's phases, beginning with its tap where it has one."""
    return (*((Phase(TAP, step.parts),) if step.tap else ()), *step.phases)


def context(step: GlobalStep, steps_folder: str) -> GlobalContext:
    """Return where the step's tasks read and write."""
    folder = f"{steps_folder}/{step.folder}"
    tap = step.tap
    taps = () if tap is None else PerPart(step.parts, lambda part: tap_path(steps_folder, tap, part))
    parts = PerPart(step.parts, lambda part: part_path(step, steps_folder, part))
    drops = [f"{change.folder}/output/drops" for change in step.waiting if change.drops]
    columns = [folder for change in step.waiting for folder in change.columns]

    def files(folders: Sequence[str]) -> PerPart[tuple[str, ...]]:
        return PerPart(step.parts, lambda part: tuple(f"{steps_folder}/{each}/{part:05d}.arrow" for each in folders))

    return GlobalContext(
        upstream=Upstream(parts, taps, files(drops), columns=files(columns)),
        output=f"{folder}/output",
        scratch=f"{folder}/scratch",
        artefacts={name: f"{steps_folder}/{made}/output" for name, made in step.artefacts.items()},
    )


def part_path(step: GlobalStep, steps_folder: str, task: int) -> str:
    """Return the Parquet part that a task of the step belongs to."""
    return f"{steps_folder}/{step.previous}/parts/{task:05d}.parquet"
