"""The examples of other trainers, as far as a CPU can run them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ..packed_shards import random_documents, write_split

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "05_trainers"


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shards")
    write_split(folder, dict(enumerate(random_documents(60))), length=24)
    return folder


def run_ddp(shards: Path, output: Path, steps: int, processes: int) -> list[float]:
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    options = [str(shards), "--steps", str(steps), "--batch-rows", "4", "--output", str(output)]
    command = [*launch, str(EXAMPLES / "ddp.py"), *options]
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
