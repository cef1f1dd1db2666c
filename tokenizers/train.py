"""From a sample of texts to the files of a tokenizer, by kind."""

from dataclasses import dataclass
from typing import Literal

from prep.corpus.errors import RunError
from prep.tokenizers import byte_level, train_bpe, train_sentencepiece
from prep.tokenizers.byte_level import PreTokenizerName
from prep.tokenizers.folder import Files, byte_level_files, sentencepiece_files
from prep.tokenizers.sample import Sample

Kind = Literal["bpe", "sentencepiece_bpe", "sentencepiece_unigram"]


@dataclass(frozen=True)
class TokenizerSettings:
    """What to train."""

    kind: Kind
    vocabulary: int
    pre_tokenizer: PreTokenizerName = "gpt2"
    """For byte-level BPE."""
    character_coverage: float = 0.9995
    """For the sentencepiece kinds."""


def fixed_tokens(kind: Kind) -> int:
    """Return how many tokens a vocabulary has before any is learnt."""
    return train_bpe.FIXED if kind == "bpe" else train_sentencepiece.FIXED


def most_learnt_tokens(kind: Kind, size: int) -> int:
    """Return a number of learnt tokens well beyond what an input of so many bytes, perhaps compressed, gives.

    For `bpe` and unigram a token must occur twice, which takes two bytes of text. Measured on real text, they learn up
    to a quarter of a token per byte, and a third per compressed byte, both in the shortest texts. sentencepiece BPE
    also merges what occurs once: up to 1.8 tokens per compressed byte.
    """
    return 4 * size if kind == "sentencepiece_bpe" else size // 2


def control_tokens(kind: Kind) -> tuple[str, ...]:
    """Return the control tokens in the order of their ids, which begin at 0."""
    return byte_level.CONTROL if kind == "bpe" else train_sentencepiece.CONTROL


def train(sample: Sample, settings: TokenizerSettings, scratch: str) -> Files:
    """Train a tokenizer and return its files, the same bytes on every run. Writes to the local folder `scratch`.

    Raises RunError where the sample does not hold a vocabulary of that size.
    """
    if not len(sample.texts):
        raise RunError(
            f"there is no text to train a tokenizer on: {sample.of_documents} documents of {sample.of_bytes} bytes "
            f"reached it, {sample.passed_over} of them damaged; loosen the filters or give more text"
        )
    if settings.kind == "bpe":
        tokenizer = train_bpe.train_bpe(sample.texts, settings.vocabulary, settings.pre_tokenizer, scratch)
        return byte_level_files(tokenizer)
    algorithm: train_sentencepiece.Algorithm = "bpe" if settings.kind == "sentencepiece_bpe" else "unigram"
    model = train_sentencepiece.train_sentencepiece(
        sample.texts, settings.vocabulary, algorithm, settings.character_coverage
    )
    return sentencepiece_files(model, algorithm)
