"""Files of labels: what is read, what is found by id and URL, and which mistakes are named."""

import gzip
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prep.corpus.errors import ConfigurationError
from prep.stages.shared.label_files import LabelFiles, LabelIndex


def write(path: Path, text: str) -> str:
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return str(path)


def test_json_lines_and_parquet_are_read_together(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl.gz", '{"id": 7, "score": 1, "topic": "law"}\n\n{"id": "b", "score": 2.5}\n{"score": 9}\n')
    pq.write_table(pa.table({"id": ["c"], "topic": ["sea"]}), tmp_path / "b.parquet")
    (tmp_path / "README.md").write_text("about these labels")
    files = LabelFiles(paths=str(tmp_path))
    assert files.value_schema == pa.schema({"score": pa.float64(), "topic": pa.string()})
    labels = files.read()
    assert labels.table.to_pylist() == [
        {"key": "7", "score": 1.0, "topic": "law"},
        {"key": "b", "score": 2.5, "topic": None},
        {"key": "c", "score": None, "topic": "sea"},
    ]
    assert (labels.without_key, labels.repeated) == (1, 0)


def test_keys_that_come_twice_are_named_with_their_rows(tmp_path: Path) -> None:
    first = write(tmp_path / "a.jsonl", '{"id": "x", "score": 1}\n{"id": "y", "score": 2}\n')
    second = write(tmp_path / "b.jsonl", '{"id": "z", "score": 3}\n{"id": "x", "score": 1}\n{"id": "x", "score": 5}\n')
    files = LabelFiles(paths=(first, second))
    with pytest.raises(
        ConfigurationError, match=rf"1 of the ids come more than once: 'x' \({first}, row 1; {second}, row 2"
    ):
        files.read()
    assert "duplicates: first" in str(next(files.problems()))
    kept = LabelFiles(paths=(first, second), duplicates="first").read()
    assert kept.table.to_pylist() == [{"key": k, "score": v} for k, v in [("x", 1), ("y", 2), ("z", 3)]]
    assert kept.repeated == 2


def test_urls_that_name_one_page_are_one_key(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.jsonl", '{"page": "https://a.example/x?b=1&a=2#top", "n": 1}\n{"page": "HTTP://A.example/y"}\n'
    )
    files = LabelFiles(paths=path, by="url", key="page")
    labels = files.read()
    index = LabelIndex.of(files.hashes(labels.table.column("key"))[0])
    asked = pa.array(["http://www.a.example/x?a=2&b=1", "https://a.example/y/", "https://a.example/z", None])
    assert index.find(*files.hashes(asked)).tolist() == [0, 1, -1, -1]
    again = write(tmp_path / "b.jsonl", '{"url": "http://a.example"}\n{"url": "https://www.a.example/"}\n')
    with pytest.raises(ConfigurationError, match="1 of the urls come more than once"):
        LabelFiles(paths=again, by="url").read()


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.jsonl", '{"id": 1}\n{"id": ', r"a\.jsonl:2: expected a JSON object, seen unexpected end"),
        ("a.jsonl", "[1, 2]\n", r"a\.jsonl:1: expected a JSON object, seen list: \[1, 2\]"),
        ("a.jsonl", '{"id": 1, "v": 1}\n{"id": 2, "v": "one"}\n', r"a\.jsonl: the values of 'v' have different types"),
        ("a.jsonl", '{"key": 1}\n', r"a\.jsonl: no column 'id'; it has key"),
        ("a.jsonl", "", r"a\.jsonl: no column 'id'; it has none"),
        ("a.csv", "id,score\n", r"a\.csv: expected Parquet or JSON Lines"),
        ("a.parquet", "no parquet", r"a\.parquet: cannot be read as Parquet"),
    ],
)
def test_files_that_cannot_be_used_are_named(tmp_path: Path, name: str, text: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        LabelFiles(paths=write(tmp_path / name, text)).read()


def test_files_that_are_cut_off_or_not_there_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"id": 1}\n' * 500)[:-9])
    with pytest.raises(ConfigurationError, match=r"a\.jsonl\.gz: truncated"):
        LabelFiles(paths=str(path)).read()
    with pytest.raises(ConfigurationError, match="matches no Parquet or JSON Lines file"):
        _ = LabelFiles(paths=str(tmp_path / "none*")).value_schema


def test_columns_of_other_types_are_an_error(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", '{"id": 1, "v": 1}\n')
    write(tmp_path / "b.jsonl", '{"id": 2, "v": "one"}\n')
    with pytest.raises(ConfigurationError, match="disagree about a column"):
        LabelFiles(paths=str(tmp_path)).read()


def test_an_index_finds_what_a_dictionary_finds() -> None:
    chance = np.random.default_rng(1)
    hashes = chance.integers(0, 50, (2, 400), dtype=np.uint64)
    hashes = np.unique(hashes, axis=1)
    hashes = hashes[:, chance.permutation(hashes.shape[1])]
    known = {(int(a), int(b)): row for row, (a, b) in enumerate(hashes.T)}
    asked = chance.integers(0, 50, (2, 300), dtype=np.uint64)
    missing = chance.random(300) < 0.1
    wanted = [-1 if gone else known.get((int(a), int(b)), -1) for (a, b), gone in zip(asked.T, missing, strict=True)]
    assert LabelIndex.of(hashes).find(asked, missing).tolist() == wanted
    assert LabelIndex.of(hashes[:, :0]).find(asked, missing).tolist() == [-1] * 300


def test_only_the_columns_asked_for_are_read(tmp_path: Path) -> None:
    rows = {"id": ["a", "b"], "text": ["long", "longer"], "score": [1.0, 2.0]}
    pq.write_table(pa.table(rows), tmp_path / "a.parquet", compression="none")
    files = LabelFiles(paths=str(tmp_path / "a.parquet"))
    assert files.row_count == 2
    assert files.value_schema.names == ["text", "score"]
    whole = (tmp_path / "a.parquet").read_bytes()
    begin = pq.ParquetFile(tmp_path / "a.parquet").metadata.row_group(0).column(1).dictionary_page_offset
    (tmp_path / "a.parquet").write_bytes(whole[:begin] + b"\xff" * 16 + whole[begin + 16 :])
    assert files.read(["score"]).table.to_pylist() == [{"key": "a", "score": 1.0}, {"key": "b", "score": 2.0}]
    with pytest.raises(ConfigurationError, match="cannot be read as Parquet"):
        files.read()
