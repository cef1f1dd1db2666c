"""Several processes that train one model compute what one does, spread out or not, and stop together."""

import json
import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from prep.trainer.devices.sharding import Sharding
from prep.trainer.network.tensors import read_tensors
from prep.trainer.running.optimizer import Kind
from prep.trainer.running.settings import Data, TrainSettings
from prep.trainer.running.train import train

from .training import MODEL, WRITING, KilledError, kill_at, steps

SETTINGS = TrainSettings(
    steps=8, batch_rows=2, accumulate=4, warmup=4, evaluate_every=5, checkpoint_every=6, device="cpu",
    learning_rate=5e-3, threads=1,
)  # fmt: skip


def train_by_two(output: Path, settings: TrainSettings, stop: int = 0) -> str:
    """Train with two processes on the shards beside `output`; return what they said."""
    program = Path(__file__).with_name("train_ranks.py")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(program)]
    arguments = [str(output.parent / "shards"), str(output), json.dumps(asdict(settings)), str(stop)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([*command, *arguments], check=False, capture_output=True, text=True, env=environment)
    assert (done.returncode != 0) == bool(stop), done.stderr
    return done.stderr


@pytest.mark.parametrize(("sharding", "optimizer"), [("none", "adamw"), ("full", "muon")])
def test_two_processes_equal_one(data: Data, tmp_path: Path, sharding: Sharding, optimizer: Kind) -> None:
    settings = replace(SETTINGS, optimizer=optimizer, sharding=sharding)
    train(data, MODEL, settings, WRITING, str(tmp_path / "one"))
    train_by_two(tmp_path / "two", settings)
    assert {path.name for path in (tmp_path / "two").iterdir()} == {path.name for path in (tmp_path / "one").iterdir()}
    one, two = (steps(tmp_path / name, "nats_per_token") for name in ("one", "two"))
    assert two == pytest.approx(one, rel=1e-3)
    assert len(two) == 8
    one, two = (
        [
            evaluation["nats_per_token"]
            for evaluation in json.loads((tmp_path / name / "report.json").read_text())["evaluations"]
        ]
        for name in ("one", "two")
    )
    assert two == pytest.approx(one, rel=1e-3)


@pytest.mark.parametrize("sharding", ["none", "full"])
def test_ranks_stop_after_the_same_step_and_other_ranks_go_on(data: Data, tmp_path: Path, sharding: Sharding) -> None:
    settings = replace(SETTINGS, sharding=sharding, checkpoint_every=2)
    train(data, MODEL, settings, WRITING, str(tmp_path / "whole"))
    with pytest.raises(KilledError):
        train(data, MODEL, settings, WRITING, str(tmp_path / "stopped"), kill_at(3))
    said = train_by_two(tmp_path / "stopped", settings, stop=5)
    assert said.count("Interrupted: stopped after step 5, whose checkpoint is written") == 2
    checkpoints = sorted((tmp_path / "stopped").glob("checkpoint-*"))
    assert [path.name[18:19] for path in checkpoints] == ["4", "5"]
    assert read_tensors(str(checkpoints[-1]))[0]["optimizer.embedding.weight.exp_avg"].shape == (258, 32)
    train(data, MODEL, settings, WRITING, str(tmp_path / "stopped"))
    assert steps(tmp_path / "stopped", "nats_per_token") == pytest.approx(
        steps(tmp_path / "whole", "nats_per_token"), rel=1e-3
    )
