"""Packed rows of tokens on disk: the writer, and a memory-mapped reader.

A folder of shards is a Hugging Face dataset as it stands (`datasets.load_from_disk`): Arrow IPC *stream* files with
one row of `length` token ids after another. A row holds pieces of documents, end to end; what they leave free at its
end is padding. Only its first piece may continue a document from another row. Columns:

- `input_ids`: the ids.
- `lengths`: tokens of each piece. Attention masks, positions and the number of ids before the padding follow from it.
- `documents`: the number of each piece's document, counted from zero over all documents that were packed. A document
  that comes more than once has a number of its own each time.
- `continued`: how many tokens of the first piece's document lie in rows elsewhere before it; zero where it begins here.
- `loss_mask`, of conversations alone: 1 for the ids that are to be learnt, what the assistant says; 0 for all others.

`documents` and `continued` say where every token came from: a document is its pieces in the order of `continued`.
`manifest.json` beside the files says what the rows are and what each file must hold. Source: Arrow columnar format,
"IPC streaming format".
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from prep.corpus.arrow.addresses import address
from prep.corpus.errors import CorruptFileError
from prep.corpus.files.run_folders import part_hint
from prep.corpus.files.storage import atomic_output, join, read_json, sha256, size, write_json
from prep.corpus.shards.hugging_face import list_feature, write_dataset
from prep.corpus.shards.row_kernels import Table, are_rows, copy_ids, copy_pieces

LARGEST_16_BIT_VOCABULARY = 65_499
"""Megatron stores token ids in 16 bits only up to this many; larger vocabularies take 32."""

MANIFEST = "manifest.json"
CURVE = "curve.json"
"""Beside the splits' folders: how often a mixture's curve repeats the buckets of each group."""
FORMAT = 2
HINT = "write the shards again"

Ids = npt.NDArray[np.unsignedinteger]


class Pieces(NamedTuple):
    """What is known of the pieces in rows. Row i holds the pieces from `offsets[i]` to `offsets[i + 1]`."""

    offsets: npt.NDArray[np.int32]
    """(rows + 1)"""
    lengths: npt.NDArray[np.int32]
    """(pieces)"""
    documents: npt.NDArray[np.int64]
    """(pieces)"""
    continued: npt.NDArray[np.int64]
    """(rows)"""


class Rows(NamedTuple):
    """Packed rows. Row i holds the pieces from `offsets[i]` to `offsets[i + 1]`."""

    ids: Ids
    """(rows, length)"""
    offsets: npt.NDArray[np.int32]
    """(rows + 1)"""
    lengths: npt.NDArray[np.int32]
    """(pieces)"""
    documents: npt.NDArray[np.int64]
    """(pieces)"""
    continued: npt.NDArray[np.int64]
    """(rows)"""
    loss_mask: npt.NDArray[np.uint8] | None = None
    """(rows, length) 1 for ids that are to be learnt, else 0; None where all are."""


@dataclass(frozen=True)
class ShardFile:
    """One file of a folder of shards."""

    name: str
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class PhaseFacts:
    """Rows that lie together, and among which alone they are shuffled: a phase of the mixture, or all rows."""

    rows: int
    tokens: int
    groups: Mapping[str, int]
    """Tokens of each group of the mixture; empty without a mixture."""


@dataclass(frozen=True)
class ShardManifest:
    """What a folder of shards holds."""

    length: int
    """Token ids per row."""
    dtype: str
    """"uint16" or "uint32"."""
    vocabulary: int
    separator_id: int
    padding_id: int
    tokenizer_sha256: str
    strategy: str
    """How documents were packed into rows."""
    seed: int
    """Decides the order of the rows."""
    rows: int
    documents: int
    """Documents, each counted as often as it comes."""
    cut_documents: int
    """Documents that lie in more than one row."""
    max_documents_per_row: int
    tokens: int
    """Ids that are not padding, separators included."""
    text_bytes: int
    """UTF-8 bytes of the documents' text."""
    shards: tuple[ShardFile, ...]
    separator: str = "after"
    """Where the separator stands: "before" or "after" each document; with "both", `begin_id` stands before it too. With
    "none" the documents are conversations, which their template delimits."""
    begin_id: int | None = None
    """The id that begins each document where `separator` is "both"."""
    cropped_documents: int = 0
    cropped_tokens: int = 0
    """Documents of which only the beginning was taken, and their tokens that were not. They too end with a separator
    where the others do."""
    tokens_by: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Tokens by source and by language, where the documents had these columns."""
    phases: tuple[PhaseFacts, ...] = ()
    """In the order of the rows; empty where packing recorded none."""
    loss_mask: bool = False
    """Whether rows say which ids are to be learnt."""
    labels: ShardFile | None = None
    """The table of the documents' labels (`prep.corpus.shards.labels`), beside the shards of evaluation splits."""
    format: int = FORMAT

    @property
    def utilisation(self) -> float:
        """Share of the rows' places that hold tokens, 0 to 1."""
        return self.tokens / (self.rows * self.length) if self.rows else 0.0

    @property
    def fingerprint(self) -> str:
        """Identifies the rows and the tokenizer that made them: 16 hexadecimal digits."""
        hashes = [self.tokenizer_sha256, *(shard.sha256 for shard in self.shards)]
        return hashlib.sha256("\n".join(hashes).encode()).hexdigest()[:16]


def token_dtype(vocabulary: int) -> str:
    """Return the smallest dtype that every trainer accepts for this many token ids."""
    return "uint16" if vocabulary <= LARGEST_16_BIT_VOCABULARY else "uint32"


def row_schema(length: int, dtype: str, loss_mask: bool = False) -> pa.Schema:
    """Return the columns of a shard, without or with a loss mask."""
    item = pa.uint16() if dtype == "uint16" else pa.uint32()
    return pa.schema(
        [
            pa.field("input_ids", pa.list_(item, length)),
            pa.field("lengths", pa.list_(pa.int32())),
            pa.field("documents", pa.list_(pa.int64())),
            pa.field("continued", pa.int64()),
            *([pa.field("loss_mask", pa.list_(pa.uint8(), length))] if loss_mask else []),
        ]
    )


def rows_batch(rows: Rows) -> pa.RecordBatch:
    """Return rows as a batch of a shard, without copying their ids."""
    length = rows.ids.shape[1]
    offsets = pa.array(rows.offsets, pa.int32())
    columns = [
        pa.FixedSizeListArray.from_arrays(pa.array(np.ascontiguousarray(rows.ids).reshape(-1)), length),
        pa.ListArray.from_arrays(offsets, pa.array(rows.lengths, pa.int32())),
        pa.ListArray.from_arrays(offsets, pa.array(rows.documents, pa.int64())),
        pa.array(rows.continued, pa.int64()),
    ]
    if rows.loss_mask is not None:
        mask = pa.array(np.ascontiguousarray(rows.loss_mask).reshape(-1))
        columns.append(pa.FixedSizeListArray.from_arrays(mask, length))
    schema = row_schema(length, str(rows.ids.dtype), rows.loss_mask is not None)
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def write_shard(folder: str, name: str, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> ShardFile:
    """Write one shard atomically and return its entry for the manifest."""
    path = join(folder, name)
    rows = 0
    with atomic_output(path) as sink, pa.ipc.new_stream(sink, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
            rows += batch.num_rows
    return ShardFile(name, rows, size(path), sha256(path))


def write_manifest(folder: str, manifest: ShardManifest) -> None:
    """Write the manifest and what `datasets.load_from_disk` needs, the manifest last."""
    features = {
        "input_ids": list_feature(manifest.dtype, manifest.length),
        "lengths": list_feature("int32"),
        "documents": list_feature("int64"),
        "continued": {"dtype": "int64", "_type": "Value"},
    }
    if manifest.loss_mask:
        features["loss_mask"] = list_feature("uint8", manifest.length)
    write_dataset(folder, [shard.name for shard in manifest.shards], features, state_fingerprint(manifest))
    write_json(join(folder, MANIFEST), {**asdict(manifest), "utilisation": manifest.utilisation})


def state_fingerprint(manifest: ShardManifest) -> str:
    """Return what `state.json`, which is written with a manifest, calls the rows."""
    return manifest.shards[0].sha256[:16] if manifest.shards else "empty"


def read_manifest(folder: str) -> ShardManifest:
    """Read a folder's manifest. Raises CorruptFileError where it is missing, damaged or of another format."""
    path = join(folder, MANIFEST)
    try:
        value = read_json(path)
        seen = value.get("format")
        if seen == FORMAT:
            del value["utilisation"]  # follows from the other fields
            shards = tuple(ShardFile(**shard) for shard in value.pop("shards"))  # type: ignore[attr-defined]
            phases = tuple(PhaseFacts(**phase) for phase in value.pop("phases"))  # type: ignore[attr-defined]
            found = value.pop("labels", None)
            labels = None if found is None else ShardFile(**found)  # type: ignore[arg-type]
            return ShardManifest(shards=shards, phases=phases, labels=labels, **value)  # type: ignore[arg-type]
    except FileNotFoundError as error:
        hint = part_hint(folder, "shards").removeprefix(";")
        raise CorruptFileError(f"{path}: not found; is {folder} a folder of shards?{hint}") from error
    except (TypeError, KeyError) as error:
        raise CorruptFileError(f"{path}: not a manifest of shards ({error}); {HINT}") from error
    raise CorruptFileError(f"{path}: expected format {FORMAT}, seen {seen}; {HINT}")


def check_shard(folder: str, shard: ShardFile) -> None:
    """Read a shard and compare its checksum. Raises CorruptFileError where it is missing or holds other bytes."""
    path = join(folder, shard.name)
    try:
        seen = sha256(path)
    except OSError as error:
        raise CorruptFileError(f"{path}: cannot be read as a shard ({error}); {HINT}") from error
    if seen != shard.sha256:
        raise CorruptFileError(
            f"{path}: does not hold what was written: expected the SHA-256 {shard.sha256[:12]}…, seen {seen[:12]}…; "
            f"the file is damaged, or {MANIFEST} is that of another run; {HINT}"
        )


def open_shard(folder: str, shard: ShardFile, manifest: ShardManifest) -> list[pa.RecordBatch]:
    """Map a shard's batches into memory.

    Raises CorruptFileError where it is missing or does not have the manifest's size, columns and rows.
    """
    path = str(Path(folder) / shard.name)
    try:
        if size(path) != shard.bytes:
            raise CorruptFileError(f"{path}: expected {shard.bytes} bytes, seen {size(path)}; {HINT}")
        stream = pa.ipc.open_stream(pa.memory_map(path))
        batches = list(stream)
    except (OSError, pa.ArrowInvalid) as error:
        raise CorruptFileError(f"{path}: cannot be read as a shard ({error}); {HINT}") from error
    schema = row_schema(manifest.length, manifest.dtype, manifest.loss_mask)
    if not stream.schema.equals(schema):
        raise CorruptFileError(f"{path}: expected the columns {_words(schema)}, seen {_words(stream.schema)}; {HINT}")
    seen = sum(batch.num_rows for batch in batches)
    if seen != shard.rows:
        raise CorruptFileError(f"{path}: expected {shard.rows} rows, seen {seen}; {HINT}")
    return batches


class ShardReader:
    """Random access to the rows of a local folder of shards; ids are read from the mapped files, nothing is loaded.

    Raises CorruptFileError where a file is missing or does not have the manifest's size, columns and rows. Checksums
    are not looked at, which would read everything (see `check_shard`). A reader that is sent to another process opens
    the folder there.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.manifest = read_manifest(folder)
        self._rows: list[Rows] = []
        starts = [0]
        for shard in self.manifest.shards:
            for batch in open_shard(folder, shard, self.manifest):
                self._rows.append(mapped_rows(batch))
                starts.append(starts[-1] + batch.num_rows)
        if starts[-1] != self.manifest.rows:
            raise CorruptFileError(
                f"{join(folder, MANIFEST)}: expected {self.manifest.rows} rows in all, seen {starts[-1]}; {HINT}"
            )
        self.table = _table(np.array(starts, np.int64), self._rows)
        """Where the columns lie in memory, for kernels."""

    def __reduce__(self) -> tuple[type["ShardReader"], tuple[str]]:
        return type(self), (self.folder,)

    def __len__(self) -> int:
        return int(self.table.starts[-1])

    def _locate(self, row: int) -> tuple[Rows, int]:
        batch = int(np.searchsorted(self.table.starts, row, side="right")) - 1
        return self._rows[batch], row - int(self.table.starts[batch])

    def ids(self, row: int) -> Ids:
        """Return a row's token ids (length,), a view of the mapped file."""
        rows, index = self._locate(row)
        ids: Ids = rows.ids[index]
        return ids

    def lengths(self, row: int) -> npt.NDArray[np.int32]:
        """Return the lengths of the documents' pieces in a row; their sum is the number of ids before the padding."""
        rows, index = self._locate(row)
        return rows.lengths[rows.offsets[index] : rows.offsets[index + 1]]

    def documents(self, row: int) -> npt.NDArray[np.int64]:
        """Return the numbers of the documents whose pieces lie in a row."""
        rows, index = self._locate(row)
        return rows.documents[rows.offsets[index] : rows.offsets[index + 1]]

    def continued(self, row: int) -> int:
        """Return how many tokens of the first piece's document come before it, in other rows; zero: it begins here."""
        rows, index = self._locate(row)
        return int(rows.continued[index])

    def gather(self, rows: Sequence[int] | npt.NDArray[np.int64], dtype: str | None = None) -> Ids:
        """Copy the ids of rows, in any order, into one array (rows, length) of the shards' dtype or another.

        Raises IndexError for a row that there is not.
        """
        wanted = self._existing(rows)
        out: Ids = np.empty((len(wanted), self.manifest.length), self.manifest.dtype if dtype is None else dtype)
        copy_ids(self.table, wanted, np.empty(0, self.manifest.dtype), out)
        return out

    def loss_mask(self, rows: Sequence[int] | npt.NDArray[np.int64]) -> npt.NDArray[np.uint8] | None:
        """Copy the loss mask of rows, in any order: (rows, length), 1 for ids to be learnt; None where all are.

        Raises IndexError for a row that there is not.
        """
        if not self.manifest.loss_mask:
            return None
        wanted = self._existing(rows)
        out = np.empty((len(wanted), self.manifest.length), np.uint8)
        copy_ids(self.table._replace(ids=self.table.loss_mask), wanted, np.empty(0, np.uint8), out)
        return out

    def pieces(self, rows: Sequence[int] | npt.NDArray[np.int64]) -> Pieces:
        """Copy what is known of the pieces in rows, in any order. Raises IndexError for a row that there is not."""
        return Pieces(*copy_pieces(self.table, self._existing(rows)))

    def _existing(self, rows: Sequence[int] | npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        wanted = np.ascontiguousarray(rows, np.int64)
        if not are_rows(wanted, len(self)):
            raise IndexError(f"expected rows from 0 to {len(self) - 1}, seen {wanted.min()} to {wanted.max()}")
        return wanted


def mapped_rows(batch: pa.RecordBatch) -> Rows:
    """Return a batch's columns as numpy arrays without a copy."""
    ids = batch.column("input_ids")
    pieces = batch.column("lengths")
    return Rows(
        ids.flatten().to_numpy().reshape(-1, ids.type.list_size),
        pieces.offsets.to_numpy(),
        pieces.values.to_numpy(),
        batch.column("documents").values.to_numpy(),
        batch.column("continued").to_numpy(),
        _loss_mask(batch, ids.type.list_size),
    )


def _loss_mask(batch: pa.RecordBatch, length: int) -> npt.NDArray[np.uint8] | None:
    if "loss_mask" not in batch.schema.names:
        return None
    mask: npt.NDArray[np.uint8] = batch.column("loss_mask").flatten().to_numpy().reshape(-1, length)
    return mask


def _table(starts: npt.NDArray[np.int64], batches: Sequence[Rows]) -> Table:
    addresses = [[0 if column is None else address(column) for column in batch] for batch in batches]
    return Table(starts, *np.array(addresses, np.uint64).reshape(-1, len(Rows._fields)).T.copy())


def _words(schema: pa.Schema) -> str:
    return ", ".join(f"{field.name} ({field.type})" for field in schema)
