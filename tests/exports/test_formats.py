"""Each format read byte by byte from its layout: every token of every document, in order, and nothing else."""

import gzip
import pickle
import shutil
from dataclasses import replace
from itertools import accumulate, pairwise
from pathlib import Path

import datasets
import numpy as np
import pyarrow.parquet as pq
import pytest
import tiktoken
import torch

from prep.corpus.errors import ConfigurationError
from prep.corpus.shards.shards import ShardReader, read_manifest, write_manifest
from prep.exports.format import ExportSettings
from prep.exports.job import Export
from prep.tokenizers.encoding.byte_level import PATTERNS
from prep.tokenizers.encoding.encode import open_tokenizer
from prep.tokenizers.encoding.exact import PROBE

from ..packed_shards import SEPARATOR
from . import layouts
from .conftest import LENGTH, Shards, make_text_shards, run

SPLITS = ("train", "validation")


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make several blocks, ranges and stretches of a few rows."""
    monkeypatch.setattr("prep.exports.format.BLOCK_BYTES", 200)
    monkeypatch.setattr("prep.exports.format.RANGE_BLOCKS", 3)
    monkeypatch.setattr("prep.exports.token_file.TASK_BYTES", 1000)
    monkeypatch.setattr("prep.exports.formats.megatron.STEP", 7)


@pytest.fixture(params=["shards", "wide_shards"])
def any_shards(request: pytest.FixtureRequest) -> Shards:
    found: Shards = request.getfixturevalue(request.param)
    return found


def exported(shards: Shards, name: str, output: Path, settings: ExportSettings | None = None) -> Path:
    export = Export(str(shards.folder), name, str(output), settings or ExportSettings(file_bytes=1000))
    run(export)
    assert (output / "NOTE.txt").read_text().strip() == export.note()
    return output


def test_megatron(any_shards: Shards, tmp_path: Path) -> None:
    exported(any_shards, "megatron", tmp_path)
    for split in SPLITS:
        found = layouts.megatron(tmp_path / split)
        assert [document.tolist() for document in found] == any_shards.documents[split]


def test_nanogpt(shards: Shards, wide_shards: Shards, tmp_path: Path) -> None:
    exported(shards, "nanogpt", tmp_path / "out")
    assert layouts.nanogpt(tmp_path / "out" / "train.bin").tolist() == shards.tokens("train")
    assert layouts.nanogpt(tmp_path / "out" / "val.bin").tolist() == shards.tokens("validation")
    assert pickle.loads((tmp_path / "out" / "meta.pkl").read_bytes()) == {"vocab_size": 500}
    with pytest.raises(ConfigurationError, match="at most 65,499, seen 100000"):
        exported(wide_shards, "nanogpt", tmp_path / "wide")


def test_llm_c_has_the_separator_before_each_document(any_shards: Shards, tmp_path: Path) -> None:
    exported(any_shards, "llm.c", tmp_path)
    for split, name in (("train", "train"), ("validation", "val")):
        files = layouts.llm_c(tmp_path, name)
        expected = [token for document in any_shards.documents[split] for token in (SEPARATOR, *document[:-1])]
        assert np.concatenate(files).tolist() == expected
        assert all(tokens[0] == SEPARATOR for tokens in files)
    assert len(list(tmp_path.glob("*_train_*.bin"))) > 3


def test_llm_c_takes_separators_that_stand_before_as_they_are(shards: Shards, tmp_path: Path) -> None:
    shutil.copytree(shards.folder / "train", tmp_path / "train")
    manifest = read_manifest(str(tmp_path / "train"))
    write_manifest(str(tmp_path / "train"), replace(manifest, separator="before"))
    run(Export(str(tmp_path / "train"), "llm.c", str(tmp_path / "out"), ExportSettings(file_bytes=1000)))
    assert np.concatenate(layouts.llm_c(tmp_path / "out", "train")).tolist() == shards.tokens("train")


@pytest.mark.parametrize("length", [None, 10])
def test_litdata(any_shards: Shards, tmp_path: Path, length: int | None) -> None:
    exported(any_shards, "litdata", tmp_path, ExportSettings(length, 1000))
    block = (length or LENGTH) + 1
    for split in SPLITS:
        blocks, dropped = layouts.litdata(tmp_path / split, block)
        expected = any_shards.tokens(split)
        assert dropped == len(expected) % block
        assert np.concatenate(blocks).tolist() == expected[: len(expected) - dropped]
        assert f"{dropped} of {split}" in (tmp_path / "NOTE.txt").read_text()


def test_datatrove(any_shards: Shards, tmp_path: Path) -> None:
    exported(any_shards, "datatrove", tmp_path)
    for split in SPLITS:
        files, ends = layouts.datatrove(tmp_path / split, np.dtype(any_shards.dtype).itemsize)
        assert np.concatenate(files).tolist() == any_shards.tokens(split)
        assert {len(tokens) % (LENGTH + 1) for tokens in files[:-1]} <= {0}
        assert_bounds(any_shards.documents[split], list(map(len, files)), ends)


def test_olmo_core(any_shards: Shards, tmp_path: Path) -> None:
    exported(any_shards, "olmo-core", tmp_path)
    for split in SPLITS:
        files, bounds = layouts.olmo_core(tmp_path, split, any_shards.dtype)
        assert np.concatenate(files).tolist() == any_shards.tokens(split)
        assert all(tokens[-1] == SEPARATOR for tokens in files)
        for within in bounds:
            assert [start for start, _ in within] == [0, *(end for _, end in within[:-1])]
        assert_bounds(any_shards.documents[split], list(map(len, files)), [[end for _, end in file] for file in bounds])
    assert gzip.decompress((tmp_path / "train-00000.csv.gz").read_bytes()).startswith(b"0,")


def assert_bounds(documents: list[list[int]], files: list[int], ends: list[list[int]]) -> None:
    """Compare the ends within files with those of the documents and the files themselves."""
    starts = [0, *accumulate(files)]
    expected = sorted({*accumulate(map(len, documents)), *starts[1:]})
    assert [start + end for start, within in zip(starts, ends, strict=False) for end in within] == expected


def test_mds_keeps_rows_as_they_are(any_shards: Shards, tmp_path: Path) -> None:
    exported(any_shards, "mds", tmp_path)
    for split in SPLITS:
        reader = ShardReader(str(any_shards.folder / split))
        samples = layouts.mds(tmp_path / split)
        assert len(samples) == len(reader)
        for row, sample in enumerate(samples):
            assert sample["tokens"].tolist() == reader.ids(row).tolist()
            assert sample["lengths"].tolist() == reader.lengths(row).tolist()
            assert sample["continued"].tolist() == [reader.continued(row)]
    assert len(list((tmp_path / "train").glob("*.mds"))) > 3


def test_mds_rows_of_many_pieces(tmp_path: Path) -> None:
    from ..packed_shards import write_packed

    write_packed(tmp_path / "shards", [np.array([5, 0])] * 2000, length=700)
    run(Export(str(tmp_path / "shards"), "mds", str(tmp_path / "out")))
    samples = layouts.mds(tmp_path / "out" / "train")
    assert [len(sample["lengths"]) for sample in samples].count(350) >= 5


def test_trl_has_rows_without_padding(any_shards: Shards, tmp_path: Path) -> None:
    exported(any_shards, "trl", tmp_path)
    opened = datasets.load_from_disk(str(tmp_path))
    assert isinstance(opened, datasets.DatasetDict)
    assert set(opened) == set(SPLITS)
    for split in SPLITS:
        reader = ShardReader(str(any_shards.folder / split))
        assert len(opened[split]) == len(reader)
        for row, found in enumerate(opened[split]):
            lengths = reader.lengths(row).tolist()
            assert found == {"input_ids": reader.ids(row)[: sum(lengths)].tolist(), "seq_lengths": lengths}


@pytest.mark.parametrize("pattern", [PATTERNS["gpt2"], PATTERNS["llama3"], r"\p{L}{1,6}|[^\p{L}]+"])
def test_nanochat_has_the_texts_and_the_tokenizer(tmp_path: Path, pattern: str) -> None:
    made = make_text_shards(tmp_path, pattern)
    settings = ExportSettings(file_bytes=1000, tokenizer=made.tokenizer)
    export = Export(str(made.folder), "nanochat", str(tmp_path / "out"), settings)
    run(export)
    *train, validation = sorted((tmp_path / "out" / "base_data_climbmix").glob("*.parquet"))
    texts = [text for path in train for text in pq.read_table(path).column("text").to_pylist()]
    assert len(train) > 1
    assert max(pq.ParquetFile(path).num_row_groups for path in train) > 1
    assert sorted(texts) == sorted(text for number, text in enumerate(made.texts) if number % 10 != 3)
    texts = pq.read_table(validation).column("text").to_pylist()
    assert sorted(texts) == sorted(made.texts[3::10])

    with (tmp_path / "out" / "tokenizer" / "tokenizer.pkl").open("rb") as source:
        encoding: tiktoken.Encoding = pickle.load(source)
    tokenizer = open_tokenizer(made.tokenizer)
    for text in [*made.texts, *PROBE]:
        assert encoding.encode_ordinary(text) == tokenizer.encode(text)
    assert encoding.encode_single_token("<|bos|>") == tokenizer.separator_id
    token_bytes = torch.load(tmp_path / "out" / "tokenizer" / "token_bytes.pt")
    assert (token_bytes.dtype, len(token_bytes)) == (torch.int32, encoding.n_vocab)
    assert [token_bytes[index].item() for index in (0, 1, encoding.n_vocab - 1)] == [0, 0, 0]
    assert token_bytes[2:700].tolist() == [len(encoding.decode_single_token_bytes(index)) for index in range(2, 700)]

    for wrong, message in ((None, "--tokenizer"), (str(tmp_path), "byte-level BPE only")):
        with pytest.raises(ConfigurationError, match=message):
            replace(export, settings=ExportSettings(tokenizer=wrong)).check()
    other = make_text_shards(tmp_path / "other", PATTERNS["qwen2"])
    with pytest.raises(ConfigurationError, match="is not the tokenizer that made the shards"):
        replace(export, settings=ExportSettings(tokenizer=other.tokenizer)).check()


def test_documents_cut_at_the_ends_of_files_are_found_whole(shards: Shards, tmp_path: Path) -> None:
    exported(shards, "olmo-core", tmp_path, ExportSettings(file_bytes=100))
    files, bounds = layouts.olmo_core(tmp_path, "train", "uint16")
    whole = np.concatenate(files)
    assert len(files) > 30
    ends = list(accumulate(map(len, shards.documents["train"])))
    assert [whole[start:end].tolist() for start, end in pairwise([0, *ends])] == shards.documents["train"]
    assert all(within for within in bounds)
