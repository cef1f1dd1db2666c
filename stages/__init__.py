"""What a stage of one's own is written with; the rest of `prep.stages` may move.

    from prep.stages import Outcome, RowStage, Verdicts

Names are imported when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prep.corpus.errors import Problem
    from prep.stages.stage import (
        CheckContext,
        GlobalStage,
        InputFile,
        Outcome,
        Partition,
        PartVerdicts,
        Phase,
        RowFunction,
        RowStage,
        Settings,
        SourceStage,
        Stage,
        Tap,
        Verdicts,
        Watch,
    )

_MODULES = {
    "prep.corpus.errors": ("Problem",),
    "prep.stages.stage": (
        "CheckContext",
        "GlobalStage",
        "InputFile",
        "Outcome",
        "PartVerdicts",
        "Partition",
        "Phase",
        "RowFunction",
        "RowStage",
        "Settings",
        "SourceStage",
        "Stage",
        "Tap",
        "Verdicts",
        "Watch",
    ),
}
_PLACES = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "CheckContext",
    "GlobalStage",
    "InputFile",
    "Outcome",
    "PartVerdicts",
    "Partition",
    "Phase",
    "Problem",
    "RowFunction",
    "RowStage",
    "Settings",
    "SourceStage",
    "Stage",
    "Tap",
    "Verdicts",
    "Watch",
]


def __getattr__(name: str) -> object:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
