"""What a Global stage's verdicts come to: the bitmap for the next pass, the record of what is lost, the counts."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from prep.corpus.arrow.documents import REJECTED, TEXT, URL, DocumentWriter
from prep.corpus.errors import LedgerError
from prep.corpus.files.storage import exists, join, read_arrow, write_arrow
from prep.pipeline.steps import keeping
from prep.pipeline.steps.accounting import LABELS, Account, noted, rejects, sizes_path
from prep.pipeline.steps.keeping import REJECTED_TEXTS, RejectedText, texts_to_keep, with_texts
from prep.stages.stage import GlobalStage
from prep.stages.upstream import GlobalContext, Upstream
from prep.stages.verdicts import PartVerdicts, Verdicts

REJECTS = "rejected"
"""Folder of what is lost, in a pass's folder and in a Global stage's output."""


def run_task(
    stage: GlobalStage,
    phase: str,
    task: int,
    context: GlobalContext,
    position: int = 0,
    texts: RejectedText = "none",
) -> Account | None:
    """Run one task of the Global stage at a position and settle its verdicts; returns None where it gives none.

    Raises LedgerError where the stage did not look at all documents, or at some that were lost before.
    """
    found = stage.run(phase, task, context)
    return None if found is None else _settle(stage, task, context, found, position, texts)


def _settle(
    stage: GlobalStage, part: int, context: GlobalContext, found: PartVerdicts, position: int, texts: RejectedText
) -> Account:
    account = Account((position,))
    account.note(position, found.tagged)
    if stage.tag is not None:
        rules, left = noted(found.verdicts)
        _write_tags(stage.tag, rules, found.rows, part, context)
        account.tag(position, rules)
        found = replace(found, verdicts=left)
    before = context.upstream.dropped(part)
    lost = found.rows[found.verdicts.rule.is_valid().to_numpy(zero_copy_only=False)]
    if before is not None and before[found.rows].any():
        raise LedgerError(f"{stage.name}: verdicts on documents that were lost before; this is a defect of the stage")
    rows = 0
    sizes = _sizes(context.upstream, part)
    with ExitStack() as stack:
        losses: DocumentWriter | None = None
        kept: DocumentWriter | None = None
        if stage.drops or len(lost):
            path = join(context.output, REJECTS, f"{part:05d}.parquet")
            losses = stack.enter_context(DocumentWriter(path, REJECTED))
            if texts != "none":
                path = join(context.output, REJECTED_TEXTS, f"{part:05d}.parquet")
                kept = stack.enter_context(DocumentWriter(path, keeping.SCHEMA))
        for start, batch in _documents(context.upstream, part, whole=kept is not None):
            rows = start + batch.num_rows
            stays = np.ones(batch.num_rows, np.bool_) if before is None else ~before[start:rows]
            own = sizes.slice(start, batch.num_rows)
            account.enter(position, batch.filter(pa.array(stays)), own.filter(pa.array(stays)))
            inside = slice(*np.searchsorted(lost, (start, rows)))
            at = pa.array(lost[inside] - start)
            documents = batch.take(at)
            recorded = _recorded(stage, found, documents, lost[inside])
            account.lose(position, recorded, documents, own.take(at))
            if losses is not None:
                losses.write(recorded)
            if kept is not None:
                kept.write(texts_to_keep(texts, with_texts(recorded, documents)))
    there = account.counts()[position].entered
    if there != found.entered:
        raise LedgerError(
            f"{stage.name}: part {part} holds {there} documents, but the stage looked at {found.entered}; "
            "this is a defect of the stage, and nothing after it can be trusted"
        )
    if stage.drops:
        drop = np.zeros(rows, np.bool_)
        drop[lost] = True
        write_arrow(join(context.output, "drops", f"{part:05d}.arrow"), pa.table({"drop": drop}))
    if found.verdicts.copies is not None:
        account.repeat(position, int(found.verdicts.copies.sum()) - len(found.rows))
    return account


def _write_tags(column: str, rules: pa.Array, rows: npt.NDArray[np.int64], part: int, context: GlobalContext) -> None:
    """Write the column of rules for all documents of a part, given those of some rows."""
    count = sum(batch.num_rows for batch in context.upstream.rows(part, ["id"]))
    of_row = np.full(count, -1, np.int64)
    of_row[rows] = np.arange(len(rows))
    tags = rules.take(pa.array(of_row, mask=of_row < 0))
    write_arrow(join(context.output, "tags", f"{part:05d}.arrow"), pa.table({column: tags}))


def _recorded(
    stage: GlobalStage, found: PartVerdicts, documents: pa.RecordBatch, rows: npt.NDArray[np.int64]
) -> pa.RecordBatch:
    at = pa.array(np.searchsorted(found.rows, rows))
    verdicts = found.verdicts
    taken = Verdicts(
        rule=verdicts.rule.take(at),
        failed=None if verdicts.failed is None else verdicts.failed.take(at),
        value=None if verdicts.value is None else verdicts.value.take(at),
        detail=None if verdicts.detail is None else verdicts.detail.take(at),
    )
    return rejects(documents, stage.name, taken)


def _sizes(upstream: Upstream, part: int) -> pa.Array:
    """Return the bytes of all texts of a part, as the pass that wrote it noted them; zeros where none has."""
    path = upstream.parts[part]
    if exists(sizes_path(path)):
        return read_arrow(sizes_path(path)).column("bytes").combine_chunks()
    return pa.array(np.zeros(pq.read_metadata(path).num_rows, np.int64))


def _documents(upstream: Upstream, part: int, *, whole: bool) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Yield a part's ids, labels and URLs, and texts where they are asked for, in batches, each with its first row."""
    there = upstream.schema(part).names
    columns = ["id", *(name for name in (*LABELS, URL.name, *([TEXT.name] if whole else [])) if name in there)]
    start = 0
    for batch in upstream.rows(part, columns):
        yield start, batch
        start += batch.num_rows
