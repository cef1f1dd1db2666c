"""What a deduplication took of each source and language, which clusters took it, and where clusters come from.

`count` adds up a part once clusters are known; `add_up` adds up the parts. It writes `losses.parquet` to the stage's
audit: a row per source and per language with its documents, those removed, and the clusters that most of them went to;
and for the phase `drop`, how many sources and hosts each cluster has. Memory of `add_up`: 50 bytes per part, value of a
column, and cluster.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from prep.corpus.arrow.columns import string_buffers
from prep.corpus.arrow.documents import read_documents, read_schema, write_table
from prep.corpus.files.storage import join, read_arrow, write_arrow
from prep.corpus.text.hashing import lower_table
from prep.stages.dedup.clusters import Origins, verdicts_path
from prep.stages.dedup.kept import gather_kept, kept_ids, place, write_kept
from prep.stages.shared.matching.cluster_kernels import Numbers
from prep.stages.shared.matching.documents import Documents, read_numbers
from prep.stages.shared.url.hash_kernels import host_hashes
from prep.stages.upstream import GlobalContext

SOURCE, LANGUAGE, HOST = "source", "language", "host"
LABELS = (SOURCE, LANGUAGE)
"""Columns by whose values documents are counted."""
LOSSES = "losses.parquet"
TOP = 3
"""Clusters that are named of a source or language."""
_PLACES = ("kept_part", "kept_row")
_KEYS = ("label", "value", *_PLACES, "stays")
_COUNTED = pa.schema(
    {
        "label": pa.string(),
        "value": pa.string(),
        "kept_part": pa.int64(),
        "kept_row": pa.int64(),
        "stays": pa.bool_(),
        "documents": pa.int64(),
    }
)
_LOSSES = pa.schema(
    {
        "label": pa.string(),
        "value": pa.string(),
        "documents": pa.int64(),
        "removed": pa.int64(),
        "share": pa.float64(),
        "clusters": pa.list_(pa.struct({"kept": pa.string(), "documents": pa.int64()})),
    }
)


def count(part: int, with_hosts: bool, documents: Documents, context: GlobalContext) -> None:
    """Write how many documents of a part each cluster has of each source and language, and of each host.

    Writes the ids of those that are kept in others' places, too.
    """
    own = documents.new_parts.start + part
    verdicts = read_arrow(verdicts_path(context, part))
    total = documents.table(own).num_rows
    kept = np.stack([np.full(total, own), np.arange(total)])
    rows = read_numbers(verdicts, "row")
    for half, name in enumerate(_PLACES):
        kept[half, rows] = read_numbers(verdicts, name)
    stays = (kept[0] == own) & (kept[1] == np.arange(total))
    write_kept(part, rows[stays[rows]], documents, context)
    before = context.upstream.dropped(part)
    columns = {
        "kept_part": kept[0],
        "kept_row": kept[1],
        "stays": stays,
        "entered": np.ones(total, np.bool_) if before is None else ~before,
    }
    there = read_schema(context.upstream.parts[part]).names
    tables = [_COUNTED.empty_table()]
    for label, name in ((SOURCE, SOURCE), (LANGUAGE, LANGUAGE), (HOST, "url")):
        if name in there and (label != HOST or with_hosts):
            batches = read_documents(context.upstream.parts[part], [name])
            values = pa.chunked_array([_values(label, batch.column(0)) for batch in batches], pa.string())
            tables.append(_grouped(label, values, columns))
    write_arrow(_path(context, f"{part:05d}"), pa.concat_tables(tables))


def _values(label: str, column: pa.Array) -> pa.Array:
    """Return what documents are counted by: a column of strings, or the hashes of their hosts; null where it is not."""
    if label != HOST:
        return column.cast(pa.string())
    hashes, missing = host_hashes(*string_buffers(column), lower_table())
    return pc.if_else(pa.array(missing), None, pa.array(hashes[0]).cast(pa.string()))


def _grouped(label: str, values: pa.ChunkedArray, columns: Mapping[str, npt.NDArray[np.generic]]) -> pa.Table:
    table = pa.table({"value": values, **columns})
    grouped = table.filter(table.column("entered")).group_by(list(_KEYS[1:])).aggregate([([], "count_all")])
    named = grouped.rename_columns([*_KEYS[1:], "documents"])
    labels = pa.array(np.full(named.num_rows, label), pa.string())
    return named.add_column(0, "label", labels).select(_COUNTED.names).cast(_COUNTED)


def add_up(with_origins: bool, documents: Documents, context: GlobalContext) -> None:
    """Write what was taken of each source and language, where clusters come from, and the ids of what is kept."""
    gather_kept(context)
    tables = [read_arrow(_path(context, f"{part:05d}")) for part in range(len(context.upstream.parts))]
    whole = pa.concat_tables([_COUNTED.empty_table(), *tables])
    losses = [row for label in LABELS for row in _losses(label, whole, documents, context)]
    write_table(join(context.output, "audit", LOSSES), pa.Table.from_pylist(losses, _LOSSES))
    if not with_origins:
        return
    places = pa.array(place(*(read_numbers(whole, name) for name in _PLACES)))
    known = whole.append_column("place", places).filter(pc.is_valid(whole.column("value")))
    counts = {}
    for label in (SOURCE, HOST):
        some = known.filter(pc.equal(known.column("label"), label)).group_by("place")
        counts[label] = some.aggregate([("value", "count_distinct")]).rename_columns(["place", label])
    joined = counts[SOURCE].join(counts[HOST], "place", join_type="full outer").sort_by("place")
    table = {"place": joined.column("place"), **{name: joined.column(name).fill_null(0) for name in (SOURCE, HOST)}}
    write_arrow(_path(context, "origins"), pa.table(table))


def origins(context: GlobalContext) -> Origins:
    """Return how many sources and hosts clusters have, as `add_up` wrote it; 0 where nothing is known."""
    table = read_arrow(_path(context, "origins"))
    places, sources, hosts = (read_numbers(table, name) for name in ("place", SOURCE, HOST))

    def look_up(parts: Numbers, rows: Numbers) -> tuple[Numbers, Numbers]:
        wanted = place(parts, rows)
        if not len(places):
            return np.zeros(len(wanted), np.int64), np.zeros(len(wanted), np.int64)
        at = np.minimum(np.searchsorted(places, wanted), len(places) - 1)
        found = places[at] == wanted
        return np.where(found, sources[at], 0), np.where(found, hosts[at], 0)

    return look_up


def _losses(label: str, counted: pa.Table, documents: Documents, context: GlobalContext) -> list[dict[str, object]]:
    """Return what was taken of each value of a column, the greatest share first."""
    mine = counted.filter(pc.equal(counted.column("label"), label))
    rows = []
    for value in pc.unique(mine.column("value")).to_pylist():
        same = pc.equal(mine.column("value"), value) if value is not None else pc.is_null(mine.column("value"))
        some = mine.filter(same)
        gone = some.filter(pc.invert(some.column("stays")))
        removed = pc.sum(gone.column("documents")).as_py() or 0
        total = pc.sum(some.column("documents")).as_py()
        clusters = _largest(gone, documents, context) if removed else []
        share = round(removed / total, 4)
        rows.append(dict(zip(_LOSSES.names, (label, value, total, removed, share, clusters), strict=True)))
    return sorted(rows, key=lambda row: (-float(str(row["share"])), str(row["value"])))


def _largest(gone: pa.Table, documents: Documents, context: GlobalContext) -> Sequence[Mapping[str, object]]:
    """Return the clusters that most documents went to: the ids of those kept, and how many."""
    taken = gone.group_by(list(_PLACES)).aggregate([("documents", "sum")])
    counts = read_numbers(taken, "documents_sum")
    order = np.argsort(-counts, kind="stable")
    order = order[counts[order] >= counts[order[min(TOP, len(order)) - 1]]]  # ties go by the id
    parts, rows = (read_numbers(taken, name)[order] for name in _PLACES)
    ids = kept_ids(documents, parts, rows, context).to_pylist()
    ranked = sorted(zip(-counts[order], ids, strict=True))[:TOP]
    return [{"kept": name, "documents": -int(documents_)} for documents_, name in ranked]


def _path(context: GlobalContext, name: str) -> str:
    return join(context.scratch, "losses", f"{name}.arrow")
