"""Where the fast engine differs from the reference: around unassigned code points alone, and never in the result."""

import logging
import unicodedata
from itertools import pairwise
from typing import get_args

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models

from prep.corpus.arrow.columns import Bytes, Offsets, string_buffers
from prep.tokenizers.encoding.byte_level import ALPHABET, PATTERNS, PreTokenizerName, pre_tokenizer, to_characters
from prep.tokenizers.encoding.engines import Engine, GigatokenEngine, Ids, TokenizersEngine
from prep.tokenizers.encoding.exact import ByteLevelEngine, CheckedEngine, fast_or_reference

LARGE_BLOCKS = tuple(
    range(*block)
    for block in ((0x3400, 0xA000), (0xAC00, 0xD7A4), (0xE000, 0xF900), (0x17000, 0x18D00), (0x20000, 0x32000))
)
"""Ideographs, Hangul, private use, Tangut, ideographs: thousands of code points of one kind."""


def revealing_tokenizer(pattern: PreTokenizerName) -> Tokenizer:
    """Return a tokenizer whose ids show every cut between an ASCII character and any other."""
    tails, heads = range(0x80, 0xC0), range(0xC2, 0xF5)
    pairs = [(tail, ascii_byte) for tail in tails for ascii_byte in b"aA1!'\n "]
    pairs += [(ascii_byte, head) for ascii_byte in b"aA1!'\n " for head in heads]
    merges = [(to_characters(bytes([left])), to_characters(bytes([right]))) for left, right in pairs]
    ids = {token: index for index, token in enumerate([*ALPHABET, *(left + right for left, right in merges)])}
    tokenizer = Tokenizer(models.BPE(ids, merges))
    tokenizer.pre_tokenizer = pre_tokenizer(PATTERNS[pattern])
    return tokenizer


def engines(pattern: PreTokenizerName) -> tuple[Engine, Engine]:
    tokenizer = revealing_tokenizer(pattern)
    return GigatokenEngine(tokenizer.to_str()), TokenizersEngine(tokenizer)


@pytest.fixture(scope="module")
def gpt2() -> tuple[Engine, Engine]:
    """The fast engine and the reference."""
    return engines("gpt2")


def rows(encoded: tuple[Offsets, Ids]) -> list[list[int]]:
    offsets, ids = encoded
    return [ids[start:end].tolist() for start, end in pairwise(offsets)]


def encode(engine: Engine, texts: list[str]) -> list[list[int]]:
    return rows(engine.encode(*string_buffers(pa.array(texts, pa.large_string()))))


@pytest.mark.parametrize("pattern", get_args(PreTokenizerName))
def test_every_assigned_code_point_is_cut_alike(pattern: PreTokenizerName) -> None:
    """Of large blocks of equals, every 97th."""
    skipped = {code for block in LARGE_BLOCKS for code in block if code % 97}
    codes = [
        code
        for code in range(0x80, 0xF0000)
        if code not in skipped and unicodedata.category(chr(code)) not in ("Cn", "Cs")
    ]
    texts = ["{0}a{0}A{0}1{0}!{0}'s{0}\n{0} {0}\n\n {0}  {0}{0}".format(chr(code)) for code in codes]
    fast, reference = (encode(engine, texts) for engine in engines(pattern))
    assert [hex(code) for code, left, right in zip(codes, fast, reference, strict=True) if left != right] == []


TEXTS = st.lists(
    st.one_of(
        st.text(),
        st.lists(
            st.sampled_from(["\u088f", "\u0c5c", "\ua7ce", "\U00010940", "a", "'s", "A", "1", " ", "\n", "é"])
        ).map("".join),
    ),
    max_size=6,
)


@settings(max_examples=100, deadline=None)
@given(TEXTS)
def test_texts_with_unassigned_code_points_get_the_ids_of_the_reference(
    gpt2: tuple[Engine, Engine], texts: list[str]
) -> None:
    fast, reference = gpt2
    assert encode(ByteLevelEngine(fast, reference), texts) == encode(reference, texts)


def test_the_engines_do_differ_around_unassigned_code_points(gpt2: tuple[Engine, Engine]) -> None:
    """Otherwise the test above would test nothing."""
    fast, reference = gpt2
    assert encode(fast, ["A\u088f's"]) != encode(reference, ["A\u088f's"])


class WrongEngine:
    """Gives every text one id."""

    def encode(self, data: Bytes, offsets: Offsets) -> tuple[Offsets, Ids]:
        return np.arange(len(offsets)), np.zeros(len(offsets) - 1, np.uint32)


def refuse() -> Engine:
    raise RuntimeError("unknown pattern")


@pytest.mark.parametrize(("open_fast", "reason"), [(WrongEngine, "its ids differ"), (refuse, "unknown pattern")])
def test_what_is_not_exact_is_not_used_and_said(
    open_fast: type[WrongEngine], reason: str, gpt2: tuple[Engine, Engine], caplog: pytest.LogCaptureFixture
) -> None:
    reference = gpt2[1]
    with caplog.at_level(logging.WARNING):
        assert fast_or_reference(open_fast, reference) is reference
    assert reason in caplog.text


def test_what_is_exact_is_used(gpt2: tuple[Engine, Engine]) -> None:
    fast, reference = gpt2
    chosen = fast_or_reference(lambda: fast, reference)
    assert isinstance(chosen, CheckedEngine)
    assert encode(chosen, ["one", "", "two"]) == encode(reference, ["one", "", "two"])
    assert chosen.engine is fast


@pytest.mark.parametrize("texts", [["right", "so far"], ["x" * 200_000, "y"], [""], ["é" * 40_000]])
def test_the_first_texts_are_compared_and_a_difference_is_said(
    texts: list[str], gpt2: tuple[Engine, Engine], caplog: pytest.LogCaptureFixture
) -> None:
    reference = gpt2[1]
    checked = CheckedEngine(reference, reference)
    assert encode(checked, texts) == encode(reference, texts)
    checked = CheckedEngine(WrongEngine(), reference)
    assert encode(checked, []) == []
    assert encode(checked, texts) == encode(reference, texts)
    assert checked.engine is reference
    assert "differ from the reference's on this text" in caplog.text


def test_an_unknown_pattern_is_refused() -> None:
    content = revealing_tokenizer("llama3").to_str().replace(r"\\p{N}{1,3}", r"\\p{N}{1,4}")
    with pytest.raises(RuntimeError, match="no fast pretokenizer"):
        GigatokenEngine(content)


def test_memory_of_pieces_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GigatokenEngine, "RENEWED_AFTER", 10)
    engine = GigatokenEngine(revealing_tokenizer("gpt2").to_str())
    first = engine._tokenizer
    assert encode(engine, ["a short text"]) == encode(engine, ["a short text"])
    assert engine._tokenizer is not first
