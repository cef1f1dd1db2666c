"""Mixtures: budgets met to the token, epochs and phases in order, and every document accounted for."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prep.corpus.errors import RunError
from prep.corpus.shards.shards import ShardReader
from prep.stages.pack.mixture import Candidates, Mixture, MixturePhase, epochs, share_out, take_phases, taken
from prep.stages.pack.pack import Pack
from prep.stages.results import Counts

from .test_pack import PADDING, SEPARATOR, documents_of, files, run, tokenizer  # noqa: F401

GROUPS = ("books", "web")


def candidates(documents: Sequence[tuple[int, int, int]]) -> Candidates:
    """Make candidates of documents: group, tokens and the upper bits of the hash."""
    codes, tokens, hashes = (np.array([document[index] for document in documents], np.int64) for index in range(3))
    spread = ((hashes << 40) + np.arange(len(hashes))).astype(np.uint64)
    return Candidates(codes.astype(np.int32), GROUPS, tokens, spread)


def slow_streams(there: Candidates, most: int) -> dict[str, Iterator[tuple[int, int, int]]]:
    """Yield a group's documents for ever: epoch, document, tokens."""

    def stream(group: str) -> Iterator[tuple[int, int, int]]:
        members = [index for index, code in enumerate(there.codes) if GROUPS[code] == group and there.tokens[index]]
        members.sort(key=lambda index: int(there.hashes[index]))
        for epoch in range(most):
            yield from ((epoch, index, int(there.tokens[index])) for index in members)

    return {group: stream(group) for group in GROUPS}


@settings(deadline=None)
@given(
    documents=st.lists(
        st.tuples(st.integers(0, 1), st.integers(0, 30), st.integers(0, 1 << 23)), min_size=1, max_size=30
    ),
    budgets=st.lists(st.tuples(st.integers(1, 60), st.integers(1, 5), st.integers(1, 5)), min_size=1, max_size=4),
    cut=st.integers(0, 30),
)
def test_phases_take_the_streams_in_turn(
    documents: list[tuple[int, int, int]], budgets: list[tuple[int, int, int]], cut: int
) -> None:
    documents = [*documents, (0, 3, 5), (1, 2, 7)]
    whole, parts = candidates(documents), []
    for first, end in pairwise(sorted({0, min(cut, len(documents)), len(documents)})):
        parts.append(Candidates(whole.codes[first:end], GROUPS, whole.tokens[first:end], whole.hashes[first:end]))
    phases = tuple(MixturePhase(tokens=tokens, shares={"books": b, "web": w}) for tokens, b, w in budgets)
    most = 500
    found = take_phases(Mixture(phases=phases, max_epochs=most), lambda: parts)
    streams = slow_streams(whole, most)
    for setting, phase in zip(phases, found, strict=True):
        expected: Counter[tuple[int, int]] = Counter()
        for group, budget in share_out(setting, {}).items():
            left = budget
            while left > 0:
                epoch, document, tokens = next(streams[group])
                expected[epoch, document] = min(tokens, left)
                left -= tokens
        seen = Counter(
            {
                (epoch, document): count
                for epoch in epochs(phase)
                for document, count in enumerate(taken(phase, epoch, whole).tolist())
                if count
            }
        )
        assert seen == expected
        assert sum(seen.values()) == setting.tokens


def test_shares_are_met_to_the_token() -> None:
    phase = MixturePhase(tokens=1000, shares={"books": 1, "web": 2, "code": 3.5})
    budgets = share_out(phase, {})
    assert sum(budgets.values()) == 1000
    assert all(abs(budgets[name] - 1000 * share / 6.5) < 1 for name, share in phase.shares.items())


def test_without_a_number_a_phase_takes_what_its_shares_allow() -> None:
    assert share_out(MixturePhase(shares={"books": 1, "web": 3}), {"books": 100, "web": 90}) == {"books": 30, "web": 90}


@pytest.mark.parametrize(
    ("phase", "message"),
    [
        ({"shares": {"wbe": 1}}, r"phases\[0\].shares: no document for training has 'wbe' in source; .*: books, web"),
        ({"shares": {"web": 1}, "tokens": 90}, r"expected 90 tokens of 'web', seen 14: its documents have 7"),
    ],
)
def test_what_cannot_be_taken_is_named(phase: dict[str, object], message: str) -> None:
    there = candidates([(0, 4, 1), (1, 7, 2)])
    with pytest.raises(RunError, match=message):
        take_phases(Mixture.model_validate({"phases": [phase], "max_epochs": 2}), lambda: [there])


def test_scores_fall_into_buckets() -> None:
    mixture = Mixture(
        by="score", buckets={"low": 0.0, "mid": 0.5, "high": 0.9}, phases=(MixturePhase(shares={"low": 1}),)
    )
    scores = pa.array([-1.0, 0.0, 0.4, 0.5, 0.9, 7.0, None])
    assert mixture.groups(scores).to_pylist() == ["low", "low", "low", "mid", "high", "high", None]


TEXTS = [f"{'wwwb'[number % 4]}{number:03d} {'x' * (number * 37 % 50)}" for number in range(120)]
CURRICULUM = {
    "max_epochs": 3,
    "phases": [{"shares": {"w": 3, "b": 1}, "tokens": 1200}, {"shares": {"w": 1, "b": 3}, "tokens": 2000}],
}


def phase_tokens(folder: Path) -> list[Counter[str]]:
    """Count the tokens of each source in each phase's rows, out of the rows themselves."""
    reader = ShardReader(str(folder / "shards" / "train"))
    found, row = [], 0
    for phase in reader.manifest.phases:
        counts: Counter[str] = Counter()
        for index in range(row, row + phase.rows):
            for document, length in zip(reader.documents(index).tolist(), reader.lengths(index).tolist(), strict=True):
                counts[TEXTS[document % len(TEXTS)][0]] += length
        found.append(counts)
        row += phase.rows
    assert row == len(reader)
    return found


@pytest.mark.usefixtures("tokenizer")
def test_a_curriculum_is_packed_phase_by_phase(tmp_path: Path) -> None:
    stage = Pack.model_validate({"length": 64, "validation": 0.1, "shard_bytes": 1000, "mixture": CURRICULUM})
    counts: list[Counts] = []
    run(stage, tmp_path / "two", [TEXTS[:50], TEXTS[50:]], counts=counts)
    assert phase_tokens(tmp_path / "two") == [{"w": 900, "b": 300}, {"w": 500, "b": 1500}]
    manifest = ShardReader(str(tmp_path / "two" / "shards" / "train")).manifest
    assert [dict(phase.groups) for phase in manifest.phases] == [{"b": 300, "w": 900}, {"b": 1500, "w": 500}]
    assert manifest.tokens_by == {"source": {"b": 1800, "w": 1400}}
    run(stage, tmp_path / "one", [TEXTS])
    different = {name for name in files(tmp_path / "one") if "rejected" not in name}
    assert {name: files(tmp_path / "two")[name] for name in different} == {
        name: files(tmp_path / "one")[name] for name in different
    }
    lost = sum(sum(item.rejected.values()) for item in counts)
    assert sum(item.entered for item in counts) == 120
    assert all(item.entered + item.repeated == item.kept + sum(item.rejected.values()) for item in counts)
    rejected = pa.concat_tables(pq.read_table(path) for path in sorted((tmp_path / "two/shards/rejected").iterdir()))
    assert rejected.num_rows == lost > 0
    assert set(rejected.column("rule").to_pylist()) == {"over_budget"}


@pytest.mark.usefixtures("tokenizer")
def test_validation_is_not_mixed(tmp_path: Path) -> None:
    mixture = {"phases": [{"shares": {"w": 1}, "tokens": 100}]}
    mixed = Pack.model_validate({"length": 64, "validation": 0.2, "mixture": mixture})
    run(mixed, tmp_path / "mixed", [TEXTS])
    run(mixed.model_copy(update={"mixture": None}), tmp_path / "plain", [TEXTS])
    found, expected = (documents_of(tmp_path / name, "validation") for name in ("mixed", "plain"))
    assert found == expected
    assert {TEXTS[number][0] for number in found} == {"w", "b"}


@pytest.mark.usefixtures("tokenizer")
def test_groups_that_no_phase_names_are_left_out_by_name(tmp_path: Path) -> None:
    counts: list[Counts] = []
    mixture = {"phases": [{"shares": {"w": 1}}]}
    run(Pack.model_validate({"length": 64, "validation": 0, "mixture": mixture}), tmp_path, [TEXTS], counts=counts)
    assert counts == [Counts(120, 90, {"not_in_mixture": 30})]
    assert {TEXTS[number][0] for row in documents(tmp_path) for number in row} == {"w"}


def documents(folder: Path) -> list[list[int]]:
    reader = ShardReader(str(folder / "shards" / "train"))
    return [reader.documents(row).tolist() for row in range(len(reader))]
