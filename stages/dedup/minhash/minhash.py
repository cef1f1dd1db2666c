"""Near deduplication: `minhash` keeps one of documents with nearly the same text."""

from collections.abc import Iterator
from typing import ClassVar, Literal

from pydantic import Field

from prep.corpus.errors import Problem
from prep.corpus.text.words import Splitter
from prep.stages.dedup.audit import Judge
from prep.stages.dedup.deduplication import Deduplication
from prep.stages.dedup.minhash.assignment import Verification
from prep.stages.dedup.minhash.banding import Banding, solve
from prep.stages.dedup.minhash.minhash_kernels import Shingling
from prep.stages.dedup.taps import MinHashTap, Shingles, band_column
from prep.stages.shared.matching.keep import Keep
from prep.stages.shared.matching.sketch_kernels import SKETCH_WORDS
from prep.stages.stage import CheckContext

CURVE = tuple(step / 20 for step in range(10, 20))
"""Similarities at which the probability of a match is shown."""
LEAST = 0.8
"""Similarity at which a document goes where nothing else is said."""
NEAR_ENOUGH = 0.05
"""A threshold is reached where the similarity at which one pair in two matches is no further from it than this."""


class MinHash(Deduplication):
    """Keep one of the documents that share most of their n-grams (MinHash with locality-sensitive hashing).

    The similarity of two documents is the Jaccard similarity of their sets of n-grams: of words in lower case, those
    without a letter or digit left out, or of characters in lower case, runs of white space as one. Documents of fewer
    words or characters than `ngram` match only where all are the same. Other normal forms of Unicode are other texts;
    `repair` makes them one. Two documents match with probability
    1 − (1 − similarity^rows)^bands; of those that do, a document goes only in favour of a kept one to which its
    similarity is `verify` or more. Of each document that goes (rule `near_duplicate`), `detail` names the one that
    stays and `value` is their similarity. The columns `minhash_cluster` (the id of the one that stays, null for a
    document alone) and `minhash_cluster_size` stay with the documents. Bands and rows are FineWeb's: half of the pairs
    at similarity 0.68 match, 92 % at 0.8.
    """

    example: ClassVar[str] = "- minhash: {ngram: 5, bands: 14, rows: 8}"
    name: ClassVar[str] = "minhash"
    does: ClassVar[str] = "finding near-duplicates"
    rule: ClassVar[str] = "near_duplicate"

    shingles: Shingles = "words"
    """What an n-gram is made of: `words` or `characters` (code points; for scripts without blanks)."""
    ngram: int = Field(5, ge=1, le=100)
    """Words or characters in a shingle."""
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
    clusters: Literal["verified", "transitive"] = "verified"
    """`verified`: a document goes only in favour of a kept document that it resembles itself, at least as much as
    `verify` says. `transitive`: whatever is connected by matches is a cluster, of which one document stays, as FineWeb
    and most others do it; pages of one template then link thousands that have little in common."""
    verify: float | None = Field(None, gt=0, le=1)
    """The least similarity at which a document goes; null is `threshold` where that is given, and 0.8 else. With
    transitive clusters, matches that are less similar join nothing; null trusts the bands."""
    verify_by: Literal["signature", "text"] = "signature"
    """What that similarity is taken from. `signature` estimates it (give or take 0.02 at 0.8); `text` reads the
    documents in question again and finds it exactly."""
    keep: Keep = "longest"
    """`longest` keeps the document with the most bytes of text, since near-duplicates are often cut off or extracted
    in part. `smallest_id` keeps the one with the smallest id, compared byte by byte; `newest` the one with the latest
    `date`; `best` the one with the greatest number in the column `score`; `source` the one whose `source` comes first
    in `sources`. `earliest` keeps the one with the first `date`, and a document is compared only with those before it
    that share a band with it, so that what is kept does not depend on documents that come later. Ties go to the
    smallest id; documents without a value come last. No policy depends on the order of the input."""

    @property
    def banding(self) -> Banding:
        """Bands and rows, as given or as solved for the threshold."""
        solved = None if self.threshold is None else solve(self.threshold, self.hashes)
        return solved or Banding(self.bands, self.rows)

    def problems(self, context: CheckContext) -> Iterator[Problem]:
        """Find options that contradict each other, and a threshold that the hash functions cannot reach."""
        yield from super().problems(context)
        yield from self._verify_problems()
        given = self.model_fields_set
        if self.threshold is None:
            if "hashes" in given:
                yield Problem("'hashes' has a meaning only with 'threshold'", ("hashes",), hint="take it out")
            return
        for name in ("bands", "rows"):
            if name in given:
                yield Problem(
                    f"'{name}' and 'threshold' are both given, but the threshold decides it",
                    (name,),
                    hint=f"take one of them out: the threshold makes {self.banding.bands} bands of {self.banding.rows}",
                )
        yield from self._threshold_problems(self.threshold)

    def _verify_problems(self) -> Iterator[Problem]:
        if "verify_by" in self.model_fields_set and self.least_similarity() is None:
            yield Problem("transitive clusters trust the bands without 'verify'", ("verify_by",), hint="add 'verify'")
        if self.verify_by == "text" and self.index is not None:
            yield Problem("an index keeps no texts to verify by", ("verify_by",), "signature", "text")

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
            hint="raise 'hashes', or use 'exact' where only equal texts should match",
        )

    def remarks(self, context: CheckContext) -> Iterator[str]:
        """Show the probability of a match by similarity, and what disk the stage will take."""
        banding = self.banding
        yield (
            f"{banding.bands} bands of {banding.rows} rows: half of the pairs match at similarity "
            f"{banding.half_way():.2f}"
        )
        yield "similarity" + "".join(f"{similarity:6.2f}" for similarity in CURVE)
        yield "matches   " + "".join(f"{banding.match_probability(similarity):6.2f}" for similarity in CURVE)
        yield from super().remarks(context)

    def sketch_bytes(self) -> int:
        """Return the bytes of a sketch and of the hash of the shingles."""
        return 8 * (SKETCH_WORDS + 1)

    def identity(self) -> dict[str, object]:
        """Return the settings with bands and rows as they are used, whether given or solved."""
        settings = {name: value for name, value in super().identity().items() if name not in ("threshold", "hashes")}
        return {**settings, "verify": self.least_similarity(), **self.banding._asdict()}

    def tap(self) -> MinHashTap:
        """Return the tap that hashes the bands of signatures."""
        banding = self.banding
        return MinHashTap(
            shingles=self.shingles,
            ngram=self.ngram,
            bands=banding.bands,
            rows=banding.rows,
            splitter=self.splitter,
            seed=self.seed,
        )

    def hash_count(self) -> int:
        """Return the number of bands."""
        return self.banding.bands

    def hash_columns(self, index: int) -> tuple[str, ...]:
        """Return the column of a band."""
        return (band_column(index),)

    def least_similarity(self) -> float | None:
        """Return what matches are verified against."""
        if self.verify is None and self.clusters == "verified":
            return self.threshold or LEAST
        return self.verify

    def reads_texts(self) -> bool:
        """Return whether matches are verified by the texts."""
        return self.least_similarity() is not None and self.verify_by == "text"

    def shingling(self) -> Shingling:
        """Return how texts are cut, as in the tap."""
        return self.tap().shingling()

    def judge(self) -> Judge:
        """Return the similarity from which documents should match, and the probability that they do."""
        banding = self.banding
        least = self.least_similarity() or self.threshold or banding.half_way()
        return Judge(least, banding.match_probability)

    def verification(self) -> Verification | None:
        """Return how similar a document must be to the one kept in its place; None for transitive clusters."""
        least = self.least_similarity()
        if self.clusters == "transitive" or least is None:
            return None
        return Verification(least, self.verify_by == "text")
