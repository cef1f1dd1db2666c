"""A run's folder given in place of its shards, tokenizer or model, and these in place of the run."""

from pathlib import Path

import pytest

from prep.corpus.errors import ConfigurationError, CorruptFileError, RunError
from prep.corpus.files.run_folders import part_hint, run_hint
from prep.corpus.shards.shards import read_manifest
from prep.exports.job import split_folders
from prep.pipeline.monitor.opening import opened
from prep.pipeline.results.ledger import read_ledger
from prep.tokenizers.encoding.encode import open_tokenizer


@pytest.fixture
def run(tmp_path: Path) -> str:
    for name in ("shards/train/manifest.json", "tokenizer/tokenizer_config.json", "model/config.json", "steps/00/x"):
        (tmp_path / "run" / name).parent.mkdir(parents=True)
        (tmp_path / "run" / name).write_text("{}")
    return str(tmp_path / "run")


def test_the_parts_of_a_run_are_named(run: str) -> None:
    for given in (run, f"{run}/", f"{run}/train", f"{run}/documents", f"{run}/shards/train/train"):
        assert part_hint(given, "shards") == f"; {run} is a run's folder, with its shards in {run}/shards"
    assert part_hint(run, "tokenizer").endswith(f"with its tokenizer in {run}/tokenizer")
    assert part_hint(f"{run}/shards", "model").endswith(f"with its model in {run}/model")
    assert part_hint(f"{run}/tokenizer", "tokenizer") == part_hint("nowhere", "shards") == part_hint("/", "model") == ""


def test_the_run_of_a_part_is_named(run: str) -> None:
    for given in (f"{run}/shards", f"{run}/shards/train", f"{run}/documents/"):
        assert run_hint(given) == f"; the run's folder is {run}"
    assert run_hint("nowhere/at/all") == run_hint("run") == run_hint("s3://bucket") == ""


def test_what_opens_a_part_says_where_it_is(run: str) -> None:
    with pytest.raises(CorruptFileError, match=rf"a folder of shards\? {run} is a run's folder, with its shards in"):
        read_manifest(f"{run}/train")
    with pytest.raises(ConfigurationError, match=f"with its shards in {run}/shards"):
        split_folders(run)
    with pytest.raises(CorruptFileError, match=rf"\); {run} is a run's folder, with its tokenizer in {run}/tokenizer$"):
        open_tokenizer(run)
    with pytest.raises(CorruptFileError, match=r"; train it again$"):
        open_tokenizer(f"{run}/tokenizer")
    with pytest.raises(RunError, match=rf"that has ended\? the run's folder is {run}$"):
        read_ledger(f"{run}/shards")
    with pytest.raises(RunError, match=f"or its output; the run's folder is {run}$"), opened(f"{run}/shards"):
        pass
