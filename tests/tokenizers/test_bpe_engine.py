"""Encoding with our own kernels against `tokenizers`, for patterns that gigatoken does not know."""

import logging
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import sample_of

from prep.corpus.arrow.columns import string_buffers
from prep.tokenizers.encoding.bpe_engine import BPEEngine
from prep.tokenizers.encoding.bpe_engine_kernels import merge_pretokens, merge_table
from prep.tokenizers.encoding.byte_level import PATTERNS, with_single_digits
from prep.tokenizers.encoding.encode import open_files
from prep.tokenizers.encoding.engines import Engine, TokenizersEngine
from prep.tokenizers.encoding.exact import CheckedEngine
from prep.tokenizers.saving.folder import byte_level_files
from prep.tokenizers.training.train import TokenizerSettings, train

OWN = {"digits": with_single_digits(PATTERNS["o200k"]), "own": r"\p{L}{1,6}|[^\p{L}]+"}


def encode(engine: Engine, texts: list[str]) -> list[list[int]]:
    offsets, ids = engine.encode(*string_buffers(pa.array(texts, pa.large_string())))
    return [ids[start:end].tolist() for start, end in pairwise(offsets)]


@pytest.fixture(scope="module", params=OWN)
def trained(request: pytest.FixtureRequest, training_texts: list[str]) -> tuple[str, TokenizersEngine]:
    """A tokenizer.json and the reference's engine."""
    from tokenizers import Tokenizer

    files = train(sample_of(training_texts), TokenizerSettings("bpe", 3000, pattern=OWN[request.param])).files
    content = files["tokenizer.json"].decode()
    return content, TokenizersEngine(Tokenizer.from_str(content))


def test_real_text_gets_the_ids_of_tokenizers(
    trained: tuple[str, TokenizersEngine], sentences: list[str], pages: list[str]
) -> None:
    engine = BPEEngine(trained[0])
    for texts in (sentences[::5], [*pages[::4], "", "<|endoftext|>"], sentences[1::5]):
        assert encode(engine, texts) == encode(trained[1], texts)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(max_size=20) | st.text("aab ", max_size=40) | st.sampled_from(["\u0378", "12345", ""])))
def test_any_text_gets_the_ids_of_tokenizers(trained: tuple[str, TokenizersEngine], texts: list[str]) -> None:
    assert encode(BPEEngine(trained[0]), texts) == encode(trained[1], texts)


def test_such_a_tokenizer_is_encoded_by_it_without_a_warning(
    trained: tuple[str, TokenizersEngine], caplog: pytest.LogCaptureFixture
) -> None:
    from tokenizers import Tokenizer

    tokenizer = open_files(byte_level_files(Tokenizer.from_str(trained[0]), OWN["own"]))
    with caplog.at_level(logging.WARNING):
        assert tokenizer.decode(tokenizer.encode("some text 123")) == "some text 123"
    assert isinstance(tokenizer._engine, CheckedEngine)
    assert isinstance(tokenizer._engine.engine, BPEEngine)
    assert caplog.text == ""


def test_it_begins_anew_where_it_has_met_too_much(
    trained: tuple[str, TokenizersEngine], sentences: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BPEEngine, "MOST_BYTES", 1000)
    engine = BPEEngine(trained[0])
    first = encode(engine, sentences[:50])
    assert encode(engine, sentences[50:100]) == encode(trained[1], sentences[50:100])
    assert engine._table.offsets[engine._table.size[0]] < 50_000
    assert encode(engine, sentences[:50]) == first


def slow_merge(tokens: list[int], merges: list[tuple[int, int, int]]) -> list[int]:
    ranks: dict[tuple[int, int], tuple[int, int]] = {}
    for rank, (left, right, made) in enumerate(merges):
        ranks.setdefault((left, right), (rank, made))
    while True:
        found = [(ranks[pair][0], at) for at, pair in enumerate(pairwise(tokens)) if pair in ranks]
        if not found:
            return tokens
        rank, at = min(found)
        tokens = [*tokens[:at], merges[rank][2], *tokens[at + 2 :]]


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=30).map(lambda data: bytes(byte % 4 for byte in data)), st.data())
def test_a_pretoken_is_merged_as_the_definition_says(pretoken: bytes, data: st.DataObject) -> None:
    merges: list[tuple[int, int, int]] = []
    for made in range(256, 256 + data.draw(st.integers(0, 12))):
        known = st.sampled_from([0, 1, 2, 3, *range(256, made)])
        merges.append((data.draw(known), data.draw(known), made))
    table = merge_table(np.array(merges, np.int32).reshape(-1, 3), np.arange(256, dtype=np.int32))
    bounds, tokens = merge_pretokens(np.frombuffer(pretoken, np.uint8), np.array([0, len(pretoken)]), table)
    assert bounds.tolist() == [0, len(tokens)]
    assert tokens.tolist() == slow_merge(list(pretoken), merges)
