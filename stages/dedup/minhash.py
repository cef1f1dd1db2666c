"""Near deduplication: `minhash` keeps one of documents with nearly the same text."""

from collections.abc import Iterator
from typing import ClassVar

from pydantic import Field

from prep.corpus.errors import Problem
from prep.corpus.words import Splitter
from prep.stages.dedup.banding import Banding, solve
from prep.stages.dedup.deduplication import Deduplication
from prep.stages.dedup.keep import Keep
from prep.stages.dedup.taps import MinHashTap, band_column
from prep.stages.stage import CheckContext

NEAR_ENOUGH = 0.05
"""A threshold is reached where the similarity at which one pair in two matches is no further from it than this."""


class MinHash(Deduplication):
    """Keep one of the documents that share most of their word n-grams (MinHash with locality-sensitive hashing).

    The similarity of two documents is the Jaccard similarity of their sets of n-grams of words, in lower case; words
    without a letter or digit are left out. Documents of fewer words than `ngram` match only where all words are the
    same. Two documents match with probability 1 − (1 − similarity^rows)^bands; clusters are formed by transitivity,
    and one document of each stays. Of each document that goes (rule `near_duplicate`), `detail` names the one that
    stays. The defaults are FineWeb's: half of the pairs at similarity 0.68 match, 92 % at 0.8.
    """

    name: ClassVar[str] = "minhash"
    rule: ClassVar[str] = "near_duplicate"

    ngram: int = Field(5, ge=1, le=100)
    """Words in a shingle."""
    bands: int = Field(14, ge=1, le=1000)
    """Bands of the signature; one that agrees is a match."""
    rows: int = Field(8, ge=1, le=1000)
    """Hash functions per band."""
    threshold: float | None = Field(None, gt=0, lt=1)
    """In place of `bands` and `rows`: the similarity from which documents should match. They are solved for the least
    area of false positives and false negatives (by datasketch)."""
    hashes: int = Field(128, ge=2, le=4096)
    """With `threshold`: how many hash functions bands × rows may use; more make the step from no match to match
    steeper."""
    splitter: Splitter = "unicode"
    """What a word is."""
    seed: int = Field(1, ge=0)
    """Decides the hash functions."""
    keep: Keep = "longest"
    """`longest` keeps the document with the most bytes of text, since near-duplicates are often cut off or extracted
    in part; ties by the smallest id. `smallest_id` keeps the one with the smallest id, compared byte by byte. Neither
    depends on the order of the input: with it, adding or splitting a file would change which copy stays."""

    @property
    def banding(self) -> Banding:
        """Bands and rows, as given or as solved for the threshold."""
        solved = None if self.threshold is None else solve(self.threshold, self.hashes)
        return solved or Banding(self.bands, self.rows)

    def problems(self, context: CheckContext) -> Iterator[Problem]:
        """Find options that contradict each other, and a threshold that the hash functions cannot reach."""
        given = self.model_fields_set
        if self.threshold is None:
            if "hashes" in given:
                yield Problem("'hashes' has a meaning only with 'threshold'", ("hashes",), mend="take it out")
            return
        for name in ("bands", "rows"):
            if name in given:
                yield Problem(
                    f"'{name}' and 'threshold' are both given, but the threshold decides it",
                    (name,),
                    mend=f"take one of them out: the threshold makes {self.banding.bands} bands of {self.banding.rows}",
                )
        yield from self._threshold_problems(self.threshold)

    def _threshold_problems(self, threshold: float) -> Iterator[Problem]:
        solved = solve(threshold, self.hashes)
        if solved and abs(solved.half_way() - threshold) <= NEAR_ENOUGH:
            return
        yield Problem(
            f"no bands and rows of at most {self.hashes} hash functions reach this threshold",
            ("threshold",),
            expected=f"half of the pairs at this similarity to match, give or take {NEAR_ENOUGH}",
            seen=f"half of them at {solved.half_way():.2f} ({solved.bands} × {solved.rows})"
            if solved
            else "one band only",
            mend="raise 'hashes', or use 'exact' where only equal texts should match",
        )

    def identity(self) -> dict[str, object]:
        """Return the settings with bands and rows as they are used, whether given or solved."""
        settings = self.model_dump(mode="json", exclude={"threshold", "hashes"})
        return {**settings, **self.banding._asdict()}

    def tap(self) -> MinHashTap:
        """Return the tap that hashes the bands of signatures."""
        banding = self.banding
        return MinHashTap(
            ngram=self.ngram, bands=banding.bands, rows=banding.rows, splitter=self.splitter, seed=self.seed
        )

    def hash_count(self) -> int:
        """Return the number of bands."""
        return self.banding.bands

    def hash_columns(self, index: int) -> tuple[str, ...]:
        """Return the column of a band."""
        return (band_column(index),)
