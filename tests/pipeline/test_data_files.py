"""Data given in place of a pipeline or a run."""

import gzip
from pathlib import Path

import pytest

from prep.corpus.errors import ConfigurationError, RunError
from prep.pipeline import config
from prep.pipeline.monitor.opening import opened, output_of

RECORDS = b'{"text": "one: two", "output": "three"}\n' * 2


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.jsonl", RECORDS, "JSON Lines"),
        ("a.jsonl.gz", gzip.compress(RECORDS), "JSON Lines"),
        ("list.json", b'[{"text": "one"}]', "records in JSON"),
        ("no_ending", RECORDS, "JSON Lines"),
        ("page.html", b"<!DOCTYPE html><p>Hello: you", "a web page"),
        ("notes.txt", b"Stages of grief: five\nfor all", "text"),
        ("a.csv", b"id,text\n1,hello\n", "a table (CSV)"),
        ("a.parquet", b"PAR1\x15\x04\xff\xfe", "a table (Parquet)"),
        ("a.warc.gz", gzip.compress(b"WARC/1.0\r\n"), "a web archive"),
        ("a.pdf", b"%PDF-1.4\n%\xe2\xe3", "a document (PDF)"),
    ],
)
def test_what_it_is_and_how_to_begin(tmp_path: Path, name: str, content: bytes, kind: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    message = f"{path}: expected a pipeline in YAML, seen data: {kind}; to begin with it: prep init --from {path}"
    for load in (config.load, output_of):
        with pytest.raises(ConfigurationError) as caught:
            load(str(path))
        assert list(caught.value.lines) == [message]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("p.yaml", b'{"text": "x"}', "unknown option 'text'"),
        ("p.txt", b"title: t\nstages: []\n", "'stages' must be a list"),
        ("p.json", b'{"title": "t", "stages": [}', "not valid YAML"),
        ("p.txt", b"output: o\n", "'stages' must be a list"),
        ("p.txt", b" \n", "the file is empty"),
        ("p.yaml", b"output: caf\xe9\n", "expected text in UTF-8"),
    ],
)
def test_a_pipeline_with_mistakes_is_no_data(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigurationError, match=said):
        config.load(str(tmp_path / name))


def test_a_large_file_is_not_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "LARGEST_PIPELINE", 10)
    (tmp_path / "a.jsonl").write_bytes(RECORDS + b"\xff")
    with pytest.raises(ConfigurationError, match="seen data: JSON Lines"):
        config.load(str(tmp_path / "a.jsonl"))


def test_a_folder_of_data(tmp_path: Path) -> None:
    (tmp_path / "my data" / "deep").mkdir(parents=True)
    (tmp_path / "my data" / "deep" / "a.jsonl").write_bytes(RECORDS)
    folder = f"{tmp_path}/my data"
    expected = f"or its output; it holds data; to begin with it: prep init --from '{folder}'$"
    with pytest.raises(RunError, match=expected), opened(folder):
        pass
    (tmp_path / "my data" / "deep" / "a.jsonl").rename(tmp_path / "my data" / "deep" / "a.xyz")
    with pytest.raises(RunError, match=r"or its output$"), opened(folder):
        pass
