"""The funnel by source, language and rule, in documents and bytes: `funnel.json` in the output folder.

    {"stages": [{"name": "extract", "groups": [{"source": "web", "language": null, "in": 900, "bytes": 70123456,
                                                "lost": {"no_text": 3}, "lost_bytes": {"no_text": 4096}}, …],
                 "thresholds": []}, …]}

Bytes are those of texts, and of pages before there is text, as the stage received them. A stage that looks at no
document by itself, such as `tokenizer`, has no groups. `thresholds` holds, for each threshold of a stage such as
`language`, how many documents it would keep with other values (`ThresholdCounts`).
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

from prep.corpus.errors import RunError
from prep.corpus.files.storage import join, read_json
from prep.pipeline.results.ledger import Ledger
from prep.pipeline.steps.trials import counts_from_json
from prep.stages.results import Group, ThresholdCounts

FUNNEL = "funnel.json"


class StageGroups(NamedTuple):
    """What a stage did to the documents of each source and language."""

    name: str
    groups: Sequence[Group]
    thresholds: Sequence[ThresholdCounts] = ()
    """What it would keep with other thresholds."""

    @property
    def bytes(self) -> int:
        """Bytes that entered."""
        return sum(group.bytes for group in self.groups)

    @property
    def lost_bytes(self) -> int:
        """Bytes that were lost."""
        return sum(sum(group.lost_bytes.values()) for group in self.groups)


def funnel_as_json(ledger: Ledger) -> dict[str, object]:
    """Return what `funnel.json` holds."""
    none: list[Sequence[Any]] = [()] * len(ledger.names)
    stages = zip(ledger.names, ledger.groups or none, ledger.tried or none, strict=True)
    return {
        "stages": [
            {"name": name, "groups": list(map(_to_json, groups)), "thresholds": list(map(asdict, tried))}
            for name, groups, tried in stages
        ]
    }


def read_funnel(output: str) -> list[StageGroups]:
    """Read the funnel of a run; empty where it has none. Raises RunError where it is damaged."""
    path = join(output, FUNNEL)
    try:
        value: dict[str, Any] = dict(read_json(path))
        return list(map(_stage_from_json, value["stages"]))
    except FileNotFoundError:
        return []
    except (KeyError, TypeError, AttributeError) as error:
        raise RunError(f"{path} is no funnel of this version ({type(error).__name__}: {error}); run again") from error


def _stage_from_json(value: dict[str, Any]) -> StageGroups:
    groups, thresholds = map(_from_json, value["groups"]), map(counts_from_json, value["thresholds"])
    return StageGroups(value["name"], list(groups), list(thresholds))


def _to_json(group: Group) -> dict[str, object]:
    return {
        "source": group.source,
        "language": group.language,
        "in": group.entered,
        "bytes": group.bytes,
        "lost": dict(group.lost),
        "lost_bytes": dict(group.lost_bytes),
    }


def _from_json(value: dict[str, Any]) -> Group:
    return Group(value["source"], value["language"], value["in"], value["lost"], value["bytes"], value["lost_bytes"])
