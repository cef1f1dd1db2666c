"""Documents as the real readers find them are those of the index: cropped, mixed, wherever separators stand."""

from pathlib import Path

import numpy as np
import pytest

from prep.corpus.shards.loader import position_ids
from prep.corpus.shards.shards import ShardReader

from ..exports import layouts
from ..exports.boundaries import CASES, LENGTH, Packed, export, own_texts, pack_texts
from .conftest import Read, blocks

pytestmark = pytest.mark.conformance
SPLIT = "train"


@pytest.fixture(scope="module", params=CASES, ids="-".join)
def packed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Packed:
    return pack_texts(tmp_path_factory.mktemp("packed"), own_texts(), *request.param)


def stream(packed: Packed) -> list[int]:
    return [token for document in packed.documents(SPLIT) for token in document]


def test_megatron_core(packed: Packed, read: Read, tmp_path: Path) -> None:
    folder = export(packed, "megatron", tmp_path / "out")
    manifest, documents = packed.manifest(SPLIT), packed.documents(SPLIT)
    ids = (manifest.vocabulary, manifest.separator_id, manifest.padding_id)
    found = read("megatron", "megatron", folder / SPLIT, *ids, length=LENGTH)
    assert found["lengths"].tolist() == list(map(len, documents))
    assert found["ids"].tolist() == stream(packed)


def test_olmo_core(packed: Packed, read: Read, tmp_path: Path) -> None:
    folder = export(packed, "olmo-core", tmp_path / "out")
    manifest = packed.manifest(SPLIT)
    ids = (manifest.vocabulary, manifest.separator_id, manifest.padding_id)
    found = read("olmo", "olmo_core", folder / f"{SPLIT}-*.npy", manifest.dtype, *ids, length=LENGTH)
    assert found["lengths"].tolist() == list(map(len, packed.documents(SPLIT)))
    files, _ = layouts.olmo_core(folder, SPLIT, manifest.dtype)
    assert np.array_equal(found["rows"], np.concatenate([blocks(file.tolist(), LENGTH) for file in files]))


def test_datatrove(packed: Packed, read: Read, tmp_path: Path) -> None:
    folder = export(packed, "datatrove", tmp_path / "out")
    size = np.dtype(packed.manifest(SPLIT).dtype).itemsize
    found = read("datatrove", "datatrove", folder / SPLIT, size, length=LENGTH)
    assert np.array_equal(found["rows"], blocks(stream(packed), LENGTH + 1))
    positions = [place for document in packed.documents(SPLIT) for place in range(len(document))]
    # The reader counts from the beginning of its window, where a document goes on.
    assert np.array_equal(found["positions"], np.minimum(blocks(positions, LENGTH + 1), np.arange(LENGTH + 1)))


def test_litdata(packed: Packed, read: Read, tmp_path: Path) -> None:
    folder = export(packed, "litdata", tmp_path / "out")
    found = read("litdata", "litdata", folder / SPLIT, length=LENGTH)
    assert np.array_equal(found["rows"], blocks(stream(packed), LENGTH + 1))


def test_mosaicml_streaming(packed: Packed, read: Read, tmp_path: Path) -> None:
    folder = export(packed, "mds", tmp_path / "out")
    reader = ShardReader(str(packed.folder / SPLIT))
    rows = np.arange(len(reader))
    found, pieces = read("mosaicml", "mds", folder / SPLIT, length=LENGTH), reader.pieces(rows)
    assert np.array_equal(found["rows"], reader.gather(rows))
    assert np.array_equal(found["lengths"], pieces.lengths)
    assert np.array_equal(found["counts"], np.diff(pieces.offsets))
    assert np.array_equal(found["continued"], pieces.continued)


def test_datasets_and_trl(packed: Packed, read: Read, tmp_path: Path) -> None:
    folder = export(packed, "trl", tmp_path / "out")
    reader = ShardReader(str(packed.folder / SPLIT))
    rows = np.arange(len(reader))
    kept = np.concatenate([np.arange(LENGTH) < reader.lengths(row).sum() for row in range(len(reader))])
    found = read("trl", "trl_rows", folder, SPLIT, packed.manifest(SPLIT).padding_id, length=LENGTH)
    assert np.array_equal(found["ids"], reader.gather(rows).reshape(-1)[kept])
    assert np.array_equal(found["positions"], position_ids(reader.pieces(rows), LENGTH).reshape(-1)[kept])
