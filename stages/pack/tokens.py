"""The first phase of packing: each part's documents as token ids, in files that the later phases map into memory.

    scratch/tokens/00000.bin        the part's ids, each document with its separators, nothing else
    scratch/documents/00000.arrow   one row per document: see `PartDocuments`
    scratch/rows.json               of the first part, for phases without the tokenizer: see `RowFormat`

Together the parts' ids are one sequence in the order of the documents; a position counts from its beginning, and a
document's number is its place among all documents.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from prep.corpus.arrow.columns import Offsets, string_buffers
from prep.corpus.arrow.documents import read_schema
from prep.corpus.errors import CorruptFileError
from prep.corpus.files.storage import atomic_output, join, read_arrow, read_json, size, write_arrow, write_json
from prep.corpus.shards.labels import LABELS, Column
from prep.corpus.shards.shards import Ids
from prep.corpus.shards.splits import Hashes
from prep.stages.pack.mixture import Mixture
from prep.stages.pack.packing_kernels import Integers
from prep.stages.pack.placement_kernels import NO_ID, copy_pieces, delimit, document_hashes
from prep.stages.upstream import GlobalContext

ROW_FORMAT = "rows.json"
GROUP = "group"
UNKNOWN = "unknown"
"""Stands for a label that is null."""

SPLIT_PURPOSE = np.uint64(0x7061636B)
ORDER_PURPOSE = np.uint64(0x6F72646572)

Encode = Callable[[pa.Array], tuple[Offsets, Ids]]
"""From a column of texts to where each text's ids begin and end (rows + 1), and the ids of all."""


@dataclass(frozen=True)
class RowFormat:
    """What all rows have in common; the fields are those of the manifest."""

    length: int
    dtype: str
    vocabulary: int
    separator_id: int
    separator: str
    padding_id: int
    tokenizer_sha256: str
    begin_id: int | None = None

    @property
    def before(self) -> int:
        """The id before each document, or NO_ID."""
        if self.begin_id is not None:
            return self.begin_id
        return self.separator_id if self.separator == "before" else NO_ID

    @property
    def after(self) -> int:
        """The id after each document, or NO_ID."""
        return NO_ID if self.separator == "before" else self.separator_id

    @property
    def separators(self) -> int:
        """Ids that stand before and after each document, together."""
        return (self.before != NO_ID) + (self.after != NO_ID)

    @property
    def row_bytes(self) -> int:
        """Bytes of a row's ids."""
        return self.length * np.dtype(self.dtype).itemsize


@dataclass(frozen=True)
class Drawing:
    """What decides where a document goes, beside its tokens."""

    seed: int
    split_by: str
    """Documents that have the same value in this column go to the same split."""
    mixture: Mixture | None

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that are looked at, beside the text and the labels."""
        return tuple({"id": None, self.split_by: None, **({self.mixture.by: None} if self.mixture else {})})


class PartDocuments(NamedTuple):
    """A part's documents in order; every array has one entry per document."""

    first: int
    """Number of the first document."""
    positions: Integers
    """Where each begins in the sequence of all tokens."""
    tokens: Integers
    """Token ids, separators included."""
    text_bytes: Integers
    """UTF-8 bytes of the text."""
    split_hashes: Hashes
    """Decide the split."""
    order_hashes: Hashes
    """Decide the order in which a mixture takes documents."""
    labels: dict[str, Column]
    """By column; `GROUP` is what the mixture goes by."""


def tokenize_part(part: int, context: GlobalContext, encode: Encode, rows: RowFormat, drawing: Drawing) -> None:
    """Write the token ids and the table of those of a part's documents that no earlier stage has dropped."""
    labels = [name for name in LABELS if name in read_schema(context.upstream.parts[part]).names]
    columns = tuple(dict.fromkeys(["text", *drawing.columns, *labels]))
    tables = [_table(_no_documents(columns), np.empty(0, np.int64), labels, drawing)]
    with atomic_output(_tokens_path(context.scratch, part)) as sink:
        for batch in context.upstream.documents(part, columns):
            offsets, ids = encode(batch.column("text"))
            delimited = np.empty(len(ids) + rows.separators * batch.num_rows, rows.dtype)
            tokens = delimit(offsets, ids, rows.before, rows.after, delimited)
            sink.write(delimited.data)
            tables.append(_table(batch, tokens, labels, drawing))
    write_arrow(_documents_path(context.scratch, part), pa.concat_tables(tables).unify_dictionaries().combine_chunks())
    if part == 0:
        write_json(join(context.scratch, ROW_FORMAT), vars(rows))


def read_row_format(scratch: str) -> RowFormat:
    """Return what the first phase has written about all rows."""
    return RowFormat(**read_json(join(scratch, ROW_FORMAT)))  # type: ignore[arg-type]


def _no_documents(columns: Sequence[str]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([], pa.schema([pa.field(name, pa.string()) for name in columns]))


def _table(batch: pa.RecordBatch, tokens: Integers, labels: Sequence[str], drawing: Drawing) -> pa.Table:
    seed = np.uint64(drawing.seed)
    split_by = batch.column(drawing.split_by).cast(pa.string()).fill_null("")
    columns: dict[str, pa.Array] = {
        "tokens": pa.array(tokens),
        "text_bytes": pa.array(np.diff(string_buffers(batch.column("text"))[1])),
        "split_hash": pa.array(document_hashes(*string_buffers(split_by), seed, SPLIT_PURPOSE)),
        "order_hash": pa.array(document_hashes(*string_buffers(batch.column("id")), seed, ORDER_PURPOSE)),
    }
    named = {name: batch.column(name) for name in labels}
    if drawing.mixture:
        named[GROUP] = drawing.mixture.groups(batch.column(drawing.mixture.by))
    for name, column in named.items():
        columns[name] = column.cast(pa.string()).fill_null(UNKNOWN).dictionary_encode()
    return pa.table(columns)


def read_parts(scratch: str, parts: int, dtype: str) -> Iterator[PartDocuments]:
    """Yield the documents of part after part. Raises CorruptFileError where a part's tokens do not fit its table."""
    first = position = 0
    for part in range(parts):
        documents = read_part(scratch, part, dtype, first, position)
        yield documents
        first += len(documents.tokens)
        position += int(documents.tokens.sum())


def read_part(scratch: str, part: int, dtype: str, first: int = 0, position: int = 0) -> PartDocuments:
    """Return a part's documents, the first of which has this number and this position.

    Raises CorruptFileError where the part's tokens do not fit its table.
    """
    table = read_arrow(_documents_path(scratch, part))
    tokens = table.column("tokens").to_numpy()
    expected = int(tokens.sum()) * np.dtype(dtype).itemsize
    path = _tokens_path(scratch, part)
    if size(path) != expected:
        raise CorruptFileError(f"{path}: expected {expected} bytes, seen {size(path)}; delete the step's folder")
    return PartDocuments(
        first,
        position + np.cumsum(tokens) - tokens,
        tokens,
        table.column("text_bytes").to_numpy(),
        table.column("split_hash").to_numpy(),
        table.column("order_hash").to_numpy(),
        {name: _labels(table.column(name)) for name in (*LABELS, GROUP) if name in table.column_names},
    )


def _labels(column: pa.ChunkedArray) -> Column:
    encoded = column.combine_chunks()
    return Column(encoded.indices.to_numpy(), tuple(encoded.dictionary.to_pylist()))


class TokenSequence:
    """The ids of all parts as one sequence; a part is mapped into memory when it is first read."""

    def __init__(self, scratch: str, parts: int, dtype: str) -> None:
        self._paths = [_tokens_path(scratch, part) for part in range(parts)]
        self._dtype = np.dtype(dtype)
        sizes = [size(path) // self._dtype.itemsize for path in self._paths]
        self._starts = np.cumsum([0, *sizes], dtype=np.int64)
        self._mapped: dict[int, Ids] = {}

    def copy(self, positions: Integers, lengths: Integers, targets: Integers, ids: Ids) -> None:
        """Copy pieces, none of which reaches into another part, to their places `targets` in `ids`."""
        order = np.argsort(positions)
        positions, lengths, targets = positions[order], lengths[order], targets[order]
        bounds = np.searchsorted(positions, self._starts)
        for part in np.flatnonzero(np.diff(bounds)):
            here = slice(bounds[part], bounds[part + 1])
            copy_pieces(self._map(int(part)), positions[here] - self._starts[part], lengths[here], targets[here], ids)

    def _map(self, part: int) -> Ids:
        if part not in self._mapped:
            self._mapped[part] = np.asarray(np.memmap(self._paths[part], self._dtype, "r"))
        return self._mapped[part]


def map_numbers(path: str) -> Integers:
    """Map a file of 64-bit numbers into memory."""
    return np.asarray(np.memmap(path, np.int64, "r")) if size(path) else np.empty(0, np.int64)


def _tokens_path(scratch: str, part: int) -> str:
    return join(scratch, "tokens", f"{part:05d}.bin")


def _documents_path(scratch: str, part: int) -> str:
    return join(scratch, "documents", f"{part:05d}.arrow")
