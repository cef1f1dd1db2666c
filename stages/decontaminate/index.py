"""The items of all evaluation sets as one index, and the places in documents where it finds them."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from prep.corpus.arrow.columns import Bytes, Offsets, string_buffers
from prep.stages.decontaminate.folding import folding
from prep.stages.decontaminate.overlap_kernels import find_ngrams, item_ngrams, make_index

Numbers = npt.NDArray[np.int64]


class Spans(NamedTuple):
    """Where items were found: one entry per span, by document, item and place."""

    rows: Numbers
    """The document's row in its batch."""
    items: Numbers
    """The item's number through all sets."""
    ngrams: Numbers
    """How many different n-grams of the item the span holds."""
    begins: Numbers
    """The byte of the text at which the first word begins."""
    ends: Numbers
    """The byte at which the last word ends."""


class ItemIndex:
    """Finds the items of evaluation sets by the n-grams they share with documents."""

    def __init__(self, sets: Mapping[str, list[str]], ngram: int, shortest: int) -> None:
        self.names = tuple(sets)
        self._firsts = np.cumsum([0, *map(len, sets.values())])
        self._gap = ngram
        self._folding = folding()
        texts = pa.array([text for items in sets.values() for text in items], pa.large_string())
        keys, items, lengths, words = item_ngrams(*string_buffers(texts), self._folding, ngram, shortest)
        self.words: Numbers = words
        """Words of each item."""
        ngrams, numbers = np.unique(keys, return_inverse=True)
        pairs = np.unique(np.stack([numbers, items], axis=1), axis=0)
        self._items = pairs[:, 1]
        self._first_of_ngram = np.searchsorted(pairs[:, 0], np.arange(len(ngrams) + 1))
        self.ngrams: Numbers = np.bincount(self._items, minlength=len(words))
        """Different n-grams of each item; 0: it is too short to be looked for."""
        self._index = make_index(ngrams, np.unique(lengths))

    def place(self, item: int) -> tuple[str, int]:
        """Return the name of an item's set, and its number there."""
        number = int(np.searchsorted(self._firsts, item, side="right")) - 1
        return self.names[number], item - int(self._firsts[number])

    def find(self, data: Bytes, offsets: Offsets, min_share: float) -> Spans:
        """Return where documents hold n-grams of items, of which they hold at least such a share.

        N-grams of an item that are no further apart than the length of one make one span.
        """
        places = find_ngrams(data, offsets, self._folding, self._index)
        first = self._first_of_ngram
        counts = first[places[:, 3] + 1] - first[places[:, 3]]  # an n-gram may be in several items
        places = np.repeat(places, counts, axis=0)
        ordinal = np.arange(len(places)) - np.repeat(np.cumsum(counts) - counts, counts)
        items = self._items[first[places[:, 3]] + ordinal]
        order = np.lexsort((places[:, 1], items, places[:, 0]))
        places, items = places[order], items[order]
        rows, words, lengths, ngrams, begins, ends = places.T
        same = np.zeros(len(rows), np.bool_)
        same[1:] = (rows[1:] == rows[:-1]) & (items[1:] == items[:-1])
        pair = np.cumsum(~same) - 1
        joined = same.copy()
        joined[1:] &= words[1:] <= words[:-1] + lengths[:-1] + self._gap
        span = np.cumsum(~joined) - 1
        firsts = np.flatnonzero(~joined)
        lasts = np.append(firsts[1:], len(rows)) - 1 if len(rows) else firsts
        enough = _different(pair, ngrams)[pair[firsts]] >= np.maximum(1, min_share * self.ngrams[items[firsts]])
        spans = Spans(rows[firsts], items[firsts], _different(span, ngrams), begins[firsts], ends[lasts])
        return Spans(*(column[enough] for column in spans))


def _different(groups: Numbers, values: Numbers) -> Numbers:
    """Return how many different values each group has; groups are numbered from 0 without gaps."""
    pairs = np.unique(np.stack([groups, values], axis=1), axis=0)
    counts: Numbers = np.bincount(pairs[:, 0])
    return counts
