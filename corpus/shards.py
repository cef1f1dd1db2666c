"""Packed rows of tokens on disk: the writer, and a memory-mapped reader.

A folder of shards is a Hugging Face dataset as it stands (`datasets.load_from_disk`): Arrow IPC *stream* files, whose
row i holds `length` token ids, the lengths of the documents' pieces in it (what they leave free at the end of the row
is padding) and whether its first piece continues a document begun in another row. `manifest.json` beside them says
what the rows are and what each file must hold. Source: Arrow columnar format, "IPC streaming format".
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from prep.corpus.errors import CorruptFileError
from prep.corpus.storage import atomic_output, join, read_json, sha256, size, write_json

LARGEST_16_BIT_VOCABULARY = 65_499
"""Megatron stores token ids in 16 bits only up to this many; larger vocabularies take 32."""

MANIFEST = "manifest.json"
FORMAT = 1

Ids = npt.NDArray[np.unsignedinteger]


@dataclass(frozen=True)
class ShardFile:
    """One file of a folder of shards."""

    name: str
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class ShardManifest:
    """What a folder of shards holds."""

    length: int
    """Token ids per row."""
    dtype: str
    """"uint16" or "uint32"."""
    vocabulary: int
    separator_id: int
    """The id that ends each document."""
    padding_id: int
    tokenizer_sha256: str
    seed: int
    rows: int
    documents: int
    cut_documents: int
    """Documents that lie in more than one row."""
    tokens: int
    """Ids that are not padding, separators included."""
    text_bytes: int
    """UTF-8 bytes of the documents' text."""
    shards: tuple[ShardFile, ...]
    format: int = FORMAT

    @property
    def utilisation(self) -> float:
        """Share of the rows' places that hold tokens, 0 to 1."""
        return self.tokens / (self.rows * self.length) if self.rows else 0.0


def token_dtype(vocabulary: int) -> str:
    """Return the smallest dtype that every trainer accepts for this many token ids."""
    return "uint16" if vocabulary <= LARGEST_16_BIT_VOCABULARY else "uint32"


def row_schema(length: int, dtype: str) -> pa.Schema:
    """Return the columns of a shard."""
    item = pa.uint16() if dtype == "uint16" else pa.uint32()
    return pa.schema(
        [
            pa.field("input_ids", pa.list_(item, length)),
            pa.field("lengths", pa.list_(pa.int32())),
            pa.field("continued", pa.bool_()),
        ]
    )


def rows_batch(
    ids: Ids,
    piece_lengths: npt.NDArray[np.int32],
    piece_offsets: npt.NDArray[np.int32],
    continued: npt.NDArray[np.bool_],
) -> pa.RecordBatch:
    """Build a batch of rows.

    Takes ids (rows, length), the lengths of all pieces in order, the rows' offsets into them (rows + 1), and for
    each row whether its first piece continues a document (rows).
    """
    length = ids.shape[1]
    schema = row_schema(length, str(ids.dtype))
    values = pa.array(np.ascontiguousarray(ids).reshape(-1))
    columns = [
        pa.FixedSizeListArray.from_arrays(values, length),
        pa.ListArray.from_arrays(pa.array(piece_offsets, pa.int32()), pa.array(piece_lengths, pa.int32())),
        pa.array(continued, pa.bool_()),
    ]
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
    """Write the manifest and what `datasets.load_from_disk` wants to see, the manifest last."""
    write_json(
        join(folder, "state.json"),
        {
            "_data_files": [{"filename": shard.name} for shard in manifest.shards],
            "_fingerprint": manifest.shards[0].sha256[:16] if manifest.shards else "empty",
            "_format_columns": None,
            "_format_kwargs": {},
            "_format_type": None,
            "_output_all_columns": False,
            "_split": None,
        },
    )
    write_json(
        join(folder, "dataset_info.json"),
        {
            "citation": "",
            "description": "",
            "features": {
                "input_ids": {
                    "feature": {"dtype": manifest.dtype, "_type": "Value"},
                    "length": manifest.length,
                    "_type": "List",
                },
                "lengths": {"feature": {"dtype": "int32", "_type": "Value"}, "_type": "List"},
                "continued": {"dtype": "bool", "_type": "Value"},
            },
            "homepage": "",
            "license": "",
        },
    )
    write_json(join(folder, MANIFEST), asdict(manifest))


def read_manifest(folder: str) -> ShardManifest:
    """Read a folder's manifest. Raises CorruptFileError where it is missing or of another format."""
    try:
        value = read_json(join(folder, MANIFEST))
        if value.get("format") != FORMAT:
            raise CorruptFileError(
                f"{folder}: shards of format {value.get('format')}; this version reads format {FORMAT}"
            )
        shards = tuple(ShardFile(**shard) for shard in value.pop("shards"))  # type: ignore[attr-defined]
        return ShardManifest(shards=shards, **value)  # type: ignore[arg-type]
    except FileNotFoundError as error:
        raise CorruptFileError(f"{folder}: no {MANIFEST}; is this a folder of shards?") from error


class ShardReader:
    """Random access to the rows of a local folder of shards; ids are read from the mapped files, nothing is loaded.

    Raises CorruptFileError where a file is missing or does not have the manifest's rows.
    """

    def __init__(self, folder: str) -> None:
        self.manifest = read_manifest(folder)
        self._ids: list[Ids] = []
        self._lengths: list[tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]] = []
        self._continued: list[npt.NDArray[np.bool_]] = []
        starts = [0]
        for shard in self.manifest.shards:
            for batch in self._batches(str(Path(folder) / shard.name), shard):
                self._map(batch)
                starts.append(starts[-1] + batch.num_rows)
        self._starts = np.array(starts, np.int64)

    def _batches(self, path: str, shard: ShardFile) -> list[pa.RecordBatch]:
        try:
            batches = list(pa.ipc.open_stream(pa.memory_map(path)))
        except (OSError, pa.ArrowInvalid) as error:
            raise CorruptFileError(f"{path}: cannot be read as a shard: {error}") from error
        seen = sum(batch.num_rows for batch in batches)
        if seen != shard.rows:
            raise CorruptFileError(f"{path}: expected {shard.rows} rows, seen {seen}; write the shards again")
        return batches

    def _map(self, batch: pa.RecordBatch) -> None:
        length = self.manifest.length
        self._ids.append(batch.column("input_ids").flatten().to_numpy(zero_copy_only=True).reshape(-1, length))
        pieces = batch.column("lengths")
        self._lengths.append((pieces.values.to_numpy(), pieces.offsets.to_numpy()))
        self._continued.append(batch.column("continued").to_numpy(zero_copy_only=False))

    def __len__(self) -> int:
        return int(self._starts[-1])

    def _locate(self, row: int) -> tuple[int, int]:
        batch = int(np.searchsorted(self._starts, row, side="right")) - 1
        return batch, row - int(self._starts[batch])

    def ids(self, row: int) -> Ids:
        """Return a row's token ids (length,), a view of the mapped file."""
        batch, offset = self._locate(row)
        ids: Ids = self._ids[batch][offset]
        return ids

    def lengths(self, row: int) -> npt.NDArray[np.int32]:
        """Return the lengths of the documents' pieces in a row; their sum is the number of ids before the padding."""
        batch, offset = self._locate(row)
        values, offsets = self._lengths[batch]
        return values[offsets[offset] : offsets[offset + 1]]

    def continued(self, row: int) -> bool:
        """Say whether a row's first piece continues a document begun in another row."""
        batch, offset = self._locate(row)
        return bool(self._continued[batch][offset])

    def gather(self, rows: Sequence[int] | npt.NDArray[np.int64]) -> Ids:
        """Copy several rows' token ids into one array (rows, length)."""
        out: Ids = np.empty((len(rows), self.manifest.length), self.manifest.dtype)
        for position, row in enumerate(rows):
            out[position] = self.ids(int(row))
        return out
