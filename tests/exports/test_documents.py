"""Documents put together again from their pieces, beside the slow, obvious way."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prep.corpus.errors import CorruptFileError
from prep.corpus.shards.shards import ShardReader, read_manifest, write_manifest
from prep.exports.continuations import merge_entries, read_entries
from prep.exports.document_kernels import begun_documents, continued_entries
from prep.exports.stream import DocumentStream, RowBlocks, StreamIndex

from ..packed_shards import Tokens, random_documents, write_split

BLOCKS = (96, 3)
"""Bytes of ids in a block, two rows of 24; blocks in a range."""


def documents_of(reader: ShardReader) -> list[list[int]]:
    """Return the documents in the order in which they begin, one piece at a time."""
    rest: dict[tuple[int, int], list[int]] = {}
    begun: list[tuple[int, list[int]]] = []
    for row in range(len(reader)):
        at = 0
        for number, length in enumerate(reader.lengths(row).tolist()):
            document = int(reader.documents(row)[number])
            ids = reader.ids(row)[at : at + length].tolist()
            at += length
            if number == 0 and reader.continued(row):
                rest[document, reader.continued(row)] = ids
            else:
                begun.append((document, ids))
    for document, ids in begun:
        while (document, len(ids)) in rest:
            ids.extend(rest[document, len(ids)])
    return [ids for _, ids in begun]


def stream_of(reader: ShardReader, work: Path, blocks: tuple[int, int] = BLOCKS) -> DocumentStream:
    index = StreamIndex(reader, str(work), RowBlocks(reader, *blocks))
    for number in range(index.blocks.ranges):
        index.collect(number)
    index.merge()
    for number in range(index.blocks.ranges):
        index.measure(number)
    return DocumentStream(index)


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> ShardReader:
    folder = tmp_path_factory.mktemp("shards")
    write_split(folder, dict(enumerate(random_documents(120))), length=24)
    return ShardReader(str(folder))


@pytest.fixture(scope="module")
def stream(reader: ShardReader, tmp_path_factory: pytest.TempPathFactory) -> DocumentStream:
    return stream_of(reader, tmp_path_factory.mktemp("work"))


def test_every_document_comes_whole_and_once(reader: ShardReader, stream: DocumentStream) -> None:
    expected = documents_of(reader)
    assert any(len(document) > 3 * 24 for document in expected)
    assert sorted(expected) == sorted(ids.tolist() for ids in random_documents(120))
    assert (stream.documents, stream.tokens) == (120, sum(map(len, expected)))
    assert np.concatenate(list(stream.index.lengths())).tolist() == list(map(len, expected))
    found = []
    for block in range(stream.blocks.blocks):
        offsets, ids = stream.read_documents(block)
        found += [ids[start:end].tolist() for start, end in pairwise(offsets)]
    assert found == expected


@given(st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_part_of_the_stream_is_read_in_stretches(
    reader: ShardReader, stream: DocumentStream, data: st.DataObject
) -> None:
    documents = documents_of(reader)
    whole = np.concatenate([np.array(document) for document in documents])
    ends = np.cumsum(list(map(len, documents)))
    first = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(first, len(whole)))
    stretches = list(stream.read(first, end, stretch=data.draw(st.integers(1, 300))))
    seen = [token for stretch in stretches for token in stretch.ids.tolist()]
    assert seen == whole[first:end].tolist()
    found = [place for stretch in stretches for place in stretch.ends.tolist()]
    assert found == ends[(ends > first) & (ends <= end)].tolist()


@given(
    sizes=st.lists(st.integers(0, 60), max_size=12),
    length=st.integers(4, 20),
    blocks=st.tuples(st.integers(1, 200), st.integers(1, 4)),
    seed=st.integers(0, 5),
)
@settings(max_examples=40, deadline=None)
def test_any_documents_and_blocks(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], length: int, blocks: tuple[int, int], seed: int
) -> None:
    folder = tmp_path_factory.mktemp("any")
    documents: dict[int, Tokens] = {
        number * 3: np.append(np.arange(size) % 400 + 2, 0) for number, size in enumerate(sizes)
    }
    write_split(folder / "shards", documents, length=length, shards=1 + len(sizes) % 3, seed=seed)
    reader = ShardReader(str(folder / "shards"))
    stream = stream_of(reader, folder / "work", blocks)
    expected = [token for document in documents_of(reader) for token in document]
    assert [token for stretch in stream.read(0, stream.tokens, 7) for token in stretch.ids.tolist()] == expected


@pytest.mark.parametrize("span", [1, 5, 1000])
def test_files_of_entries_are_merged_in_any_amount_of_memory(tmp_path: Path, span: int) -> None:
    random = np.random.default_rng(1)
    entries = np.unique(random.integers(0, 40, (200, 2)), axis=0)
    entries = np.hstack([entries, random.integers(0, 9, (len(entries), 2))])
    order = random.permutation(len(entries))
    paths = []
    for number, part in enumerate([*np.array_split(order, 3), order[:0]]):
        paths.append(str(tmp_path / f"{number}.bin"))
        (tmp_path / f"{number}.bin").write_bytes(entries[np.sort(part)].tobytes())
    merge_entries(paths, str(tmp_path / "merged.bin"), span)
    assert np.array_equal(read_entries(str(tmp_path / "merged.bin")), entries)
    merge_entries([], str(tmp_path / "none.bin"))
    assert len(read_entries(str(tmp_path / "none.bin"))) == 0


def test_a_document_that_comes_twice_is_whole_both_times() -> None:
    offsets, lengths = np.array([0, 1, 2, 3, 4], np.int32), np.array([4, 2, 4, 2], np.int32)
    documents, continued = np.array([7, 7, 7, 7]), np.array([0, 4, 0, 4])
    entries = continued_entries(offsets, lengths, documents, continued, 0)
    assert entries.tolist() == [[7, 4, 1, 2], [7, 4, 3, 2]]
    runs, ends = begun_documents(offsets, lengths, documents, continued, 0, entries)
    assert runs.tolist() == [[0, 0, 4], [1, 0, 2], [2, 0, 4], [1, 0, 2]]
    assert ends.tolist() == [0, 2, 4]


def test_a_piece_that_is_missing_is_noticed(tmp_path: Path) -> None:
    write_split(tmp_path / "shards", dict(enumerate(random_documents(20))), length=24)
    manifest = read_manifest(str(tmp_path / "shards"))
    changed = {**manifest.__dict__, "tokens": manifest.tokens + 1}
    write_manifest(str(tmp_path / "shards"), type(manifest)(**changed))
    with pytest.raises(CorruptFileError, match=f"expected {manifest.tokens + 1} tokens .* seen {manifest.tokens}"):
        stream_of(ShardReader(str(tmp_path / "shards")), tmp_path / "work")
