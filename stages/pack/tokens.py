"""The first phase of packing: each part's documents as token ids, in files that the later phases map into memory.

    scratch/tokens/00000.bin        the part's ids, a separator after each document, nothing else
    scratch/documents/00000.arrow   one row per document: `tokens` (the separator included), `text_bytes`, and `lot`,
                                    the hash of its id that decides whether it is drawn for validation

Together the parts' ids are one sequence in the order of the documents; a position counts from its beginning.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from prep.corpus.columns import Offsets, string_buffers
from prep.corpus.errors import CorruptFileError
from prep.corpus.shards import Ids
from prep.corpus.storage import atomic_output, join, read_arrow, size, write_arrow
from prep.stages.pack.pack_kernels import Integers, Lots, append_separator, copy_pieces, draw_lots
from prep.stages.stage import GlobalContext

DOCUMENTS = pa.schema(
    [pa.field("tokens", pa.int64()), pa.field("text_bytes", pa.int64()), pa.field("lot", pa.uint64())]
)

Encode = Callable[[pa.Array], tuple[Offsets, Ids]]
"""From a column of texts to where each text's ids begin and end (rows + 1), and the ids of all."""


@dataclass(frozen=True)
class RowFormat:
    """What all rows have in common; the fields are those of the manifest."""

    length: int
    dtype: str
    vocabulary: int
    separator_id: int
    padding_id: int
    tokenizer_sha256: str

    @property
    def row_bytes(self) -> int:
        """Bytes of a row's ids."""
        return self.length * np.dtype(self.dtype).itemsize


class Documents(NamedTuple):
    """All documents in order; every array has one entry per document."""

    tokens: Integers
    """Token ids, the separator included."""
    text_bytes: Integers
    """UTF-8 bytes of the text."""
    lots: Lots


def tokenize_part(part: int, context: GlobalContext, encode: Encode, rows: RowFormat, seed: int) -> None:
    """Write the token ids and the table of those of a part's documents that no earlier stage has dropped."""
    tables = []
    with atomic_output(_tokens_path(context.scratch, part)) as sink:
        for batch in context.upstream.documents(part, ["id", "text"]):
            text = batch.column("text")
            offsets, ids = encode(text)
            ended = np.empty(len(ids) + len(text), rows.dtype)
            tokens = append_separator(offsets, ids, rows.separator_id, ended)
            sink.write(ended.data)
            text_bytes = np.diff(string_buffers(text)[1])
            lots = draw_lots(*string_buffers(batch.column("id")), np.uint64(seed))
            tables.append(pa.record_batch([pa.array(tokens), pa.array(text_bytes), pa.array(lots)], schema=DOCUMENTS))
    write_arrow(_documents_path(context.scratch, part), pa.Table.from_batches(tables, DOCUMENTS))


def read_sizes(scratch: str, parts: int, dtype: str) -> Documents:
    """Read the tables of all parts' documents. Raises CorruptFileError where a part's tokens do not fit its table."""
    tables = []
    for part in range(parts):
        table = read_arrow(_documents_path(scratch, part))
        expected = int(table.column("tokens").to_numpy().sum()) * np.dtype(dtype).itemsize
        path = _tokens_path(scratch, part)
        if size(path) != expected:
            raise CorruptFileError(f"{path}: expected {expected} bytes, seen {size(path)}; delete the step's folder")
        tables.append(table)
    table = pa.concat_tables(tables)
    return Documents(*(table.column(name).to_numpy() for name in DOCUMENTS.names))


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


def _tokens_path(scratch: str, part: int) -> str:
    return join(scratch, "tokens", f"{part:05d}.bin")


def _documents_path(scratch: str, part: int) -> str:
    return join(scratch, "documents", f"{part:05d}.arrow")
