"""The items of all evaluation sets as one index, and the places in documents where it finds them."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from prep.corpus.arrow.columns import Bytes, Offsets, string_buffers
from prep.stages.decontaminate.folding import folding
from prep.stages.decontaminate.overlap_kernels import Forms, find_ngrams, item_ngrams, make_index
from prep.stages.decontaminate.reading_kernels import vocabulary

Numbers = npt.NDArray[np.int64]

GAP = 8
"""Bytes for each word of an n-gram that may lie between n-grams of one span."""
_AT_ONCE = 1000
"""Documents of a reference that are looked at together."""


class Spans(NamedTuple):
    """Where items were found: one entry per span, by document, item and place."""

    rows: Numbers
    """The document's row in its batch."""
    items: Numbers
    """The item's number through all sets."""
    ngrams: Numbers
    """How many different n-grams of the item the span holds."""
    share: npt.NDArray[np.float64]
    """The share of the item's words, those aside that many items share, that the document's n-grams of it cover."""
    begins: Numbers
    """The byte of the text at which the first word begins."""
    ends: Numbers
    """The byte at which the last word ends."""

    def where(self, wanted: npt.NDArray[np.bool_]) -> "Spans":
        """Return some of the spans."""
        rows, items, ngrams, begins, ends = (
            column[wanted] for column in (self.rows, self.items, self.ngrams, self.begins, self.ends)
        )
        return Spans(rows, items, ngrams, self.share[wanted], begins, ends)


class ItemIndex:
    """Finds the items of evaluation sets by the n-grams they share with documents.

    N-grams that more than `common` items, or documents of a reference, have say nothing: they find no item, and the
    words that only they cover count for nothing in its share. An item of nothing but what is common in the reference is
    not looked for; in one of nothing but what items have in common, it counts.
    """

    def __init__(
        self,
        sets: Mapping[str, list[str]],
        ngram: int,
        shortest: int,
        common: int | None = None,
        reference: list[str] | None = None,
    ) -> None:
        self.names = tuple(sets)
        self._firsts = np.cumsum([0, *map(len, sets.values())])
        self._gap = ngram
        self._forms = Forms(folding(), vocabulary())
        texts = pa.array([text for items in sets.values() for text in items], pa.large_string())
        found, words = item_ngrams(*string_buffers(texts), self._forms, ngram, shortest)
        self.words: Numbers = words
        """Words of each item."""
        places = np.unique(found, axis=0)
        if common is not None:
            places = places[~self._common_in(places, reference or [], common)]
            places = places[~_common(places, common)]
        hashes, numbers = np.unique(places[:, 0], return_inverse=True)
        order = np.lexsort((places[:, 3], places[:, 1], numbers))
        self._items, self._lengths, self._words = places[order, 1], places[order, 2], places[order, 3]
        self._first_of_ngram = np.searchsorted(numbers[order], np.arange(len(hashes) + 1))
        self.ngrams: Numbers = _different_values(places[:, 1], numbers, len(words))
        """Different n-grams of each item that say something; 0: it is not looked for."""
        by_item = np.lexsort((self._words, self._items))
        covered = _covered(self._items[by_item], self._words[by_item], self._lengths[by_item])
        self._coverable = np.bincount(self._items[by_item], covered, len(words))
        self._index = make_index(hashes.view(np.uint64), np.unique(self._lengths))

    def _common_in(self, places: Numbers, reference: list[str], most: int) -> npt.NDArray[np.bool_]:
        """Return which n-grams of items more than so many documents of a reference have."""
        hashes, numbers = np.unique(places[:, 0], return_inverse=True)
        index = make_index(hashes.view(np.uint64), np.unique(places[:, 2]))
        counts = np.zeros(len(hashes), np.int64)
        for start in range(0, len(reference), _AT_ONCE):
            texts = pa.array(reference[start : start + _AT_ONCE], pa.large_string())
            found = find_ngrams(*string_buffers(texts), self._forms, index)
            counts += np.bincount(np.unique(found[:, [0, 2]], axis=0)[:, 1], minlength=len(hashes))
        return (counts > most)[numbers]

    def place(self, item: int) -> tuple[str, int]:
        """Return the name of an item's set, and its number there."""
        number = int(np.searchsorted(self._firsts, item, side="right")) - 1
        return self.names[number], item - int(self._firsts[number])

    def find(self, data: Bytes, offsets: Offsets, min_share: float) -> Spans:
        """Return where documents hold n-grams of items, of whose words these cover at least such a share.

        N-grams of an item that are no further apart than GAP bytes for each word of one make one span.
        """
        places = find_ngrams(data, offsets, self._forms, self._index)
        first = self._first_of_ngram
        counts = first[places[:, 2] + 1] - first[places[:, 2]]  # an n-gram may be in several items
        places = np.repeat(places, counts, axis=0)
        entries = first[places[:, 2]] + np.arange(len(places)) - np.repeat(np.cumsum(counts) - counts, counts)
        items, starts = self._items[entries], self._words[entries]
        order = np.lexsort((starts, items, places[:, 0]))
        places, items, starts = places[order], items[order], starts[order]
        groups = _numbered(places[:, 0], items)
        covered = np.bincount(groups, _covered(groups, starts, places[:, 1]))
        share = (covered / self._coverable[items[_first_of_each(groups)]])[groups]
        enough = share >= min_share
        return self._spans(places[enough], items[enough], share[enough])

    def _spans(self, places: Numbers, items: Numbers, share: npt.NDArray[np.float64]) -> Spans:
        """Return the spans of n-grams of documents and items."""
        order = np.lexsort((places[:, 4], places[:, 3], items, places[:, 0]))
        places, items, share = places[order], items[order], share[order]
        rows, _, ngrams, begins, ends = places.T
        joined = np.zeros(len(rows), np.bool_)
        joined[1:] = (rows[1:] == rows[:-1]) & (items[1:] == items[:-1])
        joined[1:] &= begins[1:] <= ends[:-1] + GAP * self._gap
        span = np.cumsum(~joined) - 1
        firsts = np.flatnonzero(~joined)
        last = np.maximum.reduceat(ends, firsts) if len(rows) else ends
        different = _different_values(span, ngrams, len(firsts))
        return Spans(rows[firsts], items[firsts], different, share[firsts], begins[firsts], last)


def _numbered(*columns: Numbers) -> Numbers:
    """Return the number of each row's run of rows with the same values; rows are sorted."""
    fresh = np.ones(len(columns[0]), np.bool_)
    if len(fresh):
        fresh[1:] = np.any([column[1:] != column[:-1] for column in columns], axis=0)
    numbers: Numbers = np.cumsum(fresh) - 1
    return numbers


def _first_of_each(groups: Numbers) -> Numbers:
    return np.searchsorted(groups, np.arange(groups[-1] + 1 if len(groups) else 0))


def _covered(groups: Numbers, starts: Numbers, lengths: Numbers) -> Numbers:
    """Return how many words each n-gram covers that the next one of its group does not; starts rise in each group."""
    covered = lengths.copy()
    same = groups[1:] == groups[:-1]
    covered[:-1][same] = np.minimum(covered[:-1], starts[1:] - starts[:-1])[same]
    return covered


def _different_values(groups: Numbers, values: Numbers, count: int) -> Numbers:
    """Return how many different values each of so many groups has."""
    pairs = np.unique(np.stack([groups, values], axis=1), axis=0)
    counts: Numbers = np.bincount(pairs[:, 0], minlength=count)
    return counts


def _common(places: Numbers, most: int) -> npt.NDArray[np.bool_]:
    """Return which n-grams of items more than so many have, unless the item has no others."""
    numbers = np.unique(places[:, 0], return_inverse=True)[1]
    if not len(places):
        return np.zeros(len(places), np.bool_)
    common = _different_values(numbers, places[:, 1], int(numbers.max()) + 1)[numbers] > most
    rare_in_item = np.bincount(places[:, 1], ~common, int(places[:, 1].max()) + 1)
    return common & (rare_in_item[places[:, 1]] > 0)
