"""One task of a fused pass: read a partition, apply every row stage, write what is kept and record what is lost.

The text is touched once: batches flow from the reader through all stages to the Parquet part, and the taps of the
deduplication stages that follow take what they need on the way.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field
from functools import cache
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from prep.corpus.arrow.columns import set_column
from prep.corpus.arrow.documents import REJECTED, TEXT, DocumentWriter, read_documents, read_schema
from prep.corpus.files.retrying import StorageAccess, storage_access
from prep.corpus.files.storage import atomic_output, noting_outputs, write_arrow
from prep.pipeline.execution.clock import StageClock, TimedGuard
from prep.pipeline.execution.isolation import Guard
from prep.pipeline.execution.quarantine import Note, read_incidents
from prep.pipeline.integrity.inputs import Stretch, confirm, read_stretches
from prep.pipeline.plan import Changes, PassStep, TapPlan
from prep.pipeline.remote.working_copy import WorkingCopy
from prep.pipeline.steps import keeping, records
from prep.pipeline.steps.accounting import Account, noted, rejects, sizes_of, sizes_path
from prep.pipeline.steps.effort import WRITING, Stopwatch, write_task_effort
from prep.pipeline.steps.keeping import REJECTED_TEXTS, RejectedText, texts_to_keep, with_texts
from prep.stages.stage import RowFunction, RowStage, SourceStage, Stage, Tap
from prep.stages.upstream import Upstream
from prep.stages.verdicts import Outcome

PHASE = "pass"
FINDINGS = "findings"
"""Folder in a pass's folder: one sub-folder per stage that has findings."""


def opened(stage: RowStage, step: str = "") -> RowFunction:
    """Return a row stage's function, loading its model or kernels once per process and step.

    The step's fingerprint tells steps apart whose settings are the same, but not what is in the files they name.
    """
    return _opened(type(stage), stage.model_dump_json(), step)


@cache
def _opened(kind: type[RowStage], settings: str, _step: str) -> RowFunction:
    return kind.model_validate_json(settings).open()


@dataclass(frozen=True)
class PassTask:
    """Everything a worker needs to run any task of a pass; what its stages load is kept from one task to the next."""

    notes: ClassVar[bool] = True
    step: PassStep
    steps_folder: str
    batch_bytes: int
    storage: StorageAccess
    copy: WorkingCopy | None = None
    """What sends the output to its store."""
    clock: StageClock[int | str] | None = None
    """What counts the CPU seconds of the stages, in this process."""
    _functions: dict[int, RowFunction] = field(default_factory=dict, init=False, repr=False, compare=False)
    """The stages' functions by position, as far as they were needed in this process."""

    def __getstate__(self) -> dict[str, object]:
        """Leave out what this process has loaded."""
        return {**self.__dict__, "_functions": {}}

    def run(self, task: int) -> None:
        """Run one task and write its record. Running it again writes the same bytes."""
        folder = f"{self.steps_folder}/{self.step.folder}"
        positions = [self.step.source[0]] if self.step.source else []
        account = Account([*positions, *(position for position, _ in self.step.stages)])
        watch = Stopwatch()
        with Note(records.note_path(folder, PHASE, task)) as note:
            incidents = read_incidents(records.incidents_path(folder, PHASE, task))
            source = None if self.step.source is None else self.step.source[0]
            clock = self.clock
            guard = Guard(note, incidents, source) if clock is None else TimedGuard(note, incidents, source, clock)
            read: dict[str, list[Stretch]] = {}
            with noting_outputs() as paths, storage_access(self.storage, note.waiting):
                written = self._write(task, guard, account, read, watch)
            write_task_effort(folder, PHASE, task, watch.effort())
            record = records.Record(
                counts=account.counts(),
                files=records.stamp(folder, [os.path.relpath(path, folder) for path in paths]),
                groups=account.groups(),
                left=account.left(),
                undecoded=account.undecoded(),
                tried=account.tried(),
                read=note.documents,
                bytes=note.bytes,
                written=written,
                inputs={path: tuple(stretches) for path, stretches in read.items()},
            )
            records.write_task(folder, PHASE, task, record)
            if self.copy is not None:
                with storage_access(self.storage, note.waiting):
                    self.copy.send_task(paths, records.task_path(folder, PHASE, task))

    def _write(
        self, task: int, guard: Guard, account: Account, read: dict[str, list[Stretch]], watch: Stopwatch
    ) -> int:
        """Write the task's files; return the number of documents in its part. What is read of inputs goes to `read`."""
        folder = f"{self.steps_folder}/{self.step.folder}"
        part, rejected = f"parts/{task:05d}.parquet", f"rejected/{task:05d}.parquet"
        findings = findings_paths(self.step, task)
        sizes: list[pa.Array] = []
        came = WRITING if self.step.source is None else self.step.source[0]
        with ExitStack() as stack:
            writer = stack.enter_context(DocumentWriter(f"{folder}/{part}", self.step.schema))
            losses = stack.enter_context(DocumentWriter(f"{folder}/{rejected}", REJECTED))
            texts = self._rejected_texts(stack, task)
            found = {
                position: stack.enter_context(DocumentWriter(f"{folder}/{path}", schema))
                for position, (path, schema) in findings.items()
            }
            taps = [
                stack.enter_context(TapWriter(tap_path(self.steps_folder, plan, task), plan.tap))
                for plan in self.step.taps
            ]
            for first, outcome in guard.numbered(watch.drawing(came, self._read(task, guard, read))):
                losing = Losing(account, first, outcome.batch.num_rows, self.step.rejected_text)
                batch = self._apply(outcome, losing, guard, found, watch)
                with watch.running(WRITING):
                    losing.write(losses, texts)
                    if batch.num_rows:
                        writer.write(batch)
                        sizes.append(sizes_of(batch))
                        self._tap(taps, batch)
            for tap in taps:
                tap.close_empty(self.step.schema)
        table = pa.table({"bytes": pa.chunked_array(sizes, pa.int64())})
        write_arrow(sizes_path(f"{folder}/{part}"), table)
        return len(table.column("bytes"))

    def _tap(self, taps: Sequence["TapWriter"], batch: pa.RecordBatch) -> None:
        """Write the tables of a batch."""
        for tap, plan in zip(taps, self.step.taps, strict=True):
            with nullcontext() if self.clock is None else self.clock.running(plan.folder):
                tap.write(batch)

    def _rejected_texts(self, stack: ExitStack, task: int) -> DocumentWriter | None:
        if self.step.rejected_text == "none":
            return None
        path = f"{self.steps_folder}/{self.step.folder}/{REJECTED_TEXTS}/{task:05d}.parquet"
        return stack.enter_context(DocumentWriter(path, keeping.SCHEMA))

    def _read(self, task: int, guard: Guard, read: dict[str, list[Stretch]]) -> Iterator[Outcome]:
        if self.step.source is not None:
            source = self.step.source[1]
            partition, schema = self.step.partitions[task], self.step.source_schema
            files = {item.file.path: item.file for item in partition.ranges}.values()
            for file in files:
                confirm(file)
            yield from guard.reading(source.read(partition, schema, self.batch_bytes, guard.watch))
            for path, stretch in read_stretches(partition):
                read.setdefault(path, []).append(stretch)
            for file in files:
                confirm(file)
            return
        assert self.step.previous is not None
        yield from map(
            Outcome, upstream_of(self.step.previous, self.step.changes, self.steps_folder, task).documents(0)
        )

    def _apply(
        self,
        outcome: Outcome,
        losing: "Losing",
        guard: Guard,
        found: Mapping[int, DocumentWriter],
        watch: Stopwatch,
    ) -> pa.RecordBatch:
        if self.step.source is not None:
            position, source = self.step.source
            batch = losing.settle(position, source, outcome, outcome.batch)
        else:
            batch = outcome.batch
        for position, stage in self.step.stages:
            if batch.num_rows == 0:
                break
            with watch.running(position):
                if position not in self._functions:
                    self._functions[position] = stage.open()
                outcome = guard.apply(position, self._functions[position], batch, losing.rows)
                if outcome.verdicts is not None and outcome.verdicts.findings is not None:
                    found[position].write(outcome.verdicts.findings)
                batch = losing.settle(position, stage, outcome, batch, stage.tag)
        if batch.num_rows == 0:
            return batch
        columns = [batch.column(field.name) for field in self.step.schema]
        return pa.RecordBatch.from_arrays(columns, schema=self.step.schema)


def upstream_of(previous: str, changes: Sequence[Changes], steps_folder: str, task: int) -> Upstream:
    """Return the part that a task of an earlier pass wrote, with what Global stages have changed of it since."""

    def paths(folders: list[str]) -> tuple[tuple[str, ...]]:
        return (tuple(f"{steps_folder}/{folder}/{task:05d}.arrow" for folder in folders),)

    return Upstream(
        (f"{steps_folder}/{previous}/parts/{task:05d}.parquet",),
        drops=paths([f"{change.folder}/output/drops" for change in changes if change.drops]),
        cuts=paths([f"{change.folder}/output/cuts" for change in changes if change.cuts]),
        columns=paths([folder for change in changes for folder in change.columns]),
    )


def findings_paths(step: PassStep, task: int) -> Mapping[int, tuple[str, pa.Schema]]:
    """Return where a task's findings go, below the step's folder, and their columns, by the stage's position."""
    schemas = [(position, stage.name, stage.findings_schema()) for position, stage in step.stages]
    return {
        position: (f"{FINDINGS}/{position:02d}-{name}/{task:05d}.parquet", schema)
        for position, name, schema in schemas
        if schema is not None
    }


class Losing:
    """Takes out of one batch what the stages lose, and writes it in the documents' order, whichever stage lost it."""

    def __init__(self, account: Account, first: int, rows: int, texts: RejectedText = "none") -> None:
        self._account = account
        self._texts = texts
        self.rows = np.arange(first, first + rows)
        """The rows left, by their documents' numbers in the task."""
        self._lost: list[tuple[npt.NDArray[np.int64], pa.RecordBatch]] = []

    def settle(
        self, position: int, stage: Stage, outcome: Outcome, entered: pa.RecordBatch, tag: str | None = None
    ) -> pa.RecordBatch:
        """Drop the rows that the verdicts lose and copy those they repeat; return the rows kept.

        With a column `tag`, rules go into it, and only what fails is lost.
        """
        if isinstance(stage, RowStage):
            self._account.try_thresholds(position, stage.thresholds(), outcome)
        if tag is not None:
            outcome = tagged(outcome, tag)
            self._account.tag(position, outcome.batch.column(tag))
        batch, verdicts = outcome
        self._account.enter(position, entered)
        if verdicts is None:
            self._leave(position, stage, batch)
            return batch
        copies = np.ones(batch.num_rows, np.int64) if verdicts.copies is None else verdicts.copies
        kept = verdicts.rule.is_null().to_numpy(zero_copy_only=False)
        left = self._drop(position, stage.name, outcome, entered)
        self._leave(position, stage, left)
        return self._repeat(position, left, copies[kept])

    def _leave(self, position: int, stage: Stage, left: pa.RecordBatch) -> None:
        self._account.leave(position, left)
        makes_text = isinstance(stage, SourceStage) or TEXT.name in stage.produces
        if makes_text and TEXT.name in left.schema.names:
            self._account.look_for_undecoded(position, left)

    def _drop(self, position: int, name: str, outcome: Outcome, entered: pa.RecordBatch) -> pa.RecordBatch:
        batch, verdicts = outcome
        assert verdicts is not None
        if verdicts.rule.null_count == batch.num_rows:
            return batch
        lost = verdicts.rule.is_valid()
        recorded, came = rejects(batch, name, verdicts).filter(lost), entered.filter(lost)
        self._account.lose(position, recorded, came)
        gone = lost.to_numpy(zero_copy_only=False)
        self._lost.append((self.rows[gone], recorded if self._texts == "none" else with_texts(recorded, came)))
        self.rows = self.rows[~gone]
        return batch.filter(pc.invert(lost))

    def _repeat(self, position: int, batch: pa.RecordBatch, copies: npt.NDArray[np.int64]) -> pa.RecordBatch:
        if (copies == 1).all():
            return batch
        self._account.repeat(position, int(copies.sum()) - batch.num_rows)
        self.rows = np.repeat(self.rows, copies)
        return repeated(batch, copies)

    def write(self, losses: DocumentWriter, texts: DocumentWriter | None = None) -> None:
        """Write what was lost, and those of its texts that are kept."""
        if self._lost:
            order = np.argsort(np.concatenate([rows for rows, _ in self._lost]))
            table = pa.Table.from_batches([recorded for _, recorded in self._lost]).take(pa.array(order))
            lost = table.combine_chunks().to_batches()[0]
            losses.write(lost.select(REJECTED.names))
            if texts is not None:
                texts.write(texts_to_keep(self._texts, lost))


def tagged(outcome: Outcome, column: str) -> Outcome:
    """Return what a stage makes of a batch with its rules in a column; what fails is lost as before."""
    batch, verdicts = outcome
    if verdicts is None:
        return Outcome(set_column(batch, column, pa.nulls(batch.num_rows, pa.string())))
    rules, left = noted(verdicts)
    return Outcome(set_column(batch, column, rules), left)


def repeated(batch: pa.RecordBatch, copies: npt.NDArray[np.int64]) -> pa.RecordBatch:
    """Return each row so many times, at least once; the ids of its copies end in `~2`, `~3` and so on."""
    first = np.cumsum(copies) - copies
    ordinal = np.arange(copies.sum()) - np.repeat(first, copies) + 1
    batch = batch.take(pa.array(np.repeat(np.arange(batch.num_rows), copies)))
    ids = batch.column("id").cast(pa.string())
    suffixes = pc.binary_join_element_wise("", pa.array(ordinal).cast(pa.string()), "~")
    named = pc.binary_join_element_wise(ids, suffixes, "")
    return set_column(batch, "id", pc.if_else(pa.array(ordinal > 1), named, ids))


def tap_path(steps_folder: str, plan: TapPlan, task: int) -> str:
    """Return where a tap's table for a part stands."""
    return f"{steps_folder}/{plan.folder}/{task:05d}.arrow"


class TapWriter:
    """Writes a tap's table as the documents pass; the file appears when the part is complete."""

    def __init__(self, path: str, tap: Tap) -> None:
        self._function = tap.open()
        self._output = atomic_output(path)
        self._writer: pa.RecordBatchWriter | None = None

    def __enter__(self) -> "TapWriter":
        self._sink = self._output.__enter__()
        return self

    def write(self, batch: pa.RecordBatch) -> None:
        """Append the table of a batch of documents."""
        table = self._function(batch)
        if self._writer is None:
            self._writer = pa.ipc.new_file(self._sink, table.schema)
        self._writer.write_batch(table)

    def close_empty(self, documents: pa.Schema) -> None:
        """Give the file its columns where no document came."""
        if self._writer is None:
            self.write(pa.RecordBatch.from_pylist([], schema=documents))

    def __exit__(self, *error: object) -> None:
        if self._writer is not None and error[0] is None:
            self._writer.close()
        self._output.__exit__(*error)  # type: ignore[arg-type]


def run_tap(plan: TapPlan, steps_folder: str, part: str, task: int) -> None:
    """Extract a tap's table from a part already written, where the pass did not do it on the way."""
    with TapWriter(tap_path(steps_folder, plan, task), plan.tap) as writer:
        for batch in read_documents(part):
            writer.write(batch)
        writer.close_empty(read_schema(part))
