"""A bounded sample of documents to train on, the same however the documents are split into parts and batches.

Every document gets a number: the seeded hash of its id. Documents of the same source and language are a stratum, and
each stratum gives its documents in the order of their numbers, each cut to `document_bytes`, until it has given its
share of `sample_bytes`. Three passes make the sample:

    survey    per part: number, size and stratum of each document
    choose    once: each stratum's share, and the number of the last document that it gives
    draw      per part: the text of the documents up to that number

Memory: 30 bytes for each document in the second pass, a batch in the others; the sample itself lies on disk.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from prep.corpus.columns import string_array, string_buffers
from prep.corpus.storage import read_arrow, read_json, write_json
from prep.tokenizers.row_kernels import copy_rows, cut_rows, hash_rows

SURVEY = pa.schema([pa.field("order", pa.uint64()), pa.field("bytes", pa.int64()), pa.field("stratum", pa.string())])
"""One row for each document with text: the hash of its id, the size of its text when cut, and its stratum."""

DRAWN = pa.schema([pa.field("order", pa.uint64()), pa.field("tie", pa.uint64()), pa.field("text", pa.large_string())])
"""One row for each document of the sample. `tie` is the hash of its text, for documents of the same id."""

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
    last: int
    """The number of the last document drawn; −1 where none is."""


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
    chosen = []
    for number, name in enumerate(names):
        rows = np.flatnonzero(strata == number)
        rows = rows[np.argsort(order[rows], kind="stable")]
        last = _last(order[rows], np.cumsum(sizes[rows]), shares[number])
        drawn = rows[: np.searchsorted(order[rows], np.uint64(last), side="right")] if last >= 0 else rows[:0]
        source, _, language = name.partition("\t")
        counts = (len(rows), int(sizes[rows].sum()), len(drawn), int(sizes[drawn].sum()))
        chosen.append(Stratum(source, language, *counts, last))
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
    names = pa.array([f"{stratum.source}\t{stratum.language}" for stratum in strata], pa.string())
    places = pc.index_in(_strata(batch), names).fill_null(-1).to_numpy()
    last = np.array([*(max(stratum.last, 0) for stratum in strata), 0], np.uint64)
    gives = np.array([*(stratum.last >= 0 for stratum in strata), False])
    rows = np.flatnonzero((ends > starts) & gives[places] & (order <= last[places]))
    data, _ = string_buffers(batch.column("text"))
    tie = hash_rows(data, starts[rows], ends[rows], np.uint64(settings.seed))
    text = string_array(*copy_rows(data, starts[rows], ends[rows]))
    return pa.RecordBatch.from_arrays([pa.array(order[rows]), pa.array(tie), text], schema=DRAWN)


def write_strata(path: str, strata: Sequence[Stratum]) -> None:
    """Write what `choose` gave as JSON."""
    write_json(path, {"strata": [vars(stratum) for stratum in strata]})


def read_strata(path: str) -> tuple[Stratum, ...]:
    """Read what `write_strata` wrote."""
    strata = read_json(path)["strata"]
    assert isinstance(strata, list)
    return tuple(Stratum(**stratum) for stratum in strata)


class Sample:
    """The texts to train on, in the order of their documents' numbers. Local files are mapped into memory, not read."""

    def __init__(self, tables: Sequence[pa.Table]) -> None:
        table = pa.concat_tables([pa.Table.from_batches([], DRAWN), *tables])
        self._chunks = table.column("text").chunks
        starts = np.cumsum([0, *map(len, self._chunks)])
        order = np.lexsort((table.column("tie").to_numpy(), table.column("order").to_numpy()))
        self._chunk = np.searchsorted(starts, order, side="right") - 1
        self._row = order - starts[self._chunk]

    def __len__(self) -> int:
        return len(self._row)

    def texts(self) -> Iterator[pa.LargeStringArray]:
        """Yield the texts, in columns of a few megabytes."""
        pending, size = [], 0
        for chunk, row in zip(self._chunk.tolist(), self._row.tolist(), strict=True):
            text = self._chunks[chunk].slice(row, 1)
            pending.append(text)
            size += len(text[0].as_buffer())
            if size >= BATCH_BYTES:
                yield pa.concat_arrays(pending)
                pending, size = [], 0
        if pending:
            yield pa.concat_arrays(pending)


def read_sample(paths: Sequence[str]) -> Sample:
    """Open the sample that the parts' files hold together."""
    return Sample([read_arrow(path) for path in paths])


def sample_of(texts: Sequence[str]) -> Sample:
    """Return a sample of texts in their order."""
    numbers = pa.array(range(len(texts)), pa.uint64())
    return Sample([pa.table([numbers, numbers, pa.array(texts, pa.large_string())], schema=DRAWN)])


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


def _last(order: npt.NDArray[np.uint64], filled: Positions, share: float) -> int:
    """Return the number of the document that brings a stratum to its share; −1 where that is nothing."""
    if share <= 0:
        return -1
    return int(order[min(int(np.searchsorted(filled, share)), len(order) - 1)])
