"""Readers of the formats, byte by byte from their layouts. Each returns the tokens of a split, or its documents."""

import csv
import gzip
import json
import struct
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int64]


def megatron(prefix: Path) -> list[Ids]:
    """Return the documents."""
    index = prefix.with_suffix(".idx").read_bytes()
    assert index[:9] == b"MMIDIDX\x00\x00"
    version, code, sequences, bounds = struct.unpack_from("<QBQQ", index, 9)
    assert version == 1
    assert bounds == sequences + 1
    lengths = np.frombuffer(index, "<i4", sequences, 34)
    offsets = np.frombuffer(index, "<i8", sequences, 34 + lengths.nbytes)
    documents = np.frombuffer(index, "<i8", bounds, 34 + lengths.nbytes + offsets.nbytes)
    assert len(index) == 34 + lengths.nbytes + offsets.nbytes + documents.nbytes
    assert documents.tolist() == list(range(sequences + 1))
    data = prefix.with_suffix(".bin").read_bytes()
    dtype = {4: "<i4", 8: "<u2"}[code]
    assert int(lengths.sum()) * np.dtype(dtype).itemsize == len(data)
    return [
        np.frombuffer(data, dtype, length, offset).astype(np.int64)
        for length, offset in zip(lengths.tolist(), offsets.tolist(), strict=True)
    ]


def nanogpt(path: Path) -> Ids:
    return np.fromfile(path, "<u2").astype(np.int64)


def llm_c(folder: Path, split: str) -> list[Ids]:
    """Return the tokens of each file."""
    files = []
    for path in sorted(folder.glob(f"*_{split}_*.bin")):
        data = path.read_bytes()
        magic, version, tokens = struct.unpack_from("<3i", data)
        assert data[12:1024] == bytes(1012)
        dtype = {(20240520, 1): "<u2", (20240801, 7): "<u4"}[magic, version]
        files.append(np.frombuffer(data, dtype, offset=1024).astype(np.int64))
        assert len(files[-1]) == tokens
    return files


def litdata(folder: Path, block: int) -> tuple[list[Ids], int]:
    """Return the blocks that the loader yields, and the tokens it drops."""
    index = json.loads((folder / "index.json").read_text())
    (data_format,) = index["config"]["data_format"]
    dtype = {"no_header_numpy:5": "<u2", "no_header_numpy:6": "<u4"}[data_format]
    blocks, dropped = [], 0
    for chunk in index["chunks"]:
        data = (folder / chunk["filename"]).read_bytes()
        items, *offsets = np.frombuffer(data, "<u4", chunk["chunk_size"] + 2).tolist()
        assert (items, len(data)) == (chunk["chunk_size"], chunk["chunk_bytes"])
        assert (offsets[0], offsets[-1]) == (4 * (items + 2), len(data))
        sizes = {end - start for start, end in pairwise(offsets[:-1])}
        assert sizes <= {block * np.dtype(dtype).itemsize}
        tokens = np.frombuffer(data, dtype, chunk["dim"], offsets[0]).astype(np.int64)
        whole = len(tokens) // block
        blocks += list(tokens[: whole * block].reshape(whole, block))
        dropped += len(tokens) % block
    return blocks, dropped


def datatrove(folder: Path, token_size: int) -> tuple[list[Ids], list[list[int]]]:
    """Return the tokens of each file, and where documents end in it."""
    files, ends = [], []
    for path in sorted(folder.glob("*.ds")):
        files.append(np.fromfile(path, f"<u{token_size}").astype(np.int64))
        ends.append(np.fromfile(f"{path}.index", "<u8").tolist())
        name, tokens, words = Path(f"{path}.metadata").read_text().split("\n")
        assert name.endswith(f"|{token_size}")
        assert int(tokens) == len(files[-1]) == ends[-1][-1]
        assert words.endswith("T")
    return files, ends


def olmo_core(folder: Path, split: str, dtype: str) -> tuple[list[Ids], list[list[tuple[int, int]]]]:
    """Return the tokens of each file, and the bounds of the documents in it."""
    files, bounds = [], []
    for path in sorted(folder.glob(f"{split}-*.npy")):
        files.append(np.fromfile(path, dtype).astype(np.int64))
        with gzip.open(path.with_suffix(".csv.gz"), "rt") as lines:
            bounds.append([(int(start), int(end)) for start, end in csv.reader(lines)])
    return files, bounds


def mds(folder: Path) -> list[dict[str, Ids]]:
    """Return the samples, with the columns that our shards have."""
    samples = []
    for shard in json.loads((folder / "index.json").read_text())["shards"]:
        data = (folder / shard["raw_data"]["basename"]).read_bytes()
        assert len(data) == shard["raw_data"]["bytes"]
        count, *offsets = np.frombuffer(data, "<u4", shard["samples"] + 2).tolist()
        assert count == shard["samples"]
        written = {key: value for key, value in shard.items() if key not in ("raw_data", "zip_data", "samples")}
        assert json.loads(data[4 * (count + 2) : offsets[0]]) == written
        _, dtype, length = shard["column_encodings"][2].split(":")
        for start, end in pairwise(offsets):
            (size,) = struct.unpack_from("<I", data, start)
            lengths = data[start + 12 : start + 12 + size]
            width = 1 << (lengths[0] & 3)
            assert lengths[0] >> 2 == 1
            assert int.from_bytes(lengths[1 : 1 + width], "little") * 4 == size - 1 - width
            assert start + 12 + size + int(length) * np.dtype(dtype).itemsize == end
            samples.append(
                {
                    "continued": np.frombuffer(data, "<i8", 1, start + 4),
                    "lengths": np.frombuffer(lengths, "<i4", offset=1 + width),
                    "tokens": np.frombuffer(data, dtype, int(length), start + 12 + size).astype(np.int64),
                }
            )
    return samples
