"""Cutting by an automaton against `tokenizers`, whose Oniguruma backtracks."""

from itertools import pairwise
from pathlib import Path
from typing import get_args

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import Regex
from tokenizers.pre_tokenizers import Split

from prep.corpus.arrow.columns import string_buffers
from prep.corpus.text.utf8 import every_code_point
from prep.tokenizers.encoding.byte_level import PATTERNS, PreTokenizerName, with_single_digits
from prep.tokenizers.encoding.cutting_kernels import cut
from prep.tokenizers.encoding.pattern import PatternError, parse
from prep.tokenizers.encoding.pattern_automaton import compile_pattern

from .conftest import gold_lines

OWN = (
    r"a|ab|abc",
    r"(?:ab)+c?|[^\s]{2,3}",
    r"[\p{L}--[aeiou]]".replace("--", "&&^") + r"+|\d{1,2}(?=\s)|x(?!y)",
    r"(?i:déjà|vu)+|\p{Han}|[\p{Hiragana}\p{Katakana}]{1,4}",
    r"(?:a{2}|b{2,3}|.)",
)
CL100K = PATTERNS["llama3"].replace(r"\s*[\r\n]+", r"\s+(?![\s\S])|\s*[\r\n]+")
"""As tiktoken cuts today, white space at the end of a text whole; no token tells the difference."""
ALPHABET = st.sampled_from(
    [*"aabbcxyAB0179 \n\r\t'sSdlrvetm.,-éÉДд中あ", "\u0301", "\u3000", "\u00a0", "👩", "\u0378", "ſ"]
)
TEXTS = st.lists(ALPHABET, max_size=30).map("".join) | st.text(max_size=20)


def pretokens(texts: list[str], pattern: str) -> list[str]:
    data, offsets = string_buffers(pa.array(texts, pa.large_string()))
    bounds = cut(data, offsets, compile_pattern(pattern))
    return [data[start:end].tobytes().decode() for start, end in pairwise(bounds)]


def expected(texts: list[str], pattern: str) -> list[str]:
    split = Split(Regex(pattern), "isolated")
    return [pretoken for text in texts for pretoken, _ in split.pre_tokenize_str(text) if pretoken]


@pytest.mark.parametrize("name", get_args(PreTokenizerName))
def test_real_text_is_cut_as_by_tokenizers(name: PreTokenizerName, sentences: list[str], pages: list[str]) -> None:
    texts = [*sentences[::3], *(page[:4000] for page in pages)]
    for pattern in (PATTERNS[name], with_single_digits(PATTERNS[name])):
        assert pretokens(texts, pattern) == expected(texts, pattern)


@pytest.mark.parametrize("pattern", [*PATTERNS.values(), *OWN])
def test_any_text_is_cut_as_by_tokenizers(pattern: str) -> None:
    @settings(max_examples=150, deadline=None)
    @given(st.lists(TEXTS, max_size=4))
    @example(["ſ'ſ 'S", "  ", " \n a", "\r\n\r\n  x"])
    def check(texts: list[str]) -> None:
        assert pretokens(texts, pattern) == expected(texts, pattern)

    check()


@pytest.mark.parametrize("name", get_args(PreTokenizerName))
def test_every_code_point_is_cut_as_by_tokenizers(name: PreTokenizerName) -> None:
    text = "".join(f"a{character}1{character} {character}" for character in every_code_point()[::7])
    assert pretokens([text], PATTERNS[name]) == expected([text], PATTERNS[name])


@pytest.mark.parametrize("name", ["cl100k", "o200k"])
def test_the_pretokens_are_those_of_the_gold_files(name: str, test_data: Path) -> None:
    pattern = {"o200k": PATTERNS["o200k"], "cl100k": CL100K}[name]
    lines = gold_lines(test_data / "tokenizers" / f"gold-{name}.jsonl")
    assert pretokens([line.text for line in lines], pattern) == [pretoken for line in lines for pretoken in line.pieces]


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        (r"a+?", "lazy"),
        (r"a++", "possessive"),
        (r"^a", "anchor"),
        (r"(?<=a)b", "kind of group"),
        (r"a(?!bc)", "not closed"),
        (r"[ab", "not closed"),
        (r"(ab", "not closed"),
        (r"ab)", "closes nothing"),
        (r"(?i:ss)", "one character stands for"),
        (r"a{3,2}", "out of order"),
        (r"\1", "escape"),
    ],
)
def test_what_needs_backtracking_is_refused_with_its_place(pattern: str, reason: str) -> None:
    with pytest.raises(PatternError, match=rf"{reason}.* at position \d+ of"):
        parse(pattern)


@pytest.mark.parametrize(("pattern", "reason"), [(r"a*", "match nothing"), (r"\p{Nonsense}", "no set of characters")])
def test_what_cannot_be_compiled_is_refused(pattern: str, reason: str) -> None:
    with pytest.raises(PatternError, match=reason):
        compile_pattern(pattern)
