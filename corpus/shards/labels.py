"""The labels of a split's documents, by which figures about a model are broken down.

Shards name each piece's document by its number alone. A split that models are evaluated on has a table with the
source and language of each number. The training split has none: it would be large and is not needed.

    labels.parquet   document: int64, rising    source, language: where the documents had these columns
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from prep.corpus.arrow.documents import write_table
from prep.corpus.errors import CorruptFileError
from prep.corpus.files.storage import join, open_input, sha256, size
from prep.corpus.shards.shards import HINT, ShardFile, ShardReader, check_shard

LABELS = ("source", "language")
"""Columns whose values are labels, where the documents have them."""
LABELS_FILE = "labels.parquet"


class Column(NamedTuple):
    """A label of each document."""

    codes: npt.NDArray[np.int32]
    """(documents) Places in `names`."""
    names: tuple[str, ...]


@dataclass(frozen=True)
class DocumentLabels:
    """The labels of a split's documents."""

    path: str
    documents: npt.NDArray[np.int64]
    """(documents) Their numbers, rising."""
    columns: Mapping[str, Column]

    def places(self, numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return where in the columns documents stand, given by their numbers (any shape).

        Raises CorruptFileError for a number that is not in the table.
        """
        places = np.searchsorted(self.documents, numbers)
        known = places < len(self.documents)
        known[known] = self.documents[places[known]] == numbers[known]
        if not known.all():
            raise CorruptFileError(
                f"{self.path}: expected the labels of all documents, seen none of document {numbers[~known][0]}; {HINT}"
            )
        return places


def write_labels(folder: str, table: pa.Table) -> ShardFile:
    """Write a folder's labels and return their entry for the manifest; labels are dictionaries of 32-bit places."""
    path = join(folder, LABELS_FILE)
    write_table(path, table)
    return ShardFile(LABELS_FILE, table.num_rows, size(path), sha256(path))


def read_labels(reader: ShardReader) -> DocumentLabels | None:
    """Return the labels of the documents in a folder of shards; None where packing wrote none.

    Raises CorruptFileError where the file is not the one that the manifest names.
    """
    entry = reader.manifest.labels
    if entry is None:
        return None
    check_shard(reader.folder, entry)
    path = join(reader.folder, entry.name)
    with open_input(path) as source:
        table = pq.read_table(source).unify_dictionaries().combine_chunks()
    columns = {name: _column(table.column(name)) for name in LABELS if name in table.column_names}
    return DocumentLabels(path, table.column("document").to_numpy(), columns)


def _column(values: pa.ChunkedArray) -> Column:
    encoded = values.combine_chunks()
    if isinstance(encoded, pa.ChunkedArray):  # a table without rows
        return Column(np.empty(0, np.int32), ())
    return Column(encoded.indices.to_numpy(), tuple(encoded.dictionary.to_pylist()))
