"""Bytes per token against the size of the vocabulary, for tokenizers trained on one sample."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from tempfile import TemporaryDirectory
from typing import NamedTuple, cast, get_args

from prep.corpus.errors import ConfigurationError
from prep.stages.tokenizer.texts import Texts, draw_sample
from prep.stages.tokenizer.tokenizer import TrainTokenizer
from prep.tokenizers.encoding.encode import open_files
from prep.tokenizers.judging.evaluate import evaluate
from prep.tokenizers.saving.folder import Files
from prep.tokenizers.training.sample import Sample
from prep.tokenizers.training.train import Kind, TokenizerSettings, train, train_sizes


class Point(NamedTuple):
    """A tokenizer of the sweep."""

    kind: Kind
    vocabulary: int
    bytes_per_token: float
    """On the text to judge on."""


def sweep(
    texts: Texts, held_out: Texts, stage: TrainTokenizer, sizes: Sequence[int], kinds: Sequence[str]
) -> Iterator[Point]:
    """Yield a point for each kind and size. Byte-level BPE learns once, and all sizes have the first of its merges.

    Raises ConfigurationError for an unknown kind, RunError where the sample is too small for a size.
    """
    unknown = sorted(set(kinds) - set(get_args(Kind)))
    if unknown:
        raise ConfigurationError([f"unknown kind {unknown[0]!r}; there are {', '.join(get_args(Kind))}"])
    with TemporaryDirectory() as folder:
        sample = draw_sample(texts, stage.sample_settings(), folder)
        for kind in cast("Sequence[Kind]", kinds):
            for size, files in _trained(sample, replace(stage.settings(), kind=kind), sizes):
                total = evaluate(kind, open_files(files), held_out.batches()).total
                yield Point(kind, size, total.bytes_per_token)


def _trained(sample: Sample, settings: TokenizerSettings, sizes: Sequence[int]) -> Iterator[tuple[int, Files]]:
    if settings.kind == "bpe":
        yield from train_sizes(sample, settings, sizes)
    else:
        yield from ((size, train(sample, replace(settings, vocabulary=size)).files) for size in sizes)
