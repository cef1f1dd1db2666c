"""True similarities: the shingle sets of some documents, read from their texts again, and the pairs that pass by them.

Only documents that stand in a pair are read. Sets lie in files, one per part, and are looked up for some pairs at a
time. Cost: as splitting these documents into shingles, and O(shingles) per pair. Disk: 8 bytes per different shingle.
"""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from prep.corpus.arrow.columns import Offsets, string_buffers
from prep.corpus.arrow.documents import read_rows
from prep.corpus.files.storage import atomic_output, join, read_arrow, write_arrow
from prep.stages.dedup.minhash.minhash_kernels import Shingling, shingle_sets
from prep.stages.shared.matching.cluster_kernels import Numbers, Values
from prep.stages.shared.matching.documents import Documents, by_part, read_numbers
from prep.stages.shared.matching.matching import PAIRS_AT_ONCE, pairs_path, read_pairs, write_pairs
from prep.stages.shared.matching.sketch_kernels import jaccard
from prep.stages.upstream import GlobalContext

CANDIDATES = "candidates"
"""Folder of the scratch folder for the documents that stand in any pair."""
VERIFIED = "verified"
"""Folder of the scratch folder for the pairs that are similar, one file per match task."""
EXCERPT = 300
"""Characters of a text that are quoted."""
_SCHEMA = pa.schema(
    {"row": pa.int64(), "length": pa.int64(), "text": pa.large_string(), "shingles": pa.large_list(pa.uint64())}
)


class Selection:
    """Some documents of a run, under a name: their rows by part, and once they are read, their sets and excerpts."""

    def __init__(self, name: str, context: GlobalContext) -> None:
        self._name = name
        self._context = context

    def choose(self, part: int, rows: Numbers) -> None:
        """Say which rows of a part are wanted, rising."""
        write_arrow(self._path("rows", part), pa.table({"row": rows.astype(np.int64)}))

    def read_texts(self, part: int, shingling: Shingling) -> None:
        """Write the sets and excerpts of the rows that are wanted of a part."""
        wanted = read_numbers(read_arrow(self._path("rows", part)), "row")
        with atomic_output(self._path("sets", part)) as sink, pa.ipc.new_file(sink, _SCHEMA) as writer:
            for rows, batch in read_rows(self._context.upstream.parts[part], wanted, ["text"]):
                texts = batch.column("text")
                data, offsets = string_buffers(texts)
                hashes, bounds = shingle_sets(data, offsets, shingling)
                sets = pa.LargeListArray.from_arrays(pa.array(bounds), pa.array(hashes))
                excerpts = pc.utf8_slice_codeunits(texts.cast(pa.large_string()).fill_null(""), 0, EXCERPT)
                columns = [pa.array(rows), pa.array(np.diff(offsets)), excerpts, sets]
                writer.write_batch(pa.record_batch(columns, _SCHEMA))

    def take(self, parts: Numbers, rows: Numbers) -> pa.Table:
        """Return the sets and excerpts of documents that were read, in the order asked for."""
        order, grouped = by_part(parts, rows)
        pieces = [_SCHEMA.empty_table()]
        for part, mine in grouped:
            table = read_arrow(self._path("sets", part))
            pieces.append(table.take(pa.array(np.searchsorted(read_numbers(table, "row"), mine))))
        back = np.empty(len(order), np.int64)
        back[order] = np.arange(len(order))
        return pa.concat_tables(pieces).take(pa.array(back))

    def _path(self, kind: str, part: int) -> str:
        return join(self._context.scratch, self._name, kind, f"{part:05d}.arrow")


def similarities(left: pa.Table, right: pa.Table) -> npt.NDArray[np.float64]:
    """Return the Jaccard similarity of the sets in each row of two tables of a selection."""
    return jaccard(*sets_of(left), *sets_of(right))


def sets_of(table: pa.Table) -> tuple[Values, Offsets]:
    """Return the sets of a table of a selection, one after the other, and where each ends (rows + 1)."""
    column = table.column("shingles").combine_chunks()
    bounds = np.concatenate([[0], np.cumsum(pc.list_value_length(column).to_numpy())])
    return column.flatten().to_numpy(), bounds.astype(np.int64)


def choose_candidates(tasks: int, documents: Documents, context: GlobalContext) -> None:
    """Choose the documents that stand in any pair of so many match tasks."""
    wanted = np.zeros(len(documents), np.bool_)
    for task in range(tasks):
        for left, right in read_pairs(read_arrow(pairs_path(context, task))):
            wanted[left] = True
            wanted[right] = True
    chosen = Selection(CANDIDATES, context)
    for part, (start, end) in enumerate(pairwise(documents.offsets)):
        chosen.choose(part, np.flatnonzero(wanted[start:end]))


def verify(task: int, least: float, documents: Documents, context: GlobalContext) -> None:
    """Write the pairs of a match task that are truly at least so similar."""
    chosen = Selection(CANDIDATES, context)

    def similar() -> Iterator[tuple[Numbers, Numbers]]:
        for left, right in read_pairs(read_arrow(pairs_path(context, task))):
            for start in range(0, len(left), PAIRS_AT_ONCE // 16):
                some = slice(start, start + PAIRS_AT_ONCE // 16)
                sets = [chosen.take(*documents.places(side[some])) for side in (left, right)]
                passed = similarities(*sets) >= least
                yield left[some][passed], right[some][passed]

    write_pairs(verified_path(context, task), similar())


def verified_path(context: GlobalContext, task: int) -> str:
    """Return where the verified pairs of a match task lie."""
    return join(context.scratch, VERIFIED, f"{task:05d}.arrow")
