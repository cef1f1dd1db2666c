"""What counting alone can predict: the scale on which a model's bits per byte are read.

- unigram: how frequent each token is, with one added to each count.
- bigram: how frequent each token is after the one before it, mixed with the unigram by the weight of Witten & Bell 1991
  (IEEE Transactions on Information Theory 37.4): n / (n + t) for a token seen n times with t different followers.

Pairs are counted over the first rows alone, so that memory is bounded: 16 bytes per token at most.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from prep.corpus.shards.row_kernels import IGNORED
from prep.corpus.shards.shards import ShardReader
from prep.trainer.batches.data import Objective, batches_in_order
from prep.trainer.judging.evaluate import NOTHING, Score, target_size

COUNTING_ROWS = 4096
"""Rows whose tokens are counted at once."""
COUNTED_TOKENS = 50_000_000
"""Tokens that are counted, at most, or one row."""

Floats = npt.NDArray[np.float64]


class Counts(NamedTuple):
    """How often tokens and pairs of tokens come."""

    tokens: npt.NDArray[np.int64]
    """(vocabulary,)"""
    pairs: npt.NDArray[np.int64]
    """(different pairs) First token · vocabulary + second, rising."""
    times: npt.NDArray[np.int64]
    """(different pairs)"""


def count(reader: ShardReader) -> Counts:
    """Count the tokens that the rows would have a model predict, and what stands before them."""
    vocabulary = reader.manifest.vocabulary
    rows = min(len(reader), max(1, COUNTED_TOKENS // reader.manifest.length))
    tokens = np.zeros(vocabulary, np.int64)
    pairs: list[npt.NDArray[np.int64]] = []
    for batch in batches_in_order(reader, rows, COUNTING_ROWS, Objective()):
        predicted = batch.targets != IGNORED
        tokens += np.bincount(batch.targets[predicted], minlength=vocabulary)
        pairs.append(batch.inputs[predicted] * vocabulary + batch.targets[predicted])
    return Counts(tokens, *np.unique(np.concatenate(pairs), return_counts=True))


def unigram(counts: Counts) -> Floats:
    """Return the probability of each token (vocabulary,)."""
    probabilities: Floats = (counts.tokens + 1) / (counts.tokens.sum() + len(counts.tokens))
    return probabilities


def evaluate_counts(
    counts: Counts, reader: ShardReader, token_bytes: npt.NDArray[np.int32], rows: int
) -> tuple[Score, Score]:
    """Score the unigram and the bigram on the same tokens as `evaluate`."""
    alone = unigram(counts)
    vocabulary = len(counts.tokens)
    first = counts.pairs // vocabulary
    seen = np.bincount(first, counts.times, minlength=vocabulary)
    followers = np.bincount(first, minlength=vocabulary)
    scores = NOTHING, NOTHING
    for batch in batches_in_order(reader, rows, COUNTING_ROWS, Objective()):
        predicted = batch.targets != IGNORED
        before, token = batch.inputs[predicted], batch.targets[predicted]
        places = np.minimum(np.searchsorted(counts.pairs, before * vocabulary + token), max(len(counts.pairs) - 1, 0))
        times = np.where(counts.pairs[places] == before * vocabulary + token, counts.times[places], 0)
        total = np.maximum(seen[before] + followers[before], 1)
        rest = np.where(seen[before] > 0, followers[before] / total, 1.0)
        mixed = times / total + rest * alone[token]
        size = target_size(batch, token_bytes)
        scores = (
            scores[0] + Score(-float(np.log(alone[token]).sum()), *size),
            scores[1] + Score(-float(np.log(mixed).sum()), *size),
        )
    return scores
