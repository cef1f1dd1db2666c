"""Exact deduplication: `exact` keeps one of documents with the same text."""

from typing import ClassVar

from prep.stages.dedup.deduplication import Deduplication
from prep.stages.dedup.taps import TEXT_HASH, ExactTap, Normalisation
from prep.stages.shared.matching.keep import Keep


class Exact(Deduplication):
    """Keep one of the documents that have the same text once it is normalised.

    The texts' 128-bit hashes are compared. Empty documents are the same. Of each document that goes (rule
    `exact_duplicate`), `detail` names the one that stays. The columns `exact_cluster` (the id of the one that stays,
    null for a document alone) and `exact_cluster_size` stay with the documents.
    """

    example: ClassVar[str] = "- exact"
    name: ClassVar[str] = "exact"
    does: ClassVar[str] = "finding exact duplicates"
    rule: ClassVar[str] = "exact_duplicate"

    normalise: Normalisation = "case_and_space"
    """`none` compares the bytes. `case_and_space` first maps each code point to its lower case where that is a single
    code point, makes one space of every run of white space (what `str.isspace` says), and cuts white space off both
    ends."""
    keep: Keep = "smallest_id"
    """`smallest_id` keeps the document with the smallest id, compared byte by byte; `longest` the one with the most
    bytes of text; `earliest` and `newest` look at `date`; `best` keeps the one with the greatest number in the column
    `score`; `source` the one whose `source` comes first in `sources`. Ties go to the smallest id; documents without a
    value come last. No policy depends on the order of the input."""

    def tap(self) -> ExactTap:
        """Return the tap that hashes texts."""
        return ExactTap(normalise=self.normalise)

    def hash_count(self) -> int:
        """Return one."""
        return 1

    def hash_columns(self, index: int) -> tuple[str, ...]:
        """Return the two halves of the hash."""
        return TEXT_HASH
