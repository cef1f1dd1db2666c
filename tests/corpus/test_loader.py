"""Batches: in one order for any ranks and workers, resumed anywhere, and right beside the slow, obvious way."""

import hashlib
import inspect
import json
import pydoc
from collections.abc import Iterator
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from prep.corpus.errors import CorruptFileError, RunError
from prep.corpus.shards.loader import Batch, Loader, LoaderSettings, Rank
from prep.corpus.shards.permutation_kernels import permuted
from prep.corpus.shards.row_kernels import IGNORED
from prep.corpus.shards.shards import PhaseFacts, ShardReader, read_manifest, write_manifest

from ..packed_shards import PADDING, random_documents, write_split

SETTINGS = LoaderSettings(batch_rows=4, seed=3, positions=True, labels=True, boundaries=True)


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> ShardReader:
    folder = tmp_path_factory.mktemp("shards")
    write_split(folder, dict(enumerate(random_documents(60))), length=24)
    return ShardReader(str(folder))


def taken(loader: Loader, batches: int) -> list[Batch]:
    return list(islice(loader, batches))


def digest(parts: list[Batch]) -> str:
    """Return the hash of a batch from the shares of all ranks."""
    columns = [
        np.concatenate([getattr(part, name) for part in parts]) for name in ("input_ids", "position_ids", "labels")
    ]
    return hashlib.sha256(b"".join(column.tobytes() for column in columns)).hexdigest()


def sequence(reader: ShardReader, settings: LoaderSettings, ranks: int, batches: int) -> list[str]:
    shares = [taken(Loader(reader, settings, Rank(rank, ranks)), batches) for rank in range(ranks)]
    return [digest(list(parts)) for parts in zip(*shares, strict=True)]


def test_every_epoch_has_every_row_once_and_an_order_of_its_own(reader: ShardReader) -> None:
    loader = Loader(reader, replace(SETTINGS, batch_rows=len(reader)))
    first, second = taken(loader, 2)
    rows = sorted(map(tuple, reader.gather(np.arange(len(reader))).tolist()))
    assert sorted(map(tuple, first.input_ids.tolist())) == rows
    assert sorted(map(tuple, second.input_ids.tolist())) == rows
    assert not np.array_equal(first.input_ids, second.input_ids)


def test_phases_of_a_curriculum_keep_their_order(tmp_path: Path) -> None:
    manifest = write_split(tmp_path, dict(enumerate(random_documents(60))), length=24)
    sizes = (5, 30, 0, manifest.rows - 35)
    phases = tuple(PhaseFacts(rows, 0, {}) for rows in sizes)
    write_manifest(str(tmp_path), replace(manifest, phases=phases))
    reader = ShardReader(str(tmp_path))
    settings = LoaderSettings(batch_rows=8, seed=3, epochs=3, dtype="uint16")
    seen = np.concatenate([batch.input_ids for batch in Loader(reader, settings)])
    orders = []
    for epoch in range(3):
        rows = seen[epoch * len(reader) : (epoch + 1) * len(reader)]
        start = 0
        for size in sizes:
            expected = reader.gather(np.arange(start, start + size))
            assert sorted(map(bytes, rows[start : start + size])) == sorted(map(bytes, expected))
            start += size
        orders.append(rows.tobytes())
    assert len(set(orders)) == 3
    parts = [list(Loader(reader, settings, Rank(rank, 4))) for rank in range(4)]
    assert np.array_equal(
        seen, np.concatenate([part.input_ids for batch in zip(*parts, strict=True) for part in batch])
    )


def test_without_a_seed_rows_come_as_they_lie(reader: ShardReader) -> None:
    batches = list(Loader(reader, replace(SETTINGS, seed=None, epochs=1)))
    seen = np.concatenate([batch.input_ids for batch in batches])
    assert np.array_equal(seen, reader.gather(np.arange(len(reader))))


@pytest.mark.parametrize("ranks", [2, 4])
@pytest.mark.parametrize("epochs", [None, 2])
def test_any_number_of_ranks_reads_the_same_batches(reader: ShardReader, ranks: int, epochs: int | None) -> None:
    settings = replace(SETTINGS, epochs=epochs)
    batches = 3 * len(reader) // 4 if epochs is None else -(-2 * len(reader) // 4)
    assert sequence(reader, settings, ranks, batches) == sequence(reader, settings, 1, batches)


@pytest.mark.parametrize("workers", [2, 3])
@pytest.mark.parametrize("epochs", [None, 2])
def test_workers_that_read_for_one_rank_read_its_batches_in_turn(
    reader: ShardReader, workers: int, epochs: int | None
) -> None:
    settings = replace(SETTINGS, epochs=epochs)
    whole = islice(Loader(reader, settings), 50)
    stripes = [Loader(reader, settings).stripe(worker, workers) for worker in range(workers)]
    for number, expected in enumerate(whole):
        batch = next(stripes[number % workers])
        assert digest([batch]) == digest([expected])
        assert batch.consumed == expected.consumed
    if epochs is not None:
        assert [list(stripe) for stripe in stripes] == [[]] * workers


def test_a_worker_goes_on_with_its_next_batch(reader: ShardReader) -> None:
    whole = taken(Loader(reader, SETTINGS), 12)
    loader = Loader(reader, SETTINGS)
    taken_by_one = list(islice(loader.stripe(1, 2), 3))
    again = Loader(reader, SETTINGS)
    again.load_state_dict(loader.state_dict())
    taken_by_one += islice(again.stripe(1, 2), 3)
    assert [digest([batch]) for batch in taken_by_one] == [digest([batch]) for batch in whole[1::2]]


@pytest.mark.parametrize("prefetch", [0, 1, 2, 7])
def test_resumed_at_any_step_twice_in_a_row_and_across_epochs(reader: ShardReader, prefetch: int) -> None:
    settings = replace(SETTINGS, prefetch=prefetch)
    steps = 2 * len(reader) // 4 + 3
    whole = [digest([batch]) for batch in taken(Loader(reader, settings), steps + 4)]
    for step in range(steps):
        first = Loader(reader, settings)
        taken(first, step)
        second = Loader(reader, settings)
        second.load_state_dict(json.loads(json.dumps(first.state_dict())))
        assert [digest([batch]) for batch in taken(second, 2)] == whole[step : step + 2]
        third = Loader(reader, settings)
        third.load_state_dict(json.loads(json.dumps(second.state_dict())))
        assert [digest([batch]) for batch in taken(third, 2)] == whole[step + 2 : step + 4]


def test_goes_on_at_another_number_of_ranks(reader: ShardReader) -> None:
    whole = sequence(reader, SETTINGS, 1, 20)
    for before, after in ((1, 4), (4, 2), (2, 1)):
        loaders = [Loader(reader, SETTINGS, Rank(rank, before)) for rank in range(before)]
        states = [(taken(loader, 9), loader.state_dict())[1] for loader in loaders]
        assert len({json.dumps(state) for state in states}) == 1
        going_on = [Loader(reader, SETTINGS, Rank(rank, after)) for rank in range(after)]
        for loader in going_on:
            loader.load_state_dict(states[0])
        shares = [taken(loader, 11) for loader in going_on]
        assert [digest(list(parts)) for parts in zip(*shares, strict=True)] == whole[9:]


def test_goes_on_with_another_size_of_batches(reader: ShardReader) -> None:
    loader = Loader(reader, SETTINGS)
    taken(loader, 5)
    other = Loader(reader, replace(SETTINGS, batch_rows=7))
    other.load_state_dict(loader.state_dict())
    (batch,) = taken(other, 1)
    assert np.array_equal(batch.input_ids, reader.gather(permuted(20, 7, len(reader), 3)))
    assert batch.consumed == other.consumed == 27


def test_far_into_training_costs_nothing_to_reach(reader: ShardReader) -> None:
    loader = Loader(reader, SETTINGS)
    loader.load_state_dict({**loader.state_dict(), "rows": 10**15})
    (batch,) = taken(loader, 1)
    assert batch.consumed == 10**15 + 4


def test_a_last_batch_is_smaller_and_may_leave_a_rank_nothing(reader: ShardReader) -> None:
    settings = replace(SETTINGS, batch_rows=8, epochs=1)
    shares = [list(Loader(reader, settings, Rank(rank, 4))) for rank in range(4)]
    assert {len(share) for share in shares} == {-(-len(reader) // 8)}
    assert sum(len(share[-1].input_ids) for share in shares) == len(reader) % 8 or 8
    assert sum(len(batch.input_ids) for share in shares for batch in share) == len(reader)
    assert {share[-1].consumed for share in shares} == {len(reader)}
    assert {batch.cu_seqlens.shape for share in shares for batch in share if batch.cu_seqlens is not None} == {
        (2 * (reader.manifest.max_documents_per_row + 1) + 1,)
    }


def slow(reader: ShardReader, row: int) -> tuple[list[int], list[int], list[int]]:
    """Return a row's labels, positions and where its pieces begin, one id at a time."""
    ids = reader.ids(row).tolist()
    labels: list[int] = []
    positions: list[int] = []
    begins: list[int] = []
    for number, length in enumerate(reader.lengths(row).tolist()):
        begins.append(len(labels))
        for position in range(length):
            follows = position > 0 or (number == 0 and reader.continued(row) == 0)
            labels.append(ids[len(labels)] if follows else IGNORED)
            positions.append(position)
    if len(labels) < len(ids):
        begins.append(len(labels))
    padding = len(ids) - len(labels)
    return labels + [IGNORED] * padding, positions + list(range(padding)), begins


def test_labels_positions_and_boundaries_equal_the_slow_way(reader: ShardReader) -> None:
    loader = Loader(reader, replace(SETTINGS, seed=None, epochs=1))
    assert any(reader.continued(row) for row in range(len(reader)))
    row = 0
    for batch in loader:
        assert batch.labels is not None
        assert batch.position_ids is not None
        assert batch.cu_seqlens is not None
        begins: list[int] = []
        for index in range(len(batch.input_ids)):
            labels, positions, pieces = slow(reader, row)
            assert batch.labels[index].tolist() == labels
            assert batch.position_ids[index].tolist() == positions
            begins += [index * 24 + begin for begin in pieces]
            row += 1
        end = len(batch.input_ids) * 24
        assert batch.cu_seqlens.dtype == np.int32
        assert batch.cu_seqlens.tolist() == begins + [end] * (len(batch.cu_seqlens) - len(begins))
        assert len(batch.cu_seqlens) > len(begins)
        assert batch.max_seqlen == 24
    assert row == len(reader)


def test_padding_is_never_a_label(reader: ShardReader) -> None:
    batches = list(Loader(reader, replace(SETTINGS, epochs=1)))
    assert any((batch.input_ids == PADDING).any() for batch in batches)
    assert not any(PADDING in batch.labels for batch in batches if batch.labels is not None)


@pytest.mark.parametrize(("dtype", "expected"), [("uint16", np.uint16), ("int32", np.int32), ("int64", np.int64)])
def test_ids_come_in_the_dtype_that_was_asked_for(reader: ShardReader, dtype: str, expected: npt.DTypeLike) -> None:
    plain = LoaderSettings(batch_rows=4, seed=3, dtype=dtype)
    (batch,) = taken(Loader(reader, plain), 1)
    assert batch.input_ids.dtype == expected
    assert np.array_equal(batch.input_ids, reader.gather(permuted(0, 4, len(reader), 3)))
    assert (batch.labels, batch.position_ids, batch.cu_seqlens) == (None, None, None)


def test_what_is_read_ahead_is_not_consumed(reader: ShardReader) -> None:
    loader = Loader(reader, replace(SETTINGS, prefetch=5))
    batches = iter(loader)
    for step in range(1, 4):
        assert next(batches).consumed == loader.consumed == 4 * step


def test_an_error_of_the_reading_thread_reaches_the_reader(
    reader: ShardReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    loader = Loader(reader, SETTINGS)

    def broken(consumed: int) -> Batch:
        raise OSError("the disk is gone")

    monkeypatch.setattr(loader, "batch", broken)
    with pytest.raises(OSError, match="the disk is gone"):
        next(iter(loader))
    assert loader.consumed == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 4}, "expected the seed 3, seen 4"),
        ({"shards": "0123456789abcdef"}, r"expected the shards [0-9a-f]{16}, seen 0123456789abcdef"),
        ({"rows": -1}, "expected rows of at least 0, seen -1"),
        ({"rows": None}, "expected rows of at least 0, seen None"),
    ],
)
def test_a_state_of_another_sequence_is_refused(reader: ShardReader, change: dict[str, object], message: str) -> None:
    loader = Loader(reader, SETTINGS)
    with pytest.raises(RunError, match=message):
        loader.load_state_dict({**loader.state_dict(), **change})
    assert loader.consumed == 0


@pytest.mark.parametrize(
    ("batch_rows", "rank", "message"),
    [
        (6, Rank(0, 4), "expected a multiple of the 4 ranks, seen 6"),
        (0, Rank(), "expected a multiple of the 1 ranks, seen 0"),
        (4, Rank(2, 2), "expected a rank from 0 to 1, seen 2"),
    ],
)
def test_settings_that_cannot_work_are_refused(reader: ShardReader, batch_rows: int, rank: Rank, message: str) -> None:
    with pytest.raises(RunError, match=message):
        Loader(reader, replace(SETTINGS, batch_rows=batch_rows), rank)


def test_shards_of_another_tokenizer_are_refused(reader: ShardReader) -> None:
    Loader(reader, SETTINGS, tokenizer_sha256="0" * 64)
    with pytest.raises(CorruptFileError, match=r"manifest\.json: .*another tokenizer: expected the SHA-256 ffff"):
        Loader(reader, SETTINGS, tokenizer_sha256="f" * 64)


def flipped(folder: Path, shard: str) -> None:
    path = folder / shard
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


def test_a_flipped_byte_is_refused_by_the_rank_that_reads_the_shard(tmp_path: Path) -> None:
    write_split(tmp_path, dict(enumerate(random_documents(60))), length=24)
    flipped(tmp_path, "data-00001.arrow")
    reader = ShardReader(str(tmp_path))
    Loader(reader, SETTINGS, Rank(0, 2))
    for rank in (Rank(1, 2), Rank()):
        with pytest.raises(CorruptFileError, match=r"data-00001\.arrow: does not hold what was written"):
            Loader(reader, SETTINGS, rank)
    Loader(reader, SETTINGS, verify=False)


def test_a_manifest_of_another_run_is_refused(tmp_path: Path) -> None:
    documents = dict(enumerate(random_documents(60)))
    write_split(tmp_path / "one", documents, length=24, seed=1)
    write_split(tmp_path / "two", documents, length=24, seed=2)
    other = read_manifest(str(tmp_path / "two"))
    write_manifest(str(tmp_path / "one"), other)

    def opened() -> Iterator[Batch]:
        return iter(Loader(ShardReader(str(tmp_path / "one")), SETTINGS))

    with pytest.raises(CorruptFileError, match=r"data-0000\d\.arrow: .*(another run|expected \d+ (bytes|rows))"):
        opened()
    assert asdict(other)["seed"] == 2


def test_shards_without_rows_are_refused(tmp_path: Path) -> None:
    write_split(tmp_path, {}, length=24, shards=1)
    with pytest.raises(RunError, match="the shards hold no rows"):
        Loader(ShardReader(str(tmp_path)), SETTINGS)


@pytest.mark.parametrize("dtype", ["int64", "int32", "uint32", "uint16"])
def test_ids_are_of_the_dtype_that_was_asked_for(reader: ShardReader, dtype: str) -> None:
    (batch,) = taken(Loader(reader, replace(SETTINGS, dtype=dtype)), 1)
    (wide,) = taken(Loader(reader, SETTINGS), 1)
    assert batch.input_ids.dtype == dtype
    assert np.array_equal(batch.input_ids, wide.input_ids)
    assert np.array_equal(batch.labels, wide.labels)  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", ["int16", "uint8", "float32", "bfloat16", "int", ""])
def test_other_dtypes_are_refused(reader: ShardReader, dtype: str) -> None:
    with pytest.raises(RunError, match="expected one of int64, int32, uint32, uint16"):
        Loader(reader, replace(SETTINGS, dtype=dtype))


@pytest.mark.parametrize(("vocabulary", "fits"), [(65_499, True), (65_536, True), (65_537, False), (128_256, False)])
def test_a_dtype_that_the_vocabulary_does_not_fit_into_is_refused(tmp_path: Path, vocabulary: int, fits: bool) -> None:
    documents = [*random_documents(3), np.array([vocabulary - 1, 0])]
    write_split(tmp_path, dict(enumerate(documents)), length=24, vocabulary=vocabulary, shards=1)
    settings = replace(SETTINGS, dtype="uint16", batch_rows=1)
    if fits:
        assert max(
            int(batch.input_ids.max()) for batch in Loader(ShardReader(str(tmp_path)), replace(settings, epochs=1))
        ) == (vocabulary - 1)
    else:
        with pytest.raises(RunError, match="holds ids up to 65,535"):
            Loader(ShardReader(str(tmp_path)), settings)


def test_shifted_labels_stand_beside_the_id_that_they_follow(reader: ShardReader) -> None:
    (plain,) = taken(Loader(reader, SETTINGS), 1)
    (shifted,) = taken(Loader(reader, replace(SETTINGS, shifted=True)), 1)
    assert plain.labels is not None
    assert shifted.labels is not None
    expected = [[*row[1:], IGNORED] for row in plain.labels.tolist()]
    assert shifted.labels.tolist() == expected
    predicted = shifted.labels != IGNORED
    assert (shifted.labels[:, :-1][predicted[:, :-1]] == shifted.input_ids[:, 1:][predicted[:, :-1]]).all()
    with pytest.raises(RunError, match="set labels too"):
        Loader(reader, replace(SETTINGS, shifted=True, labels=False))


@pytest.mark.parametrize("documented", [LoaderSettings, Rank, Batch])
def test_help_shows_what_each_field_means(documented: type) -> None:
    shown = pydoc.render_doc(documented, renderer=pydoc.plaintext)  # type: ignore[attr-defined]
    lines = (inspect.getdoc(documented) or "").splitlines()
    for name in documented.__annotations__:
        below = lines[next(number for number, line in enumerate(lines) if line.startswith(f"{name}: ")) + 1]
        assert below.startswith("    ")
        assert below.strip() in shown
