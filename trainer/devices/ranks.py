"""Several processes that train one model, as `torchrun` starts them; without it, one process that is all of them.

Every rank computes the gradients of its share of each batch; the sum over the ranks is that of the whole batch, so the
steps are those of one process up to the order of sums. All evaluate the same rows, for none could go on before another
has; rank 0 alone writes.
"""

import atexit
import gc
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
import torch.distributed as dist
from torch import Tensor

from prep.corpus.shards.loader import Rank


@contextmanager
def joined(device: torch.device) -> Iterator[Rank]:
    """Join the other processes, where there are any, and return which of them this one is."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield Rank()
        return
    if device.type == "cuda":
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield Rank(dist.get_rank(), count)
    finally:
        dist.destroy_process_group()
        # Models in several processes refer to themselves and hold the group. Its threads must end before Python does.
        atexit.register(gc.collect)


def add_up(numbers: Sequence[float], device: torch.device) -> list[float]:
    """Return the sums of numbers over all ranks."""
    if not dist.is_initialized():
        return list(numbers)
    total = torch.tensor(numbers, dtype=torch.float64, device=device)
    dist.all_reduce(total)
    sums: list[float] = total.tolist()
    return sums


def add_up_gradients(parameters: Sequence[Tensor]) -> None:
    """Replace the gradients by their sums over all ranks."""
    if dist.is_initialized():
        flat = torch.cat([parameter.grad.reshape(-1) for parameter in parameters if parameter.grad is not None])
        dist.all_reduce(flat)
        start = 0
        for parameter in parameters:
            if parameter.grad is not None:
                parameter.grad.copy_(flat[start : start + parameter.numel()].view_as(parameter))
                start += parameter.numel()


def any_of(here: bool, device: torch.device) -> bool:
    """Return whether something holds on at least one rank."""
    return add_up([here], device)[0] > 0


def wait_for_all() -> None:
    """Return when all ranks have come so far."""
    if dist.is_initialized():
        dist.barrier()
