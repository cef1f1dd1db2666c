"""Training with PyTorch's DistributedDataParallel on shards: every rank takes its share, and a stopped run goes on.

    torchrun --nproc-per-node 2 examples/06_trainers/ddp.py runs/quickstart/shards/train --steps 20 --output runs/ddp

On GPUs the processes talk by NCCL, without any by gloo. A rank reads only its own rows, and the batch of the whole job
is the same however many ranks there are. The state of the loader is one number; it is saved with the model.
"""

import argparse
import gc
import os
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from prep.corpus import Loader, LoaderSettings, Rank, ShardReader
from prep.trainer.batches.torch_loader import data_loader

IGNORED = -100
"""The label of places that are not predicted."""


class Bigram(nn.Module):
    """The smallest language model: what follows depends on the last token alone."""

    def __init__(self, vocabulary: int, width: int = 64) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.head = nn.Linear(width, vocabulary)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Return the logits (rows, length, vocabulary) of what follows each id (rows, length)."""
        logits: torch.Tensor = self.head(self.embedding(ids))
        return logits


def train(shards: str, steps: int, batch_rows: int, output: Path) -> None:
    """Train on this process's share, going on from `output` if a run was stopped there."""
    cuda = torch.cuda.is_available()
    dist.init_process_group("nccl" if cuda else "gloo")
    device = torch.device("cuda", int(os.environ["LOCAL_RANK"])) if cuda else torch.device("cpu")
    rank = Rank(dist.get_rank(), dist.get_world_size())
    reader = ShardReader(shards)
    settings = LoaderSettings(batch_rows, dtype="int32", labels=True, shifted=True)
    loader = data_loader(Loader(reader, settings, rank), pin_memory=cuda)
    torch.manual_seed(0)
    model = DistributedDataParallel(Bigram(reader.manifest.vocabulary).to(device))
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
    saved = output / "state.pt"
    done = 0
    if saved.exists():
        state = torch.load(saved, map_location=device)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        loader.load_state_dict(state["loader"])
        done = state["step"]
    for step, batch in enumerate(loader, done + 1):
        if step > steps:
            break
        ids, labels = (batch[name].to(device, non_blocking=True) for name in ("input_ids", "labels"))  # type: ignore[union-attr]
        loss = nn.functional.cross_entropy(model(ids).flatten(0, 1), labels.flatten(), ignore_index=IGNORED)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        dist.all_reduce(loss, dist.ReduceOp.SUM)
        if rank.index == 0:
            print(f"step {step}: loss {loss.item() / rank.count:.4f} nats per token", flush=True)
            state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step}
            output.mkdir(parents=True, exist_ok=True)
            torch.save({**state, "loader": loader.state_dict()}, saved)
    dist.destroy_process_group()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shards")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--batch-rows", type=int, default=8)
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    train(options.shards, options.steps, options.batch_rows, options.output)
    # The model refers to itself and holds the process group, whose threads must end before Python does.
    gc.collect()
