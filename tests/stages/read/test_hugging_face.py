"""Hugging Face datasets: folders that `save_to_disk` wrote, and what `load_dataset` loads."""

from pathlib import Path

import datasets
import pytest

from prep.stages.read.read import Read

from .reading import documents, problems

pytestmark = pytest.mark.usefixtures("no_network")


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let the library look at no server, and keep its cache in the test's folder."""
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.disable_progress_bars()


def texts(count: int, word: str = "text") -> datasets.Dataset:
    return datasets.Dataset.from_dict({"text": [f"{word} {row}" for row in range(count)], "label": list(range(count))})


def test_a_saved_dataset_with_its_shards_in_order(tmp_path: Path) -> None:
    texts(25).save_to_disk(tmp_path / "set", num_shards=12)
    stage = Read(paths=str(tmp_path / "set"))
    assert problems(stage) == []
    assert len(stage.list_files()) == 12
    found = documents(stage)
    assert [(row["text"], row["label"]) for row in found] == [(f"text {row}", row) for row in range(25)]
    assert found[0]["id"] == "set/data-00000-of-00012.arrow#0"
    assert len({row["id"] for row in found}) == 25


def test_the_rows_that_a_selection_kept(tmp_path: Path) -> None:
    texts(10).shuffle(seed=1).select(range(4)).save_to_disk(tmp_path / "set")
    assert len(documents(Read(paths=str(tmp_path / "set")))) == 4


def test_one_split_of_several(tmp_path: Path) -> None:
    both = datasets.DatasetDict({"train": texts(3), "test": texts(2, "other")})
    both.save_to_disk(tmp_path / "set")
    assert [row["text"] for row in documents(Read(paths=str(tmp_path / "set")))] == ["text 0", "text 1", "text 2"]
    assert [row["text"] for row in documents(Read(paths=str(tmp_path / "set"), split="test"))] == ["other 0", "other 1"]
    (problem,) = problems(Read(paths=str(tmp_path / "set"), split="validation"))
    assert "no split 'validation'; it has train, test" in problem


@pytest.mark.parametrize("split", ["train[:10]", "train+test", ""])
def test_slices_are_refused(split: str) -> None:
    with pytest.raises(ValueError, match="split"):
        Read(paths="set", split=split)


def test_a_shard_of_a_saved_dataset_by_itself(tmp_path: Path) -> None:
    texts(10).save_to_disk(tmp_path / "set", num_shards=2)
    stage = Read(paths=str(tmp_path / "set" / "data-00001-of-00002.arrow"))
    assert problems(stage) == []
    assert [row["label"] for row in documents(stage)] == [5, 6, 7, 8, 9]


def test_a_folder_that_the_library_loads(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    texts(5).to_parquet(tmp_path / "set" / "train-00000-of-00001.parquet")
    texts(3, "other").to_parquet(tmp_path / "set" / "test-00000-of-00001.parquet")
    stage = Read(paths=str(tmp_path / "set"), format="dataset", split="test")
    assert problems(stage) == []
    found = documents(stage)
    assert [row["text"] for row in found] == ["other 0", "other 1", "other 2"]
    assert found[0]["id"] == "set/set-test.arrow#0"


def test_what_is_no_dataset(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "state.json").write_text("{")
    assert "cannot list" in problems(Read(paths=str(tmp_path / "set")))[0]
    (tmp_path / "set" / "state.json").write_text('{"other": 1}')
    assert "cannot list" in problems(Read(paths=str(tmp_path / "set")))[0]
    assert "cannot list 'nobody/nothing'" in problems(Read(paths="nobody/nothing", format="dataset"))[0]
