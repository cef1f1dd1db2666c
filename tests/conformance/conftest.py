"""Runs the real readers, each in its own environment, and takes what they read from a file."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from .environments import ROOT, is_ready, python

Arrays = dict[str, npt.NDArray[np.int64]]
Read = Callable[..., Arrays]
LENGTH = 24


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def run_reader(environment: str, script: str, folder: Path, *more: object, length: int = LENGTH) -> Arrays:
        if not is_ready(environment):
            pytest.skip(f"needs: python tests/conformance/environments.py {environment}")
        out = tmp_path / "read.npz"
        # -P: some scripts have the names of the libraries that they open.
        command = [python(environment), "-P", ROOT / "tests" / "conformance" / "readers" / f"{script}.py", folder]
        arguments = [str(each) for each in (*command, length, out, *more)]
        variables = {**os.environ, "PYTHONPATH": str(ROOT / "tests" / "typing"), "HF_HUB_OFFLINE": "1"}
        done = subprocess.run(arguments, env=variables, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        with np.load(out) as found:
            return {name: found[name].astype(np.int64) for name in found.files}

    return run_reader


def blocks(tokens: list[int], block: int) -> npt.NDArray[np.int64]:
    """Return the whole blocks of a stream."""
    return np.array(tokens[: len(tokens) // block * block], np.int64).reshape(-1, block)
