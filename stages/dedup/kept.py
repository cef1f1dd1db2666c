"""The ids of the documents that clusters keep, gathered in one table that every part's task reads.

The documents of a part go in favour of documents of all parts: looked for there, their ids would take as many files as
there are parts, from each part. So each part's task writes the ids of those of its own that are kept in others' places,
one task puts them in one table in the order of their places, and whoever wants an id searches it by halving.
Cost: 8 bytes and the id for each cluster, written twice. Memory: one batch, and what is asked for.
"""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from prep.corpus.errors import CorruptFileError
from prep.corpus.files.storage import join, read_arrow, write_arrow, write_batches
from prep.stages.shared.matching.cluster_kernels import Numbers
from prep.stages.shared.matching.documents import ID, Documents, read_numbers
from prep.stages.upstream import GlobalContext

PLACE = "place"
BATCH_ROWS = 1 << 20
_ROW_BITS = 40
_KEPT = pa.schema({PLACE: pa.int64(), ID: pa.string()})


def place(parts: Numbers, rows: Numbers) -> Numbers:
    """Return a number for each row of some parts, in the order of parts and rows."""
    return (parts << _ROW_BITS) | rows


def write_kept(part: int, rows: Numbers, documents: Documents, context: GlobalContext) -> None:
    """Write the ids of some rows of a part of the run, rising, that are kept in others' places."""
    new = documents.new_parts.start + part
    columns = [place(np.full(len(rows), new), rows), documents.ids(new, rows).combine_chunks()]
    write_arrow(_path(context, f"{part:05d}"), pa.table(columns, _KEPT))


def gather_kept(context: GlobalContext) -> None:
    """Put what the tasks of all parts have written in one table."""
    write_batches(_path(context, "all"), _KEPT, _gathered(context))


def _gathered(context: GlobalContext) -> Iterator[pa.RecordBatch]:
    pieces, rows = [_KEPT.empty_table()], 0
    for part in range(len(context.upstream.parts)):
        pieces.append(read_arrow(_path(context, f"{part:05d}")))
        rows += pieces[-1].num_rows
        if rows >= BATCH_ROWS:
            yield from pa.concat_tables(pieces).combine_chunks().to_batches()
            pieces, rows = [_KEPT.empty_table()], 0
    yield from pa.concat_tables(pieces).combine_chunks().to_batches()


def kept_ids(documents: Documents, parts: Numbers, rows: Numbers, context: GlobalContext) -> pa.ChunkedArray:
    """Return the ids of documents that are kept in others' places, or of those in whose place an index keeps one.

    Raises CorruptFileError where one of the run is not among those gathered.
    """
    known = parts < documents.new_parts.start
    places = place(parts[~known], rows[~known])
    order = np.argsort(places, kind="stable")
    ordered = places[order]
    pieces = [pa.chunked_array(documents.kept_ids(parts[known], rows[known]), pa.string())]
    for batch in read_arrow(_path(context, "all")).to_batches():
        there = read_numbers(pa.Table.from_batches([batch]), PLACE)
        inside = ordered[slice(*np.searchsorted(ordered, (there[0], there[-1] + 1)))] if len(there) else ordered[:0]
        found = np.searchsorted(there, inside)
        if not np.array_equal(there[found], inside):
            break
        pieces.append(pa.chunked_array([batch.column(ID).take(pa.array(found))]))
    ids = pa.chunked_array([chunk for piece in pieces for chunk in piece.chunks], pa.string())
    if len(ids) != len(parts):
        raise CorruptFileError(f"{_path(context, 'all')} lacks ids of documents that are kept; run again")
    back = np.empty(len(parts), np.int64)
    back[known] = np.arange(known.sum())
    back[np.flatnonzero(~known)[order]] = np.arange(known.sum(), len(parts))
    return ids.take(pa.array(back))


def _path(context: GlobalContext, name: str) -> str:
    return join(context.scratch, "kept", f"{name}.arrow")
