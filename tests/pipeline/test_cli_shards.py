"""`prep verify` and `prep export`: faults named, files the same for any workers and after any kill."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from samples import sample_of

from prep.corpus.shards.shards import (
    ShardReader,
    mapped_rows,
    open_shard,
    read_manifest,
    row_schema,
    rows_batch,
    write_manifest,
    write_shard,
)
from prep.exports.format import ExportSettings
from prep.exports.formats.catalogue import FORMATS
from prep.exports.job import PHASES, Export
from prep.exports.stream import DocumentStream, Stretch
from prep.pipeline.exports import run_export
from prep.tokenizers.saving.folder import write_folder
from prep.tokenizers.training.train import TokenizerSettings, train

from ..file_hashes import file_hashes
from ..packed_shards import SEPARATOR, random_documents, write_packed
from .test_cli import call

VOCABULARY = 400


def source_texts() -> list[str]:
    """Return texts of all lengths."""
    sources = [path.read_text(encoding="utf-8") for path in sorted(Path(__file__).parents[2].glob("corpus/*/*.py"))[:6]]
    random = np.random.default_rng(0)
    return [source[at : at + int(random.lognormal(4, 1.5))] for source in sources for at in range(0, len(source), 300)]


def train_tokenizer(folder: Path, vocabulary: int = VOCABULARY) -> None:
    trained = train(sample_of(source_texts()), TokenizerSettings("bpe", vocabulary))
    write_folder(str(folder), trained.files, {})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder as a run publishes it: shards, and the tokenizer beside them."""
    from prep.tokenizers.encoding.encode import open_tokenizer

    folder = tmp_path_factory.mktemp("run")
    train_tokenizer(folder / "tokenizer")
    tokenizer = open_tokenizer(str(folder / "tokenizer"))
    documents = [np.array([*tokenizer.encode(text), SEPARATOR]) for text in source_texts()]
    write_packed(folder / "shards", documents, length=24, vocabulary=VOCABULARY, tokenizer_sha256=tokenizer.sha256)
    return folder


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "run")
    return tmp_path / "run"


class Prep:
    """The command line in this process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.monkeypatch = monkeypatch
        self.capsys = capsys

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        return call(self.monkeypatch, self.capsys, *arguments)


@pytest.fixture
def prep(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Prep:
    return Prep(monkeypatch, capsys)


def test_shards_as_they_were_written(prep: Prep, copy: Path) -> None:
    status, out, err = prep("verify", str(copy / "shards"), "--workers", "2")
    assert (status, err) == (0, "")
    assert out.count("as it was written") == 2
    status, out, _ = prep("verify", str(copy / "shards" / "train"))
    assert (status, out.count("as it was written")) == (0, 1)
    shutil.rmtree(copy / "tokenizer")
    status, out, _ = prep("verify", str(copy / "shards"))
    assert status == 0
    assert "the tokenizer was not compared" in out


def test_every_flipped_byte_is_named(prep: Prep, copy: Path) -> None:
    path = copy / "shards" / "train" / "data-00001.arrow"
    content = path.read_bytes()
    for place in range(0, len(content), len(content) // 7):
        changed = bytearray(content)
        changed[place] ^= 1
        path.write_bytes(changed)
        status, out, err = prep("verify", str(copy / "shards"))
        assert status == 1
        assert f"train: damaged shard: {path}: does not hold what was written" in out
        assert "1 fault" in err


def test_missing_and_extra_shards_are_named(prep: Prep, copy: Path) -> None:
    folder = copy / "shards" / "validation"
    (folder / "data-00001.arrow").rename(folder / "data-00007.arrow")
    status, out, err = prep("verify", str(copy / "shards"))
    assert status == 1
    assert "validation: missing shard: " in out
    assert "data-00001.arrow: expected a shard of" in out
    assert "extra shard: " in out
    assert "data-00007.arrow: manifest.json does not list it" in out
    assert "2 faults" in err


def test_a_swapped_tokenizer_is_named(prep: Prep, copy: Path) -> None:
    shutil.rmtree(copy / "tokenizer")
    train_tokenizer(copy / "tokenizer", VOCABULARY - 1)
    status, out, _ = prep("verify", str(copy / "shards"))
    assert status == 1
    assert out.count("tokenizer: ") == 2
    assert "the tokenizer is not the one that made the shards" in out
    status, _, _ = prep("verify", str(copy / "shards"), "--tokenizer", str(copy / "tokenizer"))
    assert status == 1


def test_a_manifest_of_another_run_is_named(prep: Prep, copy: Path, tmp_path: Path) -> None:
    write_packed(tmp_path / "other", random_documents(150, VOCABULARY, seed=9), length=24, vocabulary=VOCABULARY)
    shutil.copy(tmp_path / "other" / "train" / "manifest.json", copy / "shards" / "train" / "manifest.json")
    status, out, _ = prep("verify", str(copy / "shards"))
    assert status == 1
    assert "train: foreign manifest: " in out
    assert "is of another run than" in out
    (copy / "shards" / "train" / "manifest.json").write_text("{}")
    status, out, _ = prep("verify", str(copy / "shards"))
    assert "train: manifest: " in out
    status, _, err = prep("verify", str(tmp_path))
    assert status == 2
    assert "expected a folder of shards" in err
    status, _, err = prep("export", str(copy), "--to", "nanogpt", "--output", str(tmp_path / "export"))
    assert status == 2
    assert f"{copy} is a run's folder, with its shards in {copy}/shards" in err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("id", f"rows 0 to 6: expected ids below {VOCABULARY}, seen {VOCABULARY}"),
        ("lengths", "expected pieces of at most 24 tokens in all, seen"),
        ("padding", "expected the padding 1 after the pieces"),
        ("tokens", "expected tokens "),
    ],
)
def test_rows_that_were_written_wrong_are_named(prep: Prep, copy: Path, change: str, message: str) -> None:
    folder = str(copy / "shards" / "train")
    manifest = read_manifest(folder)
    first = manifest.shards[0]
    batches = [mapped_rows(batch) for batch in open_shard(folder, first, manifest)]
    ids, lengths = batches[0].ids.copy(), batches[0].lengths.copy()
    if change == "id":
        ids[0, 0] = VOCABULARY
    elif change == "lengths":
        lengths[0] += 30
    elif change == "padding":
        lengths[0] -= 1
    else:
        manifest = replace(manifest, tokens=manifest.tokens + 1)
    batches[0] = batches[0]._replace(ids=ids, lengths=lengths)
    written = write_shard(folder, first.name, row_schema(24, "uint16"), [rows_batch(rows) for rows in batches])
    write_manifest(folder, replace(manifest, shards=(written, *manifest.shards[1:])))
    status, out, _ = prep("verify", str(copy / "shards"))
    assert status == 1
    assert f"train: content: {folder}" in out
    assert message in out


def contents(folder: Path) -> dict[str, str]:
    """Return the hashes of all files that an export is made of."""
    return file_hashes(folder, without="NOTE.txt")


def settings_for(made: Path) -> ExportSettings:
    return ExportSettings(file_bytes=6000, tokenizer=str(made / "tokenizer"))


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make many tasks of few rows in this process."""
    monkeypatch.setattr("prep.exports.format.BLOCK_BYTES", 1000)
    monkeypatch.setattr("prep.exports.format.RANGE_BLOCKS", 3)
    monkeypatch.setattr("prep.exports.token_file.TASK_BYTES", 6000)


def test_an_export_ends_with_a_note_and_is_made_once(prep: Prep, copy: Path, tmp_path: Path) -> None:
    arguments = ("export", str(copy / "shards"), "--to", "nanogpt", "--output", str(tmp_path / "out"), "--workers", "1")
    status, out, err = prep(*arguments)
    assert (status, err) == (0, "")
    assert "python train.py --dataset=NAME" in out
    before = contents(tmp_path / "out")
    assert sorted(before) == ["export.json", "meta.pkl", "train.bin", "val.bin"]
    status, out, _ = prep(*arguments)
    assert (status, contents(tmp_path / "out")) == (0, before)
    assert "complete, nothing to do" in out
    status, _, err = prep(*arguments[:3], "megatron", *arguments[4:])
    assert status == 1
    assert "holds an export of other shards, to another format" in err
    status, _, err = prep(*arguments[:3], "nanogtp", *arguments[4:])
    assert status == 2
    assert "unknown format 'nanogtp'; there are megatron (Megatron-LM" in err


@pytest.mark.parametrize("name", list(FORMATS))
def test_any_order_of_tasks_gives_the_same_bytes(made: Path, tmp_path: Path, name: str) -> None:
    one = Export(str(made / "shards"), name, str(tmp_path / "one"), settings_for(made))
    run_export(one, 1, lambda line: None)
    other = Export(str(made / "shards"), name, str(tmp_path / "other"), settings_for(made))
    for phase in PHASES:
        for task in reversed(other.pending(phase)):
            replace(other).run(phase, task)
    found = contents(tmp_path / "one")
    assert contents(tmp_path / "other") == found
    assert not list((tmp_path / "one").rglob("*.partial"))


@pytest.mark.parametrize("name", ["megatron", "litdata"])
def test_stopped_inside_and_between_any_two_tasks_it_goes_on(
    made: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Export(str(made / "shards"), name, str(tmp_path / "whole"), settings_for(made))
    run_export(whole, 1, lambda line: None)
    killed = Export(str(made / "shards"), name, str(tmp_path / "killed"), settings_for(made))
    for phase in PHASES:
        for task in killed.pending(phase):
            if phase == "write":
                with monkeypatch.context() as patch:
                    patch.setattr(DocumentStream, "read", read_and_stop)
                    with pytest.raises(RuntimeError, match="killed"):
                        replace(killed).run(phase, task)
            replace(killed).run(phase, task)
            assert replace(killed).complete() == (phase == "finish")
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")


def read_and_stop(stream: DocumentStream, first: int, end: int) -> Iterator[Stretch]:
    yield Stretch(np.full(min(9, end - first), 7, np.uint16), np.empty(0, np.int64))
    raise RuntimeError("killed")


def test_killed_for_real_with_two_workers(made: Path, tmp_path: Path) -> None:
    documents = random_documents(1500, VOCABULARY, longest=500)
    from prep.tokenizers.encoding.encode import open_tokenizer

    sha256 = open_tokenizer(str(made / "tokenizer")).sha256
    write_packed(tmp_path / "shards", documents, length=64, vocabulary=VOCABULARY, tokenizer_sha256=sha256)
    command = [sys.executable, "-c", "from prep.pipeline.cli import main; main()"]
    arguments = ["export", str(tmp_path / "shards"), "--to", "olmo-core", "--file-bytes", "4000", "--workers", "2"]
    process = subprocess.Popen([*command, *arguments, "--output", str(tmp_path / "killed")], start_new_session=True)
    marks = tmp_path / "killed" / ".export"
    while process.poll() is None and not list(marks.rglob("write-00002")):
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "killed" / "export.json").exists()
    for output in ("killed", "whole"):
        subprocess.run([*command, *arguments, "--output", str(tmp_path / output)], check=True, capture_output=True)
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")
    reader = ShardReader(str(tmp_path / "shards" / "train"))
    assert sum(path.stat().st_size for path in (tmp_path / "whole").glob("train-*.npy")) == 2 * reader.manifest.tokens
