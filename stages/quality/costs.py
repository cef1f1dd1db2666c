"""What rules cost, as `audit/costs.json` in the output of the stage `quality` holds it (`stages.quality.account`)."""

from pathlib import Path
from typing import Literal

from prep.stages.settings import Settings

FILE = "audit/costs.json"


class Amount(Settings):
    """So many documents and bytes of text."""

    documents: int = 0
    bytes: int = 0


class Group(Settings):
    """The documents of one language and source."""

    language: str | None
    source: str | None
    entered: Amount
    kept: Amount


class Share(Settings):
    """What a rule rejects."""

    all: Amount
    """Documents that break the rule."""
    alone: Amount
    """Documents that break no other: they would come back if the rule were taken out."""
    first: Amount
    """Documents that break no rule before it: those that the ledger names it for."""


class GroupShare(Share):
    """What a rule rejects of one language and source."""

    language: str | None
    source: str | None


class Sample(Settings):
    """A document near a rule's threshold, whose fate hangs on this rule alone."""

    distance: float
    id: str
    language: str | None
    source: str | None
    value: float
    threshold: float


class KeptAt(Settings):
    """What the stage would keep if one rule had another threshold, the same for all languages."""

    threshold: float
    documents: int
    languages: dict[str, int]
    """Documents kept, by language."""


class RuleCost(Share):
    """What one rule costs."""

    name: str
    signal: str
    bound: Literal["min", "max"]
    threshold: float | None
    languages: dict[str, float | None]
    follows: str
    groups: tuple[GroupShare, ...]
    rejected: tuple[Sample, ...]
    """Samples that it rejects, the nearest first."""
    passed: tuple[Sample, ...]
    """Samples that it lets pass, the nearest first."""
    kept_at: tuple[KeptAt, ...] = ()
    """By threshold, rising; empty for a rule without a threshold of its own."""
    seen: tuple[int, ...] = ()
    """All documents by the rule's signal: below the first of the thresholds of `kept_at`, from each of them to the
    next, and from the last; documents without the signal are not among them."""


class Costs(Settings):
    """What the rules of one stage cost."""

    entered: Amount
    kept: Amount
    groups: tuple[Group, ...]
    rules: tuple[RuleCost, ...]
    """In the order in which they are applied."""


def read_costs(path: str | Path) -> Costs:
    """Return what the rules of a complete stage cost, from the file."""
    return Costs.model_validate_json(Path(path).read_bytes())
