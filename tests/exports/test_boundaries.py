"""What the reader of each format finds are the documents of the shards, cropped or not, wherever separators are."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from prep.corpus.errors import ConfigurationError
from prep.exports.format import ExportSettings
from prep.exports.job import Export
from prep.tokenizers.encoding.encode import open_tokenizer

from . import layouts
from .boundaries import (
    CASES,
    LENGTH,
    SEPARATORS,
    Cropping,
    Packed,
    Separator,
    begun_by,
    ended_by,
    export,
    own_texts,
    pack_texts,
    split_stream,
)
from .conftest import run

SPLITS = {"train": "train", "validation": "val"}


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make several blocks, ranges and stretches of a few rows."""
    monkeypatch.setattr("prep.exports.format.BLOCK_BYTES", 200)
    monkeypatch.setattr("prep.exports.format.RANGE_BLOCKS", 3)
    monkeypatch.setattr("prep.exports.token_file.TASK_BYTES", 500)


@pytest.fixture(scope="module", params=CASES, ids="-".join)
def packed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Packed:
    return pack_texts(tmp_path_factory.mktemp("packed"), own_texts(), *request.param)


def test_the_shards_hold_separated_documents(packed: Packed) -> None:
    for split in SPLITS:
        manifest = packed.manifest(split)
        for document in packed.documents(split):
            first = manifest.separator_id if manifest.separator == "before" else manifest.begin_id
            begin = [] if first is None else [first]
            end = [] if manifest.separator == "before" else [manifest.separator_id]
            assert document[: len(begin)] == begin
            assert document[len(document) - len(end) :] == end
            assert document.count(manifest.separator_id) == 1
    assert packed.manifest("train").separator == "both" or packed.manifest("train").begin_id is None


def test_streams_split_into_the_documents(packed: Packed, tmp_path: Path) -> None:
    export(packed, "nanogpt", tmp_path / "nanogpt")
    export(packed, "litdata", tmp_path / "litdata")
    export(packed, "datatrove", tmp_path / "datatrove")
    export(packed, "megatron", tmp_path / "megatron")
    for split, name in SPLITS.items():
        manifest, documents = packed.manifest(split), packed.documents(split)
        stream = layouts.nanogpt(tmp_path / "nanogpt" / f"{name}.bin").tolist()
        assert split_stream(stream, manifest) == documents
        blocks, dropped = layouts.litdata(tmp_path / "litdata" / split, LENGTH + 1)
        assert np.concatenate(blocks).tolist() == stream[: len(stream) - dropped]
        files, _ = layouts.datatrove(tmp_path / "datatrove" / split, 2)
        assert np.concatenate(files).tolist() == stream
        assert [ids.tolist() for ids in layouts.megatron(tmp_path / "megatron" / split)] == documents


def test_llm_c_readers_find_the_documents(packed: Packed, tmp_path: Path) -> None:
    export(packed, "llm.c", tmp_path)
    for split, name in SPLITS.items():
        manifest, documents = packed.manifest(split), packed.documents(split)
        begin = manifest.separator_id if manifest.begin_id is None else manifest.begin_id
        files = layouts.llm_c(tmp_path, name)
        found = [document for file in files for document in begun_by(file.tolist(), begin)]
        moved = [[begin, *document[:-1]] for document in documents]
        assert found == (moved if manifest.separator == "after" else documents)
        assert sum(map(len, found)) == sum(map(len, files)) == manifest.tokens
        assert len(files) > 1


def test_olmo_core_readers_find_the_documents(packed: Packed, tmp_path: Path) -> None:
    export(packed, "olmo-core", tmp_path)
    for split in SPLITS:
        manifest, documents = packed.manifest(split), packed.documents(split)
        files, bounds = layouts.olmo_core(tmp_path, split, "uint16")
        found = [document for file in files for document in ended_by(file.tolist(), manifest.separator_id)]
        moved = [[*document[1:], manifest.separator_id] for document in documents]
        assert found == (moved if manifest.separator == "before" else documents)
        by_bounds = [
            file[start:end].tolist() for file, within in zip(files, bounds, strict=True) for start, end in within
        ]
        assert by_bounds == found
        assert sum(map(len, files)) == manifest.tokens


def test_rows_keep_the_pieces_of_documents(packed: Packed, tmp_path: Path) -> None:
    export(packed, "mds", tmp_path / "mds")
    export(packed, "trl", tmp_path / "trl")
    import datasets

    opened = datasets.load_from_disk(str(tmp_path / "trl"))
    for split in SPLITS:
        manifest, documents = packed.manifest(split), packed.documents(split)
        rows = [(row["input_ids"], row["seq_lengths"]) for row in opened[split]]
        samples = layouts.mds(tmp_path / "mds" / split)
        for (ids, lengths), sample in zip(rows, samples, strict=True):
            assert sample["tokens"][: sum(lengths)].tolist() == ids
            assert sample["lengths"].tolist() == lengths
        whole = [ids for ids, lengths in rows for ids in _pieces(ids, lengths)]
        shorter = sorted(document for document in documents if len(document) <= manifest.length)
        assert all(document in whole for document in shorter)


def _pieces(ids: list[int], lengths: list[int]) -> list[list[int]]:
    ends = np.cumsum(lengths).tolist()
    return [ids[end - length : end] for end, length in zip(ends, lengths, strict=True)]


def test_nanochat_has_the_texts_up_to_their_last_whole_character(packed: Packed, tmp_path: Path) -> None:
    export(packed, "nanochat", tmp_path)
    tokenizer = open_tokenizer(packed.tokenizer)
    files = sorted((tmp_path / "base_data_climbmix").glob("*.parquet"))
    seen = [text for path in files for text in pq.read_table(path).column("text").to_pylist()]
    documents = [*packed.documents("train"), *packed.documents("validation")]
    bytes_of = [b"".join(tokenizer.token_bytes[token] for token in document) for document in documents]
    assert sorted(seen) == sorted(data.decode("utf-8", "ignore") for data in bytes_of)


def test_notes_say_which_ids_delimit_documents(packed: Packed, tmp_path: Path) -> None:
    manifest = packed.manifest("train")
    for name in ("megatron", "nanogpt", "litdata", "datatrove", "mds", "trl", "llm.c", "olmo-core"):
        note = (export(packed, name, tmp_path / name) / "NOTE.txt").read_text()
        assert f"id {manifest.separator_id}" in note
        if manifest.begin_id is not None:
            assert str(manifest.begin_id) in note


@pytest.mark.parametrize("name", ["nanogpt", "llm.c", "megatron", "litdata", "trl", "mds", "olmo-core", "datatrove"])
def test_a_split_that_holds_nothing_is_refused_before_anything_is_written(name: str, tmp_path: Path) -> None:
    packed = pack_texts(tmp_path, ["the only text " * 20], "after", "none")
    output = tmp_path / "out"
    with pytest.raises(ConfigurationError, match=r"validation holds no documents; export .*train alone"):
        export(packed, name, output)
    assert not output.exists()
    run(Export(str(packed.folder / "train"), name, str(output), ExportSettings(8)))
    assert (output / "NOTE.txt").exists()
    note = (output / "NOTE.txt").read_text().replace(str(output), "")
    assert "validation" not in note
    assert "_val_" not in note


@pytest.mark.parametrize("name", ["nanogpt", "litdata", "olmo-core", "datatrove"])
def test_a_split_smaller_than_a_block_is_refused(name: str, tmp_path: Path) -> None:
    packed = pack_texts(tmp_path, ["a few words"], "after", "none")
    with pytest.raises(ConfigurationError, match=r"so it would find nothing; set a smaller --length"):
        run(Export(str(packed.folder / "train"), name, str(tmp_path / "out"), ExportSettings(500)))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("separator", SEPARATORS)
@pytest.mark.parametrize("cropping", ["crop", "mixture"])
def test_the_cases_split_into_the_documents_of_the_index(
    separator: Separator, cropping: Cropping, test_data: Path, tmp_path: Path
) -> None:
    lines = (test_data / "cases" / "tokenizing" / "docs.jsonl").read_text(encoding="utf-8").splitlines()
    packed = pack_texts(tmp_path, [json.loads(line)["text"] for line in lines], separator, cropping)
    export(packed, "olmo-core", tmp_path / "olmo", 4000)
    export(packed, "nanogpt", tmp_path / "nanogpt", 4000)
    for split, name in SPLITS.items():
        manifest, documents = packed.manifest(split), packed.documents(split)
        files, _ = layouts.olmo_core(tmp_path / "olmo", split, "uint16")
        found = [document for file in files for document in ended_by(file.tolist(), manifest.separator_id)]
        assert list(map(len, found)) == list(map(len, documents))
        stream = layouts.nanogpt(tmp_path / "nanogpt" / f"{name}.bin").tolist()
        assert split_stream(stream, manifest) == documents
        assert len(documents) == manifest.documents
