"""The counts of the kernels against slow, obvious twins over arbitrary Unicode; the stages' rules and options."""

import re
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
import regex
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from prep.corpus.characters import character_table
from prep.corpus.columns import string_buffers
from prep.corpus.documents import TEXT
from prep.corpus.sentences import count_sentences, sentence_table
from prep.corpus.words import Splitter, word_table, words
from prep.stages.quality.quality import C4, FineWeb, GopherQuality, GopherRepetition
from prep.stages.quality.quality_kernels import FINEWEB, GOPHER, fineweb_counts, gopher_counts, word_set
from prep.stages.quality.repetition_kernels import PIECES, ngram_characters, piece_counts
from prep.stages.stage import CheckContext, Outcome, RowStage

SPLITTERS: tuple[Splitter, ...] = ("unicode", "whitespace")
STOP_WORDS = ("the", "of", "l", "你", "sehr")

PIECES_OF_TEXT = st.lists(
    st.sampled_from(
        [
            *(
                "the",
                "of",
                "The",
                "word",
                "ab c",
                "a bc",
                "你",
                "l'été",
                "…",
                "...",
                "....",
                "•",
                "-",
                "#",
                "##",
                ".",
                "»",
            ),
            *(
                " ",
                " ",
                "\n",
                "\n\n",
                "\n \n",
                "\r\n",
                "\r",
                "\u2028",
                "\x85",
                "\x0b",
                "\x1c",
                "\t",
                "\u3000",
                "\u200b",
            ),
            *(
                "[12]",
                "[]",
                "[edit]",
                "[citation needed]",
                "[٣]",
                "[1",
                "lorem ipsum",
                "Lorem Ipsum",
                "{",
                "JavaScript",
            ),
            *(
                "Use Cookies",
                "privacy policy",
                "One. Two! Three?",
                "x" * 20,
                "é" * 13,
                "🇩🇪🇩",
                "1 2 3",
                "full stop.",
                "？",
            ),
        ]
    )
).map("".join)
TEXTS = st.lists(st.one_of(st.text(), PIECES_OF_TEXT, st.text(st.sampled_from("ab \n."))), max_size=4)


def column(texts: list[str]) -> pa.LargeStringArray:
    """Return the texts as rows in the middle of a longer column."""
    return pa.array(["é", *texts, "x y"], pa.large_string()).slice(1, len(texts))


def run(stage: RowStage, texts: list[str]) -> Outcome:
    return stage.open()(pa.record_batch({"text": column(texts)}))


def rules_of(stage: RowStage, texts: list[str]) -> list[str | None]:
    verdicts = run(stage, texts).verdicts
    assert verdicts is not None
    rules: list[str | None] = verdicts.rule.to_pylist()
    return rules


def flagged(word: str) -> bool:
    """Return whether a word is punctuation alone, by the character table itself."""
    table = character_table()
    return all(table[ord(character)] & 1 for character in word)


def slow_gopher(text: str, splitter: Splitter) -> tuple[int, ...]:
    found = words(text, splitter)
    plain = [word for word in found if not flagged(word)]
    lines = [line.strip() for line in text.splitlines()]
    return (
        len(found),
        len(plain),
        sum(map(len, plain)),
        sum(bool(regex.search(r"\p{L}", word)) for word in found),
        len(set(STOP_WORDS) & set(found)),
        text.count("#"),
        text.count("...") + text.count("…"),
        len(lines),
        sum(line.startswith(("•", "-")) for line in lines),
        sum(line.endswith(("...", "…")) for line in lines),
    )


@settings(max_examples=300, deadline=None)
@given(TEXTS, st.sampled_from(SPLITTERS))
def test_gopher_counts(texts: list[str], splitter: Splitter) -> None:
    stop_words = word_set(*string_buffers(pa.array(STOP_WORDS, pa.large_string())))
    data, offsets = string_buffers(column(texts))
    counts = gopher_counts(data, offsets, word_table(splitter), character_table(), stop_words, 4)
    assert [tuple(row) for row in counts.tolist()] == [slow_gopher(text, splitter) for text in texts]
    assert counts.shape[1] == len(GOPHER)


def slow_fineweb(text: str, splitter: Splitter, short: int) -> tuple[int, ...]:
    lines = [line for line in text.split("\n") if line.strip()]
    seen: set[str] = set()
    duplicates = 0
    for line in lines:
        duplicates += len(line) if line in seen else 0
        seen.add(line)
    return (
        len(words(text, splitter)),
        text.count("\n"),
        len(text.replace("\n", "")),
        len(lines),
        sum(bool(regex.search(r"[\p{Sentence_Terminal}\u17d6\u17d9\u17da]\Z", line)) for line in lines),
        sum(len(line) <= short for line in lines),
        duplicates,
    )


@settings(max_examples=300, deadline=None)
@given(TEXTS, st.sampled_from(SPLITTERS), st.integers(1, 10))
def test_fineweb_counts(texts: list[str], splitter: Splitter, short: int) -> None:
    data, offsets = string_buffers(column(texts))
    counts = fineweb_counts(data, offsets, word_table(splitter), character_table(), short)
    assert [tuple(row) for row in counts.tolist()] == [slow_fineweb(text, splitter, short) for text in texts]
    assert counts.shape[1] == len(FINEWEB)


def slow_duplicates(pieces: list[str]) -> tuple[int, int, int]:
    extra = [piece for index, piece in enumerate(pieces) if piece in pieces[:index]]
    return len(pieces), len(extra), sum(map(len, extra))


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_piece_counts(texts: list[str]) -> None:
    data, offsets = string_buffers(column(texts))
    counts = piece_counts(data, offsets, character_table())
    assert [tuple(row) for row in counts.tolist()] == [
        (
            len(text),
            *slow_duplicates(re.split("\n{2,}", text.strip())),
            *slow_duplicates(re.split("\n+", text)),
        )
        for text in texts
    ]
    assert counts.shape[1] == len(PIECES)


def slow_top(found: list[str], n: int) -> int:
    grams = [tuple(found[at : at + n]) for at in range(len(found) - n + 1)]
    if not grams:
        return 0
    gram, times = Counter(grams).most_common(1)[0]
    return len(" ".join(gram)) * times


def slow_duplicate(found: list[str], n: int) -> int:
    seen: set[tuple[str, ...]] = set()
    total = at = 0
    while at <= len(found) - n:
        gram = tuple(found[at : at + n])
        if gram in seen:
            total += len("".join(gram))
            at += n
        else:
            seen.add(gram)
            at += 1
    return total


@settings(max_examples=500, deadline=None)
@given(TEXTS, st.sampled_from(SPLITTERS), st.integers(1, 4), st.integers(0, 4), st.integers(0, 5))
@example(["a a a a a a a a a b a a a a"], "unicode", 1, 4, 0)
@example(["ab c a bc ab c"], "unicode", 1, 1, 0)
def test_ngram_characters(texts: list[str], splitter: Splitter, shortest: int, more: int, skipped: int) -> None:
    data, offsets = string_buffers(column(texts))
    top, duplicate = ngram_characters(data, offsets, word_table(splitter), shortest, shortest + more, skipped)
    lengths = range(shortest, shortest + more + 1)
    found = [words(text, splitter) for text in texts]
    assert top.tolist() == [[slow_top(each, n) for n in lengths] for each in found]
    assert duplicate.tolist() == [[slow_duplicate(each, n) if n >= skipped else 0 for n in lengths] for each in found]


def slow_c4(text: str, stage: C4) -> tuple[str | None, str | None]:
    policies = ("terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies")
    kept, sentences = [], 0
    for raw in text.splitlines():
        line = raw.strip()
        parts = line.split()
        if stage.max_word_length and any(len(part) > stage.max_word_length for part in parts):
            continue
        if stage.remove_citations:
            line = regex.sub(r"\[\p{Nd}*\]|\[edit\]|\[citation needed\]", "", line)
        if stage.terminal_punctuation and (not line.endswith((".", "?", "!", '"', "'")) or line.endswith("...")):
            continue
        if len(parts) < (stage.min_words_per_line or 0):
            continue
        lower = re.sub("[A-Z]+", lambda match: match.group().lower(), line)
        if stage.reject_lorem_ipsum and "lorem ipsum" in lower:
            return "lorem_ipsum", None
        if stage.drop_javascript and "javascript" in lower:
            continue
        if stage.reject_curly_bracket and "{" in line:
            return "curly_bracket", None
        if stage.drop_policy and any(policy in lower for policy in policies):
            continue
        encoded = np.frombuffer(line.encode(), np.uint8)
        sentences += count_sentences(encoded, 0, len(encoded), sentence_table())
        kept.append(line)
    if stage.min_sentences and sentences < stage.min_sentences:
        return "too_few_sentences", None
    return None, "\n".join(kept).strip()


C4_STAGES = st.builds(
    C4,
    max_word_length=st.sampled_from([None, 12]),
    remove_citations=st.booleans(),
    terminal_punctuation=st.booleans(),
    min_words_per_line=st.sampled_from([None, 1, 2]),
    reject_lorem_ipsum=st.booleans(),
    drop_javascript=st.booleans(),
    reject_curly_bracket=st.booleans(),
    drop_policy=st.booleans(),
    min_sentences=st.sampled_from([None, 1, 3]),
)


@settings(max_examples=400, deadline=None)
@given(TEXTS, C4_STAGES)
@example(["[1] [2] [3]\nstop[4]. \n[edit][12[3]\n[1]\u3000a b c"], C4(min_sentences=None, min_words_per_line=None))
def test_c4_lines(texts: list[str], stage: C4) -> None:
    batch, verdicts = run(stage, texts)
    assert verdicts is not None
    outcome = zip(verdicts.rule.to_pylist(), batch.column("text").to_pylist(), strict=True)
    assert [(rule, None if rule else text) for rule, text in outcome] == [slow_c4(text, stage) for text in texts]


PROSE = "The words of the day, and that is what we have with us. " * 20


def test_a_verdict_carries_the_rule_and_the_value() -> None:
    verdicts = run(GopherQuality(), [PROSE, "One two. Three", PROSE.replace("The ", "# # # # "), ""]).verdicts
    assert verdicts is not None
    assert verdicts.rule.to_pylist() == [None, "short_doc", "too_many_hashes", "short_doc"]
    assert verdicts.failed is None
    assert verdicts.value is not None
    kept, short, hashes, empty = verdicts.value.to_pylist()
    assert (kept, short, empty) == (None, 3, 0)
    assert hashes == pytest.approx(4 / len(words(PROSE.replace("The ", "# # # # ")[:60], "unicode")), rel=0.1)


def test_the_first_rule_in_order_is_named_and_null_switches_it_off() -> None:
    short = "Alpha beta gamma " * 3
    assert rules_of(GopherQuality(), [short]) == ["short_doc"]
    assert rules_of(GopherQuality(min_words=None), [short]) == ["too_few_stop_words"]
    assert rules_of(GopherQuality(min_words=None, min_stop_words=None), [short]) == [None]


def test_without_words_no_ratio_rejects() -> None:
    assert rules_of(GopherQuality(min_words=None, min_stop_words=None), ["", " \n\u3000"]) == [None, None]
    assert rules_of(GopherRepetition(), ["", " \n\u3000"]) == ["empty", None]
    assert rules_of(FineWeb(), ["", " \n\u3000"]) == ["empty", "empty"]
    assert rules_of(C4(), [""]) == ["too_few_sentences"]


def test_ngrams_keep_their_word_borders() -> None:
    stage = GopherRepetition(top_ngrams={2: 0.3}, duplicate_ngrams={2: 0.3}, splitter="whitespace")
    assert rules_of(stage, ["ab c x a bc y abc z", "ab c x ab c y ab c z"]) == [None, "top_2_gram"]


def test_stop_words_are_compared_as_they_are() -> None:
    stage = GopherQuality(min_words=None, min_alphabetic_words=None, stop_words=("und", "été", "der"), min_stop_words=2)
    assert rules_of(stage, ["und der", "Und der", "une été und", "ete und"]) == [
        *(None, "too_few_stop_words", None, "too_few_stop_words")
    ]


def test_null_text_counts_as_empty_and_small_offsets_work() -> None:
    batch = pa.record_batch({"text": pa.array([None, PROSE], pa.string()), "id": ["a", "b"]})
    for stage, rule in ((GopherQuality(), "short_doc"), (C4(), "too_few_sentences"), (FineWeb(), "empty")):
        outcome = stage.open()(batch)
        assert outcome.verdicts is not None
        assert outcome.verdicts.rule[0].as_py() == rule
        assert outcome.batch.column("id").to_pylist() == ["a", "b"]
        assert outcome.batch.schema == stage.output_schema(batch.schema)
    assert C4().output_schema(batch.schema).field("text") == TEXT


def test_an_empty_batch_gives_an_empty_outcome() -> None:
    for stage in (GopherQuality(), GopherRepetition(), C4(), FineWeb()):
        batch, verdicts = run(stage, [])
        assert batch.num_rows == 0
        assert verdicts is not None
        assert len(verdicts.rule) == 0


@settings(max_examples=30, deadline=None)
@given(TEXTS.filter(bool), st.integers(0, 3))
def test_a_row_depends_on_itself_alone(texts: list[str], which: int) -> None:
    for stage in (GopherQuality(min_words=3), GopherRepetition(), C4(min_sentences=1), FineWeb()):
        together = run(stage, texts)
        assert together.verdicts is not None
        index = which % len(texts)
        alone = run(stage, [texts[index]])
        assert alone.verdicts is not None
        assert alone.verdicts.rule[0] == together.verdicts.rule[index]
        assert alone.batch.column("text")[0] == together.batch.column("text")[index]


@pytest.mark.parametrize(
    "text",
    [
        "word " * 2_000_000,  # one line of 10 MB that is one n-gram
        "a" * 10_000_000,
        "same line\n" * 1_000_000,
        "\n" * 10_000_000,
        "." * 10_000_000,
        "[1" * 5_000_000,
        "e\u0301" * 3_000_000,
        " ".join(map(str, range(1_500_000))),
        "\u2028".join(["use cookie"] * 700_000),
    ],
    ids=["one gram", "one word", "equal lines", "newlines", "dots", "brackets", "marks", "all different", "separators"],
)
def test_hostile_documents_take_linear_time(text: str) -> None:
    """Ten million bytes of the worst; quadratic work would take days."""
    for stage in (GopherQuality(), GopherRepetition(), C4(), FineWeb()):
        assert len(rules_of(stage, [text, "short"])) == 2


def context(stage: RowStage) -> CheckContext:
    return CheckContext(pa.schema([TEXT]), 0, frozenset())


def test_stop_words_that_the_splitter_never_gives_are_problems() -> None:
    stage = GopherQuality(stop_words=("the", "in fact", "d'"), min_stop_words=4)
    seen = [(problem.field, problem.seen) for problem in stage.problems(context(stage))]
    assert seen == [
        (("stop_words", 1), "'in' and 'fact'"),
        (("stop_words", 2), "'d' and \"'\""),
        (("min_stop_words",), "4"),
    ]
    assert not list(GopherQuality().problems(context(stage)))


def test_bounds_are_checked() -> None:
    with pytest.raises(ValidationError, match="less than or equal to 1"):
        FineWeb(max_short_lines=67)
    with pytest.raises(ValidationError, match="greater than or equal to 1"):
        GopherRepetition(top_ngrams={0: 0.2})
    with pytest.raises(ValidationError, match="unicode"):
        GopherQuality(splitter="spacy")
    with pytest.raises(ValidationError, match="Extra inputs"):
        C4(min_sentence=3)  # type: ignore[call-arg]


def test_every_option_is_described() -> None:
    for stage in (GopherQuality, GopherRepetition, C4, FineWeb):
        assert all(field.description for field in stage.model_fields.values())
