"""The ledger: for every stage, documents in = kept + rejected (each under a rule) + failed (each under an error).

Where a stage repeats documents, the copies count as coming in beside them. Tasks count; their counts are added up by
stage, and the run stops where a sum does not hold or where a stage did not receive exactly what the stage before it
kept.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from prep.corpus.errors import LedgerError, RunError
from prep.corpus.files.run_folders import run_hint
from prep.corpus.files.storage import join, read_json
from prep.stages.results import Counts, Group, ThresholdCounts

LEDGER = "ledger.json"
"""Its name in the output folder."""
PUBLISHED = ("documents", "rejected", "rejected_texts", "findings", "audit")
"""Folders of the output that every run publishes; the ledger names those of artefacts."""


def add(counts: Iterable[Counts]) -> Counts:
    """Add up counts; rules and errors in alphabetical order."""
    entered = kept = repeated = 0
    rejected: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    tagged: Counter[str] = Counter()
    for item in counts:
        entered += item.entered
        kept += item.kept
        rejected.update(item.rejected)
        failed.update(item.failed)
        repeated += item.repeated
        tagged.update(item.tagged)
    by_rule, by_error, by_tag = (dict(sorted(counter.items())) for counter in (rejected, failed, tagged))
    return Counts(entered, kept, by_rule, by_error, repeated, by_tag)


def to_json(counts: Counts) -> dict[str, object]:
    """Return counts as the ledger's file and the task records hold them."""
    value = {
        "in": counts.entered,
        "kept": counts.kept,
        "rejected": dict(counts.rejected),
        "failed": dict(counts.failed),
    }
    repeated = {"repeated": counts.repeated} if counts.repeated else {}
    return {**value, **repeated, **({"tagged": dict(counts.tagged)} if counts.tagged else {})}


def from_json(value: Mapping[str, object]) -> Counts:
    """Read counts back."""
    repeated, tagged = value.get("repeated", 0), value.get("tagged", {})
    return Counts(value["in"], value["kept"], value["rejected"], value["failed"], repeated, tagged)  # type: ignore[arg-type]


@dataclass(frozen=True)
class PassCounts:
    """How many documents a pass read and wrote, as it met them in files."""

    title: str
    before: int
    """The position of the last stage before it, −1 for the first pass."""
    last: int
    """The position of the last stage whose documents it writes."""
    read: int
    written: int


@dataclass(frozen=True)
class Truncation:
    """An input that breaks off."""

    record: str
    """The id of the record at which it does: the file, and the place in it."""
    missing_bytes: int | None
    """How much content is announced and not there; None where it cannot be known."""
    detail: str
    """What was seen."""

    def __str__(self) -> str:
        known = self.missing_bytes is not None
        much = f"{self.missing_bytes:,} bytes are missing" if known else "how much is missing cannot be known"
        return f"{self.record}: {much} ({self.detail})" if self.detail else f"{self.record}: {much}"


@dataclass(frozen=True)
class Ledger:
    """What happened to the documents, stage by stage."""

    names: Sequence[str]
    counts: Sequence[Counts]
    truncated: Sequence[Truncation] = field(default=())
    """The input files that break off."""
    passes: Sequence[PassCounts] = field(default=())
    """Of the run itself; not read back from `ledger.json`."""
    groups: Sequence[Sequence[Group]] = field(default=())
    """Of each stage, its documents by source and language; they stand in `funnel.json`, not in `ledger.json` (see
    `prep.pipeline.results.funnel`)."""
    tried: Sequence[Sequence[ThresholdCounts]] = field(default=())
    """Of each stage, what it would keep with other thresholds; in `funnel.json` too."""

    def verify(self) -> None:
        """Raise LedgerError where a document is not accounted for."""
        for position, (name, item) in enumerate(zip(self.names, self.counts, strict=True)):
            lost = sum(item.rejected.values()) + sum(item.failed.values())
            if item.entered + item.repeated != item.kept + lost:
                copies = f" and {item.repeated} copies" if item.repeated else ""
                raise LedgerError(
                    f"stage {position + 1} ({name}): {item.entered} documents in{copies}, but {item.kept} kept + "
                    f"{lost} lost; this is a defect of the stage, and nothing after it can be trusted"
                )
            if position and item.entered != self.counts[position - 1].kept:
                raise LedgerError(
                    f"stage {position + 1} ({name}): {item.entered} documents in, but stage {position} "
                    f"({self.names[position - 1]}) kept {self.counts[position - 1].kept}"
                )
        for step in self.passes:
            came = self.counts[0].entered if step.before < 0 else self.counts[step.before].kept
            if (step.read, step.written) != (came, self.counts[step.last].kept):
                raise LedgerError(
                    f"step {step.title}: {step.read} documents read and {step.written} written, but stages counted "
                    f"{came} and {self.counts[step.last].kept}"
                )

    def as_json(self) -> dict[str, object]:
        """Return the ledger as `ledger.json` holds it."""
        stages = [{"name": name, **to_json(item)} for name, item in zip(self.names, self.counts, strict=True)]
        passes = [{"step": step.title, "read": step.read, "written": step.written} for step in self.passes]
        return {"stages": stages, "passes": passes, "truncated": list(map(asdict, self.truncated))}


def read_ledger(output: str) -> Ledger:
    """Read the ledger of a run from its output folder. Raises RunError where there is none, or it is damaged."""
    path = join(output, LEDGER)
    try:
        value: dict[str, Any] = dict(read_json(path))
    except FileNotFoundError as error:
        hint = run_hint(output).removeprefix(";")
        raise RunError(f"{path}: not found; is {output} the output of a run that has ended?{hint}") from error
    try:
        names = [stage["name"] for stage in value["stages"]]
        truncated = [Truncation(**item) for item in value["truncated"]]
        return Ledger(names, [from_json(stage) for stage in value["stages"]], truncated)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        detail = f"{type(error).__name__}: {error}"
        raise RunError(f"{path} is no ledger of this version ({detail}); run again, which writes it anew") from error
