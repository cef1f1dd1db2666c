"""Ids that several documents have: what tells documents apart by their ids takes them for one.

Looked for at a run's end in the parts that the first pass has written, whose column `id` alone is read: 0.5 s for the
MOST_DOCUMENTS that are looked at, so that the cost and memory (about 100 bytes per document) do not grow with the run.
Ids that the input lacks are made of places in files and are never the same.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from prep.corpus.arrow.documents import ID, read_documents

MOST_DOCUMENTS = 1_000_000
"""Documents that are looked at, from the first one on."""


@dataclass(frozen=True)
class RepeatedIds:
    """What was found."""

    looked_at: int
    """Documents."""
    ids: int
    """Ids of several documents."""
    documents: int
    """Documents with one of these ids."""
    example: str
    """The id of the most documents, of these the first in the input."""
    times: int
    """Documents with the id of the example."""


def repeated_ids(parts: Sequence[str], most: int = MOST_DOCUMENTS) -> RepeatedIds | None:
    """Return what is repeated among the first documents of some Parquet parts; None where nothing is.

    Raises CorruptFileError where a part is damaged.
    """
    ids = pa.chunked_array(_first(parts, most), pa.large_string())
    counts = pc.value_counts(ids)
    several = counts.filter(pc.greater(counts.field("counts"), 1))
    if not len(several):
        return None
    times = several.field("counts")
    greatest = pc.max(times)
    example = several.field("values")[pc.index(times, greatest).as_py()]
    return RepeatedIds(len(ids), len(several), pc.sum(times).as_py(), str(example), greatest.as_py())


def _first(parts: Sequence[str], most: int) -> Iterator[pa.Array]:
    left = most
    for part in parts:
        for batch in read_documents(part, [ID.name]):
            yield batch.column(0)[:left].cast(pa.large_string())
            left -= min(left, batch.num_rows)
            if not left:
                return
