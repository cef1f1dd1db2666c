"""Where a model computes, and how to make it compute the same every time."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Literal

import torch

from prep.corpus.errors import RunError

DeviceName = Literal["auto", "cpu", "cuda"]


def choose_device(name: DeviceName) -> torch.device:
    """Return the device that a name asks for; `auto` takes a GPU where there is one."""
    if name == "cuda" and not torch.cuda.is_available():
        raise RunError("device: expected a CUDA device, torch sees none; set device to auto or cpu")
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(name)


def autocast(device: torch.device) -> AbstractContextManager[object]:
    """Return the context in which matrix products run in bfloat16 on a GPU and in float32 elsewhere."""
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")


@contextmanager
def reproducible(seed: int, threads: int) -> Iterator[None]:
    """Compute the same bits on every run on the same machine and libraries; leaves torch as it was found.

    The number of threads decides the order of sums and with it the last bits, so it is fixed too.
    """
    # cuBLAS reads this when it first starts; without it torch refuses its matrix products as not deterministic.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    deterministic, threads_before = torch.are_deterministic_algorithms_enabled(), torch.get_num_threads()
    try:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(True)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            yield
    finally:
        torch.use_deterministic_algorithms(deterministic)
        torch.set_num_threads(threads_before)
