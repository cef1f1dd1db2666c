"""Documents of a run to look at: kept ones, and rejected ones with rule, value and threshold, drawn by a seed.

A document is drawn by the hash of seed and id, so that the same ones are shown again whatever the order of the files.
Texts are found in the parts of the pass on which the rejecting stage worked; what a row stage rejects is written
nowhere, and read again from its source (`prep.pipeline.inspecting.following`).
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from heapq import nsmallest
from itertools import takewhile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from prep.corpus.arrow.documents import read_documents
from prep.corpus.closeness import meant
from prep.corpus.errors import RunError
from prep.pipeline.config import Configuration
from prep.pipeline.inspecting.following import follow
from prep.pipeline.plan import GlobalStep, PassStep, Plan
from prep.pipeline.run import steps_folder
from prep.pipeline.steps import records
from prep.pipeline.steps.checking import complete

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


def require_read(plan: Plan, configuration: Configuration) -> None:
    """Raise RunError where not even the first step has run as it is configured now."""
    first = plan.steps[0]
    if not complete(f"{steps_folder(configuration)}/{first.folder}"):
        raise RunError(f"the step {first.title} has not run as it is configured now; run 'prep run'")


def require_known(plan: Plan, configuration: Configuration, rule: str | None, stage: str | None) -> None:
    """Raise RunError for a rule or stage that no document of the run was lost by, with those that there are."""
    names = [each.name for each in configuration.stages]
    if stage is not None and stage not in names:
        raise RunError(f"--stage {stage}: no such stage; {meant(stage, names)}")
    root = steps_folder(configuration)
    manifests = [records.read_manifest(f"{root}/{step.folder}") for step in complete_steps(plan, configuration)]
    rules = sorted({rule for each in manifests for of in each.counts.values() for rule in (*of.rejected, *of.failed)})
    if rule is not None and rule not in rules and not any(near(plan, configuration, rule)):
        raise RunError(f"--rule {rule}: no document was lost by it; {meant(rule, rules or ['none'])}")


def complete_steps(plan: Plan, configuration: Configuration) -> list[PassStep | GlobalStep]:
    """Return the steps that have run as they are configured now, up to the first that has not."""
    root = steps_folder(configuration)
    return list(takewhile(lambda step: complete(f"{root}/{step.folder}"), plan.steps))


def kept(plan: Plan, configuration: Configuration, number: int, seed: int) -> list[Shown]:
    """Return some of the documents that survive the last pass that has run."""
    passes = [step for step in complete_steps(plan, configuration) if isinstance(step, PassStep)]
    parts = _parts(f"{steps_folder(configuration)}/{passes[-1].folder}")
    found: list[Shown] = []
    for part in parts:
        ids = pq.read_table(part, columns=["id"]).column("id").to_pylist()
        found = nsmallest(number, [*found, *map(Shown, ids)], key=lambda each: _order(each.id, seed))
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
            texts = {story.id: story.text for story in follow(plan, configuration, [each.id for each in drawn])}
            shown += [replace(each, text=texts.get(each.id)) for each in drawn]
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
    drawn: Mapping[tuple[str, str], list[Shown]] = defaultdict(list)
    for path in sorted(Path(folder, "rejected").glob("*.parquet")):
        for batch in read_documents(str(path)):
            for row in _rows(batch, rule):
                found = drawn[row.stage, row.rule]
                found.append(row)
                if len(found) > 100 * number:
                    found[:] = nsmallest(number, found, key=lambda each: _order(each.id, seed))
    return [
        each
        for _, found in sorted(drawn.items())
        for each in nsmallest(number, found, key=lambda each: _order(each.id, seed))
    ]


def _rows(batch: pa.RecordBatch, rule: str | None) -> Iterator[Shown]:
    if rule is not None:
        batch = batch.filter(pc.equal(batch.column("rule"), rule))
    for row in batch.to_pylist():
        yield Shown(row["id"], None, row["stage"], row["rule"], row["value"], row["detail"])


def _order(document: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed} {document}".encode()).digest()


def _parts(folder: str) -> list[Path]:
    return sorted(Path(folder, "parts").glob("*.parquet"))
