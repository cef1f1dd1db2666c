"""Shards as a litgpt data module: `litgpt pretrain pythia-14m --data litgpt_data.Shards --data.path runs/mine/shards`.

litgpt takes inputs and targets from rows that have one id more than its `max_seq_length`: with `pack.length: 2049` it
trains on 2,048. It has no labels of its own: padding and the first id of each document are predicted too, so
`pack.strategy: concatenate` suits it. To give it files of its own format, see `prep export --to litdata`.
"""

from dataclasses import dataclass, field
from pathlib import Path

import torch
from litgpt.data import DataModule
from torch.utils.data import DataLoader

from prep.corpus import ShardReader
from prep.trainer.batches.torch_loader import RowTable


@dataclass
class Shards(DataModule):
    """Rows of shards, in another order for each seed."""

    path: Path = Path("shards")
    """The folder with `train` and `validation` in it."""
    seed: int = 0
    """Decides the order of the rows."""

    rows: int = field(init=False, repr=False, default=1)
    length: int = field(init=False, repr=False, default=0)

    def connect(self, tokenizer: object = None, batch_size: int = 1, max_seq_length: int | None = None) -> None:
        """Take what litgpt is asked to train with."""
        self.rows, self.length = batch_size, max_seq_length or 0

    def train_dataloader(self) -> DataLoader[torch.Tensor]:
        """Return batches (rows, length + 1) int64, shuffled."""
        generator = torch.Generator().manual_seed(self.seed)
        return DataLoader(self._table("train"), self.rows, shuffle=True, generator=generator, drop_last=True)

    def val_dataloader(self) -> DataLoader[torch.Tensor]:
        """Return the validation rows in order."""
        return DataLoader(self._table("validation"), self.rows)

    def _table(self, split: str) -> RowTable:
        reader = ShardReader(str(self.path / split))
        if self.length and reader.manifest.length != self.length + 1:
            raise ValueError(f"expected rows of {self.length + 1} ids, seen {reader.manifest.length}; set pack.length")
        return RowTable(reader)
