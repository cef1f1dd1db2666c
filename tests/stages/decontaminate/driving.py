"""Driving the stage by its contract, as a run does: parts, tap, phases, what was written."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from prep.corpus.arrow.documents import ID, TEXT, write_table
from prep.corpus.files.storage import write_arrow
from prep.stages.decontaminate.decontaminate import Decontaminate
from prep.stages.upstream import GlobalContext, Upstream
from prep.stages.verdicts import PartVerdicts, Verdicts

SCHEMA = pa.schema([ID, TEXT])
Outcome = tuple[pa.RecordBatch, Verdicts, list[dict[str, object]]]


def run(stage: Decontaminate, *texts: str | None) -> Outcome:
    """Return the documents `d0`, `d1`, … after cuts, a verdict for each, and the findings."""
    with tempfile.TemporaryDirectory() as folder:
        return run_parts(stage, [texts], Path(folder))


def run_parts(
    stage: Decontaminate, parts: Sequence[Sequence[str | None]], folder: Path, lost: Sequence[str] = (), rows: int = 7
) -> Outcome:
    """Do the same for documents in parts, in batches of some rows, of which some are lost before."""
    paths, taps, drops, number = [], [], [], 0
    extract = stage.tap().open()
    for part, texts in enumerate(parts):
        ids = [f"d{number + row}" for row in range(len(texts))]
        number += len(texts)
        table = pa.table({"id": ids, "text": pa.array(texts, pa.large_string())}).cast(SCHEMA)
        paths.append(str(folder / f"parts/{part:05d}.parquet"))
        taps.append(str(folder / f"taps/{part:05d}.arrow"))
        drops.append(str(folder / f"drops/{part:05d}.arrow"))
        write_table(paths[-1], table)
        batches = table.to_batches(rows) or [pa.RecordBatch.from_pylist([], SCHEMA)]
        write_arrow(taps[-1], pa.Table.from_batches([extract(batch) for batch in batches]))
        write_arrow(drops[-1], pa.table({"drop": np.isin(ids, list(lost))}))
    upstream = Upstream(tuple(paths), tuple(taps), tuple((path,) for path in drops) if lost else ())
    context = GlobalContext(upstream, str(folder / "output"), str(folder / "scratch"))
    found: dict[int, PartVerdicts] = {}
    for phase in stage.phases(len(parts)):
        for task in reversed(range(phase.tasks)):
            verdicts = stage.run(phase.name, task, context)
            if verdicts is not None:
                found[task] = verdicts
    findings = [pq.read_table(f"{context.output}/findings/{part:05d}.parquet") for part in range(len(parts))]
    return (
        _after(upstream, context.output, stage.cuts),
        _by_row([found[part] for part in range(len(parts))], [len(texts) for texts in parts]),
        pa.concat_tables(findings).to_pylist(),
    )


def _after(upstream: Upstream, output: str, cuts: bool) -> pa.RecordBatch:
    made = tuple((f"{output}/cuts/{part:05d}.arrow",) if cuts else () for part in range(len(upstream.parts)))
    changed = Upstream(upstream.parts, cuts=made)
    batches = [batch for part in range(len(upstream.parts)) for batch in changed.documents(part)]
    return pa.Table.from_batches(batches, SCHEMA).combine_chunks().to_batches()[0]


def _by_row(found: Sequence[PartVerdicts], sizes: Sequence[int]) -> Verdicts:
    starts = np.cumsum([0, *sizes])
    columns = np.full((3, starts[-1]), None, object)
    for start, part in zip(starts, found, strict=False):
        assert part.verdicts.value is not None
        assert part.verdicts.detail is not None
        rows = start + part.rows
        for column, values in zip(
            columns, (part.verdicts.rule, part.verdicts.value, part.verdicts.detail), strict=True
        ):
            column[rows] = values.to_pylist()
    rules, values, details = columns
    kinds = (pa.string(), pa.float64(), pa.string())
    rule, value, detail = (pa.array(column, kind) for column, kind in zip((rules, values, details), kinds, strict=True))
    return Verdicts(rule, value=value, detail=detail)
