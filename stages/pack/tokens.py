"""The first phase of packing: each part's documents as token ids, in files that the later phases map into memory.

    scratch/tokens/00000.bin        the part's ids, each document with its separators, nothing else
    scratch/masks/00000.bin         of conversations, a byte for each id: 1 where it is to be learnt, else 0
    scratch/documents/00000.arrow   one row per document: see `PartDocuments`
    scratch/rows.json               of the first part, for phases without the tokenizer: see `RowFormat`

Together the parts' ids are one sequence in the order of the documents; a position counts from its beginning, and a
document's number is its place among all documents.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from prep.corpus.arrow.columns import Offsets, string_buffers
from prep.corpus.arrow.documents import read_schema
from prep.corpus.errors import CorruptFileError
from prep.corpus.files.storage import (
    atomic_output,
    exists,
    join,
    read_arrow,
    read_json,
    size,
    write_arrow,
    write_bytes,
    write_json,
)
from prep.corpus.shards.labels import LABELS, Column
from prep.corpus.shards.shards import Ids
from prep.corpus.shards.splits import Hashes
from prep.stages.pack.mixture import UNKNOWN, Mixture
from prep.stages.pack.packing_kernels import Integers
from prep.stages.pack.placement_kernels import NO_ID, copy_pieces, delimit, document_hashes
from prep.stages.upstream import GlobalContext

ROW_FORMAT = "rows.json"
GROUP = "group"
SCORE = "score"

SPLIT_PURPOSE = np.uint64(0x7061636B)
ORDER_PURPOSE = np.uint64(0x6F72646572)


class EncodedBatch(NamedTuple):
    """The documents of a batch as ids; those that are lost have none."""

    offsets: Offsets
    """(rows + 1) Where each document's ids begin and end."""
    ids: Ids
    learnt: npt.NDArray[np.uint8] | None = None
    """1 for each of the ids that is to be learnt, else 0; None where all are."""
    rule: pa.Array | None = None
    failed: pa.Array | None = None
    detail: pa.Array | None = None
    """(rows) By which rule or error a document is lost, null for all others; None where none is."""


Encode = Callable[[pa.RecordBatch], EncodedBatch]
"""From documents to their ids."""


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
    loss_mask: bool = False

    @property
    def before(self) -> int:
        """The id before each document, or NO_ID."""
        if self.begin_id is not None:
            return self.begin_id
        return self.separator_id if self.separator == "before" else NO_ID

    @property
    def after(self) -> int:
        """The id after each document, or NO_ID."""
        return NO_ID if self.separator in ("before", "none") else self.separator_id

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
        grouped = self.mixture.columns if self.mixture else ()
        curve = self.mixture.curve if self.mixture else None
        return tuple(dict.fromkeys(["id", self.split_by, *grouped, *([curve.score] if curve else [])]))


class Lost(NamedTuple):
    """Documents that could not be encoded; all arrays (documents,), null for those that could."""

    rule: pa.Array
    failed: pa.Array
    """False for those that could."""
    detail: pa.Array


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
    lost: Lost
    scores: npt.NDArray[np.float64] | None = None
    """What the mixture's curve ranks by, NaN where there is none; None without a curve."""


def tokenize_part(
    part: int,
    context: GlobalContext,
    encode: Encode,
    rows: RowFormat,
    drawing: Drawing,
    read: Sequence[str] = ("text",),
) -> None:
    """Write the token ids and the table of those of a part's documents that no earlier stage has dropped.

    `read` are the columns that `encode` looks at.
    """
    labels = [name for name in LABELS if name in read_schema(context.upstream.parts[part]).names]
    columns = tuple(dict.fromkeys(["text", *read, *drawing.columns, *labels]))
    nothing = EncodedBatch(np.zeros(1, np.int64), np.empty(0, rows.dtype))
    tables = [_table(_no_documents(columns), nothing, np.empty(0, np.int64), labels, drawing)]
    with ExitStack() as stack:
        sink = stack.enter_context(atomic_output(token_path(context.scratch, "tokens", part)))
        masks = (
            stack.enter_context(atomic_output(token_path(context.scratch, "masks", part))) if rows.loss_mask else None
        )
        for batch in context.upstream.documents(part, columns):
            encoded = encode(batch)
            delimited = np.empty(len(encoded.ids) + rows.separators * batch.num_rows, rows.dtype)
            tokens = delimit(encoded.offsets, encoded.ids, rows.before, rows.after, delimited)
            sink.write(delimited.data)
            if masks is not None and encoded.learnt is not None:
                masks.write(encoded.learnt.data)
            tables.append(_table(batch, encoded, tokens, labels, drawing))
    write_arrow(_documents_path(context.scratch, part), pa.concat_tables(tables).unify_dictionaries().combine_chunks())
    if part == 0:
        write_json(join(context.scratch, ROW_FORMAT), vars(rows))


def read_row_format(scratch: str) -> RowFormat:
    """Return what the first phase has written about all rows."""
    return RowFormat(**read_json(join(scratch, ROW_FORMAT)))  # type: ignore[arg-type]


def _no_documents(columns: Sequence[str]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([], pa.schema([pa.field(name, pa.string()) for name in columns]))


def _table(
    batch: pa.RecordBatch, encoded: EncodedBatch, tokens: Integers, labels: Sequence[str], drawing: Drawing
) -> pa.Table:
    seed = np.uint64(drawing.seed)
    split_by = batch.column(drawing.split_by).cast(pa.string()).fill_null("")
    columns: dict[str, pa.Array] = {
        "tokens": pa.array(tokens),
        "text_bytes": pa.array(np.diff(string_buffers(batch.column("text"))[1])),
        "split_hash": pa.array(document_hashes(*string_buffers(split_by), seed, SPLIT_PURPOSE)),
        "order_hash": pa.array(document_hashes(*string_buffers(batch.column("id")), seed, ORDER_PURPOSE)),
        "rule": pa.nulls(len(batch), pa.string()) if encoded.rule is None else encoded.rule,
        "failed": pa.repeat(False, len(batch)) if encoded.failed is None else encoded.failed,
        "detail": pa.nulls(len(batch), pa.string()) if encoded.detail is None else encoded.detail,
    }
    named = {name: batch.column(name) for name in labels}
    if drawing.mixture:
        named[GROUP] = drawing.mixture.groups_of(batch)
        if drawing.mixture.curve:
            columns[SCORE] = batch.column(drawing.mixture.curve.score).cast(pa.float64())
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
    path = token_path(scratch, "tokens", part)
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
        Lost(*(table.column(name).combine_chunks() for name in Lost._fields)),
        table.column(SCORE).fill_null(np.nan).to_numpy() if SCORE in table.column_names else None,
    )


def _labels(column: pa.ChunkedArray) -> Column:
    encoded = column.combine_chunks()
    return Column(encoded.indices.to_numpy(), tuple(encoded.dictionary.to_pylist()))


class TokenSequence:
    """The ids of all parts as one sequence, or their masks; a part is mapped into memory when it is first read."""

    def __init__(self, scratch: str, parts: int, dtype: str, kind: Literal["tokens", "masks"] = "tokens") -> None:
        self._paths = [token_path(scratch, kind, part) for part in range(parts)]
        self._dtype = np.dtype(dtype)
        self._starts = self._starts_in(join(scratch, f"{kind}-starts.bin"))
        self._mapped: dict[int, Ids] = {}

    def _starts_in(self, path: str) -> Integers:
        """Return where each part begins, and the end; measured by the first task that asks, for all."""
        if not exists(path):
            sizes = [size(each) // self._dtype.itemsize for each in self._paths]
            write_bytes(path, np.cumsum([0, *sizes], dtype=np.int64).tobytes())
        return map_numbers(path)

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


def token_path(scratch: str, kind: Literal["tokens", "masks"], part: int) -> str:
    """Return where the ids of a part lie, or what is to be learnt of them."""
    return join(scratch, kind, f"{part:05d}.bin")


def _documents_path(scratch: str, part: int) -> str:
    return join(scratch, "documents", f"{part:05d}.arrow")
