"""Finding the documents that break a stage: those it raises an error on, and those that end the process.

An error is an exception: the batch is halved until the broken documents stand alone. An ended process leaves a note
(`prep.pipeline.execution.quarantine`): here the notes are taken, suspects are run alone, and quarantined documents left
out.
"""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from prep.corpus.errors import PrepError
from prep.pipeline.execution.quarantine import DETAILS, ELSEWHERE, Incidents, Note, Spot, read_spot
from prep.stages.stage import RowFunction, Watch
from prep.stages.verdicts import Outcome, Verdicts


class Guard:
    """Takes a task's notes; in a task of which incidents are known, keeps suspects and quarantined documents apart."""

    def __init__(self, note: Note, incidents: Incidents, source: int | None) -> None:
        self._note = note
        self._incidents = incidents
        self._source = ELSEWHERE.position if source is None else source
        self._known = (*incidents.suspects, *incidents.quarantined)
        self._record = ""

    @property
    def watch(self) -> Watch | None:
        """What the source's reader is to tell before each record; None where no process has ended in reading."""
        return self if any(spot.position == self._source for spot in self._known) else None

    def enter(self, record: str) -> tuple[str, str] | None:
        """See `Watch`."""
        self._record = record
        self._note.at(read_spot(self._source, record))
        rule = self._incidents.quarantined.get(read_spot(self._source, record))
        return None if rule is None else (rule, DETAILS[rule])

    def reading(self, outcomes: Iterator[Outcome]) -> Iterator[Outcome]:
        """Pass on what a source reads."""
        while True:
            self._note.at(read_spot(self._source, self._record))
            outcome = next(outcomes, None)
            self._note.at(ELSEWHERE)
            if outcome is None:
                return
            yield outcome

    def numbered(self, outcomes: Iterator[Outcome]) -> Iterator[tuple[int, Outcome]]:
        """Pass on what a task reads, each batch with the number of its first document in the task."""
        for outcome in outcomes:
            first = self._note.documents
            yield first, outcome
            self._note.documents = first + outcome.batch.num_rows
            self._note.bytes += held_bytes(outcome.batch)

    def apply(
        self, position: int, function: RowFunction, batch: pa.RecordBatch, rows: npt.NDArray[np.int64]
    ) -> Outcome:
        """Apply the stage at a position to documents, given with their numbers in the task, rising."""
        outcomes = []
        for start, end in self._stretches(position, rows):
            part = batch.slice(start, end - start)
            spot = Spot(position, int(rows[start]), int(rows[end - 1]))
            rule = self._incidents.quarantined.get(spot)
            if rule is None:
                self._note.at(spot)
                outcomes.append(isolate(function, part))
            else:
                outcomes.append(_lost(part, rule, DETAILS[rule]))
        self._note.at(ELSEWHERE)
        return outcomes[0] if len(outcomes) == 1 else _joined(outcomes)

    def _stretches(self, position: int, rows: npt.NDArray[np.int64]) -> Iterator[tuple[int, int]]:
        """Cut around the documents that are to be alone, each with its copies."""
        known = [spot for spot in self._known if spot.position == position]
        if not known:
            yield 0, len(rows)
            return
        alone = np.any([(spot.first <= rows) & (rows <= spot.last) for spot in known], axis=0)
        begins = (rows[1:] != rows[:-1]) & (alone[1:] | alone[:-1])
        yield from pairwise([0, *(np.flatnonzero(begins) + 1).tolist(), len(rows)])


def held_bytes(batch: pa.RecordBatch) -> int:
    """Return the bytes of a batch's texts and of whatever else it holds of variable length."""
    columns = (column for column in batch.columns if _has_length(column.type))
    return sum(pc.sum(pc.binary_length(column)).as_py() or 0 for column in columns)


def _has_length(kind: pa.DataType) -> bool:
    return any(
        test(kind)
        for test in (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)
    )


def isolate(function: RowFunction, batch: pa.RecordBatch) -> Outcome:
    """Apply a stage; where it breaks, find the documents that break it and fail them alone, by halving the batch."""
    try:
        return function(batch)
    except PrepError:
        raise
    except Exception as error:
        if batch.num_rows == 1:
            return _lost(batch, type(error).__name__, str(error))
    middle = batch.num_rows // 2
    halves = [isolate(function, part) for part in (batch.slice(0, middle), batch.slice(middle))]
    return _joined(halves)


def _lost(batch: pa.RecordBatch, rule: str, detail: str) -> Outcome:
    """Fail all documents of a batch."""
    rows = batch.num_rows
    verdicts = Verdicts(
        rule=pa.array([rule] * rows, pa.string()),
        failed=pa.array([True] * rows),
        detail=pa.array([detail] * rows, pa.string()),
    )
    return Outcome(batch, verdicts)


def _joined(parts: list[Outcome]) -> Outcome:
    """Put the outcomes of parts together; a broken document may lack the columns that the stage would add."""
    schema = max((part.batch.schema for part in parts if not _all_lost(part)), key=len, default=parts[0].batch.schema)
    batches = [_conform(part.batch, schema) for part in parts]
    verdicts = [part.verdicts or Verdicts(pa.nulls(part.batch.num_rows, pa.string())) for part in parts]
    counts = [part.batch.num_rows for part in parts]
    findings = [item.findings for item in verdicts if item.findings is not None]
    return Outcome(
        pa.Table.from_batches(batches).combine_chunks().to_batches()[0],
        Verdicts(
            rule=pa.concat_arrays([item.rule for item in verdicts]),
            failed=_concatenated([item.failed for item in verdicts], counts, pa.bool_()),
            value=_concatenated([item.value for item in verdicts], counts, pa.float64()),
            detail=_concatenated([item.detail for item in verdicts], counts, pa.string()),
            findings=pa.concat_batches(findings) if findings else None,
            copies=np.concatenate(
                [np.ones(n, np.int64) if v.copies is None else v.copies for v, n in zip(verdicts, counts, strict=True)]
            ),
        ),
    )


def _all_lost(outcome: Outcome) -> bool:
    return outcome.verdicts is not None and outcome.verdicts.rule.null_count == 0


def _conform(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    columns = [
        batch.column(field.name) if field.name in batch.schema.names else pa.nulls(batch.num_rows, field.type)
        for field in schema
    ]
    return pa.RecordBatch.from_arrays(columns, schema=pa.schema([field.with_nullable(True) for field in schema]))


def _concatenated(arrays: list[pa.Array | None], counts: list[int], kind: pa.DataType) -> pa.Array:
    filled = [pa.nulls(count, kind) if item is None else item for item, count in zip(arrays, counts, strict=True)]
    return pa.concat_arrays(filled)
