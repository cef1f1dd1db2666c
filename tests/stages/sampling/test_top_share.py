"""Keeping the top share: exactly so many documents, whatever the parts, against sorting them all."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import ceil
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prep.corpus.arrow.documents import write_table
from prep.corpus.files.storage import read_arrow, write_arrow
from prep.stages.results import Counts
from prep.stages.sampling.chance import id_hashes
from prep.stages.sampling.top_share import TopShare, rank_keys
from prep.stages.stage import CheckContext
from prep.stages.upstream import GlobalContext, Upstream

from ..contract import run_task


class Document(NamedTuple):
    id: str
    classifier_score: float | None
    language: str | None = "en"


SCHEMA = pa.schema({"id": pa.string(), "classifier_score": pa.float32(), "language": pa.string()})
SCORES = st.one_of(st.none(), st.sampled_from([0.0, -0.0, 0.5, -1.0, 2.0**-100]), st.floats(width=32, allow_nan=False))
DOCUMENTS = st.lists(st.tuples(SCORES, st.sampled_from(["de", "en", None])), max_size=30).map(
    lambda rows: [Document(f"d{n}", *row) for n, row in enumerate(rows)]
)


def run(folder: Path, stage: TopShare, parts: Sequence[Sequence[Document]], dropped: Sequence[str] = ()) -> Counts:
    """Drive the stage by its contract and return its counts; results lie in `folder/out`."""
    function = stage.tap().open()
    paths, taps, drops = [], [], []
    for number, part in enumerate(parts):
        batch = pa.RecordBatch.from_pylist([document._asdict() for document in part], SCHEMA)
        taps.append(str(folder / f"tap{number}.arrow"))
        write_arrow(taps[-1], pa.Table.from_batches([function(batch)]))
        paths.append(str(folder / f"part{number}.parquet"))
        write_table(paths[-1], pa.Table.from_batches([batch]))
        drops.append((str(folder / f"drop{number}.arrow"),))
        lost = [document.id in dropped for document in part]
        write_arrow(drops[-1][0], pa.table({"drop": pa.array(lost, pa.bool_())}))
    upstream = Upstream(tuple(paths), tuple(taps), tuple(drops))
    context = GlobalContext(upstream, str(folder / "out"), str(folder / "scratch"))
    tasks = [(phase.name, task) for phase in stage.phases(len(parts)) for task in range(phase.tasks)]
    counts = [run_task(stage, phase, task, context) for phase, task in tasks]
    counted = [item for item in counts if item is not None]
    return Counts(
        sum(item.entered for item in counted),
        sum(item.kept for item in counted),
        {"below_top_share": sum(sum(item.rejected.values()) for item in counted)},
    )


def lost(folder: Path, parts: Sequence[Sequence[Document]]) -> set[str]:
    found = set()
    for number, part in enumerate(parts):
        drop = read_arrow(str(folder / "out" / "drops" / f"{number:05d}.arrow")).column("drop").to_pylist()
        found |= {document.id for document, gone in zip(part, drop, strict=True) if gone}
    return found


def slow(documents: Sequence[Document], share: float, within: Sequence[str]) -> set[str]:
    """Return the ids that go: sort each group by score, then by the hash of the id, and cut."""
    groups: dict[object, list[Document]] = {}
    for document in documents:
        groups.setdefault(document.language if within else None, []).append(document)
    gone: set[str] = set()
    for group in groups.values():
        ties = dict(zip(group, id_hashes(pa.array([item.id for item in group]), 0).tolist(), strict=True))

        def rank(item: Document, ties: Mapping[Document, int] = ties) -> tuple[bool, float, int]:
            score = item.classifier_score
            return (score is None, 0.0 if score is None else -score, ties[item])

        gone |= {item.id for item in sorted(group, key=rank)[ceil(share * len(group) - 1e-9) :]}
    return gone


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(DOCUMENTS, st.sampled_from([0.01, 0.25, 0.5, 0.9]), st.booleans(), st.lists(st.integers(0, 30), max_size=3))
def test_who_goes(
    tmp_path_factory: pytest.TempPathFactory,
    documents: list[Document],
    share: float,
    by_language: bool,
    cuts: list[int],
) -> None:
    folder = tmp_path_factory.mktemp("top")
    bounds = [0, *sorted(min(cut, len(documents)) for cut in cuts), len(documents)]
    parts = [documents[start:end] for start, end in pairwise(bounds)]
    within = ("language",) if by_language else ()
    dropped = [document.id for document in documents[::5]]
    stage = TopShare(share=share, within=within)
    counts = run(folder, stage, parts, dropped)
    entered = [document for document in documents if document.id not in dropped]
    expected = slow(entered, share, within)
    assert lost(folder, parts) == expected
    assert (counts.entered, counts.kept) == (len(entered), len(entered) - len(expected))
    rejected = [pq.read_table(path) for path in sorted((folder / "out" / "rejected").iterdir())]
    rows = [row for table in rejected for row in table.to_pylist()]
    assert [row["id"] for row in rows] == [document.id for document in documents if document.id in expected]
    scores = {document.id: document.classifier_score for document in documents}
    assert all(row["value"] == scores[row["id"]] and row["stage"] == "top_share" for row in rows)


@given(st.lists(st.floats(allow_nan=False)))
def test_rank_keys_keep_the_order(scores: list[float]) -> None:
    keys = rank_keys(np.array([*scores, np.nan])).tolist()
    assert [a < b for a, b in pairwise(keys[:-1])] == [a < b for a, b in pairwise(scores)]
    assert all(keys[-1] < key for key in keys[:-1])


def test_what_cannot_work_is_found_before() -> None:
    def problems(stage: TopShare, **columns: pa.DataType) -> list[str]:
        schema = pa.schema({"id": pa.string(), **columns})
        return [str(problem) for problem in stage.problems(CheckContext(schema, 0, frozenset()))]

    assert problems(TopShare(share=0.1, score="s"), s=pa.int8()) == []
    assert "no earlier stage makes a column 'classifier_score'" in problems(TopShare(share=0.1))[0]
    assert "cannot be ranked by; expected numbers, seen string" in problems(TopShare(share=0.1, score="id"))[0]
    grouped = TopShare(share=0.1, score="s", within=("language",))
    assert "no earlier stage makes a column 'language'" in problems(grouped, s=pa.int8())[0]
