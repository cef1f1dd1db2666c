"""Thins and repeats documents by score, language and source."""

from collections.abc import Iterator, Mapping
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from prep.corpus.errors import Problem
from prep.stages.sampling.chance import chances
from prep.stages.settings import Settings
from prep.stages.shared.language_names import language_hint
from prep.stages.shared.languages import is_known, related_codes
from prep.stages.stage import CheckContext, RowFunction, RowStage
from prep.stages.verdicts import Outcome, Verdicts

NAMED = r"^[a-z][a-z0-9_]*$"


class Bucket(Settings):
    """Documents that are treated alike: those that all of its conditions hold for."""

    name: str = Field("thinned", pattern=NAMED)
    """The rule under which documents that are thinned out are counted."""
    at_least: float | None = None
    """Smallest score."""
    below: float | None = None
    """Scores from this on are not in the bucket."""
    language: str | tuple[str, ...] = ()
    """Languages, by the column `language`, each by any code that means it; empty: all."""
    source: str | tuple[str, ...] = ()
    """Sources, by the column `source`; empty: all."""
    weight: float = Field(ge=0, le=100)
    """How often each document comes on average: 0.3 keeps three in ten, 2.5 gives two or three copies of each."""

    def contains(self, scores: npt.NDArray[np.float64], columns: Mapping[str, pa.Array]) -> npt.NDArray[np.bool_]:
        """Return which rows are in the bucket; a row without a score is in none that asks for one."""
        inside = np.ones(len(scores), np.bool_)
        if self.at_least is not None:
            inside &= scores >= self.at_least
        if self.below is not None:
            inside &= scores < self.below
        for name, wanted in self.conditions().items():
            there = wanted if name != "language" else _codes_of(columns[name], wanted)
            inside &= pc.is_in(columns[name], pa.array(there, pa.string())).to_numpy(zero_copy_only=False)
        return inside

    def conditions(self) -> Mapping[str, tuple[str, ...]]:
        """Return the values asked for, by column."""
        asked = {"language": self.language, "source": self.source}
        values = {name: (value,) if isinstance(value, str) else value for name, value in asked.items()}
        return {name: value for name, value in values.items() if value}

    @property
    def asks_for_score(self) -> bool:
        """Whether the bucket looks at the score."""
        return self.at_least is not None or self.below is not None


def _codes_of(column: pa.Array, wanted: tuple[str, ...]) -> list[str]:
    """Return the codes in a column that mean a language wanted."""
    codes = [code for code in pc.unique(column).to_pylist() if code]
    return [code for code in codes if any(related in wanted for related in related_codes(code))]


class Sample(RowStage):
    """Thin or repeat documents by their score, language and source.

    The first bucket that a document is in decides its weight; one that is in none stays as it is. A document comes as
    often as its weight says on average: floor(weight + u) times, where u is between 0 and 1 and follows from a hash of
    its id and the seed. Thinned-out documents are rejected under the bucket's name, with the score as `value`; copies
    have ids that end in `~2`, `~3` and so on, and the ledger counts them as repeated.
    """

    version: ClassVar[int] = 2
    example: ClassVar[str] = "- sample: {buckets: [{at_least: 0.8, weight: 2}, {below: 0.2, weight: 0.1}]}"
    name: ClassVar[str] = "sample"
    does: ClassVar[str] = "sampling"
    columns: ClassVar[tuple[str, ...]] = ("id",)

    score: str = "classifier_score"
    """The column of numbers that buckets look at."""
    buckets: tuple[Bucket, ...] = Field(min_length=1)
    """Buckets, in the order in which they are tried."""
    seed: int = Field(1, ge=0)
    """Decides which documents are thinned out."""

    def problems(self, context: CheckContext) -> Iterator[Problem]:
        """Find columns that buckets ask for and nobody makes, and buckets that nothing can be in."""
        names = context.schema.names
        for index, bucket in enumerate(self.buckets):
            place = ("buckets", index)
            needed = [*bucket.conditions(), *([self.score] if bucket.asks_for_score else [])]
            for code in bucket.conditions().get("language", ()):
                if not is_known(code):
                    expected, hint = "a code of ISO 639, such as de", language_hint(code)
                    yield Problem(f"{code!r} is no language", (*place, "language"), expected, hint=hint)
            for name in needed:
                if name not in names:
                    yield Problem(f"no earlier stage makes a column {name!r}", place, "one of " + ", ".join(names))
            if bucket.at_least is not None and bucket.below is not None and bucket.at_least >= bucket.below:
                yield Problem("no score is in this bucket", place, "at_least smaller than below")
        asked = any(bucket.asks_for_score for bucket in self.buckets)
        if asked and self.score in names:
            kind = context.schema.field(self.score).type
            if not (pa.types.is_floating(kind) or pa.types.is_integer(kind)):
                yield Problem(f"column {self.score!r} is no score", ("score",), "numbers", str(kind))

    def open(self) -> RowFunction:
        """Return the function over batches."""
        rules = [bucket.name for bucket in self.buckets]

        def sample(batch: pa.RecordBatch) -> Outcome:
            rows = batch.num_rows
            scores = np.full(rows, np.nan)
            if self.score in batch.schema.names:
                scores = batch.column(self.score).cast(pa.float64()).to_numpy(zero_copy_only=False)
            columns = {name: batch.column(name) for name in ("language", "source") if name in batch.schema.names}
            weights, of_row = np.ones(rows), np.full(rows, -1)
            for index, bucket in reversed(list(enumerate(self.buckets))):
                inside = bucket.contains(scores, columns)
                weights[inside], of_row[inside] = bucket.weight, index
            copies = np.floor(weights + chances(batch.column("id"), self.seed)).astype(np.int64)
            gone = copies == 0
            rule = Verdicts.from_codes(np.where(gone, of_row, -1), rules).rule
            values = pa.array(scores, pa.float64(), mask=~gone | np.isnan(scores))
            return Outcome(batch, Verdicts(rule, value=values, copies=np.maximum(copies, 1)))

        return sample
