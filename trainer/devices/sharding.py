"""A model spread over the ranks: each holds a part of every weight, its gradient and its moments (FSDP2).

Tensors are cut along their first axis. A block's weights are put together just before it computes and dropped after it;
of its gradients each rank keeps its part of the mean over the ranks. So memory falls with the number of ranks, and what
is computed stays that of one process up to the order of sums. Checkpoints and results hold whole tensors. Source: the
third stage of ZeRO (Rajbhandari et al. 2020, arXiv 1910.02054), as in PyTorch's `fully_shard` (Zhao et al. 2023, arXiv
2304.11277). Muon needs whole matrices: its products are taken of distributed tensors, which puts them together.
"""

from typing import Literal

import torch
import torch.distributed as dist
from torch import Tensor

from prep.trainer.network.model import Transformer

Sharding = Literal["none", "full"]


def shard(model: Transformer, device: torch.device, count: int) -> Transformer:
    """Spread a model that lies whole on each of `count` ranks over them, block by block on the device."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh(device.type, (count,))
    for block in model.blocks:
        fully_shard(block, mesh=mesh)
    fully_shard(model, mesh=mesh)
    return model


def whole(tensor: Tensor) -> Tensor:
    """Return a tensor put together from its parts: on rank 0 in main memory, on the others without elements.

    All ranks must call it. A tensor that is not spread is returned as it is.
    """
    if not dist.is_initialized():
        return tensor
    from torch.distributed.tensor import DTensor

    if not isinstance(tensor, DTensor):
        return tensor
    full: Tensor = tensor.full_tensor()
    return full.cpu() if dist.get_rank() == 0 else full.new_empty(0)


def spread_like(tensor: Tensor, own: Tensor) -> Tensor:
    """Return this rank's part of a whole tensor if `own`, of the same shape, is spread; else the tensor."""
    if not dist.is_initialized():
        return tensor
    from torch.distributed.tensor import DTensor, distribute_tensor

    if not isinstance(own, DTensor) or tensor.shape != own.shape:
        return tensor
    return distribute_tensor(tensor.to(own.device), own.device_mesh, own.placements, src_data_rank=None)


def put_together(model: Transformer) -> Transformer:
    """Return the whole model, on rank 0; all ranks must call it. A model that is not spread is returned as it is."""
    if not dist.is_initialized():
        return model
    from torch.distributed.fsdp import FSDPModule

    if not isinstance(model, FSDPModule):
        return model
    tensors = {name: whole(tensor) for name, tensor in model.state_dict().items()}
    together = Transformer(model.settings)
    if dist.get_rank() == 0:
        together.load_state_dict(tensors)
    return together.to(model.embedding.weight.device)
