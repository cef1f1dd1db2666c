"""Texts of documents that a report shows: from the parts of passes, what was kept of rejected ones, or their source.

Rejected texts are kept by option alone (`rejected_text`). Others are in the parts of the pass before, where there was
one; those that the first pass rejected are read from the source again, by its tasks: at most 64 MiB for each.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from prep.corpus.errors import PrepError
from prep.pipeline.inspecting.following import follow_in_tasks
from prep.pipeline.monitor.opening import opened
from prep.pipeline.monitor.state import read_state
from prep.pipeline.reports.page.markup import Markup, element
from prep.pipeline.run import plan_for
from prep.pipeline.steps.keeping import REJECTED_TEXTS

CHARACTERS = 600
"""Of a text that is shown."""


def excerpt(text: str | None) -> Markup:
    """Return the beginning of a text."""
    if text is None:
        return element("p", "Its text is not kept.", kind="note")
    return element("pre", text if len(text) <= CHARACTERS else f"{text[:CHARACTERS]} …")


def texts_before(output: str, step: int, ids: Sequence[str]) -> dict[str, str]:
    """Return the texts of documents as a step met them, given its place; of those that a pass before it wrote."""
    state = read_state(f"{output}/steps")
    before = [] if state is None else state.steps[:step]
    folders = [Path(output, "steps", each.folder, "parts") for each in before]
    parts = next((folder for folder in reversed(folders) if folder.is_dir()), None)
    return {} if parts is None else texts_in(sorted(parts.glob("*.parquet")), ids)


def kept_texts(output: str, ids: Sequence[str]) -> dict[str, str]:
    """Return the texts of rejected documents that the run kept."""
    return texts_in(sorted(Path(output, REJECTED_TEXTS).glob("*.parquet")), ids)


def texts_from_source(output: str, ids: Mapping[int, Sequence[str]]) -> dict[str, str]:
    """Return texts of documents, given by tasks of the first pass, as the last stage saw them; none that are gone."""
    try:
        with opened(output) as (configuration, _):
            stories = follow_in_tasks(plan_for(configuration), configuration, ids) if ids else {}
    except (PrepError, OSError):
        return {}
    return {each: story.text for each, story in stories.items() if story.text is not None}


def texts_in(paths: Sequence[Path], ids: Sequence[str]) -> dict[str, str]:
    """Return texts of Parquet files by id, reading no row group that holds none of them but its ids."""
    wanted, found = pa.array(list(ids), pa.string()), dict[str, str]()
    for path in paths:
        file = pq.ParquetFile(path)
        names = file.schema_arrow.names
        for group in range(file.num_row_groups if {"id", "text"} <= set(names) else 0):
            if len(found) >= len(ids):
                return found
            known = file.read_row_group(group, ["id"]).column("id").cast(pa.string())
            rows = np.flatnonzero(pc.is_in(known, wanted).to_numpy())
            if len(rows):
                texts = file.read_row_group(group, ["text"]).column("text").take(pa.array(rows)).to_pylist()
                pairs = zip(known.take(pa.array(rows)).to_pylist(), texts, strict=True)
                found |= {each: text for each, text in pairs if text is not None}
    return found


def several(maps: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Put texts together; the first of a document counts."""
    return {each: text for texts in reversed(maps) for each, text in texts.items()}
