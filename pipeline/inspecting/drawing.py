"""Documents of a run to look at: kept ones, and rejected ones with rule, value and threshold, drawn by a seed.

A document is drawn by the hash of seed and id, so that the same ones are shown again whatever the order of the files.
Texts are found in the parts of the pass on which the rejecting stage worked; what a row stage rejects is written by
option alone (`rejected_text`), and otherwise read again from its source (`prep.pipeline.inspecting.following`).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from prep.corpus.arrow.columns import string_buffers
from prep.corpus.arrow.documents import read_documents
from prep.corpus.closeness import meant
from prep.corpus.errors import RunError
from prep.pipeline.config import Configuration
from prep.pipeline.inspecting.following import complete_steps, follow
from prep.pipeline.plan import GlobalStep, PassStep, Plan
from prep.pipeline.run import steps_folder
from prep.pipeline.steps import records
from prep.pipeline.steps.keeping import REJECTED_TEXTS
from prep.tokenizers.row_kernels import hash_rows

_BY = ("stage", "rule")
_HASH = "hash of seed and id"
SIDES = {True: "near the threshold, rejected by this rule alone", False: "near the threshold, kept"}


@dataclass(frozen=True)
class Shown:
    """A document to look at."""

    id: str
    text: str | None = None
    """None where the text is not kept."""
    stage: str = ""
    """The stage that rejected it; empty for one that was kept."""
    rule: str = ""
    value: float | None = None
    detail: str | None = None
    """The threshold, or what else the stage had to say."""


def require_known(plan: Plan, configuration: Configuration, rule: str | None, stage: str | None) -> None:
    """Raise RunError for a rule or stage that no document of the run was lost by, with those that there are."""
    names = [each.name for each in configuration.stages]
    if stage is not None and stage not in names:
        raise RunError(f"--stage {stage}: no such stage; {meant(stage, names)}")
    root = steps_folder(configuration)
    manifests = [records.read_manifest(f"{root}/{step.folder}") for step in complete_steps(plan, configuration)]
    rules = sorted({rule for each in manifests for of in each.counts.values() for rule in (*of.rejected, *of.failed)})
    if rule is not None and rule not in rules and not any(near(plan, configuration, rule)):
        others = meant(rule, rules) if rules else "this run has lost none so far"
        raise RunError(f"--rule {rule}: no document was lost by it; {others}")


def kept(plan: Plan, configuration: Configuration, number: int, seed: int) -> list[Shown]:
    """Return some of the documents that survive the last pass that has run."""
    passes = [step for step in complete_steps(plan, configuration) if isinstance(step, PassStep)]
    parts = _parts(f"{steps_folder(configuration)}/{passes[-1].folder}")
    batches = (batch for part in parts for batch in read_documents(str(part), ["id"]))
    found = [Shown(row["id"]) for row in _first_by_hash(batches, number, seed)]
    return with_texts(found, parts)


def rejected(
    plan: Plan,
    configuration: Configuration,
    number: int,
    seed: int,
    rule: str | None = None,
    stage: str | None = None,
) -> list[Shown]:
    """Return some of the documents that each rule rejected, or one rule or stage alone; errors are rules too."""
    shown: list[Shown] = []
    for step in complete_steps(plan, configuration):
        folder = f"{steps_folder(configuration)}/{step.folder}"
        drawn = _drawn(folder if isinstance(step, PassStep) else f"{folder}/output", number, seed, rule)
        drawn = [each for each in drawn if stage in (None, each.stage)]
        if isinstance(step, GlobalStep):
            shown += with_texts(drawn, worked_on(step, configuration))
        elif drawn:
            known = {each.id: each.text for each in with_texts(drawn, _parts(folder, REJECTED_TEXTS))}
            missing = [each for each, text in known.items() if text is None]
            known |= {story.id: story.text for story in follow(plan, configuration, missing)} if missing else {}
            shown += [replace(each, text=known.get(each.id)) for each in drawn]
    return shown


def near(plan: Plan, configuration: Configuration, rule: str) -> Iterator[tuple[str, list[Shown]]]:
    """Yield documents on both sides of a rule's threshold whose fate hangs on this rule alone, with a title."""
    for step in complete_steps(plan, configuration):
        if not isinstance(step, GlobalStep):
            continue
        samples = list(step.stage.near(f"{steps_folder(configuration)}/{step.folder}/output", rule))
        for rejected, title in SIDES.items() if samples else ():
            found = [
                Shown(each.id, value=each.value, detail=f"{each.bound} {each.threshold:g}")
                for each in samples
                if each.rejected == rejected
            ]
            yield title, with_texts(found, worked_on(step, configuration))


def worked_on(step: GlobalStep, configuration: Configuration) -> list[Path]:
    """Return the Parquet parts that a Global stage worked on."""
    return _parts(f"{steps_folder(configuration)}/{step.previous}")


def with_texts(shown: Sequence[Shown], parts: Iterable[Path]) -> list[Shown]:
    """Return documents with their texts, reading no row group of the parts that holds none of them."""
    wanted = pa.array([each.id for each in shown], pa.string())
    texts: dict[str, str | None] = {}
    for part in parts:
        file = pq.ParquetFile(part)
        for group in range(file.num_row_groups) if len(texts) < len(shown) else ():
            ids = file.read_row_group(group, ["id"]).column("id").cast(pa.string())
            rows = np.flatnonzero(pc.is_in(ids, wanted).to_numpy(zero_copy_only=False))
            if len(rows):
                found = file.read_row_group(group, ["text"]).column("text").take(pa.array(rows)).to_pylist()
                texts.update(zip(ids.take(pa.array(rows)).to_pylist(), found, strict=True))
    return [replace(each, text=texts.get(each.id)) for each in shown]


def _drawn(folder: str, number: int, seed: int, rule: str | None) -> list[Shown]:
    """Return the documents drawn for each stage and rule in a folder's rejected files, in that order."""
    files = sorted(Path(folder, "rejected").glob("*.parquet"))
    batches = (batch for path in files for batch in read_documents(str(path), ["id", *_BY, "value", "detail"]))
    if rule is not None:
        batches = (batch.filter(pc.equal(batch.column("rule"), rule)) for batch in batches)
    rows = _first_by_hash(batches, number, seed, _BY)
    return [Shown(row["id"], None, row["stage"], row["rule"], row["value"], row["detail"]) for row in rows]


def _first_by_hash(
    batches: Iterable[pa.RecordBatch], number: int, seed: int, by: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Return the rows of each group whose ids have the smallest hashes, in the order of groups and hashes."""
    drawn: pa.Table | None = None
    order = [(name, "ascending") for name in (*by, _HASH, "id")]
    for batch in batches:
        data, offsets = string_buffers(batch.column("id"))
        hashes = pa.array(hash_rows(data, offsets[:-1], offsets[1:], np.uint64(seed)))
        new = pa.Table.from_batches([batch]).append_column(_HASH, hashes)
        table = (new if drawn is None else pa.concat_tables([drawn, new])).sort_by(order)
        drawn = table.filter(pa.array(_places(table, by) < number))
    return [] if drawn is None else drawn.to_pylist()


def _places(table: pa.Table, by: Sequence[str]) -> npt.NDArray[np.int64]:
    """Return the place of each row in its group, of which the rows stand together."""
    rows = np.arange(table.num_rows)
    fresh = rows == 0
    for name in by if len(rows) else ():
        codes = table.column(name).combine_chunks().dictionary_encode().indices.to_numpy()
        fresh[1:] |= codes[1:] != codes[:-1]
    return rows - np.maximum.accumulate(np.where(fresh, rows, 0))


def _parts(folder: str, name: str = "parts") -> list[Path]:
    return sorted(Path(folder, name).glob("*.parquet"))
