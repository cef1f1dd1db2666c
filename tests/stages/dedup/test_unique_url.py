"""The stage `unique_url`, driven by its contract: which documents are grouped, in any arrangement."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prep.corpus.arrow.columns import string_buffers
from prep.corpus.arrow.documents import ID, TEXT, URL, DocumentWriter
from prep.corpus.files.storage import read_arrow, write_arrow
from prep.corpus.text.hashing import lower_table
from prep.stages.dedup.unique_url import UniqueUrl, UrlForm
from prep.stages.results import Counts
from prep.stages.shared.url.hash_kernels import url_hashes
from prep.stages.upstream import GlobalContext, Upstream

from ..contract import run_task
from ..url.normal_forms import normal_form


class Page(NamedTuple):
    id: str
    url: str | None
    text: str = ""


Parts = Sequence[Sequence[Page]]
SCHEMA = pa.schema([ID, URL, TEXT])


def deduplicate(stage: UniqueUrl, parts: Parts, folder: Path, batch_rows: int = 1000) -> tuple[dict[str, str], Counts]:
    """Return which documents went in favour of which, and the counts, after all phases."""
    extract = stage.tap().open()
    paths, taps = [], []
    for number, part in enumerate(parts):
        table = pa.Table.from_pylist([page._asdict() for page in part], SCHEMA)
        batches = table.to_batches(batch_rows) or [pa.RecordBatch.from_pylist([], SCHEMA)]
        paths.append(str(folder / f"{number:05d}.parquet"))
        with DocumentWriter(paths[-1], SCHEMA) as writer:
            for batch in batches:
                writer.write(batch)
        taps.append(str(folder / f"{number:05d}.arrow"))
        write_arrow(taps[-1], pa.Table.from_batches([extract(batch) for batch in batches]))
    context = GlobalContext(
        Upstream(tuple(paths), tuple(taps), tuple(() for _ in parts)), str(folder / "output"), str(folder / "scratch")
    )
    tasks = [(phase.name, task) for phase in stage.phases(len(parts)) for task in range(phase.tasks)]
    counts = [run_task(stage, phase, task, context) for phase, task in tasks]
    lost: dict[str, str] = {}
    for number, part in enumerate(parts):
        drop = read_arrow(f"{context.output}/drops/{number:05d}.arrow").column("drop").to_pylist()
        rows = pq.read_table(f"{context.output}/rejected/{number:05d}.parquet").to_pylist()
        assert [row["id"] for row in rows] == [page.id for page, gone in zip(part, drop, strict=True) if gone]
        assert all(row["rule"] == "duplicate_url" and row["stage"] == "unique_url" for row in rows)
        lost |= {row["id"]: row["detail"] for row in rows}
    counted = [count for count in counts if count is not None]
    total = Counts(
        sum(count.entered for count in counted),
        sum(count.kept for count in counted),
        {"duplicate_url": sum(count.rejected.get("duplicate_url", 0) for count in counted)},
    )
    return lost, total


def test_one_document_of_each_url_stays(tmp_path: Path) -> None:
    parts = [
        [
            Page("c", "http://www.example.org/a/?b=2&a=1&utm_source=x#top", "long text"),
            Page("x", "http://example.org/A"),
        ],
        [Page("a", "https://EXAMPLE.org:443/./a?a=1&b=2", "text"), Page("b", "example.org/a/index.html?a=1&b=2", "t")],
    ]
    assert deduplicate(UniqueUrl(), parts, tmp_path) == ({"a": "c", "b": "c"}, Counts(4, 2, {"duplicate_url": 2}))


def test_the_keep_policy_chooses(tmp_path: Path) -> None:
    parts = [[Page("b", "a.org", "long"), Page("c", "a.org", "longer")], [Page("a", "a.org", "")]]
    assert deduplicate(UniqueUrl(keep="smallest_id"), parts, tmp_path)[0] == {"b": "a", "c": "a"}


def test_documents_without_a_url_are_never_grouped(tmp_path: Path) -> None:
    """Whatever their ids and texts: twice the same here."""
    parts = [[Page("a", None, "x"), Page("a", None, "x"), Page("b", "", "x")], [Page("c", " \t", "x"), Page("d", None)]]
    assert deduplicate(UniqueUrl(), parts, tmp_path) == ({}, Counts(5, 5, {"duplicate_url": 0}))


@pytest.mark.parametrize(
    ("option", "value", "one", "other"),
    [
        ("ignore_scheme", False, "http://a.org", "https://a.org"),
        ("ignore_www", False, "http://www.a.org", "http://a.org"),
        ("ignore_slash", False, "http://a.org/x/", "http://a.org/x"),
        ("fragments", "keep", "http://a.org/x#y", "http://a.org/x"),
        ("sort_parameters", False, "http://a.org/?a&b", "http://a.org/?b&a"),
        ("drop_parameters", (), "http://a.org/?x=1&FBCLID=7", "http://a.org/?x=1"),
        ("index_files", (), "http://a.org/Index.HTML", "http://a.org/"),
    ],
)
def test_each_option_tells_urls_apart(
    option: str, value: object, one: str, other: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    parts = [[Page("a", one), Page("b", other)]]
    assert deduplicate(UniqueUrl(), parts, tmp_path_factory.mktemp("same"))[0] == {"b": "a"}
    assert deduplicate(UniqueUrl(**{option: value}), parts, tmp_path_factory.mktemp("different"))[0] == {}


def test_a_hashbang_leads_to_a_page_of_its_own(tmp_path: Path) -> None:
    parts = [[Page("a", "http://a.org/#!/x"), Page("b", "http://a.org/#!/y"), Page("c", "http://a.org/#y")]]
    assert deduplicate(UniqueUrl(), parts, tmp_path)[0] == {}
    assert deduplicate(UniqueUrl(fragments="drop"), parts, tmp_path)[0] == {"b": "a", "c": "a"}


SOME_URLS = st.one_of(
    st.none(),
    st.sampled_from(["", "http://a.org", "https://a.org/", "a.org/?x", "a.org/?gclid=1", "//b.org", "//a.org#b"]),
)


@settings(max_examples=40, deadline=None)
@given(urls=st.lists(SOME_URLS, max_size=12), data=st.data())
def test_arrangement_decides_nothing(
    urls: list[str | None], data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    pages = [Page(f"id{number}", url, "x" * (number % 3)) for number, url in enumerate(urls)]
    shuffled = data.draw(st.permutations(pages))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(urls)), max_size=3)))
    parts = [shuffled[start:end] for start, end in pairwise([0, *cuts, len(urls)])]
    expected = deduplicate(UniqueUrl(), [pages], tmp_path_factory.mktemp("whole"))
    assert deduplicate(UniqueUrl(), parts, tmp_path_factory.mktemp("parts"), data.draw(st.integers(1, 5))) == expected


@settings(max_examples=100, deadline=None)
@given(st.lists(st.one_of(SOME_URLS, st.text()), max_size=10))
def test_hashes_are_equal_where_forms_are(urls: list[str | None]) -> None:
    form = UrlForm().compiled()
    hashes, missing = url_hashes(*string_buffers(pa.array(urls, pa.large_string())), form, lower_table())
    empty = [not (url or "").strip("".join(map(chr, range(0x21)))) for url in urls]
    assert missing.tolist() == empty
    forms = [normal_form(url, form) for url, none in zip(urls, empty, strict=True) if url and not none]
    pairs = list(zip(*hashes[:, ~np.array(empty, bool)].tolist(), strict=True))
    assert [pairs.index(pair) for pair in pairs] == [forms.index(url) for url in forms]


@pytest.mark.parametrize(
    ("url", "same"),
    [
        ("http://shop.org/cart;jsessionid=1A2B?item=3", "http://shop.org/cart?item=3"),
        ("http://shop.org/a;JSESSIONID=9.node1/b", "http://shop.org/a/b"),
        ("http://shop.org/a;v=2;jsessionid=9;w", "http://shop.org/a;v=2;w"),
        ("http://shop.org/a?x=1;jsessionid=9&y=2", "http://shop.org/a?x=1&y=2"),
        ("http://shop.org/index.html;jsessionid=9", "http://shop.org/"),
        ("http://shop.org/a;phpsessid", "http://shop.org/a"),
    ],
)
def test_session_ids_in_the_path_are_left_out(url: str, same: str) -> None:
    form = UrlForm().compiled()
    assert normal_form(url, form) == normal_form(same, form)
    assert normal_form("http://shop.org/a;jsessionids=9", form).endswith("/a;jsessionids=9")
