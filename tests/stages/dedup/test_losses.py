"""What deduplication takes of sources and languages, where clusters come from, and the warnings."""

from collections import Counter
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prep.corpus.arrow.documents import ID, SOURCE, TEXT
from prep.corpus.files.storage import read_arrow
from prep.stages.dedup.exact import Exact
from prep.stages.dedup.minhash.minhash import MinHash
from prep.stages.results import Counts, Results, Thresholds

from .driving import Part, article, deduplicate

SCHEMA = pa.schema([ID, TEXT, SOURCE, pa.field("language", pa.string()), pa.field("url", pa.string())])
NAMES = ("label", "value", "documents", "removed", "share", "clusters")
URLS = st.sampled_from(["http://a.org/1", "https://www.a.org/2", "http://b.org/", None])
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["x", "y", "z"]), st.sampled_from(["web", "wiki", None]), st.sampled_from(["en", "de"]), URLS
    ),
    max_size=12,
)


@settings(max_examples=40, deadline=None)
@given(rows=ROWS, data=st.data())
def test_losses_and_origins_are_counted(
    rows: list[tuple[str, str | None, str, str | None]], data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("losses")
    documents: Part = data.draw(st.permutations([(f"{number:02d}", *row) for number, row in enumerate(rows)]))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(rows)), max_size=2)))
    parts = [documents[start:end] for start, end in pairwise([0, *cuts, len(rows)])]
    result = deduplicate(Exact(origins=True, audit=0), parts, folder, 3, SCHEMA)
    expected = []
    for label, at in (("source", 1), ("language", 2)):
        for value in {row[at] for row in rows}:
            mine = [f"{number:02d}" for number, row in enumerate(rows) if row[at] == value]
            gone = Counter(result.rejected[name] for name in mine if name in result.rejected)
            top = sorted(gone.items(), key=lambda item: (-item[1], item[0]))[:3]
            clusters = [{"kept": name, "documents": count} for name, count in top]
            share = round(gone.total() / len(mine), 4)
            found = (label, value, len(mine), gone.total(), share, clusters)
            expected.append(
                dict(zip(("label", "value", "documents", "removed", "share", "clusters"), found, strict=True))
            )
    losses = pq.read_table(folder / "output/audit/losses.parquet").to_pylist()
    assert sorted(map(str, losses)) == sorted(map(str, expected))
    for part, some in enumerate(parts):
        columns = read_arrow(str(folder / f"output/columns/{part:05d}.arrow")).to_pylist()
        for (_, text, *_rest), found_columns in zip(some, columns, strict=True):
            same = [row for row in rows if row[0] == text]
            hosts = {row[3].split("/")[2].removeprefix("www.") for row in same if row[3]}
            assert found_columns["exact_cluster_sources"] == len({row[1] for row in same if row[1]})
            assert found_columns["exact_cluster_hosts"] == len(hosts)
            assert found_columns["exact_cluster_size"] == len(same)


def results(folder: Path) -> Results:
    return Results(Counts(), (), (), str(folder / "output"), (), (), Thresholds())


def test_a_source_that_loses_most_is_a_warning_with_what_took_it(tmp_path: Path) -> None:
    words = article(1, 200)
    pages: Part = [(f"t{number:02d}", f"{words} page{number}", "web", "en", None) for number in range(40)]
    pages = [*pages, *((f"b{number:02d}", article(number + 9), "books", "en", None) for number in range(40))]
    stage = MinHash(keep="smallest_id")
    deduplicate(stage, [pages], tmp_path, schema=SCHEMA)
    (warning,) = stage.warnings(results(tmp_path))
    assert warning.name == "duplicates_share"
    assert (
        "minhash removed 98% of the 40 documents of source web, most of them in favour of: 39 for t00"
        in warning.message
    )
    assert words[:20] in warning.message
    assert list(stage.model_copy(update={"alarm": 0.99}).warnings(results(tmp_path))) == []
    assert stage.model_copy(update={"alarm": 0.99}).identity() == stage.identity()


def test_removals_in_doubt_are_a_warning(tmp_path: Path) -> None:
    words = article(1, 400).split()
    pages: Part = [(f"{at:02d}", " ".join(words[8 * at : 8 * at + 200]), "web", "en", None) for at in range(20)]
    stage = MinHash(keep="smallest_id", clusters="transitive")
    deduplicate(stage, [pages], tmp_path, schema=SCHEMA)
    names = {warning.name: warning.message for warning in stage.warnings(results(tmp_path))}
    assert names.keys() == {"duplicates_share", "doubtful_duplicates"}
    assert "the largest cluster has 20 documents" in names["doubtful_duplicates"]


def test_pages_of_a_template_stay_and_their_copies_go(tmp_path: Path) -> None:
    """The template is most of each page, and what differs is enough."""
    template = article(1, 120)
    pages: Part = [(f"{at:03d}", f"{template} {article(100 + at, 60)}", "web", "en", None) for at in range(60)]
    copies: Part = [(f"c{name}", text, *rest) for name, text, *rest in pages[:7]]
    result = deduplicate(MinHash(keep="smallest_id"), [pages, copies], tmp_path, schema=SCHEMA)
    assert result.rejected == {f"c{at:03d}": f"{at:03d}" for at in range(7)}
    assert {str(name) for name, *_ in pages} <= result.kept
