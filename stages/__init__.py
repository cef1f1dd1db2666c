"""What a stage of one's own is written with; the rest of `prep.stages` may move.

    from prep.stages import Outcome, RowStage, Verdicts

Names are imported when they are first used.
"""

from typing import TYPE_CHECKING

from prep.corpus.lazy_names import lazy_names

if TYPE_CHECKING:
    from prep.corpus.errors import Problem
    from prep.stages.settings import Settings
    from prep.stages.stage import (
        CheckContext,
        GlobalStage,
        InputFile,
        Partition,
        Phase,
        RowFunction,
        RowStage,
        SourceStage,
        Stage,
        Tap,
        Watch,
    )
    from prep.stages.verdicts import Outcome, PartVerdicts, Verdicts

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

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "prep.corpus.errors": "Problem",
        "prep.stages.settings": "Settings",
        "prep.stages.stage": (
            "CheckContext GlobalStage InputFile Partition Phase RowFunction RowStage SourceStage Stage Tap Watch"
        ),
        "prep.stages.verdicts": "Outcome PartVerdicts Verdicts",
    },
)
