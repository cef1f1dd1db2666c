"""Shards written and read back: here, by `datasets`, by PyTorch; and what is damaged is named."""

import json
import pickle
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from itertools import chain
from pathlib import Path

import datasets
import numpy as np
import pyarrow as pa
import pytest
import torch

from prep.corpus.errors import CorruptFileError
from prep.corpus.shards.hugging_face import write_splits
from prep.corpus.shards.shards import (
    Ids,
    Rows,
    ShardManifest,
    ShardReader,
    check_shard,
    read_manifest,
    row_schema,
    rows_batch,
    token_dtype,
    write_manifest,
    write_shard,
)

LENGTH = 4
LENGTHS = [[4], [1, 2], [4], [2, 2], [3]]
DOCUMENTS = [[0], [1, 2], [3], [3, 4], [5]]
CONTINUED = [0, 0, 0, 4, 7]
PADDING = 9


def ids_of(dtype: str) -> Ids:
    ids = np.full((len(LENGTHS), LENGTH), PADDING, dtype)
    for row, lengths in enumerate(LENGTHS):
        ids[row, : sum(lengths)] = 10 * row + np.arange(sum(lengths))
    return ids


def batch(first: int, end: int, dtype: str) -> pa.RecordBatch:
    """Return some of the rows."""
    lengths, documents = LENGTHS[first:end], DOCUMENTS[first:end]
    return rows_batch(
        Rows(
            ids=ids_of(dtype)[first:end],
            offsets=np.cumsum([0, *map(len, lengths)], dtype=np.int32),
            lengths=np.array([*chain(*lengths)], np.int32),
            documents=np.array([*chain(*documents)], np.int64),
            continued=np.array(CONTINUED[first:end], np.int64),
        )
    )


def write(folder: Path, dtype: str = "uint16") -> ShardManifest:
    """Write the five rows: two batches in the first shard, one in the second."""
    schema = row_schema(LENGTH, dtype)
    first = write_shard(str(folder), "data-00000.arrow", schema, [batch(0, 2, dtype), batch(2, 3, dtype)])
    second = write_shard(str(folder), "data-00001.arrow", schema, [batch(3, 5, dtype)])
    manifest = ShardManifest(
        length=LENGTH,
        dtype=dtype,
        vocabulary=60,
        separator_id=8,
        padding_id=PADDING,
        tokenizer_sha256="abc",
        strategy="best_fit",
        seed=3,
        rows=5,
        documents=6,
        cut_documents=1,
        max_documents_per_row=2,
        tokens=18,
        text_bytes=40,
        shards=(first, second),
    )
    write_manifest(str(folder), manifest)
    return manifest


@pytest.mark.parametrize("dtype", ["uint16", "uint32"])
def test_rows_come_back(tmp_path: Path, dtype: str) -> None:
    write(tmp_path, dtype)
    reader = ShardReader(str(tmp_path))
    assert len(reader) == 5
    for row in range(5):
        assert reader.ids(row).tolist() == ids_of(dtype)[row].tolist()
        assert reader.ids(row).dtype == dtype
        assert reader.lengths(row).tolist() == LENGTHS[row]
        assert reader.documents(row).tolist() == DOCUMENTS[row]
        assert reader.continued(row) == CONTINUED[row]


@pytest.mark.parametrize("dtype", ["uint16", "uint32"])
def test_rows_are_gathered_in_any_order(tmp_path: Path, dtype: str) -> None:
    write(tmp_path, dtype)
    reader = ShardReader(str(tmp_path))
    wanted = [4, 0, 4, 2, 3, 1]
    assert np.array_equal(reader.gather(wanted), ids_of(dtype)[wanted])
    assert reader.gather(wanted).dtype == dtype
    assert np.array_equal(reader.gather(wanted, "int64"), ids_of("int64")[wanted])
    pieces = reader.pieces(wanted)
    assert pieces.offsets.tolist() == np.cumsum([0, *(len(LENGTHS[row]) for row in wanted)]).tolist()
    assert pieces.lengths.tolist() == [*chain(*(LENGTHS[row] for row in wanted))]
    assert pieces.documents.tolist() == [*chain(*(DOCUMENTS[row] for row in wanted))]
    assert pieces.continued.tolist() == [CONTINUED[row] for row in wanted]
    assert reader.gather([]).shape == (0, LENGTH)
    assert reader.pieces([]).offsets.tolist() == [0]


@pytest.mark.parametrize("rows", [[5], [-1], [0, 2, 77]])
def test_rows_that_there_are_not_are_refused(tmp_path: Path, rows: list[int]) -> None:
    write(tmp_path)
    reader = ShardReader(str(tmp_path))
    for ask in (reader.gather, reader.pieces):
        with pytest.raises(IndexError, match="expected rows from 0 to 4"):
            ask(rows)


def test_a_reader_opens_the_folder_again_in_another_process(tmp_path: Path) -> None:
    write(tmp_path)
    reader = pickle.loads(pickle.dumps(ShardReader(str(tmp_path))))
    assert np.array_equal(reader.gather([3, 1]), ids_of("uint16")[[3, 1]])


def test_the_fingerprint_follows_from_content_and_tokenizer(tmp_path: Path) -> None:
    manifest = write(tmp_path / "one")
    assert write(tmp_path / "two").fingerprint == manifest.fingerprint
    others = (replace(manifest, tokenizer_sha256="abd"), replace(manifest, shards=manifest.shards[::-1]))
    assert len({manifest.fingerprint, *(other.fingerprint for other in others)}) == 3


def test_a_flipped_byte_is_found_by_the_checksum(tmp_path: Path) -> None:
    manifest = write(tmp_path)
    check_shard(str(tmp_path), manifest.shards[1])
    path = tmp_path / "data-00001.arrow"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    check_shard(str(tmp_path), manifest.shards[0])
    with pytest.raises(CorruptFileError, match=r"data-00001\.arrow: does not hold what was written.*write the shards"):
        check_shard(str(tmp_path), manifest.shards[1])


def test_ids_are_views_of_the_mapped_file(tmp_path: Path) -> None:
    write(tmp_path)
    ids = ShardReader(str(tmp_path)).ids(3)
    assert not ids.flags.owndata
    assert not ids.flags.writeable


def test_the_manifest_comes_back(tmp_path: Path) -> None:
    manifest = write(tmp_path)
    assert read_manifest(str(tmp_path)) == manifest
    assert json.loads((tmp_path / "manifest.json").read_text())["utilisation"] == manifest.utilisation == 18 / 20
    assert replace(manifest, rows=0, tokens=0).utilisation == 0


@pytest.mark.parametrize("dtype", ["uint16", "uint32"])
def test_datasets_opens_the_folder_as_it_is(tmp_path: Path, dtype: str) -> None:
    write(tmp_path, dtype)
    found = datasets.load_from_disk(str(tmp_path))
    assert found.features["input_ids"] == datasets.List(datasets.Value(dtype), length=LENGTH)
    assert found["input_ids"][:] == ids_of(dtype).tolist()
    assert found["lengths"][:] == LENGTHS
    assert found["documents"][:] == DOCUMENTS
    assert found["continued"][:] == CONTINUED
    assert found.features.arrow_schema.field("input_ids").type == row_schema(LENGTH, dtype).field("input_ids").type


def test_datasets_opens_both_splits_at_once_even_an_empty_one(tmp_path: Path) -> None:
    manifest = write(tmp_path / "train")
    empty = write_shard(str(tmp_path / "validation"), "data-00000.arrow", row_schema(LENGTH, "uint16"), [])
    write_manifest(str(tmp_path / "validation"), replace(manifest, rows=0, documents=0, tokens=0, shards=(empty,)))
    write_splits(str(tmp_path), ["train", "validation"])
    found = datasets.load_from_disk(str(tmp_path))
    assert {name: split.num_rows for name, split in found.items()} == {"train": 5, "validation": 0}
    assert len(ShardReader(str(tmp_path / "validation"))) == 0


def test_a_plain_data_loader_reads_the_rows(tmp_path: Path) -> None:
    write(tmp_path)
    rows = datasets.load_from_disk(str(tmp_path)).with_format("torch", columns=["input_ids"])
    loader: torch.utils.data.DataLoader[dict[str, torch.Tensor]] = torch.utils.data.DataLoader(rows, batch_size=2)
    seen = torch.cat([item["input_ids"] for item in loader])
    assert seen.dtype == torch.int64
    assert seen.tolist() == ids_of("uint16").tolist()


def test_the_same_rows_are_the_same_bytes(tmp_path: Path) -> None:
    write(tmp_path / "one")
    write(tmp_path / "two")
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


def test_a_shard_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    def broken() -> Iterator[pa.RecordBatch]:
        yield batch(0, 2, "uint16")
        raise InterruptedError

    with pytest.raises(InterruptedError):
        write_shard(str(tmp_path), "data-00000.arrow", row_schema(LENGTH, "uint16"), broken())
    assert list(tmp_path.iterdir()) == []


def cut_short(folder: Path) -> None:
    path = folder / "data-00001.arrow"
    path.write_bytes(path.read_bytes()[:-100])


def overwrite(folder: Path) -> None:
    path = folder / "data-00001.arrow"
    path.write_bytes(b"x" * path.stat().st_size)


def empty_out(folder: Path) -> None:
    (folder / "data-00001.arrow").write_bytes(b"")
    change(folder, shards=[*shards(folder)[:1], {**shards(folder)[1], "bytes": 0}])


def remove(folder: Path) -> None:
    (folder / "data-00001.arrow").unlink()


def widen(folder: Path) -> None:
    """Put 32-bit ids in the place of 16-bit ids, and make the sizes fit."""
    file = write_shard(str(folder), "data-00001.arrow", row_schema(LENGTH, "uint32"), [batch(3, 5, "uint32")])
    change(folder, shards=[shards(folder)[0], asdict(file)])


def lose_a_row(folder: Path) -> None:
    file = write_shard(str(folder), "data-00001.arrow", row_schema(LENGTH, "uint16"), [batch(3, 4, "uint16")])
    change(folder, shards=[shards(folder)[0], {**asdict(file), "rows": 2}])


def shards(folder: Path) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads((folder / "manifest.json").read_text())["shards"]
    return found


def change(folder: Path, **fields: object) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (cut_short, r"expected \d+ bytes, seen \d+; write the shards again"),
        (overwrite, "cannot be read as a shard"),
        (empty_out, "cannot be read as a shard"),
        (remove, "cannot be read as a shard"),
        (widen, r"expected the columns .*uint16.*, seen .*uint32"),
        (lose_a_row, "expected 2 rows, seen 1"),
    ],
)
def test_a_damaged_shard_is_named(tmp_path: Path, damage: Callable[[Path], None], message: str) -> None:
    write(tmp_path)
    damage(tmp_path)
    with pytest.raises(CorruptFileError, match=rf"data-00001\.arrow: {message}"):
        ShardReader(str(tmp_path))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"format": 7}, "expected format 2, seen 7"),
        ({"colour": "blue"}, "not a manifest of shards"),
        ({"shards": None}, "not a manifest of shards"),
        ({"rows": 6}, "expected 6 rows in all, seen 5"),
    ],
)
def test_a_damaged_manifest_is_named(tmp_path: Path, fields: dict[str, object], message: str) -> None:
    write(tmp_path)
    change(tmp_path, **fields)
    with pytest.raises(CorruptFileError, match=rf"manifest\.json: {message}"):
        ShardReader(str(tmp_path))


def test_a_folder_without_a_readable_manifest_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorruptFileError, match=r"manifest\.json: not found"):
        ShardReader(str(tmp_path))
    (tmp_path / "manifest.json").write_text('{"format": 1, ')
    with pytest.raises(CorruptFileError, match=r"manifest\.json is not JSON"):
        ShardReader(str(tmp_path))


def test_sixteen_bits_only_where_megatron_takes_them() -> None:
    assert [token_dtype(vocabulary) for vocabulary in (2, 65_499, 65_500)] == ["uint16", "uint16", "uint32"]
