"""The phase `sort`: its files hold the hashes of all parts, each range in one place, however many parts there are."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prep.corpus.errors import CorruptFileError
from prep.corpus.files.storage import read_arrow_batch, write_arrow
from prep.stages.dedup.exact import Exact
from prep.stages.dedup.minhash.minhash import MinHash
from prep.stages.shared.matching import matching, sorted_hashes
from prep.stages.shared.matching.keep import Policy
from prep.stages.upstream import GlobalContext, Upstream

from .driving import article, deduplicate

GREATEST = 2**64 - 1
HALVES = ("one", "two")
Hashes = list[list[tuple[int | None, int]]]
"""Of each document of each part: a hash in two halves, or none."""

values = st.sampled_from([0, 1, 1 << 62, (1 << 62) - 1, 1 << 63, GREATEST]) | st.integers(0, GREATEST)
hashes_of_parts = st.lists(st.lists(st.tuples(st.none() | values, values), max_size=6), min_size=1, max_size=40)


def written(parts: Hashes, folder: Path) -> GlobalContext:
    """Write what a tap would make of the documents."""
    schema = pa.schema([(name, pa.uint64()) for name in HALVES])
    taps = tuple(f"{folder}/tap/{part:05d}.arrow" for part in range(len(parts)))
    for path, rows in zip(taps, parts, strict=True):
        columns = [pa.array([row[half] for row in rows], pa.uint64()) for half in range(2)]
        write_arrow(path, pa.table(columns, schema=schema))
    return GlobalContext(Upstream(taps, taps), f"{folder}/output", f"{folder}/scratch")


@settings(max_examples=60, deadline=None)
@given(parts=hashes_of_parts, memory=st.sampled_from([1, 64 * 9, 1 << 20]))
def test_every_range_holds_its_hashes_in_order(
    parts: Hashes, memory: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    context = written(parts, tmp_path_factory.mktemp("sorted"))
    columns = [HALVES, HALVES[::-1]]
    for group in reversed(range(sorted_hashes.groups(len(parts)))):
        sorted_hashes.sort(columns, Policy("smallest_id"), None, group, memory, context)
    count = sorted_hashes.ranges(len(parts))
    for index, names in enumerate(columns):
        for number in range(count):
            wanted = sorted_hashes.Range.of(number, count)
            found = list(sorted_hashes.read_range(index, number, 3, context))
            assert len(found) == sorted_hashes.groups(len(parts))
            seen = []
            for some in found:
                assert (np.diff(some.halves[0].astype(object)) >= 0).all()
                halves = (half.tolist() for half in some.halves)
                seen += list(zip(*halves, some.parts.tolist(), some.rows.tolist(), strict=True))
            expected = [
                (*pair, part + 3, row)
                for part, rows in enumerate(parts)
                for row, halves in enumerate(rows)
                if None not in (pair := tuple(halves[HALVES.index(name)] for name in names)) or names == HALVES[::-1]
                if (pair := tuple(value or 0 for value in pair))[0] in range(wanted.first, wanted.last + 1)
            ]
            assert sorted(seen) == sorted(expected)


def test_the_files_that_match_opens_grow_as_the_parts_do() -> None:
    for parts in (1, 5, 16, 17, 200, 800, 1024, 3200, 22_500, 10**6):
        groups, ranges = sorted_hashes.groups(parts), sorted_hashes.ranges(parts)
        assert groups * ranges <= max(parts + ranges, ranges * 1024)
        assert (groups - 1) * sorted_hashes.group_size(parts) < parts <= groups * sorted_hashes.group_size(parts)
    assert [sorted_hashes.groups(parts) for parts in (0, 1, 16, 17, 64, 800, 3200, 22_500)] == [
        *(0, 1, 16, 9, 16, 13, 50, 150),
    ]


def test_match_looks_at_no_document_where_its_choice_decides_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clusters are the same whichever document of a run the others are paired with."""
    parts = [[(f"{number:02d}", article(number % 7))] for number in range(20)]
    stages = (Exact(), MinHash(bands=3), MinHash(bands=3, clusters="transitive", verify=0.5), Exact(keep="longest"))
    expected = [deduplicate(stage, parts, tmp_path / f"whole{number}") for number, stage in enumerate(stages)]
    asked = []

    def refuse(*_: object) -> None:
        asked.append(True)
        raise AssertionError

    monkeypatch.setattr(matching, "keys", refuse)
    for number, stage in enumerate(stages):
        if stage.verifies_pairs():
            with pytest.raises(AssertionError):
                deduplicate(stage, parts, tmp_path / f"again{number}")
        else:
            assert deduplicate(stage, parts, tmp_path / f"again{number}") == expected[number]
    assert len(asked) == 1


def test_a_file_that_is_cut_off_is_an_error_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "t.arrow"
    write_arrow(str(path), pa.table({"a": [1, 2]}))
    assert read_arrow_batch(str(path), 0).column("a").to_pylist() == [1, 2]
    whole = path.read_bytes()
    for damaged in (b"", whole[: len(whole) // 2], whole[:-1], whole[1:]):
        path.write_bytes(damaged)
        with pytest.raises(CorruptFileError, match=r"t\.arrow is not a whole Arrow file"):
            read_arrow_batch(str(path), 0)
