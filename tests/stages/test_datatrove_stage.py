"""datatrove's own filters and formatters as stages, against running them directly."""

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pytest
from datatrove.data import Document
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherRepetitionFilter,
    RegexFilter,
    URLFilter,
)
from datatrove.pipeline.filters.base_filter import BaseFilter
from datatrove.pipeline.formatters import PIIFormatter
from datatrove.pipeline.formatters.base import BaseFormatter

from prep.pipeline.execution.isolation import isolate
from prep.stages.datatrove.datatrove_stage import DatatroveStage
from prep.stages.stage import CheckContext
from prep.stages.verdicts import Outcome

CONTEXT = CheckContext(pa.schema({"id": pa.string(), "text": pa.large_string()}), 0, frozenset())
FILTERS = "datatrove.pipeline.filters."
FORMATTERS = "datatrove.pipeline.formatters."
LIST = "\n".join(["item"] * 30)
PROSE = "It rained all day. The river rose over its banks. Nobody went out. The mail was late. We waited for news."
CURLY = PROSE + "\nfunction() { return; }"
TEXTS = [PROSE, LIST, CURLY, "x", f"{PROSE}\nPlease enable javascript now.\nThe end was near.", PROSE * 3]


class Counting(BaseFilter):  # type: ignore[misc]
    """A filter that somebody might write: batches, metadata, no reasons, and an error."""

    def __init__(self, least: int) -> None:
        super().__init__(batch_size=2)
        self.least = least

    def filter_batch(self, batch: list[Document]) -> list[bool | tuple[bool, str]]:
        assert len(batch) <= 2
        return [self.filter(document) for document in batch]

    def filter(self, doc: Document) -> bool | tuple[bool, str]:
        if doc.text == "x":
            raise ValueError("no x")
        doc.metadata["words"] = len(doc.text.split())
        if "url" in doc.metadata:
            doc.metadata["host"] = doc.metadata["url"].split("/")[2]
        return bool(doc.metadata["words"] >= self.least)


class NeitherFilterNorFormatter:
    pass


def batch(texts: list[str | None], **columns: list[object]) -> pa.RecordBatch:
    ids = [str(row) for row in range(len(texts))]
    return pa.record_batch({"id": ids, "text": pa.array(texts, pa.large_string()), **columns})


def decisions(outcome: Outcome) -> list[tuple[str | None, str | None]]:
    assert outcome.verdicts is not None
    rules, texts = outcome.verdicts.rule.to_pylist(), outcome.batch.column("text").to_pylist()
    return [(rule, None if rule else text) for rule, text in zip(rules, texts, strict=True)]


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        (C4QualityFilter, {"filter_no_terminal_punct": False}),
        (GopherRepetitionFilter, {}),
        (FineWebQualityFilter, {"short_line_length": 20}),
        (RegexFilter, {"regex_exp": "rained"}),
    ],
)
def test_filters_decide_as_they_do_alone(kind: type[BaseFilter], arguments: Mapping[str, object]) -> None:
    pytest.importorskip("spacy", reason="datatrove's filters split words with spaCy: pip install -e '.[benchmarks]'")
    stage = DatatroveStage.model_validate({"step": FILTERS + kind.__name__, "arguments": arguments})
    assert list(stage.problems(CONTEXT)) == []
    direct = kind(**arguments)
    expected = []
    for text in TEXTS:
        document = Document(text, "")
        result = direct.filter(document)
        kept, reason = result if isinstance(result, tuple) else (result, "regex_filter")
        expected.append((None, document.text) if kept else (reason, None))
    assert decisions(stage.open()(batch(list(TEXTS)))) == expected
    assert any(rule for rule, _ in expected)
    assert any(text for _, text in expected)


@pytest.mark.filterwarnings("ignore:The 'registered_domain' property")
def test_other_columns_are_metadata() -> None:
    for library in ("tldextract", "fasteners"):
        pytest.importorskip(library, reason="datatrove's URLFilter needs it: pip install -e '.[benchmarks]'")
    stage = DatatroveStage(
        step=FILTERS + "URLFilter", arguments={"extra_domains": ["bad-site.com"], "use_integrated_lists": False}
    )
    texts = ["one", "two"]
    urls = ["https://bad-site.com/page", "https://good-site.com/page"]
    outcome = stage.open()(batch(list(texts), url=list(urls), html=[b"<p>", b"\xff"]))
    direct = URLFilter(extra_domains=["bad-site.com"], use_integrated_lists=False)
    expected = [direct.filter(Document(text, "", metadata={"url": url})) for text, url in zip(texts, urls, strict=True)]
    assert [rule for rule, _ in decisions(outcome)] == [expected[0][1], None]
    assert outcome.batch.column("html").to_pylist() == [b"<p>", b"\xff"]


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [(PIIFormatter, {"remove_ips": False}), (PIIFormatter, {"email_replacement": ["a@b.org", "c@d.org"]})],
)
def test_formatters_give_what_they_give_a_first_document(
    kind: type[BaseFormatter], arguments: Mapping[str, object]
) -> None:
    stage = DatatroveStage.model_validate({"step": FORMATTERS + kind.__name__, "arguments": arguments})
    texts = ["Write to ann@mail.com or bo@mail.com, or to 8.8.8.8.", "Only cy@mail.com", "nobody"]
    expected = [(None, kind(**arguments).format(text)) for text in texts]
    assert decisions(stage.open()(batch(list(texts)))) == expected
    assert decisions(stage.open()(batch(list(texts)).slice(1))) == expected[1:]


def test_a_filter_of_one_s_own() -> None:
    stage = DatatroveStage(step=f"{__name__}.Counting", arguments={"least": 2}, adds={"words": "int", "host": "string"})
    documents = batch(["a b c", "x", None, "a", "d e"], url=["http://h/1", None, None, None, "http://g/2"])
    outcome = isolate(stage.open(), documents)
    assert outcome.verdicts is not None
    assert outcome.verdicts.rule.to_pylist() == [None, "ValueError", "counting", "counting", None]
    assert outcome.verdicts.failed is not None
    assert outcome.verdicts.failed.fill_null(False).to_pylist() == [False, True, False, False, False]
    kept = outcome.batch.filter(outcome.verdicts.rule.is_null())
    assert kept.column("words").to_pylist() == [3, 2]
    assert kept.column("host").to_pylist() == ["h", "g"]
    plain = stage.open()(documents.slice(4))
    assert plain.batch.schema == stage.output_schema(documents.schema)
    assert Path(stage.files()["step"]) == Path(__file__)
    assert DatatroveStage(step=FILTERS + "URLFilter").files() == {}


@pytest.mark.parametrize(
    ("step", "arguments", "expected"),
    [
        ("datatrove.pipeline.filters.Gopher", {}, "cannot import datatrove.pipeline.filters.Gopher"),
        ("no_such_module.Filter", {}, "cannot import no_such_module.Filter: No module named"),
        ("datatrove.pipeline.readers.JsonlReader", {}, "is no filter or formatter of datatrove"),
        (FILTERS + "GopherQualityFilter", {"min_word": 3}, "argument 'min_word'; it takes min_doc_words, "),
        (FILTERS + "RegexFilter", {}, "missing a required argument: 'regex_exp'"),
        (FILTERS + "SamplerFilter", {}, "depends on the order of documents; use the stage 'sample'"),
    ],
)
def test_what_cannot_work_is_found_before(step: str, arguments: dict[str, object], expected: str) -> None:
    stage = DatatroveStage.model_validate({"step": step, "arguments": arguments})
    (problem,) = stage.problems(CONTEXT)
    assert expected in str(problem)
