"""The funnel by source, language and rule, in documents and bytes: `funnel.json` in the output folder.

    {"stages": [{"name": "extract", "groups": [{"source": "web", "language": null, "in": 900, "bytes": 70123456,
                                                "lost": {"no_text": 3}, "lost_bytes": {"no_text": 4096}}, …]}, …]}

Bytes are those of texts, and of pages before there is text, as the stage received them. A stage that looks at no
document by itself, such as `tokenizer`, has no groups.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from prep.corpus.errors import RunError
from prep.corpus.files.storage import join, read_json
from prep.pipeline.steps.ledger import Ledger
from prep.stages.results import Group

FUNNEL = "funnel.json"


class StageGroups(NamedTuple):
    """What a stage did to the documents of each source and language."""

    name: str
    groups: Sequence[Group]

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
    groups = ledger.groups or [()] * len(ledger.names)
    stages = zip(ledger.names, groups, strict=True)
    return {"stages": [{"name": name, "groups": list(map(_to_json, each))} for name, each in stages]}


def read_funnel(output: str) -> list[StageGroups]:
    """Read the funnel of a run; empty where it has none. Raises RunError where it is damaged."""
    path = join(output, FUNNEL)
    try:
        value: dict[str, Any] = dict(read_json(path))
        return [StageGroups(stage["name"], list(map(_from_json, stage["groups"]))) for stage in value["stages"]]
    except FileNotFoundError:
        return []
    except (KeyError, TypeError, AttributeError) as error:
        raise RunError(f"{path} is no funnel of this version ({type(error).__name__}: {error}); run again") from error


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
