"""Small shards of real text, one token per byte, written the way packing writes them: documents one after another."""

import inspect
import json
import random
import string
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pytest

from prep.corpus.shards.shards import (
    Rows,
    ShardManifest,
    ShardReader,
    row_schema,
    rows_batch,
    write_manifest,
    write_shard,
)
from prep.trainer.running.settings import Data

SEPARATOR = 256
PADDING = 257
VOCABULARY = 258


class WriteShards(Protocol):
    def __call__(self, folder: Path, documents: Sequence[bytes], length: int = 32) -> ShardReader: ...


def write_shards(folder: Path, documents: Sequence[bytes], length: int = 32) -> ShardReader:
    """Concatenate the documents, a separator after each, and cut the sequence into rows; pad the last."""
    stream = [token for document in documents for token in (*document, SEPARATOR)]
    ends = np.cumsum([len(document) + 1 for document in documents])
    starts = np.concatenate(([0], ends[:-1]))
    rows = -(-len(stream) // length)
    ids = np.full((rows, length), PADDING, np.uint16)
    ids.reshape(-1)[: len(stream)] = stream
    pieces: list[int] = []
    offsets = [0]
    for row in range(rows):
        first, last = row * length, min((row + 1) * length, len(stream))
        cuts = sorted({first, last, *(end for end in ends if first < end < last)})
        pieces += np.diff(cuts).tolist()
        offsets.append(len(pieces))
    begins = np.cumsum([0, *pieces[:-1]])
    inside = np.searchsorted(ends, begins, side="right")  # the document that each piece belongs to
    continued = (begins - starts[inside])[np.array(offsets[:-1])]
    batch = rows_batch(Rows(ids, np.array(offsets, np.int32), np.array(pieces, np.int32), inside, continued))
    shard = write_shard(str(folder), "data-00000.arrow", row_schema(length, "uint16"), [batch])
    manifest = ShardManifest(
        length=length,
        dtype="uint16",
        vocabulary=VOCABULARY,
        separator_id=SEPARATOR,
        padding_id=PADDING,
        tokenizer_sha256="bytes",
        strategy="concatenate",
        seed=0,
        rows=rows,
        documents=len(documents),
        cut_documents=0,
        max_documents_per_row=int(np.diff(offsets).max()),
        tokens=len(stream),
        text_bytes=len(stream) - len(documents),
        shards=(shard,),
    )
    write_manifest(str(folder), manifest)
    return ShardReader(str(folder))


@pytest.fixture(name="write_shards")
def write_shards_fixture() -> WriteShards:
    """Return the function that writes a folder of shards and opens it."""
    return write_shards


@pytest.fixture(scope="session")
def token_bytes() -> npt.NDArray[np.int32]:
    """Return the bytes of each token: one, and none for the separator and the padding."""
    sizes = np.ones(VOCABULARY, np.int32)
    sizes[[SEPARATOR, PADDING]] = 0
    return sizes


@pytest.fixture(scope="session")
def documents() -> list[bytes]:
    """Return a few kilobytes of Python's own documentation, a document for each of several functions and classes."""
    things = (
        *(value for _, value in inspect.getmembers(json, callable)),
        *(value for _, value in inspect.getmembers(string, callable)),
        *(value for _, value in inspect.getmembers(random, callable)),
    )
    texts = {inspect.getdoc(thing) or "" for thing in things}
    return sorted(text.encode() for text in texts if len(text) > 40)


@pytest.fixture
def data(
    tmp_path: Path,
    documents: Sequence[bytes],
    token_bytes: npt.NDArray[np.int32],
) -> Data:
    """Return most documents to learn from and a few to measure on, in tmp_path/shards."""
    training = write_shards(tmp_path / "shards" / "train", documents[4:])
    validation = write_shards(tmp_path / "shards" / "validation", documents[:4])
    return Data(training, validation, "bytes", token_bytes)
