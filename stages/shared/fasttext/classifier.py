"""A fastText classifier ready for use: from a column of text to the probability of each label."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from prep.corpus.arrow.columns import string_buffers
from prep.stages.shared.fasttext.classifier_kernels import (
    EXCLUSIVE,
    HIERARCHICAL,
    INDEPENDENT,
    Cache,
    Tables,
    bucket_table,
    label_tree,
    probabilities,
    word_table,
)
from prep.stages.shared.fasttext.file_format import HIERARCHICAL_SOFTMAX, SOFTMAX, Classifier

CACHE_BYTES = 8 << 20
"""Memory for the words met before."""


class TextClassifier:
    """Applies a classifier. What it gives for a text depends on that text alone."""

    def __init__(self, classifier: Classifier) -> None:
        self.labels = classifier.labels
        self._tables = _tables(classifier)
        self._cache = _cache(classifier.arguments.dim)

    def probabilities(self, texts: pa.Array) -> npt.NDArray[np.float32]:
        """Return (texts, labels): slightly above 1 at the most, as the library gives them; NaN for no vector at all.

        Lines are read as one text, as if a space stood between them.
        """
        data, offsets = string_buffers(texts)
        return probabilities(data, offsets, self._tables, self._cache)


def _tables(classifier: Classifier) -> Tables:
    arguments = classifier.arguments
    keys, rows = word_table(*string_buffers(pa.array(classifier.words, pa.large_binary())))
    left, right = label_tree(classifier.label_counts)
    kinds = {HIERARCHICAL_SOFTMAX: HIERARCHICAL, SOFTMAX: EXCLUSIVE}
    return Tables(
        word_keys=keys,
        word_rows=rows,
        bucket_slots=bucket_table(classifier.buckets, len(classifier.words)) if classifier.pruned else keys[:0],
        vectors=classifier.vectors,
        output=classifier.output,
        left=left,
        right=right,
        words=len(classifier.words),
        buckets=max(1, arguments.bucket),
        shortest=arguments.minn,
        longest=arguments.maxn,
        sequences=arguments.word_ngrams,
        kind=kinds.get(arguments.loss, INDEPENDENT),
    )


def _cache(dim: int) -> Cache:
    size = 1 << (CACHE_BYTES // (4 * dim + 12)).bit_length() - 1
    return Cache(np.zeros(size, np.uint64), np.zeros(size, np.int32), np.zeros((size, dim), np.float32))
