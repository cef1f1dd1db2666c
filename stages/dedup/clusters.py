"""From pairs to verdicts, in two phases: cluster, drop.

1. `cluster` joins all pairs to connected components (union-find). Where matches are verified, each document then goes
   in favour of one that it resembles itself, or stays (`prep.stages.dedup.minhash.assignment`). Where they are trusted,
   the first of each component by the policy is kept; under `earliest` each document goes to the first that it matches
   among those before it, so that a later document never joins two clusters and what was kept once is kept.
2. `drop` writes, for one part, which of its documents go, in whose favour, and how large the clusters are.

Memory: 37 bytes per document. Where that is more than the setting, the arrays are files
mapped into memory: slower, but bounded.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from prep.corpus.arrow.documents import write_table
from prep.corpus.files.storage import expand, join, read_arrow, write_arrow
from prep.stages.dedup.kept import kept_ids
from prep.stages.dedup.minhash.assignment import Components, Verification, assignments
from prep.stages.shared.matching.cluster_kernels import (
    Numbers,
    Values,
    adopt,
    count_members,
    lower,
    point_to_roots,
    unite,
)
from prep.stages.shared.matching.documents import Documents, read_numbers
from prep.stages.shared.matching.keep import Key, Policy, keys
from prep.stages.shared.matching.matching import read_pairs
from prep.stages.upstream import GlobalContext
from prep.stages.verdicts import PartVerdicts, Verdicts

DOCUMENT_BYTES = 37
"""Memory of a cluster task per document."""
STEP = 1 << 20
"""Documents looked at together."""
PLACES = ("row", "kept_part", "kept_row", "size")
"""Columns of the verdicts: a row that has a cluster, the document kept, and the cluster's size."""
SIMILARITY = "similarity"
_GREATEST = np.uint64(0xFFFFFFFFFFFFFFFF)


class Arrays:
    """Makes arrays with an entry per document: in memory, or in files of the scratch folder where they take more."""

    def __init__(self, documents: int, memory: int, folder: str) -> None:
        self._documents = documents
        self._folder = Path(folder) if documents * DOCUMENT_BYTES > memory else None

    def make(self, name: str, kind: type[np.generic]) -> npt.NDArray[np.generic]:
        """Return an array of zeros."""
        if self._folder is None:
            return np.zeros(self._documents, kind)
        self._folder.mkdir(parents=True, exist_ok=True)
        return np.asarray(np.memmap(self._folder / name, kind, "w+", shape=(self._documents,)))

    def forget(self) -> None:
        """Delete the files."""
        for path in self._folder.iterdir() if self._folder else ():
            path.unlink()


def cluster(
    policy: Policy,
    verification: Verification | None,
    memory: int,
    pairs: str,
    documents: Documents,
    context: GlobalContext,
) -> None:
    """Decide from the pairs in a folder which documents go, and write it for each part.

    With a verification, documents go in favour of those that they resemble; without, of the first of their component.
    Writes how many clusters there are of each size, too.
    """
    arrays = Arrays(len(documents), memory, join(context.scratch, "arrays"))
    parents: Numbers = arrays.make("parents", np.int64)  # type: ignore[assignment]
    parents[:] = np.arange(len(parents))
    link = adopt if policy.by_time and verification is None else unite
    for path in expand(join(context.scratch, pairs)):  # band by band: the first to find a parent decides
        for left, right in read_pairs(read_arrow(path)):
            link(parents, left, right)
    point_to_roots(parents)
    sizes: Numbers = arrays.make("sizes", np.int64)  # type: ignore[assignment]
    similarity = None
    clusters = count_members(parents, sizes)
    if verification is not None:
        similarity = arrays.make("similarity", np.float32)
        local: Numbers = arrays.make("local", np.int64)  # type: ignore[assignment]
        components = Components(parents, sizes, local)
        for some in assignments(components, policy, verification, memory, documents, context):
            local[some.numbers] = some.kept
            similarity[some.numbers] = some.similarity
        for start in range(0, len(parents), STEP):
            inside = slice(start, start + STEP)
            parents[inside] = np.where(sizes[parents[inside]] > 1, local[inside], parents[inside])
        count_members(parents, sizes)
        del local, components
    elif not policy.by_time:
        _choose_first(parents, sizes, clusters, keys(policy, documents), arrays)
    _write_verdicts(parents, sizes, similarity, documents, context)
    _write_sizes(sizes, context)
    del parents, sizes, similarity
    arrays.forget()


def _write_verdicts(
    parents: Numbers,
    sizes: Numbers,
    similarity: npt.NDArray[np.generic] | None,
    documents: Documents,
    context: GlobalContext,
) -> None:
    """Write for each part which rows have a cluster, how large it is, whom it keeps, and how similar that one is."""
    for part in documents.new_parts:
        inside = slice(documents.offsets[part], documents.offsets[part + 1])
        own = np.arange(inside.start, inside.stop)
        kept = parents[inside]
        rows = np.flatnonzero((kept != own) | (sizes[inside] > 1))
        kept_part, kept_row = documents.places(kept[rows])
        columns = (rows, kept_part, kept_row, sizes[kept[rows]])
        table = pa.table(dict(zip(PLACES, columns, strict=True)))
        if similarity is not None:
            table = table.append_column(SIMILARITY, pa.array(similarity[inside][rows]))
        write_arrow(verdicts_path(context, part - documents.new_parts.start), table)


def _write_sizes(sizes: Numbers, context: GlobalContext) -> None:
    counts = Counter[int]()
    for start in range(0, len(sizes), STEP):
        some = sizes[start : start + STEP]
        found, clusters = np.unique(some[some > 1], return_counts=True)
        counts.update(dict(zip(found.tolist(), clusters.tolist(), strict=True)))
    rows = sorted(counts.items())
    table = {"size": [size for size, _ in rows], "clusters": [clusters for _, clusters in rows]}
    write_table(sizes_path(context), pa.table(table, pa.schema({"size": pa.int64(), "clusters": pa.int64()})))


def sizes_path(context: GlobalContext) -> str:
    """Return where the sizes of clusters lie, a part of the audit."""
    return join(context.output, "audit", "sizes.parquet")


def _choose_first(parents: Numbers, sizes: Numbers, clusters: int, order: Iterable[Key], arrays: Arrays) -> None:
    """Make the first document of each cluster by some keys its root, in `parents` and in `sizes`.

    Goes over the documents in the order of their numbers, twice for each key, so that no cluster is held in memory.
    """
    tied = arrays.make("tied", np.bool_)
    best: Values = arrays.make("best", np.uint64)  # type: ignore[assignment]
    for start in range(0, len(parents), STEP):
        tied[start : start + STEP] = sizes[parents[start : start + STEP]] > 1
    for key in order:
        best[:] = _GREATEST
        for numbers in _where(tied):
            lower(best, parents[numbers], key(numbers))
        for numbers in _where(tied):
            tied[numbers] = key(numbers) == best[parents[numbers]]
        if sum(len(numbers) for numbers in _where(tied)) == clusters:
            break
    first = best.view(np.int64)
    first[:] = -1
    for numbers in _where(tied):
        first[parents[numbers]] = numbers
    for start in range(0, len(parents), STEP):
        roots = parents[start : start + STEP]
        parents[start : start + STEP] = np.where(first[roots] < 0, roots, first[roots])
    count_members(parents, sizes)


def _where(flags: npt.NDArray[np.generic]) -> Iterator[Numbers]:
    """Yield the places of what is true, some at a time."""
    for start in range(0, len(flags), STEP):
        found = np.flatnonzero(flags[start : start + STEP]) + start
        if len(found):
            yield found


def cluster_columns(stage: str, origins: bool = False) -> tuple[pa.Field, ...]:
    """Return the columns that a stage adds: whom a document's cluster keeps (null where it is alone), and its size.

    With `origins`, how many sources and hosts it has, too.
    """
    names = ("size", "sources", "hosts") if origins else ("size",)
    counts = (pa.field(f"{stage}_cluster_{name}", pa.int64()) for name in names)
    return pa.field(f"{stage}_cluster", pa.string()), *counts


Origins = Callable[[Numbers, Numbers], tuple[Numbers, Numbers]]
"""How many sources and hosts the clusters of kept documents have, given by their parts and rows."""


def drop(
    stage: str, rule: str, part: int, origins: Origins | None, documents: Documents, context: GlobalContext
) -> PartVerdicts:
    """Write a part's columns; return its rejected documents, each with the id of the one kept in its place."""
    verdicts = read_arrow(verdicts_path(context, part))
    rows, kept_parts, kept_rows, sizes = (read_numbers(verdicts, name) for name in PLACES)
    kept = kept_ids(documents, kept_parts, kept_rows, context)
    itself = (kept_parts == documents.new_parts.start + part) & (kept_rows == rows)
    lost = rows[~itself]
    total = documents.table(documents.new_parts.start + part).num_rows
    columns = _columns(stage, total, rows, kept, sizes)
    if origins is not None:
        parts, places = np.full(total, documents.new_parts.start + part), np.arange(total)
        parts[rows], places[rows] = kept_parts, kept_rows
        for added, counts in zip(cluster_columns(stage, True)[2:], origins(parts, places), strict=True):
            columns = columns.append_column(added, pa.array(counts))
    write_arrow(join(context.output, "columns", f"{part:05d}.arrow"), columns)
    found = Verdicts(
        rule=pa.array(np.full(len(lost), rule), pa.string()),
        value=_similarity(verdicts, ~itself),
        detail=kept.filter(pa.array(~itself)),
    )
    before = context.upstream.dropped(part)
    return PartVerdicts(total - (0 if before is None else int(before.sum())), lost, found)


def _similarity(verdicts: pa.Table, lost: npt.NDArray[np.bool_]) -> pa.ChunkedArray | pa.Array:
    """Return how similar documents are to those kept in their places; null where nobody looked."""
    if SIMILARITY not in verdicts.column_names:
        return pa.nulls(int(lost.sum()), pa.float64())
    return verdicts.column(SIMILARITY).filter(pa.array(lost)).cast(pa.float64())


def _columns(stage: str, total: int, rows: Numbers, kept: pa.ChunkedArray, sizes: Numbers) -> pa.Table:
    """Return the cluster columns of all documents of a part, of which `rows` have a cluster."""
    all_sizes = np.ones(total, np.int64)
    all_sizes[rows] = sizes
    return pa.table([spread(kept, rows, total), pa.array(all_sizes)], schema=pa.schema(cluster_columns(stage)))


def spread(values: pa.ChunkedArray, rows: Numbers, total: int) -> pa.ChunkedArray:
    """Return a column of so many rows that has the values in some of them, and nulls in the others."""
    places = np.zeros(total, np.int64)
    places[rows] = np.arange(len(rows))
    empty = np.ones(total, np.bool_)
    empty[rows] = False
    return values.take(pa.array(places, mask=empty))


def verdicts_path(context: GlobalContext, part: int) -> str:
    """Return where the verdicts on a part of the run lie."""
    return join(context.scratch, "verdicts", f"{part:05d}.arrow")
