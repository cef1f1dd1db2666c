"""A bounded sample of documents to train on, the same however the documents are split into parts and batches.

Every document gets a number: the seeded hash of its id. Documents of the same source and language are a stratum, and
each stratum gives its documents in the order of their numbers, each cut to `document_bytes`, until it has given its
share of `sample_bytes`. The documents that follow are held out, to judge on, until they have given `held_out_bytes`, in
the proportions of what is left. Three passes make the sample:

    survey    per part: number, size and stratum of each document
    choose    once: each stratum's share, and the number of the last document that it gives
    draw      per part: the text of the documents up to that number

Memory: 30 bytes for each document in the second pass, a batch in the others; the sample itself lies on disk.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from prep.corpus.arrow.columns import string_array, string_buffers
from prep.corpus.files.storage import read_arrow, read_json, write_json
from prep.tokenizers.row_kernels import copy_rows, cut_rows, hash_rows

SURVEY = pa.schema([pa.field("order", pa.uint64()), pa.field("bytes", pa.int64()), pa.field("stratum", pa.string())])
"""One row for each document with text: the hash of its id, the size of its text when cut, and its stratum."""

DRAWN = pa.schema(
    [
        pa.field("order", pa.uint64()),
        pa.field("tie", pa.uint64()),
        pa.field("held_out", pa.bool_()),
        pa.field("source", pa.string()),
        pa.field("language", pa.string()),
        pa.field("text", pa.large_string()),
    ]
)
"""One row for each document of the sample, or held out. `tie` is the hash of its text, for documents of the same id."""

BATCH_BYTES = 4 << 20


@dataclass(frozen=True)
class SampleSettings:
    """What decides the sample."""

    sample_bytes: int
    document_bytes: int
    seed: int
    source_weights: Mapping[str, float]
    """How much more densely than others a source's documents are drawn; 1 where a source is not named."""
    language_weights: Mapping[str, float]
    balance: float = 1.0
    """Exponent on the size of a stratum: 1 keeps the proportions of the input, 0 gives all strata the same share."""
    held_out_bytes: int = 0


@dataclass(frozen=True)
class Stratum:
    """The documents of one source and language, and what the sample takes of them."""

    source: str
    language: str
    documents: int
    bytes: int
    """Text of all of them, each cut to `document_bytes`."""
    drawn_documents: int
    drawn_bytes: int
    held_out_documents: int
    held_out_bytes: int
    last: int
    """The number of the last document drawn; −1 where none is."""
    last_held_out: int
    """The number of the last document drawn or held out; −1 where none is."""


def survey(batch: pa.RecordBatch, settings: SampleSettings) -> pa.RecordBatch:
    """Return the rows of SURVEY for a batch of documents (columns `id`, `text`, perhaps `source` and `language`)."""
    order, starts, ends = _cut(batch, settings)
    table = pa.RecordBatch.from_arrays([pa.array(order), pa.array(ends - starts), _strata(batch)], schema=SURVEY)
    return table.filter(pa.array(ends > starts))


def choose(paths: Sequence[str], settings: SampleSettings) -> tuple[Stratum, ...]:
    """Return what each stratum gives, from the surveys of all parts."""
    table = pa.concat_tables([pa.Table.from_batches([], SURVEY), *map(read_arrow, paths)])
    names = sorted(pc.unique(table.column("stratum")).to_pylist())
    strata = pc.index_in(table.column("stratum"), pa.array(names, pa.string())).to_numpy()
    order, sizes = table.column("order").to_numpy(), table.column("bytes").to_numpy()
    available = np.bincount(strata, sizes, len(names)).astype(np.float64)
    weights = np.array([_weight(name, settings) for name in names])
    shares = water_fill(available, weights * available**settings.balance, settings.sample_bytes)
    rows = [np.flatnonzero(strata == number) for number in range(len(names))]
    rows = [found[np.argsort(order[found], kind="stable")] for found in rows]
    lasts = [_last(order[found], sizes[found], share) for found, share in zip(rows, shares, strict=True)]
    drawn = [found[: _up_to(order[found], last)] for found, last in zip(rows, lasts, strict=True)]
    left = available - [sizes[found].sum() for found in drawn]
    further = water_fill(left, left, settings.held_out_bytes)
    chosen = []
    for name, found, sample, last, share in zip(names, rows, drawn, lasts, further, strict=True):
        rest = found[len(sample) :]
        last_held_out = max(last, _last(order[rest], sizes[rest], share))
        held_out = rest[: _up_to(order[rest], last_held_out)]
        source, _, language = name.partition("\t")
        chosen.append(
            Stratum(
                source=source,
                language=language,
                documents=len(found),
                bytes=int(sizes[found].sum()),
                drawn_documents=len(sample),
                drawn_bytes=int(sizes[sample].sum()),
                held_out_documents=len(held_out),
                held_out_bytes=int(sizes[held_out].sum()),
                last=last,
                last_held_out=last_held_out,
            )
        )
    return tuple(chosen)


def water_fill(
    available: npt.NDArray[np.float64], wanted: npt.NDArray[np.float64], budget: float
) -> npt.NDArray[np.float64]:
    """Return how much each stratum gives of a budget: in proportion to `wanted`, but no more than it has."""
    shares = np.where(wanted > 0, available, 0.0)
    if shares.sum() <= budget:
        return shares
    open_ = wanted > 0
    while True:
        level = (budget - shares[~open_].sum()) / wanted[open_].sum()
        full = open_ & (wanted * level >= available)
        if not full.any():
            return np.where(open_, wanted * level, shares)
        open_ &= ~full


def draw(batch: pa.RecordBatch, settings: SampleSettings, strata: Sequence[Stratum]) -> pa.RecordBatch:
    """Return the rows of DRAWN for a batch of documents."""
    order, starts, ends = _cut(batch, settings)
    names = [f"{stratum.source}\t{stratum.language}" for stratum in strata]
    places = pc.index_in(_strata(batch), pa.array(names, pa.string())).fill_null(-1).to_numpy()

    def is_up_to(lasts: Sequence[int]) -> npt.NDArray[np.bool_]:
        some = np.array([*(last >= 0 for last in lasts), False])
        limits = np.array([*(max(last, 0) for last in lasts), 0], np.uint64)
        within: npt.NDArray[np.bool_] = some[places] & (order <= limits[places])
        return within

    drawn = is_up_to([stratum.last for stratum in strata])
    rows = np.flatnonzero((ends > starts) & is_up_to([stratum.last_held_out for stratum in strata]))
    data, _ = string_buffers(batch.column("text"))
    columns = {
        "order": order[rows],
        "tie": hash_rows(data, starts[rows], ends[rows], np.uint64(settings.seed)),
        "held_out": ~drawn[rows],
        "source": pa.array([stratum.source for stratum in strata], pa.string()).take(places[rows]),
        "language": pa.array([stratum.language for stratum in strata], pa.string()).take(places[rows]),
        "text": string_array(*copy_rows(data, starts[rows], ends[rows])),
    }
    return pa.RecordBatch.from_pydict(columns, schema=DRAWN)


def write_strata(path: str, strata: Sequence[Stratum]) -> None:
    """Write what `choose` gave as JSON."""
    write_json(path, {"strata": [vars(stratum) for stratum in strata]})


def read_strata(path: str) -> tuple[Stratum, ...]:
    """Read what `write_strata` wrote."""
    strata = read_json(path)["strata"]
    assert isinstance(strata, list)
    return tuple(Stratum(**stratum) for stratum in strata)


class Sample:
    """The documents to train on, or those held out, in the order of their numbers.

    Local files are mapped into memory, not read.
    """

    def __init__(self, tables: Sequence[pa.Table], held_out: bool = False) -> None:
        table = pa.concat_tables([DRAWN.empty_table(), *tables])
        self._batches = table.select(["text", "source", "language"]).to_batches()
        starts = np.cumsum([0, *map(len, self._batches)])
        rows = np.flatnonzero(table.column("held_out").to_numpy() == held_out)
        columns = (table.column(name).to_numpy()[rows] for name in ("tie", "order"))
        rows = rows[np.lexsort(tuple(columns))]
        self._batch = np.searchsorted(starts, rows, side="right") - 1
        self._row = rows - starts[self._batch]

    def __len__(self) -> int:
        return len(self._row)

    def stretch(self, number: int, count: int) -> "Sample":
        """Return one of `count` stretches of the documents, of about as many each."""
        first, stop = (len(self) * each // count for each in (number, number + 1))
        part = copy(self)
        part._batch, part._row = self._batch[first:stop], self._row[first:stop]
        return part

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the documents with `text`, `source` and `language`, in batches of a few megabytes."""
        pending, size = [], 0
        for batch, row in zip(self._batch.tolist(), self._row.tolist(), strict=True):
            document = self._batches[batch].slice(row, 1)
            pending.append(document)
            size += len(document.column("text")[0].as_buffer())
            if size >= BATCH_BYTES:
                yield _as_one(pending)
                pending, size = [], 0
        if pending:
            yield _as_one(pending)

    def texts(self) -> Iterator[pa.LargeStringArray]:
        """Yield the texts, in columns of a few megabytes."""
        return (batch.column("text") for batch in self.batches())


def _as_one(batches: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    (batch,) = pa.Table.from_batches(batches).combine_chunks().to_batches()
    return batch


def read_sample(paths: Sequence[str], held_out: bool = False) -> Sample:
    """Open the sample that the parts' files hold together, or what they hold out."""
    return Sample([read_arrow(path) for path in paths], held_out)


Positions = npt.NDArray[np.int64]


def _cut(batch: pa.RecordBatch, settings: SampleSettings) -> tuple[npt.NDArray[np.uint64], Positions, Positions]:
    """Return each document's number, and where its text begins and ends when cut (each: rows)."""
    data, offsets = string_buffers(batch.column("id"))
    order = hash_rows(data, offsets[:-1], offsets[1:], np.uint64(settings.seed))
    data, offsets = string_buffers(batch.column("text"))
    return order, offsets[:-1], cut_rows(data, offsets[:-1], offsets[1:], settings.document_bytes)


def _strata(batch: pa.RecordBatch) -> pa.StringArray:
    """Return the source and the language of each document, a tab between them."""
    names = (
        batch.column(name).cast(pa.string()).fill_null("") if name in batch.schema.names else ""
        for name in ("source", "language")
    )
    joined = pc.binary_join_element_wise(*names, "\t")
    return joined if isinstance(joined, pa.Array) else pa.array(["\t"] * batch.num_rows, pa.string())


def _weight(stratum: str, settings: SampleSettings) -> float:
    source, _, language = stratum.partition("\t")
    return settings.source_weights.get(source, 1.0) * settings.language_weights.get(language, 1.0)


def _last(order: npt.NDArray[np.uint64], sizes: Positions, share: float) -> int:
    """Return the number of the document that brings a stratum to its share; −1 where that is nothing."""
    if share <= 0 or not len(order):
        return -1
    enough = math.ceil(share - 1e-12 * max(share, 1))  # the share of a stratum is exact but for rounding
    return int(order[min(int(np.searchsorted(np.cumsum(sizes), enough)), len(order) - 1)])


def _up_to(order: npt.NDArray[np.uint64], last: int) -> int:
    """Return how many documents have a number up to `last`."""
    return int(np.searchsorted(order, np.uint64(last), side="right")) if last >= 0 else 0
