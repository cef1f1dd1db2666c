"""What was asked to be removed from a run before: read from the report that each removal leaves.

A report holds the entries of the lists and the ids of the documents that went, no URL or text of a document. A document
that is asked for later is found to have been removed where an entry covers it.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from prep.corpus.files.storage import read_json
from prep.stages.shared.targets import KINDS, Targets

REPORT = "removed.json"


class Removed(NamedTuple):
    """Something that is asked for and was removed before."""

    asked: str
    kind: str
    """Of the entry that covers it: one of `KINDS`."""
    entry: str


def earlier_removals(run: str) -> Sequence[Mapping[str, Any]]:
    """Return the reports of the removals that led to a run's folder, the first one first."""
    if not Path(run, REPORT).exists():
        return []
    removals: Sequence[Mapping[str, Any]] = read_json(f"{run}/{REPORT}")["removals"]  # type: ignore[assignment]
    return removals


def find_removed(run: str, targets: Targets) -> Iterator[Removed]:
    """Yield the entries of targets that an earlier removal covers."""
    asked = [(entry, entry, "") for entry in sorted(targets.ids)]
    asked += [(entry, "", entry) for entry in targets.urls]
    asked += [(entry, "", f"//{entry}/") for entry in sorted(targets.domains | targets.hosts)]
    batch = pa.record_batch(
        {
            "id": pa.array([id_ for _, id_, _ in asked], pa.string()),
            "url": pa.array([url or None for *_, url in asked], pa.string()),
        }
    )
    for report in earlier_removals(run):
        requests = report["requests"]
        match = Targets.of({**requests, "ids": [*requests.get("ids", ()), *report["ids"]]}).match(batch)
        for (entry, *_), kind, found in zip(asked, match.kind.tolist(), match.entry, strict=True):
            if found is not None:
                yield Removed(entry, KINDS[kind], found)
