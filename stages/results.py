"""What a stage did to the documents, and warnings: what somebody should look at before the corpus is used."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field


class Thresholds(BaseModel):
    """From where on something is a warning. None of it changes the documents."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rejected_share: float = Field(0.3, ge=0, le=1)
    """A rule that takes a larger share of the documents of a source or language."""
    failed_share: float = Field(0.01, ge=0, le=1)
    """A larger share of documents on which a stage breaks."""
    least_documents: int = Field(10, ge=1)
    """Sources and languages of fewer documents are not looked at by shares."""
    undecoded_share: float = Field(0.01, ge=0, le=1)
    """A larger share of the documents of a source whose text holds U+FFFD, which stands for bytes that are no text."""
    validation_rows: int = Field(100, ge=0)
    """A validation split of fewer rows."""


@dataclass(frozen=True)
class Counts:
    """What happened to documents in one stage. `entered` + `repeated` = `kept` + all rejected + all failed."""

    entered: int = 0
    kept: int = 0
    rejected: Mapping[str, int] = field(default_factory=dict)
    failed: Mapping[str, int] = field(default_factory=dict)
    repeated: int = 0
    """Copies made of documents, beside the documents themselves."""
    tagged: Mapping[str, int] = field(default_factory=dict)
    """Documents kept of which something was noted, such as a rule with `action: tag`, by what it is."""


@dataclass(frozen=True)
class Group:
    """What a stage did to the documents of one source and language."""

    source: str | None
    """None where documents have no such column, or no value in it."""
    language: str | None
    """As it was known before the stage."""
    entered: int
    lost: Mapping[str, int]
    """Documents lost, by rule or error."""
    bytes: int = 0
    """UTF-8 bytes of the texts that entered, or of the pages where there is no text yet."""
    lost_bytes: Mapping[str, int] = field(default_factory=dict)
    """Of these, what was lost, by rule or error."""


@dataclass(frozen=True)
class Threshold:
    """A threshold on a number that a row stage leaves in a column: documents beyond it break a rule.

    A document without the number keeps or breaks the rule whatever the threshold is.
    """

    rule: str
    column: str
    bound: Literal["min", "max"]
    value: float
    option: str
    """The stage's option that sets it."""
    tried: tuple[float, ...]
    """Values for which it is counted what the stage would keep, rising, `value` among them."""


@dataclass(frozen=True)
class ThresholdCounts:
    """What a stage would keep if one of its thresholds had another value, the same for all documents."""

    threshold: Threshold
    seen: Sequence[int]
    """All documents with the number: below the first value tried, from each value to the next, and from the last."""
    kept: Mapping[str, Sequence[int]]
    """Documents kept, by language (empty: none is known) and for each value tried."""


def tried_around(value: float, values: Iterable[float]) -> tuple[float, ...]:
    """Return values to try for a threshold, its own among them, rising."""
    return tuple(sorted({value, *(round(each, 6) for each in values)}))


TRIED_SHARES = tuple(step / 20 for step in range(21))
"""Values to try for a threshold between 0 and 1."""


@dataclass(frozen=True)
class Results:
    """What a complete stage did; `warnings` of a stage looks at it."""

    counts: Counts
    groups: Sequence[Group]
    left: Sequence[Group]
    """The documents that a row stage or source keeps, by what their labels are after it; nothing is lost in these."""
    output: str
    """A Global stage's output folder; of other stages, empty."""
    findings: Sequence[str]
    """The Parquet files of a row stage's findings."""
    parts: Sequence[str]
    """The Parquet parts that a row stage's documents were written to, after the stages behind it."""
    thresholds: Thresholds
    undecoded: Sequence[Group] = ()
    """Those of `left` whose text holds U+FFFD, where the stage makes the text."""

    def extremes(self, column: str) -> tuple[float, float] | None:
        """Return the smallest and the largest number of a column by the parts' statistics; None without any."""
        found: list[float] = []
        for path in self.parts:
            file = pq.read_metadata(path)
            if column not in file.schema.names:
                continue
            index = file.schema.names.index(column)
            for group in range(file.num_row_groups):
                statistics = file.row_group(group).column(index).statistics
                if statistics is not None and statistics.has_min_max:
                    found += [statistics.min, statistics.max]
        return (min(found), max(found)) if found else None


@dataclass(frozen=True)
class RunWarning:
    """Something that the run did as its settings say, and that may ruin the corpus all the same."""

    name: str
    """The kind, such as `rejected_share`."""
    message: str
    """What was seen, in one sentence, with figures."""
    command: str
    """The command that shows the documents; `{pipeline}` and `{output}` stand for the run's own."""
