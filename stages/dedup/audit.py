"""The audit: what a deduplication did, for people to judge: pairs with their similarity, cluster sizes, texts.

Written to the stage's output, folder `audit`:

    pairs.parquet      pairs of a removed document and the one kept: estimated and true similarity, lengths, texts
    clusters.parquet   the largest clusters: some of their documents, with texts
    sizes.parquet      how many clusters there are of each size
    summary.json       counts and estimates

The pairs are a sample: those whose removed document's id has the least hashes, so that the sample is the same however
documents are spread over parts. False positives are the part of it whose true similarity is below the threshold. False
negatives are estimated from it as Horvitz and Thompson (1952) do: a pair found, which had the probability p to be
found, stands for 1/p pairs, of which 1/p − 1 were missed. Pairs joined by others' similarity only are taken as if they
had been found themselves.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from prep.corpus.arrow.columns import string_buffers
from prep.corpus.arrow.documents import write_table
from prep.corpus.files.storage import join, read_arrow, write_arrow, write_json
from prep.stages.dedup.clusters import PLACES, sizes_path, verdicts_path
from prep.stages.dedup.minhash.similarity import Selection, similarities
from prep.stages.shared.matching.cluster_kernels import Numbers, Values
from prep.stages.shared.matching.documents import SKETCH, Documents, read_numbers
from prep.stages.shared.matching.sketch_kernels import estimates, string_hashes
from prep.stages.upstream import GlobalContext

AUDIT = "audit"
PAIRS, CLUSTERS, SIZES, SUMMARY = "pairs.parquet", "clusters.parquet", "sizes.parquet", "summary.json"
LARGEST = 20
"""Clusters that are shown."""
SHOWN = 5
"""Documents shown of a cluster, the one kept included."""
_AT_ONCE = 1 << 12
_LAST = np.uint64(0xFFFFFFFFFFFFFFFF)
_PLACES = ("part", "row", "kept_part", "kept_row", "size")


class Judge(NamedTuple):
    """What a pair is judged by."""

    threshold: float | None
    """Similarity below which a removed document counts as a false positive; None makes no estimates."""
    probability: Callable[[float], float]
    """How likely a pair of some similarity is found."""


def sample(count: int | None, documents: Documents, context: GlobalContext) -> None:
    """Choose the pairs to look at, so many or all, and the largest clusters with some of their documents."""
    pairs, heads = _Least(count), _Least(LARGEST)
    for part in documents.new_parts:
        found = _verdicts(part, documents, context)
        lost = _where(found, (found["kept_part"] != part) | (found["kept_row"] != found["row"]))
        pairs.add(_hashes_of_ids(documents, part, lost["row"]), lost)
        heads.add(_LAST - lost["size"].astype(np.uint64), lost, one_per_cluster=True)
    kept = list(zip(heads.places["kept_part"].tolist(), heads.places["kept_row"].tolist(), strict=True))
    members = [_Least(SHOWN) for _ in kept]
    for part in documents.new_parts:
        found = _verdicts(part, documents, context)
        for some, (kept_part, kept_row) in zip(members, kept, strict=True):
            inside = _where(found, (found["kept_part"] == kept_part) & (found["kept_row"] == kept_row))
            some.add(_hashes_of_ids(documents, part, inside["row"]), inside)
    empty = np.empty(0, np.int64)
    shown = {name: np.concatenate([empty, *(some.places[name] for some in members)]) for name in _PLACES}
    write_arrow(_sample_path(context, "pairs"), pa.table(pairs.places))
    write_arrow(_sample_path(context, "members"), pa.table(shown))
    parts = np.concatenate([table[name] for table in (pairs.places, shown) for name in ("part", "kept_part")])
    rows = np.concatenate([table[name] for table in (pairs.places, shown) for name in ("row", "kept_row")])
    chosen = Selection(AUDIT, context)
    for part in documents.new_parts:
        chosen.choose(part - documents.new_parts.start, np.unique(rows[parts == part]))


def _where(found: dict[str, Numbers], wanted: npt.NDArray[np.bool_]) -> dict[str, Numbers]:
    return {name: column[wanted] for name, column in found.items()}


class _Least:
    """Keeps the rows with the least numbers, so many or all."""

    def __init__(self, count: int | None) -> None:
        self._count = count
        self.order: Values = np.empty(0, np.uint64)
        self.places = {name: np.empty(0, np.int64) for name in _PLACES}

    def add(self, order: Values, places: dict[str, Numbers], one_per_cluster: bool = False) -> None:
        """Take rows in."""
        order = np.concatenate([self.order, order])
        places = {name: np.concatenate([self.places[name], places[name]]) for name in _PLACES}
        rank = np.lexsort((places["row"], places["part"], order))
        if one_per_cluster:
            kept = np.stack([places["kept_part"], places["kept_row"]])[:, rank]
            rank = rank[np.sort(np.unique(kept, axis=1, return_index=True)[1])]
        rank = rank[: self._count]
        self.order, self.places = order[rank], {name: column[rank] for name, column in places.items()}


def _verdicts(part: int, documents: Documents, context: GlobalContext) -> dict[str, Numbers]:
    """Return what was decided on the documents of a part that have a cluster."""
    table = read_arrow(verdicts_path(context, part - documents.new_parts.start))
    found = {name: read_numbers(table, name) for name in PLACES}
    return {**found, "part": np.full(table.num_rows, part)}


def _hashes_of_ids(documents: Documents, part: int, rows: Numbers) -> Values:
    return string_hashes(*string_buffers(documents.ids(part, rows))) if len(rows) else np.empty(0, np.uint64)


def write(judge: Judge, documents: Documents, context: GlobalContext) -> None:
    """Write the audit, once the texts of the documents chosen have been read."""
    rows = pq.read_table(sizes_path(context)).to_pydict()
    sizes = dict(zip(rows["size"], rows["clusters"], strict=True))
    pairs = _pairs("pairs", documents, context)
    write_table(_path(context, PAIRS), pairs)
    write_table(_path(context, CLUSTERS), _pairs("members", documents, context))
    count = sum(sizes.values())
    inside = sum(size * clusters for size, clusters in sizes.items())
    entered, removed = _counts(documents, context)
    summary: dict[str, object] = {
        "documents": entered,
        "removed": removed,
        "clusters": count,
        "documents in clusters": inside,
        "largest cluster": max(sizes, default=1),
        "pairs looked at": pairs.num_rows,
    }
    true = pairs.column("true").drop_null().to_numpy()
    write_json(_path(context, SUMMARY), {**summary, **(_estimates(judge, true) if len(true) else {})})


def _counts(documents: Documents, context: GlobalContext) -> tuple[int, int]:
    """Return how many documents came into the stage, and how many it removed, as the ledger counts them."""
    entered = removed = 0
    for part in documents.new_parts:
        before = context.upstream.dropped(part - documents.new_parts.start)
        entered += documents.table(part).num_rows - (0 if before is None else int(before.sum()))
        found = _verdicts(part, documents, context)
        removed += int(((found["kept_part"] != part) | (found["kept_row"] != found["row"])).sum())
    return entered, removed


def _estimates(judge: Judge, true: npt.NDArray[np.float64]) -> dict[str, object]:
    found: dict[str, object] = {"mean similarity": round(float(true.mean()), 4)}
    if judge.threshold is None:
        return found
    above = true[true >= judge.threshold]
    stood_for = sum(1 / judge.probability(similarity) for similarity in above.tolist())
    return {
        **found,
        "threshold": round(judge.threshold, 4),
        "false positives": round(1 - len(above) / len(true), 4),
        "false negatives": round(1 - len(above) / stood_for, 4) if len(above) else None,
    }


def _pairs(name: str, documents: Documents, context: GlobalContext) -> pa.Table:
    """Return the table of some pairs: ids, similarities, the cluster's size, lengths and beginnings of the texts."""
    table = read_arrow(_sample_path(context, name))
    starts = range(0, max(1, table.num_rows), _AT_ONCE)
    return pa.concat_tables(_pairs_table(table.slice(start, _AT_ONCE), documents, context) for start in starts)


def _pairs_table(table: pa.Table, documents: Documents, context: GlobalContext) -> pa.Table:
    part, row, kept_part, kept_row, size = (read_numbers(table, name) for name in _PLACES)
    first = documents.new_parts.start
    chosen = Selection(AUDIT, context)
    known = kept_part < first  # of an index, which has no texts
    removed = chosen.take(part - first, row)
    kept = chosen.take(kept_part[~known] - first, kept_row[~known])
    true = np.full(len(part), np.nan)
    true[~known] = similarities(removed.filter(pa.array(~known)), kept)
    back = pa.array(np.cumsum(~known) - 1, mask=known)
    columns = {
        "removed": documents.kept_ids(part, row),
        "kept": documents.kept_ids(kept_part, kept_row),
        "estimated": pa.array(_estimated(documents, (part, row), (kept_part, kept_row)), from_pandas=True),
        "true": pa.array(true, from_pandas=True),
        "size": size,
        "removed_length": removed.column("length"),
        "kept_length": kept.column("length").take(back),
        "removed_text": removed.column("text"),
        "kept_text": kept.column("text").take(back),
    }
    return pa.table(columns)


def _estimated(
    documents: Documents, left: tuple[Numbers, Numbers], right: tuple[Numbers, Numbers]
) -> npt.NDArray[np.float64]:
    if not len(left[0]) or SKETCH not in documents.table(documents.new_parts.start).column_names:
        return np.full(len(left[0]), np.nan)
    sides = [documents.sketches(documents.offsets[part] + row) for part, row in (left, right)]
    return estimates(*sides)


def _sample_path(context: GlobalContext, name: str) -> str:
    return join(context.scratch, "sample", f"{name}.arrow")


def _path(context: GlobalContext, name: str) -> str:
    return join(context.output, AUDIT, name)
