"""A document followed through a run: what each stage did to it, its text before and after, and why it was lost.

A run keeps the text of documents between passes, not what row stages rejected. Row stages judge each document by
itself, so what a pass did to some documents is found by doing it again to them alone: their records are read from the
source, and the pass's stages applied. What Global stages decided stands in their results. Cost: the ids of the first
pass, and for each document at most one stretch of input (64 MiB) and one part of each pass.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from prep.corpus.arrow.documents import read_documents, select
from prep.corpus.errors import PrepError, RunError
from prep.corpus.files.retrying import storage_access
from prep.pipeline.config import Configuration
from prep.pipeline.execution.isolation import isolate
from prep.pipeline.integrity.checking import complete
from prep.pipeline.integrity.inputs import confirm
from prep.pipeline.plan import Changes, GlobalStep, PassStep, Plan
from prep.pipeline.run import steps_folder
from prep.pipeline.steps.keeping import REJECTED_TEXTS
from prep.pipeline.steps.passes import opened, tagged, upstream_of
from prep.pipeline.steps.settling import REJECTS
from prep.stages.verdicts import Outcome, Verdicts

Fate = Literal["kept", "rejected", "failed"]

_BATCH_BYTES = 4 << 20
_LONGEST_VALUE = 200
"""Characters of a column's value that are shown."""
_OWN = frozenset({"id", "text", "html"})
"""Columns that are not shown among what a stage added."""


@dataclass(frozen=True)
class Visit:
    """What a stage did to a document."""

    stage: str
    position: int
    """Of the stage in the configuration, from 0."""
    fate: Fate
    rule: str | None = None
    value: float | None = None
    """What the rule looked at."""
    detail: str | None = None
    """The threshold, such as `min 50`, or what else the stage recorded."""
    before: str | None = None
    """The text that came in; None where there was none yet, or where it is not kept."""
    after: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    """Columns that the stage added or changed, as text."""
    copies: int = 1


@dataclass(frozen=True)
class Story:
    """A document and the stages that it went through, in order."""

    id: str
    url: str | None
    visits: tuple[Visit, ...]
    remark: str = ""
    """Why something is not known."""

    @property
    def fate(self) -> Fate:
        """What became of it so far."""
        return self.visits[-1].fate if self.visits else "kept"

    @property
    def text(self) -> str | None:
        """Its text as the last stage that had one saw it."""
        texts = (text for visit in reversed(self.visits) for text in (visit.after, visit.before))
        return next((text for text in texts if text is not None), None)


def follow(plan: Plan, configuration: Configuration, ids: Sequence[str]) -> list[Story]:
    """Return what became of documents, by their ids; those that the run does not know are left out.

    Steps that have not run are left out. Raises RunError where not even the first pass is complete.
    """
    first = complete_steps(plan, configuration)[0]
    tasks = _locate(f"{steps_folder(configuration)}/{first.folder}", ids)
    stories = follow_in_tasks(plan, configuration, tasks)
    return [stories[each] for each in dict.fromkeys(map(_original, ids)) if each in stories]


def follow_in_tasks(plan: Plan, configuration: Configuration, tasks: Mapping[int, Sequence[str]]) -> dict[str, Story]:
    """Return what became of documents, given by the tasks of the first pass that met them; see `follow`."""
    root = steps_folder(configuration)
    steps = complete_steps(plan, configuration)
    names = [stage.name for stage in configuration.stages]
    stories: dict[str, Story] = {}
    with storage_access(configuration.settings.storage):
        for task, ids in tasks.items():
            walk = _Walk(root, task, list(dict.fromkeys(map(_original, ids))), names)
            for step in steps:
                walk.take(step)
            stories |= walk.stories()
    return stories


def complete_steps(plan: Plan, configuration: Configuration) -> list[PassStep | GlobalStep]:
    """Return the steps that have run as they are configured now, up to the first that has not.

    Raises RunError where not even the first one has.
    """
    root = steps_folder(configuration)
    steps = list(takewhile(lambda step: complete(f"{root}/{step.folder}"), plan.steps))
    if not steps:
        raise RunError(f"the step {plan.steps[0].title} has not run as it is configured now; run 'prep run'")
    return steps


def _locate(folder: str, ids: Sequence[str]) -> dict[int, list[str]]:
    """Return the tasks of a pass that met documents, by what it kept and lost, each with their ids."""
    wanted = pa.array(list(dict.fromkeys(map(_original, ids))), pa.string())
    found: dict[int, list[str]] = {}
    for kind in ("parts", REJECTS):
        for path in sorted(Path(folder, kind).glob("*.parquet")):
            column = pq.read_table(path, columns=["id"]).column("id").cast(pa.string())
            here = column.filter(pc.is_in(column, wanted)).to_pylist()
            if here:
                known = found.setdefault(int(path.stem), [])
                known += [each for each in here if each not in known]
    return dict(sorted(found.items()))


def _original(document: str) -> str:
    """Return the id of the document that a copy was made of."""
    head, mark, number = document.rpartition("~")
    return head if mark and number.isdigit() else document


class _Walk:
    """Takes some documents of one task through the steps; task i of each pass works on the same documents."""

    def __init__(self, root: str, task: int, ids: Sequence[str], names: Sequence[str]) -> None:
        self._root = root
        self._task = task
        self._ids = pa.array(list(ids), pa.string())
        self._names = names
        self._visits: dict[str, list[Visit]] = {each: [] for each in ids}
        self._urls: dict[str, str | None] = {}
        self._remark = ""
        self._batch: pa.RecordBatch | None = None
        """The documents still there, as they are after the last step."""
        self._pending: list[Changes] = []
        self._previous = ""

    def stories(self) -> dict[str, Story]:
        """Return what is known."""
        return {
            each: Story(each, self._urls.get(each), tuple(visits), self._remark)
            for each, visits in self._visits.items()
            if visits or self._remark
        }

    def take(self, step: PassStep | GlobalStep) -> None:
        """Go through one step."""
        if isinstance(step, PassStep):
            self._pass(step)
        elif self._batch is not None and self._batch.num_rows:
            self._global(step, self._batch)

    def _pass(self, step: PassStep) -> None:
        if step.source is not None:
            try:
                self._batch = self._read(step)
            except (OSError, PrepError) as error:
                self._remark = f"the source cannot be read again, so that texts before this pass are missing: {error}"
                self._recorded(step)
                return
        elif self._batch is None or not self._batch.num_rows:
            return
        else:
            self._batch = self._wanted(upstream_of(self._previous, step.changes, self._root, self._task).documents(0))
        for position, stage in step.stages:
            if self._batch is None or not self._batch.num_rows:
                break
            outcome = isolate(opened(stage, step.fingerprint), self._batch)
            tag = stage.tag
            self._batch = self._settle(position, self._batch, outcome if tag is None else tagged(outcome, tag))
        self._pending, self._previous = [], step.folder

    def _read(self, step: PassStep) -> pa.RecordBatch | None:
        """Read the documents' records from the source, until all are found."""
        assert step.source is not None
        assert step.source_schema is not None
        position, source = step.source
        for item in step.partitions[self._task].ranges:
            confirm(item.file)
        kept: list[pa.RecordBatch] = []
        left = len(self._ids)
        for batch, verdicts in source.read(step.partitions[self._task], step.source_schema, _BATCH_BYTES):
            rows = self._rows(batch)
            if len(rows):
                taken = batch.take(pa.array(rows))
                kept.append(self._settle(position, taken.slice(0, 0), Outcome(taken, _taken(verdicts, rows))))
                left -= len(rows)
            if left <= 0:
                break
        return pa.concat_batches(kept) if kept else None

    def _recorded(self, step: PassStep) -> None:
        """Note what a pass's files say of the documents, where its source is not there any more."""
        path = f"{self._root}/{step.folder}/{REJECTS}/{self._task:05d}.parquet"
        table = pq.read_table(path)
        kept = Path(f"{self._root}/{step.folder}/{REJECTED_TEXTS}/{self._task:05d}.parquet")
        known = self._wanted(read_documents(str(kept))) if kept.exists() else None
        texts = {} if known is None else dict(zip(known.column("id").to_pylist(), _texts(known), strict=True))
        for row in table.filter(pc.is_in(table.column("id"), self._ids)).to_pylist():
            self._lose(row, texts.get(row["id"]))
        part = f"{self._root}/{step.folder}/parts/{self._task:05d}.parquet"
        self._batch = self._wanted(read_documents(part))
        for row in [] if self._batch is None else self._batch.to_pylist():
            last = step.stages[-1][0] if step.stages else 0
            self._urls[row["id"]] = row.get("url")
            self._visits[row["id"]].append(Visit(self._names[last], last, "kept", after=row.get("text")))
        self._pending, self._previous = [], step.folder

    def _global(self, step: GlobalStep, batch: pa.RecordBatch) -> None:
        if step.changes is not None:
            self._pending.append(step.changes)
        changes = [replace(change, drops=False) for change in self._pending]
        upstream = upstream_of(self._previous, changes, self._root, self._task)
        after = self._wanted(upstream.documents(0)) if step.changes else batch
        path = Path(f"{self._root}/{step.folder}/output/{REJECTS}/{self._task:05d}.parquet")
        lost = pq.read_table(path) if path.exists() else None
        gone = [] if lost is None else lost.filter(pc.is_in(lost.column("id"), self._ids)).to_pylist()
        texts = dict(zip(batch.column("id").to_pylist(), _texts(batch), strict=True))
        for row in gone:
            self._lose(row, texts.get(row["id"]), step.position)
        left = {row["id"] for row in gone}
        stays = pa.array([each not in left for each in batch.column("id").to_pylist()])
        before = select(batch, stays)
        if after is not None and after.num_rows:
            after = select(after, pc.is_in(after.column("id").cast(pa.string()), before.column("id").cast(pa.string())))
        self._batch = self._settle(step.position, before, Outcome(before if after is None else after))

    def _settle(self, position: int, before: pa.RecordBatch, outcome: Outcome) -> pa.RecordBatch:
        """Note what a stage did to the documents; return those that it keeps."""
        batch, verdicts = outcome
        known = dict(zip(before.column("id").to_pylist(), before.to_pylist(), strict=True))
        for row, document in enumerate(batch.to_pylist()):
            came = known.get(document["id"], {})
            self._urls[document["id"]] = document.get("url")
            visit = Visit(
                self._names[position],
                position,
                "kept",
                before=came.get("text"),
                after=document.get("text"),
                columns={} if not came and before.num_rows else _added(came, document),
            )
            self._visits[document["id"]].append(visit if verdicts is None else _judged(visit, verdicts, row))
        return batch if verdicts is None else select(batch, verdicts.rule.is_null())

    def _lose(self, row: Mapping[str, object], text: str | None = None, position: int | None = None) -> None:
        """Note a loss as the run recorded it."""
        stage = str(row["stage"])
        at = self._names.index(stage) if position is None else position
        value, detail = row["value"], row["detail"]
        assert value is None or isinstance(value, float)
        fate: Fate = "failed" if row["failed"] else "rejected"
        own = Visit(stage, at, fate, str(row["rule"]), value, None if detail is None else str(detail), before=text)
        self._visits[str(row["id"])].append(own)

    def _wanted(self, batches: Iterator[pa.RecordBatch]) -> pa.RecordBatch | None:
        found = [batch.take(pa.array(rows)) for batch in batches if len(rows := self._rows(batch))]
        return pa.concat_batches(found) if found else None

    def _rows(self, batch: pa.RecordBatch) -> npt.NDArray[np.int64]:
        named = pc.is_in(batch.column("id").cast(pa.string()), self._ids)
        return np.flatnonzero(named.to_numpy(zero_copy_only=False))


def _taken(verdicts: Verdicts | None, rows: npt.NDArray[np.int64]) -> Verdicts | None:
    if verdicts is None:
        return None
    at = pa.array(rows)
    columns = {name: getattr(verdicts, name) for name in ("failed", "value", "detail")}
    taken = {name: None if column is None else column.take(at) for name, column in columns.items()}
    return Verdicts(verdicts.rule.take(at), **taken)


def _judged(visit: Visit, verdicts: Verdicts, row: int) -> Visit:
    rule = verdicts.rule[row].as_py()
    copies = 1 if verdicts.copies is None else int(verdicts.copies[row])
    if rule is None:
        return replace(visit, copies=copies)
    failed = verdicts.failed is not None and bool(verdicts.failed[row].as_py())
    return replace(
        visit,
        fate="failed" if failed else "rejected",
        rule=rule,
        value=None if verdicts.value is None else verdicts.value[row].as_py(),
        detail=None if verdicts.detail is None else verdicts.detail[row].as_py(),
    )


def _added(before: Mapping[str, object], after: Mapping[str, object]) -> dict[str, str]:
    """Return the columns whose values a stage added or changed, shortened."""
    names = [name for name in after if name not in _OWN and after[name] is not None]
    return {name: _shown(after[name]) for name in names if name not in before or before[name] != after[name]}


def _shown(value: object) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]} …"


def _texts(batch: pa.RecordBatch) -> list[str | None]:
    return batch.column("text").to_pylist() if "text" in batch.schema.names else [None] * batch.num_rows
