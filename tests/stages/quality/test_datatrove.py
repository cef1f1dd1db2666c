"""Every decision and rejecting rule against datatrove's filters, on real pages and books, given the same words."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
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

from prep.corpus.text.sentences import count_sentences, sentence_table
from prep.stages.quality.clean_lines import CleanLines
from prep.stages.quality.recipe import load_recipe
from prep.stages.quality.rules import Rule
from prep.stages.quality.signals.signals import Signals
from prep.stages.quality.words.splitting import WordSplitter, words_of

from .conftest import documents, judged, run

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
    **{f"duplicated_{n}_n_grams": f"dup_{n}_gram" for n in range(5, 11)},
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
    texts = pages + guide + [book[at : at + 40_000] for book in books for at in range(0, 120_000, 40_000)]
    return [without_blank_lines(text) for text in texts]


def without_blank_lines(text: str) -> str:
    """Return a text in which all blank lines are empty ones between others: the peer takes others for duplicates."""
    return re.sub(r"[^\S\n]*\n[^\S\n]*(?=\n)", "\n", text.replace("\r\n", "\n")).strip("\n")


@pytest.fixture(scope="module")
def some(texts: list[str]) -> list[str]:
    """A third of the texts that have words."""
    return [text for text in texts[::3] if text.strip()]


@pytest.fixture(autouse=True)
def our_words(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the peer's filters our words, by the splitter that the test names or as spaCy, and our sentences."""
    callspec = getattr(request.node, "callspec", None)
    splitter: WordSplitter = callspec.params.get("splitter", "spacy") if callspec else "spacy"

    def split_into_words(text: str, _language: str) -> list[str]:
        return cached_words(text, splitter)

    for module in (gopher_quality_filter, gopher_repetition_filter, fineweb_quality_filter):
        monkeypatch.setattr(module, "split_into_words", split_into_words)
    monkeypatch.setattr(c4_filters, "split_into_sentences", split_into_sentences)


@cache
def cached_words(text: str, splitter: WordSplitter) -> list[str]:
    return words_of(text, splitter)


def split_into_sentences(text: str, _language: str) -> list[None]:
    """Return as many elements as there are sentences; the peer only counts them."""
    data = np.frombuffer(text.encode(), np.uint8)
    return [None] * count_sentences(data, 0, len(data), sentence_table())


FINEWEB = load_recipe("fineweb").rules
ALPHABETIC = "too_few_alphabetic_words"
"""The rule that counts spaCy's tokens, which the peer is not given here (see test_tokens.py)."""
QUALITY = tuple(
    name
    for name in list(FINEWEB)[list(FINEWEB).index("short_doc") : list(FINEWEB).index("lorem_ipsum")]
    if name != ALPHABETIC
)
REPETITION = tuple(list(FINEWEB)[: list(FINEWEB).index("short_doc")])
C4 = ("lorem_ipsum", "curly_bracket", "too_few_sentences")
OWN = ("no_lines", "line_punct_ratio", "short_line_ratio", "char_dup_ratio", "list_ratio")


def rules(names: tuple[str, ...]) -> list[Rule]:
    """Return some of FineWeb's rules, about the text as it is where FineWeb looks at what C4's cleaning leaves."""
    chosen = [FINEWEB[name] for name in names]
    return [replace(rule, signal=rule.signal.removeprefix("cleaned_")) if rule.name in OWN else rule for rule in chosen]


def at(name: str, threshold: float) -> list[Rule]:
    """Return one rule with another threshold."""
    (rule,) = rules((name,))
    return [replace(rule, threshold=threshold)]


Decision = str | None
"""The rule that rejects a document."""


def by_peer(peer: BaseFilter, texts: list[str]) -> list[Decision]:
    results = [peer.filter(Document(text=text, id="")) for text in texts]
    return [None if result is True else RULES.get(result[1], result[1]) for result in results]


def assert_same(stage: Signals | CleanLines, ours: list[Rule], peer: BaseFilter, texts: list[str]) -> Counter[Decision]:
    first = judged([stage], ours, documents(texts)).first
    decisions = [
        "empty" if number >= 0 and ours[number].name == "no_lines" else ours[number].name if number >= 0 else None
        for number in first
    ]
    different = [
        (text[:200], mine, other)
        for text, mine, other in zip(texts, decisions, by_peer(peer, texts), strict=True)
        if mine != other
    ]
    assert different == []
    return Counter(decisions)


@pytest.mark.parametrize("splitter", ["spacy", "unicode", "whitespace"])
def test_gopher_quality_decides_as_the_peer(texts: list[str], splitter: WordSplitter) -> None:
    counts = assert_same(
        Signals(splitter=splitter), rules(QUALITY), GopherQualityFilter(max_non_alpha_words_ratio=None), texts
    )
    assert len(counts) >= 4


# One rule at a time, at a threshold that about half of the documents break.
@pytest.mark.parametrize(
    ("rule", "argument", "threshold"),
    [
        ("short_doc", "min_doc_words", 700),
        ("long_doc", "max_doc_words", 700),
        ("short_words", "min_avg_word_length", 4.7),
        ("long_words", "max_avg_word_length", 4.7),
        ("too_many_hashes", "max_symbol_word_ratio", 0.0001),
        ("too_many_bullets", "max_bullet_lines_ratio", 0.02),
        ("too_many_end_ellipses", "max_ellipsis_lines_ratio", 0.001),
        ("too_few_stop_words", "min_stop_words", 7),
    ],
)
def test_each_gopher_quality_rule_decides_as_the_peer(
    some: list[str], rule: str, argument: str, threshold: float
) -> None:
    ours = at(rule, threshold) + (at("too_many_ellipses", threshold) if argument == "max_symbol_word_ratio" else [])
    peer = GopherQualityFilter(**{**dict.fromkeys(PEER_GOPHER), argument: threshold})
    counts = assert_same(Signals(), ours, peer, some)
    assert min(counts[rule], counts[None]) > 5


PEER_GOPHER = (
    *("min_doc_words", "max_doc_words", "min_avg_word_length", "max_avg_word_length", "max_symbol_word_ratio"),
    *("max_bullet_lines_ratio", "max_ellipsis_lines_ratio", "max_non_alpha_words_ratio", "min_stop_words"),
)


@pytest.mark.parametrize("splitter", ["spacy", "unicode", "whitespace"])
def test_gopher_repetition_decides_as_the_peer(texts: list[str], splitter: WordSplitter) -> None:
    counts = assert_same(Signals(splitter=splitter), rules(REPETITION), GopherRepetitionFilter(), texts)
    assert len(counts) >= 4


@pytest.mark.parametrize(
    ("rule", "argument", "threshold"),
    [
        ("dup_para_frac", "dup_para_frac", 0.005),
        ("dup_para_char_frac", "dup_para_char_frac", 0.001),
        ("dup_line_frac", "dup_line_frac", 0.01),
        ("dup_line_char_frac", "dup_line_char_frac", 0.005),
        *((f"top_{n}_gram", "top_n_grams", limit) for n, limit in ((2, 0.012), (3, 0.01), (4, 0.01))),
        ("dup_5_gram", "dup_n_grams", 0.03),
        *((f"dup_{n}_gram", "dup_n_grams", 0.02) for n in (6, 7, 8, 9, 10)),
    ],
)
def test_each_gopher_repetition_rule_decides_as_the_peer(
    some: list[str], rule: str, argument: str, threshold: float
) -> None:
    off = dict.fromkeys(("dup_line_frac", "dup_para_frac", "dup_line_char_frac", "dup_para_char_frac"))
    value = ((int(rule.split("_")[1]), threshold),) if argument.endswith("grams") else threshold
    peer = GopherRepetitionFilter(**{**off, "top_n_grams": (), "dup_n_grams": (), argument: value})
    counts = assert_same(Signals(), at(rule, threshold), peer, some)
    assert min(counts[rule], counts[None]) > 5


C4_OPTIONS = {"max_word_length": 12, "remove_citations": False, "drop_javascript": False, "drop_policy": False}
PEER_C4_OPTIONS = {
    **{"max_word_length": 12, "remove_citations": False, "filter_javascript": False, "filter_policy": False},
    **{"filter_no_terminal_punct": False, "min_words_per_line": -1, "min_num_sentences": 20},
    **{"filter_lorem_ipsum": False, "filter_curly_bracket": False},
}


@pytest.mark.parametrize(
    ("stage", "peer", "names"),
    [
        (CleanLines(), C4QualityFilter(filter_no_terminal_punct=False), C4),
        (CleanLines(terminal_punctuation=True), C4QualityFilter(), C4),
        (CleanLines(min_words_per_line=None, **C4_OPTIONS), C4QualityFilter(**PEER_C4_OPTIONS), C4[2:]),
    ],
    ids=["fineweb", "c4", "options off"],
)
def test_c4_decides_and_cleans_as_the_peer(
    texts: list[str], stage: CleanLines, peer: C4QualityFilter, names: tuple[str, ...]
) -> None:
    ours = rules(names) if len(names) > 1 else at(names[0], 20)
    counts = assert_same(stage, ours, peer, texts)
    assert min(counts[None], counts["too_few_sentences"]) > 10
    for text, cleaned in zip(texts, run([stage], documents(texts)).column("text").to_pylist(), strict=True):
        document = Document(text=text, id="")
        if peer.filter(document) is True:
            assert cleaned == document.text


@pytest.mark.parametrize("splitter", ["spacy", "unicode", "whitespace"])
def test_fineweb_decides_as_the_peer(texts: list[str], splitter: WordSplitter) -> None:
    counts = assert_same(Signals(splitter=splitter), rules(OWN), FineWebQualityFilter(), texts)
    assert len(counts) >= 4


@pytest.mark.parametrize(
    ("rule", "argument", "threshold"),
    [
        ("line_punct_ratio", "line_punct_thr", 0.35),
        ("short_line_ratio", "short_line_thr", 0.3),
        ("char_dup_ratio", "char_duplicates_ratio", 0.003),
        ("list_ratio", "new_line_ratio", 0.08),
    ],
)
def test_each_fineweb_rule_decides_as_the_peer(some: list[str], rule: str, argument: str, threshold: float) -> None:
    never = {"line_punct_thr": -1, "short_line_thr": 2, "char_duplicates_ratio": 2, "new_line_ratio": 1e9}
    peer = FineWebQualityFilter(**{**never, argument: threshold})
    counts = assert_same(Signals(), at(rule, threshold), peer, some)
    assert min(counts[rule], counts[None]) > 20


def test_the_whole_recipe_decides_as_the_peers_in_a_row(texts: list[str]) -> None:
    """FineWeb's own rules look at what C4's cleaning leaves; the peer's filters hand the cleaned document on."""
    peers = (
        *(GopherRepetitionFilter(), GopherQualityFilter(max_non_alpha_words_ratio=None)),
        *(C4QualityFilter(filter_no_terminal_punct=False), FineWebQualityFilter()),
    )
    expected: list[Decision] = []
    for text in texts:
        document = Document(text=text, id="")
        results = (peer.filter(document) for peer in peers)
        rejected = next((result[1] for result in results if result is not True), None)
        expected.append(None if rejected is None else RULES.get(rejected, rejected))
    recipe = [rule for rule in FINEWEB.values() if rule.name != ALPHABETIC]
    first = judged([Signals(), CleanLines()], recipe, documents(texts)).first
    assert [None if number < 0 else recipe[number].name for number in first] == expected
    assert expected.count(None) > 50
