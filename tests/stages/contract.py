"""Running the tasks of Global stages as the engine does: their verdicts settled and counted."""

from prep.pipeline.steps import settling
from prep.stages.results import Counts
from prep.stages.stage import GlobalStage
from prep.stages.upstream import GlobalContext


def run_task(stage: GlobalStage, phase: str, task: int, context: GlobalContext) -> Counts | None:
    account = settling.run_task(stage, phase, task, context)
    return None if account is None else account.counts()[0]
