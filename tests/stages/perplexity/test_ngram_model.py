"""The n-gram model against a slow, obvious reference implementation, and as a probability distribution."""

from collections import Counter
from collections.abc import Sequence
from math import exp, log
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prep.corpus.errors import ConfigurationError
from prep.stages.perplexity.ngram_model import NgramModel

Words = Sequence[str]
TEXTS = st.lists(st.lists(st.sampled_from("a b c d".split()), max_size=12).map(" ".join), min_size=1, max_size=6)
BEGIN = "^"


class SlowModel:
    """Interpolated Kneser-Ney from sets and counters."""

    def __init__(self, texts: Sequence[str], order: int) -> None:
        self.order = order
        self.counts: dict[int, Counter[tuple[str, ...]]] = {length: Counter() for length in range(1, order + 1)}
        for text in texts:
            words = [BEGIN] * (order - 1) + text.lower().split()
            for last in range(order - 1, len(words)):
                self.counts[order][tuple(words[last - order + 1 : last + 1])] += 1
        for length in range(order - 1, 0, -1):
            self.counts[length].update(ngram[1:] for ngram in self.counts[length + 1])
        self.discounts = {length: self._discount(length) for length in self.counts}
        self.vocabulary = sorted(word for (word,) in self.counts[1])

    def _discount(self, length: int) -> float:
        counts = list(self.counts[length].values())
        ones, twos = counts.count(1), counts.count(2)
        return min(0.9, max(0.1, ones / (ones + 2 * twos))) if ones else 0.9

    def probability(self, context: Words, word: str, length: int | None = None) -> float:
        length = self.order if length is None else length
        if length == 0:
            return 1 / (len(self.vocabulary) + 1)
        before = tuple(context[len(context) - length + 1 :])
        following = {ngram[-1]: count for ngram, count in self.counts[length].items() if ngram[:-1] == before}
        rest = self.probability(context, word, length - 1)
        if not following:
            return rest
        total, discount = sum(following.values()), self.discounts[length]
        return (max(following.get(word, 0) - discount, 0) + discount * len(following) * rest) / total

    def perplexity(self, text: str) -> float:
        words = [BEGIN] * (self.order - 1) + text.lower().split()
        logs = [
            log(self.probability(words[last - self.order + 1 : last], words[last]))
            for last in range(self.order - 1, len(words))
        ]
        return exp(-sum(logs) / len(logs)) if logs else float("nan")


def column(texts: Sequence[str]) -> pa.LargeStringArray:
    return pa.array(["x", *texts, "y"], pa.large_string()).slice(1, len(texts))


@settings(max_examples=150, deadline=None)
@given(TEXTS.filter(any), TEXTS, st.integers(1, 4))
def test_perplexities(reference: list[str], texts: list[str], order: int) -> None:
    model = NgramModel([column(reference[:2]), column(reference[2:])], order, 1 << 20, "unicode")
    slow = SlowModel(reference, order)
    texts = [*texts, "e a e", ""]
    expected = [slow.perplexity(text) for text in texts]
    assert model.perplexities(column(texts)) == pytest.approx(expected, rel=1e-9, nan_ok=True)


@settings(max_examples=40, deadline=None)
@given(TEXTS.filter(any), st.integers(1, 3), st.lists(st.sampled_from("abcd"), max_size=3))
def test_probabilities_of_all_words_add_up_to_one(reference: list[str], order: int, context: list[str]) -> None:
    """The words of the vocabulary and one that is not in it."""
    model = NgramModel([column(reference)], order, 1 << 20, "unicode")
    vocabulary = sorted({word for text in reference for word in text.split()})
    whole = [" ".join([*context, word]) for word in [*vocabulary, "unheard"]]
    perplexities = model.perplexities(column(whole))
    before = float(model.perplexities(column([" ".join(context)]))[0]) if context else 1.0
    logs = -np.log(perplexities) * (len(context) + 1) + np.log(before) * len(context)
    assert np.exp(logs).sum() == pytest.approx(1)


def test_words_are_lower_case_numbers_alike_and_marks_left_out() -> None:
    model = NgramModel([column(["The cat, it saw 12 mice.", "a dog saw 7"])], 3, 1 << 20, "unicode")
    same = model.perplexities(column(["the CAT it saw 999 mice", "The cat -- it (saw) 1 mice!", "the cat it saw mice"]))
    assert same[0] == same[1] != same[2]


def test_only_the_beginning_of_the_reference_is_read() -> None:
    texts = ["a b c", "a b d", "c c c"]
    parts = [column(texts[:1]), column(texts[1:])]
    expected = NgramModel([column(texts[:2])], 2, 1 << 20, "unicode").perplexities(column(texts))
    for most in (10, 14):
        assert (NgramModel(parts, 2, most, "unicode").perplexities(column(texts)) == expected).all()
    with pytest.raises(ConfigurationError, match="no word in the reference's first 4 bytes"):
        NgramModel(parts, 2, 4, "unicode")


def test_tables_grow_and_batches_do_not_matter(test_data: Path) -> None:
    text = (test_data / "books" / "carroll-alice.txt").read_text()
    pieces = [text[at : at + 3000] for at in range(0, len(text), 3000)]
    whole = NgramModel([column(pieces)], 3, 1 << 30, "unicode").perplexities(column(pieces))
    single = NgramModel([column([piece]) for piece in pieces], 3, 1 << 30, "unicode").perplexities(column(pieces[::-1]))
    assert (whole == single[::-1]).all()
    assert whole.mean() < 60


def test_english_books_are_nearer_to_books_than_menus_are(test_data: Path) -> None:
    books = [path.read_text("utf-8", errors="replace") for path in sorted((test_data / "books").glob("*.txt"))]
    model = NgramModel([column(books[:3])], 3, 1 << 30, "unicode")
    menu = "Home | About us | Sitemap | Login | 2 comments | Share on Facebook | Privacy policy | Terms of use"
    book, other, noise = model.perplexities(column([books[5][:4000], menu, "qx zzv kjh wq " * 20]))
    assert book < other
    assert book < noise
