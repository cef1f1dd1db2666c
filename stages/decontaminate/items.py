"""The items of all evaluation sets as a table of n-grams, and where documents that share these hold an item."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from prep.corpus.arrow.columns import Bytes, Offsets, string_buffers
from prep.stages.decontaminate.folding import folding
from prep.stages.decontaminate.overlap_kernels import Forms, Index, find_ngrams, item_ngrams, make_index
from prep.stages.decontaminate.reading_kernels import vocabulary

Numbers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Versions = Sequence[tuple[str, ...]]
"""The texts of each item of a set in all its versions, the whole text first."""

GAP = 8
"""Bytes for each word of an n-gram that may lie between n-grams of one span."""
WHOLE = 0.9
"""A document that holds such a share of an item is a copy of it, and no sign that its n-grams are common."""
_AT_ONCE = 1000
"""Documents of a reference that are looked at together."""


class Places(NamedTuple):
    """Where documents hold n-grams of items: one entry per place, by document."""

    rows: Numbers
    """The document's row."""
    ngrams: Numbers
    """The number of the n-gram."""
    begins: Numbers
    """The byte of the text at which the first word begins."""
    ends: Numbers
    """The byte at which the last word ends."""

    def where(self, wanted: Flags) -> "Places":
        """Return some of the places."""
        rows, ngrams, begins, ends = (column[wanted] for column in self)
        return Places(rows, ngrams, begins, ends)


class Spans(NamedTuple):
    """Where items were found: one entry per span, by document, item and place."""

    rows: Numbers
    """The document's row."""
    items: Numbers
    """The item's number through all sets."""
    ngrams: Numbers
    """How many different n-grams of the item the span holds."""
    possible: Numbers
    """How many n-grams the item has, common ones aside, in the version that the document holds most of."""
    share: npt.NDArray[np.float64]
    """The share of the item's words that the document holds, those aside that common n-grams have."""
    begins: Numbers
    """The byte of the text at which the first word begins."""
    ends: Numbers
    """The byte at which the last word ends."""

    def where(self, wanted: Flags) -> "Spans":
        """Return some of the spans."""
        rows, items, ngrams, possible, begins, ends = (
            column[wanted] for column in (self.rows, self.items, self.ngrams, self.possible, self.begins, self.ends)
        )
        return Spans(rows, items, ngrams, possible, self.share[wanted], begins, ends)


class Frequencies(NamedTuple):
    """In how many documents each n-gram stands, by its number."""

    documents: Numbers
    partial: Numbers
    """Documents that hold it, and less than WHOLE of every item that has it."""


class _Matches(NamedTuple):
    """Places by document, version and word of the version; a place is listed for each version that has its n-gram."""

    places: Places
    versions: Numbers
    groups: Numbers
    """The number of each pair of document and version, rising."""
    share: npt.NDArray[np.float64]
    """The share of the version that the document holds."""


@dataclass(frozen=True)
class Items:
    """All items. An item has versions, which are found apart; what it holds most of is what a document has of it."""

    sets: tuple[str, ...]
    """The name of the set of each item."""
    numbers: Numbers
    """The number of each item in its set."""
    versions: Numbers
    """The item of each version, rising; the first of an item is its whole text."""
    words: Numbers
    """Words of each version."""
    entries: Numbers
    """The places of n-grams in versions (int64, places × 4), by n-gram and version: the number of the n-gram, the
    version, the words of the n-gram and its first word."""
    hashes: npt.NDArray[np.uint64]
    """The hash of each n-gram."""
    counted: Flags
    """Whether each word of each version counts in its share: those of common n-grams do not."""

    @staticmethod
    def of(
        sets: Mapping[str, Versions],
        ngram: int,
        shortest: int,
        common: int | None = None,
        reference: Sequence[str] = (),
    ) -> "Items":
        """Return the table of all items.

        N-grams that more than `common` items have are left out, unless the item has no word beside them; and those that
        more documents of a reference have. Versions beside the whole text count from `ngram` words on.
        """
        items = [versions for found in sets.values() for versions in found]
        owners = np.repeat(np.arange(len(items)), [len(versions) for versions in items]).astype(np.int64)
        texts = pa.array([text for versions in items for text in versions], pa.large_string())
        found, words = item_ngrams(*string_buffers(texts), _forms(), ngram, shortest)
        first = np.ones(len(owners), np.bool_)
        first[1:] = owners[1:] != owners[:-1]
        found = found[first[found[:, 1]] | (words[found[:, 1]] >= ngram)]
        counted = np.ones(words.sum(), np.bool_)
        if common is not None:
            said = _in_reference(found, reference, common)
            counted &= ~_words_of(found[said], words)
            found = found[~said]
            said = _in_many_items(found, owners, words, counted, common)
            counted &= ~_words_of(found[said], words)
            found = found[~said]
        hashes, numbers = np.unique(found[:, 0], return_inverse=True)
        order = np.lexsort((found[:, 3], found[:, 1], numbers))
        return Items(
            tuple(name for name, found in sets.items() for _ in found),
            np.concatenate([np.empty(0, np.int64), *(np.arange(len(found)) for found in sets.values())]),
            owners,
            words,
            np.stack([numbers[order], found[order, 1], found[order, 2], found[order, 3]], axis=1),
            hashes.view(np.uint64),
            counted,
        )._that_count()

    def index(self) -> Index:
        """Return the index by which n-grams are found in text."""
        return make_index(self.hashes, np.unique(self.entries[:, 2]))

    def find(self, data: Bytes, offsets: Offsets, index: Index) -> Places:
        """Return where documents hold n-grams of items, each place once."""
        found = np.unique(find_ngrams(data, offsets, _forms(), index)[:, [0, 2, 3, 4]], axis=0)
        return Places(*(column.copy() for column in found.T))

    def without(self, common: Numbers) -> "Items":
        """Return the table without the places of some n-grams; all keep their numbers."""
        if not len(common):
            return self
        said = np.isin(self.entries[:, 0], common)
        counted = self.counted & ~_words_of(self.entries[said], self.words)
        return replace(self, entries=self.entries[~said], counted=counted)._that_count()

    def _that_count(self) -> "Items":
        """Return the table without the n-grams of which no word counts."""
        _, versions, lengths, words = self.entries.T
        return replace(self, entries=self.entries[self._sum(versions, words, words + lengths) > 0])

    def _sum(self, versions: Numbers, starts: Numbers, ends: Numbers) -> Numbers:
        """Return how many of the words `starts` to `ends` of versions count."""
        bounds, sums = _bounds(self.words)[versions], np.concatenate([[0], np.cumsum(self.counted)])
        counts: Numbers = sums[bounds + ends] - sums[bounds + starts]
        return counts

    def _covered(self, groups: Numbers, versions: Numbers, starts: Numbers, lengths: Numbers) -> Numbers:
        """Return how many words each n-gram covers that the next one of its group does not; starts rise in each."""
        ends = starts + lengths
        same = groups[1:] == groups[:-1]
        ends[:-1][same] = np.minimum(ends[:-1], starts[1:])[same]
        return self._sum(versions, starts, ends)

    @cached_property
    def ngrams(self) -> Numbers:
        """Different n-grams of each version; 0: it is not looked for."""
        fresh = np.ones(len(self.entries), np.bool_)
        fresh[1:] = (self.entries[1:, :2] != self.entries[:-1, :2]).any(axis=1)
        return np.bincount(self.entries[fresh, 1], minlength=len(self.versions))

    @cached_property
    def item_words(self) -> Numbers:
        """Words of each item's whole text."""
        return self.words[np.searchsorted(self.versions, np.arange(len(self.sets)))]

    @cached_property
    def sought(self) -> Flags:
        """Whether each item is looked for."""
        return np.bincount(self.versions, self.ngrams, len(self.sets)) > 0

    @cached_property
    def _first_entries(self) -> Numbers:
        return np.searchsorted(self.entries[:, 0], np.arange(len(self.hashes) + 1))

    @cached_property
    def _coverable(self) -> npt.NDArray[np.float64]:
        """Words of each version that its n-grams cover and that count."""
        _, versions, lengths, words = self.entries[np.lexsort((self.entries[:, 3], self.entries[:, 1]))].T
        covered = self._covered(versions, versions, words, lengths)
        return np.asarray(np.bincount(versions, covered, len(self.versions)), np.float64)

    def spans(self, places: Places, min_share: float) -> Spans:
        """Return where documents hold such a share of an item.

        N-grams of an item that are no further apart than GAP bytes for each word of the longest one make one span.
        """
        matches = self._matches(places)
        best = self._best(matches) & (matches.share >= min_share)
        rows, ngrams, begins, ends = (column[best] for column in matches.places)
        versions, share = matches.versions[best], matches.share[best]
        order = np.lexsort((ends, begins, versions, rows))
        rows, ngrams, begins, ends, versions = (column[order] for column in (rows, ngrams, begins, ends, versions))
        share = share[order]
        joined = np.zeros(len(rows), np.bool_)
        joined[1:] = (rows[1:] == rows[:-1]) & (versions[1:] == versions[:-1])
        joined[1:] &= begins[1:] <= ends[:-1] + GAP * self._longest
        firsts = np.flatnonzero(~joined)
        last = np.maximum.reduceat(ends, firsts) if len(rows) else ends
        different = _different_values(np.cumsum(~joined) - 1, ngrams, len(firsts))
        items, possible = self.versions[versions[firsts]], self.ngrams[versions[firsts]]
        return Spans(rows[firsts], items, different, possible, share[firsts], begins[firsts], last)

    def frequencies(self, places: Places) -> Frequencies:
        """Return in how many of the documents each n-gram stands."""
        matches = self._matches(places)
        pairs, pair = np.unique(
            np.stack([matches.places.rows, matches.places.ngrams], axis=1), axis=0, return_inverse=True
        )
        most = np.zeros(len(pairs))
        np.maximum.at(most, pair.ravel(), matches.share)
        count = len(self.hashes)
        partial: Numbers = np.bincount(pairs[most < WHOLE, 1], minlength=count)
        return Frequencies(np.bincount(pairs[:, 1], minlength=count), partial)

    @cached_property
    def _longest(self) -> int:
        return int(self.entries[:, 2].max(initial=0))

    def _matches(self, places: Places) -> _Matches:
        first = self._first_entries
        counts = first[places.ngrams + 1] - first[places.ngrams]  # an n-gram may be in several versions
        place = np.repeat(np.arange(len(places.rows)), counts)
        at = first[places.ngrams[place]] + np.arange(len(place)) - np.repeat(np.cumsum(counts) - counts, counts)
        _, versions, lengths, words = self.entries[at].T
        order = np.lexsort((words, versions, places.rows[place]))
        place, versions, lengths, words = place[order], versions[order], lengths[order], words[order]
        rows, ngrams, begins, ends = (column[place] for column in places)
        groups = _numbered(rows, versions)
        covered = np.bincount(groups, self._covered(groups, versions, words, lengths))
        share = (covered / self._coverable[versions[_first_of_each(groups)]])[groups]
        return _Matches(Places(rows, ngrams, begins, ends), versions, groups, share)

    def _best(self, matches: _Matches) -> Flags:
        """Return which matches are of the version of an item that the document holds most of."""
        rows, items = matches.places.rows, self.versions[matches.versions]
        firsts = _first_of_each(matches.groups)
        order = np.lexsort((matches.versions[firsts], -matches.share[firsts], items[firsts], rows[firsts]))
        chosen = np.zeros(len(firsts), np.bool_)
        chosen[order[_first_of_each(_numbered(rows[firsts][order], items[firsts][order]))]] = True
        best: Flags = chosen[matches.groups]
        return best


def _forms() -> Forms:
    return Forms(folding(), vocabulary())


def _in_reference(found: Numbers, reference: Sequence[str], most: int) -> Flags:
    """Return which n-grams more than so many documents of a reference have."""
    hashes, numbers = np.unique(found[:, 0], return_inverse=True)
    index = make_index(hashes.view(np.uint64), np.unique(found[:, 2]))
    counts = np.zeros(len(hashes), np.int64)
    for start in range(0, len(reference), _AT_ONCE):
        texts = pa.array(reference[start : start + _AT_ONCE], pa.large_string())
        places = find_ngrams(*string_buffers(texts), _forms(), index)
        counts += np.bincount(np.unique(places[:, [0, 2]], axis=0)[:, 1], minlength=len(hashes))
    return (counts > most)[numbers]


def _in_many_items(found: Numbers, owners: Numbers, words: Numbers, counted: Flags, most: int) -> Flags:
    """Return which n-grams more items than so many have, unless no word of the item is left that counts."""
    if not len(found):
        return np.zeros(0, np.bool_)
    numbers, items = np.unique(found[:, 0], return_inverse=True)[1], owners[found[:, 1]]
    common = _different_values(numbers, items, int(numbers.max()) + 1)[numbers] > most
    left = counted & _words_of(found[~common], words) & ~_words_of(found[common], words)
    there = np.bincount(np.repeat(owners, words), left, int(items.max()) + 1)
    return common & (there[items] > 0)


def _words_of(entries: Numbers, words: Numbers) -> Flags:
    """Return which words of all versions some n-grams hold; `words` are those of each version."""
    changes = np.zeros(words.sum() + 1, np.int64)
    first = _bounds(words)[entries[:, 1]] + entries[:, 3]
    np.add.at(changes, first, 1)
    np.add.at(changes, first + entries[:, 2], -1)
    held: Flags = np.cumsum(changes)[:-1] > 0
    return held


def _bounds(words: Numbers) -> Numbers:
    """Return the place of the first word of each version among those of all."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(words)])


def _numbered(*columns: Numbers) -> Numbers:
    """Return the number of each row's run of rows with the same values; rows are sorted."""
    fresh = np.ones(len(columns[0]), np.bool_)
    if len(fresh):
        fresh[1:] = np.any([column[1:] != column[:-1] for column in columns], axis=0)
    numbers: Numbers = np.cumsum(fresh) - 1
    return numbers


def _first_of_each(groups: Numbers) -> Numbers:
    return np.searchsorted(groups, np.arange(groups[-1] + 1 if len(groups) else 0))


def _different_values(groups: Numbers, values: Numbers, count: int) -> Numbers:
    """Return how many different values each of so many groups has."""
    pairs = np.unique(np.stack([groups, values], axis=1), axis=0)
    counts: Numbers = np.bincount(pairs[:, 0], minlength=count)
    return counts
