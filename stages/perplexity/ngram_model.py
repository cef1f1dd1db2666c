"""An n-gram language model ready for use: trained on columns of text, it gives the perplexity of others."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from prep.corpus.arrow.columns import row_sizes, string_buffers
from prep.corpus.errors import ConfigurationError
from prep.corpus.text.hashing import lower_table
from prep.corpus.text.words import Splitter, word_table
from prep.stages.perplexity.ngram_kernels import count_ngrams, discounts_of, empty_model, log_probabilities


class NgramModel:
    """A model of texts. Words are lower-cased; those without a letter or digit are left out, numbers are one word."""

    def __init__(self, columns: Iterable[pa.LargeStringArray], order: int, most_bytes: int, splitter: Splitter) -> None:
        """Train on the texts that come first and take no more than so many bytes together.

        Raises ConfigurationError where they hold no word.
        """
        self._tables = word_table(splitter), lower_table()
        model, left = empty_model(order), most_bytes
        for column in columns:
            ends = np.cumsum(row_sizes(column))
            taken = column.slice(0, int(np.searchsorted(ends, left, side="right")))
            model = count_ngrams(*string_buffers(taken), *self._tables, model)
            left -= int(ends[-1]) if len(ends) else 0
            if left <= 0:
                break
        if model.used.sum() == 0:
            raise ConfigurationError([f"no word in the reference's first {most_bytes:,} bytes of whole texts"])
        self._model, self._discounts = model, discounts_of(model)

    def perplexities(self, texts: pa.Array) -> npt.NDArray[np.float64]:
        """Return exp(−mean log-probability of a word) of each text; NaN for a text without words."""
        data, offsets = string_buffers(texts)
        sums, words = log_probabilities(data, offsets, *self._tables, self._model, self._discounts)
        means: npt.NDArray[np.float64] = np.divide(-sums, words, out=np.full(len(sums), np.nan), where=words > 0)
        return np.exp(means)
