"""What is said about tokenizers, against counting by hand."""

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prep.corpus.arrow.columns import string_buffers
from prep.corpus.text.words import word_table
from prep.tokenizers.judging.evaluate import Judge, evaluate, renyi_efficiency
from prep.tokenizers.judging.evaluate_kernels import come_back, count_words

from .conftest import Tokenizers

ROWS = [
    ("web", "en", "the cat and the dog " * 500),
    ("web", "de", "die Katze und der Hund " * 600),
    ("books", "en", "once upon a time there was " * 50),
    ("books", "", "short"),
    ("books", None, None),
]


def batch(rows: Sequence[tuple[str, str | None, str | None]]) -> pa.RecordBatch:
    columns = [pa.array(column, kind) for column, kind in zip(zip(*rows, strict=True), KINDS, strict=True)]
    return pa.RecordBatch.from_arrays(columns, ["source", "language", "text"])


KINDS = (pa.string(), pa.string(), pa.large_string())


def test_counts_are_those_of_the_documents_whatever_the_batches(tokenizers: Tokenizers) -> None:
    tokenizer = tokenizers["bpe"]
    whole = evaluate("own", tokenizer, [batch(ROWS)])
    judge = Judge("own", tokenizer)
    for row in ROWS:
        judge.add(batch([row]))
    assert judge.evaluation() == whole
    for source, language, documents in (("web", "en", 1), ("books", "en", 1), ("books", "", 2)):
        texts = [text or "" for *names, text in ROWS if (names[0], names[1] or "") == (source, language)]
        (group,) = (group for group in whole.groups if (group.source, group.language) == (source, language))
        assert (group.documents, group.failures) == (documents, 0)
        assert group.bytes == sum(len(text.encode()) for text in texts)
        assert group.words == sum(len(text.split()) for text in texts)
        assert group.tokens == sum(len(tokenizer.encode(text)) for text in texts)
    assert whole.total.tokens == sum(group.tokens for group in whole.by("language").values())


def test_languages_are_compared_where_there_is_enough_text(tokenizers: Tokenizers) -> None:
    whole = evaluate("own", tokenizers["bpe"], [batch(ROWS)])
    rates = {name: group.bytes_per_token for name, group in whole.by("language").items() if name}
    worst, best = sorted(rates, key=lambda name: rates[name])
    assert whole.worst_and_best == (worst, best)
    assert whole.fairness == pytest.approx(rates[worst] / rates[best])
    assert evaluate("own", tokenizers["bpe"], [batch(ROWS[:1])]).fairness is None


def test_unused_and_barely_used_tokens_are_counted(tokenizers: Tokenizers) -> None:
    tokenizer = tokenizers["bpe"]
    texts = ["the cat"] * 9 + ["a dog"] * 20
    whole = evaluate("own", tokenizer, [batch([("", "", text) for text in texts])])
    often = set(tokenizer.encode("a dog"))
    rarely = set(tokenizer.encode("the cat")) - often
    learnt = sum(bool(piece) for piece in tokenizer.token_bytes)
    assert whole.barely_used == len(rarely)
    assert whole.unused == learnt - len(rarely | often)
    assert whole.longest[0] == max((tokenizer.token_bytes[token].decode() for token in rarely | often), key=len)


def test_what_does_not_come_back_is_counted(tokenizers: Tokenizers) -> None:
    texts = [("", "", text) for text in ("all is well", "a \u2581 is a space to sentencepiece", "\0\ufffd")]
    failures = {kind: evaluate(kind, made, [batch(texts)]).total.failures for kind, made in tokenizers.items()}
    assert failures == {"bpe": 0, "sentencepiece_bpe": 1, "sentencepiece_unigram": 1}


def test_the_report_holds_no_speed(tokenizers: Tokenizers) -> None:
    reports = [evaluate("own", tokenizers["bpe"], [batch(ROWS)]).as_json() for _ in range(2)]
    assert reports[0] == reports[1]
    assert set(reports[0]["sources"]) == {"books", "web"}  # type: ignore[call-overload]


def test_renyi_efficiency_of_even_use_is_one() -> None:
    assert renyi_efficiency(np.full(64, 5)) == pytest.approx(1)
    assert renyi_efficiency(np.array([1, 0, 0, 0])) == pytest.approx(0)
    shares = [0.5, 0.25, 0.25]
    entropy = math.log(sum(share**2.5 for share in shares)) / -1.5
    assert renyi_efficiency(np.array([2, 1, 1, 0])) == pytest.approx(entropy / math.log(4))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.binary(max_size=5), st.lists(st.integers(0, 4), max_size=4)), max_size=5))
def test_texts_come_back_where_their_tokens_say_the_same(rows: list[tuple[bytes, list[int]]]) -> None:
    pieces = [b"", b"a", b"b", b"ab", b"\xc3"]
    rows += [(b"".join(pieces[token] for token in tokens), tokens) for _, tokens in rows]
    data, offsets = string_buffers(pa.array([text for text, _ in rows], pa.large_binary()))
    ids = np.array([token for _, tokens in rows for token in tokens], np.uint16)
    id_offsets = np.cumsum([0, *(len(tokens) for _, tokens in rows)])
    found = come_back(data, offsets, ids, id_offsets, *string_buffers(pa.array(pieces, pa.large_binary())))
    assert found.tolist() == [text == b"".join(pieces[token] for token in tokens) for text, tokens in rows]


def test_words_without_a_letter_or_digit_are_none(sentences: list[str]) -> None:
    texts = ["", "one, two!", "- - -", "3.14 is pi", *sentences[::500]]
    data, offsets = string_buffers(pa.array(texts, pa.large_string()))
    counts = count_words(data, offsets, word_table("unicode")).tolist()
    assert counts[:4] == [0, 2, 0, 3]
    assert all(0 < count < end - start for count, (start, end) in zip(counts[4:], pairwise(offsets[4:]), strict=True))
