"""Shards without some documents: what stays is what was there, and the folder is as packing would have left it."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from prep.corpus.shards.removal import RemovedDocuments, remove_documents
from prep.corpus.shards.shards import PhaseFacts, ShardReader, write_manifest
from prep.corpus.shards.verification import verify_shards

from ..packed_shards import PADDING, Tokens, random_documents, write_split


def documents_of(folder: Path) -> dict[int, list[int]]:
    """Put the documents together again from the pieces in all rows: the slow, obvious way."""
    reader = ShardReader(str(folder))
    pieces: dict[int, list[tuple[int, list[int]]]] = {}
    for row in range(len(reader)):
        at = 0
        for place, (length, document) in enumerate(zip(reader.lengths(row), reader.documents(row), strict=True)):
            before = reader.continued(row) if place == 0 else 0
            pieces.setdefault(int(document), []).append((before, reader.ids(row)[at : at + length].tolist()))
            at += int(length)
        assert set(reader.ids(row)[at:].tolist()) <= {PADDING}
    return {number: [token for _, ids in sorted(found) for token in ids] for number, found in pieces.items()}


def removal(numbers: list[int], documents: dict[int, Tokens]) -> RemovedDocuments:
    sizes = [7 * len(documents[number]) for number in numbers]
    return RemovedDocuments(np.array(numbers, np.int64), np.array(sizes, np.int64))


@settings(max_examples=40)
@given(st.integers(1, 60), st.integers(8, 40), st.integers(0, 100), st.data())
def test_what_stays_is_what_was_there(count: int, length: int, seed: int, data: st.DataObject) -> None:
    documents = dict(enumerate(random_documents(count, seed=seed)))
    gone = sorted(data.draw(st.sets(st.sampled_from(sorted(documents)))))
    with TemporaryDirectory() as place:
        before, after = Path(place, "before"), Path(place, "after")
        old = write_split(before, documents, length=length)
        found = remove_documents(str(before), str(after), removal(gone, documents))
        left = {number: ids for number, ids in documents.items() if number not in gone}
        assert documents_of(after) == {number: ids.tolist() for number, ids in left.items()}
        assert list(verify_shards(str(after))) == []
        manifest = ShardReader(str(after)).manifest
    assert manifest.documents == len(left)
    assert manifest.tokens == sum(map(len, left.values())) == old.tokens - found.tokens
    assert manifest.text_bytes == 7 * manifest.tokens
    assert manifest.cut_documents == sum(len(ids) > length for ids in left.values())
    assert found.documents == len(gone)
    assert manifest.rows == old.rows - found.rows_removed


def test_rows_without_the_documents_are_the_same_bytes(tmp_path: Path) -> None:
    documents = dict(enumerate(random_documents(40)))
    manifest = write_split(tmp_path / "before", documents, length=32)
    remove_documents(str(tmp_path / "before"), str(tmp_path / "after"), removal([], documents))
    for shard in manifest.shards:
        assert (tmp_path / "after" / shard.name).read_bytes() == (tmp_path / "before" / shard.name).read_bytes()


def test_phases_keep_count_of_their_rows_and_groups(tmp_path: Path) -> None:
    documents = dict(enumerate(random_documents(60, longest=30)))
    sources = {number: ("even", "odd")[number % 2] for number in documents}
    before = write_split(tmp_path / "before", documents, length=32)
    reader = ShardReader(str(tmp_path / "before"))
    half = before.rows // 2

    def phase(rows: range, found: ShardReader) -> PhaseFacts:
        groups: Counter[str] = Counter()
        for row in rows:
            for number, length in zip(found.documents(row).tolist(), found.lengths(row).tolist(), strict=True):
                groups[sources[number]] += length
        return PhaseFacts(len(rows), groups.total(), dict(groups))

    phases = (phase(range(half), reader), phase(range(half, before.rows), reader))
    by = {"source": dict(sum((Counter(each.groups) for each in phases), Counter()))}
    write_manifest(str(tmp_path / "before"), replace(before, phases=phases, tokens_by=by))
    gone = [*range(0, 60, 7), *range(1, 60, 7)]
    removed = replace(removal(sorted(gone), documents), labels={"source": [sources[number] for number in sorted(gone)]})
    remove_documents(str(tmp_path / "before"), str(tmp_path / "after"), removed)
    after = ShardReader(str(tmp_path / "after"))
    first = after.manifest.phases[0].rows
    assert after.manifest.phases == (phase(range(first), after), phase(range(first, len(after)), after))
    assert after.manifest.tokens_by == {
        "source": dict(sum((Counter(each.groups) for each in after.manifest.phases), Counter()))
    }
