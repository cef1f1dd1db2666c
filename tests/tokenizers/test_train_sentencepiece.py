"""sentencepiece models against the library called directly on the same sample, and its errors in our words."""

import io
from typing import get_args

import pyarrow as pa
import pytest
from sentencepiece import SentencePieceProcessor, SentencePieceTrainer

from prep.corpus.errors import RunError
from prep.tokenizers.saving.sentencepiece_model import SPACE, with_exact_scores
from prep.tokenizers.training.train_sentencepiece import Algorithm, train_sentencepiece

SMALL = ["low lower lowest", "new newer newest", "wide wider widest", "slow and newly widened"]


def columns(texts: list[str]) -> list[pa.LargeStringArray]:
    return [pa.array(texts[start : start + 100], pa.large_string()) for start in range(0, len(texts), 100)]


@pytest.mark.parametrize("algorithm", get_args(Algorithm))
def test_the_model_is_that_of_the_library(algorithm: Algorithm, training_texts: list[str]) -> None:
    texts = training_texts[::3]
    model = io.BytesIO()
    SentencePieceTrainer.train(
        sentence_iterator=iter(texts),
        model_writer=model,
        model_type=algorithm,
        vocab_size=2000,
        character_coverage=0.98,
        byte_fallback=True,
        normalization_rule_name="identity",
        add_dummy_prefix=False,
        remove_extra_whitespaces=False,
        allow_whitespace_only_pieces=True,
        max_sentence_length=1 << 30,
        pad_id=3,
        required_chars=SPACE if algorithm == "bpe" else "/0123456789<>ABCDEFadknpsux" + SPACE,
        num_threads=16,
        minloglevel=2,
    )
    expected = model.getvalue() if algorithm == "bpe" else with_exact_scores(model.getvalue())
    assert train_sentencepiece(columns(texts), 2000, algorithm, 0.98) == expected


@pytest.mark.parametrize("algorithm", get_args(Algorithm))
def test_the_largest_possible_vocabulary_is_named(algorithm: Algorithm) -> None:
    with pytest.raises(RunError, match=r"too small for a vocabulary of 5000: it holds at most \d+ tokens") as caught:
        train_sentencepiece(columns(SMALL), 5000, algorithm, 1)
    largest = int(str(caught.value).split("at most ")[1].split()[0])
    model = train_sentencepiece(columns(SMALL), largest, algorithm, 1)
    assert SentencePieceProcessor(model_proto=model).vocab_size() == largest


@pytest.mark.parametrize("algorithm", get_args(Algorithm))
def test_a_vocabulary_too_small_for_the_characters_is_an_error(algorithm: Algorithm, training_texts: list[str]) -> None:
    with pytest.raises(RunError, match=r"is too small for the characters of the sample, which take \d+ tokens"):
        train_sentencepiece(columns(training_texts), 300, algorithm, 1)


def test_what_the_library_says_otherwise_is_passed_on() -> None:
    with pytest.raises(RunError, match=r"sentencepiece could not train on the sample: .*all_chars_count"):
        train_sentencepiece(columns(["\0"]), 300, "bpe", 1)
