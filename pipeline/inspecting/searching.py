"""Which documents of a run have a URL, or hold a text: kept ones by the parts of passes, others by their sources."""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from prep.pipeline.config import Configuration
from prep.pipeline.inspecting.following import Story, follow, follow_in_tasks
from prep.pipeline.plan import PassStep, Plan
from prep.pipeline.run import steps_folder
from prep.pipeline.steps.settling import REJECTS
from prep.stages.shared.targets import Targets

_TOGETHER = 200
"""Rejected documents that are read again at once."""


def by_url(plan: Plan, configuration: Configuration, urls: Sequence[str]) -> list[str]:
    """Return the ids of the documents that came in with these URLs, however they are written."""
    targets = Targets.of({"urls": urls})
    found: list[str] = []
    first = f"{steps_folder(configuration)}/{plan.steps[0].folder}"
    for path in [path for kind in ("parts", REJECTS) for path in _files(f"{first}/{kind}")] if targets else ():
        file = pq.ParquetFile(path)
        if "url" in file.schema_arrow.names:
            for batch in file.iter_batches(columns=["id", "url"]):
                rows = np.flatnonzero(targets.match(batch).kind >= 0)
                found += batch.column("id").take(pa.array(rows)).to_pylist()
    return list(dict.fromkeys(found))


def by_text(plan: Plan, configuration: Configuration, text: str, number: int) -> list[Story]:
    """Return some documents that hold a text, upper and lower case alike: kept by a pass first, then rejected ones.

    What the first pass rejected is read again, some at a time, until enough are found.
    """
    root = steps_folder(configuration)
    passes = [f"{root}/{step.folder}" for step in plan.steps if isinstance(step, PassStep)]
    ids = list(dict.fromkeys(islice(_in_parts(passes, text), number)))
    found = follow(plan, configuration, ids) if ids else []
    for task, lost in _lost(passes[0]):
        if len(found) >= number:
            break
        stories = follow_in_tasks(plan, configuration, {task: lost}).values()
        found += [story for story in stories if text.lower() in (story.text or "").lower()]
    return found[:number]


def _lost(folder: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the ids that a pass rejected, some at a time, with the task that did."""
    for path in _files(f"{folder}/{REJECTS}"):
        for batch in pq.ParquetFile(path).iter_batches(_TOGETHER, columns=["id"]):
            yield int(path.stem), batch.column("id").to_pylist()


def _in_parts(passes: Sequence[str], text: str) -> Iterator[str]:
    for folder in passes:
        for path in _files(f"{folder}/parts"):
            file = pq.ParquetFile(path)
            for batch in file.iter_batches(columns=["id", "text"]) if "text" in file.schema_arrow.names else ():
                holds = pc.match_substring(batch.column("text"), text, ignore_case=True)
                yield from batch.column("id").filter(holds).to_pylist()


def _files(folder: str) -> list[Path]:
    return sorted(Path(folder).glob("*.parquet"))
