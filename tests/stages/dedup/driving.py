"""Driving a deduplication stage by its contract, as a run does: parts, taps, phases, what was written."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from prep.corpus.arrow.documents import ID, REJECTED, TEXT, DocumentWriter
from prep.corpus.files.storage import read_arrow
from prep.stages.dedup.deduplication import Deduplication
from prep.stages.results import Counts
from prep.stages.stage import GlobalStage, Tap
from prep.stages.upstream import GlobalContext, Upstream

from ..contract import run_task

SCHEMA = pa.schema([ID, TEXT])
Part = Sequence[tuple[object, ...]]
"""Documents: id and text, and what the schema has beside them."""
POEM = "the fog comes on little cat feet it sits looking over harbor and city on silent haunches and then moves on"


@dataclass(frozen=True)
class Result:
    """What a stage did with all parts."""

    kept: set[str]
    rejected: Mapping[str, str]
    """Ids of the documents lost, and of those kept in their place."""
    counts: Counts


def write_parts(
    folder: Path, stage: GlobalStage, parts: Sequence[Part], batch_rows: int, schema: pa.Schema = SCHEMA
) -> Upstream:
    """Write parts and what the stage's tap makes of them, in batches of some rows, as a pass does."""
    tap = stage.tap()
    assert tap is not None
    paths, taps = [], []
    for number, part in enumerate(parts):
        table = pa.table({name: [row[at] for row in part] for at, name in enumerate(schema.names)}, schema)
        batches = table.to_batches(batch_rows) or [pa.RecordBatch.from_pylist([], schema)]
        paths.append(str(folder / f"parts/{number:05d}.parquet"))
        with DocumentWriter(paths[-1], schema) as writer:
            for batch in batches:
                writer.write(batch)
        taps.append(str(folder / f"tap/{number:05d}.arrow"))
        write_tap(taps[-1], tap, batches)
    return Upstream(tuple(paths), tuple(taps), tuple(() for _ in parts))


def write_tap(path: str, tap: Tap, batches: Iterable[pa.RecordBatch]) -> None:
    extract = tap.open()
    tables = [extract(batch) for batch in batches]
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with pa.ipc.new_file(path, tables[0].schema) as writer:
        for table in tables:
            writer.write_batch(table)


def run(stage: Deduplication, upstream: Upstream, folder: Path) -> Result:
    """Run all phases and read what they wrote."""
    context = GlobalContext(upstream, str(folder / "output"), str(folder / "scratch"))
    counts = [
        run_task(stage, phase.name, task, context)
        for phase in stage.phases(len(upstream.parts))
        for task in reversed(range(phase.tasks))
    ]
    kept, rejected = set[str](), dict[str, str]()
    for number, part in enumerate(upstream.parts):
        ids = pq.read_table(part).column("id").to_pylist()
        drop = read_arrow(f"{context.output}/drops/{number:05d}.arrow").column("drop").to_pylist()
        before = upstream.dropped(number)
        kept |= {name for row, name in enumerate(ids) if not drop[row] and (before is None or not before[row])}
        losses = pq.read_table(f"{context.output}/rejected/{number:05d}.parquet")
        assert losses.schema.equals(REJECTED)
        rows = losses.to_pylist()
        assert [row["id"] for row in rows] == [name for name, lost in zip(ids, drop, strict=True) if lost]
        assert all(row["stage"] == stage.name and row["rule"] == stage.rule and not row["failed"] for row in rows)
        rejected |= {row["id"]: row["detail"] for row in rows}
    total = [item for item in counts if item is not None]
    summed = Counts(
        sum(item.entered for item in total),
        sum(item.kept for item in total),
        {stage.rule: sum(item.rejected.get(stage.rule, 0) for item in total)},
    )
    assert summed == Counts(len(kept) + len(rejected), len(kept), {stage.rule: len(rejected)})
    return Result(kept, rejected, summed)


def deduplicate(
    stage: Deduplication, parts: Sequence[Part], folder: Path, batch_rows: int = 1000, schema: pa.Schema = SCHEMA
) -> Result:
    return run(stage, write_parts(folder, stage, parts, batch_rows, schema), folder)


def variants(text: str, count: int, seed: int) -> list[str]:
    """Return copies of a text, each with one word replaced and a word of its own at the end."""
    rng = np.random.default_rng(seed)
    found = []
    for copy in range(count):
        parts = text.split()
        parts[int(rng.integers(len(parts)))] = f"changed{copy}"
        found.append(" ".join([*parts, f"copy{copy}"]))
    return found


def article(seed: int, length: int = 150) -> str:
    return " ".join(f"w{number}" for number in np.random.default_rng(seed).integers(0, 10**9, length))
