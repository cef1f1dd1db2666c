"""What stands and what a run would do, with the reason: `minhash.ngram 5 → 8`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from prep.corpus.files.storage import read_json
from prep.pipeline.fingerprint import differences
from prep.pipeline.integrity.checking import complete, manifest_damage
from prep.pipeline.plan import GlobalStep, PassStep, Plan, Step
from prep.pipeline.steps import records
from prep.pipeline.steps.passes import PHASE
from prep.pipeline.steps.phases import phases
from prep.stages.stage import Phase

UPSTREAM = ("documents", "after.", "uses.", "without.")
"""Parts of an identity that are other steps' fingerprints."""


@dataclass(frozen=True)
class StepStatus:
    """How one step stands."""

    step: Step
    complete: bool
    reasons: Sequence[str]
    """Why it would run; empty where it is complete."""


def status(plan: Plan, steps_folder: str) -> list[StepStatus]:
    """Return how each step of the plan stands."""
    found: list[StepStatus] = []
    for step in plan.steps:
        folder = Path(steps_folder, step.folder)
        if complete(str(folder)):
            found.append(StepStatus(step, True, ()))
        elif folder.exists():
            found.append(StepStatus(step, False, (_progress(step, str(folder)),)))
        else:
            found.append(StepStatus(step, False, tuple(_changes(step, Path(steps_folder), found))))
    return found


def _progress(step: PassStep | GlobalStep, folder: str) -> str:
    if Path(folder, records.MANIFEST).exists():
        damages = manifest_damage(folder, thorough=False)
        return f"{len(damages)} files are damaged: {damages[0]}" if len(damages) > 1 else str(damages[0])
    steps = (Phase(PHASE, step.tasks),) if isinstance(step, PassStep) else phases(step)
    tasks = sum(phase.tasks for phase in steps)
    waiting = sum(len(records.pending(folder, phase.name, phase.tasks)) for phase in steps)
    return f"interrupted: {tasks - waiting} of {tasks} tasks are done"


def _changes(step: Step, steps: Path, before: Sequence[StepStatus]) -> list[str]:
    earlier = sorted(steps.glob(f"??-{step.title}-*/{records.IDENTITY}"), key=lambda path: path.stat().st_mtime)
    if not earlier:
        return ["never ran"]
    changes = list(differences(read_json(str(earlier[-1])), step.identity))
    own = [change for change in changes if not change.startswith(UPSTREAM)]
    if own:
        return own
    running = [item.step.title for item in before if not item.complete]
    return [f"follows {', '.join(running)}" if running else "what comes before it changed"]
