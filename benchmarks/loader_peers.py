"""One reader over one folder, measured in the reader's own environment: python loader_peers.py NAME FOLDER BATCH.

Prints rows per second and per CPU second of an epoch in random order, the second of two epochs: in batches of int64, or
of the dtype that the reader's name ends with.
"""

import json
import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

LENGTH = 2048


def prep(folder: str, batch: int) -> Iterable[Any]:
    from prep.corpus.shards.loader import Loader, LoaderSettings
    from prep.corpus.shards.shards import ShardReader

    reader = ShardReader(folder)
    return (each.input_ids for each in Loader(reader, LoaderSettings(batch, epochs=1), verify=False))


def prep_int32(folder: str, batch: int) -> Iterable[Any]:
    return _prep_of(folder, batch, "int32")


def prep_uint16(folder: str, batch: int) -> Iterable[Any]:
    return _prep_of(folder, batch, "uint16")


def _prep_of(folder: str, batch: int, dtype: str) -> Iterable[Any]:
    from prep.corpus.shards.loader import Loader, LoaderSettings
    from prep.corpus.shards.shards import ShardReader

    settings = LoaderSettings(batch, epochs=1, dtype=dtype)
    return (each.input_ids for each in Loader(ShardReader(folder), settings, verify=False))


def prep_torch(folder: str, batch: int) -> Iterable[Any]:
    from prep.corpus.shards.loader import Loader, LoaderSettings
    from prep.corpus.shards.shards import ShardReader
    from prep.trainer.batches.torch_loader import data_loader

    loader = Loader(ShardReader(folder), LoaderSettings(batch, epochs=1), verify=False)
    return (each["input_ids"] for each in data_loader(loader))


def datasets_map(folder: str, batch: int) -> Iterable[Any]:
    from datasets import load_from_disk

    rows = load_from_disk(folder).select_columns("input_ids").shuffle(seed=1).with_format("numpy")
    return (each["input_ids"].astype(np.int64) for each in rows.iter(batch))


def datasets_map_uint16(folder: str, batch: int) -> Iterable[Any]:
    from datasets import load_from_disk

    rows = load_from_disk(folder).select_columns("input_ids").shuffle(seed=1).with_format("numpy")
    return (np.asarray(each["input_ids"], np.uint16) for each in rows.iter(batch))


def datasets_torch(folder: str, batch: int) -> Iterable[Any]:
    from datasets import load_from_disk
    from torch.utils.data import DataLoader

    rows = load_from_disk(folder).select_columns("input_ids").with_format("torch")
    return (each["input_ids"] for each in DataLoader(rows, batch, shuffle=True))


def datasets_iterable(folder: str, batch: int) -> Iterable[Any]:
    from datasets import load_from_disk

    rows = load_from_disk(folder).select_columns("input_ids").to_iterable_dataset()
    shuffled = rows.shuffle(seed=1, buffer_size=1000).with_format("numpy")
    return (np.asarray(each["input_ids"], np.int64) for each in shuffled.iter(batch))


def datasets_iterable_uint16(folder: str, batch: int) -> Iterable[Any]:
    from datasets import load_from_disk

    rows = load_from_disk(folder).select_columns("input_ids").to_iterable_dataset()
    shuffled = rows.shuffle(seed=1, buffer_size=1000).with_format("numpy")
    return (np.asarray(each["input_ids"], np.uint16) for each in shuffled.iter(batch))


def litdata(folder: str, batch: int) -> Iterable[Any]:
    from litdata import StreamingDataLoader, StreamingDataset, TokensLoader

    rows = StreamingDataset(folder, item_loader=TokensLoader(block_size=LENGTH), shuffle=True)
    return (np.asarray(each, np.int64) for each in StreamingDataLoader(rows, batch_size=batch))


def mds(folder: str, batch: int) -> Iterable[Any]:
    from streaming import StreamingDataset
    from torch.utils.data import DataLoader

    class Tokens(StreamingDataset):  # type: ignore[misc]
        def __getitem__(self, at: int) -> Any:  # noqa: ANN401
            return super().__getitem__(at)["tokens"].astype(np.int64)

    return DataLoader(Tokens(local=folder, shuffle=True, batch_size=batch), batch_size=batch)


READERS = (
    *(prep, prep_int32, prep_uint16, prep_torch),
    *(datasets_map, datasets_map_uint16, datasets_torch, datasets_iterable, datasets_iterable_uint16),
    *(litdata, mds),
)


def counted(batches: Iterator[Any] | Iterable[Any]) -> int:
    """Return the rows of an epoch; every batch has whole rows."""
    rows = 0
    for each in batches:
        assert each.shape[1] == LENGTH
        rows += len(each)
    return rows


if __name__ == "__main__":
    name, folder, batch = sys.argv[1], sys.argv[2], int(sys.argv[3])
    open_reader = {reader.__name__: reader for reader in READERS}[name]
    counted(open_reader(folder, batch))
    wall, cpu = time.perf_counter(), time.process_time()
    rows = counted(open_reader(folder, batch))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(json.dumps({"rows": rows, "per_second": rows / wall, "per_cpu_second": rows / cpu}))
