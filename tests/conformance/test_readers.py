"""Every export, read by the reader that it is for: the tokens are ours.

Each reader runs in its own environment (tests/conformance/environments.py) and leaves what it read in a file.
"""

from collections import Counter
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from prep.corpus.shards.loader import Loader, LoaderSettings, position_ids
from prep.corpus.shards.shards import ShardReader
from prep.exports.format import ExportSettings
from prep.exports.job import Export

from ..exports import layouts
from ..exports.conftest import Shards, make_shards, run
from ..packed_shards import PADDING, SEPARATOR
from .conftest import LENGTH, Read, blocks

pytestmark = pytest.mark.conformance

SPLITS = ("train", "validation")


@pytest.fixture(scope="module", params=[500, 100_000], ids=["uint16", "uint32"])
def shards(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Shards:
    return make_shards(tmp_path_factory.mktemp("shards"), request.param)


def exported(shards: Shards, name: str, output: Path) -> Path:
    run(Export(str(shards.folder), name, str(output), ExportSettings(file_bytes=3000)))
    return output


def vocabulary_of(shards: Shards) -> int:
    return ShardReader(str(shards.folder / "train")).manifest.vocabulary


def test_megatron_core(shards: Shards, read: Read, tmp_path: Path) -> None:
    exported(shards, "megatron", tmp_path / "out")
    for split in SPLITS:
        found = read("megatron", "megatron", tmp_path / "out" / split, vocabulary_of(shards), SEPARATOR, PADDING)
        assert found["ids"].tolist() == shards.tokens(split)
        assert found["lengths"].tolist() == list(map(len, shards.documents[split]))
        # Megatron shuffles documents, lays them end to end and cuts sequences, which it shuffles too.
        assert found["rows"].shape[1] == LENGTH
        expected = Counter(shards.tokens(split))
        assert not Counter(found["rows"].reshape(-1).tolist()) - expected
        assert found["rows"].size > sum(expected.values()) - LENGTH


def test_litdata(shards: Shards, read: Read, tmp_path: Path) -> None:
    exported(shards, "litdata", tmp_path / "out")
    for split in SPLITS:
        found = read("litdata", "litdata", tmp_path / "out" / split)
        assert np.array_equal(found["rows"], blocks(shards.tokens(split), LENGTH + 1))


def test_mosaicml_streaming(shards: Shards, read: Read, tmp_path: Path) -> None:
    exported(shards, "mds", tmp_path / "out")
    for split in SPLITS:
        reader = ShardReader(str(shards.folder / split))
        rows = np.arange(len(reader))
        found, pieces = read("mosaicml", "mds", tmp_path / "out" / split), reader.pieces(rows)
        assert np.array_equal(found["rows"], reader.gather(rows))
        assert np.array_equal(found["lengths"], pieces.lengths)
        assert np.array_equal(found["counts"], np.diff(pieces.offsets))
        assert np.array_equal(found["continued"], pieces.continued)


def test_datatrove(shards: Shards, read: Read, tmp_path: Path) -> None:
    exported(shards, "datatrove", tmp_path / "out")
    for split in SPLITS:
        size = np.dtype(shards.dtype).itemsize
        found = read("datatrove", "datatrove", tmp_path / "out" / split, size)
        expected = blocks(shards.tokens(split), LENGTH + 1)
        assert np.array_equal(found["rows"], expected)
        positions = [place for document in shards.documents[split] for place in range(len(document))]
        # The reader counts from the beginning of its window, where a document goes on.
        within = np.minimum(blocks(positions, LENGTH + 1), np.arange(LENGTH + 1))
        assert np.array_equal(found["positions"], within)


def test_olmo_core(shards: Shards, read: Read, tmp_path: Path) -> None:
    exported(shards, "olmo-core", tmp_path / "out")
    for split in SPLITS:
        pattern = tmp_path / "out" / f"{split}-*.npy"
        found = read("olmo", "olmo_core", pattern, shards.dtype, vocabulary_of(shards), SEPARATOR, PADDING)
        files, _ = layouts.olmo_core(tmp_path / "out", split, shards.dtype)
        assert np.array_equal(found["rows"], np.concatenate([blocks(file.tolist(), LENGTH) for file in files]))
        assert found["lengths"].tolist() == list(map(len, shards.documents[split]))


def test_datasets_and_trl(shards: Shards, read: Read, tmp_path: Path) -> None:
    exported(shards, "trl", tmp_path / "out")
    for split in SPLITS:
        reader = ShardReader(str(shards.folder / split))
        pieces = reader.pieces(np.arange(len(reader)))
        kept = np.concatenate([np.arange(LENGTH) < reader.lengths(row).sum() for row in range(len(reader))])
        found = read("trl", "trl_rows", tmp_path / "out", split, PADDING)
        assert np.array_equal(found["ids"], reader.gather(np.arange(len(reader))).reshape(-1)[kept])
        assert np.array_equal(found["positions"], position_ids(pieces, LENGTH).reshape(-1)[kept])


@pytest.mark.parametrize("workers", [0, 2])
def test_stateful_data_loader(shards: Shards, read: Read, workers: int) -> None:
    found = read("torchdata", "stateful", shards.folder / "train", workers)
    expected = Loader(ShardReader(str(shards.folder / "train")), LoaderSettings(batch_rows=8, seed=3))
    assert np.array_equal(found["whole"], np.stack([batch.input_ids for batch in islice(expected, 30)]))
    assert np.array_equal(found["parts"], found["whole"])
