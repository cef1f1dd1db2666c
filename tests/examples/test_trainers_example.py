"""The examples of other trainers, as far as a CPU can run them."""

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch.distributed.checkpoint.stateful import Stateful

from prep.corpus import Rank, ShardReader

from ..packed_shards import random_documents, write_split
from .scripts import EXAMPLES, load

EXAMPLE = EXAMPLES / "06_trainers"


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shards")
    write_split(folder, dict(enumerate(random_documents(60))), length=24)
    return folder


def run_ddp(shards: Path, output: Path, steps: int, processes: int) -> list[float]:
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    options = [str(shards), "--steps", str(steps), "--batch-rows", "4", "--output", str(output)]
    command = [*launch, str(EXAMPLE / "ddp.py"), *options]
    variables = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return [float(loss) for loss in re.findall(r"loss ([\d.]+)", done.stdout)]


def test_two_processes_take_the_steps_of_one_and_go_on_where_they_stopped(shards: Path, tmp_path: Path) -> None:
    first = run_ddp(shards, tmp_path / "two", 3, processes=2)
    rest = run_ddp(shards, tmp_path / "two", 5, processes=2)
    assert (len(first), len(rest)) == (3, 2)
    assert rest[-1] < first[0]
    alone = run_ddp(shards, tmp_path / "one", 5, processes=1)
    assert alone == pytest.approx([*first, *rest], rel=0.05)


def check_targets(inputs: torch.Tensor, targets: torch.Tensor, ignored: int) -> None:
    """Each target is the id that follows its input, in the same document."""
    assert inputs.shape == targets.shape
    predicted = targets != ignored
    assert predicted.any()
    assert not predicted[:, -1].any()
    assert (targets[:, :-1][predicted[:, :-1]] == inputs[:, 1:][predicted[:, :-1]]).all()
    assert int(targets.min()) >= ignored


def test_nanochat_goes_on_behind_any_batch(shards: Path) -> None:
    loader = load(EXAMPLE / "nanochat_loader.py").shards_data_loader
    batches = list(islice(loader(str(shards), 2, "cpu"), 4))
    for inputs, targets, _ in batches:
        check_targets(inputs, targets, -1)
    again = loader(str(shards), 2, "cpu", Rank(), batches[1][2])
    assert torch.equal(next(again)[0], batches[2][0])
    shares = [next(loader(str(shards), 1, "cpu", Rank(rank, 2)))[0] for rank in range(2)]
    assert torch.equal(torch.cat(shares), batches[0][0])


def test_torchtitan_finds_the_state_of_its_checkpoints(shards: Path) -> None:
    loader = load(EXAMPLE / "torchtitan_loader.py").ShardsDataLoader
    first = loader(str(shards), 2)
    batches = []
    for inputs, labels in islice(first, 3):
        check_targets(inputs["input"], labels, -100)
        batches.append((inputs["input"], first.state_dict()))
    second = loader(str(shards), 2)
    second.load_state_dict({})
    second.load_state_dict(batches[0][1])
    assert torch.equal(next(iter(second))[0]["input"], batches[1][0])
    assert isinstance(second, Stateful)


def test_litgpt_takes_rows_of_one_id_more(shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if find_spec("litgpt") is None:  # of which the example takes the base class alone
        base = ModuleType("litgpt.data")
        base.DataModule = object  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "litgpt", ModuleType("litgpt"))
        monkeypatch.setitem(sys.modules, "litgpt.data", base)
    for split in ("train", "validation"):
        (tmp_path / split).symlink_to(shards)
    data = load(EXAMPLE / "litgpt_data.py").Shards(path=tmp_path)
    data.connect(batch_size=2, max_seq_length=23)
    assert next(iter(data.train_dataloader())).shape == (2, 24)
    assert torch.equal(
        next(iter(data.val_dataloader()))[0], torch.tensor(ShardReader(str(shards)).gather([0], "int64")[0])
    )
    data.connect(batch_size=2, max_seq_length=24)
    with pytest.raises(ValueError, match="expected rows of 25 ids, seen 24"):
        data.train_dataloader()
