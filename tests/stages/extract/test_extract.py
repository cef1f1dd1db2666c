"""From pages to text: real pages, mixed sources, hostile and broken ones."""

from collections import Counter
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pytest
from fastwarc import ArchiveIterator, WarcRecordType
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from prep.corpus.arrow.documents import CHARSET, HTML, ID, TEXT, URL
from prep.stages.extract.content import Content
from prep.stages.extract.extract import Extract
from prep.stages.extract.html.cost_kernels import (
    FORMATTING,
    LIKE_ELEMENTS,
    OPTIONAL,
    RAW,
    VOID,
    kinds_by_slot,
    parse_cost,
)
from prep.stages.stage import CheckContext
from prep.stages.verdicts import Outcome

ARTICLE = b"""<html><head><title>Bees</title></head><body><nav><a href=/>Home</a><a href=/x>About</a></nav>
<article><h1>Bees</h1><p>Bees fly from flower to flower and bring home what they find there.</p>
<p>In winter they stay inside and keep each other warm.</p></article>
<footer>All rights reserved</footer></body></html>"""


def pages(*html: bytes | None, charsets: list[str | None] | None = None) -> pa.RecordBatch:
    return pa.record_batch(
        {
            "id": pa.array([str(row) for row in range(len(html))], ID.type),
            "html": pa.array(html, HTML.type),
            "charset": pa.array(charsets or [None] * len(html), CHARSET.type),
        }
    )


def rules(outcome: Outcome) -> list[str | None]:
    if outcome.verdicts is None:
        return [None] * outcome.batch.num_rows
    found: list[str | None] = outcome.verdicts.rule.to_pylist()
    return found


@pytest.mark.parametrize("stage", [Extract(), Extract(engine="trafilatura"), Extract(engine="resiliparse")])
def test_keeps_the_article_and_leaves_the_frame(stage: Extract) -> None:
    batch, verdicts = stage.open()(pages(ARTICLE))
    assert verdicts is None
    assert batch.schema.names[:2] == ["id", "text"]
    assert "html" not in batch.schema.names
    text = batch.column("text")[0].as_py()
    assert "Bees fly from flower" in text
    assert "keep each other warm" in text
    assert "All rights reserved" not in text


@pytest.mark.parametrize("engine", ["prep", "resiliparse"])
def test_all_text_on_demand(engine: Literal["prep", "resiliparse"]) -> None:
    text = Extract(engine=engine, main_content=False).open()(pages(ARTICLE)).batch.column("text")[0].as_py()
    assert "All rights reserved" in text


def test_honours_the_declared_character_set() -> None:
    html = "<p>Příliš žluťoučký kůň úpěl ďábelské ódy a všichni ho slyšeli.</p>".encode("iso-8859-2")
    outcome = Extract(main_content=False).open()(pages(html, charsets=["iso-8859-2"]))
    assert outcome.batch.column("text")[0].as_py().startswith("Příliš žluťoučký kůň")


def test_the_character_set_and_how_it_was_found_are_columns() -> None:
    german = "<p>Der Pegel an der Mühle wurde täglich gelesen, auch an Festtagen.</p>".encode()
    outcome = Extract(main_content=False).open()(pages(german, german, charsets=["iso-8859-1", "UTF8"]))
    assert outcome.batch.column("charset").to_pylist() == ["utf-8", "utf-8"]
    assert outcome.batch.column("charset_origin").to_pylist() == ["detected", "transport"]


def test_documents_that_came_as_text_pass_untouched() -> None:
    batch = pages(ARTICLE, None).append_column(TEXT, pa.array([None, "  as it came\n"], TEXT.type))
    outcome = Extract().open()(batch)
    assert outcome.verdicts is None
    assert outcome.batch.column("text")[1].as_py() == "  as it came\n"


def test_the_schema_is_what_comes_out() -> None:
    batch = pages(ARTICLE).append_column(URL, pa.array(["u"], URL.type))
    stage = Extract()
    assert stage.open()(batch).batch.schema.equals(stage.output_schema(batch.schema))


def test_what_is_known_of_a_document_stays_and_the_rest_is_filled() -> None:
    batch = pages(ARTICLE, ARTICLE).append_column("title", pa.array(["Known", None]))
    batch = batch.append_column("headers", pa.array(["link: x", None]))
    found = Extract().open()(batch).batch
    assert found.column("title").to_pylist() == ["Known", "Bees"]
    assert "headers" not in found.schema.names
    assert found.schema.equals(Extract().output_schema(batch.schema))


def test_pages_without_text_and_undecodable_ones_are_rejected() -> None:
    outcome = Extract().open()(pages(b"<html><body><img src=x></body></html>", b"\xff\xfe" + b"\x00\xd8" * 99))
    assert rules(outcome) == ["no_text", "bad_encoding"]
    assert outcome.verdicts is not None
    assert outcome.verdicts.value is not None
    assert outcome.verdicts.value.to_pylist()[1] > 0.5


HOSTILE = {
    "a million nested elements": b"<div>" * 1_000_000,
    "a million attributes": b"<p " + b" ".join(b"a%d" % number for number in range(1_000_000)) + b">x",
    "formatting that is built again": b"".join(b"<b a=%d>" % n for n in range(3000)) + b"<p>x" * 3000,
    "nested tables": b"<table><tr><td>" * 20_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_pages_that_would_cost_too_much_are_rejected(name: str) -> None:
    outcome = Extract(engine="resiliparse").open()(pages(HOSTILE[name], ARTICLE))
    assert rules(outcome) == ["too_complex", None]


@pytest.mark.parametrize("name", HOSTILE)
def test_our_engine_reads_what_costs_libraries_too_much(name: str) -> None:
    page = pages(HOSTILE[name] + b"<p>the end")
    assert rules(Extract(max_cost=2_000_000).open()(page)) == [None]
    outcome = Extract(max_cost=2_000_000, main_content=False).open()(page)
    assert outcome.batch.column("text")[0].as_py().endswith("the end")


def test_pages_of_too_many_tags_are_rejected() -> None:
    outcome = Extract(max_cost=100).open()(pages(b"<b>x</b>" * 50, b"<b>x</b>" * 51))
    assert rules(outcome) == [None, "too_complex"]
    assert outcome.verdicts is not None
    assert outcome.verdicts.value is not None
    assert outcome.verdicts.value.to_pylist() == [None, 102.0]


@pytest.mark.parametrize("page", [b"<div>" * 1000 + b"deep", b"<!--" * 90_000, b"<p>x" * 50_000, b"\0" * 100, b"<"])
def test_odd_pages_that_are_cheap_go_through(page: bytes) -> None:
    assert rules(Extract(main_content=False).open()(pages(page)))[0] in {None, "no_text", "bad_encoding"}


def test_an_extractor_that_breaks_fails_its_page_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(page: bytes, url: str | None, latest: date) -> Content:
        if b"Bees" in page:
            raise RuntimeError("stung")
        return Content(page.decode())

    monkeypatch.setattr(Extract, "_extractor", lambda stage: breaks)
    outcome = Extract().open()(pages(ARTICLE, b"<p>x"))
    assert rules(outcome) == ["extractor_error", None]
    assert outcome.verdicts is not None
    assert outcome.verdicts.failed is not None
    assert outcome.verdicts.failed.to_pylist() == [True, False]
    assert outcome.verdicts.detail is not None
    assert outcome.verdicts.detail.to_pylist()[0] == "RuntimeError: stung"


def test_what_trafilatura_cannot_do_is_a_problem() -> None:
    context = CheckContext(pa.schema([HTML]), 1, frozenset())
    (problem,) = Extract(engine="trafilatura", main_content=False).problems(context)
    assert problem.field == ("main_content",)
    assert list(Extract().problems(context)) == []
    assert list(Extract(engine="trafilatura", mode="fast").problems(context)) == []


@pytest.mark.parametrize("engine", ["prep", "resiliparse"])
def test_modes_are_trafilaturas_alone(engine: Literal["prep", "resiliparse"]) -> None:
    context = CheckContext(pa.schema([HTML]), 1, frozenset())
    (problem,) = Extract(engine=engine, mode="precision").problems(context)
    assert problem.field == ("mode",)


def test_other_engines_and_modes_are_refused() -> None:
    with pytest.raises(ValidationError):
        Extract.model_validate({"engine": "bs4"})


@pytest.fixture(scope="module")
def real_pages(test_data: Path) -> list[bytes]:
    found = []
    for path in sorted((test_data / "web").glob("*.warc.gz")):
        with path.open("rb") as stream:
            found += [record.reader.read() for record in ArchiveIterator(stream, record_types=WarcRecordType.response)]
    return found


def test_real_pages_have_text_and_are_within_the_bound(real_pages: list[bytes]) -> None:
    outcome = Extract().open()(pages(*real_pages[::3]))
    assert set(rules(outcome)) <= {None, "no_text"}
    assert rules(outcome).count(None) > 95
    kinds = kinds_by_slot()
    costs = [parse_cost(np.frombuffer(page, np.uint8), kinds) for page in real_pages]
    assert max(costs) < 100_000


KINDS = {
    **dict.fromkeys("area base br col embed hr img input link meta param source track wbr".split(), VOID),
    **dict.fromkeys("html head body p li dt dd option tr td th tbody thead tfoot optgroup caption".split(), OPTIONAL),
    **dict.fromkeys("a b big code em font i nobr s small strike strong tt u".split(), FORMATTING),
    **dict.fromkeys("script style textarea title xmp iframe noembed noframes".split(), RAW),
}
Tag = tuple[bool, str, tuple[str, ...]]


def slow_cost(tags: list[Tag]) -> int:
    """Return the cost of a page that is nothing but these tags, by the names themselves."""
    cost, opened, variants = 0, Counter[str](), dict[str, set[tuple[str, ...]]]()

    def rebuilt() -> int:
        return sum(min(opened[name], LIKE_ELEMENTS * len(kinds)) for name, kinds in variants.items())

    for closing, name, attributes in tags:
        kind = KINDS.get(name)
        cost += 1 + len(attributes) ** 2 // 500
        if not closing:
            cost += sum(opened.values()) // 50 + rebuilt()
        if kind in (VOID, OPTIONAL):
            continue
        if not closing:
            opened[name] += 1
            if kind == FORMATTING:
                variants.setdefault(name, set()).add(attributes)
        elif opened[name]:
            opened[name] -= 1
    return cost


TAG: Callable[..., st.SearchStrategy[Tag]] = st.tuples
NAMES = st.sampled_from(["div", "p", "b", "i", "font", "br", "td", "section", "span", "x-y"])


@given(st.lists(TAG(st.booleans(), NAMES, st.lists(st.sampled_from(["a", "b=1", 'c="x y"']), max_size=3).map(tuple))))
def test_the_cost_is_that_of_the_slow_reference_implementation(tags: list[Tag]) -> None:
    tags = [(closing, name, () if closing else attributes) for closing, name, attributes in tags]
    page = "".join(
        f"</{name}>" if closing else f"<{' '.join((name, *attributes))}>text" for closing, name, attributes in tags
    ).encode()
    assert parse_cost(np.frombuffer(page, np.uint8), kinds_by_slot()) == slow_cost(tags)


@pytest.mark.parametrize(
    ("page", "cost"),
    [
        (b"", 0),
        (b"no tags < here > 1 <2>", 0),
        (b"<!-- <b><b><b> --><p>", 1),
        (b"<script>if (a<b) { '<p><p>' }</script><p>", 3),
        (b"<a title='<p> > <p>'>", 1),
        (b"<p", 1),
        (b"<p a='never closed", 1),
    ],
)
def test_what_is_no_tag_costs_nothing(page: bytes, cost: int) -> None:
    assert parse_cost(np.frombuffer(page, np.uint8), kinds_by_slot()) == cost


@given(st.binary(max_size=300))
def test_any_bytes_have_a_cost(page: bytes) -> None:
    assert 0 <= parse_cost(np.frombuffer(page, np.uint8), kinds_by_slot()) <= len(page) ** 2 + 1
