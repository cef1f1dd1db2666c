"""From hashes to verdicts, in three phases of independent tasks: match, cluster, drop.

1. `match` takes one hash (a band, or the whole text) and one bucket of its values: it sorts the documents by the hash
   and pairs each with its neighbour where the hash is the same. A run of n equal hashes makes n − 1 pairs, never n².
2. `cluster` joins all pairs to clusters (union-find) and chooses which document of each is kept.
3. `drop` writes, for one part, which of its documents go, and in whose favour.

The clusters are the connected components of the pairs, which do not depend on how documents are spread over parts.
Memory: `match` about 50 bytes per document of its bucket, `cluster` about 20 bytes per document and 40 per document
that has a duplicate.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from prep.corpus.documents import REJECTED, write_table
from prep.corpus.storage import expand, join, read_arrow, write_arrow
from prep.stages.dedup.cluster_kernels import Numbers, Values, point_to_roots, unite
from prep.stages.dedup.documents import Documents, is_null, read_numbers, read_values
from prep.stages.dedup.keep import Keep, elect, keys
from prep.stages.stage import Counts, GlobalContext, Phase

MATCH, CLUSTER, DROP = "match", "cluster", "drop"
PAIRS = "pairs"
"""Folder in the scratch folder: one file per match task."""
PARTS_PER_BUCKET = 16
MOST_BUCKETS = 64
"""Every bucket's task reads every part's table: more buckets would cost more reading than they save memory."""


def phases(hashes: int, parts: int) -> tuple[Phase, ...]:
    """Return the phases for documents that can match by so many hashes."""
    return (Phase(MATCH, hashes * buckets(parts)), Phase(CLUSTER, 1), Phase(DROP, parts))


def buckets(parts: int) -> int:
    """Return into how many tasks the values of a hash are cut: a power of two that follows the number of parts."""
    count = 1
    while count < MOST_BUCKETS and count * PARTS_PER_BUCKET < parts:
        count *= 2
    return count


def match(columns: tuple[str, ...], task: int, bucket: int, context: GlobalContext) -> None:
    """Pair the documents that agree in all of these columns, of those whose first column falls in the bucket.

    A document whose first column is null matches none.
    """
    upstream = context.upstream
    documents = Documents(upstream)
    found: list[Numbers] = [np.empty(0, np.int64)]
    hashes: list[list[Values]] = [[np.empty(0, np.uint64)] for _ in columns]
    for part in range(len(upstream.parts)):
        table = documents.table(part)
        values = [read_values(table, name) for name in columns]
        wanted = _in_bucket(values[0], bucket, buckets(len(upstream.parts))) & ~is_null(table, columns[0])
        lost = upstream.dropped(part)
        rows = np.flatnonzero(wanted if lost is None else wanted & ~lost)
        found.append(rows + documents.offsets[part])
        for pieces, value in zip(hashes, values, strict=True):
            pieces.append(value[rows])
    left, right = neighbours(np.concatenate(found), [np.concatenate(pieces) for pieces in hashes])
    pairs = pa.table({"left": left, "right": right})
    write_arrow(join(context.scratch, PAIRS, f"{task:05d}.arrow"), pairs)


def _in_bucket(values: Values, bucket: int, count: int) -> npt.NDArray[np.bool_]:
    """Return which values have the bucket's number in their upper bits."""
    if count == 1:
        return np.ones(len(values), np.bool_)
    inside: npt.NDArray[np.bool_] = values >> np.uint64(65 - count.bit_length()) == bucket
    return inside


def neighbours(numbers: Numbers, hashes: list[Values]) -> tuple[Numbers, Numbers]:
    """Sort documents by their hashes, equal ones by number, and pair each with the next where all hashes agree."""
    order = np.lexsort(hashes[::-1])
    same = np.ones(max(0, len(numbers) - 1), np.bool_)
    for column in hashes:
        ordered = column[order]
        same &= ordered[1:] == ordered[:-1]
    ordered_numbers = numbers[order]
    return ordered_numbers[:-1][same], ordered_numbers[1:][same]


def cluster(keep: Keep, context: GlobalContext) -> None:
    """Join all pairs found, and write for each part which rows go and in whose favour."""
    documents = Documents(context.upstream)
    parents = np.arange(len(documents))
    for path in expand(join(context.scratch, PAIRS)):
        pairs = read_arrow(path)
        unite(parents, read_numbers(pairs, "left"), read_numbers(pairs, "right"))
    point_to_roots(parents)
    numbers, clusters = _members(parents)
    count = int(clusters.max(initial=-1)) + 1
    elected = elect(numbers, clusters, count, keys(keep, documents))[clusters]
    lost = elected != numbers
    numbers, elected = numbers[lost], elected[lost]
    bounds = np.searchsorted(numbers, documents.offsets)
    for part in range(len(context.upstream.parts)):
        inside = slice(bounds[part], bounds[part + 1])
        kept_part, kept_row = documents.places(elected[inside])
        rows = numbers[inside] - documents.offsets[part]
        write_arrow(_lost(context, part), pa.table({"row": rows, "kept_part": kept_part, "kept_row": kept_row}))


def _members(parents: Numbers) -> tuple[Numbers, Numbers]:
    """Return the numbers of the documents in clusters of two and more, rising, and each one's cluster from zero on."""
    joined = parents != np.arange(len(parents))
    roots = np.unique(parents[joined])
    joined[roots] = True
    numbers = np.flatnonzero(joined)
    return numbers, np.searchsorted(roots, parents[numbers])


def drop(stage: str, rule: str, part: int, context: GlobalContext) -> Counts:
    """Write a part's bitmap and its rejected documents, each with the id of the document kept in its place."""
    documents = Documents(context.upstream)
    lost = read_arrow(_lost(context, part))
    rows = read_numbers(lost, "row")
    bitmap = np.zeros(documents.table(part).num_rows, np.bool_)
    bitmap[rows] = True
    write_arrow(join(context.output, "drops", f"{part:05d}.arrow"), pa.table({"drop": bitmap}))
    rejected = {
        "id": documents.ids(part, rows),
        "stage": pa.array(np.full(len(rows), stage), pa.string()),
        "rule": pa.array(np.full(len(rows), rule), pa.string()),
        "value": pa.nulls(len(rows), pa.float64()),
        "failed": pa.array(np.zeros(len(rows), np.bool_)),
        "detail": _ids(documents, read_numbers(lost, "kept_part"), read_numbers(lost, "kept_row")),
    }
    write_table(join(context.output, "rejected", f"{part:05d}.parquet"), pa.table(rejected, REJECTED))
    before = context.upstream.dropped(part)
    entered = len(bitmap) - (0 if before is None else int(before.sum()))
    return Counts(entered, entered - len(rows), {rule: len(rows)} if len(rows) else {})


def _ids(documents: Documents, parts: Numbers, rows: Numbers) -> pa.ChunkedArray:
    """Return the ids of documents by their places, reading each part's ids once."""
    order = np.argsort(parts, kind="stable")
    chunks = [
        chunk
        for part in np.unique(parts)
        for chunk in documents.ids(int(part), rows[order][parts[order] == part]).chunks
    ]
    return pa.chunked_array(chunks, pa.string()).take(pa.array(np.argsort(order, kind="stable")))


def _lost(context: GlobalContext, part: int) -> str:
    return join(context.scratch, "lost", f"{part:05d}.arrow")
