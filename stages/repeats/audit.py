"""What a stage cut, for people to judge: how much, and the pieces that most documents have, with their texts.

Written to the stage's output, folder `audit`: `summary.json`, and `repeats.parquet` with a row per piece.
"""

import heapq

import numpy as np
import pyarrow as pa

from prep.corpus.arrow.documents import read_rows, write_table
from prep.corpus.files.storage import join, read_arrow, write_json
from prep.stages.repeats.stored import pieces, repeated_path
from prep.stages.repeats.taps import HASH_0, HASH_1
from prep.stages.shared.matching.documents import read_numbers
from prep.stages.upstream import GlobalContext

SHOWN = 50
"""Pieces that are shown."""
EXCERPT = 300
"""Characters shown of a piece."""
_Top = tuple[int, int, int, int]
"""Documents that have a piece, the halves of its hash (below zero, so that the smallest come first), a part."""


def write(tasks: int, context: GlobalContext) -> None:
    """Write the audit of a stage whose cuts are made; `tasks` is the number of its match tasks."""
    top: list[_Top] = []
    for task in range(tasks):
        for batch in read_arrow(repeated_path(context, "pieces", task)).to_batches():
            columns = (batch.column(name).to_numpy() for name in ("documents", HASH_0, HASH_1, "part"))
            documents, hash_0, hash_1, parts = columns
            most = np.lexsort((parts, hash_1, hash_0, -documents))
            _, first = np.unique(hash_0[most], return_index=True)
            chosen = most[np.sort(first)][:SHOWN].tolist()
            top += [(int(documents[at]), -int(hash_0[at]), -int(hash_1[at]), int(parts[at])) for at in chosen]
    top = heapq.nlargest(SHOWN, top)
    texts = [_text(-hash_0, -hash_1, part, context) for _, hash_0, hash_1, part in top]
    table = {"documents": [documents for documents, *_ in top], "text": texts}
    schema = pa.schema({"documents": pa.int64(), "text": pa.string()})
    write_table(join(context.output, "audit", "repeats.parquet"), pa.table(table, schema))
    write_json(join(context.output, "audit", "summary.json"), _summary(context))


def _text(hash_0: int, hash_1: int, part: int, context: GlobalContext) -> str:
    """Return the beginning of a piece, as a document of the part has it."""
    wanted = np.array([[hash_0], [hash_1]], np.uint64)
    row, (start, end) = next(
        (batch.rows[at : at + 1], batch.places[:, at].tolist())
        for batch in pieces("pieces", part, context)
        for at in np.flatnonzero((batch.hashes == wanted).all(axis=0))[:1]
    )
    _, batch = next(read_rows(context.upstream.parts[part], row, ["text"]))
    return str(batch.column("text")[0].as_py().encode()[start:end].decode()[:EXCERPT])


def _summary(context: GlobalContext) -> dict[str, object]:
    cut = size = empty = 0
    for part in range(len(context.upstream.parts)):
        cuts = read_arrow(join(context.output, "cuts", f"{part:05d}.arrow"))
        cut += len(np.unique(read_numbers(cuts, "row")))
        size += int((read_numbers(cuts, "end") - read_numbers(cuts, "start")).sum())
        empty += int(read_arrow(join(context.output, "drops", f"{part:05d}.arrow")).column("drop").to_numpy().sum())
    return {"documents cut": cut, "bytes cut": size, "documents with nothing left": empty}
