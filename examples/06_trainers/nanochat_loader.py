"""Shards in place of nanochat's own data loader, which tokenizes text anew on every run.

In nanochat's scripts/base_train.py, in place of `tokenizing_distributed_data_loader_with_state_bos_bestfit`:

    train_loader = shards_data_loader("shards/train", device_batch_size, device, Rank(ddp_rank, ddp_world_size), resume)

The shards' rows have nanochat's `max_seq_len`, and `pack.separator: before` begins every document as nanochat does. To
give nanochat the text instead, see `prep export --to nanochat`.
"""

from collections.abc import Iterator, Mapping

import torch

from prep.corpus import Loader, LoaderSettings, Rank, ShardReader
from prep.trainer.batches.torch_loader import data_loader

ALONE = Rank()


def shards_data_loader(
    shards: str,
    rows: int,
    device: str | torch.device,
    rank: Rank = ALONE,
    resume_state_dict: Mapping[str, object] | None = None,
) -> Iterator[tuple[torch.Tensor, torch.Tensor, dict[str, object]]]:
    """Yield inputs and targets (rows, length) int64 on the device, and the state that goes on behind them.

    `rows` are those of one rank. Targets are −1 where nothing is predicted, which nanochat's loss leaves out.
    """
    settings = LoaderSettings(rows * rank.count, labels=True, shifted=True)
    cuda = torch.device(device).type == "cuda"
    loader = data_loader(Loader(ShardReader(shards), settings, rank), pin_memory=cuda)
    if resume_state_dict is not None:
        loader.load_state_dict(resume_state_dict)
    for batch in loader:
        inputs, targets = batch["input_ids"], batch["labels"]
        assert isinstance(inputs, torch.Tensor)
        assert isinstance(targets, torch.Tensor)
        inputs, targets = (tensor.to(device, non_blocking=cuda) for tensor in (inputs, targets))
        yield inputs, targets.clamp(min=-1), loader.state_dict()
