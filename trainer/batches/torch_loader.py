"""The loader (`prep.corpus.shards.loader`) behind PyTorch's interfaces, for trainers that are built around them.

    batches = data_loader(Loader(ShardReader("shards/train"), LoaderSettings(batch_rows=64)), workers=2)
    for batch in batches:             # a dict of tensors
        …
        save(batches.state_dict())    # one number, the seed and a fingerprint; load_state_dict goes on from there

`RowBatches` is the IterableDataset inside, which torchdata's `StatefulDataLoader(batch_size=None)` takes as it is.
`RowTable` gives single rows by number, for samplers of one's own. Processes as workers pay only where a batch costs
more than sending it: without them the loader's thread reads ahead.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset, get_worker_info

from prep.corpus.errors import RunError
from prep.corpus.shards.loader import Batch, Loader
from prep.corpus.shards.shards import ShardReader

Tensors = dict[str, Tensor | int]
"""The fields of a batch that were asked for, by name; `consumed` and `max_seqlen` are Python's integers."""


class RowBatches(IterableDataset[Tensors]):
    """A loader's batches; several workers read them in turn, so that a DataLoader yields them in the loader's order.

    In a worker the state is the worker's own: it goes on with the batches that are its turn.
    """

    def __init__(self, loader: Loader) -> None:
        super().__init__()
        self.loader = loader

    def __iter__(self) -> Iterator[Tensors]:
        worker = get_worker_info()
        first, stride = (0, 1) if worker is None else (worker.id, worker.num_workers)
        return (tensors(batch) for batch in self.loader.stripe(first, stride))

    def state_dict(self) -> dict[str, object]:
        """Return where this process stands."""
        return self.loader.state_dict()

    def load_state_dict(self, state: Mapping[str, object]) -> None:
        """Go on from there. Raises RunError for a state of other shards or another seed."""
        self.loader.load_state_dict(state)


class ResumableDataLoader:
    """A DataLoader over `RowBatches` that knows how far the trainer is, not how far its workers have read ahead."""

    def __init__(self, loader: Loader, workers: int, pin_memory: bool) -> None:
        self._loader = loader
        self._workers = workers
        self._pin_memory = pin_memory

    def __iter__(self) -> Iterator[Tensors]:
        batches = DataLoader(
            RowBatches(self._loader), batch_size=None, num_workers=self._workers, pin_memory=self._pin_memory
        )
        for batch in batches:
            consumed = batch["consumed"]
            assert isinstance(consumed, int)
            self._loader.consumed = consumed
            yield batch

    def state_dict(self) -> dict[str, object]:
        """Return where the trainer stands: what it was given last is consumed."""
        return self._loader.state_dict()

    def load_state_dict(self, state: Mapping[str, object]) -> None:
        """Go on from there when iterated next, with any number of ranks and workers."""
        self._loader.load_state_dict(state)


def data_loader(loader: Loader, workers: int = 0, pin_memory: bool = False) -> ResumableDataLoader:
    """Return the loader's batches as tensors, read by so many worker processes, or by a thread where there are none.

    `pin_memory` puts them into memory from which a GPU copies while it computes (`tensor.to(device,
    non_blocking=True)`). Raises RunError where there is no GPU for that.
    """
    if pin_memory and not torch.accelerator.is_available():
        raise RunError("pin_memory: expected a GPU, seen none; leave pin_memory out on this machine")
    return ResumableDataLoader(loader, workers, pin_memory)


class RowTable(Dataset[Tensor]):
    """The rows by number: each a tensor of ids (length,) int64."""

    def __init__(self, reader: ShardReader) -> None:
        self.reader = reader

    def __len__(self) -> int:
        return len(self.reader)

    def __getitem__(self, row: int) -> Tensor:
        return self.__getitems__([row])[0]

    def __getitems__(self, rows: Sequence[int]) -> list[Tensor]:
        """Return several rows, read at once; a DataLoader asks so for a batch."""
        return list(torch.from_numpy(self.reader.gather(rows, "int64")))


def tensors(batch: Batch) -> Tensors:
    """Return a batch as tensors over the same memory."""
    fields = batch._asdict().items()
    return {
        name: torch.from_numpy(value) if isinstance(value, np.ndarray) else value
        for name, value in fields
        if value is not None
    }
