"""From a sample of texts to the files of a tokenizer, by kind."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import pyarrow as pa

from prep.corpus.errors import RunError
from prep.tokenizers.encoding import byte_level
from prep.tokenizers.encoding.byte_level import PATTERNS
from prep.tokenizers.saving.folder import Files, byte_level_files, sentencepiece_files
from prep.tokenizers.training import train_sentencepiece
from prep.tokenizers.training.counts import count, read_pretokens, write_pretokens
from prep.tokenizers.training.sample import Sample
from prep.tokenizers.training.train_bpe import BYTES, train_bpe

Kind = Literal["bpe", "sentencepiece_bpe", "sentencepiece_unigram"]

BYTES_PER_PRETOKEN_BYTE = 80
"""Memory that training byte-level BPE takes per byte of distinct pretokens. Measured: 63 for words of nine bytes."""


@dataclass(frozen=True)
class TokenizerSettings:
    """What to train."""

    kind: Kind
    vocabulary: int
    """All ids, the control tokens among them."""
    control: tuple[str, ...] = ()
    """Control tokens beyond those that the kind has."""
    pattern: str = PATTERNS["gpt2"]
    """Where byte-level BPE cuts text."""
    memory: int = 2 << 30
    """Bytes that byte-level BPE may use for counting and merging."""
    character_coverage: float = 0.9995
    """For the sentencepiece kinds, as the next two."""
    user_symbols: tuple[str, ...] = ()
    split_digits: bool = False
    begin: str = ""
    """The token of `control` that begins documents, for byte-level BPE; empty takes the one that ends them."""

    @property
    def pretoken_bytes(self) -> int:
        """Bytes of distinct pretokens that fit in the memory."""
        return self.memory // BYTES_PER_PRETOKEN_BYTE


class Trained(NamedTuple):
    """A tokenizer's files, and how many occurrences of rare pretokens were dropped for want of memory."""

    files: Files
    dropped: int


def control_tokens(kind: Kind) -> tuple[str, ...]:
    """Return the control tokens that every tokenizer of a kind has, in the order of their ids, which begin at 0."""
    return byte_level.CONTROL if kind == "bpe" else train_sentencepiece.CONTROL


def fixed_tokens(kind: Kind) -> int:
    """Return how many tokens a vocabulary has before any is learnt."""
    return len(control_tokens(kind)) + len(BYTES)


def most_learnt_tokens(kind: Kind, size: int) -> int:
    """Return a number of learnt tokens well beyond what an input of so many bytes, perhaps compressed, gives.

    For `bpe` and unigram a token must occur twice, which takes two bytes of text. Measured on real text, they learn up
    to a quarter of a token per byte, and a third per compressed byte, both in the shortest texts. sentencepiece BPE
    also merges what occurs once: up to 1.8 tokens per compressed byte.
    """
    return 4 * size if kind == "sentencepiece_bpe" else size // 2


def write_counts(path: str, texts: Iterable[pa.Array], settings: TokenizerSettings) -> None:
    """Count the pretokens of a stretch of the sample, for byte-level BPE, into a file for `train`."""
    pretokens, dropped = count(texts, settings.pattern, settings.pretoken_bytes)
    if not dropped:
        write_pretokens(path, pretokens)


def train(sample: Sample, settings: TokenizerSettings, counts: Sequence[str] = ()) -> Trained:
    """Train a tokenizer and return its files, the same bytes on every run, with or without counts made before.

    `counts` are the files that `write_counts` made of the sample's stretches, in their order; where one is missing,
    pretokens are counted here. Raises RunError where the sample does not hold a vocabulary of that size.
    """
    if not len(sample):
        raise RunError("there is no text to train a tokenizer on; loosen the filters or give more text")
    if settings.kind == "bpe":
        pretokens, dropped = read_pretokens(counts, settings.pretoken_bytes), 0
        if pretokens is None:
            pretokens, dropped = count(sample.texts(), settings.pattern, settings.pretoken_bytes)
        (tokenizer,) = train_bpe(pretokens, [settings.vocabulary], settings.pattern, _control(settings))
        return Trained(byte_level_files(tokenizer, settings.pattern, begin=settings.begin), dropped)
    algorithm: train_sentencepiece.Algorithm = "bpe" if settings.kind == "sentencepiece_bpe" else "unigram"
    model = train_sentencepiece.train_sentencepiece(
        sample.texts(),
        settings.vocabulary,
        algorithm,
        settings.character_coverage,
        settings.control,
        settings.user_symbols,
        settings.split_digits,
    )
    return Trained(sentencepiece_files(model), 0)


def train_sizes(sample: Sample, settings: TokenizerSettings, sizes: Sequence[int]) -> Iterator[tuple[int, Files]]:
    """Yield byte-level BPE tokenizers of several vocabularies; pretokens are counted and merges learnt once.

    Raises RunError where the sample does not hold the largest.
    """
    pretokens, _ = count(sample.texts(), settings.pattern, settings.pretoken_bytes)
    for size, tokenizer in zip(sizes, train_bpe(pretokens, sizes, settings.pattern, _control(settings)), strict=True):
        yield size, byte_level_files(tokenizer, settings.pattern, begin=settings.begin)


def _control(settings: TokenizerSettings) -> tuple[str, ...]:
    return (*byte_level.CONTROL, *settings.control)
