"""The loader behind PyTorch's DataLoader: the same batches for any ranks and workers, resumed anywhere."""

import hashlib
import json
from collections.abc import Iterator
from itertools import islice

import pytest
import torch
from torch.utils.data import DataLoader

from prep.corpus.errors import RunError
from prep.corpus.shards.loader import Loader, LoaderSettings, Rank
from prep.corpus.shards.shards import ShardReader
from prep.trainer.batches.torch_loader import RowTable, Tensors, data_loader, tensors

from ..packed_shards import random_documents, write_split

SETTINGS = LoaderSettings(batch_rows=8, seed=3, positions=True, labels=True, boundaries=True)


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> ShardReader:
    folder = tmp_path_factory.mktemp("shards")
    write_split(folder, dict(enumerate(random_documents(80))), length=24)
    return ShardReader(str(folder))


def tensor(batch: Tensors, name: str) -> torch.Tensor:
    value = batch[name]
    assert isinstance(value, torch.Tensor)
    return value


def digest(shares: list[Tensors]) -> str:
    names = ("input_ids", "position_ids", "labels")
    columns = [torch.cat([tensor(share, name) for share in shares]).numpy() for name in names]
    return hashlib.sha256(b"".join(column.tobytes() for column in columns)).hexdigest()


def hashes(reader: ShardReader, ranks: int, workers: int, batches: int, rows: int = 0) -> list[str]:
    """Return the hash of each batch of the whole job, after so many rows."""

    def share(rank: int) -> Iterator[Tensors]:
        loader = data_loader(Loader(reader, SETTINGS, Rank(rank, ranks)), workers)
        loader.load_state_dict({**loader.state_dict(), "rows": rows})
        return islice(loader, batches)

    return [digest(list(parts)) for parts in zip(*(share(rank) for rank in range(ranks)), strict=True)]


@pytest.mark.parametrize("ranks", [1, 2, 4])
@pytest.mark.parametrize("workers", [0, 2])
def test_any_ranks_and_workers_read_the_same_batches(reader: ShardReader, ranks: int, workers: int) -> None:
    batches = len(reader) // 8 + 2  # into the second epoch
    expected = [digest([tensors(batch)]) for batch in islice(Loader(reader, SETTINGS), batches)]
    assert hashes(reader, ranks, workers, batches) == expected


@pytest.mark.parametrize(("workers", "then"), [(0, 0), (2, 0), (0, 2), (2, 1)])
def test_resumed_twice_across_an_epoch_at_other_ranks_and_workers(reader: ShardReader, workers: int, then: int) -> None:
    whole = hashes(reader, 1, 0, len(reader) // 8 + 5)
    end_of_epoch = len(reader) // 8
    first = data_loader(Loader(reader, SETTINGS), workers)
    stopped = end_of_epoch - 2
    assert [digest([batch]) for batch in islice(first, stopped)] == whole[:stopped]
    state = json.loads(json.dumps(first.state_dict()))
    second = data_loader(Loader(reader, SETTINGS), then)
    second.load_state_dict(state)
    assert [digest([batch]) for batch in islice(second, 4)] == whole[stopped : stopped + 4]
    rows = second.state_dict()["rows"]
    assert rows == 8 * (stopped + 4)
    assert hashes(reader, 2, then, 3, rows) == whole[stopped + 4 : stopped + 7]


def test_fields_are_tensors_over_the_loaders_memory(reader: ShardReader) -> None:
    (batch,) = islice(Loader(reader, SETTINGS), 1)
    found = tensors(batch)
    assert list(found) == ["consumed", "input_ids", "position_ids", "labels", "cu_seqlens", "max_seqlen"]
    assert tensor(found, "input_ids").data_ptr() == batch.input_ids.ctypes.data
    assert found["max_seqlen"] == 24
    assert tensor(found, "cu_seqlens").dtype == torch.int32
    (plain,) = islice(Loader(reader, LoaderSettings(batch_rows=8)), 1)
    assert list(tensors(plain)) == ["consumed", "input_ids", "max_seqlen"]


def test_rows_by_number_for_samplers_of_ones_own(reader: ShardReader) -> None:
    table = RowTable(reader)
    assert len(table) == len(reader)
    assert table[5].tolist() == reader.ids(5).tolist()
    rows: DataLoader[torch.Tensor] = DataLoader(table, batch_size=4, sampler=[9, 2, 2, 7, 1])
    assert [batch.tolist() for batch in rows] == [
        [reader.ids(row).tolist() for row in (9, 2, 2, 7)],
        [reader.ids(1).tolist()],
    ]


def test_pinned_memory_needs_a_gpu(reader: ShardReader) -> None:
    loader = Loader(reader, SETTINGS)
    if torch.accelerator.is_available():
        batch = next(iter(data_loader(loader, pin_memory=True)))
        assert tensor(batch, "input_ids").is_pinned()
    else:
        with pytest.raises(RunError, match="expected a GPU"):
            data_loader(loader, pin_memory=True)
