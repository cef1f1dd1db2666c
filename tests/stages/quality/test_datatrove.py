"""Every decision and rejecting rule against datatrove's filters, on real pages and books, given the same words."""

from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from datatrove.data import Document
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
    c4_filters,
    fineweb_quality_filter,
    gopher_quality_filter,
    gopher_repetition_filter,
)
from datatrove.pipeline.filters.base_filter import BaseFilter
from fastwarc import ArchiveIterator, WarcRecordType
from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.encoding import bytes_to_str, detect_encoding

from prep.corpus.sentences import count_sentences, sentence_table
from prep.corpus.words import Splitter, words
from prep.stages.quality.quality import C4, FineWeb, GopherQuality, GopherRepetition
from prep.stages.stage import RowStage

RULES = {
    "gopher_short_doc": "short_doc",
    "gopher_long_doc": "long_doc",
    "gopher_below_avg_threshold": "short_words",
    "gopher_above_avg_threshold": "long_words",
    "gopher_too_many_hashes": "too_many_hashes",
    "gopher_too_many_ellipsis": "too_many_ellipses",
    "gopher_too_many_bullets": "too_many_bullets",
    "gopher_too_many_end_ellipsis": "too_many_end_ellipses",
    "gopher_below_alpha_threshold": "too_few_alphabetic_words",
    "gopher_enough_stop_words": "too_few_stop_words",
    **{f"duplicated_{n}_n_grams": f"dup_{n}_gram" for n in range(1, 11)},
}
"""The peer's names for rules, where they differ."""


def read_pages(paths: list[Path]) -> Iterator[str]:
    for path in paths:
        with path.open("rb") as stream:
            for record in ArchiveIterator(stream, record_types=WarcRecordType.response):
                body = record.reader.read()
                yield extract_plain_text(bytes_to_str(body, detect_encoding(body) or "utf-8"), main_content=True)


@pytest.fixture(scope="module")
def texts(test_data: Path) -> list[str]:
    """All 302 pages, 100 pages of the installation guide in many languages, and the books in pieces of 40 KB."""
    pages = list(read_pages(sorted((test_data / "web").glob("*.warc.gz"))))
    guide = list(read_pages(sorted((test_data / "docs").glob("*.warc.gz"))))[::32]
    books = [path.read_text("utf-8", errors="replace") for path in sorted((test_data / "books").glob("*.txt"))]
    return pages + guide + [book[at : at + 40_000] for book in books for at in range(0, 120_000, 40_000)]


@pytest.fixture(scope="module")
def some(texts: list[str]) -> list[str]:
    """A third of the texts that have words."""
    return [text for text in texts[::3] if text.strip()]


@pytest.fixture(autouse=True)
def our_words(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the peer's filters our words, by the splitter that the test names or by Unicode, and our sentences."""
    callspec = getattr(request.node, "callspec", None)
    splitter: Splitter = callspec.params.get("splitter", "unicode") if callspec else "unicode"

    def split_into_words(text: str, _language: str) -> list[str]:
        return cached_words(text, splitter)

    for module in (gopher_quality_filter, gopher_repetition_filter, fineweb_quality_filter):
        monkeypatch.setattr(module, "split_into_words", split_into_words)
    monkeypatch.setattr(c4_filters, "split_into_sentences", split_into_sentences)


@cache
def cached_words(text: str, splitter: Splitter) -> list[str]:
    return words(text, splitter)


def split_into_sentences(text: str, _language: str) -> list[None]:
    """Return as many elements as there are sentences; the peer only counts them."""
    data = np.frombuffer(text.encode(), np.uint8)
    return [None] * count_sentences(data, 0, len(data), sentence_table())


Decision = tuple[str | None, str | None]
"""The rule that rejects a document, or the text of one that is kept."""


def by_peer(peer: BaseFilter, text: str) -> Decision:
    document = Document(text=text, id="")
    result = peer.filter(document)
    return (None, document.text) if result is True else (RULES.get(result[1], result[1]), None)


def by_stage(stage: RowStage, texts: list[str]) -> list[Decision]:
    batch, verdicts = stage.open()(pa.record_batch({"text": pa.array(texts, pa.large_string())}))
    assert verdicts is not None
    outcome = zip(verdicts.rule.to_pylist(), batch.column("text").to_pylist(), strict=True)
    return [(rule, None if rule else text) for rule, text in outcome]


def assert_same(stage: RowStage, peer: BaseFilter, texts: list[str]) -> Counter[str | None]:
    ours, theirs = by_stage(stage, texts), [by_peer(peer, text) for text in texts]
    different = [
        (text[:200], mine, other) for text, mine, other in zip(texts, ours, theirs, strict=True) if mine != other
    ]
    assert different == []
    return Counter(rule for rule, _ in ours)


@pytest.mark.parametrize("splitter", ["unicode", "whitespace"])
def test_gopher_quality_decides_as_the_peer(texts: list[str], splitter: Splitter) -> None:
    counts = assert_same(GopherQuality(splitter=splitter), GopherQualityFilter(), texts)
    assert len(counts) >= 4


# One rule at a time, at a threshold that about half of the documents break.
@pytest.mark.parametrize(
    ("rule", "field", "argument", "threshold"),
    [
        ("short_doc", "min_words", "min_doc_words", 700),
        ("long_doc", "max_words", "max_doc_words", 700),
        ("short_words", "min_mean_word_length", "min_avg_word_length", 4.7),
        ("long_words", "max_mean_word_length", "max_avg_word_length", 4.7),
        ("too_many_hashes", "max_hashes_per_word", "max_symbol_word_ratio", 0.0001),
        ("too_many_bullets", "max_bullet_lines", "max_bullet_lines_ratio", 0.02),
        ("too_many_end_ellipses", "max_ellipsis_lines", "max_ellipsis_lines_ratio", 0.001),
        ("too_few_alphabetic_words", "min_alphabetic_words", "max_non_alpha_words_ratio", 0.83),
        ("too_few_stop_words", "min_stop_words", "min_stop_words", 7),
    ],
)
def test_each_gopher_quality_rule_decides_as_the_peer(
    some: list[str], rule: str, field: str, argument: str, threshold: float
) -> None:
    off = {name: None for name in GopherQuality.model_fields if name.startswith(("min_", "max_"))}
    also = {"max_ellipses_per_word": threshold} if argument == "max_symbol_word_ratio" else {}
    stage = GopherQuality(**{**off, field: threshold, **also})
    peer = GopherQualityFilter(**{**dict.fromkeys(PEER_GOPHER), argument: threshold})
    counts = assert_same(stage, peer, some)
    assert min(counts[rule], counts[None]) > 5


PEER_GOPHER = (
    *("min_doc_words", "max_doc_words", "min_avg_word_length", "max_avg_word_length", "max_symbol_word_ratio"),
    *("max_bullet_lines_ratio", "max_ellipsis_lines_ratio", "max_non_alpha_words_ratio", "min_stop_words"),
)


@pytest.mark.parametrize("splitter", ["unicode", "whitespace"])
def test_gopher_repetition_decides_as_the_peer(texts: list[str], splitter: Splitter) -> None:
    counts = assert_same(GopherRepetition(splitter=splitter), GopherRepetitionFilter(), texts)
    assert len(counts) >= 4


@pytest.mark.parametrize(
    ("rule", "field", "argument", "threshold"),
    [
        ("dup_para_frac", "max_duplicate_paragraphs", "dup_para_frac", 0.005),
        ("dup_para_char_frac", "max_duplicate_paragraph_characters", "dup_para_char_frac", 0.001),
        ("dup_line_frac", "max_duplicate_lines", "dup_line_frac", 0.01),
        ("dup_line_char_frac", "max_duplicate_line_characters", "dup_line_char_frac", 0.005),
        *(
            (f"top_{n}_gram", "top_ngrams", "top_n_grams", {n: limit})
            for n, limit in ((1, 0.05), (2, 0.012), (3, 0.01), (4, 0.01))
        ),
        *(
            (f"dup_{n}_gram", "duplicate_ngrams", "dup_n_grams", {n: limit})
            for n, limit in ((2, 0.3), (3, 0.1), (5, 0.03))
        ),
        *((f"dup_{n}_gram", "duplicate_ngrams", "dup_n_grams", {n: 0.02}) for n in (6, 7, 8, 9, 10)),
    ],
)
def test_each_gopher_repetition_rule_decides_as_the_peer(
    some: list[str], rule: str, field: str, argument: str, threshold: float | dict[int, float]
) -> None:
    off = dict.fromkeys(("dup_line_frac", "dup_para_frac", "dup_line_char_frac", "dup_para_char_frac"))
    stage = GopherRepetition(**{**OUR_REPETITION, field: threshold})
    value = tuple(threshold.items()) if isinstance(threshold, dict) else threshold
    peer = GopherRepetitionFilter(**{**off, "top_n_grams": (), "dup_n_grams": (), argument: value})
    counts = assert_same(stage, peer, some)
    assert min(counts[rule], counts[None]) > 5


OUR_REPETITION: dict[str, object] = {
    **dict.fromkeys(("max_duplicate_lines", "max_duplicate_paragraphs")),
    **dict.fromkeys(("max_duplicate_line_characters", "max_duplicate_paragraph_characters")),
    "top_ngrams": {},
    "duplicate_ngrams": {},
}


@pytest.mark.parametrize("terminal", [False, True])
def test_c4_decides_and_cleans_as_the_peer(texts: list[str], terminal: bool) -> None:
    counts = assert_same(C4(terminal_punctuation=terminal), C4QualityFilter(filter_no_terminal_punct=terminal), texts)
    assert len(counts) >= 3


def test_c4_with_options_off_decides_and_cleans_as_the_peer(texts: list[str]) -> None:
    stage = C4(
        max_word_length=12,
        remove_citations=False,
        min_words_per_line=None,
        reject_lorem_ipsum=False,
        drop_javascript=False,
        reject_curly_bracket=False,
        drop_policy=False,
        min_sentences=20,
    )
    peer = C4QualityFilter(
        max_word_length=12,
        remove_citations=False,
        min_words_per_line=-1,
        filter_lorem_ipsum=False,
        filter_javascript=False,
        filter_curly_bracket=False,
        filter_policy=False,
        min_num_sentences=20,
        filter_no_terminal_punct=False,
    )
    counts = assert_same(stage, peer, texts)
    assert min(counts[None], counts["too_few_sentences"]) > 20


@pytest.mark.parametrize("splitter", ["unicode", "whitespace"])
def test_fineweb_decides_as_the_peer(texts: list[str], splitter: Splitter) -> None:
    counts = assert_same(FineWeb(splitter=splitter), FineWebQualityFilter(), texts)
    assert len(counts) >= 4


@pytest.mark.parametrize(
    ("rule", "field", "argument", "threshold"),
    [
        ("line_punct_ratio", "min_punctuated_lines", "line_punct_thr", 0.35),
        ("short_line_ratio", "max_short_lines", "short_line_thr", 0.3),
        ("char_dup_ratio", "max_duplicate_line_characters", "char_duplicates_ratio", 0.003),
        ("list_ratio", "max_newlines_per_word", "new_line_ratio", 0.08),
    ],
)
def test_each_fineweb_rule_decides_as_the_peer(
    some: list[str], rule: str, field: str, argument: str, threshold: float
) -> None:
    off = dict.fromkeys(name for name in FineWeb.model_fields if name.startswith(("min_", "max_")))
    never = {"line_punct_thr": -1, "short_line_thr": 2, "char_duplicates_ratio": 2, "new_line_ratio": 1e9}
    stage = FineWeb(**{**off, field: threshold})
    peer = FineWebQualityFilter(**{**never, argument: threshold})
    counts = assert_same(stage, peer, some)
    assert min(counts[rule], counts[None]) > 20
