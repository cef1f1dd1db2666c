"""Byte-level BPE against `tokenizers` called directly on the same sample."""

import logging
from pathlib import Path
from typing import get_args

import pyarrow as pa
import pytest
from tokenizers import Tokenizer, decoders, models, trainers
from tokenizers.pre_tokenizers import ByteLevel

from prep.corpus.errors import RunError
from prep.tokenizers import train_bpe as module
from prep.tokenizers.byte_level import CONTROL, PreTokenizerName, pre_tokenizer, to_bytes, to_characters
from prep.tokenizers.train_bpe import FIXED, train_bpe

SMALL = ["low lower lowest", "new newer newest", "wide wider widest", "slow and newly widened"]


def column(texts: list[str]) -> pa.LargeStringArray:
    return pa.array(texts, pa.large_string())


def directly_trained(texts: list[str], vocabulary: int, pattern: PreTokenizerName) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizer(pattern)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=vocabulary,
            special_tokens=list(CONTROL),
            initial_alphabet=ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    return tokenizer


@pytest.mark.parametrize("pattern", get_args(PreTokenizerName))
def test_the_file_is_that_of_tokenizers(pattern: PreTokenizerName, training_texts: list[str], tmp_path: Path) -> None:
    tokenizer = train_bpe(column(training_texts), 3000, pattern, str(tmp_path))
    assert tokenizer.to_str() == directly_trained(training_texts, 3000, pattern).to_str()


def test_gigatoken_trains_with_the_pattern_of_gpt2(
    training_texts: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Otherwise the test above would compare the reference with itself."""
    monkeypatch.delattr(module, "reference_merges")
    train_bpe(column(training_texts), 1000, "gpt2", str(tmp_path))
    assert caplog.text == ""


def test_documents_keep_their_borders(tmp_path: Path) -> None:
    tokenizer = train_bpe(column(["ab", "ab"] * 100 + ["ba x"] * 3), FIXED + 2, "gpt2", str(tmp_path))
    assert sorted(set(tokenizer.get_vocab()) - {*CONTROL, *map(to_characters, map(bytes, zip(range(256))))}) == [
        "ab",
        "ba",
    ]


@pytest.mark.parametrize("pattern", ["gpt2", "o200k"])
def test_the_largest_possible_vocabulary_is_named(pattern: PreTokenizerName, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"too small for a vocabulary of 5000: it holds at most \d+ tokens") as caught:
        train_bpe(column(SMALL), 5000, pattern, str(tmp_path))
    largest = int(str(caught.value).split("at most ")[1].split()[0])
    assert train_bpe(column(SMALL), largest, pattern, str(tmp_path)).get_vocab_size() == largest
    with pytest.raises(RunError, match=f"set vocabulary to {largest} or less"):
        train_bpe(column(SMALL), largest + 1, pattern, str(tmp_path))


def test_where_gigatoken_fails_tokenizers_trains_and_it_is_said(
    training_texts: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    expected = train_bpe(column(training_texts), 400, "gpt2", str(tmp_path)).to_str()
    monkeypatch.setattr("sys.executable", "false")
    with caplog.at_level(logging.WARNING):
        assert train_bpe(column(training_texts), 400, "gpt2", str(tmp_path)).to_str() == expected
    assert "gigatoken failed" in caplog.text


def test_bytes_are_written_as_gpt2_writes_them() -> None:
    assert to_characters(b" \n\0Az\xff\xad") == "ĠĊĀAzÿŃ"
    assert {to_bytes(character) for character in ByteLevel.alphabet()} == {bytes([byte]) for byte in range(256)}
    assert all(to_bytes(to_characters(bytes([byte]))) == bytes([byte]) for byte in range(256))
