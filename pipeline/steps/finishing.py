"""Adding up a step's tasks once all are done: its manifest, and the sums that must hold between files and counts."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq

from prep.corpus.errors import LedgerError
from prep.corpus.files.storage import remove_tree
from prep.pipeline.integrity import inputs
from prep.pipeline.plan import GlobalStep, PassStep
from prep.pipeline.results.ledger import add
from prep.pipeline.steps import records
from prep.pipeline.steps.accounting import add_groups
from prep.pipeline.steps.effort import write_step_effort
from prep.pipeline.steps.passes import PHASE
from prep.pipeline.steps.phases import context, phases
from prep.pipeline.steps.records import Record
from prep.pipeline.steps.trials import add_counts
from prep.stages.results import Counts


def finish_pass(step: PassStep, folder: str) -> None:
    """Write a pass's manifest, and keep what it has read of input files.

    Raises LedgerError where its parts hold other than the documents counted, RunError where an input file has changed
    unseen.
    """
    tasks = [records.read_task(folder, PHASE, task) for task in range(step.tasks)]
    record = _added(tasks)
    if not step.tasks:  # no input: nothing came into any stage
        positions = [*([step.source[0]] if step.source else []), *(position for position, _ in step.stages)]
        record = replace(record, counts=dict.fromkeys(positions, Counts()))
    there = sum(pq.read_metadata(path).num_rows for path in sorted(Path(folder, "parts").glob("*.parquet")))
    if there != record.written:
        raise LedgerError(f"{folder}/parts hold {there} documents, but {record.written} were counted when writing")
    if step.source is not None:
        inputs.remember(str(Path(folder).parent), map(step.partitions.__getitem__, range(step.tasks)), _read(tasks))
    write_step_effort(folder)
    records.write_manifest(folder, record)


def _read(tasks: Sequence[Record]) -> Mapping[str, Sequence[inputs.Stretch]]:
    """Return what tasks have read of input files, by path."""
    read: dict[str, list[inputs.Stretch]] = {}
    for task in tasks:
        for path, stretches in task.inputs.items():
            read.setdefault(path, []).extend(stretches)
    return read


def finish_global(step: GlobalStep, steps_folder: str) -> None:
    """Write a Global step's manifest. Raises LedgerError where its result holds other than the documents kept."""
    folder = f"{steps_folder}/{step.folder}"
    tasks = [records.read_task(folder, phase.name, task) for phase in phases(step) for task in range(phase.tasks)]
    record = _added(tasks)
    counts = record.counts.get(step.position) or _counted(step, steps_folder)
    held = step.stage.documents_in(f"{folder}/output")
    if held is not None and held != counts.kept:
        raise LedgerError(f"{step.title}: its result holds {held} documents, but {counts.kept} were counted")
    remove_tree(f"{folder}/scratch")
    write_step_effort(folder)
    output = records.list_files(folder, "output")
    known = record.files.keys() & output
    unknown = records.stamp(folder, [name for name in output if name not in known])
    files = {**{name: record.files[name] for name in known}, **unknown}
    records.write_manifest(folder, Record({step.position: counts}, files, record.groups, read=counts.entered))


def _counted(step: GlobalStep, steps_folder: str) -> Counts:
    """Count the documents before a stage that gives no verdicts: those in the results it needs, or in the parts."""
    work = context(step, steps_folder)
    for name, maker in step.makers.items():
        held = maker.documents_in(work.artefacts[name])
        if held is not None:
            return Counts(held, held)
    rows = 0
    for part, path in enumerate(work.upstream.parts):
        lost = work.upstream.dropped(part)
        rows += pq.read_metadata(path).num_rows - (0 if lost is None else int(lost.sum()))
    return Counts(rows, rows)


def _added(tasks: Sequence[Record]) -> Record:
    positions = sorted({position for task in tasks for position in task.counts})
    files: Mapping[str, records.FileStamp] = {name: stamp for task in tasks for name, stamp in task.files.items()}
    return Record(
        counts={at: add(task.counts[at] for task in tasks if at in task.counts) for at in positions},
        files=files,
        groups={at: add_groups(group for task in tasks for group in task.groups.get(at, ())) for at in positions},
        left={at: add_groups(group for task in tasks for group in task.left.get(at, ())) for at in positions},
        undecoded={
            at: add_groups(group for task in tasks for group in task.undecoded.get(at, ()))
            for at in sorted({at for task in tasks for at in task.undecoded})
        },
        tried={
            at: add_counts(counts for task in tasks for counts in task.tried.get(at, ()))
            for at in sorted({at for task in tasks for at in task.tried})
        },
        read=sum(task.read for task in tasks),
        written=sum(task.written for task in tasks),
        bytes=sum(task.bytes for task in tasks),
    )
