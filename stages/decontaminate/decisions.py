"""From n-grams in documents to what becomes of these, in phases of independent tasks.

1. `list` writes the table of items, so that no later task reads the sets again.
2. `count` writes, for a part, in how many of its documents each n-gram of an item stands, and in how many of them
   without most of the item.
3. `add_up` sums these and writes which n-grams are common in the corpus: more than `common` documents hold them without
   most of any item that has them, as a licence stands in documents without the exercise below it; or more than ten
   times as many documents, and one in a hundred, hold them at all. A document with WHOLE or more of an item is a copy
   of it, and a hundred copies of an exercise do not make it common. The two are done three times, first with a hundred
   times `common`, then ten times, then once, each without the n-grams found before: where the licence is known to be
   common, a document with the exercise alone is a copy.
4. `decide` measures the share of each item that a document holds, common n-grams aside, and gives the verdicts.
5. `report` sums up by item.

Only n-grams of items are counted, so the counts are bounded by the sets, not by the corpus: 24 bytes per n-gram and
task. `count` and `decide` take about 200 bytes for each n-gram of an item that a part's documents hold. The sums do not
depend on how documents are spread over parts.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from prep.corpus.arrow.columns import string_buffers
from prep.corpus.arrow.documents import read_rows, write_table
from prep.corpus.files.storage import join, read_arrow, write_arrow
from prep.corpus.text.cuts import without
from prep.stages.decontaminate.folding import folding
from prep.stages.decontaminate.items import Flags, Frequencies, Items, Numbers, Places, Spans
from prep.stages.decontaminate.overlap_kernels import widen
from prep.stages.decontaminate.taps import places_of
from prep.stages.upstream import GlobalContext
from prep.stages.verdicts import PartVerdicts, Verdicts

FINDINGS = pa.schema(
    [
        pa.field("id", pa.string()),
        pa.field("set", pa.string()),
        pa.field("item", pa.int64()),
        pa.field("ngrams", pa.int64()),
        pa.field("item_ngrams", pa.int64()),
        pa.field("share", pa.float64()),
        pa.field("verdict", pa.string()),
        pa.field("start", pa.int64()),
        pa.field("end", pa.int64()),
        pa.field("text", pa.large_string()),
    ]
)
"""One row per span: the document, the evaluation set, the item's number in it from 0, how many different n-grams of
the item the span holds and how many the item has, the share of the item's words that the document holds, what became of
the document (`reject`, `cut`, or `keep` where the share is too small), and where in the text the span was (bytes of
UTF-8)."""
ITEMS = pa.schema(
    [
        pa.field("set", pa.string()),
        pa.field("item", pa.int64()),
        pa.field("contaminated", pa.int64()),
        pa.field("near", pa.int64()),
        pa.field("common", pa.int64()),
    ]
)
"""One row per item that any document holds: its set, its number there, and the documents that are rejected or cut for
it, that hold half of what it takes, and that hold enough of it only if what is common in the corpus is counted."""
ROUNDS = (100, 10, 1)
"""How many times `common` documents make an n-gram common in each round."""
ALL_COPIES, ALL_SHARE = 10, 100
"""An n-gram is common whatever else its documents hold where `ALL_COPIES` times `common` documents have it, and one
document in `ALL_SHARE`."""


class _Changes(NamedTuple):
    """Ranges of bytes to take out of texts, and the rows of which no word is left."""

    rows: Numbers
    starts: Numbers
    ends: Numbers
    blank: Numbers


def list_items(items: Items, context: GlobalContext) -> None:
    """Write the table of items."""
    folder = join(context.scratch, "items")
    write_arrow(join(folder, "items.arrow"), pa.table({"set": list(items.sets), "number": items.numbers}))
    write_arrow(join(folder, "versions.arrow"), pa.table({"item": items.versions, "words": items.words}))
    names = ("ngram", "version", "length", "word")
    write_arrow(join(folder, "entries.arrow"), pa.table(dict(zip(names, items.entries.T, strict=True))))
    write_arrow(join(folder, "hashes.arrow"), pa.table({"hash": items.hashes}))
    write_arrow(join(folder, "words.arrow"), pa.table({"counted": items.counted}))


def _items(context: GlobalContext) -> Items:
    folder = join(context.scratch, "items")
    names = ("items", "versions", "entries", "hashes", "words")
    items, versions, entries, hashes, words = (read_arrow(join(folder, f"{name}.arrow")) for name in names)
    return Items(
        tuple(items.column("set").to_pylist()),
        items.column("number").to_numpy(),
        versions.column("item").to_numpy(),
        versions.column("words").to_numpy(),
        np.stack([column.to_numpy() for column in entries.columns], axis=1),
        hashes.column("hash").to_numpy(),
        words.column("counted").to_numpy(),
    )


def count(part: int, around: int, context: GlobalContext) -> None:
    """Write in how many documents of a part each n-gram stands, those aside that earlier rounds found common."""
    places, documents = _places(part, context)
    found = _items(context).without(_common(around, context)).frequencies(places)
    there = np.flatnonzero(found.documents)
    table = {"ngram": there, "documents": found.documents[there], "partial": found.partial[there]}
    write_arrow(_counts_path(context, part), pa.table(table))
    write_arrow(_size_path(context, part), pa.table({"documents": [documents]}))


def add_up(common: int, around: int, context: GlobalContext) -> None:
    """Write which n-grams are common in the corpus, by this round and those before it."""
    ngrams = len(read_arrow(join(context.scratch, "items", "hashes.arrow")))
    total = Frequencies(np.zeros(ngrams, np.int64), np.zeros(ngrams, np.int64))
    documents = 0
    for part in range(len(context.upstream.parts)):
        table = read_arrow(_counts_path(context, part))
        at = table.column("ngram").to_numpy()
        total.documents[at] += table.column("documents").to_numpy()
        total.partial[at] += table.column("partial").to_numpy()
        documents += read_arrow(_size_path(context, part)).column("documents")[0].as_py()
    everywhere = max(ALL_COPIES * common, documents // ALL_SHARE)
    found = np.flatnonzero((total.partial > common * ROUNDS[around]) | (total.documents > everywhere))
    together = np.union1d(found, _common(around, context))
    write_arrow(_common_path(context, around), pa.table({"ngram": together}))


def _common(around: int, context: GlobalContext) -> Numbers:
    """Return the n-grams that the rounds before this one found common."""
    if around == 0:
        return np.zeros(0, np.int64)
    common: Numbers = read_arrow(_common_path(context, around - 1)).column("ngram").to_numpy()
    return common


def decide(part: int, min_share: float, action: str, context: GlobalContext) -> PartVerdicts:
    """Return the verdicts on a part's documents; write what was found, what is to be cut, and sums by item."""
    places, entered = _places(part, context)
    items = _items(context)
    rare = items.without(_common(len(ROUNDS), context))
    near = rare.spans(places, min_share / 2)
    enough = near.share >= min_share
    spans = near.where(enough)
    changes = _write_findings(part, rare, near, enough, action, context)
    everything = spans if rare is items else items.spans(places, min_share)
    _write_sums(part, items, near, enough, everything, context)
    if action == "cut":
        names = ("row", "start", "end")
        table = dict(zip(names, (changes.rows, changes.starts, changes.ends), strict=True))
        breaks = np.zeros(len(changes.rows), np.bool_)
        write_arrow(join(context.output, "cuts", f"{part:05d}.arrow"), pa.table({**table, "break": breaks}))
    return _verdicts(entered, rare, spans, changes.blank if action == "cut" else np.unique(spans.rows))


def report(context: GlobalContext) -> None:
    """Write what became of documents by item: `audit/items.parquet`, columns ITEMS."""
    items = _items(context)
    sums = np.zeros((len(items.sets), 3), np.int64)
    for part in range(len(context.upstream.parts)):
        table = read_arrow(_sums_path(context, part))
        sums[table.column("item").to_numpy()] += np.stack(
            [table.column(name).to_numpy() for name in ITEMS.names[2:]], 1
        )
    there = np.flatnonzero(sums.any(axis=1))
    columns = [[items.sets[item] for item in there], items.numbers[there], *sums[there].T]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, ITEMS, strict=True)]
    write_table(join(context.output, "audit", "items.parquet"), pa.Table.from_arrays(arrays, schema=ITEMS))


def _places(part: int, context: GlobalContext) -> tuple[Places, int]:
    """Return the places in a part's documents, without those that are lost already, and how many are left."""
    table = read_arrow(context.upstream.taps[part])
    places, lost = places_of(table), context.upstream.dropped(part)
    if lost is None:
        return places, len(table)
    return places.where(~lost[places.rows]), int(len(table) - lost.sum())


def _write_findings(
    part: int, items: Items, near: Spans, enough: Flags, action: str, context: GlobalContext
) -> _Changes:
    """Write the spans with their texts, and return what cutting those of enough share means."""
    batches = []
    changes = [_Changes(*(np.empty(0, np.int64) for _ in range(4)))]
    order = np.lexsort((near.begins, near.rows))
    for rows, batch in read_rows(context.upstream.parts[part], np.unique(near.rows), ["id", "text"]):
        inside = slice(*np.searchsorted(near.rows[order], (rows[0], rows[-1] + 1)))
        chosen = order[inside]
        taken = np.zeros(len(near.rows), np.bool_)
        taken[chosen] = True
        batches.append(_findings(batch, rows, items, near, chosen, np.where(enough, action, "keep")))
        if action == "cut":
            changes.append(_changes(batch, rows, near.where(enough & taken)))
    table = pa.Table.from_batches(batches, FINDINGS)
    write_table(join(context.output, "findings", f"{part:05d}.parquet"), table)
    return _Changes(*map(np.concatenate, zip(*changes, strict=True)))


def _findings(
    batch: pa.RecordBatch, rows: Numbers, items: Items, spans: Spans, order: Numbers, verdicts: npt.NDArray[np.str_]
) -> pa.RecordBatch:
    """Return some spans as rows of FINDINGS; the batch holds the documents `rows`."""
    data, offsets = string_buffers(batch.column("text"))
    local = np.searchsorted(rows, spans.rows[order])
    begins, ends = spans.begins[order], spans.ends[order]
    bounds = zip((offsets[local] + begins).tolist(), (offsets[local] + ends).tolist(), strict=True)
    found = spans.items[order]
    columns = [
        batch.column("id").cast(pa.string()).take(pa.array(local)),
        [items.sets[item] for item in found],
        items.numbers[found],
        spans.ngrams[order],
        spans.possible[order],
        spans.share[order],
        verdicts[order],
        begins,
        ends,
        [data[begin:end].tobytes().decode() for begin, end in bounds],
    ]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, FINDINGS, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=FINDINGS)


def _changes(batch: pa.RecordBatch, rows: Numbers, spans: Spans) -> _Changes:
    """Return what taking spans out of texts means; the batch holds the documents `rows`."""
    data, offsets = string_buffers(batch.column("text"))
    local = np.searchsorted(rows, spans.rows)
    wide = widen(data, offsets, folding(), local, spans.begins, spans.ends)
    at, starts, ends = _union(local, *wide)
    kept = without(batch.column("text"), at, starts, ends)
    changed = np.unique(local)
    blank = [row for row, text in zip(changed, kept.take(changed), strict=True) if not _has_words(text.as_py())]
    stays = ~np.isin(at, blank)
    return _Changes(rows[at[stays]], starts[stays], ends[stays], rows[np.array(blank, np.int64)])


def _has_words(text: str) -> bool:
    return any(character.isalnum() for character in text)


def _union(rows: Numbers, begins: Numbers, ends: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """Return spans in order, those that overlap or touch joined."""
    joined: list[list[int]] = []
    for row, begin, end in sorted(zip(rows.tolist(), begins.tolist(), ends.tolist(), strict=True)):
        if joined and joined[-1][0] == row and begin <= joined[-1][2]:
            joined[-1][2] = max(end, joined[-1][2])
        else:
            joined.append([row, begin, end])
    all_rows, all_begins, all_ends = np.array(joined, np.int64).reshape(-1, 3).T.copy()
    return all_rows, all_begins, all_ends


def _write_sums(part: int, items: Items, near: Spans, enough: Flags, everything: Spans, context: GlobalContext) -> None:
    """Write, by item, how many documents of a part hold enough of it, half of that, and enough with what is common."""
    contaminated, close = _pairs(near.where(enough)), _pairs(near.where(~enough))
    common = _pairs(everything) - contaminated
    sums = np.zeros((len(items.sets), 3), np.int64)
    for column, pairs in enumerate((contaminated, close - common, common)):
        np.add.at(sums[:, column], [item for _, item in pairs], 1)
    there = np.flatnonzero(sums.any(axis=1))
    table = {"item": there, **dict(zip(ITEMS.names[2:], sums[there].T, strict=True))}
    write_arrow(_sums_path(context, part), pa.table(table))


def _pairs(spans: Spans) -> set[tuple[int, int]]:
    return set(zip(spans.rows.tolist(), spans.items.tolist(), strict=True))


def _verdicts(entered: int, items: Items, spans: Spans, rejected: Numbers) -> PartVerdicts:
    """Reject some rows: under the first set they hold an item of, with the item they hold most n-grams of."""
    by_item = np.lexsort((spans.items, spans.rows))
    by_ngrams = np.lexsort((spans.items, -spans.ngrams, spans.rows))
    with_items, first = np.unique(spans.rows, return_index=True)
    inside = np.isin(with_items, rejected)
    lowest, most = spans.items[by_item][first[inside]], by_ngrams[first[inside]]
    details = [f"{items.sets[item]} {items.numbers[item]}" for item in spans.items[most].tolist()]
    verdicts = Verdicts(
        pa.array([f"contaminated_{items.sets[item]}" for item in lowest.tolist()], pa.string()),
        value=pa.array(spans.ngrams[most].astype(np.float64)),
        detail=pa.array(details, pa.string()),
    )
    return PartVerdicts(entered, with_items[inside], verdicts)


def _counts_path(context: GlobalContext, part: int) -> str:
    return join(context.scratch, "counts", f"{part:05d}.arrow")


def _size_path(context: GlobalContext, part: int) -> str:
    return join(context.scratch, "sizes", f"{part:05d}.arrow")


def _common_path(context: GlobalContext, around: int) -> str:
    return join(context.scratch, "common", f"{around}.arrow")


def _sums_path(context: GlobalContext, part: int) -> str:
    return join(context.scratch, "sums", f"{part:05d}.arrow")
