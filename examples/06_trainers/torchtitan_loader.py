"""Shards as torchtitan's data loader: batches of `({"input": ids}, labels)`, and a state that its checkpoints hold.

In a torchtitan train spec, `build_dataloader_fn` is a function that returns

    ShardsDataLoader(shards, local_batch_size, Rank(dp_rank, dp_world_size))

for shards whose rows have `training.seq_len` ids. torchtitan checks that a data loader is a `BaseDataLoader`: where it
is installed, name that as a second base class. The state is the same on all ranks, so a job may go on with other ranks.
"""

from collections.abc import Iterator

import torch
from torch.distributed.checkpoint.stateful import Stateful

from prep.corpus import Loader, LoaderSettings, Rank, ShardReader
from prep.trainer.batches.torch_loader import data_loader

ALONE = Rank()


class ShardsDataLoader(Stateful):
    """A rank's batches: ids (rows, length) and, beside each, the id that follows, −100 where nothing is predicted."""

    def __init__(self, shards: str, rows: int, rank: Rank = ALONE, workers: int = 0) -> None:
        settings = LoaderSettings(rows * rank.count, labels=True, shifted=True)
        self._loader = data_loader(Loader(ShardReader(shards), settings, rank), workers)

    def __iter__(self) -> Iterator[tuple[dict[str, torch.Tensor], torch.Tensor]]:
        for batch in self._loader:
            ids, labels = batch["input_ids"], batch["labels"]
            assert isinstance(ids, torch.Tensor)
            assert isinstance(labels, torch.Tensor)
            yield {"input": ids}, labels

    def state_dict(self) -> dict[str, object]:
        """Return where the trainer stands."""
        return self._loader.state_dict()

    def load_state_dict(self, state_dict: dict[str, object]) -> None:
        """Go on from there; an empty state begins at the beginning."""
        if state_dict:
            self._loader.load_state_dict(state_dict)
